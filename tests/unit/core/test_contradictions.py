"""What no planner makes of a plan, found in one that somebody rewrote as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.contradictions import contradictions
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Reason,
    Rename,
    Update,
)
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    Provenance,
    Resource,
    User,
    UserName,
)
from tests.strategies import NOW, World, worlds

ANA, BOB = User(UserName("ana")), User(UserName("bob"), title="Engineer")
ADMINS = Group(GroupName("admins"), "Who may")
EVE_IN_ADMINS = Membership(GroupName("admins"), UserName("eve"))


def assigned(
    user: str, shown: str, application: str = "Payroll", *, orphan: bool = False
) -> Assignment:
    principal = Principal(PrincipalKind.USER, user, orphan)
    return Assignment(ApplicationArn("arn:1"), principal, application, shown)


def removed(resource: Resource, reason: Reason, *cascaded: Membership) -> Delete:
    return Delete(resource, reason, cascaded)


ANA_IN_ADMINS = Membership(GroupName("admins"), UserName("ana"))
LEAD = replace(BOB, title="Lead")
LIES: dict[str, tuple[tuple[Change, ...], str]] = {
    "a rename called an update": (
        (Update(BOB, replace(LEAD, user_name=UserName("eve"))),),
        "user/eve is called bob before, and cannot be updated so",
    ),
    "another spelling by an update": (
        (Update(BOB, replace(LEAD, user_name=UserName("BOB"))),),
        "user/BOB is called bob before, and cannot be updated so",
    ),
    "an update called a rename": (
        (Rename(ADMINS, replace(ADMINS, description=None)),),
        "group/admins is called admins before, and cannot be renamed so",
    ),
    "an update of nothing": ((Update(BOB, BOB),), "user/bob would stay as it is"),
    "another owner": (
        (Update(BOB, replace(LEAD, foreign=True)),),
        "user/bob would change its owner",
    ),
    "another history": (
        (Update(BOB, replace(LEAD, provenance=Provenance(updated_by="me"))),),
        "user/bob would get another history",
    ),
    "attributes to be cleared": (
        (Update(BOB, replace(LEAD, cleared=frozenset({"email"}))),),
        "user/bob has attributes that are still to be cleared",
    ),
    "attributes that were to be cleared": (
        (Update(replace(BOB, cleared=frozenset({"email"})), LEAD),),
        "user/bob has attributes that are still to be cleared",
    ),
    "somebody else's creation": (
        (Create(replace(ANA, foreign=True)),),
        "user/ana would be created and is there already",
    ),
    "a creation with a history": (
        (Create(replace(ADMINS, provenance=Provenance())),),
        "group/admins would be created and is there already",
    ),
    "an assignment of another user than shown": (
        (Create(assigned("eve", "ana")),),
        "assignment/Payroll/user/ana is not about the user that it names",
    ),
    "an assignment of nobody": (
        (Create(assigned("1-2", "1-2", orphan=True)),),
        "assignment/Payroll/orphaned-user/1-2 would be created for somebody who is not there",
    ),
    "another orphan than shown": (
        (removed(assigned("1-2", "3-4", orphan=True), Reason.UNLISTED),),
        "assignment/Payroll/orphaned-user/3-4 is not about the user that it names",
    ),
    "one application under two names": (
        (Create(assigned("ana", "ana")), Create(assigned("bob", "bob", "Wiki"))),
        "assignment/Wiki/user/bob: arn:1 is called Payroll elsewhere",
    ),
    "an application under another name than where it is removed": (
        (removed(assigned("ana", "ana"), Reason.UNLISTED), Create(assigned("bob", "bob", "Wiki"))),
        "assignment/Wiki/user/bob: arn:1 is called Payroll elsewhere",
    ),
    "one object twice": (
        (Create(ANA), Create(replace(ANA, title="Lead"))),
        "user/ana is changed twice",
    ),
    "one live object twice": (
        (Rename(BOB, replace(BOB, user_name=UserName("adam"))), Update(BOB, LEAD)),
        "user/bob is changed twice",
    ),
    "a user as not listed": (
        (removed(BOB, Reason.UNLISTED),),
        "user/bob cannot be removed because not listed",
    ),
    "a membership as absent": (
        (removed(EVE_IN_ADMINS, Reason.ABSENT),),
        "membership/admins/eve cannot be removed because state: absent",
    ),
    "a membership for its principal": (
        (removed(EVE_IN_ADMINS, Reason.PRINCIPAL_DELETED),),
        "membership/admins/eve cannot be removed because its principal is deleted",
    ),
    "an assignment for a principal who stays": (
        (removed(assigned("bob", "bob"), Reason.PRINCIPAL_DELETED),),
        "assignment/Payroll/user/bob cannot be removed because its principal is deleted",
    ),
    "an assignment of a leaver as not listed": (
        (removed(assigned("bob", "bob"), Reason.UNLISTED), removed(BOB, Reason.ABSENT)),
        "assignment/Payroll/user/bob cannot be removed because not listed",
    ),
    "a cascade of somebody else, after another change": (
        (Create(ANA), removed(BOB, Reason.ABSENT, EVE_IN_ADMINS)),
        "membership/admins/eve does not go with user/bob",
    ),
    "a cascade of a link": (
        (removed(EVE_IN_ADMINS, Reason.UNLISTED, ANA_IN_ADMINS),),
        "membership/admins/ana does not go with membership/admins/eve",
    ),
    "a cascade that is removed as well": (
        (removed(EVE_IN_ADMINS, Reason.UNLISTED), removed(ADMINS, Reason.ABSENT, EVE_IN_ADMINS)),
        "membership/admins/eve is removed twice",
    ),
    "a cascade with both its ends": (
        (
            removed(ADMINS, Reason.ABSENT, ANA_IN_ADMINS),
            removed(ANA, Reason.ABSENT, ANA_IN_ADMINS),
        ),
        "membership/admins/ana is removed twice",
    ),
    "a cascade out of order": (
        (removed(ADMINS, Reason.ABSENT, EVE_IN_ADMINS, ANA_IN_ADMINS),),
        "what goes with group/admins is not in order",
    ),
    "another order": (
        (Create(ANA), removed(EVE_IN_ADMINS, Reason.UNLISTED)),
        "its changes are not in the order of an apply",
    ),
}
TRUTHS: dict[str, tuple[Change, ...]] = {
    "a name that is the key, and so is not spelled": (Create(assigned("ana", "")),),
    "an orphan": (removed(assigned("1-AB", "1-AB", orphan=True), Reason.UNLISTED),),
    "an expiry": (removed(assigned("ana", "Ana"), Reason.EXPIRED),),
    "a leaver": (
        removed(assigned("bob", "Bob"), Reason.PRINCIPAL_DELETED),
        removed(BOB, Reason.UNDECLARED, Membership(GroupName("admins"), UserName("bob"))),
    ),
    "another spelling by a rename": (Rename(BOB, replace(BOB, user_name=UserName("BOB"))),),
}


class TestLies:
    """What a change holds, and its address and differences do not show, is a contradiction."""

    @pytest.mark.parametrize("name", LIES)
    def test_is_found(self, name: str) -> None:
        changes, told = LIES[name]
        assert list(contradictions(Plan(changes))) == [told]

    @pytest.mark.parametrize("name", TRUTHS)
    def test_nothing_else_is(self, name: str) -> None:
        assert list(contradictions(Plan(TRUTHS[name]))) == []


class TestPlans:
    """A plan of the planner does not contradict itself."""

    @given(world=worlds())
    def test_of_any_world(self, world: World) -> None:
        live, declared = world
        assert list(contradictions(compare(declared, live, NOW))) == []


class TestWaves:
    """Each change is in a wave, in the order of an apply, after what it needs."""

    JOINS = Create(ANA_IN_ADMINS)

    def told(self, *waves: tuple[Change, int]) -> list[str]:
        changes = tuple(change for change, _ in waves)
        return list(contradictions(Plan(changes, waves={one.key: at for one, at in waves})))

    def test_nothing_is_wrong(self) -> None:
        assert self.told((Create(ANA), 0), (Create(ADMINS), 0), (self.JOINS, 1)) == []
        assert list(contradictions(Plan((Create(ANA), Create(ADMINS), self.JOINS)))) == []

    def test_a_change_in_no_wave(self) -> None:
        plan = Plan((Create(ANA), Create(ADMINS)), waves={ANA.key: 0})
        assert list(contradictions(plan)) == ["some of its changes are in no wave"]

    def test_a_later_wave_first(self) -> None:
        assert self.told((Create(ANA), 1), (Create(ADMINS), 0)) == [
            "its changes are not in the order of an apply"
        ]

    def test_a_change_before_what_it_needs(self) -> None:
        assert self.told((self.JOINS, 0), (Create(ANA), 1), (Create(ADMINS), 1)) == [
            "membership/admins/ana comes before what it needs"
        ]
