"""Print the plan of one fixed comparison; run under several hash seeds by a test."""

from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from tests.strategies import APPLICATIONS, GROUP_NAMES, USER_NAMES

USERS = {user_key(name): User(UserName(name), given_name="G") for name in USER_NAMES}
GROUPS = {group_key(name): Group(GroupName(name)) for name in GROUP_NAMES}
PRINCIPALS = frozenset(Principal(PrincipalKind.USER, key) for key in USERS)
FULL = State(
    USERS,
    GROUPS,
    {key: frozenset(USERS) for key in GROUPS},
    {one.arn: one for one in APPLICATIONS},
    {one.arn: PRINCIPALS for one in APPLICATIONS},
)
print(build_plan(FULL, State()).changes)  # noqa: T201 - the test reads it
print(build_plan(State(), FULL).changes)  # noqa: T201 - the test reads it
