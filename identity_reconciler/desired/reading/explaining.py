"""What the YAML says about one object: where, why, until when, and who refers to it.

Pure: values in, lines out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from identity_reconciler.core.access_reviews import reviewing, standing
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Listed,
    ManageLinks,
    Presence,
)
from identity_reconciler.core.flattening import flattened, way
from identity_reconciler.core.state import PrincipalKind, folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import UsageError


def explain(declared: Declared, address: str, as_of: datetime) -> Iterator[str]:
    """Yield lines about the object at *address*: `user/...`, `group/...` or `application/...`.

    Raises:
        UsageError: Nothing such is declared.
    """
    declared = flattened(declared, as_of)
    kind, _, name = address.partition("/")
    match kind:
        case "user":
            user = _named(declared.users, kind, name)
            yield from _user(declared, user, as_of)
        case "group":
            group = _named(declared.groups, kind, name)
            yield from _group(declared, group, as_of)
        case "application":
            yield from _application(declared, name, as_of)
        case _:
            raise UsageError(
                f"{shown(address)}: expected user/NAME, group/NAME or application/NAME"
            )


_Entry = TypeVar("_Entry", DeclaredUser, DeclaredGroup)


def _named(entries: Iterable[_Entry], kind: str, name: str) -> _Entry:
    known = {folded(one.name): one for one in entries}
    found = known.get(folded(name))
    if found is None:
        hint = did_you_mean(name, {one.name for one in known.values()})
        raise UsageError(f"{kind} {shown(name)} is not declared{hint}")
    return found


def _user(declared: Declared, user: DeclaredUser, as_of: datetime) -> Iterator[str]:
    yield f"user/{user.name} is declared at {user.position}, {_presence(user.presence)}"
    joined: set[str] = set()
    for group in declared.groups:
        for one in _of(group.members or (), user.name):
            yield f"  member of group/{group.name}{_terms(one, as_of)}"
            joined |= {folded(group.name)} if one.holds(as_of) else set()
    for application in declared.applications:
        for one in _of(application.users, user.name):
            yield f"  assigned to application/{application.selector}{_terms(one, as_of)}"
        yield from _through(application, joined, as_of)
    for other in declared.users:
        if folded(other.user.manager or "") == folded(user.name):
            yield f"  manager of user/{other.name} ({other.position})"
    yield from _owned(declared, PrincipalKind.USER, user.name)


def _owned(declared: Declared, kind: PrincipalKind, name: str) -> Iterator[str]:
    """Yield what a user or group is an owner of."""
    for group in declared.groups:
        yield from _owner_of(f"group/{group.name}", group.owners, kind, name)
    for one in declared.applications:
        yield from _owner_of(f"application/{one.selector}", one.owners, kind, name)


def _owner_of(
    what: str, owners: Iterable[DeclaredOwner], kind: PrincipalKind, name: str
) -> Iterator[str]:
    for one in owners:
        if one.kind is kind and folded(one.name) == folded(name):
            yield f"  owner of {what} ({one.position})"


def _owners(owners: Iterable[DeclaredOwner]) -> Iterator[str]:
    for one in owners:
        yield f"  {one} answers for it ({one.position})"


def _through(application: DeclaredApplication, joined: set[str], as_of: datetime) -> Iterator[str]:
    for one in application.groups:
        if folded(one.name) in joined:
            way = f"through group/{one.name}"
            yield f"  may open application/{application.selector} {way}{_terms(one, as_of)}"


def _group(declared: Declared, group: DeclaredGroup, as_of: datetime) -> Iterator[str]:
    yield f"group/{group.name} is declared at {group.position}, {_presence(group.presence)}"
    yield from _owners(group.owners)
    yield from _reviews(declared, group)
    if not group.is_managed or declared.settings.memberships is ManageLinks.OFF:
        yield "  its members are not managed"
    yield from _sources(group, as_of)
    for one in group.members or ():
        yield f"  has member user/{one.name}{_terms(one, as_of)}"
    yield from _included(declared, group, as_of)
    for application in declared.applications:
        for one in _of(application.groups, group.name):
            yield f"  assigned to application/{application.selector}{_terms(one, as_of)}"
    yield from _owned(declared, PrincipalKind.GROUP, group.name)


def _included(declared: Declared, group: DeclaredGroup, as_of: datetime) -> Iterator[str]:
    for other in declared.groups:
        for one in _of(other.include, group.name):
            yield f"  included in group/{other.name}{_terms(one, as_of)}"


def _sources(group: DeclaredGroup, as_of: datetime) -> Iterator[str]:
    """Yield where members of *group* come from besides its list."""
    for item in group.include:
        yield f"  includes group/{item.name}{_terms(item, as_of)}"
    if group.rule is not None:
        said = " and ".join(f"{key} is {' or '.join(some)}" for key, some in group.rule.conditions)
        yield f"  includes whoever's {said} ({group.rule.position})"
    for item in group.exclude:
        yield f"  excludes user/{item.name}{_terms(item, as_of)}"
    for gap in group.unknown:
        yield f"  has more members, perhaps: {gap.message} ({gap.position})"


def _reviews(declared: Declared, entry: DeclaredGroup | DeclaredApplication) -> Iterator[str]:
    for one in reviewing(declared):
        if one.entry is entry:
            by = ", ".join(map(str, one.by))
            at = one.terms.position
            yield f"  reviewed every {one.terms.every} by {by}, {standing(one)} ({at})"


def _application(declared: Declared, label: str, as_of: datetime) -> Iterator[str]:
    found = [
        one
        for one in declared.applications
        if label in {one.selector.name, one.selector.arn, str(one.selector)}
    ]
    if not found:
        hint = did_you_mean(label, {one.selector.name or "" for one in declared.applications})
        raise UsageError(f"application {shown(label)} is not declared{hint}")
    for entry in found:
        yield f"application/{entry.selector} is declared at {entry.position}"
        yield from _owners(entry.owners)
        yield from _reviews(declared, entry)
        yield from _assigned(declared, entry, as_of)


def _assigned(declared: Declared, entry: DeclaredApplication, as_of: datetime) -> Iterator[str]:
    if not entry.managed or declared.settings.assignments is ManageLinks.OFF:
        yield "  its assignments are not managed"
    if entry.assignment_required is not None:
        only = "only who is assigned" if entry.assignment_required else "everybody"
        yield f"  {only} may open it (`assignment_required`, which is checked and not written)"
    members = {folded(one.name): one.members for one in declared.groups}
    for one in entry.users:
        yield f"  user/{one.name} may open it{_terms(one, as_of)}"
    for group in entry.groups:
        yield f"  group/{group.name} is assigned{_terms(group, as_of)}"
        for one in members.get(folded(group.name)) or ():
            way = f"through group/{group.name}"
            yield f"    user/{one.name} may open it {way}{_terms(one, as_of)}"


def _of(listed: Iterable[Listed], name: str) -> Iterator[Listed]:
    return (one for one in listed if folded(one.name) == folded(name))


def _presence(presence: Presence) -> str:
    match presence:
        case Presence.PRESENT:
            return "to be there"
        case Presence.ABSENT:
            return "to be deleted"
        case Presence.EXTERNAL:
            return "owned elsewhere and only referred to"


def _terms(one: Listed, as_of: datetime) -> str:
    parts = [str(one.position)]
    if one.via:
        parts.append(f"via {way(one)}")
    if one.starts is not None:
        parts.append(f"{'starts' if one.is_waiting(as_of) else 'since'} {_instant(one.starts)}")
    if one.expires is not None:
        parts.append(f"{'expired' if one.is_over(as_of) else 'until'} {_instant(one.expires)}")
    if one.reason:
        parts.append(one.reason)
    return f" ({', '.join(parts)})"


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
