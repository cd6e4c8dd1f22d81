"""What is live, what is wanted, and who has access: by identity, in plain dictionaries.

This judges the product, so it shares no code with it: an object has an identity that no rename
changes, what is declared is a few plain records, and who may open what is found by looking at every
assignment. Names are lower-case ASCII here; letter case and Unicode have properties of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Id = str
"""`u:` or `g:` and the name under which it was made, with a `+` for each that was so before."""
Fact = tuple[str, ...]
"""One thing that a run makes so: `+`, `-` or `~`, a kind, and whom or what it is about."""
Way = tuple[Id, str]
"""A person, and the ARN of an application that the person may open."""


class Person(NamedTuple):
    """A user as he is."""

    name: str
    display_name: str
    title: str | None = None
    email: str | None = None
    manager: Id | None = None


class Team(NamedTuple):
    """A group as it is."""

    name: str
    description: str | None = None


@dataclass(slots=True)
class Store:
    """Everything that is live."""

    people: dict[Id, Person] = field(default_factory=dict)
    teams: dict[Id, Team] = field(default_factory=dict)
    members: set[tuple[Id, Id]] = field(default_factory=set)
    """Team and person."""
    assignments: set[tuple[str, Id]] = field(default_factory=set)
    """ARN, and team or person, who may be gone."""
    foreign: frozenset[Id] = frozenset()
    """Who belongs to an external identity provider."""
    used: set[Id] = field(default_factory=set, compare=False, repr=False)
    """Every identity that there has been."""

    def __post_init__(self) -> None:
        self.used |= {*self.people, *self.teams}

    def copy(self) -> Store:
        """Return the same to be changed."""
        return Store(
            dict(self.people),
            dict(self.teams),
            set(self.members),
            set(self.assignments),
            self.foreign,
            set(self.used),
        )

    def person(self, name: str) -> Id | None:
        """Return whose name that is."""
        return next((one for one, is_ in self.people.items() if is_.name == name), None)

    def team(self, name: str) -> Id | None:
        """Return what is called that."""
        return next((one for one, is_ in self.teams.items() if is_.name == name), None)

    def find(self, kind: str, name: str) -> Id | None:
        """Return the `u` or `g` of that name."""
        return self.person(name) if kind == "u" else self.team(name)

    def name(self, one: Id) -> str:
        """Return what *one* is called, or the identity of one who is gone."""
        found = self.people.get(one) or self.teams.get(one)
        return found.name if found else one

    def remove(self, one: Id) -> None:
        """Remove a person or a team with its memberships.

        Assignments stay, and so does what others have for a manager: AWS keeps both.
        """
        self.people.pop(one, None)
        self.teams.pop(one, None)
        self.members = {edge for edge in self.members if one not in edge}

    def by_name(self) -> Store:
        """Return the same with names for identities, to compare what was made at other times."""
        called = {one: f"{one[0]}:{self.name(one)}" for one in (*self.people, *self.teams)}
        return Store(
            {
                called[one]: is_._replace(manager=called.get(is_.manager or "", is_.manager))
                for one, is_ in self.people.items()
            },
            {called[one]: is_ for one, is_ in self.teams.items()},
            {(called[team], called[person]) for team, person in self.members},
            {(arn, called.get(one, one)) for arn, one in self.assignments},
            frozenset(called[one] for one in self.foreign if one in called),
        )


class Entry(NamedTuple):
    """What is said of one user or group."""

    kind: str
    """`u` or `g`."""
    name: str
    state: str = "present"
    """`present`, `absent` or `external`."""
    previous: str | None = None
    says: tuple[tuple[str, str | None], ...] = ()
    """Attributes and their values, None for one that must have none; a manager is a name."""
    members: tuple[tuple[str, str], ...] | None = None
    """Of a group: who is listed, and whether that is `held`, `over` or `ending`."""


class Assigned(NamedTuple):
    """What is said of one application."""

    arn: str
    listed: tuple[tuple[str, str, str], ...] | None
    """Kind, name and, as for members, whether it holds; None: it is not managed."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Everything that is declared."""

    entries: tuple[Entry, ...]
    applications: tuple[Assigned, ...]
    whole: frozenset[str] = frozenset()
    """`u` and `g`, where who is live and not declared is to go."""
    adding: frozenset[str] = frozenset()
    """`members` and `assignments`, where who is live and not listed stays."""


def made(live: Store, kind: str, name: str) -> Id:
    """Return the identity of what is made in *live* under that name."""
    one = f"{kind}:{name}"
    while one in live.used:
        one += "+"
    return one


def intended(live: Store, intent: Intent) -> Store:
    """Return what is to be live when *intent* is carried out where *live* is live."""
    after = live.copy()
    bound = {
        (entry.kind, entry.name): live.find(entry.kind, entry.name)
        or (live.find(entry.kind, entry.previous) if entry.previous else None)
        or made(live, entry.kind, entry.name)
        for entry in intent.entries
        if entry.state != "absent"
    }
    for entry in intent.entries:
        if entry.state == "present":
            _declare(after, entry, bound)
    _list_members(after, intent, bound)
    _list_assigned(after, intent, bound)
    for one in _leavers(live, intent, set(bound.values())):
        after.remove(one)
        after.assignments = {link for link in after.assignments if link[1] != one}
    return after


