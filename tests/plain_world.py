"""What a declaration means and what changes do, in plain sets: the tests' own account of both.

Everything has an identity here that no rename changes, as in AWS: the kind and the key under which
it is live before, or which it is created under. Nothing of the product that resolves, narrows,
compares or projects is used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from fnmatch import fnmatchcase
from typing import assert_never

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.plan import Change, Create, Delete, Rename, Update
from identity_reconciler.core.state import (
    Application,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    State,
    User,
    UserName,
    folded,
)

Id = tuple[str, str]
"""Kind and key; "orphaned-user" and "orphaned-group" are kinds as well."""
Attributes = dict[str, object]
"""What has a value. A manager is an identity, or the bare text of one who is gone."""


@dataclass(frozen=True)
class PlainWorld:
    """Everything that is live."""

    names: dict[Id, str]
    """As spelled."""
    attributes: dict[Id, Attributes]
    members: set[tuple[Id, Id]]
    """Group and user."""
    assignments: set[tuple[str, Id]]
    """ARN and principal."""

    def find(self, kind: str, name: str) -> Id | None:
        """Return what is called *name* now."""
        found = [
            one
            for one, called in self.names.items()
            if one[0] == kind and folded(called) == folded(name)
        ]
        assert len(found) <= 1, f"two are called {name}"
        return found[0] if found else None

    def by_name(self) -> PlainWorld:
        """Return the same with present names in place of identities, to compare with another."""
        called = {one: (one[0], folded(name)) for one, name in self.names.items()}
        return PlainWorld(
            {called[one]: name for one, name in self.names.items()},
            {
                called[one]: {
                    name: called.get(value, value)  # type: ignore[call-overload]
                    for name, value in attributes.items()
                }
                for one, attributes in self.attributes.items()
            },
            {(called[group], called[user]) for group, user in self.members},
            {(arn, called.get(one, one)) for arn, one in self.assignments},
        )

    def without(self, gone: set[Id]) -> PlainWorld:
        """Return the same without some users and groups, and without all of their links."""
        return PlainWorld(
            {one: name for one, name in self.names.items() if one not in gone},
            {one: some for one, some in self.attributes.items() if one not in gone},
            {edge for edge in self.members if gone.isdisjoint(edge)},
            {link for link in self.assignments if link[1] not in gone},
        )


def plain(live: State) -> PlainWorld:
    """Return *live*, a state whose objects stand under their own names."""
    objects = _objects(live)
    world = PlainWorld(
        {_id(one): _name(one) for one in objects},
        {},
        {
            (("group", str(group)), ("user", str(user)))
            for group, members in live.members.items()
            for user in members
        },
        {(str(arn), _principal(one)) for arn, found in live.assignments.items() for one in found},
    )
    world.attributes.update({_id(one): _attributes(one, world) for one in objects})
    return world


def _objects(live: State) -> tuple[User | Group, ...]:
    return (*live.users.values(), *live.groups.values())


def _entries(declared: Declared) -> tuple[DeclaredUser | DeclaredGroup, ...]:
    return (*declared.users, *declared.groups)


def _id(one: User | Group) -> Id:
    return one.key[0], one.key[1]


def _name(one: User | Group) -> str:
    return one.user_name if isinstance(one, User) else one.name


def _principal(principal: Principal) -> Id:
    return f"{'orphaned-' if principal.orphan else ''}{principal.kind}", principal.name


_NOT_ATTRIBUTES = {"user_name", "name", "cleared", "foreign", "provenance"}


def _attributes(one: User | Group, world: PlainWorld) -> Attributes:
    found: Attributes = {
        field.name: getattr(one, field.name)
        for field in fields(one)
        if field.name not in _NOT_ATTRIBUTES and getattr(one, field.name) is not None
    }
    if isinstance(one, User) and one.manager:
        found["manager"] = world.find("user", one.manager) or ("user", folded(one.manager))
    return found


def intended(live: State, declared: Declared, as_of: datetime) -> PlainWorld:
    """Return what *live* shall be where *declared* holds at *as_of*."""
    world = plain(live)
    bound = _bound(world, declared)
    gone = _gone(live, declared, set(bound.values()))
    for entry in _entries(declared):
        if _is_ours(entry, declared):
            _declare(world, entry, bound[_key(entry)])
    for user in declared.users:
        if user.user.manager and _is_ours(user, declared):
            manager = bound[("user", folded(user.user.manager))]
            world.attributes[bound[_key(user)]]["manager"] = manager
    links = _Links(world, declared, bound, as_of)
    for group in declared.groups:
        links.settle_members(group)
    for application in declared.applications:
        links.settle_assignments(application, live)
    return world.without(gone)


@dataclass(frozen=True)
class _Links:
    """Makes the links of a world those that are declared."""

    world: PlainWorld
    declared: Declared
    bound: dict[Id, Id]
    as_of: datetime

    def settle_members(self, entry: DeclaredGroup) -> None:
        if entry.members is not None:
            group, members = self.bound[_key(entry)], self.world.members
            found = {user for one, user in members if one == group}
            mode = self.declared.settings.memberships
            wanted = self._settled(mode, found, self._listed("user", entry.members))
            members.difference_update({(group, user) for user in found})
            members.update({(group, user) for user in wanted})

    def settle_assignments(self, entry: DeclaredApplication, live: State) -> None:
        if entry.managed:
            (arn,) = (one.arn for one in live.applications.values() if entry.selector.matches(one))
            assignments = self.world.assignments
            found = {one for other, one in assignments if other == arn}
            listed = self._listed("user", entry.users) | self._listed("group", entry.groups)
            wanted = self._settled(self.declared.settings.assignments, found, listed)
            assignments.difference_update({(arn, one) for one in found})
            assignments.update({(arn, one) for one in wanted})

    def _settled(self, mode: ManageLinks, found: set[Id], listed: set[Id]) -> set[Id]:
        ignored = {one for one in found if _is_ignored(one, self.declared)}
        kept = found if mode is ManageLinks.ADDITIVE else ignored
        return found if mode is ManageLinks.OFF else kept | listed

    def _listed(self, kind: str, listed: Iterable[Listed]) -> set[Id]:
        holding = (
            one
            for one in listed
            if (one.starts is None or one.starts <= self.as_of)
            and (one.expires is None or one.expires > self.as_of)
        )
        keys = ((kind, folded(one.name)) for one in holding)
        return {self.bound.get(key, key) for key in keys}


def _key(entry: DeclaredUser | DeclaredGroup) -> Id:
    return entry.kind, folded(entry.name)


def _mode(kind: str, declared: Declared) -> ManageObjects:
    return declared.settings.users if kind == "user" else declared.settings.groups


def _is_ours(entry: DeclaredUser | DeclaredGroup, declared: Declared) -> bool:
    referred = _mode(entry.kind, declared) is ManageObjects.REFERENCE
    return entry.presence is Presence.PRESENT and not referred


def _is_ignored(one: Id, declared: Declared) -> bool:
    ignore = declared.settings.ignore
    patterns = ignore.users if one[0] == "user" else ignore.groups
    return any(fnmatchcase(one[1], folded(pattern)) for pattern in patterns)


def _bound(world: PlainWorld, declared: Declared) -> dict[Id, Id]:
    """Return the identity behind the name of every entry that stays."""
    bound: dict[Id, Id] = {}
    for entry in _entries(declared):
        if entry.presence is not Presence.ABSENT:
            names = (entry.name, *entry.previous_names)
            live = [one for name in names if (one := world.find(entry.kind, name))]
            bound[_key(entry)] = live[0] if live else _key(entry)
    return bound


def _gone(live: State, declared: Declared, bound: set[Id]) -> set[Id]:
    absent = {_key(entry) for entry in _entries(declared) if entry.presence is Presence.ABSENT}
    return {
        _id(one)
        for one in _objects(live)
        if _id(one) not in bound
        and not one.foreign
        and not _is_ignored(_id(one), declared)
        and (_id(one) in absent or _mode(_id(one)[0], declared) is ManageObjects.AUTHORITATIVE)
    }


def _declare(world: PlainWorld, entry: DeclaredUser | DeclaredGroup, one: Id) -> None:
    """Give *one* the name and the attributes of its entry, but for the manager."""
    wanted = entry.user if isinstance(entry, DeclaredUser) else entry.group
    if folded(world.names.get(one, "")) != folded(entry.name):
        world.names[one] = entry.name
    said = {name: v for name, v in _attributes(wanted, world).items() if name != "manager"}
    kept = world.attributes.get(one, {}).items()
    world.attributes[one] = {n: v for n, v in kept if n not in wanted.cleared} | said


def untouched(live: State, declared: Declared) -> set[Id]:
    """Return the groups of which nothing is written for somebody who leaves."""
    return {
        _id(one) for one in live.groups.values() if one.foreign or _is_ignored(_id(one), declared)
    }


def amount(before: PlainWorld, after: PlainWorld, off_limits: Collection[Id] = ()) -> int:
    """Return how many changes lead from the one to the other.

    Who stays needs none to part from a group that goes, and who goes none from one *off_limits*;
    those that leave others part from each by a change of its own.
    """
    there, later = before.names.keys(), after.names.keys()
    changed = sum(
        (before.names[one], before.attributes[one]) != (after.names[one], after.attributes[one])
        for one in there & later
    )
    parted = [
        (group, user)
        for group, user in before.members - after.members
        if (group in later or user not in later) and (user in later or group not in off_limits)
    ]
    links = len(parted) + len(after.members - before.members)
    return len(there ^ later) + changed + links + len(before.assignments ^ after.assignments)


def carry_out(world: PlainWorld, changes: Iterable[Change]) -> PlainWorld:
    """Return *world* after *changes*, one after the other; each must be possible when it comes."""
    for change in changes:
        match change:
            case Create():
                _create(world, change.after)
            case Update() | Rename():
                _replace(world, change.before, change.after)
            case Delete():
                world = _delete(world, change)
            case _:
                assert_never(change)
    return world


def _create(world: PlainWorld, resource: User | Group | Membership | Assignment) -> None:
    match resource:
        case User() | Group():
            assert world.find(_id(resource)[0], _name(resource)) is None
            assert not resource.cleared
            _require_manager(world, resource)
            # An identity of its own, should the name be that of somebody who was renamed.
            one = _id(resource)
            while one in world.names:
                one = (one[0], f"new {one[1]}")
            world.names[one] = _name(resource)
            world.attributes[one] = _attributes(resource, world)
        case Membership():
            edge = _edge(world, resource)
            assert edge not in world.members
            world.members.add(edge)
        case Assignment():
            link = (str(resource.application), _assigned(world, resource))
            assert link not in world.assignments
            world.assignments.add(link)
        case _:
            assert_never(resource)


def _require_manager(world: PlainWorld, resource: User | Group) -> None:
    if isinstance(resource, User) and resource.manager:
        assert world.find("user", resource.manager)


def _replace(world: PlainWorld, before: User | Group, after: User | Group) -> None:
    one = world.find(_id(before)[0], _name(before))
    assert one is not None
    assert world.names[one] == _name(before)
    assert world.attributes[one] == _attributes(before, world)
    assert (after.foreign, after.cleared) == (before.foreign, frozenset())
    assert world.find(one[0], _name(after)) in {None, one}
    if isinstance(after, User) and isinstance(before, User) and after.manager != before.manager:
        _require_manager(world, after)
    world.names[one] = _name(after)
    world.attributes[one] = _attributes(after, world)


def _delete(world: PlainWorld, change: Delete) -> PlainWorld:
    match change.before:
        case User() | Group() as resource:
            one = world.find(_id(resource)[0], _name(resource))
            assert one is not None
            assert world.attributes[one] == _attributes(resource, world)
            assert not any(other == one for _, other in world.assignments)
            # What is removed goes by the names of before the plan, which are identities here.
            cascaded = {(("group", e.key[1]), ("user", e.key[2])) for e in change.cascaded}
            assert cascaded == {edge for edge in world.members if one in edge}
            return world.without({one})
        case Membership() as resource:
            world.members.remove(_edge(world, _former(world, resource)))
        case Assignment() as resource:
            link = _former_assignment(world, resource)
            world.assignments.remove((str(resource.application), link))
        case _:
            assert_never(change.before)
    return world


def _former(world: PlainWorld, edge: Membership) -> Membership:
    """Return *edge*, of before the plan, under the names that its group and user have now."""
    group, user = ("group", folded(edge.group)), ("user", folded(edge.user))
    return Membership(
        GroupName(world.names.get(group, edge.group)), UserName(world.names.get(user, edge.user))
    )


def _former_assignment(world: PlainWorld, assignment: Assignment) -> Id:
    principal = assignment.principal
    one = (str(principal.kind), principal.name)
    return _assigned(world, assignment) if principal.orphan or one not in world.names else one


def _edge(world: PlainWorld, edge: Membership) -> tuple[Id, Id]:
    group, user = world.find("group", edge.group), world.find("user", edge.user)
    assert group
    assert user
    return group, user


def _assigned(world: PlainWorld, assignment: Assignment) -> Id:
    principal = assignment.principal
    if principal.orphan:
        return _principal(principal)
    found = world.find(str(principal.kind), principal.name)
    assert found
    return found


Way = tuple[Id, str]
"""A person and the ARN of an application."""


def access(world: PlainWorld, applications: Iterable[Application]) -> dict[Way, frozenset[str]]:
    """Return every path, in words, of everybody to everything, by looking at every pair."""
    found: dict[Way, frozenset[str]] = {}
    for application in applications:
        for user in (one for one in world.names if one[0] == "user"):
            assigned = {one for arn, one in world.assignments if arn == application.arn}
            groups = {group for group, one in world.members if one == user}
            ways = {f"through {world.names[group]}" for group in groups & assigned}
            ways |= {"directly"} if user in assigned else set()
            if application.assignment_required is False:
                ways = {"everyone: no assignment required"}
            if ways:
                found[user, str(application.arn)] = frozenset(ways)
    return found
