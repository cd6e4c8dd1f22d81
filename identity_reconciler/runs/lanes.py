"""Which changes of a plan may be under way at once, and the threads that carry them out.

A plan is carried out wave by wave. Within a wave every operation has a lane, because each has a
quota of its own, and a change starts as soon as what it has to come after has ended.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import chain
from queue import SimpleQueue
from typing import Protocol

from identity_reconciler.core.needs import Needs
from identity_reconciler.core.plan import Change, Delete, Plan, Rename, managers_of
from identity_reconciler.core.renames import ends_of
from identity_reconciler.core.state import (
    Assignment,
    Key,
    Membership,
)


class Workers(Protocol):
    """Carry out tasks side by side, in threads or as if in threads. For one caller."""

    def start(self, lane: str, task: Callable[[], None]) -> None:
        """Let *task* run beside the caller, and beside others of its *lane*. It raises nothing."""
        ...

    def wait(self) -> None:
        """Return when one more task has ended; to be called as often as `start` was."""
        ...

    def close(self) -> None:
        """Return when no task is under way any more; none is started after that."""
        ...


class Threads:
    """See Workers. A lane has as many threads as it ever had tasks at once, *most* of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._ended: SimpleQueue[None] = SimpleQueue()

    def start(self, lane: str, task: Callable[[], None]) -> None:
        """See Workers."""
        if lane not in self._pools:
            self._pools[lane] = ThreadPoolExecutor(self._most, thread_name_prefix=lane)
        self._pools[lane].submit(self._run, task)

    def _run(self, task: Callable[[], None]) -> None:
        task()
        self._ended.put(None)

    def wait(self) -> None:
        """See Workers. Signals are heeded meanwhile."""
        self._ended.get()

    def close(self) -> None:
        """See Workers."""
        for pool in self._pools.values():
            pool.shutdown()


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many changes are under way at once, and what carries them out."""

    width: int = 1
    """Changes of one operation at once. With 1 it is one of all, in the order of the plan and in
    the caller's thread."""
    workers: Callable[[int], Workers] = Threads
    """Makes what carries out the changes of one apply, given the width."""


def waves(plan: Plan) -> Iterator[tuple[Change, ...]]:
    """Yield the changes of *plan* that may be carried out side by side, in its order."""
    wave: list[Change] = []
    for change in plan.changes:
        number = plan.waves.get(change.key)
        if wave and (number is None or number != plan.waves.get(wave[0].key)):
            yield tuple(wave)
            wave = []
        wave.append(change)
    if wave:
        yield tuple(wave)


Predecessors = Mapping[Key, Sequence[Key]]
"""By the key of a change, what must have ended before it begins, well or not; may repeat itself."""


def predecessors(plan: Plan, needs: Needs) -> Predecessors:
    """Return what each change of *plan* comes after, all of which stands before it there.

    That is what it needs. Also, where one of two changes renames or deletes what the other one
    names, the first of them: everything is named as it is at that moment.
    """
    places = {change.key: place for place, change in enumerate(plan.changes)}
    found: defaultdict[Key, list[Key]] = defaultdict(list)
    needed = ((key, need.key) for key, some in needs.items() for need in some)
    for one, other in chain(needed, _of_names(plan.changes)):
        # Values may go in a circle; then the first in the plan does not wait for the others.
        if places[other] < places[one]:
            found[one].append(other)
    return found


def _of_names(changes: Sequence[Change]) -> Iterator[tuple[Key, Key]]:
    """Yield what changes its name, or has none any more, with whatever names it, both ways round.

    Those are the users and groups of links to be removed, and managers, who may be deleted too.
    """
    renamed = {one.before.key: one.key for one in changes if isinstance(one, Rename)}
    gone = {one.key for one in changes if isinstance(one, Delete) and one.key[0] == "user"}
    moved = gone.union(renamed.values())
    for change in changes if moved else ():
        named = moved.intersection(managers_of(change)) - {change.key}
        if isinstance(change, Delete) and isinstance(change.before, Membership | Assignment):
            named |= {renamed[end] for end in ends_of(change.before) if end in renamed}
        for other in named:
            yield from ((change.key, other), (other, change.key))


def _lane(change: Change) -> str:
    """Return the name of the operation that *change* takes."""
    verb = "update" if isinstance(change, Rename) else type(change).__name__.lower()
    return f"{verb} {change.key[0]}"


class Wave:
    """The changes of one wave as they start and end. For one thread."""

    def __init__(self, changes: Sequence[Change], before: Predecessors, width: int) -> None:
        self._changes = changes
        self._places = {change.key: place for place, change in enumerate(changes)}
        self._width = width
        self._open: dict[int, int] = {}
        """How many have to end before each of those that still have to wait."""
        self._followers: defaultdict[int, list[int]] = defaultdict(list)
        self._ready: defaultdict[str, list[int]] = defaultdict(list)
        """By lane: the places of those that may start, as a heap."""
        self._under_way: Counter[str] = Counter()
        for place, change in enumerate(changes):
            keys = before.get(change.key, ())
            waits = {self._places[key] for key in keys if key in self._places}
            for other in waits:
                self._followers[other].append(place)
            if waits:
                self._open[place] = len(waits)
            else:
                heappush(self._ready[_lane(change)], place)

    @property
    def under_way(self) -> int:
        """How many have started and not ended."""
        return self._under_way.total()

    def start(self) -> tuple[str, Change] | None:
        """Return the next to start, with its lane; None where none may before others have ended."""
        free = [
            (places[0], lane)
            for lane, places in self._ready.items()
            if places and self._under_way[lane] < self._width
        ]
        if not free:
            return None
        _, lane = min(free)
        self._under_way[lane] += 1
        return lane, self._changes[heappop(self._ready[lane])]

    def end(self, change: Change) -> None:
        """Note that *change* has ended, well or not: what follows it may start."""
        self._under_way[_lane(change)] -= 1
        for place in self._followers.pop(self._places[change.key], ()):
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]
                heappush(self._ready[_lane(self._changes[place])], place)
