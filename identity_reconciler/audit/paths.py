"""Who can open what, and who gets into which AWS account, by every path, in one state. Pure.

The rules are those of `access`: an assignment of one's own, or of a group one is in, or an
application that requires none. Here they are walked from the applications, for everybody at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from identity_reconciler.core.access import Path, Route, is_open
from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    GroupKey,
    PrincipalKind,
    State,
    User,
    UserKey,
)


@dataclass(frozen=True, slots=True)
class Opening:
    """One path from one person to one application."""

    user: UserKey
    application: ApplicationArn
    path: Path


def openings(state: State) -> Iterator[Opening]:
    """Yield every path of every person to every application, each once.

    An application that requires no assignment opens to all users, and its assignments are
    paths too: they stay, and count again as soon as it requires them. Source:
    API_PutApplicationAssignmentConfiguration.
    """
    for arn in state.applications.keys() | state.assignments.keys():
        if is_open(state, arn):
            for key in state.users:
                yield Opening(key, arn, Path(Route.EVERYONE))
        for principal in state.assignments.get(arn, ()):
            if principal.orphan:
                continue
            if principal.kind is PrincipalKind.USER:
                yield Opening(UserKey(principal.name), arn, Path(Route.DIRECT))
                continue
            group = GroupKey(principal.name)
            through = Path(Route.GROUP, state.group_name(group))
            for member in state.members.get(group, ()):
                yield Opening(member, arn, through)


@dataclass(frozen=True, slots=True)
class AccountWay:
    """One path from one person into one AWS account."""

    user: UserKey
    role: AccountRole
    path: Path


def account_ways(state: State) -> Iterator[AccountWay]:
    """Yield every path of every live person into an account, each once, as far as it was read."""
    for principal, roles in state.account_access.items():
        if principal.orphan:
            continue
        if principal.kind is PrincipalKind.USER:
            people, path = frozenset((UserKey(principal.name),)), Path(Route.DIRECT)
        else:
            group = GroupKey(principal.name)
            people = state.members.get(group, frozenset())
            path = Path(Route.GROUP, state.group_name(group))
        for role in roles:
            for user in people:
                yield AccountWay(user, role, path)


def applications(state: State) -> Mapping[ApplicationArn, Application]:
    """Return every application, also those of which only the ARN is known."""
    nameless = {arn: Application(arn, "") for arn in state.assignments}
    return nameless | dict(state.applications)


def standing(user: User | None) -> str:
    """Return "enabled" or "disabled", or "unknown" where AWS does not say."""
    enabled = user.provenance.enabled if user and user.provenance else None
    if enabled is None:
        return "unknown"
    return "enabled" if enabled else "disabled"


def email_of(user: User | None) -> str:
    """Return the e-mail address, or nothing."""
    return user.email.value if user and user.email else ""
