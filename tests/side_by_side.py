"""Applies that carry out several changes at once, in simulated time.

Threads take turns: all that takes a while does so by chance, so that every seed is an interleaving
of its own, and always the same one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.core.state import Key, State
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.applier import Manner, Patience, Result, apply_plan
from identity_reconciler.runs.journal import JournalError
from identity_reconciler.runs.lanes import Lanes
from tests.memory_gateway import MemoryGateway
from tests.simulated_time import SimulatedClock, SimulatedWorkers

Line = tuple[str, Key]
"""`begin` or `end`, and the key of a change."""


@dataclass
class Slow(MemoryGateway):
    """A gateway whose requests wait for their turn, and then for an answer, up to a second each."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable

    def __post_init__(self) -> None:
        self.before_write = lambda _: self.pass_time()

    @classmethod
    def from_seed(cls, state: State, seed: int) -> Slow:
        """Return a gateway to a copy of *state*."""
        slow = cls.holding(state)
        slow.chance.seed(seed)
        return slow

    def pass_time(self) -> None:
        self.clock.sleep(self.chance.random())

    def _faulty(self, kind: str, write: Callable[[], None]) -> None:
        self.pass_time()
        super()._faulty(kind, write)

    def read_state(self, wanted: Wanted) -> State:
        self.pass_time()
        return super().read_state(wanted)


@dataclass
class Record:
    """A journal that remembers the order of its calls."""

    gateway: Slow
    room: int | None = None
    """How many lines fit on its disk."""
    lines: list[Line] = field(default_factory=list)

    def starting(self, change: Change) -> None:
        self._add("begin", change)

    def finished(self, result: Result) -> None:
        self._add("end", result.change)
        self.gateway.pass_time()

    def _add(self, event: str, change: Change) -> None:
        if len(self.lines) == self.room:
            raise JournalError("the disk is full")
        self.lines.append((event, change.key))


@dataclass
class Ran:
    """An apply that has ended."""

    plan: Plan
    results: list[Result]
    lines: list[Line]
    error: BaseException | None = None
    """What it ended with, if not well."""

    def place(self, event: str, key: Key) -> int | None:
        """Return where that line stands in the journal."""
        return self.lines.index((event, key)) if (event, key) in self.lines else None


def apply_side_by_side(
    plan: Plan,
    gateway: Slow,
    width: int = 4,
    *,
    room: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Ran:
    """Apply *plan* with up to *width* changes of each operation at once."""
    journal = Record(gateway, room)
    ran = Ran(plan, [], journal.lines)
    manner = Manner(lanes=Lanes(width, lambda _: SimulatedWorkers(gateway.clock)))
    patience = Patience(gateway.clock.sleep, stop)

    def apply() -> None:
        try:
            for result in apply_plan(plan, gateway, journal, patience, manner):
                ran.results.append(result)
        except Exception as error:  # noqa: BLE001 - for the test to judge
            ran.error = error

    gateway.clock.run([apply])
    return ran
