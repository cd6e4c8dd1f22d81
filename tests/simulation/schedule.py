"""What goes wrong in a run, from a seed: faults, edits of others, kills, and lists that lag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import NamedTuple

from tests.simulation.oracle import Id, Person, Store
from tests.simulation.service import Fault, Service

_PASSING = (Fault.THROTTLED, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.UNREACHABLE)
_REFUSING = (Fault.DENIED, Fault.INVALID)
_HIRED = ("u:nia", "u:oto", "u:new-ana")
"""Whom others may make before the plan does, and then leave alone."""
_LONGEST = 10
"""Requests in a row that a fault meets at most: more than one change is tried."""


class Edit(NamedTuple):
    """What somebody else does; nothing where it cannot be done."""

    what: str
    number: int
    """Chooses whom and what it is about."""

    def __call__(self, service: Service) -> None:
        """Do it."""
        service.touch()
        _EDITS[self.what](service, Random(self.number))  # noqa: S311 - repeatable on purpose

    def __str__(self) -> str:
        return f"{self.what}({self.number})"


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that happens to one plan."""

    saved: bool = True
    """Whether it is applied as a saved plan, by another process than made it."""
    again: bool = True
    """Whether the same saved plan is applied once more, before a new plan is made."""
    thorough: bool = True
    """Whether the second apply looks again, and a new plan is made though nothing is left."""
    lag: float = 0.0
    before: tuple[Edit, ...] = ()
    """What others do between the plan and its apply."""
    edits: Mapping[int, Edit] = field(default_factory=dict)
    """What others do during the apply, by the number of the request before which they do it."""
    faults: Mapping[int, Fault] = field(default_factory=dict)
    """By the number of the request of the apply."""
    side_by_side: int | None = None
    """What shuffles the changes of a wave; None: they are carried out one by one."""
    stop: int | None = None
    """The request after which somebody interrupts the apply."""

    @property
    def edited(self) -> bool:
        """Whether others do anything."""
        return bool(self.before or self.edits)

    def __str__(self) -> str:
        return "; ".join(
            part
            for part in (
                "saved plan" if self.saved else "apply at once",
                "" if self.side_by_side is None else f"side by side, {self.side_by_side}",
                "then the saved plan again" if self.again else "then a new plan",
                f"lists lag {self.lag} s" if self.lag else "",
                f"others before: {', '.join(map(str, self.before))}" if self.before else "",
                *(f"others before request {at}: {edit}" for at, edit in sorted(self.edits.items())),
                *_told(self.faults),
                f"interrupted after request {self.stop}" if self.stop is not None else "",
            )
            if part
        )


def _told(faults: Mapping[int, Fault]) -> Iterator[str]:
    """Yield faults in words, those of requests in a row together."""
    for at, fault in sorted(faults.items()):
        if faults.get(at - 1) is not fault:
            end = next(number for number in count(at) if faults.get(number + 1) is not fault)
            yield f"request {at}: {fault}" if end == at else f"requests {at} to {end}: {fault}"


def draw_schedule(random: Random, changes: int) -> Schedule:
    """Return what happens to a plan of so many changes."""
    requests = changes + 4
    faults: dict[int, Fault] = {}
    for _ in range(random.choice((0, 1, 1, 2, 3, 4))):
        # The first request of a saved plan is a read, without which nothing is begun.
        at = random.randrange(requests) or random.randrange(requests)
        if random.random() < 0.5:
            faults[at] = random.choice(_REFUSING)
        else:
            length = random.choice((1, 1, 1, 2, _LONGEST))
            fault = random.choice(_PASSING)
            faults.update(dict.fromkeys(range(at, at + length), fault))
    ending = random.random()
    if ending < 0.15:
        kind = random.choice((Fault.KILLED_BEFORE, Fault.KILLED_AFTER))
        faults[random.randrange(requests)] = kind
    elif ending < 0.17:
        at = random.randrange(requests)
        faults.update(dict.fromkeys(range(at, at + 40), Fault.EXPIRED))
    others, saved = random.random() < 0.2, random.random() < 0.7
    return Schedule(
        saved=saved,
        again=random.random() < 0.7,
        thorough=random.random() < 0.3,
        lag=random.choice((1.0, 4.0, 8.0)) if random.random() < 0.15 else 0.0,
        before=_edits(random, remake=saved) if others else (),
        edits={random.randrange(requests): one for one in _edits(random)} if others else {},
        faults=faults,
        side_by_side=random.randrange(1_000) if random.random() < 0.5 else None,
        stop=random.randrange(requests) if random.random() < 0.05 else None,
    )


def _edits(random: Random, *, remake: bool = False) -> tuple[Edit, ...]:
    """Return some edits; to *remake* somebody counts only for who has a witness in a saved plan."""
    kinds = [kind for kind in _EDITS if remake or kind != "remake"]
    return tuple(
        Edit(random.choice(kinds), random.randrange(1_000)) for _ in range(random.randrange(3))
    )


def _anybody(store: Store, random: Random) -> Id | None:
    others = (*store.foreign, *_HIRED)
    ours = [one for one in store.people if one not in others]
    return random.choice(ours) if ours else None


def _toggle_membership(service: Service, random: Random) -> None:
    store = service.store
    if store.teams and store.people:
        edge = random.choice([*store.teams]), random.choice([*store.people])
        store.members ^= {edge}


def _toggle_assignment(service: Service, random: Random) -> None:
    store = service.store
    arns = sorted({arn for arn, _ in store.assignments})
    everybody = [*store.people, *store.teams]
    if arns and everybody:
        store.assignments ^= {(random.choice(arns), random.choice(everybody))}


def _retitle(service: Service, random: Random) -> None:
    one = _anybody(service.store, random)
    if one is not None:
        service.store.people[one] = service.store.people[one]._replace(title="z")
        service.bump(one)


def _rename(service: Service, random: Random) -> None:
    one = _anybody(service.store, random)
    if one is not None:
        person = service.store.people[one]
        service.store.people[one] = person._replace(name=f"x-{person.name}")
        service.bump(one)


def _dismiss(service: Service, random: Random) -> None:
    one = _anybody(service.store, random)
    if one is not None:
        service.store.remove(one)


def _remake(service: Service, random: Random) -> None:
    """Delete somebody, and make another one of the same name, with all that he had."""
    store = service.store
    one = _anybody(store, random)
    if one is not None:
        person, teams = store.people[one], [team for team, is_ in store.members if is_ == one]
        store.remove(one)
        other = service.new("u", person.name)
        store.people[other] = person._replace(manager=None)
        store.members |= {(team, other) for team in teams}


def _hire(service: Service, random: Random) -> None:
    name = random.choice(_HIRED)[2:]
    if service.store.person(name) is None:
        service.store.people[service.new("u", name)] = Person(name, "Z")


_EDITS: Mapping[str, Callable[[Service, Random], None]] = {
    "toggle a membership": _toggle_membership,
    "toggle an assignment": _toggle_assignment,
    "retitle": _retitle,
    "rename": _rename,
    "dismiss": _dismiss,
    "remake": _remake,
    "hire": _hire,
}
