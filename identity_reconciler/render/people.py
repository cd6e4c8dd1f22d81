"""Whose access a plan changes: who joins, who moves, who leaves, and what groups get.

People to whom the same happens stand together. Everybody stands in one place only: somebody of
whom nothing but the access of a group changes, with that group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from identity_reconciler.core.state import Membership, User, folded
from identity_reconciler.render.document import (
    AccessDocument,
    AccountAccessDocument,
    ChangeDocument,
    PersonDocument,
    PlanDocument,
)

THROUGH = "through "
"""Begins a path of access that leads through a group."""


@dataclass(frozen=True, slots=True)
class AccessTarget:
    """What somebody gains or loses: an application, or a permission set or role in an account."""

    effect: Literal["loses", "gains"]
    name: str
    account: str = ""
    """Its name and number, or its number alone; empty with applications."""
    arn: str = ""
    paths: tuple[str, ...] = ()
    """All that are gained, or all that are lost."""
    ways: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """How people come into the groups of paths that they join by an include or a rule, where all
    of them come alike; by path, see `ChangeDocument.via`."""

    @property
    def order(self) -> tuple[bool, bool, str, str, str]:
        """Losses come first, and accounts before applications."""
        return (self.effect == "gains", not self.account, self.account, self.name, self.arn)


@dataclass(frozen=True, slots=True)
class Party:
    """People to whom the same happens."""

    people: tuple[str, ...]
    left: tuple[str, ...]
    """Groups that they leave, by name."""
    joined: tuple[str, ...]
    """Groups that they join, by name."""
    targets: tuple[AccessTarget, ...]


@dataclass(frozen=True, slots=True)
class Crowd:
    """People who gain or lose something because a group does, or too many to be named."""

    target: AccessTarget
    people: tuple[str, ...]
    """Those who are named in the plan."""
    count: int
    """All of them."""


@dataclass(frozen=True, slots=True)
class PeopleTouched:
    """Everybody whose access a plan changes."""

    joins: tuple[Party, ...]
    """Of people who are created."""
    moves: tuple[Party, ...]
    """Of people who were there, and stay."""
    leaves: tuple[Party, ...]
    """Of people who are deleted."""
    crowds: tuple[Crowd, ...]
    named: bool
    """Whether all access is told by name, so that whoever has nothing here gets nothing."""


@dataclass(slots=True)
class _Person:
    """What happens to one person."""

    name: str
    left: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    ways: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """How they come into groups that they join, by path; nothing where they are listed."""
    targets: list[AccessTarget] = field(default_factory=list)


def people_of(plan: PlanDocument) -> PeopleTouched:
    """Return whose access *plan* changes."""
    gathered = _Gathered()
    for change in plan.changes:
        gathered.note(change)
    gathered.settle()
    crowds: dict[AccessTarget, list[str]] = {}
    whole = True
    too_many = []
    for access in _every(plan):
        if access.people > len(access.listed):
            whole = False
            named = tuple(person.user for person in access.listed)
            too_many.append(Crowd(_target(access, _shared(access.listed)), named, access.people))
            continue
        for person in access.listed:
            target = _target(access, person.paths)
            own = gathered.person(person, target)
            if own is None:
                crowds.setdefault(target, []).append(person.user)
            else:
                own.targets.append(target)
    found = (Crowd(target, tuple(names), len(names)) for target, names in crowds.items())
    return PeopleTouched(
        _parties(gathered.joins.values()),
        _parties(one for one in gathered.others.values() if one.targets),
        _parties(gathered.leaves.values()),
        tuple(sorted((*found, *too_many), key=lambda one: (one.target.order, one.target.paths))),
        named=whole and plan.access_complete,
    )


def _every(plan: PlanDocument) -> Iterator[AccessDocument | AccountAccessDocument]:
    yield from plan.account_access
    yield from plan.access


@dataclass(slots=True)
class _Gathered:
    """What the changes of a plan do to people, by folded names of after it."""

    joins: dict[str, _Person] = field(default_factory=dict)
    others: dict[str, _Person] = field(default_factory=dict)
    leaves: dict[str, _Person] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    """New folded names by old ones."""
    links: list[tuple[bool, Membership, tuple[str, ...]]] = field(default_factory=list)
    """Memberships, whether they are made, and how they come."""

    def note(self, change: ChangeDocument) -> None:
        """Take in *change*."""
        match change.before, change.after:
            case None, User(user_name=name):
                self.joins[folded(name)] = _Person(name)
            case User(user_name=name), None:
                self.leaves[folded(name)] = _Person(name)
            case User(user_name=old), User(user_name=new) if old != new:
                self.renamed[folded(old)] = folded(new)
            case None, Membership() as made:
                self.links.append((True, made, change.via))
            case Membership() as gone, None:
                self.links.append((False, gone, ()))
            case _:
                pass
        self.links += ((False, gone, ()) for gone in change.cascaded)

    def settle(self) -> None:
        """Give the memberships to their people, when all changes are known."""
        for is_made, link, via in self.links:
            key = folded(link.user)
            first = self.joins if is_made else self.leaves
            if key in first:
                person = first[key]
            else:
                key = key if is_made else self.renamed.get(key, key)
                person = self.others.setdefault(key, _Person(link.user))
            (person.joined if is_made else person.left).add(link.group)
            if is_made:
                person.ways[f"{THROUGH}{link.group}"] = via

    def person(self, person: PersonDocument, target: AccessTarget) -> _Person | None:
        """Return whose own *target* is; None when a group of theirs is all that changes."""
        key = folded(person.user)
        first, second = self.joins, self.leaves
        if target.effect == "loses":
            first, second = second, first
        found = first.get(key) or second.get(key) or self.others.get(key)
        if found is None:
            if all(path.startswith(THROUGH) for path in target.paths):
                return None
            found = self.others[key] = _Person(person.user)
        found.name = person.user
        return found


def _target(access: AccessDocument | AccountAccessDocument, paths: tuple[str, ...]) -> AccessTarget:
    if isinstance(access, AccessDocument):
        return AccessTarget(access.effect, access.application, "", access.application_arn, paths)
    return AccessTarget(access.effect, access.access, account_label(access), access.arn, paths)


def account_label(access: AccountAccessDocument) -> str:
    """Return what people call the account, with its number."""
    return f"{access.account_name} ({access.account})" if access.account_name else access.account


def _shared(listed: Iterable[PersonDocument]) -> tuple[str, ...]:
    """Return the paths of all in *listed*; none when they have different ones."""
    paths = {person.paths for person in listed}
    return paths.pop() if len(paths) == 1 else ()


def _parties(people: Iterable[_Person]) -> tuple[Party, ...]:
    """Return *people* together to whom the same happens, by the name of the first of each."""
    together: dict[
        tuple[tuple[str, ...], tuple[str, ...], tuple[AccessTarget, ...]], list[_Person]
    ] = {}
    for person in sorted(people, key=lambda one: (folded(one.name), one.name)):
        targets = tuple(sorted(person.targets, key=lambda one: one.order))
        key = (_by_name(person.left), _by_name(person.joined), targets)
        together.setdefault(key, []).append(person)
    return tuple(
        Party(
            tuple(one.name for one in some),
            left,
            joined,
            tuple(_told(one, some) for one in targets),
        )
        for (left, joined, targets), some in together.items()
    )


def _told(target: AccessTarget, people: Sequence[_Person]) -> AccessTarget:
    """Return *target* with how *people*, who gain it alike, come into the groups of its paths."""
    ways: dict[str, tuple[str, ...]] = {}
    for path in target.paths if target.effect == "gains" else ():
        found = {one.ways.get(path, ()) for one in people}
        if len(found) == 1 and found != {()}:
            (ways[path],) = found
    return replace(target, ways=ways) if ways else target


def _by_name(groups: set[str]) -> tuple[str, ...]:
    return tuple(sorted(groups, key=lambda name: (folded(name), name)))


def count_of(parties: Iterable[Party]) -> int:
    """Return how many people there are in *parties*."""
    return sum(len(party.people) for party in parties)


def lost_and_gained(plan: PlanDocument) -> str:
    """Return how often access is lost and how often gained, in words."""
    told = []
    for effect, word in (("loses", "lost"), ("gains", "gained")):
        amount = sum(access.people for access in _every(plan) if access.effect == effect)
        if amount:
            told.append(f"{amount} {word}")
    return ", ".join(told) or "none lost, none gained"
