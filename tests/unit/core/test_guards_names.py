"""Guards for names and members in the settings, at their boundaries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import DeclaredGroup, DeclaredUser, Listed
from identity_reconciler.core.guard_settings import (
    GuardId,
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
)
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.guards.identities import gives_identities
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
)
from tests.guarded_world import PAYROLL, WIDE, World, judge, people
from tests.strategies import HERE


def with_twin(live: State) -> State:
    """Return *live* with a second application called Payroll."""
    twin = Application(ApplicationArn("arn:twin"), "Payroll")
    return replace(live, applications={**live.applications, twin.arn: twin})


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

    def test_an_application_that_is_known_by_its_arn_only(self) -> None:
        world = World(team="ana")
        world.live_assigned = ["team"]
        evidence = world.evidence()
        evidence = replace(evidence, live=replace(evidence.live, applications={}))
        for patterns, refused in ((("*/apl-pay",), True), (("payroll",), False)):
            settings = _protecting(applications=patterns)
            standing = judge(evidence, settings)[GuardId.PROTECTED].standing
            assert (standing is Standing.BLOCKED) is refused

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

    def test_who_is_not_known_counts(self) -> None:
        world = World(glass="ana bob")
        world.groups["new"] = []
        evidence = world.evidence()
        evidence = replace(evidence, after=replace(evidence.after, users={}))
        settings = replace(WIDE, min_members=(MinMembers("glass", 2),))
        assert judge(evidence, settings)[GuardId.MIN_MEMBERS].standing is Standing.PASSED

    def test_who_is_perhaps_disabled_counts(self) -> None:
        world = World(glass="ana bob")
        world.groups["new"] = []
        evidence = world.evidence()
        users = {key: replace(one, provenance=None) for key, one in evidence.after.users.items()}
        evidence = replace(evidence, after=replace(evidence.after, users=users))
        settings = replace(WIDE, min_members=(MinMembers("glass", 2),))
        assert judge(evidence, settings)[GuardId.MIN_MEMBERS].standing is Standing.PASSED

    def test_a_group_that_cannot_be_told_from_its_twin_is_there(self) -> None:
        world = World(others="ana")
        world.groups["new"] = []
        twins = {Principal(PrincipalKind.GROUP, "glass"): ("GLASS", "Glass")}
        evidence = world.evidence(replace(world.live(), twins=twins))
        settings = replace(WIDE, min_members=(MinMembers("glass", 2),))
        assert judge(evidence, settings)[GuardId.MIN_MEMBERS].standing is Standing.PASSED

    def test_groups_are_called_as_they_are_spelled(self) -> None:
        """As after the plan, else as live, else as in the settings; the addresses sorted."""
        world = World(Glass="ana bob", Gone="ana")
        del world.groups["Gone"]
        world.absent_groups, world.groups["New"], world.groups["Glass"] = ["gone"], [], ["ana"]
        names = ("typo", "NEW", "GONE", "glass", "GLASS")
        settings = replace(WIDE, min_members=tuple(MinMembers(name, 2) for name in names))
        verdict = world.verdicts(settings)[GuardId.MIN_MEMBERS]
        assert verdict.found == (
            "group/typo would not exist, at least 2 expected; "
            "group/New would have 0 enabled members, at least 2 expected; "
            "group/Gone would not exist, at least 2 expected; "
            "group/Glass would have 1 enabled members, at least 2 expected; "
            "group/Glass would have 1 enabled members, at least 2 expected"
        )
        assert verdict.addresses == ("group/Glass", "group/Gone", "group/New", "group/typo")

    def test_an_unmanaged_group_is_known_in_any_spelling(self) -> None:
        world = World(Glass="ana bob", others="ana bob eve")
        del world.groups["Glass"]
        world.absent_users, world.groups["others"] = ["bob"], ["ana", "eve"]
        settings = replace(WIDE, min_members=(MinMembers("glass", 1),))
        assert "cannot be counted" in world.verdicts(settings)[GuardId.MIN_MEMBERS].found

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

    def test_pinned_members_are_named_in_order(self) -> None:
        names = [f"n{n:02}" for n in range(12)]
        world = World(glass="ana", others=" ".join(names))
        world.groups["glass"] = names
        settings = replace(WIDE, pinned_members=(PinnedMembers("glass", ("ana",)),))
        assert world.verdicts(settings)[GuardId.PINNED_MEMBERS].found == (
            f"group/glass would lack ana, and would also have {', '.join(names)}"
        )

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

    def test_everything_is_listed_in_order(self) -> None:
        world = World(Zeta="root-ana bob", admins="root-ana bob", others="bob")
        world.live_assigned, world.assigned = ["admins"], ["others"]
        world.groups["Zeta"] = world.groups["admins"] = ["bob"]
        verdict = world.verdicts(self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == (
            "access/root-ana/Payroll",
            "membership/Zeta/root-ana",
            "membership/admins/root-ana",
        )

    def test_only_of_administrators(self) -> None:
        world = World(admins="x-ray bob", others="kim")
        world.live_assigned, world.assigned = ["admins"], []
        for pattern, refused in (("x", False), ("x-ray", True)):
            settings = replace(WIDE, administrators=(pattern,))
            assert ("lockout.self" in world.blocked(settings)) is refused

    def test_an_application_without_a_name_is_called_by_its_arn(self) -> None:
        world = World(admins="root-ana bob")
        world.live_assigned = ["admins"]
        evidence = world.evidence()
        access = tuple(replace(one, application_name="") for one in evidence.access)
        verdict = judge(replace(evidence, access=access), self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == (f"access/root-ana/{PAYROLL}",)

    def test_gains_are_welcome(self) -> None:
        world = World(admins="root-ana bob")
        world.assigned = ["admins"]
        assert "lockout.self" not in world.blocked(self.settings)

    @pytest.mark.parametrize("new_name", ["ana", "Ana"])
    def test_a_new_name_hides_nothing(self, new_name: str) -> None:
        world = World(admins="root-ana bob")
        world.live_assigned, world.people, world.groups = ["admins"], ["bob"], {}
        world.groups["admins"] = ["bob", "ana"]
        ana = User(UserName(new_name))
        world.extra_users = [DeclaredUser(ana, HERE, previous_names=("root-ana",))]
        live = World(admins="root-ana bob").live()
        principal = Principal(PrincipalKind.GROUP, "admins")
        live = replace(live, assignments={PAYROLL: frozenset({principal})})
        verdict = judge(world.evidence(live), self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == (f"access/{new_name}/Payroll",)

    @pytest.mark.parametrize(("old", "new"), [("root-ana", "ana"), ("ana", "root-ana")])
    def test_a_membership_of_somebody_who_is_renamed(self, old: str, new: str) -> None:
        """An administrator is one by the name of before and by that of after."""
        world = World(admins=f"{old} bob", others=people(9))
        live = world.live()
        world.people.remove(old)
        world.extra_users = [DeclaredUser(User(UserName(new)), HERE, previous_names=(old,))]
        world.groups["admins"] = ["bob"]
        verdict = judge(world.evidence(live), self.settings)[GuardId.LOCKOUT_SELF]
        assert verdict.addresses == (f"membership/admins/{old}",)

    def test_applications_of_one_name_are_told_apart_by_arn(self) -> None:
        world = World(admins="root-ana bob")
        world.live_assigned = ["admins"]
        verdict = judge(world.evidence(with_twin(world.live())), self.settings)
        assert verdict[GuardId.LOCKOUT_SELF].addresses == (f"access/root-ana/Payroll ({PAYROLL})",)


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

    @pytest.mark.parametrize(
        ("before", "after"), [(["others"], ["others"]), (["others"], []), ([], ["others"])]
    )
    def test_members_of_a_group_that_is_or_was_assigned(
        self, before: list[str], after: list[str]
    ) -> None:
        world = World(others="ana", more="bob")
        world.live_assigned, world.assigned = before, after
        world.groups["others"] = ["ana", "bob"]
        verdict = world.verdicts(_privileging(applications=("Payroll",)))[GuardId.PRIVILEGED]
        assert verdict.addresses[-1] == "membership/others/bob"

    def test_a_group_that_is_assigned_is_known_in_any_spelling(self) -> None:
        world = World(Others="ana", more="bob")
        world.live_assigned = ["others"]
        world.assigned = ["Others"]
        world.groups["Others"] = ["ana", "bob"]
        assert "privileged" in world.blocked(_privileging(applications=("Payroll",)))

    @pytest.mark.parametrize(
        "principal",
        [
            Principal(PrincipalKind.USER, "others"),
            Principal(PrincipalKind.GROUP, "others", orphan=True),
        ],
    )
    def test_what_is_called_like_a_group_and_is_none_is_no_door(self, principal: Principal) -> None:
        world = World(others="ana", more="bob")
        world.groups["others"] = ["ana", "bob"]
        world.people.append("others")
        live = replace(world.live(), assignments={PAYROLL: frozenset({principal})})
        verdicts = judge(world.evidence(live), _privileging(applications=("Payroll",)))
        assert verdicts[GuardId.PRIVILEGED].standing is Standing.PASSED

    def test_a_group_renamed_to_another_name(self) -> None:
        world = World(team="ana")
        world.groups = {}
        group = Group(GroupName("squad"))
        world.extra_groups = [DeclaredGroup(group, HERE, previous_names=("team",))]
        assert "privileged" not in world.blocked(_privileging(groups=("admins",)))
        assert "privileged" not in world.blocked(_privileging(groups=("team", "squad")))
        verdict = world.verdicts(_privileging(groups=("team",)))[GuardId.PRIVILEGED]
        assert verdict.addresses == ("group/squad",)

    def test_a_new_member_of_a_group_that_leaves_its_privileged_name(self) -> None:
        world = World(team="ana", more="bob")
        del world.groups["team"]
        members = tuple(Listed(name, HERE) for name in ("ana", "bob"))
        world.extra_groups = [
            DeclaredGroup(
                Group(GroupName("squad")), HERE, members=members, previous_names=("team",)
            )
        ]
        verdict = world.verdicts(_privileging(groups=("team",)))[GuardId.PRIVILEGED]
        assert verdict.addresses == ("group/squad", "membership/squad/bob")

    def test_a_new_member_of_a_group_that_gets_a_privileged_name(self) -> None:
        world = World(team="ana", more="bob")
        del world.groups["team"]
        members = tuple(Listed(name, HERE) for name in ("ana", "bob"))
        world.extra_groups = [
            DeclaredGroup(
                Group(GroupName("admins")), HERE, members=members, previous_names=("team",)
            )
        ]
        verdict = world.verdicts(_privileging(groups=("admins",)))[GuardId.PRIVILEGED]
        assert verdict.addresses == ("group/admins", "membership/admins/bob")

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


class Staff:
    """People with e-mail addresses, of whom some get others."""

    def __init__(self) -> None:
        names = ("root", "glass", "insider", "payer", "direct", "eve", "zoe")
        self.live = {name: person(name) for name in names}
        self.wanted: dict[str, User] = dict(self.live)
        """By their live names; of those who are new under any."""

    def privileged(self, settings: GuardSettings) -> tuple[str, ...]:
        """Return what the guard objects to."""
        world = World(admins="insider", payers="payer", others="eve zoe")
        world.people, world.live_assigned, world.assigned = [], ["payers"], ["payers"]
        world.extra_users = [
            DeclaredUser(
                user, HERE, previous_names=(old,) if old in self.live and old != name else ()
            )
            for old, user in self.wanted.items()
            for name in (user.user_name,)
        ]
        for group, members in world.groups.items():
            world.groups[group] = [
                str(self.wanted[member].user_name) for member in members if member in self.wanted
            ]
        live = world.live()
        direct = Principal(PrincipalKind.USER, "direct")
        live = replace(
            live,
            users={UserKey(name): user for name, user in self.live.items()},
            assignments={PAYROLL: live.assignments[PAYROLL] | {direct}},
        )
        return judge(world.evidence(live), settings)[GuardId.PRIVILEGED].addresses


def person(name: str, email: str = "") -> User:
    return User(UserName(name), email=Email(email or f"{name}@example.com"))


RELIED_ON = {
    "root": replace(WIDE, administrators=("roo*",)),
    "glass": replace(WIDE, protected=ProtectedNames(users=("glass",))),
    "insider": replace(WIDE, privileged=PrivilegedNames(groups=("adm*",))),
    "payer": replace(WIDE, privileged=PrivilegedNames(applications=("Payroll",))),
    "direct": replace(WIDE, privileged=PrivilegedNames(applications=("*/apl-pay",))),
}
"""Who is relied on, and the settings that say so."""


@pytest.mark.parametrize("name", RELIED_ON)
class TestIdentities:
    """User names and addresses of those who are relied on are changed by nobody, nor given on."""

    def test_the_e_mail_address(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = person(name, "eve@example.org")
        assert staff.privileged(RELIED_ON[name]) == (f"user/{name}",)
        others = [settings for other, settings in RELIED_ON.items() if other != name]
        if name in {"root", "glass", "insider"}:
            assert [staff.privileged(settings) for settings in others] == [()] * 4

    def test_no_e_mail_address_any_more(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = replace(person(name), email=None, cleared=frozenset({"email"}))
        assert staff.privileged(RELIED_ON[name]) == (f"user/{name}",)

    def test_the_user_name(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = replace(staff.live[name], user_name=UserName("new"))
        assert staff.privileged(RELIED_ON[name]) == ("user/new",)

    def test_other_attributes_are_free(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = replace(
            staff.live[name], title="Boss", email=Email(f"{name.upper()}@EXAMPLE.com", "work")
        )
        assert staff.privileged(RELIED_ON[name]) == ()

    def test_the_address_given_to_somebody_else(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = person(name, "away@example.com")
        staff.wanted["eve"] = person("eve", f"{name.upper()}@example.com")
        assert {*staff.privileged(RELIED_ON[name])} == {"user/eve", f"user/{name}"}
        staff.wanted["eve"] = replace(staff.wanted["eve"], user_name=UserName("adam"))
        assert {*staff.privileged(RELIED_ON[name])} == {"user/adam", f"user/{name}"}

    def test_the_address_given_to_somebody_new(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = person(name, "away@example.com")
        staff.wanted["new"] = person("new", f"{name}@example.com")
        assert {*staff.privileged(RELIED_ON[name])} == {"user/new", f"user/{name}"}

    def test_an_address_that_is_kept_is_given_to_nobody(self, name: str) -> None:
        staff = Staff()
        staff.wanted["eve"] = person("eve", f"{name.upper()}@example.com")
        staff.wanted["new"] = person("new", f"{name}@example.com")
        assert staff.privileged(RELIED_ON[name]) == ()

    def test_the_user_name_given_to_somebody_new(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = replace(staff.live[name], user_name=UserName("old"))
        staff.wanted["new"] = person(name, "new@example.com")
        assert {*staff.privileged(RELIED_ON[name])} == {"user/old", f"user/{name}"}

    def test_an_address_that_two_have_already_is_given_to_nobody(self, name: str) -> None:
        staff = Staff()
        shared = person("eve", f"{name}@example.com")
        staff.live["eve"], staff.wanted["eve"] = shared, replace(shared, user_name=UserName("adam"))
        assert staff.privileged(RELIED_ON[name]) == ()

    def test_no_address_is_nobody_s(self, name: str) -> None:
        """Who has none lends none, and who gets none takes none."""
        staff = Staff()
        staff.live[name] = staff.wanted[name] = replace(person(name), email=None)
        staff.live["zoe"] = staff.wanted["zoe"] = replace(person("zoe"), email=None)
        staff.wanted["eve"] = replace(staff.live["eve"], user_name=UserName("adam"))
        staff.wanted["zoe"] = replace(staff.live["zoe"], user_name=UserName("kim"))
        staff.wanted["new"] = replace(person("new"), email=None)
        assert staff.privileged(RELIED_ON[name]) == ()

    def test_the_user_name_in_another_spelling(self, name: str) -> None:
        staff = Staff()
        staff.wanted[name] = replace(staff.live[name], user_name=UserName("New"))
        assert staff.privileged(RELIED_ON[name]) == ("user/New",)
        staff.wanted["new"] = person(name.upper(), "new@example.com")
        assert {*staff.privileged(RELIED_ON[name])} == {"user/New", f"user/{name.upper()}"}

    def test_the_name_of_somebody_else_given_on(self, name: str) -> None:
        staff = Staff()
        staff.wanted["eve"] = replace(staff.live["eve"], user_name=UserName("adam"))
        staff.wanted["new"] = person("eve", "new@example.com")
        assert staff.privileged(RELIED_ON[name]) == ()

    def test_names_and_addresses_of_others_are_free(self, name: str) -> None:
        staff = Staff()
        staff.wanted["eve"] = replace(person("adam", "zoe@example.com"))
        staff.wanted["zoe"] = person("zoe", "away@example.com")
        staff.wanted["new"] = person("new")
        assert staff.privileged(RELIED_ON[name]) == ()


class TestComingAndGoing:
    """Whoever is privileged before a plan or after it is so in the plan."""

    @pytest.mark.parametrize(
        ("before", "after", "more"),
        [("eve kim", "kim", ()), ("kim", "eve kim", ("membership/Admins/eve",))],
    )
    @pytest.mark.parametrize("new_name", ["Admins", "Squad"])
    @pytest.mark.parametrize("is_assigned", [False, True])
    def test_a_member(
        self,
        before: str,
        after: str,
        more: tuple[str, ...],
        new_name: str,
        is_assigned: bool,  # noqa: FBT001 - a table
    ) -> None:
        world = World(Admins=before, others="eve zoe")
        if is_assigned:
            world.live_assigned, world.assigned = ["admins"], [new_name]
        live = world.live()
        del world.groups["Admins"]
        members = tuple(Listed(name, HERE) for name in after.split())
        admins = DeclaredGroup(Group(GroupName(new_name)), HERE, members=members)
        if new_name != "Admins":
            admins = replace(admins, previous_names=("Admins",))
        world.extra_groups = [admins]
        world.people = [name for name in world.people if name != "eve"]
        world.extra_users = [DeclaredUser(person("eve", "me@example.org"), HERE)]
        settings = (
            _privileging(applications=("Payroll",))
            if is_assigned
            else _privileging(groups=("admins", "squad"))
        )
        found = judge(world.evidence(live), settings)[GuardId.PRIVILEGED].addresses
        told = tuple(one.replace("Admins", new_name) for one in more)
        assert found == (*told, "user/eve")

    def test_a_member_of_a_group_that_goes(self) -> None:
        world = World(admins="eve kim", others="eve zoe")
        live = world.live()
        del world.groups["admins"]
        world.absent_groups = ["admins"]
        world.people.remove("eve")
        world.extra_users = [DeclaredUser(person("eve", "me@example.org"), HERE)]
        verdict = judge(world.evidence(live), _privileging(groups=("ADMINS",)))
        assert verdict[GuardId.PRIVILEGED].addresses == ("user/eve",)

    @pytest.mark.parametrize(("old", "refused"), [("Team", True), ("Crew", False)])
    def test_a_new_member_of_a_group_with_a_new_name(self, old: str, *, refused: bool) -> None:
        world = World(**{old: "ana", "more": "bob"})
        del world.groups[old]
        members = (Listed("ana", HERE), Listed("bob", HERE))
        squad = Group(GroupName("Squad"))
        world.extra_groups = [DeclaredGroup(squad, HERE, members=members, previous_names=(old,))]
        verdict = world.verdicts(_privileging(groups=("team",)))[GuardId.PRIVILEGED]
        assert ("membership/Squad/bob" in verdict.addresses) is refused

    def test_a_group_that_is_called_like_somebody(self) -> None:
        world = World(eve="kim", others="eve zoe")
        world.live_assigned = world.assigned = ["eve"]
        live = world.live()
        world.people.remove("eve")
        world.extra_users = [DeclaredUser(person("eve", "me@example.org"), HERE)]
        verdicts = judge(world.evidence(live), _privileging(applications=("Payroll",)))
        assert verdicts[GuardId.PRIVILEGED].standing is Standing.PASSED

    def test_whether_a_plan_gives_identities(self) -> None:
        ann, bare = person("ann"), User(UserName("bare"))
        live = State(users={UserKey("ann"): ann, UserKey("bare"): bare})

        def gives(*changes: Change) -> bool:
            return gives_identities(Plan(changes), live)

        assert not gives(Create(person("new")), Create(User(UserName("none"))))
        assert not gives(Update(ann, replace(ann, title="Lead")), Delete(ann))
        assert gives(Create(person("new")), Create(person("other", "ANN@example.com")))
        assert gives(Update(ann, person("ann", "new@example.com")))
        assert gives(Rename(bare, User(UserName("Bear"))))


class TestNewNames:
    """Somebody who comes to be called like an administrator or a protected user is looked at."""

    @pytest.mark.parametrize("settings", [RELIED_ON["root"], RELIED_ON["glass"]])
    def test_a_rename_into_the_name(self, settings: GuardSettings) -> None:
        staff = Staff()
        del staff.live["root"], staff.wanted["root"], staff.live["glass"], staff.wanted["glass"]
        (name,) = (*settings.administrators, *settings.protected.users)
        new = name.replace("*", "t")
        staff.wanted["eve"] = replace(person("eve"), user_name=UserName(new))
        assert staff.privileged(settings) == (f"user/{new}",)

    def test_a_first_account_is_no_takeover(self) -> None:
        staff = Staff()
        staff.wanted["new"] = person("root-2", "new@example.com")
        assert staff.privileged(RELIED_ON["root"]) == ()


def _privileging(**names: tuple[str, ...]) -> GuardSettings:
    return replace(WIDE, privileged=PrivilegedNames(**names))


class TestAddresses:
    """A verdict names things so that an approval can mean nothing else."""

    def test_applications_of_one_name_are_told_apart_by_arn(self) -> None:
        world = World(team="ana")
        world.live_assigned = ["team"]
        evidence = world.evidence(with_twin(world.live()))
        settings = replace(WIDE, protected=ProtectedNames(applications=("Payroll",)))
        verdicts = judge(evidence, settings)
        assert verdicts[GuardId.PROTECTED].addresses == (
            f"assignment/Payroll ({PAYROLL})/group/team",
        )

    def test_no_more_than_twenty_are_shown(self) -> None:
        world = World(team=people(40))
        world.groups["team"] = world.people[:10]
        verdict = world.verdicts(GuardSettings())[GuardId.BUDGET_MEMBERSHIPS]
        assert verdict.count == 30
        assert len(verdict.addresses) == 20
        assert list(verdict.addresses) == sorted(verdict.addresses)
