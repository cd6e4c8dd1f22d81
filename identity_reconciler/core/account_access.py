"""Who gets into which AWS account, before and after a plan, and whom to ask about it. Pure.

A plan never changes what a principal has in an account: it changes who is in which group, and who
is there at all. A deleted user or group leaves what it had behind, for nobody.

Whom to ask. AWS answers for one principal at a time, and each answer is a request. So each
principal that the plan touches is asked about once: first the users and groups whose members,
existence or name change, then the people who may gain or lose what was found with those groups,
whose memberships change. Their other groups are not asked about. Of a user AWS also tells, it
seems, what comes through groups: where it was seen to, their other paths are known. Where it was
not, a gain may be told of somebody who has the same through another group already: too much is
told and never too little, and `is_known` answers that it may be so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from identity_reconciler.core.access import Effect, Impact, Path, Route, shifted_groups
from identity_reconciler.core.access_facts import Known
from identity_reconciler.core.accounts import (
    AccountReading,
    AccountRole,
    AccountRoleKind,
    GapReason,
)
from identity_reconciler.core.plan import Change, Create, Delete, Rename, Update
from identity_reconciler.core.state import (
    Assignment,
    Group,
    GroupKey,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    UserName,
    folded,
    group_key,
    user_key,
)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One person who has something in an AWS account before a plan, or after it, and not both."""

    effect: Effect
    user: UserName
    """As spelled after the plan; before it for a deleted user."""
    role: AccountRole
    paths: tuple[Path, ...]
    """Every path that is lost, or every path that is gained; sorted, at least one."""

    @property
    def key(self) -> Key:
        """Losses first, then the folded user name, the account and what is had there."""
        rank = "0" if self.effect is Effect.LOST else "1"
        return (rank, folded(self.user), self.role.account, self.role.access, self.role.arn)


def account_changes(impact: Impact) -> tuple[AccountChange, ...]:
    """Return who loses and who gains what in AWS accounts by a plan, sorted by key.

    Somebody who has the same before and after, by whatever paths and names, neither gains nor
    loses. The answer is exact for all that `State.account_access` tells of the principals that the
    plan touches and of the groups of those at stake: see `is_known`.
    """
    before, after = impact.before, impact.after
    held_before, held_after = _Holders(before), _Holders(after)
    changes: list[AccountChange] = []
    for role, users in _at_stake(impact).items():
        for user in users:
            was = _former(impact, user)
            had = held_before.paths(role, was) if was is not None else ()
            has = held_after.paths(role, user)
            if had and not has:
                name = (after if user in after.users else before).user_name(user)
                changes.append(AccountChange(Effect.LOST, name, role, had))
            elif has and not had:
                changes.append(AccountChange(Effect.GAINED, after.user_name(user), role, has))
    return tuple(sorted(changes, key=lambda one: one.key))


def _former(impact: Impact, user: UserKey) -> UserKey | None:
    """Return the key of before of who is *user* after the plan; None when nobody live is that.

    Who takes over the old name of somebody is another person.
    """
    was = impact.renames.reversed().user(user)
    known = was in impact.before.users and impact.renames.user(was) == user
    return was if known else None


