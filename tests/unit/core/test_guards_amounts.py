"""Guards against removing too much, at their boundaries: just below, at, just above."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import DeclaredGroup, DeclaredUser, ManageObjects, Presence
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    ExpectLive,
    GuardId,
    GuardSettings,
    ResourceKind,
)
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.guards.evidence import removals
from identity_reconciler.core.plan import Delete, Plan, Reason
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Membership,
    State,
    User,
    UserKey,
    UserName,
)
from tests.guarded_world import WIDE, World, judge, people
from tests.strategies import HERE


class TestBudgets:
    """A plan removes at most min(ceiling, max(floor, percent of what is managed))."""

    @pytest.mark.parametrize(
        ("budget", "managed", "allowed"),
        [
            (DeleteBudget(1, 2, 10), 0, 1),
            (DeleteBudget(1, 2, 10), 99, 1),
            (DeleteBudget(1, 2, 10), 100, 2),
            (DeleteBudget(1, 2, 10), 149, 2),
            (DeleteBudget(1, 2, 10), 150, 3),
            (DeleteBudget(1, 2, 10), 500, 10),
            (DeleteBudget(1, 2, 10), 100_000, 10),
            (DeleteBudget(5, 2, 3), 10, 3),
            (DeleteBudget(0, 0, 10), 1000, 0),
            (DeleteBudget(0, 0.57, 1000), 10_000, 57),
            (DeleteBudget(0, 100, 1000), 7, 7),
        ],
    )
    def test_allowed(self, budget: DeleteBudget, managed: int, allowed: int) -> None:
        assert budget.allowed(managed) == allowed

    def test_the_defaults_are_the_documented_ones(self) -> None:
        budgets = Budgets()
        assert budgets.users == DeleteBudget(1, 2, 10)
        assert budgets.groups == DeleteBudget(1, 5, 5)
        assert budgets.memberships == DeleteBudget(5, 2, 40)
        assert budgets.assignments == DeleteBudget(1, 5, 5)
        assert budgets.expired == DeleteBudget(10, 10, 100)

    @pytest.mark.parametrize(("removed", "refused"), [(0, False), (1, False), (2, True)])
    def test_users(self, removed: int, refused: bool) -> None:  # noqa: FBT001 - a table
        world = World(staff=people(20))
        world.absent_users = [f"leaver-{'x' * (n + 1)}" for n in range(removed)]
        assert ("budget.users" in world.blocked(GuardSettings())) is refused

    def test_who_is_only_referred_to_is_no_share_of_what_is_managed(self) -> None:
        world = World(staff=people(50))
        world.absent_users = ["leaver-x", "leaver-xx"]
        live = world.live()
        names = [f"idp-{n}" for n in range(100)]
        foreign = {UserKey(n): User(UserName(n), foreign=True) for n in names}
        world.extra_users = [
            DeclaredUser(User(UserName(n)), HERE, Presence.EXTERNAL) for n in names
        ]
        evidence = world.evidence(replace(live, users={**live.users, **foreign}))
        found = judge(evidence, GuardSettings())[GuardId.BUDGET_USERS].found
        assert found == "2 users would be removed, of 52 managed"

    def test_count_every_resource_once(self) -> None:
        link = Membership(GroupName("team"), UserName("ana"))
        deletion = Delete(User(UserName("ana")), Reason.ABSENT, (link,))
        for changes in (
            (Delete(link, Reason.EXPIRED), deletion),
            (deletion, Delete(link, Reason.EXPIRED)),
        ):
            found = removals(Plan(changes))
            assert [(one.kind, one.expired) for one in found] == [
                (ResourceKind.MEMBERSHIP, True),
                (ResourceKind.USER, False),
            ]

    @pytest.mark.parametrize(("removed", "refused"), [(4, False), (5, False), (6, True)])
    def test_memberships(self, removed: int, refused: bool) -> None:  # noqa: FBT001 - a table
        world = World(staff=people(20))
        world.groups["staff"] = world.people[removed:]
        assert ("budget.memberships" in world.blocked(GuardSettings())) is refused

    @pytest.mark.parametrize(("removed", "refused"), [(1, False), (2, True)])
    def test_groups_and_assignments(self, removed: int, refused: bool) -> None:  # noqa: FBT001
        names = ("alpha", "beta", "gamma", "delta")
        world = World(**dict.fromkeys(names, ""))
        world.live_assigned = list(names)
        world.absent_groups = list(names[:removed])
        world.groups = {name: [] for name in names[removed:]}
        world.assigned = list(names[removed:])
        kinds = {"budget.groups", "budget.assignments"}
        assert world.blocked(GuardSettings()) & kinds == (kinds if refused else set())

    def test_count_cascades_and_say_what_to_approve(self) -> None:
        world = World(staff=people(20), temps=people(6))
        world.absent_groups = ["temps"]
        del world.groups["temps"]
        verdict = world.verdicts(GuardSettings())[GuardId.BUDGET_MEMBERSHIPS]
        assert verdict.standing is Standing.BLOCKED
        assert verdict.found == "6 memberships would be removed, of 26 managed"
        assert verdict.expected == "at most 5 (floor 5, 2 %, ceiling 40)"
        assert verdict.count == 6
        assert verdict.addresses[0] == "membership/temps/aa"
        assert [(one.kind, one.count) for one in verdict.approvals] == [("membership", 6)]

    @pytest.mark.parametrize(("expired", "refused"), [(10, set()), (11, {"budget.expired"})])
    def test_what_has_expired_has_its_own(self, expired: int, refused: set[str]) -> None:
        world = World(staff=people(50))
        world.expired = world.people[:expired]
        assert world.blocked(GuardSettings()) == refused


class TestEmpty:
    """A state that is empty by accident is not taken for an intention."""

    def test_desired(self) -> None:
        world = World(staff="ana bob")
        world.mode = ManageObjects.AUTHORITATIVE
        assert "empty.desired" not in world.blocked()
        del world.groups["staff"]
        assert "empty.desired" in world.blocked()
        world.groups["other"] = []
        assert "empty.desired" not in world.blocked()
        world.groups["staff"] = ["ana", "bob"]
        assert "empty.desired" not in world.blocked()

    def test_desired_lets_declared_deletions_pass(self) -> None:
        world = World(staff="ana bob")
        world.absent_groups = ["staff"]
        world.groups = {}
        assert world.blocked() == set()

    @pytest.mark.parametrize(("least", "refused"), [(1, False), (2, False), (3, True)])
    def test_live_below_what_is_expected(self, least: int, refused: bool) -> None:  # noqa: FBT001
        world = World(staff="ana bob")
        world.groups["new"] = []
        settings = replace(WIDE, expect_live=ExpectLive(users=least))
        assert ("empty.live" in world.blocked(settings)) is refused
        settings = replace(WIDE, expect_live=ExpectLive(groups=least - 1))
        assert ("empty.live" in world.blocked(settings)) is refused

    def test_a_first_adoption_passes(self) -> None:
        world = World(staff=people(30), other=people(4))
        evidence = world.evidence(State(applications=world.live().applications))
        verdicts = judge(evidence, GuardSettings())
        assert len(evidence.plan.changes) == 66
        assert {one.standing for one in verdicts.values()} == {Standing.PASSED}

    def test_live_must_hold_someone_where_someone_is_referred_to(self) -> None:
        world = World(staff="ana")
        world.groups["new"] = []
        world.extra_users = [DeclaredUser(User(UserName("zoe")), HERE, Presence.EXTERNAL)]
        live = world.live()
        zoe = User(UserName("zoe"), foreign=True)
        evidence = world.evidence(replace(live, users={**live.users, UserKey("zoe"): zoe}))
        assert judge(evidence)[GuardId.EMPTY_LIVE].standing is Standing.PASSED
        nobody = replace(evidence, live=replace(live, users={}))
        assert judge(nobody)[GuardId.EMPTY_LIVE].standing is Standing.BLOCKED


class TestWipe:
    """Not all of a kind, and not all members of a group that had three or more."""

    @pytest.mark.parametrize(
        ("members", "left", "refused"),
        [("ana bob", "", False), ("ana bob eve", "eve", False), ("ana bob eve", "", True)],
    )
    def test_members_of_a_group(self, members: str, left: str, refused: bool) -> None:  # noqa: FBT001
        world = World(team=members, others=people(9))
        world.groups["team"] = left.split()
        assert ("wipe" in world.blocked()) is refused
        if refused:
            assert world.verdicts()[GuardId.WIPE].addresses == ("group/team",)

    def test_members_who_leave_with_their_accounts(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        world.absent_users = ["ana", "bob", "eve"]
        world.groups["team"] = []
        assert "wipe" in world.blocked()

    def test_a_group_that_is_declared_absent_may_go(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        del world.groups["team"]
        world.absent_groups = ["team"]
        assert "wipe" not in world.blocked()

    def test_a_group_that_is_no_longer_declared_may_not(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        world.mode = ManageObjects.AUTHORITATIVE
        del world.groups["team"]
        assert "wipe" in world.blocked()

    def test_of_an_unmanaged_group_nothing_is_concluded(self) -> None:
        """Only the memberships of leavers are known there."""
        world = World(team="ana bob eve", others=people(9))
        world.absent_users = ["ana", "bob", "eve"]
        del world.groups["team"]
        assert "wipe" not in world.blocked()

    @pytest.mark.parametrize(("number", "refused"), [(2, False), (3, True)])
    def test_all_of_a_kind(self, number: int, refused: bool) -> None:  # noqa: FBT001 - a table
        names = ("alpha", "beta", "gamma")[:number]
        world = World(**dict.fromkeys(names, ""))
        world.absent_groups, world.groups = list(names), {}
        assert ("wipe" in world.blocked()) is refused
        world.absent_groups, world.groups = list(names[1:]), {names[0]: []}
        assert "wipe" not in world.blocked()

    def test_from_another_number_on(self) -> None:
        world = World(team="ana bob", others=people(9))
        world.groups["team"] = []
        assert "wipe" in world.blocked(replace(WIDE, wipe_from=2))

    def test_a_group_that_is_renamed_meanwhile(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        del world.groups["team"]
        squad = Group(GroupName("squad"))
        world.extra_groups = [DeclaredGroup(squad, HERE, Presence.PRESENT, (), ("team",))]
        assert world.verdicts()[GuardId.WIPE].addresses == ("group/team",)

    def test_what_only_expires_is_no_wipe(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        world.expired = ["ana", "bob", "eve"]
        assert "wipe" not in world.blocked()
        world.groups["team"] = ["ana", "bob"]
        assert "wipe" in world.blocked()
        alone = World(team="ana bob eve")
        alone.expired = ["ana", "bob", "eve"]
        assert "wipe" not in alone.blocked()
