"""Renames of users and groups: how live state is filed for them, and which are impossible. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser
from identity_reconciler.core.state import (
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import Problem


def renamed(declared: Declared, live: State) -> State:
    """Return *live* with every user and group that is to be renamed under its new key.

    A rename is one of a live previous name to a name that is not live; the objects themselves
    keep their old names, which is how the planner knows them.
    """
    users = {
        user_key(old): user_key(entry.user.user_name)
        for entry in declared.users
        for old in entry.previous_names
        if user_key(old) in live.users and user_key(entry.user.user_name) not in live.users
    }
    groups = {
        group_key(old): group_key(entry.group.name)
        for entry in declared.groups
        for old in entry.previous_names
        if group_key(old) in live.groups and group_key(entry.group.name) not in live.groups
    }
    if not users and not groups:
        return live
    spelled = {user_key(entry.user.user_name): entry.user.user_name for entry in declared.users}
    return State(
        users={
            users.get(key, key): _with_manager(user, users, spelled)
            for key, user in live.users.items()
        },
        groups={groups.get(key, key): group for key, group in live.groups.items()},
        members={
            groups.get(group, group): frozenset(users.get(user, user) for user in members)
            for group, members in live.members.items()
        },
        applications=live.applications,
        assignments={
            arn: frozenset(_principal(one, users, groups) for one in principals)
            for arn, principals in live.assignments.items()
        },
    )


def _with_manager(
    user: User, users: Mapping[UserKey, UserKey], spelled: Mapping[UserKey, UserName]
) -> User:
    """Return *user* with the new name of a manager who is renamed: the id behind it stays."""
    new = users.get(user_key(user.manager)) if user.manager else None
    return replace(user, manager=spelled[new]) if new else user


def _principal(
    principal: Principal, users: Mapping[UserKey, UserKey], groups: Mapping[GroupKey, GroupKey]
) -> Principal:
    if principal.orphan:
        return principal
    if principal.kind is PrincipalKind.USER:
        key = UserKey(principal.name)
        return replace(principal, name=users.get(key, key))
    group = GroupKey(principal.name)
    return replace(principal, name=groups.get(group, group))


def impossible_renames(declared: Declared, live: State) -> Iterator[Problem]:
    """Yield a problem for each entry whose previous names cannot become its name."""
    for user in declared.users:
        keys = sorted(key for key in map(user_key, user.previous_names) if key in live.users)
        if keys:
            new_is_live = user_key(user.user.user_name) in live.users
            yield from _problems(user, keys, new_is_live=new_is_live)
            if not new_is_live and not declared.settings.rename_users:
                yield Problem(
                    user.position,
                    f'user "{user.name}" would be renamed from "{keys[0]}", which AWS does not '
                    "document as possible; set `rename_users: true` under `manage` in "
                    "instance.yaml to try it",
                )
    for group in declared.groups:
        old = sorted(key for key in map(group_key, group.previous_names) if key in live.groups)
        if old:
            new_is_live = group_key(group.group.name) in live.groups
            yield from _problems(group, old, new_is_live=new_is_live)


def _problems(
    entry: DeclaredUser | DeclaredGroup,
    live_keys: list[UserKey] | list[GroupKey],
    *,
    new_is_live: bool,
) -> Iterator[Problem]:
    if new_is_live:
        yield Problem(
            entry.position,
            f'{entry.kind} "{entry.name}" and its previous name "{live_keys[0]}" are both live, so '
            "this is not a rename; remove the previous name, and declare or delete the old one",
        )
    elif len(live_keys) > 1:
        yield Problem(
            entry.position,
            f'{entry.kind} "{entry.name}" has {len(live_keys)} previous names that are live; '
            "keep one of them",
        )
