"""Which changes touch what the settings of the guards name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import DeclaredGroup, DeclaredUser, Presence
from identity_reconciler.core.guard_settings import (
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
)
from identity_reconciler.core.guards.guarded import guarded_changes
from identity_reconciler.core.plan import Delete, Plan, Reason
from identity_reconciler.core.renames import NO_RENAMES
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    address,
)
from tests.guarded_world import PAYROLL, World
from tests.strategies import HERE

NOBODY = GuardSettings()


def privileged(**names: tuple[str, ...]) -> GuardSettings:
    return replace(NOBODY, privileged=PrivilegedNames(**names))


def protected(**names: tuple[str, ...]) -> GuardSettings:
    return replace(NOBODY, protected=ProtectedNames(**names))


def guarded(world: World, settings: GuardSettings, live: State | None = None) -> list[str]:
    evidence = world.evidence(live)
    found = guarded_changes(
        evidence.plan, settings, evidence.live, evidence.after, evidence.renames
    )
    return [
        address(change.before if isinstance(change, Delete) else change.after)
        for change in evidence.plan.changes
        if change.key in found
    ]


class TestLinks:
    """A membership or assignment is guarded by its group, its user or its application."""

    @pytest.mark.parametrize(
        "settings",
        [
            privileged(groups=("ADMIN*",)),
            protected(groups=("admins",)),
            replace(NOBODY, min_members=(MinMembers("Admins", 1),)),
            replace(NOBODY, pinned_members=(PinnedMembers("ADMINS", ("ana",)),)),
        ],
    )
    def test_groups(self, settings: GuardSettings) -> None:
        world = World(admins="ana", others="bob")
        world.groups = {"admins": ["bob"], "others": ["ana"]}
        assert guarded(world, settings) == ["membership/admins/ana", "membership/admins/bob"]

    @pytest.mark.parametrize(
        "settings", [protected(users=("ana",)), replace(NOBODY, administrators=("ANA",))]
    )
    def test_users(self, settings: GuardSettings) -> None:
        world = World(some="ana bob", others="bob")
        world.groups = {"some": ["bob"], "others": ["ana"]}
        assert guarded(world, settings) == ["membership/some/ana", "membership/others/ana"]

    @pytest.mark.parametrize(
        "settings",
        [
            privileged(applications=("Pay*",)),
            protected(applications=("payroll",)),
            protected(applications=(PAYROLL,)),
            protected(groups=("team",)),
        ],
    )
    def test_applications_and_principals(self, settings: GuardSettings) -> None:
        world = World(team="ana", others="bob")
        world.assigned = ["team"]
        assert guarded(world, settings) == ["assignment/Payroll/group/team"]

    @pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
    def test_a_group_that_leads_to_a_privileged_application(
        self, *, before: bool, after: bool
    ) -> None:
        world = World(TEAM="ana", others="bob")
        world.live_assigned, world.assigned = ["team"] * before, ["team"] * after
        world.groups = {"TEAM": ["ana", "bob"], "others": ["bob", "ana"]}
        found = guarded(world, privileged(applications=("Payroll",)))
        assert [one for one in found if "assignment" not in one] == ["membership/TEAM/bob"]
        assert guarded(world, privileged(applications=("Wiki",))) == []

    def test_a_user_of_a_group_that_leads_to_one(self) -> None:
        world = World(team="ana", others="bob")
        world.live_assigned = world.assigned = ["team"]
        live = world.live()
        world.people = []
        world.extra_users = [
            DeclaredUser(User(UserName(name), title="new"), HERE) for name in ("ana", "bob")
        ]
        assert guarded(world, privileged(applications=("Payroll",)), live) == ["user/ana"]

    def test_a_user_is_no_group_of_that_name(self) -> None:
        world = World(team="ana", others="bob")
        users = {Principal(PrincipalKind.USER, "team")}
        gone = {Principal(PrincipalKind.GROUP, "others", orphan=True)}
        live = replace(world.live(), assignments={PAYROLL: frozenset(users | gone)})
        world.groups = {"team": ["ana", "bob"], "others": ["bob", "ana"]}
        found = guarded(world, privileged(applications=("Payroll",)), live)
        assert [one for one in found if "assignment" not in one] == []

    def test_assignments_of_users_and_of_who_is_gone(self) -> None:
        world = World(team="ana bob")
        principals = [Principal(PrincipalKind.USER, name) for name in ("ana", "bob")]
        gone = Principal(PrincipalKind.USER, "ana-id", orphan=True)
        live = replace(world.live(), assignments={PAYROLL: frozenset([*principals, gone])})
        orphan = "assignment/Payroll/orphaned-user/ana-id"
        one, two = "assignment/Payroll/user/ana", "assignment/Payroll/user/bob"
        assert guarded(world, protected(users=("ana*",)), live) == [one]
        assert guarded(world, protected(groups=("ana",)), live) == []
        assert {*guarded(world, privileged(applications=("Pay*",)), live)} == {orphan, one, two}

    def test_an_application_that_is_known_by_its_arn_only(self) -> None:
        entry = {PAYROLL: frozenset({Principal(PrincipalKind.GROUP, "team")})}
        delete = Delete(State().assignment(PAYROLL, *entry[PAYROLL]), Reason.UNDECLARED)
        plan, live = Plan((delete,)), State(assignments=entry)
        for pattern, number in ((PAYROLL, 1), ("Payroll", 0), ("", 0)):
            settings = protected(applications=(pattern,))
            found = guarded_changes(plan, settings, live, State(), NO_RENAMES)
            assert len(found) == number

    def test_nothing_is_named(self) -> None:
        world = World(team="ana", others="bob")
        world.groups = {"team": [], "others": []}
        assert guarded(world, NOBODY) == []
        assert guarded(world, privileged(groups=("admins",))) == []


class TestObjects:
    """A user or group is guarded under its old name and under its new one, and insiders are."""

    @pytest.mark.parametrize("name", ["team", "squad"])
    def test_a_rename_of_a_group(self, name: str) -> None:
        world = World(Team="ana bob")
        world.groups = {}
        squad = DeclaredGroup(Group(GroupName("Squad")), HERE, members=(), previous_names=("TEAM",))
        world.extra_groups = [squad]
        members = ["membership/Team/ana", "membership/Team/bob"]
        for settings in (
            privileged(groups=(name,)),
            replace(NOBODY, min_members=(MinMembers(name, 1),)),
        ):
            assert guarded(world, settings) == [*members, "group/Squad"]

    @pytest.mark.parametrize("name", ["bob", "rob"])
    def test_a_rename_of_a_user(self, name: str) -> None:
        world = World(team="ana bob")
        live = world.live()
        world.people, world.groups = ["ana"], {"team": ["ana"]}
        world.extra_users = [DeclaredUser(User(UserName("Rob")), HERE, previous_names=("bob",))]
        found = guarded(world, protected(users=(name,)), live)
        assert found == ["membership/team/bob", "user/Rob"]

    def test_a_rename_of_who_is_in_a_privileged_group(self) -> None:
        world = World(admins="ana bob", others="kim")
        live = world.live()
        world.people, world.groups = ["ana"], {"admins": ["ana", "rob"], "others": ["tim"]}
        world.extra_users = [
            DeclaredUser(User(UserName(new)), HERE, previous_names=(old,))
            for new, old in (("rob", "bob"), ("tim", "kim"))
        ]
        assert guarded(world, privileged(groups=("admins",)), live) == ["user/rob"]

    def test_who_is_in_a_privileged_group(self) -> None:
        world = World(admins="ana bob", others="kim")
        live = world.live()
        world.people, world.groups = [], {}
        world.extra_users = [
            DeclaredUser(User(UserName(name), title="new"), HERE) for name in ("ana", "kim")
        ]
        assert guarded(world, privileged(groups=("admins",)), live) == ["user/ana"]

    def test_who_gets_into_one(self) -> None:
        world = World(admins="ana", others="ana")
        world.extra_users = [DeclaredUser(User(UserName(name)), HERE) for name in ("new", "plain")]
        world.groups = {"admins": ["ana", "new"], "others": ["ana", "plain"]}
        assert guarded(world, privileged(groups=("admins",))) == [
            "user/new",
            "membership/admins/new",
        ]

    def test_who_is_deleted_with_a_membership_of_one(self) -> None:
        world = World(admins="ana bob", others="kim")
        world.absent_users = ["ana", "kim"]
        world.groups = {"admins": ["bob"], "others": []}
        assert guarded(world, privileged(groups=("admins",))) == [
            "membership/admins/ana",
            "user/ana",
        ]
        assert Presence.ABSENT in {one.presence for one in world.declared().users}
