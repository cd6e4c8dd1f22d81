"""What a comparison says of each change besides the change: why, and where it is declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.comparison import compare, compare_closely
from identity_reconciler.core.declared import (
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
from identity_reconciler.core.plan import Delete, Origin, Plan, Reason
from identity_reconciler.core.planner import settled
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    Key,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import Position
from tests.strategies import INSTANCE, NOW

WIKI = Application(ApplicationArn("arn:wiki"), "Wiki")
OF_ANA = Principal(PrincipalKind.USER, "ana")
OF_OPS = Principal(PrincipalKind.GROUP, "ops")
LIVE = State(
    users={user_key(name): User(UserName(name)) for name in ("ana", "bob")},
    groups={group_key(name): Group(GroupName(name)) for name in ("ops", "data")},
    members={
        group_key("ops"): frozenset({UserKey("ana"), UserKey("bob")}),
        group_key("data"): frozenset({UserKey("bob")}),
    },
    applications={WIKI.arn: WIKI},
    assignments={WIKI.arn: frozenset({OF_ANA, OF_OPS})},
)
SETTINGS = Settings(INSTANCE, rename_users=True)


def at(line: int) -> Position:
    return Position("x.yaml", line, 1)


def user(name: str, line: int, *previous: str, absent: bool = False) -> DeclaredUser:
    presence = Presence.ABSENT if absent else Presence.PRESENT
    return DeclaredUser(User(UserName(name)), at(line), presence, previous)


def group(
    name: str, line: int, *previous: str, absent: bool = False, members: tuple[Listed, ...] = ()
) -> DeclaredGroup:
    presence = Presence.ABSENT if absent else Presence.PRESENT
    return DeclaredGroup(Group(GroupName(name)), at(line), presence, members, previous)


def wiki(*groups: Listed, users: tuple[Listed, ...] = ()) -> DeclaredApplication:
    return DeclaredApplication(ApplicationSelector(name="Wiki"), at(30), users, groups)


def said(
    users: tuple[DeclaredUser, ...] = (),
    groups: tuple[DeclaredGroup, ...] = (),
    applications: tuple[DeclaredApplication, ...] = (),
) -> Plan:
    return compare(Declared(SETTINGS, users, groups, applications), LIVE, NOW)


def reasons(plan: Plan) -> dict[Key, Reason]:
    return {one.key: one.reason for one in plan.changes if isinstance(one, Delete)}


ANA, BOB = user("ana", 1), user("bob", 2)


class TestReasons:
    """A removal says why: it is absent, no longer listed, expired, or its principal goes."""

    def test_of_objects(self) -> None:
        plan = said((ANA, user("bob", 2, absent=True)), (group("data", 12, absent=True),))
        assert reasons(plan) == {
            ("group", "data"): Reason.ABSENT,
            ("user", "bob"): Reason.ABSENT,
            ("membership", "data", "bob"): Reason.PRINCIPAL_DELETED,
            ("membership", "ops", "bob"): Reason.PRINCIPAL_DELETED,
        }
        everything = replace(SETTINGS, users=ManageObjects.AUTHORITATIVE)
        everything = replace(everything, groups=ManageObjects.AUTHORITATIVE)
        plan = compare(Declared(everything, (ANA,), (group("ops", 1),)), LIVE, NOW)
        undeclared = {("group", "data"), ("user", "bob")}
        assert {key for key, why in reasons(plan).items() if why is Reason.UNDECLARED} == undeclared

    def test_of_links(self) -> None:
        expired, held = Listed("ana", at(21), NOW), Listed("ops", at(31))
        plan = said((ANA, BOB), (group("ops", 11, members=(expired,)),), (wiki(held),))
        assert reasons(plan) == {
            ("membership", "ops", "ana"): Reason.EXPIRED,
            ("membership", "ops", "bob"): Reason.UNLISTED,
            ("assignment", WIKI.arn, "user", "ana"): Reason.UNLISTED,
        }
        expired = Listed("ops", at(31), NOW)
        plan = said((ANA, BOB), (), (wiki(expired, users=(Listed("ana", at(32), NOW),)),))
        assert set(reasons(plan).values()) == {Reason.EXPIRED}

    def test_of_an_assignment_whose_principal_goes(self) -> None:
        plan = said((user("ana", 1, absent=True), BOB))
        assert reasons(plan)[("assignment", WIKI.arn, "user", "ana")] is Reason.PRINCIPAL_DELETED

    def test_of_links_under_names_that_are_yet_to_be_given(self) -> None:
        ops = group("devops", 11, "ops", members=(Listed("anna", at(21), NOW),))
        listed = wiki(Listed("devops", at(31), NOW), users=(Listed("anna", at(32), NOW),))
        plan = said((user("anna", 1, "ana"), BOB), (ops,), (listed,))
        assert reasons(plan) == {
            ("membership", "ops", "ana"): Reason.EXPIRED,
            ("membership", "ops", "bob"): Reason.UNLISTED,
            ("assignment", WIKI.arn, "user", "ana"): Reason.EXPIRED,
            ("assignment", WIKI.arn, "group", "ops"): Reason.EXPIRED,
        }


class TestOrigins:
    """A change tells the line that declares it; what is not listed, the line of its list."""

    def test_of_what_is_declared(self) -> None:
        soon = Listed("carla", at(22), NOW.replace(year=2030), "TICKET-1")
        plan = said(
            (user("carla", 3), user("bob", 2, absent=True)),
            (group("data", 12, members=(soon,)),),
            (wiki(Listed("data", at(31)), users=(Listed("ana", at(32)),)),),
        )
        assert plan.origins == {
            ("user", "carla"): Origin(at(3)),
            ("user", "bob"): Origin(at(2)),
            ("membership", "data", "bob"): Origin(at(2)),
            ("membership", "ops", "bob"): Origin(at(2)),
            ("membership", "data", "carla"): Origin(at(22), soon.expires, "TICKET-1"),
            ("assignment", WIKI.arn, "group", "data"): Origin(at(31)),
            ("assignment", WIKI.arn, "group", "ops"): Origin(at(30)),
        }

    def test_of_what_is_no_longer_listed(self) -> None:
        plan = said((ANA, BOB), (group("ops", 11, members=(Listed("ana", at(21)),)),), (wiki(),))
        assert plan.origins == {
            ("membership", "ops", "bob"): Origin(at(11)),
            ("assignment", WIKI.arn, "user", "ana"): Origin(at(30)),
            ("assignment", WIKI.arn, "group", "ops"): Origin(at(30)),
        }

    def test_of_an_assignment_whose_principal_goes(self) -> None:
        plan = said((user("ana", 1, absent=True), BOB), (), (wiki(Listed("ops", at(31))),))
        assert plan.origins == {
            ("user", "ana"): Origin(at(1)),
            ("membership", "ops", "ana"): Origin(at(1)),
            ("assignment", WIKI.arn, "user", "ana"): Origin(at(1)),
        }

    def test_what_is_not_declared_anywhere_has_none(self) -> None:
        settings = replace(SETTINGS, users=ManageObjects.AUTHORITATIVE)
        assert compare(Declared(settings, (ANA,)), LIVE, NOW).origins == {}

    def test_under_names_that_are_yet_to_be_given(self) -> None:
        ops = group("devops", 11, "ops", members=(Listed("anna", at(21)),))
        listed = wiki(Listed("data", at(31)))
        plan = said((user("anna", 1, "ana"), BOB), (ops,), (listed,))
        assert plan.origins == {
            ("user", "anna"): Origin(at(1)),
            ("group", "devops"): Origin(at(11)),
            ("membership", "ops", "bob"): Origin(at(11)),
            ("assignment", WIKI.arn, "user", "ana"): Origin(at(30)),
            ("assignment", WIKI.arn, "group", "ops"): Origin(at(30)),
            ("assignment", WIKI.arn, "group", "data"): Origin(at(31)),
        }


class TestComparison:
    """A plan comes with what it was made from, and with what the scope holds back."""

    def test_holds_all_three(self) -> None:
        found = compare_closely(Declared(SETTINGS, (ANA,)), LIVE, NOW)
        assert found.plan == compare(Declared(SETTINGS, (ANA,)), LIVE, NOW)
        assert set(found.managed.users) == set(found.resolution.scope.desired.users) == {"ana"}
        assert [one.resource.key for one in found.plan.withheld] == [
            ("group", "data"),
            ("group", "ops"),
            ("user", "bob"),
        ]

    @pytest.mark.parametrize("listed", [(), (Listed("ana", at(32)), Listed("ops", at(33)))])
    def test_only_applications_that_change_are_told(self, listed: tuple[Listed, ...]) -> None:
        plan = said((ANA, BOB), (), (wiki(*listed[1:], users=listed[:1]),))
        assert plan.applications == ({} if listed else {WIKI.arn: WIKI})


class TestLeavers:
    """Who leaves is a person, whatever a group is called, and leaves what is ours."""

    def test_a_group_that_goes_takes_nobody_of_its_name_along(self) -> None:
        groups = {group_key(one): Group(GroupName(one)) for one in ("ops", "ana")}
        members = {group_key("ops"): frozenset({UserKey("ana")})}
        live = replace(LIVE, groups=groups, members=members)
        kept = group("ops", 11, members=(Listed("ana", at(12)),))
        declared = Declared(SETTINGS, (ANA, BOB), (kept, group("ana", 13, absent=True)))
        assert reasons(compare(declared, live, NOW)) == {("group", "ana"): Reason.ABSENT}

    def test_what_is_not_ours_loses_who_leaves_and_nobody_else(self) -> None:
        theirs = {**LIVE.groups, group_key("ops"): Group(GroupName("ops"), foreign=True)}
        declared = Declared(SETTINGS, (user("ana", 1, absent=True), BOB))
        plan = compare(declared, replace(LIVE, groups=theirs), NOW)
        (gone,) = [one for one in plan.changes if one.key[0] == "user"]
        assert isinstance(gone, Delete)
        assert [link.key for link in gone.cascaded] == [("membership", "ops", "ana")]


class TestNames:
    """A display name that is made of both names follows them."""

    ANN = User(UserName("ann"), "Ann Lee", "Ann", "Lee")

    def test_follows(self) -> None:
        found = settled(User(UserName("ann"), family_name="Ray"), self.ANN)
        assert found == replace(self.ANN, family_name="Ray", display_name="Ann Ray")

    def test_nothing_changes_without_a_change(self) -> None:
        assert settled(User(UserName("ann"), given_name="Ann"), self.ANN) is self.ANN
