"""Who somebody is for the guards: under the name of before a plan and under that of after. Pure.

Settings name people and groups by patterns, and a plan may change the names. So whoever is meant
under either name is meant; and whoever gets the user name or the e-mail address of somebody else
may be taken for that person, or reset the password.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from identity_reconciler.core.claims import address_of
from identity_reconciler.core.guard_settings import GuardSettings, PrivilegedNames
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.guarded import with_privileged_role
from identity_reconciler.core.plan import Create, Plan, Rename, Update
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    ApplicationArn,
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    group_key,
    user_key,
)


def is_application(patterns: tuple[str, ...], arn: ApplicationArn, evidence: Evidence) -> bool:
    """Return whether *patterns* match the name or the ARN of an application."""
    application = evidence.live.applications.get(arn)
    by_name = application is not None and matches_any(patterns, application.name)
    return by_name or matches_any(patterns, arn)


def is_user(patterns: tuple[str, ...], name: str, evidence: Evidence) -> bool:
    """Return whether *patterns* match a user who is called *name* before or after the plan."""
    key, renames = user_key(name), evidence.renames
    names = (name, renames.users.get(key), renames.former_users.get(key))
    return any(matches_any(patterns, each) for each in names if each is not None)


def is_group(patterns: tuple[str, ...], name: str, evidence: Evidence) -> bool:
    """Return whether *patterns* match the group called *name* after the plan, now or before it."""
    former = evidence.renames.former_groups.get(group_key(name))
    return matches_any(patterns, name) or (former is not None and matches_any(patterns, former))


@dataclass(frozen=True, slots=True)
class Privileged:
    """Who and what is privileged, before the plan or after it, by the keys of after it."""

    groups: frozenset[GroupKey]
    """Those that match `privileged`, are assigned to such an application, or have such access to
    an AWS account."""
    users: frozenset[UserKey]
    """Their members, and whoever is assigned, or has access, alone."""

    @classmethod
    def of(cls, evidence: Evidence, settings: GuardSettings) -> Privileged:
        """Return what `privileged` in *settings* means, as far as *evidence* knows."""
        names, renames = settings.privileged, evidence.renames
        if names == PrivilegedNames():
            return cls(frozenset(), frozenset())
        assigned = frozenset(
            (
                *_assigned(evidence, names.applications),
                *map(renames.principal, with_privileged_role(evidence.live, names)),
            )
        )
        groups = {GroupKey(one.name) for one in assigned if one.kind is PrincipalKind.GROUP}
        groups |= {
            key
            for key, group in evidence.after.groups.items()
            if is_group(names.groups, group.name, evidence)
        }
        users = {UserKey(one.name) for one in assigned if one.kind is PrincipalKind.USER}
        for key, members in evidence.live.members.items():
            if renames.group(key) in groups or matches_any(names.groups, key):
                users |= renames.members(members)
        for key in groups:
            users |= evidence.after.members.get(key, frozenset())
        return cls(frozenset(groups), frozenset(users))


def _assigned(evidence: Evidence, patterns: tuple[str, ...]) -> Iterator[Principal]:
    """Yield who is assigned to an application that *patterns* match, before or after the plan."""
    for state in (evidence.live, evidence.after) if patterns else ():
        for arn, principals in state.assignments.items():
            if is_application(patterns, arn, evidence):
                yield from (evidence.renames.principal(one) for one in principals if not one.orphan)


def taken_over(
    evidence: Evidence, settings: GuardSettings, privileged: Privileged
) -> Iterator[User]:
    """Yield the users who get another user name or e-mail address though somebody relies on it.

    That is an administrator's, a protected or a privileged user's own, which changes; or theirs,
    which somebody else gets.
    """
    names = (*settings.administrators, *settings.protected.users)
    if not (names or privileged.users):
        return
    renames = evidence.renames

    def is_relied_on(name: str) -> bool:
        key = renames.user(user_key(name))
        return key in privileged.users or is_user(names, name, evidence)

    changed = [*_changed(evidence.plan)]
    given = {_new_address(user, before) for user, before in changed} - {None}
    relied_on = {
        address_of(user)
        for user in evidence.live.users.values()
        if address_of(user) in given and is_relied_on(user.user_name)
    }
    for user, before in changed:
        takes_a_name = before is not None or user_key(user.user_name) in evidence.live.users
        if _new_address(user, before) in relied_on or (
            takes_a_name and is_relied_on(user.user_name)
        ):
            yield user


def gives_identities(plan: Plan, live: State) -> bool:
    """Return whether *plan* gives a user name or an e-mail address away that somebody live has.

    Then it has to be known who is privileged, also in groups that are not managed.
    """
    taken = {address_of(user) for user in live.users.values()} - {None}
    return any(before is not None or address_of(user) in taken for user, before in _changed(plan))


def _changed(plan: Plan) -> Iterator[tuple[User, User | None]]:
    """Yield the users who get a user name or an e-mail address, with what they are before."""
    for change in plan.changes:
        match change:
            case Create(after=User() as user):
                yield user, None
            case (
                Update(before=User() as old, after=User() as user)
                | Rename(before=User() as old, after=User() as user)
            ) if old.user_name != user.user_name or address_of(old) != address_of(user):
                yield user, old
            case _:
                pass


def _new_address(user: User, before: User | None) -> str | None:
    address = address_of(user)
    return None if before is not None and address == address_of(before) else address
