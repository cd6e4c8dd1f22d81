"""The guard against a rename that is written as a deletion and a creation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import DeclaredUser, Presence
from identity_reconciler.core.guard_settings import GuardId, RenameSigns
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.plan import Create
from identity_reconciler.core.state import Email, Membership, User, UserKey, UserName
from tests.guarded_world import WIDE, World, judge, people
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
            ("o-p-s", "ops", True),
            ("o-p-s1", "ops", False),
            ("abcdefgh", "hgfedcba", False),
            # Exactly 85 % of the letters, and a little less.
            ("a" * 17, "a" * 17 + "bbbbbb", True),
            ("a" * 17 + "bbbbbb", "a" * 17, True),
            ("a" * 16, "a" * 16 + "bbbbbb", False),
            ("a" * 16 + "bbbbbb", "a" * 16, False),
            ("ab-12345678901234567890", "cd-12345678901234567890", False),
            ("ab" * 150, "ab" * 149 + "ac", True),
            ("ab" * 150, "c" + "ab" * 150, True),
            # All letters are the same, but only 16 of 19 are in the same order.
            ("abcdefghijklmnop" + "xyz", "xyz" + "abcdefghijklmnop", False),
            ("data-1-science-2", "data-12-science", True),
        ],
    )
    def test_groups_by_name(self, old: str, new: str, refused: bool) -> None:  # noqa: FBT001
        world = World(**{old: "", "others": "ana"})
        world.absent_groups, world.groups = [old], {new: [], "others": ["ana"]}
        assert ("rename.suspected" in world.blocked()) is refused

    @pytest.mark.parametrize(
        ("old", "new", "likeness", "refused"),
        [
            ("abcde", "abcdf", 80, True),
            ("abcde", "abcdf", 81, False),
            ("abcd", "abce", 75, False),
            ("abcdef", "abcdefgh", 1, True),
            ("abcdef", "uvwxyz", 1, False),
        ],
    )
    def test_groups_as_alike_as_is_set(
        self, old: str, new: str, likeness: int, *, refused: bool
    ) -> None:
        world = World(**{old: "", "others": "ana"})
        world.absent_groups, world.groups = [old], {new: [], "others": ["ana"]}
        settings = replace(WIDE, rename=RenameSigns(likeness=likeness))
        assert ("rename.suspected" in world.blocked(settings)) is refused

    @pytest.mark.parametrize(
        ("number", "more"), [(1, ""), (3, ""), (4, ", and 1 more"), (5, ", and 2 more")]
    )
    def test_names_three_pairs_and_counts_the_others(self, number: int, more: str) -> None:
        letters = [letter * 9 for letter in "EdcBa"[:number]]
        world = World(**dict.fromkeys(letters, ""), others="ana")
        world.absent_groups = letters
        world.groups = {**{f"{one}-x": [] for one in letters}, "others": ["ana"]}
        verdict = world.verdicts()[GuardId.RENAME_SUSPECTED]
        pairs = [f"group/{one} goes and group/{one}-x comes" for one in sorted(letters)]
        assert verdict.found == "; ".join(pairs[:3]) + more
        assert verdict.addresses == tuple(
            sorted(f"group/{one}{end}" for one in letters for end in ("", "-x"))
        )

    def test_groups_by_members_in_any_spelling(self) -> None:
        world = World(Alpha="ana bob eve", others=people(9))
        del world.groups["Alpha"]
        world.absent_groups, world.groups["Omega"] = ["ALPHA"], ["ANA", "Bob"]
        verdict = world.verdicts()[GuardId.RENAME_SUSPECTED]
        assert verdict.addresses == ("group/Alpha", "group/Omega")

    def test_members_of_a_new_group_in_any_spelling(self) -> None:
        world = World(alpha="ana bob eve", others=people(9))
        del world.groups["alpha"]
        world.absent_groups, world.groups["omega"] = ["alpha"], ["ana", "bob"]
        evidence = world.evidence()
        changes = tuple(
            Create(replace(one.after, user=UserName(one.after.user.upper())))
            if isinstance(one, Create) and isinstance(one.after, Membership)
            else one
            for one in evidence.plan.changes
        )
        evidence = replace(evidence, plan=replace(evidence.plan, changes=changes))
        assert judge(evidence)[GuardId.RENAME_SUSPECTED].standing is Standing.BLOCKED

    def test_groups_with_as_many_members_as_is_set(self) -> None:
        world = World(alpha=people(4), others=people(9))
        del world.groups["alpha"]
        world.absent_groups, world.groups["omega"] = ["alpha"], people(2).split()
        for shared, refused in ((49, True), (50, False)):
            settings = replace(WIDE, rename=RenameSigns(shared=shared))
            assert ("rename.suspected" in world.blocked(settings)) is refused

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
            (
                User(UserName("jroe"), given_name="Joan", family_name="Roe"),
                User(UserName("jane"), given_name="Jane", family_name="Roe"),
                False,
            ),
            (
                User(UserName("jroe"), given_name="JANE", family_name="roe"),
                User(UserName("jane"), given_name="Jane", family_name="ROE"),
                True,
            ),
            (
                User(UserName("jroe"), email=Email("j@example.com")),
                User(UserName("jane"), email=Email("jane@example.com")),
                False,
            ),
            (
                User(UserName("jroe"), given_name="Jane"),
                User(UserName("jane"), given_name="Jane"),
                False,
            ),
            (
                User(UserName("jroe"), family_name="Roe"),
                User(UserName("jane"), family_name="Roe"),
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
