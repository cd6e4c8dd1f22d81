"""Real commands over the wire format: YAML, boto3, the embedded sandbox, journals and exit codes.

What is live is judged by what stands in the tables of the sandbox.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import botocore.endpoint

from identity_reconciler.cli import turns
from identity_reconciler.cli.applying import apply_directory, apply_saved
from identity_reconciler.cli.connection import WORKSPACE, Target, connected_for
from identity_reconciler.cli.execution import Course
from identity_reconciler.cli.loading import load_all
from identity_reconciler.cli.options import Color
from identity_reconciler.cli.turns import generation_before
from identity_reconciler.core.lease import lock_of
from identity_reconciler.core.plan import Plan
from identity_reconciler.errors import ExitCode, ReconcilerError
from identity_reconciler.render.document import GuardDocument
from identity_reconciler.render.planfile import plan_bytes
from identity_reconciler.render.words import blocked
from identity_reconciler.runs.planning import PlanTerms, make_plan
from identity_reconciler.runs.saved import SavedPlan
from identity_reconciler.sandbox import Sandbox
from tests.simulation.declaring import yaml
from tests.simulation.found import Found, story
from tests.simulation.oracle import Fact, Intent, Store, differences, intended, told
from tests.simulation.promise import Promise
from tests.simulation.sandboxed import Chance, Clock, Sandboxed, sandboxed
from tests.simulation.worlds import draw

_NOT_WRITTEN = frozenset(
    {
        ExitCode.UNEXPECTED,
        ExitCode.INVALID_INPUT,
        ExitCode.GUARD,
        ExitCode.STALE_PLAN,
        ExitCode.LOCKED,
    }
)
"""Exit codes that say that AWS was not written to."""


@cache
def _workplace() -> Path:
    """Return a directory of this process, in memory if there is such a thing."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    path = tempfile.mkdtemp(prefix="simulation-", dir=memory if memory.is_dir() else None)
    return Path(path)


def write_state(state: Path, intent: Intent) -> Path:
    """Write *intent* as YAML into the directory *state*, and return that."""
    state.mkdir(exist_ok=True)
    for name, text in yaml(intent).items():
        (state / name).write_text(text, encoding="utf-8")
    return state


@contextmanager
def workplace(intent: Intent) -> Iterator[Path]:
    """Yield a directory with *intent* as YAML, which is the working directory meanwhile."""
    here, before = _workplace(), Path.cwd()
    state = write_state(here / "state", intent)
    os.chdir(here)
    try:
        yield state
    finally:
        os.chdir(before)
        shutil.rmtree(here, ignore_errors=True)
        _workplace.cache_clear()


@contextmanager
def simulated_time(clock: Clock) -> Iterator[None]:
    """Let nobody wait in the SDK or for a lease: neither takes a clock."""
    sdk: Any = botocore.endpoint
    taking: Any = turns
    kept = sdk.time, taking.time, taking.datetime
    sdk.time = taking.time = SimpleNamespace(sleep=clock.sleep, time=clock.now, monotonic=clock.now)
    taking.datetime = SimpleNamespace(now=lambda _: datetime.fromtimestamp(clock.now(), UTC))
    try:
        yield
    finally:
        sdk.time, taking.time, taking.datetime = kept


