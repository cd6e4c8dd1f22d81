"""The guard against a rename that is written as a deletion and a creation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import DeclaredUser, Presence
from identity_reconciler.core.guard_settings import GuardId
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.state import Email, User, UserKey, UserName
from tests.guarded_world import World, judge, people
from tests.strategies import HERE


class TestRenameSuspected:
    """A rename written as a deletion and a creation is noticed."""

    @pytest.mark.parametrize(
        ("old", "new", "refused"),
        [
            ("AWS_Data_Science", "data-science", True),
            ("data science", "Data-Science", True),
            ("data-sciense", "data-science", True),
            ("contractors-01", "contractors-02", False),
            ("payments", "data-science", False),
            ("opss", "ops", False),
        ],
    )
    def test_groups_by_name(self, old: str, new: str, refused: bool) -> None:  # noqa: FBT001
        world = World(**{old: "", "others": "ana"})
        world.absent_groups, world.groups = [old], {new: [], "others": ["ana"]}
        assert ("rename.suspected" in world.blocked()) is refused

    @pytest.mark.parametrize(
        ("members", "refused"),
        [("aa", False), ("aa ab", False), ("aa ab ac", True), ("aa ab ac ad xx", True)],
    )
    def test_groups_by_members(self, members: str, refused: bool) -> None:  # noqa: FBT001
        world = World(alpha=people(4), others=people(9) + " xx")
        del world.groups["alpha"]
        world.absent_groups, world.groups["omega"] = ["alpha"], members.split()
        verdict = world.verdicts()[GuardId.RENAME_SUSPECTED]
        assert (verdict.standing is Standing.BLOCKED) is refused
        assert verdict.addresses == (("group/alpha", "group/omega") if refused else ())

    def test_one_shared_member_is_no_sign(self) -> None:
        world = World(alpha="aa", others=people(9))
        del world.groups["alpha"]
        world.absent_groups, world.groups["omega"] = ["alpha"], ["aa", "ab"]
        assert "rename.suspected" not in world.blocked()

    @pytest.mark.parametrize(
        ("old", "new", "refused"),
        [
            (User(UserName("jane.roe")), User(UserName("jane_roe")), True),
            (User(UserName("jroe")), User(UserName("jane")), False),
            (
                User(UserName("jroe"), email=Email("j@example.com")),
                User(UserName("jane"), email=Email("J@example.com")),
                True,
            ),
            (
                User(UserName("jroe"), given_name="Jane", family_name="Roe"),
                User(UserName("jane"), given_name="Jane", family_name="Roe"),
                True,
            ),
            (
                User(UserName("jroe"), given_name="Jane", family_name="Roe"),
                User(UserName("jane"), given_name="Jane", family_name="Doe"),
                False,
            ),
        ],
    )
    def test_users(self, old: User, new: User, refused: bool) -> None:  # noqa: FBT001 - a table
        world = World(team="ana")
        world.extra_users = [
            DeclaredUser(User(old.user_name), HERE, Presence.ABSENT),
            DeclaredUser(new, HERE),
        ]
        live = world.live()
        evidence = world.evidence(replace(live, users={**live.users, UserKey(old.user_name): old}))
        standing = judge(evidence)[GuardId.RENAME_SUSPECTED].standing
        assert (standing is Standing.BLOCKED) is refused
