"""Two applies at once that take turns by the lease and hold on to the generation, and all faults.

The two meet as in `two`, answers are lost, processes are killed and stand still for longer than a
lease holds; what is done at the end of a run that says so is what its commit says, nobody writes
in another one's turn, and once the newest commit is applied no older one is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from identity_reconciler.core.lease import (
    MARGIN,
    PERIOD,
    Generation,
    require_forward,
    require_unmoved,
    settled,
)
from identity_reconciler.errors import (
    AlreadyExistsError,
    ChangedError,
    GatewayError,
    LockHeldError,
    StalePlanError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from identity_reconciler.gateway.writing.leases import Kept
from identity_reconciler.runs.applier import Patience, Result, apply_plan
from identity_reconciler.runs.lease import (
    Clocks,
    LeasedGateway,
    Means,
    Run,
    Tenure,
    kept_lease,
    take,
)
from identity_reconciler.runs.verification import left_of_reviewed
from tests.memory_gateway import Killed, Silent
from tests.simulation.client import Client
from tests.simulation.found import Found, story
from tests.simulation.oracle import Fact, Intent, differences, intended, told
from tests.simulation.service import DONE, KILLS, Fault, Service
from tests.simulation.two import KINDS, LENGTHS, Process
from tests.simulation.worlds import draw

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_LOOKS = 60
"""How often a run looks whether the lease is free, one in three seconds twenty."""
_BETWEEN_LOOKS = 20.0
_STILL = (400.0, 1500.0)
"""Seconds that everybody stands still, now and then; a lease holds for 900."""
_FAULTS: dict[Fault, type[GatewayError]] = {
    Fault.THROTTLED: ThrottledError,
    Fault.UNREACHABLE: UnreachableError,
    Fault.LOST_BEFORE: UnknownOutcomeError,
    Fault.LOST_AFTER: UnknownOutcomeError,
}


class MemoryLease:
    """See LeaseStore: one text in memory, whose requests meet faults as others do."""

    place = "memory"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: Kept | None = None
        self._versions = count()

    def read(self) -> Kept | None:
        """See LeaseStore."""
        self._raise(self._service.begin(None))
        return self._kept

    def write(self, text: str, seen: Kept | None) -> Kept:
        """See LeaseStore."""
        fault = self._service.begin(None)
        if fault is None or fault in DONE:
            if self._kept != seen:
                raise AlreadyExistsError("lease") if seen is None else ChangedError("lease")
            self._kept = Kept(text, str(next(self._versions)))
        self._raise(fault)
        assert self._kept is not None
        return self._kept

    def _raise(self, fault: Fault | None) -> None:
        if fault in KILLS:
            self._service.killed = True
            raise Killed
        if fault is not None:
            raise _FAULTS[fault](fault)


@dataclass(slots=True)
class World:
    """What the processes of a race share."""

    service: Service
    random: Random
    lease: MemoryLease
    made: Iterator[int] = field(default_factory=count)
    turns: list[str] = field(default_factory=list)
    """Who wrote, one turn after the other."""

    def process(self, name: str, intent: Intent) -> Racer:
        """Return a process of the next commit."""
        return Racer(self.service, name, intent, world=self, commit=next(self.made))

    def now(self) -> datetime:
        """Return the date."""
        return _BEGIN + timedelta(seconds=self.service.now)


class Writer(Client):
    """See Client; notes who has written."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world.service)
        self._world = world
        self._name = name

    def _send(self, fact: Fact, write: Callable[[], None]) -> None:
        def noted() -> None:
            write()
            if self._world.turns[-1:] != [self._name]:
                self._world.turns.append(self._name)

        super()._send(fact, noted)


