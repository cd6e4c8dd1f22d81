"""Every single fault at every request of some plans, and every pair of faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, product

from tests.simulation.core import World, live_through
from tests.simulation.found import Found
from tests.simulation.oracle import Assigned, Entry, Intent, Person, Store, Team
from tests.simulation.schedule import Schedule
from tests.simulation.service import Fault
from tests.simulation.worlds import ARNS

_Placed = tuple[int, tuple[tuple[int, Fault], ...], bool]
"""A world, the faults at its requests, and whether the saved plan is applied again."""


def _renaming() -> tuple[Store, Intent]:
    """A group and two people are renamed, one the other's manager, while links come and go."""
    live = Store(
        {
            "u:ana": Person("ana", "A", "x", "ana@example.com"),
            "u:bob": Person("bob", "A", None, "bob@example.com", "u:ana"),
            "u:cleo": Person("cleo", "A", None, "cleo@example.com", "u:bob"),
        },
        {"g:builders": Team("builders", "x"), "g:callers": Team("callers")},
        {("g:builders", "u:ana"), ("g:builders", "u:bob"), ("g:callers", "u:cleo")},
        {(ARNS[0], "g:builders"), (ARNS[0], "u:ana"), (ARNS[1], "u:bob"), (ARNS[1], "g:callers")},
    )
    intent = Intent(
        (
            Entry("u", "new-ana", "present", "ana", (("display_name", "B"), ("manager", "cleo"))),
            Entry("u", "new-bob", "present", "bob", (("display_name", "A"),)),
            Entry("u", "cleo", says=(("display_name", "A"), ("manager", "new-bob"))),
            Entry("g", "new-builders", "present", "builders", (), (("cleo", "held"),)),
            Entry("g", "callers", "present", None, (("description", "y"),), (("new-bob", "over"),)),
        ),
        (
            Assigned(ARNS[0], (("u", "cleo", "held"),)),
            Assigned(ARNS[1], (("g", "new-builders", "held"), ("g", "callers", "held"))),
        ),
    )
    return live, intent


def _leaving() -> tuple[Store, Intent]:
    """People and a group go with all that they have, and others take their places."""
    live = Store(
        {
            "u:ana": Person("ana", "A", "x", "ana@example.com"),
            "u:bob": Person("bob", "A", None, "bob@example.com"),
            "u:cleo": Person("cleo", "A", None, "cleo@example.com"),
        },
        {"g:builders": Team("builders"), "g:callers": Team("callers")},
        {("g:builders", "u:ana"), ("g:builders", "u:bob"), ("g:callers", "u:ana")},
        {(ARNS[0], "g:builders"), (ARNS[0], "u:ana"), (ARNS[1], "u:ana"), (ARNS[1], "u:bob")},
    )
    says = (("display_name", "A"), ("email", "ana@example.com"), ("manager", "bob"))
    intent = Intent(
        (
            Entry("u", "ana", "absent"),
            Entry("u", "bob", says=(("display_name", "B"),)),
            Entry("u", "cleo", says=(("display_name", "A"),)),
            Entry("u", "nia", says=says),
            Entry("g", "callers", "present", None, (), (("nia", "held"), ("bob", "ending"))),
        ),
        (
            Assigned(ARNS[0], (("g", "callers", "held"), ("u", "bob", "over"))),
            Assigned(ARNS[1], (("u", "nia", "held"), ("u", "bob", "over"))),
        ),
        frozenset("g"),
    )
    return live, intent


def _expiring() -> tuple[Store, Intent]:
    """What has expired goes while groups and people are renamed, and one is external."""
    live = Store(
        {
            "u:ana": Person("ana", "A", None, "ana@example.com"),
            "u:bob": Person("bob", "A", None, "bob@example.com", "u:ana"),
            "u:eve": Person("eve", "A"),
        },
        {"g:admins": Team("admins"), "g:drivers": Team("drivers")},
        {("g:admins", "u:ana"), ("g:admins", "u:eve"), ("g:drivers", "u:bob")},
        {(ARNS[0], "g:admins"), (ARNS[0], "u:bob"), (ARNS[1], "g:drivers"), (ARNS[2], "u:eve")},
        frozenset({"u:eve"}),
    )
    intent = Intent(
        (
            Entry("u", "new-ana", "present", "ana", (("display_name", "A"), ("title", "y"))),
            Entry("u", "bob", says=(("display_name", "A"), ("manager", None))),
            Entry("u", "eve", "external"),
            Entry(
                "g", "new-admins", "present", "admins", (), (("new-ana", "over"), ("eve", "held"))
            ),
            Entry("g", "drivers", "present", None, (), (("bob", "over"), ("eve", "ending"))),
        ),
        (
            Assigned(ARNS[0], (("g", "new-admins", "over"), ("u", "bob", "over"))),
            Assigned(ARNS[1], (("g", "drivers", "ending"), ("u", "new-ana", "held"))),
            Assigned(ARNS[2], (("u", "eve", "over"),)),
        ),
    )
    return live, intent


_WORLDS = (_renaming, _leaving, _expiring)
_REQUESTS = 22
"""More than any of these plans takes, reads included; a fault where there is none does nothing."""


@dataclass(frozen=True)
class Exhaustive:
    """Every placement of so many faults."""

    faults: int
    placed: tuple[_Placed, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        every = tuple(
            (world, tuple(zip(places, kinds, strict=True)), again)
            for world in range(len(_WORLDS))
            for places in combinations(range(_REQUESTS), self.faults)
            for kinds in product(Fault, repeat=self.faults)
            for again in (True, False)
        )
        object.__setattr__(self, "placed", every)

    def __call__(self, number: int) -> Found:
        """Return what is found with one of them."""
        world, faults, again = self.placed[number]
        happens = Schedule(saved=number % 4 < 2, again=again, faults=dict(faults))
        return live_through(_world(world), happens)


@cache
def _world(number: int) -> World:
    return World(*_WORLDS[number]())


@cache
def exhaustive(faults: int) -> Exhaustive:
    """Return every placement of so many faults, worked out once."""
    return Exhaustive(faults)
