"""Which part of the live state we manage. Pure: nothing is filtered without being listed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import TypeVar

from identity_reconciler.core.declared import ManageLinks, ManageObjects, Settings
from identity_reconciler.core.plan import Withheld, Withholding
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is managed: the settings, what is desired, and what must be absent.

    `desired.members` has an entry for exactly the groups whose memberships are managed, and
    `desired.assignments` for exactly the applications whose assignments are.
    """

    settings: Settings
    desired: State
    absent_users: frozenset[UserKey] = frozenset()
    absent_groups: frozenset[GroupKey] = frozenset()


def matches_any(patterns: tuple[str, ...], name: str) -> bool:
    """Return whether one of *patterns* matches *name*; case does not matter."""
    return bool(patterns) and _compiled(patterns).match(folded(name)) is not None


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(folded(pattern)) for pattern in patterns))


def departing_users(live: State, scope: Scope) -> Mapping[UserKey, User]:
    """Return the live users that the desired state removes. Foreign and ignored ones stay."""
    everyone = scope.settings.users is ManageObjects.AUTHORITATIVE
    patterns = scope.settings.ignore.users
    candidates = live.users if everyone else scope.absent_users & live.users.keys()
    return {
        key: live.users[key]
        for key in candidates
        if key not in scope.desired.users
        and not live.users[key].foreign
        and not matches_any(patterns, key)
    }


def departing_groups(live: State, scope: Scope) -> Mapping[GroupKey, Group]:
    """Return the live groups that the desired state removes. Foreign and ignored ones stay."""
    everyone = scope.settings.groups is ManageObjects.AUTHORITATIVE
    patterns = scope.settings.ignore.groups
    candidates = live.groups if everyone else scope.absent_groups & live.groups.keys()
    return {
        key: live.groups[key]
        for key in candidates
        if key not in scope.desired.groups
        and not live.groups[key].foreign
        and not matches_any(patterns, key)
    }


def departing_principals(live: State, scope: Scope) -> frozenset[Principal]:
    """Return the principals that the desired state removes."""
    users = (Principal(PrincipalKind.USER, key) for key in departing_users(live, scope))
    groups = (Principal(PrincipalKind.GROUP, key) for key in departing_groups(live, scope))
    return frozenset((*users, *groups))


def narrow(live: State, scope: Scope) -> State:
    """Return the part of *live* that *scope* manages, and what hangs on what it removes.

    Comparing the desired state with the result yields every change that may be made: users and
    groups that are desired or departing, all links of managed groups and applications, and of
    all others only the links of departing users and groups, which cannot stay.
    """
    users = departing_users(live, scope)
    groups = departing_groups(live, scope)
    leavers = frozenset(users)
    ignored = _ignored_users(live, scope)
    return State(
        users={k: live.users[k] for k in scope.desired.users if k in live.users} | dict(users),
        groups={k: live.groups[k] for k in scope.desired.groups if k in live.groups} | dict(groups),
        members={
            key: members
            if key in groups
            else _managed(
                members,
                scope.desired.members.get(key),
                scope.settings.memberships,
                leavers,
                ignored,
            )
            for key, members in live.members.items()
        },
        applications=live.applications,
        assignments=_assignments(live, scope),
    )


def _assignments(live: State, scope: Scope) -> Mapping[ApplicationArn, frozenset[Principal]]:
    leavers = departing_principals(live, scope)
    ignored = _ignored_principals(live, scope)
    return {
        arn: _managed(
            principals,
            scope.desired.assignments.get(arn),
            scope.settings.assignments,
            leavers,
            ignored,
        )
        for arn, principals in live.assignments.items()
    }


_Link = TypeVar("_Link")


def _managed(
    live: frozenset[_Link],
    desired: frozenset[_Link] | None,
    mode: ManageLinks,
    leavers: frozenset[_Link],
    ignored: frozenset[_Link],
) -> frozenset[_Link]:
    """Return the links in *live* that we manage; *desired* is None where none are."""
    if desired is None or mode is ManageLinks.OFF:
        return live & leavers
    if mode is ManageLinks.ADDITIVE:
        return live & (desired | leavers)
    return live - (ignored - desired) if ignored else live


def _ignored_users(live: State, scope: Scope) -> frozenset[UserKey]:
    patterns = scope.settings.ignore.users
    return (
        frozenset(key for key in live.users if matches_any(patterns, key))
        if patterns
        else frozenset()
    )


def _ignored_principals(live: State, scope: Scope) -> frozenset[Principal]:
    users = (Principal(PrincipalKind.USER, key) for key in _ignored_users(live, scope))
    patterns = scope.settings.ignore.groups
    groups = (
        Principal(PrincipalKind.GROUP, key) for key in live.groups if matches_any(patterns, key)
    )
    return frozenset((*users, *groups))


def withheld(live: State, narrowed: State, scope: Scope) -> tuple[Withheld, ...]:
    """Return every removal that *scope* holds back, sorted by key.

    Links count only where they are managed: of a group or application that is not declared,
    nothing would ever be removed.
    """
    held = (
        *_withheld_users(live, narrowed, scope),
        *_withheld_groups(live, narrowed, scope),
        *_withheld_memberships(live, narrowed, scope),
        *_withheld_assignments(live, narrowed, scope),
    )
    return tuple(sorted(held, key=lambda one: one.resource.key))


def _withheld_users(live: State, narrowed: State, scope: Scope) -> Iterator[Withheld]:
    if scope.settings.users is not ManageObjects.REFERENCE:
        patterns = scope.settings.ignore.users
        for key in live.users.keys() - narrowed.users.keys():
            yield Withheld(live.users[key], _why(live.users[key], matches_any(patterns, key)))


def _withheld_groups(live: State, narrowed: State, scope: Scope) -> Iterator[Withheld]:
    if scope.settings.groups is not ManageObjects.REFERENCE:
        patterns = scope.settings.ignore.groups
        for key in live.groups.keys() - narrowed.groups.keys():
            yield Withheld(live.groups[key], _why(live.groups[key], matches_any(patterns, key)))


def _why(resource: User | Group, ignored: bool) -> Withholding:  # noqa: FBT001 - private, one use
    if ignored:
        return Withholding.IGNORED
    return Withholding.FOREIGN if resource.foreign else Withholding.UNDECLARED


def _withheld_memberships(live: State, narrowed: State, scope: Scope) -> Iterator[Withheld]:
    for key in scope.desired.members.keys() & live.members.keys():
        for user in live.members[key] - narrowed.members[key]:
            yield Withheld(live.membership(key, user), _link_reason(scope.settings.memberships))


def _withheld_assignments(live: State, narrowed: State, scope: Scope) -> Iterator[Withheld]:
    for arn in scope.desired.assignments.keys() & live.assignments.keys():
        for principal in live.assignments[arn] - narrowed.assignments[arn]:
            link = live.assignment(arn, principal)
            yield Withheld(link, _link_reason(scope.settings.assignments))


def _link_reason(mode: ManageLinks) -> Withholding:
    return Withholding.ADDITIVE if mode is ManageLinks.ADDITIVE else Withholding.IGNORED
