"""AWS in memory: one store, requests with numbers, faults and edits of others at any of them.

All time is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import NamedTuple, Protocol

from identity_reconciler.core.state import State
from tests.memory_gateway import Killed
from tests.simulation.oracle import Fact, Id, Store, made
from tests.simulation.states import state_of

_LATENCY = 0.05
"""Seconds that each request takes."""


class Fault(StrEnum):
    """What can go wrong with one request."""

    THROTTLED = "throttled"
    LOST_BEFORE = "lost-before"
    """Or an internal error: nothing is done, and nobody can know."""
    LOST_AFTER = "lost-after"
    """Or an internal error: it is done, and nobody can know."""
    DENIED = "denied"
    INVALID = "invalid"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    """The credentials; those of a later run are good again."""
    KILLED_BEFORE = "killed-before"
    KILLED_AFTER = "killed-after"


KILLS = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})
LOSSES = frozenset({Fault.LOST_BEFORE, Fault.LOST_AFTER})
DONE = frozenset({Fault.LOST_AFTER, Fault.KILLED_AFTER})


class Editing(Protocol):
    """What somebody else does to the store."""

    def __call__(self, service: Service) -> None:
        """Do it."""
        ...


class Commit(NamedTuple):
    """Something that was written."""

    call: int
    fact: Fact


@dataclass(slots=True, eq=False)
class Service:
    """The directory of one organisation, and all that happens to it."""

    store: Store
    faults: Mapping[int, Fault] = field(default_factory=dict)
    """By the number of the request, as long as `troubled`."""
    edits: Mapping[int, Editing] = field(default_factory=dict)
    """Before the requests of these numbers, as `faults`."""
    lag: float = 0.0
    """Seconds until lists show what was written; what is looked up by name shows at once."""
    troubled: bool = False
    calls: int = 0
    now: float = 0.0
    log: list[Commit] = field(default_factory=list)
    """All that the product has written."""
    edited: int = 0
    """How many edits others have made."""
    struck: list[tuple[Fault, Fact | None]] = field(default_factory=list)
    """The faults that were met, and by which write; none: by a read."""
    revisions: dict[Id, int] = field(default_factory=dict)
    killed: bool = False
    """Whether the process that asks was killed: nothing of it arrives any more."""
    on_call: Callable[[int], None] | None = None
    """Asked before each request."""
    on_commit: Callable[[Fact], None] | None = None
    _state: State | None = None
    _history: list[tuple[float, State]] = field(default_factory=list)

    def state(self) -> State:
        """Return everything as the product sees it."""
        if self._state is None:
            self._state = state_of(self.store)
        return self._state

    def shown(self) -> State:
        """Return everything as lists show it now."""
        if not self.lag:
            return self.state()
        horizon = self.now - self.lag
        while self._history and self._history[0][0] <= horizon:
            self._history.pop(0)
        return self._history[0][1] if self._history else self.state()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def settle(self) -> None:
        """Let enough time pass for every list to show everything."""
        self.now += self.lag

    def touch(self) -> None:
        """Note that the store is about to be changed."""
        if self.lag:
            self._history.append((self.now, self.state()))
        self._state = None

    def commit(self, fact: Fact) -> None:
        """Note that the product has made *fact* so."""
        self.log.append(Commit(self.calls - 1, fact))
        if self.on_commit is not None:
            self.on_commit(fact)

    def bump(self, one: Id) -> None:
        """Give *one* its next revision."""
        self.revisions[one] = self.revisions.get(one, 0) + 1

    def new(self, kind: str, name: str) -> Id:
        """Return an identity that nothing had before."""
        one = made(self.store, kind, name)
        self.store.used.add(one)
        return one

    def begin(self, fact: Fact | None) -> Fault | None:
        """Begin a request, which is to make *fact* so or reads; return what goes wrong with it.

        Raises:
            Killed: The process is dead, perhaps since a moment ago.
        """
        number = self.calls
        self.calls += 1
        self.now += _LATENCY
        if self.on_call is not None and not self.killed:
            self.on_call(number)
        if self.killed:
            raise Killed
        if not self.troubled:
            return None
        edit = self.edits.get(number)
        if edit is not None:
            self.edited += 1
            edit(self)
        fault = self.faults.get(number)
        if fault is not None:
            self.struck.append((fault, fact))
        return fault


class Shuffled:
    """See Workers: one thread, in which each task has its turn some time, also within another's.

    That is when the other one sends a request, so that requests meet in every order.
    """

    def __init__(self, service: Service, random: Random) -> None:
        self._service = service
        self._random = random
        self._tasks: list[Callable[[], None]] = []
        self._ended = 0
        service.on_call = self._meanwhile

    def start(self, lane: str, task: Callable[[], None]) -> None:
        """See Workers."""
        del lane
        self._tasks.append(task)

    def wait(self) -> None:
        """See Workers."""
        while not self._ended:
            self._run()
        self._ended -= 1

    def close(self) -> None:
        """See Workers."""
        while self._tasks:
            self._run()
        self._service.on_call = None

    def _run(self) -> None:
        task = self._tasks.pop(self._random.randrange(len(self._tasks)))
        task()
        self._ended += 1

    def _meanwhile(self, _: int) -> None:
        if self._tasks and self._random.random() < 0.3:
            self._run()
