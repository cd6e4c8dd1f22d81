"""What a change of the YAML touches, and the declaration narrowed down to that. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    Presence,
)
from identity_reconciler.core.flattening import depends_on_live
from identity_reconciler.core.state import (
    Application,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    folded,
    group_key,
    principals_of,
    user_key,
)
from identity_reconciler.errors import Position

_NOWHERE = Position("", 1, 1)


@dataclass(frozen=True, slots=True)
class Targets:
    """The resources that differ between two declarations, by key.

    An object is touched when its own entry differs, a link when the list it stands in differs in
    it. A list that is managed from now on is touched as a whole: what is live and not listed is
    removed.
    """

    users: frozenset[UserKey] = frozenset()
    groups: frozenset[GroupKey] = frozenset()
    memberships: frozenset[tuple[GroupKey, UserKey]] = frozenset()
    member_lists: frozenset[GroupKey] = frozenset()
    """Groups all of whose memberships are touched."""
    assignments: frozenset[tuple[ApplicationSelector, Principal]] = frozenset()
    assignment_lists: frozenset[ApplicationSelector] = frozenset()
    """Applications all of whose assignments are touched."""
    required: frozenset[ApplicationSelector] = frozenset()
    """Applications of which it is newly declared whether they require an assignment."""

    @property
    def listing(self) -> frozenset[GroupKey]:
        """Groups whose lists are touched, as a whole or in part."""
        return self.member_lists | {group for group, _ in self.memberships}

    def __len__(self) -> int:
        """Return how many resources are touched; a whole list counts as one."""
        objects = len(self.users) + len(self.groups)
        lists = len(self.member_lists) + len(self.assignment_lists) + len(self.required)
        return objects + lists + len(self.memberships) + len(self.assignments)


def touched(old: Declared, new: Declared) -> Targets:
    """Return what of *new* is not as in *old*, or no longer there.

    Where something stands in the files, and for what reason, makes no difference. The settings
    of both must be equal: a change of these touches everything.
    """
    heirs = _Heirs(old, new)
    member_lists, memberships = _touched_lists(old, new, heirs)
    assignment_lists, assignments = _touched_assignments(old, new, heirs)
    return Targets(
        users=_differing(_user_entries(old), _user_entries(new), _user_content),
        groups=_differing(_group_entries(old), _group_entries(new), _group_content),
        memberships=memberships,
        member_lists=member_lists,
        assignments=assignments,
        assignment_lists=assignment_lists,
        required=_touched_requirements(old, new),
    )


def _user_entries(declared: Declared) -> Mapping[UserKey, DeclaredUser]:
    return {user_key(entry.user.user_name): entry for entry in declared.users}


def _group_entries(declared: Declared) -> Mapping[GroupKey, DeclaredGroup]:
    return {group_key(entry.group.name): entry for entry in declared.groups}


def _user_content(entry: DeclaredUser) -> object:
    return entry.user, entry.presence, entry.previous_names


def _group_content(entry: DeclaredGroup) -> object:
    return entry.group, entry.presence, entry.previous_names


_Key = TypeVar("_Key", UserKey, GroupKey)
_Entry = TypeVar("_Entry")


def _differing(
    old: Mapping[_Key, _Entry], new: Mapping[_Key, _Entry], content: Callable[[_Entry], object]
) -> frozenset[_Key]:
    return frozenset(old.keys() ^ new.keys()) | {
        key for key in old.keys() & new.keys() if content(old[key]) != content(new[key])
    }


def _touched_lists(
    old: Declared, new: Declared, heirs: _Heirs
) -> tuple[frozenset[GroupKey], frozenset[tuple[GroupKey, UserKey]]]:
    """Return the groups whose whole lists are touched, and single memberships of the others."""
    whole, edges = set[GroupKey](), set[tuple[GroupKey, UserKey]]()
    if new.settings.memberships is not ManageLinks.OFF:
        before = _group_entries(old)
        for key, entry in _group_entries(new).items():
            listed = _members(entry)
            if listed is None:
                continue
            previous = _members(_predecessor(entry, before))
            if previous is None:
                whole.add(key)
            else:
                unequal = principals_of(_unequal(previous, listed), ())
                edges |= {(key, UserKey(one.name)) for one in unequal | {*heirs.of(unequal)}}
    return frozenset(whole), frozenset(edges)


class _Heirs:
    """Who has, or is to get, a name other than that which somebody had in a list.

    Who is taken from a list under the one name may stand in it under the other, all along.
    """

    def __init__(self, old: Declared, new: Declared) -> None:
        self._former = dict(_names(old))
        self._heirs: dict[Principal, list[Principal]] = {}
        for one, names in _names(new):
            for name in names:
                self._heirs.setdefault(name, []).append(one)

    def of(self, principals: Iterable[Principal]) -> Iterator[Principal]:
        """Yield those of *principals*, under whichever of the names that they had before."""
        for one in principals:
            for name in self._former.get(one, (one,)):
                yield from self._heirs.get(name, ())


def _names(declared: Declared) -> Iterator[tuple[Principal, tuple[Principal, ...]]]:
    """Yield each user and group with all names of it, its own first."""
    entries: list[DeclaredUser | DeclaredGroup] = [*declared.users, *declared.groups]
    for entry in entries:
        kind = PrincipalKind(entry.kind)
        yield (
            Principal(kind, _key(entry)),
            tuple(Principal(kind, folded(name)) for name in entry.names),
        )


def _predecessor(
    entry: DeclaredGroup, before: Mapping[GroupKey, DeclaredGroup]
) -> DeclaredGroup | None:
    """Return what *entry* was: under its name, or under a name it is renamed from."""
    return next((before[key] for key in map(group_key, entry.names) if key in before), None)


def _members(entry: DeclaredGroup | None) -> Mapping[UserKey, Listed] | None:
    """Return the managed members of *entry* by key; None where they are not managed."""
    if entry is None or not entry.is_managed or entry.presence is not Presence.PRESENT:
        return None
    return {user_key(one.name): one for one in entry.members or ()}


_Name = TypeVar("_Name")


def _unequal(old: Mapping[_Name, Listed], new: Mapping[_Name, Listed]) -> Iterator[_Name]:
    """Yield who is listed in one of the two only, or for another time."""
    yield from old.keys() ^ new.keys()
    yield from (
        key
        for key in old.keys() & new.keys()
        if (old[key].starts, old[key].expires) != (new[key].starts, new[key].expires)
    )


def _touched_assignments(
    old: Declared, new: Declared, heirs: _Heirs
) -> tuple[frozenset[ApplicationSelector], frozenset[tuple[ApplicationSelector, Principal]]]:
    whole, edges = set[ApplicationSelector](), set[tuple[ApplicationSelector, Principal]]()
    if new.settings.assignments is not ManageLinks.OFF:
        before = {entry.selector: entry for entry in old.applications if entry.managed}
        for entry in new.applications:
            if not entry.managed:
                continue
            if entry.selector not in before:
                whole.add(entry.selector)
            else:
                previous = assigned(before[entry.selector])
                unequal = frozenset(_unequal(previous, assigned(entry)))
                edges |= {(entry.selector, one) for one in unequal | {*heirs.of(unequal)}}
    return frozenset(whole), frozenset(edges)


def _touched_requirements(old: Declared, new: Declared) -> frozenset[ApplicationSelector]:
    if new.settings.assignments is ManageLinks.OFF:
        return frozenset()
    before = {entry.selector: entry.assignment_required for entry in old.applications}
    return frozenset(
        entry.selector
        for entry in new.applications
        if entry.assignment_required not in {None, before.get(entry.selector)}
    )


def rests_on_live(old: Declared, new: Declared) -> bool:
    """Return whether what differs between the two does not follow from them alone.

    Some list differs, or what makes it, and who is in it is known only with all that is live.
    """
    resting = depends_on_live(old) | depends_on_live(new)
    if not resting:
        return False
    former, now = _group_entries(old), _group_entries(new)
    return not touched(old, new).listing.isdisjoint(resting) or any(
        _sources(former.get(key)) != _sources(now.get(key)) for key in resting
    )


def _sources(entry: DeclaredGroup | None) -> object:
    """Return what gives *entry* members besides its list."""
    if entry is None or entry.presence is not Presence.PRESENT:
        return None
    include = frozenset((group_key(one.name), one.starts, one.expires) for one in entry.include)
    exclude = frozenset(user_key(one.name) for one in entry.exclude)
    return include, exclude, entry.rule and (entry.rule.conditions, entry.rule.expires)


def assigned(entry: DeclaredApplication) -> Mapping[Principal, Listed]:
    """Return what *entry* lists, by principal."""
    users = {Principal(PrincipalKind.USER, user_key(one.name)): one for one in entry.users}
    return users | {
        Principal(PrincipalKind.GROUP, group_key(one.name)): one for one in entry.groups
    }


def targets_of(
    declared: Declared, named: Iterable[Resource | Application], applications: Iterable[Application]
) -> Targets:
    """Return of *named*, by its live names, what *declared* decides about.

    What is live under a previous name is touched under the new one. Of an application that is
    whether an assignment is required; of a link, that link alone. *applications* are those that
    links in *named* lead to.
    """
    by_arn = {one.arn: one for one in applications}
    names = _Current(declared)
    users, groups = set[UserKey](), set[GroupKey]()
    memberships = set[tuple[GroupKey, UserKey]]()
    assignments = set[tuple[ApplicationSelector, Principal]]()
    required = set[ApplicationSelector]()
    managed = {key for key, one in _group_entries(declared).items() if _members(one) is not None}
    for resource in named:
        match resource:
            case User():
                users.add(UserKey(names.of(PrincipalKind.USER, resource.user_name)))
            case Group():
                groups.add(GroupKey(names.of(PrincipalKind.GROUP, resource.name)))
            case Membership():
                group = GroupKey(names.of(PrincipalKind.GROUP, resource.group))
                if group in managed and declared.settings.memberships is not ManageLinks.OFF:
                    user = UserKey(names.of(PrincipalKind.USER, resource.user))
                    memberships.add((group, user))
            case Assignment(principal=one):
                principal = Principal(one.kind, names.of(one.kind, one.name))
                found = by_arn.get(resource.application)
                assignments |= {
                    (entry.selector, principal)
                    for entry in _about(declared, found)
                    if entry.managed
                }
            case Application():
                required |= {
                    entry.selector
                    for entry in _about(declared, resource)
                    if entry.assignment_required is not None
                }
            case _:
                assert_never(resource)
    return Targets(
        users=frozenset(users),
        groups=frozenset(groups),
        memberships=frozenset(memberships),
        assignments=frozenset(assignments),
        required=frozenset(required),
    )


class _Current:
    """What is declared of whoever has, or had, a name."""

    def __init__(self, declared: Declared) -> None:
        self._heirs = {name: one for one, names in _names(declared) for name in names[1:]}
        # A name that is somebody's own by now is no other's previous one.
        self._heirs |= {one: one for one, _ in _names(declared)}

    def of(self, kind: PrincipalKind, name: str) -> str:
        """Return the folded name that whoever is live as *name* is declared under, or *name*."""
        key = folded(name)
        return self._heirs.get(Principal(kind, key), Principal(kind, key)).name


def _about(declared: Declared, live: Application | None) -> Iterator[DeclaredApplication]:
    """Yield the entries that *live* is declared by, if assignments are managed at all."""
    if live is not None and declared.settings.assignments is not ManageLinks.OFF:
        yield from (entry for entry in declared.applications if entry.selector.matches(live))


def rests_on_live_lists(declared: Declared, targets: Targets) -> bool:
    """Return whether who is in a touched list is known only with all that is live."""
    return not targets.listing.isdisjoint(depends_on_live(declared))


def restricted(declared: Declared, targets: Targets, live: State) -> Declared:
    """Return *declared* with its targets, and every other object of *live* as only referred to.

    Compared with *live* it leads to changes of targets, and of what hangs on a target that is
    deleted, and of nothing else.
    """
    return replace(
        declared,
        users=tuple(_users(declared, targets, live)),
        groups=tuple(_groups(declared, targets, live)),
        applications=tuple(_applications(declared, targets)),
    )


def _users(declared: Declared, targets: Targets, live: State) -> Iterator[DeclaredUser]:
    for entry in declared.users:
        if _key(entry) in targets.users:
            yield entry
    renamed = _previous(one for one in declared.users if _key(one) in targets.users)
    for key, user in live.users.items():
        if key not in targets.users and key not in renamed:
            yield DeclaredUser(user, _NOWHERE, Presence.EXTERNAL)


def _groups(declared: Declared, targets: Targets, live: State) -> Iterator[DeclaredGroup]:
    listing = targets.listing
    for entry in declared.groups:
        key = group_key(entry.group.name)
        if key in targets.groups:
            yield replace(entry, members=_touched_members(entry, targets), flat=entry.derives)
        elif key in listing:
            yield replace(
                entry,
                group=Group(entry.group.name),
                members=_touched_members(entry, targets),
                flat=entry.derives,
                previous_names=(),
                owners=(),
                review=None,
                reviewed=None,
            )
    renamed = _previous(one for one in declared.groups if _key(one) in targets.groups)
    for key, group in live.groups.items():
        if key not in targets.groups and key not in listing and key not in renamed:
            yield DeclaredGroup(group, _NOWHERE, Presence.EXTERNAL)


def _key(entry: DeclaredUser | DeclaredGroup) -> str:
    return folded(entry.name)


def _previous(entries: Iterable[DeclaredUser] | Iterable[DeclaredGroup]) -> frozenset[str]:
    """Return the keys that *entries* may be live under until they are renamed."""
    return frozenset(folded(name) for entry in entries for name in entry.previous_names)


def _touched_members(entry: DeclaredGroup, targets: Targets) -> tuple[Listed, ...] | None:
    """Return the part of the list that is touched; None where nothing of it is."""
    key = group_key(entry.group.name)
    if not entry.is_managed or key in targets.member_lists:
        return entry.members
    if not any(group == key for group, _ in targets.memberships):
        return None
    return tuple(
        one for one in entry.members or () if (key, user_key(one.name)) in targets.memberships
    )


def _applications(declared: Declared, targets: Targets) -> Iterator[DeclaredApplication]:
    partly = {selector for selector, _ in targets.assignments}
    for entry in declared.applications:
        if entry.selector in targets.assignment_lists:
            yield entry
            continue
        listed = assigned(entry)
        kept = [one for one in listed if (entry.selector, one) in targets.assignments]
        is_checked = entry.selector in targets.required
        if entry.selector in partly or is_checked:
            yield replace(
                entry,
                users=tuple(listed[one] for one in kept if one.kind is PrincipalKind.USER),
                groups=tuple(listed[one] for one in kept if one.kind is PrincipalKind.GROUP),
                managed=entry.selector in partly,
                assignment_required=entry.assignment_required if is_checked else None,
            )
