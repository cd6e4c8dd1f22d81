"""Two commands at once, over the wire: one has its turn, and the other one writes nothing.

While an old commit is applied by a process of its own, a new one is planned, or was planned before,
and is to be applied. That is refused until the first one has ended; the saved plan is refused then
as well, as it has not seen all that was written, and a new plan does what the new commit says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse
from identity_reconciler.sandbox.trouble import Trouble
from identity_reconciler.sandbox.troublemaker import Troublemaker
from tests.simulation.found import Found, story
from tests.simulation.kill import STATE_FILE, forked, opened, stored_in_file
from tests.simulation.oracle import differences, intended, told
from tests.simulation.sandboxed import WRITES, Clock, fill
from tests.simulation.two import another
from tests.simulation.wire import Commands, simulated_time, workplace, write_state
from tests.simulation.worlds import draw


class Meeting(Troublemaker):
    """Lets the other process go on at a write, and waits until that one lets this one go on."""

    def __init__(self, clock: Clock, write: int) -> None:
        super().__init__(Trouble(), clock=clock.now, sleep=clock.sleep)
        self._left = write
        self._here, self._told = os.pipe()
        self._onward, self._let = os.pipe()

    def carry_out(
        self, service: str, operation: str, request: HttpRequest, work: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """See Troublemaker."""
        del service, request
        if operation.startswith(WRITES):
            self._left -= 1
            if self._left == -1:
                os.write(self._told, b".")
                os.read(self._onward, 1)
        return work()

    def wait(self) -> bool:
        """Wait for that write; return whether there is one, and not the end of the process."""
        os.close(self._told)
        return bool(os.read(self._here, 1))

    def go_on(self) -> None:
        """Let the process go on."""
        os.write(self._let, b".")

    def close(self) -> None:
        """Close what is open of the pipes."""
        for one in (self._here, self._onward, self._let):
            os.close(one)


class Counting(Troublemaker):
    """Counts what is written, and makes no trouble."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Trouble(), clock=clock.now, sleep=clock.sleep)
        self.written = 0

    def carry_out(
        self, service: str, operation: str, request: HttpRequest, work: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """See Troublemaker."""
        del service, request
        self.written += operation.startswith(WRITES)
        return work()


def simulate(seed: int) -> Found:
    """Return what is found with *seed*."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    live, intent = draw(random)
    old, early = another(intent, random), random.random() < 0.5
    clock = Clock()
    with simulated_time(clock), workplace(old) as state:
        with Sandbox(STATE_FILE) as sandbox:
            fill(sandbox, live)
        newer = write_state(state.parent / "newer", intent)
        first = Commands(state, clock, lambda: opened(clock, None))
        count = Counting(clock)
        second = Commands(newer, clock, lambda: opened(clock, count), Path("newer.json"))
        plan = first.plan()
        if early:
            second.plan()
        # The first write takes the lease.
        write = random.randint(1, max(1, len(plan.changes)))
        found = Found(story=lambda: story(live, intent, f"meets the old commit at write {write}"))
        if not plan or first.blocked:
            found.counts["nothing to do, or refused by a guard"] += 1
            return found
        meeting = Meeting(clock, write)
        process = forked(Commands(state, clock, lambda: opened(clock, meeting)))
        if meeting.wait():
            if not early:
                second.plan()
            _judge_waiting(second, found, count)
            meeting.go_on()
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        meeting.close()
        found.expect(code == 0, lambda: f"the first one ended with {code}")
        _judge_afterwards(second, found, same=old == intent)
        wanted, now = intended(stored_in_file(), intent).by_name(), stored_in_file().by_name()
        found.expect(now == wanted, lambda: f"not done: {told(differences(now, wanted))}")
    return found


def _judge_waiting(second: Commands, found: Found, count: Counting) -> None:
    """While it is the turn of another one, nothing is written."""
    for command in (second.apply_saved, second.apply_directory):
        ran = command()
        found.counts[f"meanwhile: exit code {ran.code}"] += 1
        if ran.code != ExitCode.LOCKED or count.written:
            found.problems.append(f"exit code {ran.code} in the turn of another one:\n{ran.out}")


def _judge_afterwards(second: Commands, found: Found, *, same: bool) -> None:
    """A plan that has not seen all that was written is refused; a new one is carried out.

    Where both commits say the *same*, the plan may be the very one that was applied.
    """
    before = stored_in_file()
    ran = second.apply_saved()
    found.counts[f"its saved plan: exit code {ran.code}"] += 1
    found.expect(
        ran.code in {ExitCode.STALE_PLAN, *((0,) if same else ())} and stored_in_file() == before,
        lambda: f"exit code {ran.code} for a plan of before:\n{ran.out}",
    )
    again = second.apply_directory()
    found.expect(again.code == 0, lambda: f"exit code {again.code}:\n{again.out}")
