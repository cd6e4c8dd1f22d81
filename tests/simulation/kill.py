"""`kill -9` at every write, before and after it is carried out; then the command is run again.

The command is a process of its own, forked, on a sandbox in a file.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from identity_reconciler.cli.connection import WORKSPACE
from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse
from identity_reconciler.sandbox.store import Store as Tables
from identity_reconciler.sandbox.trouble import Trouble
from identity_reconciler.sandbox.troublemaker import Troublemaker
from identity_reconciler.sandbox.world import World
from tests.simulation.found import Found, story
from tests.simulation.oracle import Store, cascades, differences, intended, told
from tests.simulation.promise import Promise
from tests.simulation.sandboxed import WRITES, Clock, fill, stored
from tests.simulation.wire import Commands, Ran, read_journal, simulated_time, workplace
from tests.simulation.worlds import draw

_MOMENTS = 24
"""Of each world: so many seeds in a row, two for each write."""
STATE_FILE = Path("sandbox.sqlite3")


class Killer(Troublemaker):
    """Kills the process at a write."""

    def __init__(self, clock: Clock, write: int, *, after: bool) -> None:
        super().__init__(Trouble(), clock=clock.now, sleep=clock.sleep)
        self._left = write
        self._after = after

    def carry_out(
        self, service: str, operation: str, request: HttpRequest, work: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """See Troublemaker."""
        del service, request
        if not operation.startswith(WRITES):
            return work()
        self._left -= 1
        if self._left >= 0:
            return work()
        if self._after:
            work()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def simulate(seed: int) -> Found:
    """Return what is found with *seed*: a world, a write of it, and before or after that."""
    number, moment = divmod(seed, _MOMENTS)
    random = Random(number)  # noqa: S311 - repeatable on purpose
    live, intent = draw(random)
    write, after = divmod(moment, 2)
    where = f"killed {'after' if after else 'before'} write {write}"
    found = Found(story=lambda: story(live, intent, where))
    clock = Clock()
    with simulated_time(clock), workplace(intent) as state:
        with Sandbox(STATE_FILE) as sandbox:
            fill(sandbox, live)
        commands = Commands(state, clock, lambda: opened(clock, None))
        plan = commands.plan()
        if write >= len(plan.changes) or commands.blocked:
            found.counts["no such write, or refused by a guard"] += 1
            return found
        before = stored_in_file()
        promise = Promise(before, intended(before, intent))
        killer = Killer(clock, write, after=bool(after))
        process = forked(Commands(state, clock, lambda: opened(clock, killer)))
        status = os.waitpid(process, 0)[1]
        found.expect(
            os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            lambda: f"not killed, but {status}",
        )
        _judge_journal(found, promise, stored_in_file())
        # Until the lease of the run that was killed is over.
        clock.sleep(3_600)
        again = commands.apply_saved if moment % 4 < 2 else commands.apply_directory
        ran = again()
        found.counts[f"again: exit code {ran.code}"] += 1
        wanted, now = promise.wanted.by_name(), stored_in_file().by_name()
        found.expect(
            ran.code == 0 and now == wanted,
            lambda: f"exit code {ran.code}, not done: {told(differences(now, wanted))}\n{ran.out}",
        )
    return found


@contextmanager
def opened(clock: Clock, trouble: Troublemaker | None) -> Iterator[Sandbox]:
    """Yield the sandbox in the file."""
    world = World(Tables(STATE_FILE), clock=clock.now, sleep=clock.sleep, troublemaker=trouble)
    with Sandbox(world=world) as sandbox:
        yield sandbox


def stored_in_file() -> Store:
    """Return what stands in the file."""
    tables = Tables(STATE_FILE)
    try:
        return stored(tables)
    finally:
        tables.close()


def forked(commands: Commands) -> int:
    """Run `apply PLAN` in a process of its own, and return its number."""
    with warnings.catch_warnings():
        # Other threads may be there, and hold no lock that this one needs: they only wait.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        code = ExitCode.UNEXPECTED
        try:
            code = ExitCode(commands.apply_saved().code)
        finally:
            os._exit(code)
    return process


def _judge_journal(found: Found, promise: Promise, done: Store) -> None:
    """Hold what was written until the end against the journal: all of that was begun there."""
    ran = Ran(0, "")
    for path in (WORKSPACE / "journal").glob("*.jsonl"):
        read_journal(path, ran)
    written, perhaps = differences(promise.before, done), cascades(promise.before, done)
    most = len(written | perhaps)
    found.expect(
        ran.begun >= ran.outcomes.keys()
        and len(ran.outcomes) <= most
        and len(written) <= len(ran.begun),
        lambda: (
            f"begun: {sorted(ran.begun)}, ended: {sorted(ran.outcomes)}, written: {told(written)}"
        ),
    )
