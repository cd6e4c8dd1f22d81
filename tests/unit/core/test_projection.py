"""The state after a plan: every kind of change, on everything that it touches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.accounts import AccountGap, AccountRole, AccountRoleKind, GapReason
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.projection import after_plan, with_account_access
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.core.taken import NO_REFUSALS, Refusals

WIKI, PAYROLL = (Application(ApplicationArn(f"arn:{n}"), n) for n in ("wiki", "payroll"))
ORPHAN = Principal(PrincipalKind.USER, "ana", orphan=True)


def users(*names: str) -> dict[UserKey, User]:
    return {user_key(name): User(UserName(name)) for name in names}


def groups(*names: str) -> dict[GroupKey, Group]:
    return {group_key(name): Group(GroupName(name)) for name in names}


def keys(names: str) -> frozenset[UserKey]:
    return frozenset(map(UserKey, names.split()))


def principal(name: str) -> Principal:
    kind, _, rest = name.partition(":")
    return Principal(PrincipalKind(kind), rest)


def principals(names: str) -> frozenset[Principal]:
    return frozenset(map(principal, names.split()))


LIVE = State(
    users=users("Ana", "Bob", "Eve"),
    groups=groups("Ops", "Data", "Idle"),
    members={
        GroupKey("ops"): keys("ana bob"),
        GroupKey("data"): keys("bob eve"),
        GroupKey("idle"): keys("eve"),
    },
    applications={WIKI.arn: WIKI, PAYROLL.arn: PAYROLL},
    assignments={
        WIKI.arn: principals("user:ana group:ops") | {ORPHAN},
        PAYROLL.arn: principals("user:eve"),
    },
)
ANA, BOB = LIVE.users[UserKey("ana")], LIVE.users[UserKey("bob")]
OPS, DATA = LIVE.groups[GroupKey("ops")], LIVE.groups[GroupKey("data")]
ANNA, DEVOPS = replace(ANA, user_name=UserName("Anna")), replace(OPS, name=GroupName("Devops"))


def link(group: str, user: str) -> Membership:
    return Membership(GroupName(group), UserName(user))


def assigned(application: Application, name: str) -> Assignment:
    return Assignment(application.arn, principal(name))


def after(*changes: Change) -> State:
    return after_on(LIVE, *changes)


def after_on(live: State, *changes: Change) -> State:
    plan = Plan(changes)
    return after_plan(live, plan, Renames.in_plan(plan))


def members(found: State) -> dict[str, str]:
    return {group: " ".join(sorted(names)) for group, names in found.members.items()}


UNTOUCHED = {"ops": "ana bob", "data": "bob eve", "idle": "eve"}


class TestUsers:
    """Users come, go, change, and move to their new key."""

    def test_created(self) -> None:
        found = after(Create(User(UserName("Zoe"))))
        assert found == replace(LIVE, users=users("Ana", "Bob", "Eve", "Zoe"))

    def test_updated(self) -> None:
        boss = replace(ANA, title="Boss")
        assert after(Update(ANA, boss)) == replace(LIVE, users={**LIVE.users, UserKey("ana"): boss})

    def test_deleted_with_every_membership_their_assignments_orphaned(self) -> None:
        found = after(Delete(ANA))
        assert found == replace(
            LIVE,
            users=users("Bob", "Eve"),
            members={**LIVE.members, GroupKey("ops"): keys("bob")},
            assignments={
                **LIVE.assignments,
                WIKI.arn: principals("group:ops") | {ORPHAN},
            },
        )

    def test_renamed_with_every_link(self) -> None:
        assert after(Rename(ANA, ANNA)) == replace(
            LIVE,
            users=users("Anna", "Bob", "Eve"),
            members={**LIVE.members, GroupKey("ops"): keys("anna bob")},
            assignments={
                **LIVE.assignments,
                WIKI.arn: principals("user:anna group:ops") | {ORPHAN},
            },
        )

    def test_a_manager_who_is_renamed_is_called_by_the_new_name(self) -> None:
        managed = replace(BOB, manager=UserName("ANA"))
        other = replace(LIVE.users[UserKey("eve")], manager=UserName("bob"))
        live = replace(LIVE, users={**LIVE.users, UserKey("bob"): managed, UserKey("eve"): other})
        found = after_on(live, Rename(ANA, ANNA)).users
        assert found[UserKey("bob")] == replace(managed, manager=UserName("Anna"))
        assert found[UserKey("eve")] is other

    def test_a_user_who_is_renamed_and_one_who_gets_the_name(self) -> None:
        found = after(Rename(ANA, ANNA), Create(ANA), Create(link("Ops", "Ana")))
        assert set(found.users) == {"ana", "anna", "bob", "eve"}
        assert found.members[GroupKey("ops")] == keys("ana anna bob")
        assert found.assignments[WIKI.arn] == principals("user:anna group:ops") | {ORPHAN}


class TestGroups:
    """Groups come without members, go with them, and keep them under a new name."""

    def test_created(self) -> None:
        found = after(Create(Group(GroupName("New"))))
        assert found == replace(
            LIVE,
            groups=groups("Ops", "Data", "Idle", "New"),
            members={**LIVE.members, GroupKey("new"): frozenset()},
        )

    def test_updated(self) -> None:
        about = replace(OPS, description="x")
        assert after(Update(OPS, about)) == replace(
            LIVE, groups={**LIVE.groups, GroupKey("ops"): about}
        )

    def test_deleted_its_assignments_orphaned(self) -> None:
        found = after(Delete(OPS))
        orphan = replace(principal("group:ops"), orphan=True)
        assert found == replace(
            LIVE,
            groups=groups("Data", "Idle"),
            members={key: LIVE.members[key] for key in (GroupKey("data"), GroupKey("idle"))},
            assignments={**LIVE.assignments, WIKI.arn: principals("user:ana") | {orphan, ORPHAN}},
        )

    def test_renamed_with_every_link(self) -> None:
        assert after(Rename(OPS, DEVOPS)) == replace(
            LIVE,
            groups=groups("Devops", "Data", "Idle"),
            members={
                GroupKey("devops"): keys("ana bob"),
                GroupKey("data"): keys("bob eve"),
                GroupKey("idle"): keys("eve"),
            },
            assignments={
                **LIVE.assignments,
                WIKI.arn: principals("user:ana group:devops") | {ORPHAN},
            },
        )

    def test_two_that_exchange_their_names(self) -> None:
        found = after(
            Rename(OPS, replace(OPS, name=GroupName("Data"))),
            Rename(DATA, replace(DATA, name=GroupName("Ops"))),
        )
        assert members(found) == {"data": "ana bob", "ops": "bob eve", "idle": "eve"}

    def test_a_name_that_is_given_on_is_another_group(self) -> None:
        found = after(Rename(OPS, DEVOPS), Create(OPS), Create(link("Ops", "Eve")))
        assert members(found) == {**UNTOUCHED, "devops": "ana bob", "ops": "eve"}


class TestLinks:
    """Links leave under the old names and come under the new ones."""

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ((Create(link("OPS", "EVE")),), {"ops": "ana bob eve"}),
            ((Delete(link("OPS", "ANA")),), {"ops": "bob"}),
            ((Delete(link("ops", "ana")), Create(link("data", "ana"))), None),
            ((Delete(link("nowhere", "ana")),), {}),
            ((Create(link("nowhere", "ana")),), {"nowhere": "ana"}),
            ((Create(Group(GroupName("new"))), Create(link("new", "ana"))), {"new": "ana"}),
        ],
    )
    def test_memberships(
        self, changes: tuple[Change, ...], expected: dict[str, str] | None
    ) -> None:
        moved = {"ops": "bob", "data": "ana bob eve"}
        found = after(*changes)
        assert members(found) == UNTOUCHED | (moved if expected is None else expected)
        assert found.assignments == LIVE.assignments

    def test_memberships_with_renames(self) -> None:
        found = after(
            Delete(link("Ops", "Bob")),
            Rename(OPS, DEVOPS),
            Rename(ANA, ANNA),
            Create(link("Devops", "Eve")),
            Create(link("Data", "Anna")),
        )
        assert members(found) == {"devops": "anna eve", "data": "anna bob eve", "idle": "eve"}

    def test_a_member_who_leaves_one_group_stays_in_the_other(self) -> None:
        assert members(after(Delete(link("Ops", "Bob")), Delete(link("Data", "Eve")))) == {
            **UNTOUCHED,
            "ops": "ana",
            "data": "bob",
        }

    def test_assignments(self) -> None:
        found = after(
            Delete(assigned(WIKI, "user:ana")),
            Create(assigned(WIKI, "group:data")),
            Create(assigned(PAYROLL, "group:data")),
        )
        assert found == replace(
            LIVE,
            assignments={
                WIKI.arn: principals("group:ops group:data") | {ORPHAN},
                PAYROLL.arn: principals("user:eve group:data"),
            },
        )

    def test_an_orphan_is_removed_by_itself(self) -> None:
        found = after(Delete(Assignment(WIKI.arn, ORPHAN)))
        assert found.assignments[WIKI.arn] == principals("user:ana group:ops")

    def test_assignments_of_an_application_that_is_not_known_here(self) -> None:
        arn = ApplicationArn("arn:new")
        created = after(Create(Assignment(arn, principal("user:ana"))))
        assert created.assignments == {**LIVE.assignments, arn: principals("user:ana")}
        assert after(Delete(Assignment(arn, principal("user:ana")))) == LIVE

    def test_assignments_with_renames(self) -> None:
        found = after(
            Delete(assigned(WIKI, "group:ops")),
            Rename(OPS, DEVOPS),
            Rename(ANA, ANNA),
            Create(assigned(PAYROLL, "user:anna")),
        )
        assert found.assignments == {
            WIKI.arn: principals("user:anna") | {ORPHAN},
            PAYROLL.arn: principals("user:eve user:anna"),
        }

    def test_who_is_unassigned_and_deleted_leaves_no_orphan(self) -> None:
        found = after(Delete(assigned(WIKI, "user:ana")), Delete(ANA), Delete(OPS))
        orphan = replace(principal("group:ops"), orphan=True)
        assert found.assignments[WIKI.arn] == {orphan, ORPHAN}


class TestSharing:
    """What nothing changes is the very same object, so comparing it costs nothing."""

    def test_of_an_empty_plan(self) -> None:
        found = after()
        assert found == LIVE
        assert found.users is LIVE.users
        assert found.groups is LIVE.groups

    def test_of_other_lists(self) -> None:
        found = after(Delete(link("ops", "ana")), Delete(assigned(WIKI, "user:ana")))
        assert found.users is LIVE.users
        assert found.groups is LIVE.groups
        for key in (GroupKey("data"), GroupKey("idle")):
            assert found.members[key] is LIVE.members[key]
        assert found.assignments[PAYROLL.arn] is LIVE.assignments[PAYROLL.arn]

    def test_of_lists_without_those_who_are_renamed_or_deleted(self) -> None:
        for change in (Rename(ANA, ANNA), Delete(ANA)):
            found = after(change)
            assert found.groups is LIVE.groups
            for key in (GroupKey("data"), GroupKey("idle")):
                assert found.members[key] is LIVE.members[key]
            assert found.assignments[PAYROLL.arn] is LIVE.assignments[PAYROLL.arn]

    def test_the_live_state_stays_as_it_is(self) -> None:
        before = {key: set(names) for key, names in LIVE.members.items()}
        after(Delete(ANA), Rename(OPS, DEVOPS), Create(link("new", "bob")))
        assert {key: set(names) for key, names in LIVE.members.items()} == before
        assert set(LIVE.users) == {"ana", "bob", "eve"}
        assert set(LIVE.groups) == {"ops", "data", "idle"}


class TestAccounts:
    """What somebody has in AWS accounts goes along with a name, and is an orphan's afterwards."""

    ROLES = frozenset({AccountRole("111122223333", "prod", AccountRoleKind.ROLE, "Admin", "arn:a")})
    GAPS = frozenset({AccountGap(GapReason.DENIED, "sso:x")})
    KNOWN = replace(
        LIVE,
        account_access={principal("user:ana"): ROLES, principal("group:ops"): frozenset()},
        account_gaps=GAPS,
        accounts_through_groups=True,
    )

    @pytest.mark.parametrize("learnt_later", [False, True])
    def test_of_who_is_deleted_or_renamed(self, *, learnt_later: bool) -> None:
        for changes, expected in (
            ((Delete(ANA),), {ORPHAN: self.ROLES, principal("group:ops"): frozenset()}),
            (
                (Delete(OPS), Rename(ANA, ANNA)),
                {
                    principal("user:anna"): self.ROLES,
                    replace(principal("group:ops"), orphan=True): frozenset(),
                },
            ),
            ((Rename(OPS, DEVOPS),), {**self.KNOWN.account_access, principal("group:devops"): ()}),
            ((Update(ANA, replace(ANA, title="Boss")),), self.KNOWN.account_access),
        ):
            plan = Plan(changes)
            renames = Renames.in_plan(plan)
            if learnt_later:
                found = with_account_access(
                    after_plan(LIVE, plan, renames), self.KNOWN, plan, renames
                )
            else:
                found = after_plan(self.KNOWN, plan, renames)
            wanted = {key: frozenset(some) for key, some in expected.items()}
            if isinstance(changes[0], Rename):
                wanted.pop(principal("group:ops"))
            assert found.account_access == wanted
            assert (found.account_gaps, found.accounts_through_groups) == (self.GAPS, True)

    def test_who_stays_has_the_very_same(self) -> None:
        found = after_on(self.KNOWN, Update(ANA, replace(ANA, title="Boss")))
        assert found.account_access is self.KNOWN.account_access


class TestRefusals:
    """Two are both."""

    def test_of_both(self) -> None:
        one = Refusals({UserKey("a"): "x"}, principals("user:a"))
        other = Refusals({UserKey("b"): "y"}, principals("user:b"))
        both = Refusals({UserKey("a"): "x", UserKey("b"): "y"}, principals("user:a user:b"))
        assert one | other == both
        assert not NO_REFUSALS
        assert both
