"""What is left of a saved plan when somebody's manager is renamed, or spelled in another way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import Declared, DeclaredUser, Settings
from identity_reconciler.core.plan import Plan, Rename, Update
from identity_reconciler.core.review import what_is_left
from identity_reconciler.core.state import State, User, UserName, user_key
from identity_reconciler.errors import StalePlanError
from tests.strategies import HERE, INSTANCE, NOW

BOSS = User(UserName("zoe"))
RENAMED = User(UserName("Zora"))
BOB = User(UserName("bob"), title="Engineer", manager=BOSS.user_name)


def holding(*users: User) -> State:
    return State(users={user_key(one.user_name): one for one in users})


def plan_with_a_renamed_manager() -> Plan:
    declared = Declared(
        Settings(INSTANCE, rename_users=True),
        users=(
            DeclaredUser(RENAMED, HERE, previous_names=("zoe",)),
            DeclaredUser(User(BOB.user_name, title="Lead", manager=UserName("zora")), HERE),
        ),
    )
    return compare(declared, holding(BOSS, BOB), NOW)


class TestManagers:
    """A manager is somebody: a new name, or another spelling, is no change of those managed."""

    def test_all_is_left_before_the_manager_is_renamed(self) -> None:
        plan = plan_with_a_renamed_manager()
        assert [type(one) for one in plan.changes] == [Rename, Update]
        assert what_is_left(plan, holding(BOSS, BOB)).changes == plan.changes

    def test_the_rest_is_left_after_it(self) -> None:
        plan = plan_with_a_renamed_manager()
        later = replace(BOB, manager=RENAMED.user_name)
        assert what_is_left(plan, holding(RENAMED, later)).changes == plan.changes[1:]

    def test_another_manager_is_refused(self) -> None:
        moved = replace(BOB, manager=UserName("carla"))
        with pytest.raises(StalePlanError, match="other attributes"):
            what_is_left(plan_with_a_renamed_manager(), holding(BOSS, moved))

    def test_a_new_manager_in_another_spelling_is_done(self) -> None:
        plan = Plan((Update(BOB, replace(BOB, manager=UserName("ANA"))),))
        done = replace(BOB, manager=UserName("ana"))
        assert what_is_left(plan, holding(done)).changes == ()
