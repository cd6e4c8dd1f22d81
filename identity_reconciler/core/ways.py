"""By which links people have access, as changes come and go one by one. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet
from typing import assert_never

from identity_reconciler.core.access import is_open
from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.renames import NO_RENAMES, Link, Renames
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    group_key,
    user_key,
)

Target = ApplicationArn | AccountRole
"""What access is to."""


class Ways:
    """By which links people have access, in one state, as far as a plan concerns them.

    Everything is named as after the renames of the plan: what is called otherwise before is the
    same thing, and what takes over a name is another.
    """

    def __init__(self, state: State, renames: Renames, people: AbstractSet[UserKey]) -> None:
        self._members: dict[GroupKey, set[UserKey]] = {}
        self._groups: defaultdict[UserKey, frozenset[GroupKey]] = defaultdict(frozenset)
        self._assigned: defaultdict[Target, set[Principal]] = defaultdict(set)
        self._targets: defaultdict[Principal, set[Target]] = defaultdict(set)
        for group, members in state.members.items():
            later = renames.group(group)
            found = renames.members(members) & people
            self._members[later] = set(found)
            for user in found:
                self._groups[user] |= {later}
        for arn, principals in state.assignments.items():
            for principal in principals if not is_open(state, arn) else ():
                self._assign(arn, renames.principal(principal))
        for principal, roles in state.account_access.items():
            for role in roles:
                self._assign(role, renames.principal(principal))

    def _assign(self, target: Target, principal: Principal) -> None:
        if not principal.orphan:
            self._assigned[target].add(principal)
            self._targets[principal].add(target)

    def copy(self) -> Ways:
        """Return another one that starts from the same."""
        other = Ways(State(), NO_RENAMES, frozenset())
        other._members = {group: set(members) for group, members in self._members.items()}
        other._groups = defaultdict(frozenset, self._groups)
        other._assigned = defaultdict(set, {t: set(some) for t, some in self._assigned.items()})
        other._targets = defaultdict(set, {p: set(some) for p, some in self._targets.items()})
        return other

    def add(self, link: Link) -> None:
        """Take in *link*, named as after the renames."""
        match link:
            case Membership():
                group, user = group_key(link.group), user_key(link.user)
                self._members.setdefault(group, set()).add(user)
                self._groups[user] |= {group}
            case Assignment():
                self._assign(link.application, link.principal)
            case _:
                assert_never(link)

    def remove(self, link: Link) -> None:
        """Take *link* out, named as after the renames."""
        match link:
            case Membership():
                group, user = group_key(link.group), user_key(link.user)
                self._members.get(group, set()).discard(user)
                self._groups[user] -= {group}
            case Assignment(application=arn, principal=principal):
                self._assigned[arn].discard(principal)
                self._targets[principal].discard(arn)
            case _:
                assert_never(link)

    def reach(self, target: Target, user: UserKey, without: GroupKey | None = None) -> bool:
        """Return whether *user* has access to *target*, otherwise than through one group."""
        assigned = self._assigned.get(target)
        if not assigned:
            return False
        if Principal(PrincipalKind.USER, user) in assigned:
            return True
        return any(
            group != without and of_group(group) in assigned for group in self._groups.get(user, ())
        )

    def who(self, principal: Principal) -> AbstractSet[UserKey]:
        """Return who has what *principal* is assigned to."""
        if principal.kind is PrincipalKind.USER:
            return {UserKey(principal.name)}
        return self._members.get(GroupKey(principal.name), set())

    def reached(
        self, target: Target, among: AbstractSet[UserKey], but_for: Principal | None = None
    ) -> AbstractSet[UserKey]:
        """Return those *among* people who have *target*, otherwise than by one assignment."""
        if len(among) <= _FEW and (but_for is None or but_for.kind is PrincipalKind.GROUP):
            group = None if but_for is None else GroupKey(but_for.name)
            return {user for user in among if self.reach(target, user, group)}
        found: set[UserKey] = set()
        for principal in self._assigned.get(target, ()):
            if principal != but_for:
                found |= self.who(principal) & among
        return found

    def lost_without(self, principal: Principal, target: Target) -> AbstractSet[UserKey]:
        """Return who has *target* by nothing but that *principal* is assigned to it."""
        users = self.who(principal)
        return users - self.reached(target, users, principal)

    def targets(self, principal: Principal) -> tuple[Target, ...]:
        """Return what *principal* is assigned to."""
        return tuple(self._targets.get(principal, ()))

    def has(self, target: Target, principal: Principal) -> bool:
        """Return whether *principal* is assigned to *target*."""
        return target in self._targets.get(principal, ())

    def is_member(self, group: GroupKey, user: UserKey) -> bool:
        """Return whether *user* is in *group*."""
        return user in self._members.get(group, ())


_FEW = 8
"""Up to so many people are looked at one by one, by their groups."""


def of_group(key: GroupKey) -> Principal:
    """Return the group with this key as what things are assigned to."""
    return Principal(PrincipalKind.GROUP, key)