class _Holders:
    """Who has what in one state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._of: dict[AccountRole, list[Principal]] = defaultdict(list)
        for principal, roles in state.account_access.items():
            if not principal.orphan:
                for role in roles:
                    self._of[role].append(principal)

    def groups(self, role: AccountRole) -> Iterator[GroupKey]:
        """Yield the groups that have *role*."""
        for one in self._of.get(role, ()):
            if one.kind is PrincipalKind.GROUP:
                yield GroupKey(one.name)

    def paths(self, role: AccountRole, user: UserKey) -> tuple[Path, ...]:
        """Return every path by which *user* has *role*, sorted."""
        state = self._state
        found = [
            Path(Route.GROUP, state.group_name(group))
            for group in self.groups(role)
            if user in state.members.get(group, frozenset())
        ]
        if Principal(PrincipalKind.USER, user) in self._of.get(role, ()):
            found.append(Path(Route.DIRECT))
        return tuple(sorted(found))


def _at_stake(impact: Impact) -> Mapping[AccountRole, frozenset[UserKey]]:
    """Return, for all that somebody may gain or lose, those users, named as after the plan."""
    before, after, renames = impact.before, impact.after, impact.renames
    shifted = shifted_groups(before, after, renames)
    found: dict[AccountRole, frozenset[UserKey]] = defaultdict(frozenset)
    for principal, roles in before.account_access.items():
        users: frozenset[UserKey] = frozenset()
        if principal.kind is PrincipalKind.GROUP:
            users = shifted.get(principal, frozenset())
        elif renames.user(UserKey(principal.name)) not in after.users:
            users = frozenset((UserKey(principal.name),))
        for role in roles:
            found[role] |= users
    return found


def principals_to_ask(impact: Impact, asked: frozenset[Principal]) -> tuple[Principal, ...]:
    """Return the live principals to ask about next, sorted; none when enough is known.

    Asked again with what it has answered among *asked*, it answers at most twice: the principals
    that the plan touches, then the people at stake in what those have.
    """
    touched = _touched(impact) - asked
    if touched:
        return tuple(sorted(touched))
    return tuple(sorted(_people(impact) - asked))


def _people(impact: Impact) -> frozenset[Principal]:
    """Return those who may gain or lose something and are live, by the names of before."""
    users = frozenset().union(*_at_stake(impact).values())
    former = (_former(impact, user) for user in users)
    return frozenset(Principal(PrincipalKind.USER, key) for key in former if key is not None)


def _touched(impact: Impact) -> frozenset[Principal]:
    """Return the live principals whose members, existence, name or address the plan changes.

    And those whose address it gives to somebody else. By the names of before.
    """
    live = impact.before
    users: set[UserKey] = set()
    groups: set[GroupKey] = set()
    addresses: set[str] = set()
    for change in impact.plan.changes:
        for resource in _changed(change):
            match resource:
                case User():
                    users.add(user_key(resource.user_name))
                    addresses |= {folded(resource.email.value)} if resource.email else set()
                case Group():
                    groups.add(group_key(resource.name))
                case Membership():
                    # Where that is its name of after, its rename is a change as well.
                    groups.add(group_key(resource.group))
                case Assignment():
                    pass
                case _:
                    assert_never(resource)
    leavers = {
        user_key(one.before.user_name)
        for one in impact.plan.changes
        if isinstance(one, Delete) and isinstance(one.before, User)
    }
    groups |= {key for key, members in live.members.items() if not members.isdisjoint(leavers)}
    users |= {
        key
        for key, user in live.users.items()
        if user.email is not None and folded(user.email.value) in addresses
    }
    return frozenset(
        (
            *(Principal(PrincipalKind.USER, key) for key in users & live.users.keys()),
            *(Principal(PrincipalKind.GROUP, key) for key in groups & live.groups.keys()),
        )
    )


def _changed(change: Change) -> Iterator[Resource]:
    """Yield what *change* makes, takes away, or gives another name or address, on both sides."""
    match change:
        case Create(after=resource) | Delete(before=resource):
            yield resource
        case Rename(before=before, after=after):
            yield from (before, after)
        case Update(before=User(email=old), after=User(email=new) as after):
            if old != new:
                yield after
        case Update():
            pass
        case _:
            assert_never(change)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """How access to AWS accounts was read for a plan."""

    reading: AccountReading
    asked: frozenset[Principal] = frozenset()
    known: Known = field(default_factory=Known)


def is_known(impact: Impact, facts: AccountFacts) -> bool:
    """Return whether `account_changes` is exact: no gap, and no path of those it names unknown."""
    if any(gap.reason is GapReason.DENIED for gap in impact.before.account_gaps):
        return False
    holders = _Holders(impact.before)
    return all(
        _is_known(impact.before, facts, holders.groups(one.role), one.role, user)
        for one in account_changes(impact)
        if (user := _former(impact, user_key(one.user))) is not None
    )


def _is_known(
    live: State,
    facts: AccountFacts,
    holders: Iterable[GroupKey],
    role: AccountRole,
    user: UserKey,
) -> bool:
    """Return whether each way is known in which *user* may have *role*, which *holders* have."""
    principal = Principal(PrincipalKind.USER, user)
    if facts.reading is AccountReading.LIST:
        return _has_groups(live, facts.known, principal, holders)
    if principal not in facts.asked:
        return False
    if role.kind is AccountRoleKind.PERMISSION_SET and live.accounts_through_groups:
        return True
    groups = [GroupKey(key) for key, members in live.members.items() if user in members]
    return _has_groups(live, facts.known, principal, live.groups) and all(
        Principal(PrincipalKind.GROUP, key) in facts.asked for key in groups
    )


def _has_groups(
    live: State, known: Known, principal: Principal, groups: Iterable[GroupKey]
) -> bool:
    """Return whether it is known which of *groups* the user *principal* is in."""
    return principal in known.principals or all(
        key not in live.groups or known.has_members_of(key) for key in groups
    )


def memberships_to_read(impact: Impact, facts: AccountFacts) -> tuple[Principal, ...]:
    """Return who may have what is at stake through a group whose members are not all known."""
    holders = _Holders(impact.before)
    found = {
        Principal(PrincipalKind.USER, was)
        for role, users in _at_stake(impact).items()
        if not all(map(facts.known.has_members_of, holders.groups(role)))
        for user in users
        if (was := _former(impact, user)) is not None
    }
    return tuple(sorted(found - facts.known.principals))
