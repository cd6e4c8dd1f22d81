"""What a gateway to a state answers: exactly what is asked, worked out from the contract alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted


def answer(live: State, wanted: Wanted) -> State:
    """Return what `Gateway.read_state` owes to *wanted* where *live* is live."""
    found = _answer(live, wanted)
    following = wanted.then(found)
    return found if following is None else found.united(answer(live, following))


def _answer(live: State, wanted: Wanted) -> State:
    applications = _applications(live, wanted)
    return State(
        users=_users(live, wanted),
        groups=_groups(live, wanted),
        members=_members(live, wanted),
        applications=applications,
        assignments=_assignments(live, wanted, applications),
        account_access=dict(_account_access(live, wanted)),
        account_gaps=live.account_gaps if wanted.account_access else frozenset(),
        accounts_through_groups=bool(wanted.account_access and live.accounts_through_groups),
    )


def _account_access(
    live: State, wanted: Wanted
) -> Iterator[tuple[Principal, frozenset[AccountRole]]]:
    """Yield what those asked about have, and what the groups of such users have where it is told.

    Of these, account access manager tells nothing.
    """
    for one in wanted.account_access:
        groups = live.groups if one.kind is PrincipalKind.GROUP else live.users
        if one.name in groups:
            yield one, live.account_access.get(one, frozenset())
    told = {group for group, _ in _told_through_groups(live, wanted)}
    for one in (Principal(PrincipalKind.GROUP, group) for group in told):
        if one not in wanted.account_access:
            yield one, _permission_sets(live, one)
    if wanted.account_lists:
        for one in live.account_access.keys() - {*wanted.account_access}:
            yield one, live.account_access[one]


def _permission_sets(live: State, one: Principal) -> frozenset[AccountRole]:
    found = live.account_access.get(one, frozenset())
    return frozenset(role for role in found if role.kind is AccountRoleKind.PERMISSION_SET)


def _told_through_groups(live: State, wanted: Wanted) -> Iterator[tuple[GroupKey, UserKey]]:
    """Yield the memberships of the users asked about in groups that have permission sets."""
    if not live.accounts_through_groups:
        return
    for group, members in live.members.items():
        for user in members:
            one = Principal(PrincipalKind.USER, user)
            if one in wanted.account_access and _permission_sets(
                live, Principal(PrincipalKind.GROUP, group)
            ):
                yield group, user


def _edges(live: State, wanted: Wanted) -> Iterator[tuple[GroupKey, UserKey]]:
    """Yield the live memberships that are asked about, or hang on a principal."""
    asked = {one.key[1:] for one in wanted.named if isinstance(one, Membership)}
    for group, members in live.members.items():
        for user in members:
            ends = {Principal(PrincipalKind.GROUP, group), Principal(PrincipalKind.USER, user)}
            if (group, user) in asked or ends & _linked(wanted):
                yield group, user
    yield from _told_through_groups(live, wanted)


def _linked(wanted: Wanted) -> set[Principal]:
    return {*wanted.principals, *wanted.memberships_of}


def _users(live: State, wanted: Wanted) -> dict[UserKey, User]:
    if wanted.users:
        return dict(live.users)
    named = {user_key(one.user_name) for one in wanted.named if isinstance(one, User)}
    met = {
        user: replace(live.users[user], manager=None)
        for group, user in _edges(live, wanted)
        if Principal(PrincipalKind.GROUP, group) in _linked(wanted)
    }
    addresses = set(map(folded, wanted.addresses))
    named |= {
        key for key, one in live.users.items() if one.email and folded(one.email.value) in addresses
    }
    mentioned = {
        user_key(one.user_name): User(one.user_name)
        for one in wanted.mentioned
        if isinstance(one, User) and user_key(one.user_name) in live.users
    }
    return mentioned | met | {key: live.users[key] for key in named & live.users.keys()}


def _groups(live: State, wanted: Wanted) -> dict[GroupKey, Group]:
    if wanted.groups:
        return dict(live.groups)
    named = {group_key(one.name) for one in wanted.named if isinstance(one, Group)}
    named |= {
        group
        for group, user in _edges(live, wanted)
        if Principal(PrincipalKind.USER, user) in _linked(wanted)
    }
    mentioned = {
        group_key(one.name): Group(one.name)
        for one in wanted.mentioned
        if isinstance(one, Group) and group_key(one.name) in live.groups
    }
    return mentioned | {key: live.groups[key] for key in named & live.groups.keys()}


def _members(live: State, wanted: Wanted) -> dict[GroupKey, frozenset[UserKey]]:
    found: dict[GroupKey, frozenset[UserKey]] = {}
    for group, user in _edges(live, wanted):
        found[group] = found.get(group, frozenset()) | {user}
    if wanted.groups:
        chosen = (key for key, group in live.groups.items() if wanted.members_of(group))
        found |= {key: live.members.get(key, frozenset()) for key in chosen}
    return found


def _applications(live: State, wanted: Wanted) -> dict[ApplicationArn, Application]:
    return {
        arn: one
        if wanted.assignments_of(one) or wanted.required_of(one)
        else replace(one, assignment_required=None)
        for arn, one in live.applications.items()
        if wanted.applications or arn in wanted.arns
    }


def _assignments(
    live: State, wanted: Wanted, applications: dict[ApplicationArn, Application]
) -> dict[ApplicationArn, frozenset[Principal]]:
    asked = {
        (one.application, one.principal) for one in wanted.named if isinstance(one, Assignment)
    }
    found: dict[ApplicationArn, frozenset[Principal]] = {}
    for arn, principals in live.assignments.items():
        if arn in applications and wanted.assignments_of(live.applications[arn]):
            found[arn] = principals
            continue
        linked = {*wanted.principals, *wanted.assignments_to}
        of_these = {one for one in principals if (arn, one) in asked or one in linked}
        if of_these:
            found[arn] = frozenset(of_these)
    return found
