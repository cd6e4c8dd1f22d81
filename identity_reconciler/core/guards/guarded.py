"""Which changes touch what the settings of the guards name: these are shown first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.guard_settings import GuardSettings, PrivilegedNames
from identity_reconciler.core.plan import Change, Plan, subject_of
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    ApplicationArn,
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
    group_key,
    user_key,
)


def guarded_changes(
    plan: Plan, settings: GuardSettings, before: State, after: State, renames: Renames
) -> frozenset[Key]:
    """Return the keys of the changes of *plan* that touch what *settings* name.

    Protected and privileged users, groups and applications, groups with a least number of members
    or exact ones, administrators, groups assigned to a privileged application or with privileged
    access to an AWS account, and the accounts of those who are in such a group, before or after
    the plan. Each under its old name and its new one. Whether a guard refuses it makes no
    difference: this is for the eyes.
    """
    if settings == GuardSettings():
        return frozenset()
    guarded = _Guarded(settings, before, after, renames)
    return frozenset(change.key for change in plan.changes if guarded.touches(change))


@dataclass(slots=True)
class _Guarded:
    settings: GuardSettings
    before: State
    after: State
    renames: Renames
    _users: tuple[str, ...] = field(init=False)
    _groups: tuple[str, ...] = field(init=False)
    _applications: tuple[str, ...] = field(init=False)
    _named: frozenset[GroupKey] = field(init=False)
    _ways_in: frozenset[GroupKey] = field(init=False)
    """Groups that are assigned to a privileged application, or have privileged access to an AWS
    account."""
    _insiders: frozenset[UserKey] = field(init=False)
    """Who is in a privileged group."""

    def __post_init__(self) -> None:
        one = self.settings
        self._users = (*one.protected.users, *one.administrators)
        self._groups = (*one.protected.groups, *one.privileged.groups)
        self._applications = (*one.protected.applications, *one.privileged.applications)
        self._named = frozenset(
            (
                *(group_key(each.group) for each in one.min_members),
                *(group_key(each.group) for each in one.pinned_members),
            )
        )
        self._ways_in = frozenset(
            group
            for state in (self.before, self.after)
            for arn, principals in state.assignments.items()
            if self._matches(one.privileged.applications, arn)
            for group in _groups_of(principals)
        ) | frozenset(
            group
            for state in (self.before, self.after)
            for group in _groups_of(with_privileged_role(state, one.privileged))
        )
        self._insiders = frozenset(
            user
            for state in (self.before, self.after)
            for group, members in state.members.items()
            if self._is_privileged(group)
            for user in members
        )

    def touches(self, change: Change) -> bool:
        """Return whether *change* touches what is guarded, before or after it."""
        return self._is_guarded(subject_of(change))

    def _is_guarded(self, resource: Resource) -> bool:
        match resource:
            case User(user_name=name):
                return self._user(name) or bool(self._insiders & {*_keys(self._users_of(name))})
            case Group(name=group):
                return self._group(group)
            case Membership(group=group, user=user):
                return self._group(group) or self._user(user)
            case Assignment(application=arn, principal=principal):
                guarded = self._user if principal.kind is PrincipalKind.USER else self._group
                return self._matches(self._applications, arn) or (
                    not principal.orphan and guarded(principal.name)
                )

    def _user(self, name: str) -> bool:
        return any(matches_any(self._users, each) for each in self._users_of(name))

    def _users_of(self, name: str) -> tuple[str, str]:
        """Return what the user called *name* is called before the plan, and after it."""
        key, renames = user_key(name), self.renames
        return renames.former_users.get(key, name), renames.users.get(key, name)

    def _group(self, name: str) -> bool:
        key, renames = group_key(name), self.renames
        names = renames.former_groups.get(key, name), renames.groups.get(key, name)
        return any(
            matches_any(self._groups, each)
            or group_key(each) in self._named
            or group_key(each) in self._ways_in
            for each in names
        )

    def _is_privileged(self, group: GroupKey) -> bool:
        return matches_any(self.settings.privileged.groups, group) or group in self._ways_in

    def _matches(self, patterns: tuple[str, ...], arn: ApplicationArn) -> bool:
        application = self.before.applications.get(arn)
        by_name = application is not None and matches_any(patterns, application.name)
        return by_name or matches_any(patterns, arn)


def with_privileged_role(state: State, names: PrivilegedNames) -> Iterator[Principal]:
    """Yield the live principals that have access to AWS accounts by what *names* name."""
    if names.permission_sets or names.roles or names.accounts:
        for principal, roles in state.account_access.items():
            if not principal.orphan and any(_is_privileged_role(one, names) for one in roles):
                yield principal


def _is_privileged_role(role: AccountRole, names: PrivilegedNames) -> bool:
    by_permission_set = role.kind is AccountRoleKind.PERMISSION_SET
    patterns = names.permission_sets if by_permission_set else names.roles
    return any(matches_any(patterns, each) for each in role.names) or any(
        matches_any(names.accounts, each) for each in role.account_names
    )


def _groups_of(principals: Iterable[Principal]) -> Iterator[GroupKey]:
    for one in principals:
        if one.kind is PrincipalKind.GROUP and not one.orphan:
            yield GroupKey(one.name)


def _keys(names: Iterable[str]) -> Iterator[UserKey]:
    return map(user_key, names)
