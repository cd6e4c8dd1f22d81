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
    group_key,
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
        assert budgets.renames == DeleteBudget(3, 5, 20)

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

    def test_say_what_of_how_much(self) -> None:
        names = ("alpha", "beta", "gamma", "delta")
        world = World(**dict.fromkeys(names, ""))
        world.live_assigned, world.assigned = list(names), []
        world.absent_groups, world.groups = list(names[:2]), {name: [] for name in names[2:]}
        synced = DeclaredGroup(Group(GroupName("synced")), HERE, Presence.EXTERNAL)
        world.extra_groups = [synced]
        live = world.live()
        foreign = Group(GroupName("synced"), foreign=True)
        live = replace(live, groups={**live.groups, group_key("synced"): foreign})
        verdicts = judge(world.evidence(live), GuardSettings())
        assert verdicts[GuardId.BUDGET_GROUPS].found == "2 groups would be removed, of 4 managed"
        assert verdicts[GuardId.BUDGET_ASSIGNMENTS].found == (
            "4 assignments would be removed, of 4 managed"
        )

    def test_addresses_are_sorted_as_they_are_spelled(self) -> None:
        world = World(Zeta="ana", alpha="ana", others=people(9))
        world.groups["Zeta"], world.groups["alpha"] = [], []
        budgets = Budgets(memberships=DeleteBudget(0, 0, 0))
        verdict = world.verdicts(GuardSettings(budgets=budgets))[GuardId.BUDGET_MEMBERSHIPS]
        assert verdict.addresses == ("membership/Zeta/ana", "membership/alpha/ana")

    def test_of_what_has_expired_counts_nothing_else(self) -> None:
        world = World(staff=people(20))
        world.live_assigned = ["staff"]
        world.expired = world.people[:1]
        world.groups["staff"] = world.people[:8]
        none = replace(WIDE, budgets=replace(WIDE.budgets, expired=DeleteBudget(0, 0, 0)))
        verdict = world.verdicts(none)[GuardId.BUDGET_EXPIRED]
        assert verdict.found == (
            "1 expired memberships and assignments would be removed, of 21 managed"
        )
        assert [(one.kind, one.count) for one in verdict.approvals] == [("membership", 1)]
        only = replace(WIDE, budgets=replace(WIDE.budgets, memberships=DeleteBudget(0, 0, 0)))
        verdict = world.verdicts(only)[GuardId.BUDGET_MEMBERSHIPS]
        assert verdict.found == "12 memberships would be removed, of 20 managed"

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

    @pytest.mark.parametrize(("renamed", "refused"), [(3, False), (4, True)])
    def test_renames(self, renamed: int, refused: bool) -> None:  # noqa: FBT001 - a table
        world = World(**dict.fromkeys(("alpha", "beta", "gamma", "delta"), "ana"))
        live = world.live()
        world.people, olds = [], [*world.groups][: renamed - 1]
        world.extra_users = [DeclaredUser(User(UserName("zoe")), HERE, previous_names=("ana",))]
        world.groups = {}
        world.extra_groups = [
            DeclaredGroup(Group(GroupName(f"{old}-2")), HERE, previous_names=(old,)) for old in olds
        ]
        verdict = judge(world.evidence(live), GuardSettings())[GuardId.BUDGET_RENAMES]
        assert (verdict.standing is Standing.BLOCKED) is refused
        if refused:
            assert verdict.found == "4 users and groups would be renamed, of 4 managed"
            assert verdict.expected == "at most 3 (floor 3, 5 %, ceiling 20)"
            assert verdict.addresses == (
                *("group/alpha-2", "group/beta-2", "group/gamma-2", "user/zoe"),
            )
            found = {(one.kind, one.count) for one in verdict.approvals}
            assert found == {("group", 3), ("user", 1)}

    def test_renamed_ones_are_sorted_as_they_are_spelled(self) -> None:
        world = World(one="ana", two="ana", three="ana")
        world.groups = {}
        world.extra_groups = [
            DeclaredGroup(Group(GroupName(new)), HERE, previous_names=(old,))
            for old, new in (("one", "alpha"), ("two", "Zeta"), ("three", "Beta"))
        ]
        budgets = replace(WIDE.budgets, renames=DeleteBudget(0, 0, 0))
        verdict = world.verdicts(replace(WIDE, budgets=budgets))[GuardId.BUDGET_RENAMES]
        assert verdict.addresses == ("group/Beta", "group/Zeta", "group/alpha")

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

    def test_desired_without_users(self) -> None:
        world = World(staff="zoe bob ana")
        world.mode = ManageObjects.AUTHORITATIVE
        live = world.live()
        world.people, world.groups = [], {"staff": []}
        verdict = judge(world.evidence(live))[GuardId.EMPTY_DESIRED]
        assert verdict.found == "no users are declared, and 3 live would go"
        assert verdict.addresses == ("user/ana", "user/bob", "user/zoe")
        assert [(one.kind, one.count) for one in verdict.approvals] == [("user", 3)]
        world.groups = {}
        verdict = judge(world.evidence(live))[GuardId.EMPTY_DESIRED]
        assert verdict.found == (
            "no users are declared, and 3 live would go; "
            "no groups are declared, and 1 live would go"
        )
        assert verdict.addresses == ("group/staff", "user/ana", "user/bob", "user/zoe")

    def test_desired_says_nothing_of_what_nobody_has(self) -> None:
        world = World()
        world.mode, world.people = ManageObjects.AUTHORITATIVE, ["ana"]
        live = world.live()
        world.people = []
        verdict = judge(world.evidence(live))[GuardId.EMPTY_DESIRED]
        assert verdict.found == "no users are declared, and 1 live would go"

    def test_desired_holds_nothing_when_all_of_it_is_to_be_absent(self) -> None:
        world = World(staff="ana", other="ana")
        world.mode = ManageObjects.AUTHORITATIVE
        world.absent_groups, world.groups = ["staff"], {}
        verdict = world.verdicts()[GuardId.EMPTY_DESIRED]
        assert verdict.found == "no groups are declared, and 1 live would go"
        assert verdict.addresses == ("group/other",)

    def test_desired_holds_no_users_when_all_of_them_are_to_be_absent(self) -> None:
        world = World(staff="ana bob")
        world.mode = ManageObjects.AUTHORITATIVE
        live = world.live()
        world.people, world.absent_users, world.groups = ["ana"], ["ana"], {"staff": []}
        verdict = judge(world.evidence(live))[GuardId.EMPTY_DESIRED]
        assert verdict.addresses == ("user/bob",)

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

    @pytest.mark.parametrize("presence", [Presence.EXTERNAL, Presence.PRESENT])
    def test_live_says_what_is_missing(self, presence: Presence) -> None:
        """Also where the mode says that all that is declared is only referred to."""
        world = World(staff="ana", other="")
        if presence is Presence.PRESENT:
            world.mode = ManageObjects.REFERENCE
        world.extra_users = [DeclaredUser(User(UserName("zoe")), HERE, presence)]
        world.extra_groups = [DeclaredGroup(Group(GroupName("synced")), HERE, presence)]
        zoe, synced = User(UserName("zoe"), foreign=True), Group(GroupName("synced"), foreign=True)
        live = world.live()
        live = replace(
            live,
            users={**live.users, UserKey("zoe"): zoe},
            groups={**live.groups, group_key("synced"): synced},
            members={},
        )
        evidence = world.evidence(live)
        assert judge(evidence)[GuardId.EMPTY_LIVE].standing is Standing.PASSED
        verdict = judge(replace(evidence, live=State()))[GuardId.EMPTY_LIVE]
        assert verdict.found == "0 users are live, 0 groups are live"
        assert verdict.expected.startswith(
            "the users that are referred to, the groups that are referred to; is this the right"
        )
        assert verdict.addresses == ("group/*", "user/*")
        expecting = replace(WIDE, expect_live=ExpectLive(users=3, groups=2))
        verdict = judge(replace(evidence, live=State()), expecting)[GuardId.EMPTY_LIVE]
        assert verdict.expected.startswith(
            "at least 3 users (expect_live), at least 2 groups (expect_live); is this"
        )

    def test_one_live_is_enough_of_all_that_is_referred_to(self) -> None:
        world = World(staff="ana")
        world.groups["new"] = []
        names = ("zoe", "yve")
        world.extra_users = [
            DeclaredUser(User(UserName(n)), HERE, Presence.EXTERNAL) for n in names
        ]
        live = world.live()
        foreign = {UserKey(n): User(UserName(n), foreign=True) for n in names}
        evidence = world.evidence(replace(live, users={**live.users, **foreign}))
        alone = replace(
            evidence, live=replace(live, users={UserKey("zoe"): foreign[UserKey("zoe")]})
        )
        assert judge(alone)[GuardId.EMPTY_LIVE].standing is Standing.PASSED

    def test_nobody_needs_to_be_live_where_nobody_is_referred_to(self) -> None:
        world = World(staff="ana")
        world.groups["new"] = []
        evidence = replace(world.evidence(), live=State())
        assert judge(evidence)[GuardId.EMPTY_LIVE].standing is Standing.PASSED


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

    def test_names_up_to_three_groups_and_counts_more(self) -> None:
        names = ("Delta", "Gamma", "beta", "alpha")
        for number, found in (
            (1, "all members of group/Delta would be removed"),
            (3, "all members of group/beta, group/Delta, group/Gamma would be removed"),
            (4, "all members of 4 groups would be removed"),
        ):
            world = World(**dict.fromkeys(names, "ana bob eve"), others=people(9))
            for name in names[:number]:
                world.groups[name] = []
            verdict = world.verdicts()[GuardId.WIPE]
            assert verdict.found == found
            assert verdict.addresses == tuple(sorted(f"group/{name}" for name in names[:number]))
            assert verdict.approvals[0].addresses == verdict.addresses

    def test_a_kind_and_a_group_at_once(self) -> None:
        world = World(Team="ana bob eve", Squad="", Crew="")
        world.groups["Team"] = []
        verdict = world.verdicts()[GuardId.WIPE]
        assert verdict.found == (
            "all 3 managed memberships would be removed; all members of group/Team would be removed"
        )
        links = (f"membership/Team/{name}" for name in ("ana", "bob", "eve"))
        assert verdict.addresses == ("group/Team", *links)
        assert verdict.approvals[0].addresses == verdict.addresses

    def test_of_a_kind_is_approved_by_count(self) -> None:
        world = World(alpha="", beta="", gamma="")
        world.absent_groups, world.groups = ["alpha", "beta", "gamma"], {}
        verdict = world.verdicts()[GuardId.WIPE]
        assert verdict.found == "all 3 managed groups would be removed"
        assert verdict.expected == "something to remain wherever there are 3 or more"
        assert [(one.kind, one.count) for one in verdict.approvals] == [("group", 3)]

    def test_a_deleted_group_counts_under_any_spelling(self) -> None:
        world = World(Team="ana bob eve", others=people(9))
        world.mode = ManageObjects.AUTHORITATIVE
        del world.groups["Team"]
        assert "group/Team" in world.verdicts()[GuardId.WIPE].addresses

    def test_of_a_group_that_is_not_known_here_nothing_is_concluded(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        world.groups["team"] = []
        unknown = replace(world.evidence(), live=State())
        assert judge(unknown)[GuardId.WIPE].standing is Standing.PASSED

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
        alone.groups["team"] = ["ana", "bob"]
        assert "all 3 managed memberships" in alone.verdicts()[GuardId.WIPE].found
