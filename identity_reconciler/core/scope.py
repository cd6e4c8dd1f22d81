"""Which part of the live state we manage. Pure: nothing is filtered without being listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from functools import cache
from typing import TypeVar

from identity_reconciler.core.declared import ManageLinks, ManageObjects, Settings
from identity_reconciler.core.ownership import Claims
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
    principals_of,
)


@dataclass(frozen=True, slots=True)
class Unmoved:
    """What stays exactly as it is, because what is declared of it cannot be bound now."""

    principals: frozenset[Principal] = frozenset()
    """Users and groups that are not deleted."""
    members: Mapping[GroupKey, frozenset[UserKey]] = field(default_factory=dict)
    """Who stays in a managed group though not desired."""
    assignments: Mapping[ApplicationArn, frozenset[Principal]] = field(default_factory=dict)
    """Who stays assigned to a managed application though not desired."""


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
    unmoved: Unmoved = field(default_factory=Unmoved)
    unmanaged: frozenset[ApplicationArn] = frozenset()
    """Applications that are declared, and whose assignments are not."""


def matches_any(patterns: tuple[str, ...], name: str) -> bool:
    """Return whether one of *patterns* matches *name*; case does not matter."""
    return bool(patterns) and _compiled(patterns).match(folded(name)) is not None


def claimants_of(others: Mapping[str, Claims], kind: str, name: str) -> tuple[str, ...]:
    """Return which of the *others*, repositories with what they own, own what is called *name*."""
    return tuple(
        repository
        for repository, claims in sorted(others.items())
        if matches_any(claims.owns.of(kind), name) and not matches_any(claims.leaves.of(kind), name)
    )


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(folded(pattern)) for pattern in patterns))


def covers(patterns: tuple[str, ...], pattern: str) -> bool:
    """Return whether *patterns* match every name that *pattern* matches.

    False where that cannot be told: of patterns with `[...]`, or compared with one that has `?`.
    """
    return any(_includes(folded(one), folded(pattern)) for one in patterns)


def _includes(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    # A star that takes a star or a question mark of the narrow pattern takes whatever these stand
    # for, and everything else has to be there letter for letter.
    comparable = {"?", "["}.isdisjoint(wide) and "[" not in narrow
    return (comparable or not is_pattern(narrow)) and fnmatchcase(narrow, wide)


def is_pattern(name: str) -> bool:
    """Return whether *name* can match more than itself."""
    return not {"*", "?", "["}.isdisjoint(name)


@dataclass(frozen=True, slots=True)
class Departing:
    """The live users and groups that the desired state removes. Foreign and ignored ones stay."""

    users: Mapping[UserKey, User]
    groups: Mapping[GroupKey, Group]

    def principals(self) -> frozenset[Principal]:
        """Return them as principals."""
        return principals_of(self.users, self.groups)


def departing(live: State, scope: Scope) -> Departing:
    """Return what *scope* removes of the users and groups of *live*."""
    settings, desired = scope.settings, scope.desired
    everyone = settings.users is ManageObjects.AUTHORITATIVE
    every_group = settings.groups is ManageObjects.AUTHORITATIVE
    users = live.users.keys() if everyone else scope.absent_users & live.users.keys()
    groups = live.groups.keys() if every_group else scope.absent_groups & live.groups.keys()
    odd_users, odd_groups = _by_kind(scope.unmoved.principals)
    return Departing(
        _ours(live.users, users - desired.users.keys() - odd_users, settings.ignore.users),
        _ours(live.groups, groups - desired.groups.keys() - odd_groups, settings.ignore.groups),
    )


def _by_kind(principals: Iterable[Principal]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the folded names of the users, and of the groups, among *principals*."""
    kinds = (PrincipalKind.USER, PrincipalKind.GROUP)
    users, groups = (
        frozenset(one.name for one in principals if one.kind is kind) for kind in kinds
    )
    return users, groups


_Key = TypeVar("_Key", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)


def _ours(
    live: Mapping[_Key, _Object], keys: AbstractSet[_Key], ignored: tuple[str, ...]
) -> Mapping[_Key, _Object]:
    """Return the users or groups of *keys* that are neither foreign nor *ignored*."""
    return {
        key: live[key] for key in keys if not live[key].foreign and not matches_any(ignored, key)
    }