@dataclass(slots=True)
class Racer(Process):
    """One command that applies a saved plan in its turn."""

    world: World = field(kw_only=True)
    commit: int = field(kw_only=True)
    read_at: int = 0
    digest: str = ""
    ended_as_declared: bool = True
    """Whether everything was as the commit says when the command said that it was done."""
    why: str = "killed"
    """How it ended."""

    def make_plan(self) -> None:
        """See Process."""
        troubled, self.service.troubled = self.service.troubled, False
        lease = settled(kept_lease(self.world.lease), self.world.now())
        self.read_at, self.digest = lease.generation.number, f"plan of {self.name}"
        Process.make_plan(self)
        self.service.troubled = troubled

    def share_plan(self, other: Process) -> None:
        """See Process."""
        assert isinstance(other, Racer)
        Process.share_plan(self, other)
        other.read_at, other.digest, other.commit = self.read_at, self.digest, self.commit

    def steps(self) -> Iterator[None]:
        """See Process."""
        try:
            tenure = yield from self._taken()
            if tenure is not None:
                yield from self._applied(tenure)
        except Killed:
            # The process is gone; those who go on are others.
            self.service.killed = False
        except (LockHeldError, StalePlanError, GatewayError) as error:
            self.why = type(error).__name__
        self.ended = True

    def _taken(self) -> Generator[None, None, Tenure | None]:
        """Take the lease, looking again now and then as `--wait` does."""
        run = Run(
            f"{self.name}-{self.world.random.random()}",
            self.name,
            str(self.commit),
            self.digest,
            check=self._check,
        )
        for left in reversed(range(self.world.random.choice((1, _LOOKS)))):
            self._pass_time()
            yield
            try:
                return take(self.world.lease, run, self._means)
            except LockHeldError:
                if not left:
                    raise
                self.service.sleep(_BETWEEN_LOOKS)
        return None

    def _check(self, last: Generation) -> None:
        require_forward(last.commit, str(self.commit), lambda old, new: int(old) <= int(new))
        require_unmoved(self.read_at, self.digest, last)

    @property
    def _means(self) -> Means:
        service = self.service
        clocks = Clocks(self.world.now, lambda: service.now)
        return Means(clocks, Patience(service.sleep, attempts=4), lambda _: None)

    def _applied(self, tenure: Tenure) -> Iterator[None]:
        """Apply the plan, and give the lease back unless the process is killed."""
        assert self.plan is not None
        client = Writer(self.world, self.name)
        gateway = LeasedGateway(client, tenure)
        done = False
        results: list[Result] = []
        try:
            left = left_of_reviewed(self.plan, client, LENGTHS)
            yield
            for result in apply_plan(left, gateway, Silent(), Patience(self.service.sleep)):
                results.append(result)
                self._pass_time()
                yield
            remains = left_of_reviewed(self.plan, client, LENGTHS)
            done = all(result.is_met for result in results) and not remains
            # Said at the very moment: what is written later is another one's.
            store = self.service.store
            self.ended_as_declared = not done or store == intended(store, self.intent)
        except GatewayError as error:
            self.why = type(error).__name__
        else:
            self.why = "done" if done else "not done"
        tenure.release(wrote=gateway.may_have_written, done=done)
        self.success = done

    def _pass_time(self) -> None:
        if self.service.troubled and self.world.random.random() < 0.01:
            self.service.sleep(self.world.random.uniform(*_STILL))


def simulate(seed: int) -> Found:
    """Return what is found with *seed*: one of four ways in which two applies meet."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    live, intent = draw(random)
    kind = KINDS[seed % len(KINDS)]
    name = (kind.__doc__ or "").rstrip(".")
    faults = _faults(random)
    service = Service(live.copy(), faults, troubled=True)
    world = World(service, random, MemoryLease(service))
    old, new = kind(world.process, intent, random)
    assert isinstance(old, Racer)
    assert isinstance(new, Racer)
    found = Found(story=lambda: story(live, intent, kind.__doc__, faults))
    wanted = intended(service.store, new.intent)
    found.expect(
        service.store == wanted or not new.success,
        lambda: f"said to be done: {told(differences(service.store, wanted))}",
    )
    found.counts[f"{name}: {old.why}, {new.why}"] += 1
    found.expect(
        old.ended_as_declared and new.ended_as_declared, lambda: "said to be done, and was not"
    )
    found.expect(
        len(world.turns) == len(set(world.turns)),
        lambda: f"in another one's turn: {' '.join(world.turns)}",
    )
    _put_right(world, new.intent, found)
    return found


def _faults(random: Random) -> dict[int, Fault]:
    """Return what goes wrong with which requests: nothing, a little, or much."""
    often = random.choice((0.0, 0.02, 0.1))
    kinds = (*_FAULTS, *(KILLS if random.random() < 0.5 else ()))
    return {call: random.choice(kinds) for call in range(300) if random.random() < often}


def _put_right(world: World, intent: Intent, found: Found) -> None:
    """Apply a new plan of a newer commit, when the lease of whoever was killed is over."""
    service = world.service
    service.troubled = False
    service.sleep((PERIOD + 2 * MARGIN).total_seconds())
    wanted = intended(service.store, intent)
    last = world.process("last", intent)
    last.make_plan()
    assert last.plan is not None
    if last.plan.unresolved:
        found.counts["unresolved afterwards"] += 1
        return
    for _ in last.steps():
        pass
    found.expect(
        last.success and service.store == wanted,
        lambda: f"afterwards {last.why}: {told(differences(service.store, wanted))}",
    )
