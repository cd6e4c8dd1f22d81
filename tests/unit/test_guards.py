"""Each guard at its boundary: just below, at, and just above what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.comparison import compare_closely
from identity_reconciler.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.guard_settings import (
    Budget,
    Budgets,
    ExpectLive,
    GuardId,
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
)
from identity_reconciler.guards import Evidence, Standing, Verdict, check_plan, gather
from identity_reconciler.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserKey,
    UserName,
    group_key,
)
from tests.strategies import HERE, INSTANCE, NOW

WIDE = GuardSettings(budgets=Budgets(*[Budget(1000, 100, 1000)] * 5))
"""No budget is in the way of what a test is about."""
PAYROLL = ApplicationArn("arn:aws:sso::111122223333:application/ssoins-1/apl-pay")


class World:
    """A live directory and a declaration of all of it; tests change one or the other."""

    def __init__(self, **groups: str) -> None:
        """Hold one group per keyword, its members named in the value, separated by spaces."""
        people = sorted({name for members in groups.values() for name in members.split()})
        self.people: list[str] = people
        self.live_groups = {name: members.split() for name, members in groups.items()}
        self.groups: dict[str, list[str]] = {name: m.split() for name, m in groups.items()}
        self.absent_users: list[str] = []
        self.absent_groups: list[str] = []
        self.assigned: list[str] = []
        self.live_assigned: list[str] = []
        self.mode = ManageObjects.DECLARED
        self.expired: list[str] = []
        self.extra_groups: list[DeclaredGroup] = []
        self.extra_users: list[DeclaredUser] = []
        self.disabled: list[str] = []

    def live(self) -> State:
        names = sorted({*self.people, *self.absent_users})
        return State(
            users={
                UserKey(n): User(UserName(n), provenance=Provenance(enabled=n not in self.disabled))
                for n in names
            },
            groups={group_key(n): Group(GroupName(n)) for n in self.live_groups},
            members={group_key(n): frozenset(map(UserKey, m)) for n, m in self.live_groups.items()},
            applications={PAYROLL: Application(PAYROLL, "Payroll")},
            assignments={
                PAYROLL: frozenset(Principal(PrincipalKind.GROUP, n) for n in self.live_assigned)
            },
        )

    def declared(self) -> Declared:
        users = [
            DeclaredUser(User(UserName(name)), HERE)
            for name in self.people
            if name not in self.absent_users
        ]
        gone = [DeclaredUser(User(UserName(n)), HERE, Presence.ABSENT) for n in self.absent_users]
        groups = [
            DeclaredGroup(Group(GroupName(name)), HERE, Presence.PRESENT, self._listed(members))
            for name, members in self.groups.items()
        ]
        gone_groups = [
            DeclaredGroup(Group(GroupName(n)), HERE, Presence.ABSENT) for n in self.absent_groups
        ]
        application = DeclaredApplication(
            ApplicationSelector(arn=PAYROLL),
            HERE,
            groups=tuple(Listed(name, HERE) for name in self.assigned),
        )
        return Declared(
            Settings(INSTANCE, users=self.mode, groups=self.mode),
            (*users, *gone, *self.extra_users),
            (*groups, *gone_groups, *self.extra_groups),
            (application,),
        )

    def _listed(self, members: list[str]) -> tuple[Listed, ...]:
        return tuple(Listed(n, HERE, NOW if n in self.expired else None) for n in members)

    def verdicts(self, settings: GuardSettings = WIDE) -> dict[GuardId, Verdict]:
        live, declared = self.live(), self.declared()
        made = compare_closely(declared, live, NOW)
        evidence = gather(declared, made.plan, live, made.scope, made.managed)
        return {one.guard: one for one in check_plan(evidence, settings, (), NOW)}

    def blocked(self, settings: GuardSettings = WIDE) -> set[str]:
        found = self.verdicts(settings).values()
        return {str(one.guard) for one in found if one.standing is not Standing.PASSED}


def people(number: int) -> str:
    """Return that many user names no two of which are alike."""
    return " ".join(chr(ord("a") + n // 26) + chr(ord("a") + n % 26) for n in range(number))


class TestBudgets:
    """A plan removes at most min(ceiling, max(floor, percent of what is managed))."""

    @pytest.mark.parametrize(
        ("budget", "managed", "allowed"),
        [
            (Budget(1, 2, 10), 0, 1),
            (Budget(1, 2, 10), 99, 1),
            (Budget(1, 2, 10), 100, 2),
            (Budget(1, 2, 10), 149, 2),
            (Budget(1, 2, 10), 150, 3),
            (Budget(1, 2, 10), 500, 10),
            (Budget(1, 2, 10), 100_000, 10),
            (Budget(5, 2, 3), 10, 3),
            (Budget(0, 0, 10), 1000, 0),
            (Budget(0, 2.3, 1000), 1000, 23),
            (Budget(0, 100, 1000), 7, 7),
        ],
    )
    def test_allowed(self, budget: Budget, managed: int, allowed: int) -> None:
        assert budget.allowed(managed) == allowed

    def test_the_defaults_are_the_documented_ones(self) -> None:
        budgets = Budgets()
        assert budgets.users == Budget(1, 2, 10)
        assert budgets.groups == Budget(1, 5, 5)
        assert budgets.memberships == Budget(5, 2, 40)
        assert budgets.assignments == Budget(1, 5, 5)
        assert budgets.expired == Budget(10, 10, 100)

    @pytest.mark.parametrize(("removed", "refused"), [(0, False), (1, False), (2, True)])
    def test_users(self, removed: int, refused: bool) -> None:  # noqa: FBT001 - a table
        world = World(staff=people(20))
        world.absent_users = [f"leaver-{'x' * (n + 1)}" for n in range(removed)]
        assert ("budget.users" in world.blocked(GuardSettings())) is refused

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
        declared = world.declared()
        live = replace(State(), applications=world.live().applications)
        made = compare_closely(declared, live, NOW)
        evidence = gather(declared, made.plan, live, made.scope, made.managed)
        verdicts = check_plan(evidence, GuardSettings(), (), NOW)
        assert len(made.plan.changes) == 66
        assert {one.standing for one in verdicts} == {Standing.PASSED}

    def test_live_must_hold_someone_where_someone_is_referred_to(self) -> None:
        world = World(staff="ana")
        world.groups["new"] = []
        live, declared = world.live(), world.declared()
        made = compare_closely(declared, live, NOW)
        evidence = gather(declared, made.plan, live, made.scope, made.managed)
        referring = replace(evidence, referred=dict.fromkeys(evidence.referred, 1))
        assert _standing(referring, GuardId.EMPTY_LIVE) is Standing.PASSED
        nobody = replace(referring, live=replace(live, users={}))
        assert _standing(nobody, GuardId.EMPTY_LIVE) is Standing.BLOCKED


def _standing(evidence: Evidence, guard: GuardId) -> Standing:
    verdicts = check_plan(evidence, WIDE, (), NOW)
    return next(one.standing for one in verdicts if one.guard is guard)


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

    def test_what_only_expires_is_no_wipe(self) -> None:
        world = World(team="ana bob eve", others=people(9))
        world.expired = ["ana", "bob", "eve"]
        assert "wipe" not in world.blocked()
        world.groups["team"] = ["ana", "bob"]
        assert "wipe" in world.blocked()


class TestProtected:
    """What is protected by name is neither deleted nor renamed, and loses no assignment."""

    def test_users_and_groups(self) -> None:
        world = World(team="ana")
        world.absent_users, world.absent_groups, world.groups = ["zoe"], ["team"], {}
        assert "protected" not in world.blocked(_protecting(users=("yoe",), groups=("tea",)))
        assert "protected" in world.blocked(_protecting(users=("Z*",)))
        assert "protected" in world.blocked(_protecting(groups=("TEAM",)))

    def test_renames(self) -> None:
        world = World(team="ana")
        world.groups = {}
        group = Group(GroupName("squad"))
        world.extra_groups = [DeclaredGroup(group, HERE, previous_names=("team",))]
        verdict = world.verdicts(_protecting(groups=("team",)))[GuardId.PROTECTED]
        assert verdict.addresses == ("group/team",)
        assert "protected" not in world.blocked(_protecting(groups=("squad",)))

    def test_assignments_by_name_or_arn(self) -> None:
        world = World(team="ana")
        world.live_assigned = ["team"]
        assert "protected" in world.blocked(_protecting(applications=("payroll",)))
        assert "protected" in world.blocked(_protecting(applications=("*/apl-pay",)))
        assert "protected" not in world.blocked(_protecting(applications=("wiki",)))


def _protecting(**names: tuple[str, ...]) -> GuardSettings:
    return replace(WIDE, protected=ProtectedNames(**names))


class TestMembers:
    """A break-glass group keeps its number, or exactly its members."""

    @pytest.mark.parametrize(("left", "refused"), [(3, False), (2, False), (1, True), (0, True)])
    def test_least(self, left: int, refused: bool) -> None:  # noqa: FBT001 - a table
        world = World(glass="ana bob eve kim", others=people(9))
        world.groups["glass"] = ["ana", "bob", "eve"][:left]
        settings = replace(WIDE, min_members=(MinMembers("GLASS", 2),))
        assert ("min_members" in world.blocked(settings)) is refused

    def test_the_disabled_do_not_count(self) -> None:
        world = World(glass="ana bob")
        world.groups["new"] = []
        settings = replace(WIDE, min_members=(MinMembers("glass", 2),))
        assert "min_members" not in world.blocked(settings)
        world.disabled = ["bob"]
        assert "min_members" in world.blocked(settings)

    def test_a_group_that_goes_or_never_was(self) -> None:
        world = World(glass="ana bob", others="ana")
        del world.groups["glass"]
        world.absent_groups = ["glass"]
        settings = replace(WIDE, min_members=(MinMembers("glass", 1),))
        assert "would not exist" in world.verdicts(settings)[GuardId.MIN_MEMBERS].found
        assert "min_members" in world.blocked(replace(WIDE, min_members=(MinMembers("typo", 1),)))

    def test_an_unmanaged_group_may_lose_nobody(self) -> None:
        world = World(glass="ana bob", others="ana bob eve")
        del world.groups["glass"]
        world.absent_users = ["eve"]
        world.groups["others"] = ["ana", "bob"]
        settings = replace(WIDE, min_members=(MinMembers("glass", 2),))
        assert "min_members" not in world.blocked(settings)
        world.absent_users = ["bob"]
        world.groups["others"] = ["ana"]
        assert "cannot be counted" in world.verdicts(settings)[GuardId.MIN_MEMBERS].found

    @pytest.mark.parametrize(
        ("members", "found"),
        [
            (["ana", "bob"], ""),
            (["ana"], "group/glass would lack bob"),
            (["ana", "bob", "eve"], "group/glass would also have eve"),
            (["ana", "eve"], "group/glass would lack bob, and would also have eve"),
        ],
    )
    def test_pinned(self, members: list[str], found: str) -> None:
        world = World(glass="ana bob", others="ana eve")
        world.groups["glass"] = members
        world.groups["new"] = []
        settings = replace(WIDE, pinned_members=(PinnedMembers("Glass", ("Bob", "ana")),))
        assert world.verdicts(settings)[GuardId.PINNED_MEMBERS].found == found

    def test_a_stranger_put_in_by_hand_may_be_removed(self) -> None:
        world = World(glass="ana bob", others="ana bob")
        world.groups["glass"] = ["ana"]
        settings = replace(WIDE, pinned_members=(PinnedMembers("glass", ("ana",)),))
        assert "pinned_members" not in world.blocked(settings)


class TestLockout:
    """Those who must be able to undo a plan lose nothing by it."""

    settings = replace(WIDE, administrators=("root-*",))

    def test_account_and_memberships(self) -> None:
        world = World(admins="root-ana bob", others=people(9))
        world.groups["admins"] = ["root-ana"]
        assert "lockout.self" not in world.blocked(self.settings)
        world.groups["admins"] = ["bob"]
        verdict = world.verdicts(self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == ("membership/admins/root-ana",)
        world.absent_users, world.groups["admins"] = ["root-ana"], ["bob"]
        verdict = world.verdicts(self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == ("membership/admins/root-ana", "user/root-ana")

    def test_access_through_a_group(self) -> None:
        world = World(admins="root-ana bob", others="bob")
        world.live_assigned = ["admins", "others"]
        world.assigned = ["admins"]
        assert "lockout.self" not in world.blocked(self.settings)
        world.assigned = ["others"]
        verdict = world.verdicts(self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == ("access/root-ana/Payroll",)


class TestPrivileged:
    """Nobody gets into what is privileged without an approval, by whichever door."""

    def test_members(self) -> None:
        world = World(admins="ana", others="ana bob")
        world.groups["admins"] = ["ana", "bob"]
        verdict = world.verdicts(_privileging(groups=("ADMIN*",)))[GuardId.PRIVILEGED]
        assert verdict.addresses == ("membership/admins/bob",)
        assert "privileged" not in world.blocked(_privileging(groups=("others",)))

    def test_assignments(self) -> None:
        world = World(admins="ana")
        world.assigned = ["admins"]
        verdict = world.verdicts(_privileging(applications=("Pay*",)))[GuardId.PRIVILEGED]
        assert verdict.addresses == ("assignment/Payroll/group/admins",)
        assert "privileged" not in world.blocked(_privileging(applications=("Wiki",)))

    @pytest.mark.parametrize("assigned", [["others"], []])
    def test_members_of_a_group_that_is_or_was_assigned(self, assigned: list[str]) -> None:
        world = World(others="ana", more="bob")
        world.live_assigned, world.assigned = ["others"], assigned
        world.groups["others"] = ["ana", "bob"]
        verdict = world.verdicts(_privileging(applications=("Payroll",)))[GuardId.PRIVILEGED]
        assert verdict.addresses == ("membership/others/bob",)

    def test_a_group_renamed_to_a_privileged_name(self) -> None:
        world = World(team="ana")
        world.groups = {}
        group = Group(GroupName("admins"))
        world.extra_groups = [DeclaredGroup(group, HERE, previous_names=("team",))]
        assert "privileged" in world.blocked(_privileging(groups=("admins",)))
        assert "privileged" not in world.blocked(_privileging(groups=("admins", "team")))

    def test_leaving_is_free(self) -> None:
        world = World(admins="ana bob", others="ana")
        world.groups["admins"] = ["ana"]
        assert "privileged" not in world.blocked(_privileging(groups=("admins",)))


def _privileging(**names: tuple[str, ...]) -> GuardSettings:
    return replace(WIDE, privileged=PrivilegedNames(**names))


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
            ("ops", "opp", False),
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
        live = replace(live, users={**live.users, UserKey(old.user_name): old})
        declared = world.declared()
        made = compare_closely(declared, live, NOW)
        evidence = gather(declared, made.plan, live, made.scope, made.managed)
        standing = _standing(evidence, GuardId.RENAME_SUSPECTED)
        assert (standing is Standing.BLOCKED) is refused


class TestAddresses:
    """A verdict names things so that an approval can mean nothing else."""

    def test_applications_of_one_name_are_told_apart_by_arn(self) -> None:
        world = World(team="ana")
        world.live_assigned = ["team"]
        live, declared = world.live(), world.declared()
        twin = Application(ApplicationArn("arn:twin"), "Payroll")
        live = replace(live, applications={**live.applications, twin.arn: twin})
        made = compare_closely(declared, live, NOW)
        evidence = gather(declared, made.plan, live, made.scope, made.managed)
        settings = replace(WIDE, protected=ProtectedNames(applications=("Payroll",)))
        verdicts = {one.guard: one for one in check_plan(evidence, settings, (), NOW)}
        assert verdicts[GuardId.PROTECTED].addresses == (f"assignment/{PAYROLL}/group/team",)

    def test_no_more_than_twenty_are_shown(self) -> None:
        world = World(team=people(40))
        world.groups["team"] = world.people[:10]
        verdict = world.verdicts(GuardSettings())[GuardId.BUDGET_MEMBERSHIPS]
        assert verdict.count == 30
        assert len(verdict.addresses) == 20
        assert list(verdict.addresses) == sorted(verdict.addresses)
