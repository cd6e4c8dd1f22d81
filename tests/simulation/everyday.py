"""The pull requests of every day: people change groups, and groups change applications."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.oracle import Assigned, Entry, Intent, Person, Store, Team
from tests.simulation.worlds import ARNS

Draw = Callable[[Random], tuple[Store, Intent]]
_PEOPLE = ("ana", "bob", "cleo", "dan", "eve", "fay")


def _company(random: Random, teams: dict[str, list[str]], assigned: dict[str, list[str]]) -> Store:
    """Return a directory in which teams have members, and applications have whoever is assigned.

    Whom an assignment is to is told by `u:` or `g:` and a name.
    """
    store = Store(
        {f"u:{name}": Person(name, "A") for name in _PEOPLE},
        {f"g:{name}": Team(name) for name in teams},
        {(f"g:{team}", f"u:{name}") for team, names in teams.items() for name in names},
        {(arn, one) for arn, some in assigned.items() for one in some},
    )
    if random.random() < 0.3:
        # Somebody who has it by another way as well.
        store.assignments.add((ARNS[0], f"u:{random.choice(_PEOPLE)}"))
    return store


def _said(
    teams: dict[str, list[str]],
    assigned: dict[str, list[str]],
    *,
    previous: dict[str, str] | None = None,
    kept: Store | None = None,
) -> Intent:
    """Return what is declared: all else that is live of groups is to go."""
    former = previous or {}
    listed = {arn: set(some) for arn, some in assigned.items()}
    for arn, one in kept.assignments if kept else ():
        if one[0] == "u":
            listed.setdefault(arn, set()).add(one)
    return Intent(
        (
            *(Entry("u", name, says=(("display_name", "A"),)) for name in _PEOPLE),
            *(
                Entry("g", team, "present", former.get(team), (), tuple((n, "held") for n in names))
                for team, names in teams.items()
            ),
        ),
        tuple(
            Assigned(arn, tuple((one[0], one[2:], "held") for one in sorted(listed.get(arn, ()))))
            for arn in ARNS
        ),
        frozenset("g"),
    )


def _some(random: Random, least: int = 2) -> list[str]:
    return random.sample(_PEOPLE, random.randint(least, len(_PEOPLE)))


def people_become_a_group(random: Random) -> tuple[Store, Intent]:
    """Who was assigned one by one is assigned by a group."""
    some = _some(random)
    live = _company(random, {}, {ARNS[0]: [f"u:{name}" for name in some]})
    return live, _said({"team": some}, {ARNS[0]: ["g:team"]})


def a_group_is_split(random: Random) -> tuple[Store, Intent]:
    """Two groups are made of one, each with an application that it had."""
    some = _some(random, 3)
    cut = random.randint(1, len(some) - 1)
    stays = random.random() < 0.5
    first = "all" if stays else "left"
    live = _company(random, {"all": some}, {ARNS[0]: ["g:all"], ARNS[1]: ["g:all"]})
    both = [f"g:{first}", "g:right"]
    return live, _said(
        {first: some[:cut], "right": some[cut:]}, {ARNS[0]: both, ARNS[1]: both[:1]}, kept=live
    )


def people_move(random: Random) -> tuple[Store, Intent]:
    """Some go from a group to another one that shares an application with it."""
    some = _some(random, 4)
    cut = random.randint(1, len(some) - 1)
    teams = {"here": some[:cut], "there": some[cut:]}
    assigned = {ARNS[0]: ["g:here", "g:there"], ARNS[1]: ["g:here"], ARNS[2]: ["g:there"]}
    live = _company(random, teams, assigned)
    moved = random.sample(some, random.randint(1, len(some)))
    later = {
        team: [name for name in some if (name in names) != (name in moved)]
        for team, names in teams.items()
    }
    return live, _said(later, assigned, kept=live)


def a_group_replaces_another(random: Random) -> tuple[Store, Intent]:
    """A new group gets the members and the applications of an old one, which goes."""
    some = _some(random)
    live = _company(random, {"old": some}, {arn: ["g:old"] for arn in ARNS[:2]})
    kept = [name for name in some if random.random() < 0.8]
    return live, _said({"young": kept}, {arn: ["g:young"] for arn in ARNS[:2]}, kept=live)


def a_rename_and_a_move(random: Random) -> tuple[Store, Intent]:
    """A group gets another name, and people go from it to a new one with the same application."""
    some = _some(random, 3)
    cut = random.randint(1, len(some) - 1)
    live = _company(random, {"first": some}, {ARNS[0]: ["g:first"], ARNS[1]: ["g:first"]})
    return live, _said(
        {"second": some[:cut], "third": some[cut:]},
        {ARNS[0]: ["g:second", "g:third"], ARNS[1]: ["g:third"]},
        previous={"second": "first"},
        kept=live,
    )


EVERYDAY: tuple[Draw, ...] = (
    people_become_a_group,
    a_group_is_split,
    people_move,
    a_group_replaces_another,
    a_rename_and_a_move,
)
