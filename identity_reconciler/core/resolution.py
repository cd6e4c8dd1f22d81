"""Bind what the YAML says to the live instance: selectors to ARNs, references to principals.

Pure. What cannot be bound is reported, all of it together, with the line that says it.
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
from identity_reconciler.core.plan import Origin
from identity_reconciler.core.renames import Renames, impossible_renames
from identity_reconciler.core.scope import Departing, Scope, departing
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
    user_key,
)
from identity_reconciler.core.wording import did_you_mean
from identity_reconciler.errors import InvalidInputError, Position, Problem


@dataclass(frozen=True, slots=True)
class Resolution:
    """A declaration bound to one live state at one instant."""

    declared: Declared
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

    def with_links(self, found: State) -> Resolution:
        """Return the same with *found* in the live state: more links, and what these lead to.

        All users and groups are in `live` already, and so is every application that is declared.
        """
        live = self.live.united(self.renames.state(found))
        desired = replace(self.desired, applications=live.applications)
        return replace(self, live=live, desired=desired, scope=replace(self.scope, desired=desired))


@dataclass(slots=True)
class _Work:
    """What has been bound so far."""

    declared: Declared
    live: State
    as_of: datetime
    users: dict[UserKey, User] = field(default_factory=dict)
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    expired: set[Key] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def report(self, position: Position, message: str) -> None:
        self.problems.append(Problem(position, message))


def resolve(declared: Declared, live: State, as_of: datetime) -> Resolution:
    """Bind *declared* to *live*, judging expiry at *as_of*.

    *live* must hold all users, groups and applications of the instance. In the desired state of
    the result, users and groups that are only referred to stand as they are live.

    Raises:
        InvalidInputError: An application is not live or not unique, a reference is not live, an
            object of an external identity provider is declared as ours, or a rename is
            impossible.
    """
    renames = Renames.to_be(declared, live)
    work = _Work(declared, renames.state(live), as_of)
    settings = declared.settings
    users = ((user_key(one.user.user_name), one.user, one) for one in declared.users)
    groups = ((group_key(one.group.name), one.group, one) for one in declared.groups)
    absent_users = _bind_objects(work, users, work.live.users, settings.users, work.users)
    absent_groups = _bind_objects(work, groups, work.live.groups, settings.groups, work.groups)
    members = _bind_members(work)
    assignments = _bind_assignments(work)
    work.problems.extend(impossible_renames(declared, live))
    if work.problems:
        raise InvalidInputError(work.problems)
    desired = State(work.users, work.groups, members, work.live.applications, assignments)
    scope = Scope(settings, desired, absent_users, absent_groups)
    return Resolution(
        declared=declared,
        desired=desired,
        scope=scope,
        live=work.live,
        renames=renames,
        departing=departing(work.live, scope),
        origins=work.origins,
        expired=frozenset(work.expired),
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
            _refer(work, entry, found)
            bound[key] = found or declared
        elif found and found.foreign:
            work.report(entry.position, _foreign(entry.kind, entry.name))
        elif entry.presence is Presence.ABSENT:
            absent.add(key)
        else:
            bound[key] = declared
    return frozenset(absent)


def _refer(work: _Work, entry: DeclaredUser | DeclaredGroup, found: User | Group | None) -> None:
    if found is None:
        work.report(
            entry.position,
            f'{entry.kind} "{entry.name}" is only referred to here, but is not live; '
            "create it where it is owned, or correct the name",
        )


def _foreign(kind: str, name: str) -> str:
    return (
        f'{kind} "{name}" is owned by an external identity provider (it has ExternalIds) and is '
        f"never changed from here; declare it with `state: external` and no attributes"
    )


def _bind_members(work: _Work) -> Mapping[GroupKey, frozenset[UserKey]]:
    if work.declared.settings.memberships is ManageLinks.OFF:
        return {}
    bound = {}
    for entry in work.declared.groups:
        if entry.members is not None and entry.presence is Presence.PRESENT:
            key = group_key(entry.group.name)
            bound[key] = frozenset(
                UserKey(principal.name)
                for principal in _principals(
                    work, PrincipalKind.USER, entry.members, ("membership", key)
                )
            )
    return bound


def _principals(
    work: _Work, kind: PrincipalKind, listed: Iterable[Listed], link: Key
) -> Iterator[Principal]:
    """Yield the principals in *listed* that still hold, and note where each one is listed.

    *link* is the beginning of the keys of these links; the principal's folded name ends them.
    """
    for one in listed:
        name = _key(kind, one.name)
        key = (*link, name)
        work.origins[key] = Origin(one.position, one.expires, one.reason)
        if one.expires is not None and one.expires <= work.as_of:
            work.expired.add(key)
        elif _known(work, kind, name):
            yield Principal(kind, name)
        else:
            work.report(one.position, f'{kind} "{one.name}" is neither declared nor live')


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
    bound: dict[ApplicationArn, frozenset[Principal]] = {}
    entries: dict[ApplicationArn, DeclaredApplication] = {}
    candidates = _candidates(work.live)
    for entry in work.declared.applications:
        application = _application(work, entry, candidates)
        if application is None:
            continue
        work.origins["application", application.arn] = Origin(entry.position)
        first = entries.setdefault(application.arn, entry)
        if first is not entry:
            work.report(
                entry.position,
                f"application {entry.selector} is the one that {first.position} declares "
                f"({application.arn}); merge the two entries",
            )
        elif entry.managed:
            link = ("assignment", application.arn)
            users = _principals(work, PrincipalKind.USER, entry.users, (*link, "user"))
            groups = _principals(work, PrincipalKind.GROUP, entry.groups, (*link, "group"))
            bound[application.arn] = frozenset((*users, *groups))
    return bound


def _candidates(live: State) -> Mapping[str, list[Application]]:
    """Return the live applications by ARN and by name, in the order of their ARNs."""
    found: dict[str, list[Application]] = {}
    for arn in sorted(live.applications):
        application = live.applications[arn]
        found.setdefault(application.name, []).append(application)
        found[arn] = [application]
    return found


def _application(
    work: _Work, entry: DeclaredApplication, candidates: Mapping[str, list[Application]]
) -> Application | None:
    """Return the one live application that *entry* selects, or report why there is none."""
    selector = entry.selector
    found = [
        one
        for one in candidates.get(selector.arn or selector.name or "", ())
        if selector.matches(one)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        choices = "; ".join(
            f"{one.arn} (provider {one.provider}, account {one.account})" for one in found
        )
        message = (
            f"application {selector} is not unique: {choices}; "
            "give its `arn`, or its `provider` or `account` as well"
        )
    else:
        hint = did_you_mean(selector.name or "", candidates)
        message = f"application {selector} is not live in this instance{hint}"
    work.report(entry.position, message)
    return None