@dataclass(slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    outcomes: dict[str, str] = field(default_factory=dict)
    """Of each change that was begun, by its key, as the journal says; None: no end."""
    begun: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Commands:
    """The commands of a workplace, on one sandbox."""

    state: Path
    clock: Clock
    embedded: Callable[[], AbstractContextManager[Sandbox]]
    file: Path = Path("plan.json")
    """Of the saved plan."""
    blocked: bool = False
    """Whether a guard refuses the plan."""

    def plan(self, *, approved: bool = False) -> Plan:
        """Run `plan --out`, and approve what guards refuse."""
        (loaded,) = load_all(self.state)
        with connected_for(loaded, self._target(), write=False) as gateway:
            lock = lock_of(loaded.settings.lease, sandbox=True)
            before = generation_before(gateway, lock)
            terms = PlanTerms(sandbox=True, generation=before)
            plan, document = make_plan(loaded, gateway, terms)
        refusing = blocked(document)
        if refusing and not approved:
            approvals = "".join(map(_approval, refusing))
            (self.state / "approvals.yaml").write_text(f"approvals:\n{approvals}", "utf-8")
            return self.plan(approved=True)
        self.file.write_bytes(plan_bytes(document))
        self.blocked = bool(refusing)
        return plan

    def apply_saved(self) -> Ran:
        """Run `apply plan.json`."""
        saved = SavedPlan(self.file, sandbox=True)
        return self._run(lambda course: apply_saved(saved, self._target(), course))

    def apply_approved(self) -> Ran:
        """Run `apply DIR --approved plan.json`."""
        saved = SavedPlan(self.file, sandbox=True)
        return self._run(lambda course: apply_directory(self.state, saved, self._target(), course))

    def apply_directory(self) -> Ran:
        """Run `apply DIR`."""
        return self._run(lambda course: apply_directory(self.state, None, self._target(), course))

    def _target(self) -> Target:
        return Target(sandbox=True, embedded=self.embedded, clock=self.clock)

    def _run(self, command: Callable[[Course], ExitCode]) -> Ran:
        journals = WORKSPACE / "journal"
        shutil.rmtree(journals, ignore_errors=True)
        out = io.StringIO()
        course = Course(Color.NEVER, ask=False, pause=lambda _, seconds: self.clock.sleep(seconds))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = int(command(course))
            except ReconcilerError as error:
                code = int(error.exit_code)
                print(error)
        ran = Ran(code, out.getvalue())
        for path in journals.glob("*.jsonl") if journals.is_dir() else ():
            read_journal(path, ran)
        return ran


def _approval(refusal: GuardDocument) -> str:
    """Return what approves what a guard refuses, as YAML."""
    addresses = ", ".join(f'"{address}"' for address in refusal.addresses)
    today = datetime.now(UTC).date()
    return (
        f"  - guard: {refusal.guard}\n    addresses: [{addresses}]\n    approved_on: {today}\n"
        f"    expires: {today + timedelta(days=7)}\n    reason: simulated\n"
    )


def read_journal(path: Path, ran: Ran) -> None:
    """Add to *ran* what the journal says; a line that was torn is none."""
    for line in path.read_text("utf-8").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if said["event"] == "begin":
            ran.begun.add(said["key"])
        elif said["event"] == "end":
            ran.outcomes[said["key"]] = said["outcome"]


def simulate(seed: int) -> Found:
    """Return what is found with *seed*."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    live, intent = draw(random)
    made = sandboxed(live, random)
    chance = Chance(made, str(seed), random.choice((0.0, 0.0, 0.0, 2.0, 7.0)))
    made.sandbox.make_trouble(chance.trouble if chance.trouble.visibility_lag else None)
    made.world.troublemaker = chance
    found = Found(story=lambda: story(live, intent, *chance.met))
    with simulated_time(made.clock), workplace(intent) as state, made.sandbox:
        commands = Commands(state, made.clock, lambda: nullcontext(made.sandbox))
        _Life(made, chance, commands, intent, found).run(random)
    return found


@dataclass(slots=True)
class _Life:
    """One world over the wire."""

    made: Sandboxed
    chance: Chance
    commands: Commands
    intent: Intent
    found: Found

    def run(self, random: Random) -> None:
        before = self.made.store()
        wanted = intended(before, self.intent)
        promise = Promise(before, wanted)
        self.chance.reads = 0.0
        self.made.clock.sleep(3_600)
        plan = self.commands.plan()
        expect = self.found.expect
        facts = set(map(promise.fact, plan.changes))
        expect(
            promise.facts <= facts <= promise.allowed and not plan.unresolved,
            lambda: f"plan: {told(facts)}, not {told(promise.facts)}; {plan.unresolved}",
        )
        if self.commands.blocked:
            self.found.counts["refused by a guard"] += 1
            return
        commands = self.commands
        name, command = random.choice(
            (
                ("the saved plan", commands.apply_saved),
                ("the directory", commands.apply_directory),
                ("what is approved", commands.apply_approved),
            )
        )
        self.chance.reads, self.chance.writes = random.choice(
            ((0.0, 0.15), (0.02, 0.1), (0.0, 0.4))
        )
        self._judged(f"{name}, in trouble", promise, command)
        self.chance.reads = self.chance.writes = 0.0
        self.made.clock.sleep(3_600)
        # The same once more: a saved plan is refused after an apply of anything else.
        if random.random() < 0.8:
            self._judge_end(self._judged(f"{name}, again", promise, command), wanted)
            self.made.clock.sleep(3_600)
        ran = self._judged("in the end the directory", promise, commands.apply_directory)
        self._judge_end(ran, wanted)

    def _judged(self, name: str, promise: Promise, command: Callable[[], Ran]) -> Ran:
        """Run *command*, and hold what it says against what it did."""
        expect, before = self.found.expect, self.made.store()
        ran = command()
        self.found.counts[f"{name}: exit code {ran.code}"] += 1
        after = self.made.store()
        done = _named(differences(before, after), promise.before, after)
        allowed = _named(promise.allowed, promise.before, promise.wanted)
        expect(done <= allowed, lambda: f"{name}: beyond the plan: {told(done - allowed)}")
        expect(
            not done or ran.code not in _NOT_WRITTEN,
            lambda: f"{name}: exit code {ran.code}, and written: {told(done)}",
        )
        is_live = after.by_name() == promise.wanted.by_name()
        expect(is_live or ran.code != 0, lambda: f"{name}: exit code 0, and not live:\n{ran.out}")
        return ran

    def _judge_end(self, ran: Ran, wanted: Store) -> None:
        live = self.made.store()
        self.found.expect(
            ran.code == 0, lambda: f"exit code {ran.code} without trouble:\n{ran.out}"
        )
        self.found.expect(
            live.by_name() == wanted.by_name(),
            lambda: f"not done: {told(differences(live.by_name(), wanted.by_name()))}",
        )
        kept = (wanted.people.keys() | wanted.teams.keys()) & live.used
        self.found.expect(
            kept <= live.people.keys() | live.teams.keys(),
            lambda: "somebody was deleted and made anew",
        )


def _named(facts: frozenset[Fact], before: Store, after: Store) -> frozenset[Fact]:
    """Return *facts* with names in place of the identifiers that there were not *before*."""

    def named(part: str) -> str:
        is_new = part not in before.used and (part in after.people or part in after.teams)
        return f"{part[0]}:{after.name(part)}" if is_new else part

    return frozenset(tuple(map(named, fact)) for fact in facts)