def narrow(live: State, scope: Scope, leaving: Departing) -> State:
    """Return the part of *live* that *scope* manages, and what hangs on what it removes.

    *leaving* is what `departing` returns for the two. Comparing the desired state with the result
    yields every change that may be made: users and groups that are desired or departing, all
    links of managed groups and applications, and of all others only the links of departing users
    and groups, which cannot stay.
    """
    settings, desired = scope.settings, scope.desired
    users, groups = leaving.users, leaving.groups
    leavers = frozenset(users)
    ignored = _matching(live.users, settings.ignore.users)
    return State(
        users={k: live.users[k] for k in desired.users if k in live.users} | dict(users),
        groups={k: live.groups[k] for k in desired.groups if k in live.groups} | dict(groups),
        members={
            key: members
            if key in groups
            else _managed(members, desired.members.get(key), settings.memberships, leavers, ignored)
            - scope.unmoved.members.get(key, frozenset())
            for key, members in live.members.items()
        },
        applications=live.applications,
        assignments=_assignments(live, scope, leaving.principals(), ignored),
    )


def _matching(live: Iterable[_Key], patterns: tuple[str, ...]) -> frozenset[_Key]:
    return frozenset(key for key in live if matches_any(patterns, key)) if patterns else frozenset()


def _assignments(
    live: State, scope: Scope, leavers: frozenset[Principal], ignored_users: frozenset[UserKey]
) -> Mapping[ApplicationArn, frozenset[Principal]]:
    settings, desired = scope.settings, scope.desired.assignments
    ignored = principals_of(ignored_users, _matching(live.groups, settings.ignore.groups))
    return {
        arn: frozenset()
        if _is_account_access(live, arn)
        else _managed(principals, desired.get(arn), settings.assignments, leavers, ignored)
        - scope.unmoved.assignments.get(arn, frozenset())
        for arn, principals in live.assignments.items()
    }


def _is_account_access(live: State, arn: ApplicationArn) -> bool:
    application = live.applications.get(arn)
    return application is not None and application.is_account_access


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


def withheld(live: State, narrowed: State, scope: Scope) -> tuple[Withheld, ...]:
    """Return every removal that *scope* holds back, sorted by key.

    Links count only where they are managed, or left to the AWS service that owns a declared
    application: of a group or application that is not declared, nothing would ever be removed.
    """
    settings, ignore = scope.settings, scope.settings.ignore
    users, groups = _by_kind(scope.unmoved.principals)
    held = (
        *_withheld_objects(live.users, narrowed.users, settings.users, ignore.users, users),
        *_withheld_objects(live.groups, narrowed.groups, settings.groups, ignore.groups, groups),
        *_withheld_memberships(live, narrowed, scope),
        *_withheld_assignments(live, narrowed, scope),
    )
    return tuple(sorted(held, key=lambda one: one.resource.key))


def _withheld_objects(
    live: Mapping[_Key, _Object],
    narrowed: Mapping[_Key, _Object],
    mode: ManageObjects,
    ignored: tuple[str, ...],
    odd: frozenset[str],
) -> Iterator[Withheld]:
    if mode is not ManageObjects.REFERENCE:
        for key in live.keys() - narrowed.keys():
            unresolved = Withholding.UNRESOLVED if key in odd else None
            why = unresolved or _why(live[key], matches_any(ignored, key))
            yield Withheld(live[key], why)


def _why(resource: User | Group, ignored: bool) -> Withholding:  # noqa: FBT001 - private, one use
    if ignored:
        return Withholding.IGNORED
    return Withholding.FOREIGN if resource.foreign else Withholding.UNDECLARED


def _withheld_memberships(live: State, narrowed: State, scope: Scope) -> Iterator[Withheld]:
    held, reason = scope.unmoved.members, _link_reason(scope.settings.memberships)
    for key in scope.desired.members.keys() & live.members.keys():
        unmoved = held.get(key, frozenset())
        for user in live.members[key] - narrowed.members[key]:
            why = Withholding.UNRESOLVED if user in unmoved else reason
            yield Withheld(live.membership(key, user), why)


def _withheld_assignments(live: State, narrowed: State, scope: Scope) -> Iterator[Withheld]:
    held, reason = scope.unmoved.assignments, _link_reason(scope.settings.assignments)
    for arn in scope.desired.assignments.keys() & live.assignments.keys():
        unmoved = held.get(arn, frozenset())
        for principal in live.assignments[arn] - narrowed.assignments[arn]:
            why = Withholding.UNRESOLVED if principal in unmoved else reason
            yield Withheld(live.assignment(arn, principal), why)
    for arn in live.assignments.keys() - scope.desired.assignments.keys():
        if _is_left_to_a_service(live, arn, scope):
            for principal in live.assignments[arn] - narrowed.assignments[arn]:
                yield Withheld(live.assignment(arn, principal), Withholding.SERVICE)


def _is_left_to_a_service(live: State, arn: ApplicationArn, scope: Scope) -> bool:
    application = live.applications.get(arn)
    if application is None or application.service is None:
        return False
    return arn in scope.unmanaged or application.is_account_access


def _link_reason(mode: ManageLinks) -> Withholding:
    return Withholding.ADDITIVE if mode is ManageLinks.ADDITIVE else Withholding.IGNORED
