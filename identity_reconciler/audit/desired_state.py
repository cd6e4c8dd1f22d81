"""The state that the YAML alone describes, for answers without AWS. Pure.

What only AWS knows is missing: ARNs of applications that are named otherwise, whether they
require assignments, whether people are disabled, and who is live without being declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    Listed,
    Presence,
)
from identity_reconciler.core.planner import created
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    group_key,
    user_key,
)


def declared_state(declared: Declared, as_of: datetime) -> State:
    """Return what is live once *declared* is applied, as far as the YAML tells, at *as_of*.

    An application stands under the label of its selector where its ARN is not declared.
    """
    users = [created(one.user) for one in declared.users if one.presence is not Presence.ABSENT]
    groups = [one for one in declared.groups if one.presence is not Presence.ABSENT]
    return State(
        users={user_key(user.user_name): user for user in users},
        groups={group_key(one.name): one.group for one in groups},
        members={
            group_key(one.name): frozenset(
                UserKey(user_key(name)) for name in _holding(one.members or (), as_of)
            )
            for one in groups
        },
        applications={
            _arn(one): Application(
                _arn(one),
                one.selector.name or _arn(one),
                one.selector.provider,
                one.selector.account,
            )
            for one in declared.applications
        },
        assignments={
            _arn(one): frozenset(_principals(one, as_of)) for one in declared.applications
        },
    )


def _arn(application: DeclaredApplication) -> ApplicationArn:
    selector = application.selector
    return selector.arn or ApplicationArn(str(selector))


def _principals(application: DeclaredApplication, as_of: datetime) -> Iterator[Principal]:
    for name in _holding(application.users, as_of):
        yield Principal(PrincipalKind.USER, user_key(name))
    for name in _holding(application.groups, as_of):
        yield Principal(PrincipalKind.GROUP, GroupKey(group_key(name)))


def _holding(listed: Iterable[Listed], as_of: datetime) -> Iterator[str]:
    """Yield the names that hold at *as_of*."""
    return (one.name for one in listed if one.holds(as_of))
