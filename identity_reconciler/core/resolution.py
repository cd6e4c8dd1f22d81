"""Bind what the YAML says to the live instance: selectors to ARNs, references to principals.

Pure. What cannot be bound is told as unresolved, with the line that says it, and neither it nor
what hangs on it is in the result; see `oddities` for the entries of users and groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

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
from identity_reconciler.core.flattening import (
    FlatList,
    LiveMembers,
    flat_lists,
    idle_exclude,
    is_to_follow,
    with_lists,
)
from identity_reconciler.core.oddities import Aside, set_aside
from identity_reconciler.core.plan import Origin, Unresolved
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.scope import Departing, Scope, Unmoved, departing
from identity_reconciler.core.selection import select
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    Key,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    group_key,
    principals_of,
    user_key,
)
from identity_reconciler.core.taken import NO_REFUSALS, Refusals
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import Position


@dataclass(frozen=True, slots=True)
class Resolution:
    """A declaration bound to one live state at one instant."""

    original: Declared
    """All that is declared."""
    declared: Declared
    """The same without the entries of users and groups that cannot be bound."""
    desired: State
    scope: Scope
    live: State
    """As read, with users and groups that are to be renamed filed under their new keys."""
    renames: Renames
    """Those that are to be."""
    departing: Departing
    """What the desired state removes of the users and groups of `live`."""
    origins: Mapping[Key, Origin]
    """Where each desired or absent resource is declared, by its key; and each application, by
    `("application", ARN)`."""
    expired: frozenset[Key]
    """Memberships and assignments that are listed but no longer hold."""
    unresolved: tuple[Unresolved, ...]
    """What cannot be bound, by file and line."""
    as_read: State
    """As `live`, under the names of before the renames."""
    as_of: datetime
    refused: Refusals
    """Who cannot have the e-mail address that is declared."""

    def refusing(self, more: Refusals) -> Resolution:
        """Return the same declaration bound again, without what is refused now."""
        return resolve(self.original, self.as_read, self.as_of, self.refused | more)

    def with_links(self, found: State) -> Resolution:
        """Return the same with *found* in the live state: more links, and what these lead to.

        All users and groups are in `live` already, and so is every application that is declared.
        """
        live = self.live.united(self.renames.state(found))
        desired = replace(self.desired, applications=live.applications)
        return replace(
            self,
            live=live,
            desired=desired,
            scope=replace(self.scope, desired=desired),
            as_read=self.as_read.united(found),
        )


@dataclass(slots=True)
class _Work:
    """What has been bound so far."""

    aside: Aside
    live: State
    as_of: datetime
    kept: frozenset[Principal]
    """Whose links stay, by the names of after the renames, unless they have expired."""
    lists: Mapping[GroupKey, FlatList]
    """Who is in the groups that include others or have a rule."""
    users: dict[UserKey, User] = field(default_factory=dict)
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    expired: set[Key] = field(default_factory=set)
    held_members: dict[GroupKey, frozenset[UserKey]] = field(default_factory=dict)
    held_assignments: dict[ApplicationArn, frozenset[Principal]] = field(default_factory=dict)
    unmanaged: set[ApplicationArn] = field(default_factory=set)
    unresolved: list[Unresolved] = field(default_factory=list)
    listed: frozenset[Principal] | None = None
    """Everybody who stands in a list, once that was asked for."""

    @property
    def declared(self) -> Declared:
        return self.aside.declared

    def tell(self, position: Position, message: str) -> None:
        self.unresolved.append(Unresolved(position, message))


def resolve(
    declared: Declared, live: State, as_of: datetime, refused: Refusals = NO_REFUSALS
) -> Resolution:
    """Bind *declared* to *live*, judging at *as_of* what has started and what has expired.

    *live* must hold all users, groups and applications of the instance. In the desired state of
    the result, users and groups that are only referred to stand as they are live. What cannot be
    bound is not in it: an application that is not live or not unique, a reference to who is not
    live, an object of an external identity provider that is declared as ours, an impossible rename,
    and those who are *refused* an address.
    """
    aside = set_aside(declared, live, refused)
    renames = Renames.to_be(aside.declared, live)
    renamed = renames.state(live)
    lists = _lists(declared, aside, renamed, as_of)
    original = with_lists(declared, lists)
    aside = replace(aside, declared=with_lists(aside.declared, lists))
    declared = aside.declared
    kept = frozenset(map(renames.principal, aside.kept))
    work = _Work(aside, renamed, as_of, kept, lists)
    settings = declared.settings
    users = ((user_key(one.user.user_name), one.user, one) for one in declared.users)
    groups = ((group_key(one.group.name), one.group, one) for one in declared.groups)
    absent_users = _bind_objects(work, users, work.live.users, settings.users, work.users)
    absent_groups = _bind_objects(work, groups, work.live.groups, settings.groups, work.groups)
    _bind_managers(work)
    members = _bind_members(work)
    assignments = _bind_assignments(work)
    desired = State(work.users, work.groups, members, work.live.applications, assignments)
    scope = Scope(
        settings,
        desired,
        absent_users,
        absent_groups,
        Unmoved(aside.odd, work.held_members, work.held_assignments),
        frozenset(work.unmanaged),
    )
    return Resolution(
        original=original,
        declared=declared,
        desired=desired,
        scope=scope,
        live=work.live,
        renames=renames,
        departing=departing(work.live, scope),
        origins=work.origins,
        expired=frozenset(work.expired),
        unresolved=_sorted((*aside.unresolved, *work.unresolved)),
        as_read=live,
        as_of=as_of,
        refused=refused,
    )


def with_all_members(declared: Declared, live: State, as_of: datetime | None = None) -> Declared:
    """Return *declared* with all members in each list that includes or a rule make, by *live*.

    Of several ways that which counts at *as_of*; see `flattening`.
    """
    aside = set_aside(declared, live)
    renamed = Renames.to_be(aside.declared, live).state(live)
    return with_lists(declared, _lists(declared, aside, renamed, as_of))


def _lists(
    declared: Declared, aside: Aside, live: State, as_of: datetime | None
) -> Mapping[GroupKey, FlatList]:
    """Return who is in each group whose members come from elsewhere, too.

    *aside* is of *declared*; *live* is under the names of after the renames.
    """
    if not any(is_to_follow(one) for one in declared.groups):
        return {}
    bound = {group_key(one.name): one for one in aside.declared.groups}
    unsure = {GroupKey(one.name) for one in aside.odd if one.kind is PrincipalKind.GROUP}
    for entry in declared.groups:
        key = group_key(entry.name)
        if key not in bound or bound[key].presence is not entry.presence:
            unsure.add(key)
    return flat_lists(aside.declared, LiveMembers(live, frozenset(unsure)), as_of)


def _sorted(unresolved: Iterable[Unresolved]) -> tuple[Unresolved, ...]:
    """Return each of *unresolved* once, those without a line first."""
    return tuple(
        sorted(
            dict.fromkeys(unresolved),
            key=lambda one: ((one.position,) if one.position else (), one.message),
        )
    )


_Key = TypeVar("_Key", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)


def _bind_objects(
    work: _Work,
    entries: Iterable[tuple[_Key, _Object, DeclaredUser | DeclaredGroup]],
    live: Mapping[_Key, _Object],
    mode: ManageObjects,
    bound: dict[_Key, _Object],
) -> frozenset[_Key]:
    """Fill *bound* from entries as (key, object, entry); return the keys that must be absent."""
    absent: set[_Key] = set()
    only_referred = mode is ManageObjects.REFERENCE
    for key, declared, entry in entries:
        found = live.get(key)
        work.origins[declared.key] = Origin(entry.position)
        if entry.presence is Presence.EXTERNAL or only_referred:
            bound[key] = found or declared
        elif entry.presence is Presence.ABSENT:
            absent.add(key)
        else:
            bound[key] = declared
    return frozenset(absent)


def _bind_managers(work: _Work) -> None:
    """Leave the manager of a user as it is where the declared one cannot be bound."""
    if work.declared.settings.users is ManageObjects.REFERENCE:
        return
    for entry in work.declared.users:
        key, manager = user_key(entry.user.user_name), entry.user.manager
        if manager is None or entry.presence is not Presence.PRESENT:
            continue
        principal = Principal(PrincipalKind.USER, user_key(manager))
        is_known = principal.name in work.users or principal.name in work.live.users
        if principal in work.aside.odd or not is_known:
            trouble = _trouble(work, principal, manager)
            work.users[key] = replace(entry.user, manager=None)
            work.tell(entry.position, f"the manager of user {shown(entry.name)}: {trouble}")


def _trouble(work: _Work, principal: Principal, name: str) -> str:
    """Return why nothing can refer to *principal*, spelled *name*."""
    subject = f"{principal.kind} {shown(name)}"
    if principal in work.aside.odd:
        return f"{subject} is unresolved, so this is left as it is"
    if principal in work.aside.missing:
        return f"{subject} ({work.aside.missing[principal]}) is not live"
    known = work.live.users if principal.kind is PrincipalKind.USER else work.live.groups
    return f"{subject} is neither declared nor live{did_you_mean(name, known)}"


def _bind_members(work: _Work) -> Mapping[GroupKey, frozenset[UserKey]]:
    if work.declared.settings.memberships is ManageLinks.OFF:
        return {}
    bound = {}
    for entry in work.declared.groups:
        if entry.members is not None and entry.presence is Presence.PRESENT:
            key = group_key(entry.group.name)
            listed = _principals(work, PrincipalKind.USER, entry.members, ("membership", key))
            bound[key] = frozenset(UserKey(one.name) for one in listed.bound)
            for idle in work.lists[key].idle if key in work.lists and not entry.unknown else ():
                work.tell(idle.position, idle_exclude(entry, idle))
            held: frozenset[Principal] = frozenset()
            if listed.odd or entry.unknown:
                # Only where it is needed: there are half a million of them.
                members = principals_of(work.live.members.get(key, ()), ())
                held = _held(work, members, listed) if listed.odd else held
                held |= _perhaps_included(work, entry, members, listed)
            if held:
                work.held_members[key] = frozenset(UserKey(one.name) for one in held)
    return bound


def _perhaps_included(
    work: _Work, entry: DeclaredGroup, live: frozenset[Principal], listed: _BoundList
) -> frozenset[Principal]:
    """Return the *live* members that stay because it is not known whom the includes give.

    Nobody who is excluded, and nobody whose time is over.
    """
    if not entry.unknown:
        return frozenset()
    for one in entry.unknown:
        work.tell(one.position, one.message)
    excluded = {user_key(one.name) for one in entry.exclude}
    return frozenset(
        one
        for one in live.difference(listed.bound)
        if one.name not in excluded and not _is_over(work, listed, one)
    )


@dataclass(frozen=True, slots=True)
class _BoundList:
    """One list of members or principals, bound."""

    kind: PrincipalKind
    link: Key
    """The beginning of the keys of these links."""
    bound: tuple[Principal, ...]
    """Those that still hold."""
    whole: bool
    """False: somebody in it is not live, so it may be anyone whom nobody names."""
    odd: bool
    """Whether it may have links that stay though they are not bound."""


def _principals(
    work: _Work, kind: PrincipalKind, listed: Iterable[Listed], link: Key
) -> _BoundList:
    """Bind *listed*, and note where each one is listed.

    *link* is the beginning of the keys of these links; the principal's folded name ends them.
    """
    odd, bound, whole = work.aside.odd, list[Principal](), True
    for one in listed:
        name = _key(kind, one.name)
        key, principal = (*link, name), Principal(kind, name)
        work.origins[key] = Origin(one.position, one.expires, one.reason, one.via, one.starts)
        is_odd = bool(odd) and principal in odd
        if one.is_over(work.as_of) and not is_odd:
            work.expired.add(key)
        elif not one.holds(work.as_of) and not is_odd:
            # What is yet to start is as if it were not listed.
            continue
        elif not is_odd and _known(work, kind, name):
            bound.append(principal)
        else:
            work.tell(one.position, _trouble(work, principal, one.name))
            whole = whole and is_odd
    return _BoundList(kind, link, tuple(bound), whole, not whole or bool(odd or work.kept))


def _held(work: _Work, live: Iterable[Principal], listed: _BoundList) -> frozenset[Principal]:
    """Return the links in *live* that stay though *listed* does not bind them.

    Those of who is odd; of who keeps them, those that have not expired; and where somebody who is
    listed is not live, those of who may be that one: gone, or of an external identity provider
    and named nowhere, so perhaps renamed there.
    """
    return frozenset(
        one
        for one in live
        if one.kind is listed.kind
        and (
            one in work.aside.odd
            or (one in work.kept and one not in listed.bound and not _is_over(work, listed, one))
            or (not listed.whole and _may_be_anyone(work, one))
        )
    )


def _is_over(work: _Work, listed: _BoundList, principal: Principal) -> bool:
    return (*listed.link, principal.name) in work.expired


def _may_be_anyone(work: _Work, principal: Principal) -> bool:
    if principal.orphan:
        return True
    if principal.kind is PrincipalKind.USER:
        live: User | Group | None = work.live.users.get(UserKey(principal.name))
    else:
        live = work.live.groups.get(GroupKey(principal.name))
    if live is None or not live.foreign or (str(principal.kind), principal.name) in work.origins:
        return False
    if work.listed is None:
        work.listed = frozenset(_listed(work.declared))
    return principal not in work.listed


def _listed(declared: Declared) -> Iterator[Principal]:
    """Yield everybody who stands in a list."""
    for group in declared.groups:
        for one in group.members or ():
            yield Principal(PrincipalKind.USER, user_key(one.name))
    for application in declared.applications:
        for one in application.users:
            yield Principal(PrincipalKind.USER, user_key(one.name))
        for one in application.groups:
            yield Principal(PrincipalKind.GROUP, group_key(one.name))


def _key(kind: PrincipalKind, name: str) -> str:
    return user_key(name) if kind is PrincipalKind.USER else group_key(name)


def _known(work: _Work, kind: PrincipalKind, name: str) -> bool:
    """Return whether *name* is desired; one that is only live becomes a desired reference."""
    if kind is PrincipalKind.USER:
        key = UserKey(name)
        if key not in work.users and key in work.live.users:
            work.users[key] = work.live.users[key]
        return key in work.users
    group = GroupKey(name)
    if group not in work.groups and group in work.live.groups:
        work.groups[group] = work.live.groups[group]
    return group in work.groups


def _bind_assignments(work: _Work) -> Mapping[ApplicationArn, frozenset[Principal]]:
    if work.declared.settings.assignments is ManageLinks.OFF:
        return {}
    selection = select(work.declared.applications, work.live)
    work.unresolved.extend(selection.unresolved)
    for arn, entry in selection.first.items():
        work.origins["application", arn] = Origin(entry.position)
    bound = {}
    for arn, entry in selection.alone.items():
        application = work.live.applications[arn]
        _check_whether_required(work, entry, application)
        if entry.managed and not application.is_account_access:
            bound[arn] = _bind_assignments_of(work, arn, entry)
            continue
        work.unmanaged.add(arn)
        if entry.managed:
            work.tell(
                entry.position,
                f"application {entry.selector} is that of account access manager, whose "
                "entitlements say who may use it; take its `assignments` out, nobody is assigned "
                "to it from here",
            )
    return bound


def _check_whether_required(
    work: _Work, entry: DeclaredApplication, application: Application
) -> None:
    """Tell where an application lets in others than is declared; nothing here changes that."""
    declared, found = entry.assignment_required, application.assignment_required
    if declared is None or declared is found:
        return
    subject = f"application {entry.selector}"
    if found is None:
        told = f"AWS does not tell whether {subject} requires an assignment; take "
        message = f"{told}`assignment_required` out"
    else:
        what = "requires an assignment" if found else "lets everybody in, assigned or not"
        message = (
            f"{subject} {what}, and `assignment_required: {str(declared).lower()}` is declared; "
            "this is only checked, so change one of them"
        )
    work.tell(entry.position, message)


def _bind_assignments_of(
    work: _Work, arn: ApplicationArn, entry: DeclaredApplication
) -> frozenset[Principal]:
    link = ("assignment", arn)
    users = _principals(work, PrincipalKind.USER, entry.users, (*link, "user"))
    groups = _principals(work, PrincipalKind.GROUP, entry.groups, (*link, "group"))
    live = work.live.assignments.get(arn, frozenset())
    held = [_held(work, live, listed) for listed in (users, groups) if listed.odd]
    if any(held):
        work.held_assignments[arn] = frozenset().union(*held)
    return frozenset((*users.bound, *groups.bound))