def _declare(after: Store, entry: Entry, bound: dict[tuple[str, str], Id]) -> None:
    one = bound[entry.kind, entry.name]
    said = dict(entry.says)
    if entry.kind == "g":
        team = after.teams.get(one, Team(entry.name))
        after.teams[one] = team._replace(name=entry.name, **said)
        return
    manager = said.get("manager")
    if manager is not None:
        said["manager"] = bound.get(("u", manager)) or after.person(manager)
    person = after.people.get(one, Person(entry.name, ""))
    after.people[one] = person._replace(name=entry.name, **said)  # type: ignore[arg-type]


def _list_members(after: Store, intent: Intent, bound: dict[tuple[str, str], Id]) -> None:
    for entry in intent.entries:
        if entry.kind == "g" and entry.state == "present" and entry.members is not None:
            team = bound["g", entry.name]
            if "members" not in intent.adding:
                after.members = {edge for edge in after.members if edge[0] != team}
            for name, holds in entry.members:
                if holds != "over":
                    after.members.add((team, bound["u", name]))


def _list_assigned(after: Store, intent: Intent, bound: dict[tuple[str, str], Id]) -> None:
    for application in intent.applications:
        if application.listed is not None:
            arn = application.arn
            if "assignments" not in intent.adding:
                after.assignments = {link for link in after.assignments if link[0] != arn}
            for kind, name, holds in application.listed:
                if holds != "over":
                    after.assignments.add((arn, bound[kind, name]))


def _leavers(live: Store, intent: Intent, staying: set[Id]) -> Iterator[Id]:
    absent = {(entry.kind, entry.name) for entry in intent.entries if entry.state == "absent"}
    for one in (*live.people, *live.teams):
        is_said = (one[0], live.name(one)) in absent or one[0] in intent.whole
        if one not in staying and one not in live.foreign and is_said:
            yield one


def differences(before: Store, after: Store) -> frozenset[Fact]:
    """Return each thing that leads from *before* to *after*; what goes by itself is not told."""
    found: set[Fact] = set()
    for kind, old, new in (
        ("user", before.people, after.people),
        ("group", before.teams, after.teams),
    ):
        found.update(("+", kind, one) for one in new.keys() - old.keys())
        found.update(("-", kind, one) for one in old.keys() - new.keys())
        found.update(("~", kind, one) for one in old.keys() & new.keys() if old[one] != new[one])
    there = after.people.keys() | after.teams.keys()
    found.update(("+", "membership", *edge) for edge in after.members - before.members)
    found.update(
        ("-", "membership", *edge)
        for edge in before.members - after.members
        if edge[0] in there and edge[1] in there
    )
    found.update(("+", "assignment", *link) for link in after.assignments - before.assignments)
    found.update(("-", "assignment", *link) for link in before.assignments - after.assignments)
    return frozenset(found)


def cascades(before: Store, after: Store) -> frozenset[Fact]:
    """Return what goes by itself from *before* to *after*: memberships of who is gone."""
    there = after.people.keys() | after.teams.keys()
    return frozenset(
        ("-", "membership", *edge)
        for edge in before.members
        if edge[0] not in there or edge[1] not in there
    )


def holds(fact: Fact, live: Store, wanted: Store) -> bool:
    """Return whether *fact*, one on the way to *wanted*, is so in *live*.

    Nobody has a link any more whose person or team is gone.
    """
    sign, kind, *about = fact
    if kind == "membership":
        return ((about[0], about[1]) in live.members) == (sign == "+")
    if kind == "assignment":
        is_held = about[1] in live.people or about[1] in live.teams
        return (is_held and (about[0], about[1]) in live.assignments) == (sign == "+")
    people = kind == "user"
    found = live.people.get(about[0]) if people else live.teams.get(about[0])
    if sign == "-":
        return found is None
    return found == (wanted.people.get(about[0]) if people else wanted.teams.get(about[0]))


def access(live: Store) -> set[Way]:
    """Return who may open what."""
    inside: dict[Id, list[Id]] = {}
    for team, person in live.members:
        inside.setdefault(team, []).append(person)
    found = set()
    for arn, one in live.assignments:
        if one in live.people:
            found.add((one, arn))
        elif one in live.teams:
            found.update((person, arn) for person in inside.get(one, ()))
    return found


def told(facts: Iterable[Fact]) -> str:
    """Return *facts* in one line."""
    return ", ".join(" ".join(fact) for fact in sorted(facts))


def carry_out(live: Store, fact: Fact, wanted: Store) -> None:
    """Make *fact*, one on the way to *wanted*, so in *live*."""
    sign, kind, *about = fact
    if kind in {"membership", "assignment"}:
        links = live.members if kind == "membership" else live.assignments
        (links.add if sign == "+" else links.discard)((about[0], about[1]))
    elif sign == "-":
        live.remove(about[0])
    elif kind == "user":
        live.people[about[0]] = wanted.people[about[0]]
    else:
        live.teams[about[0]] = wanted.teams[about[0]]
