"""The live state after a plan: every change applied to values. Pure.

Names of links follow the plan's own rule: what is deleted is named as it is live, what is created
as it will be after the renames.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    ApplicationArn,
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
    group_key,
    principals_of,
    user_key,
)


def after_plan(live: State, plan: Plan, renames: Renames) -> State:
    """Return what is live when every change of *plan*, whose renames are *renames*, has succeeded.

    *live* is as it was read, under the names of before the renames, and may be partial: a set of
    links that is not here is taken as empty. Memberships of deleted users and groups vanish; an
    assignment of one that the plan leaves behind becomes an orphan (under its old name, because
    its PrincipalId is not known here), and so does all that it has in AWS accounts. Sets that
    nothing changes are the very same objects as in *live*, so comparing the two costs little.
    """
    edits = _Edits(renames)
    for change in plan.changes:
        edits.note(change)
    return State(
        users=_users(live.users, edits),
        groups=_groups(live.groups, edits),
        members=_members(live.members, edits),
        applications=live.applications,
        assignments=_assignments(live.assignments, edits),
        account_access=_account_access(live.account_access, edits.gone(), renames),
        account_gaps=live.account_gaps,
        accounts_through_groups=live.accounts_through_groups,
    )


@dataclass(slots=True)
class _Edits:
    """The changes of a plan, sorted by what they touch, so that each set is rebuilt once."""

    renames: Renames
    gone_users: set[UserKey] = field(default_factory=set)
    gone_groups: set[GroupKey] = field(default_factory=set)
    users: dict[UserKey, User] = field(default_factory=dict)
    """Those created, updated and renamed, by new key."""
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    """As `users`."""
    new_groups: set[GroupKey] = field(default_factory=set)
    left: dict[GroupKey, set[UserKey]] = field(default_factory=lambda: defaultdict(set))
    """By the old keys of groups and users."""
    joined: dict[GroupKey, set[UserKey]] = field(default_factory=lambda: defaultdict(set))
    """By the new keys of groups and users."""
    unassigned: dict[ApplicationArn, set[Principal]] = field(
        default_factory=lambda: defaultdict(set)
    )
    assigned: dict[ApplicationArn, set[Principal]] = field(default_factory=lambda: defaultdict(set))

    def note(self, change: Change) -> None:
        match change:
            case Delete():
                self._removed(change.before)
            case Create(after=resource):
                self._made(resource)
                if isinstance(resource, Group):
                    self.new_groups.add(group_key(resource.name))
            case Update() | Rename():
                self._made(change.after)
            case _:
                assert_never(change)

    def _removed(self, resource: Resource) -> None:
        match resource:
            case User():
                self.gone_users.add(user_key(resource.user_name))
            case Group():
                self.gone_groups.add(group_key(resource.name))
            case Membership():
                self.left[group_key(resource.group)].add(user_key(resource.user))
            case Assignment():
                self.unassigned[resource.application].add(resource.principal)
            case _:
                assert_never(resource)

    def _made(self, resource: Resource) -> None:
        match resource:
            case User():
                self.users[user_key(resource.user_name)] = resource
            case Group():
                self.groups[group_key(resource.name)] = resource
            case Membership():
                self.joined[group_key(resource.group)].add(user_key(resource.user))
            case Assignment():
                self.assigned[resource.application].add(resource.principal)
            case _:
                assert_never(resource)

    def gone(self) -> frozenset[Principal]:
        return principals_of(self.gone_users, self.gone_groups)


def _users(live: Mapping[UserKey, User], edits: _Edits) -> Mapping[UserKey, User]:
    renames = edits.renames
    if not (edits.users or edits.gone_users):
        return live
    kept = _without(live, edits.gone_users | renames.users.keys())
    if renames.users:
        kept = {key: renames.managed(user) for key, user in kept.items()}
    kept.update(edits.users)
    return kept


def _groups(live: Mapping[GroupKey, Group], edits: _Edits) -> Mapping[GroupKey, Group]:
    if not (edits.groups or edits.gone_groups):
        return live
    kept = _without(live, edits.gone_groups | edits.renames.groups.keys())
    kept.update(edits.groups)
    return kept


_K = TypeVar("_K")
_V = TypeVar("_V")


def _without(live: Mapping[_K, _V], keys: set[_K]) -> dict[_K, _V]:
    kept = dict(live)
    for key in keys:
        kept.pop(key, None)
    return kept


def _members(
    live: Mapping[GroupKey, frozenset[UserKey]], edits: _Edits
) -> Mapping[GroupKey, frozenset[UserKey]]:
    after = dict(live)
    moved = edits.gone_users | edits.renames.users.keys()
    touched = {key for key, members in live.items() if moved and not members.isdisjoint(moved)}
    for key in touched | (edits.left.keys() & live.keys()):
        after[key] = edits.renames.members(
            live[key] - edits.left.get(key, set()) - edits.gone_users
        )
    for key in edits.gone_groups:
        after.pop(key, None)
    moved_groups = edits.renames.groups.keys() & after.keys()
    after.update({edits.renames.group(old): after.pop(old) for old in moved_groups})
    after.update(dict.fromkeys(edits.new_groups, frozenset()))
    for key, users in edits.joined.items():
        after[key] = after.get(key, frozenset()) | users
    return after


def _assignments(
    live: Mapping[ApplicationArn, frozenset[Principal]], edits: _Edits
) -> Mapping[ApplicationArn, frozenset[Principal]]:
    after = dict(live)
    gone = edits.gone()
    moved = gone | edits.renames.principals()
    touched = {arn for arn, found in live.items() if moved and not found.isdisjoint(moved)}
    for arn in touched | (edits.unassigned.keys() & live.keys()):
        kept = live[arn] - edits.unassigned.get(arn, set())
        after[arn] = (kept - moved) | {
            replace(one, orphan=True) if one in gone else edits.renames.principal(one)
            for one in kept & moved
        }
    for arn, principals in edits.assigned.items():
        after[arn] = after.get(arn, frozenset()) | principals
    return after


def _account_access(
    live: Mapping[Principal, frozenset[AccountRole]],
    gone: frozenset[Principal],
    renames: Renames,
) -> Mapping[Principal, frozenset[AccountRole]]:
    """Return *live* under the new names; what somebody who is gone had is an orphan's."""
    if not gone and not renames.principals():
        return live
    return {
        replace(one, orphan=True) if one in gone else renames.principal(one): roles
        for one, roles in live.items()
    }


def with_account_access(after: State, live: State, plan: Plan, renames: Renames) -> State:
    """Return *after*, the state after *plan*, with what *live* has learnt of AWS accounts since."""
    gone = frozenset(
        Principal(PrincipalKind(change.before.key[0]), change.before.key[1])
        for change in plan.changes
        if isinstance(change, Delete) and isinstance(change.before, User | Group)
    )
    return replace(
        after,
        account_access=_account_access(live.account_access, gone, renames),
        account_gaps=live.account_gaps,
        accounts_through_groups=live.accounts_through_groups,
    )
