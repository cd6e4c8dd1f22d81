"""Two applies at once: of one plan, of an old and a new commit, of a plan made meanwhile.

Nothing keeps them apart here. What comes of it without anybody noticing is counted, and is no
finding; that one plan twice does no harm, that each writes only what it planned, and that a new
plan puts everything right, is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from identity_reconciler.core.plan import Plan
from identity_reconciler.errors import StalePlanError
from identity_reconciler.runs.applier import Patience, Result, apply_plan
from identity_reconciler.runs.verification import Lengths, left_of_reviewed
from tests.memory_gateway import Silent
from tests.simulation.client import Client
from tests.simulation.declaring import declared
from tests.simulation.found import Found, story
from tests.simulation.oracle import Entry, Intent, differences, intended, told
from tests.simulation.promise import Promise, planned
from tests.simulation.service import Service
from tests.simulation.worlds import draw

LENGTHS = Lengths(5, 5)


@dataclass(slots=True)
class Process:
    """One command that applies a saved plan, in steps."""

    service: Service
    name: str
    intent: Intent
    plan: Plan | None = None
    promise: Promise | None = None
    success: bool = False
    ended: bool = False
    running: bool = False

    def make_plan(self) -> None:
        """Run `plan`."""
        before = self.service.store.copy()
        self.promise = Promise(before, intended(before, self.intent))
        self.plan = planned(declared(self.intent), Client(self.service)).plan

    def share_plan(self, other: Process) -> None:
        """Let *other* apply the plan of this one, too."""
        other.plan, other.promise = self.plan, self.promise

    def steps(self) -> Iterator[None]:
        """Run `apply PLAN`, one change at each step."""
        assert self.plan is not None
        client = Client(self.service)
        results: list[Result] = []
        try:
            left = left_of_reviewed(self.plan, client, LENGTHS)
            yield
            for result in apply_plan(left, client, Silent(), Patience(self.service.sleep)):
                results.append(result)
                yield
            remains = left_of_reviewed(self.plan, client, LENGTHS)
        except StalePlanError:
            self.ended = True
            return
        self.success = all(result.is_met for result in results) and not remains
        self.ended = True


class Both:
    """Two processes, of which either goes on while the other one sends a request."""

    def __init__(self, first: Process, second: Process, random: Random) -> None:
        self._steps = {one.name: one.steps() for one in (first, second) if one.plan}
        self._of = {one.name: one for one in (first, second)}
        self._random = random
        self._service = first.service

    def run(self) -> None:
        """Run both to their ends."""
        self._service.on_call = self._on_call
        while self._steps:
            self._step(self._random.choice(list(self._steps)))
        self._service.on_call = None

    def _on_call(self, _: int) -> None:
        if self._random.random() < 0.4:
            others = [name for name in self._steps if not self._of[name].running]
            if others:
                self._step(self._random.choice(others))

    def _step(self, name: str) -> None:
        process = self._of[name]
        process.running = True
        try:
            next(self._steps[name])
        except StopIteration:
            del self._steps[name]
        finally:
            process.running = False


def simulate(seed: int) -> Found:
    """Return what is found with *seed*: one of four ways in which two applies meet."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    live, intent = draw(random)
    kind = KINDS[seed % len(KINDS)]
    found = Found(story=lambda: story(live, intent, kind.__doc__))
    service = Service(live.copy())
    old, new = kind(partial(Process, service), intent, random)
    wanted = intended(service.store, new.intent)
    is_done = service.store == wanted
    name = (kind.__doc__ or "").rstrip(".")
    found.counts[f"{name}: all"] += 1
    if not is_done and old.success and new.success:
        found.counts[f"{name}: not as the newest says, and nobody noticed"] += 1
    if old.intent is new.intent:
        found.expect(is_done, lambda: f"not done: {told(differences(service.store, wanted))}")
    allowed = {fact for one in (old, new) if one.promise for fact in one.promise.allowed}
    beyond = {commit.fact for commit in service.log} - allowed
    found.expect(not beyond, lambda: f"beyond both plans: {told(beyond)}")
    _put_right(service, new.intent, found)
    return found


def _put_right(service: Service, intent: Intent, found: Found) -> None:
    """Apply a new plan of the newest commit, alone."""
    before = service.store.copy()
    wanted = intended(before, intent)
    client = Client(service)
    plan = planned(declared(intent), client).plan
    if plan.unresolved:
        found.counts["unresolved afterwards"] += 1
        return
    results = list(apply_plan(plan, client, Silent(), Patience(service.sleep)))
    found.expect(
        service.store == wanted and all(result.is_met for result in results),
        lambda: f"a new plan does not do it: {told(differences(service.store, wanted))}",
    )


Make = Callable[[str, Intent], Process]
"""Makes a process of that name, which is to make so what that commit says; each has a newer one."""


def _pair(make: Make, old: Intent, new: Intent) -> tuple[Process, Process]:
    return make("old", old), make("new", new)


def _one_plan_twice(make: Make, intent: Intent, random: Random) -> tuple[Process, Process]:
    """One plan twice."""
    old, new = _pair(make, intent, intent)
    old.make_plan()
    old.share_plan(new)
    Both(old, new, random).run()
    return old, new


def _old_and_new(make: Make, intent: Intent, random: Random) -> tuple[Process, Process]:
    """An old and a new commit."""
    old, new = _pair(make, another(intent, random), intent)
    old.make_plan()
    new.make_plan()
    Both(old, new, random).run()
    return old, new


def _planned_meanwhile(make: Make, intent: Intent, random: Random) -> tuple[Process, Process]:
    """A new commit planned while an old one is written."""
    old, new = _pair(make, another(intent, random), intent)
    return _meanwhile(old, new, random)


def _reverted_meanwhile(make: Make, intent: Intent, random: Random) -> tuple[Process, Process]:
    """A revert planned while what it reverts is written."""
    before, after = _pair(make, intent, another(intent, random))
    before.make_plan()
    for _ in before.steps():
        pass
    before.service.log.clear()
    return _meanwhile(after, make("reverted", intent), random)


def _meanwhile(old: Process, new: Process, random: Random) -> tuple[Process, Process]:
    """Plan *new* in the middle of *old*, and apply it afterwards."""
    old.make_plan()
    assert old.plan is not None
    at = random.randint(0, len(old.plan.changes))
    for number, _ in enumerate(old.steps()):
        if number == at:
            new.make_plan()
    if new.plan is None:
        new.make_plan()
    for _ in new.steps():
        pass
    return old, new


KINDS = (_one_plan_twice, _old_and_new, _planned_meanwhile, _reverted_meanwhile)


def another(intent: Intent, random: Random) -> Intent:
    """Return another commit: some lists are longer, and some shorter."""
    people = [one.name for one in intent.entries if one.kind == "u" and one.state != "absent"]

    def varied(entry: Entry) -> Entry:
        if entry.members is None or random.random() < 0.4:
            return entry
        listed = {name for name, _ in entry.members} ^ {
            one for one in people if random.random() < 0.4
        }
        return entry._replace(members=tuple((name, "held") for name in people if name in listed))

    entries = tuple(map(varied, intent.entries))
    applications = tuple(
        one
        if one.listed is None or random.random() < 0.4
        else one._replace(listed=tuple(item for item in one.listed if random.random() < 0.5))
        for one in intent.applications
    )
    return Intent(entries, applications, intent.whole, intent.adding)
