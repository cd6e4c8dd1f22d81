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
    ordered,
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


LIES: dict[str, tuple[tuple[Change, ...], str]] = {
    "a rename called an update": (
        (Update(BOB, replace(BOB, user_name=UserName("eve"), title="Lead")),),
        "cannot be updated so",
    ),
    "another spelling by an update": (
        (Update(BOB, replace(BOB, user_name=UserName("BOB"), title="Lead")),),
        "cannot be updated so",
    ),
    "an update called a rename": (
        (Rename(BOB, replace(BOB, title="Lead")),),
        "cannot be renamed so",
    ),
    "an update of nothing": ((Update(BOB, BOB),), "would stay as it is"),
    "another owner": ((Update(BOB, replace(BOB, title="Lead", foreign=True)),), "something else"),
    "another history": (
        (Update(BOB, replace(BOB, title="Lead", provenance=Provenance(updated_by="me"))),),
        "another history",
    ),
    "attributes to be cleared": (
        (Update(BOB, replace(BOB, title="Lead", cleared=frozenset({"email"}))),),
        "still to be cleared",
    ),
    "somebody else's creation": ((Create(replace(ANA, foreign=True)),), "is there already"),
    "a creation with a history": ((Create(replace(ANA, provenance=Provenance())),), "is there"),
    "an assignment of another user than shown": (
        (Create(assigned("eve", "ana")),),
        "is not about the user that it names",
    ),
    "an assignment of nobody": (
        (Create(assigned("1-2", "1-2", orphan=True)),),
        "for somebody who is not there",
    ),
    "another orphan than shown": (
        (removed(assigned("1-2", "3-4", orphan=True), Reason.UNLISTED),),
        "is not about the user that it names",
    ),
    "one application under two names": (
        (Create(assigned("ana", "ana")), Create(assigned("bob", "bob", "Wiki"))),
        "arn:1 is called Payroll elsewhere",
    ),
    "one object twice": ((Create(ANA), Create(replace(ANA, title="Lead"))), "is changed twice"),
    "one live object twice": (
        (
            Update(BOB, replace(BOB, title="Lead")),
            Rename(BOB, replace(BOB, user_name=ANA.user_name)),
        ),
        "user/bob is changed twice",
    ),
    "a user as not listed": ((removed(BOB, Reason.UNLISTED),), "because not listed"),
    "a membership as absent": ((removed(EVE_IN_ADMINS, Reason.ABSENT),), "because state: absent"),
    "a membership for its principal": (
        (removed(EVE_IN_ADMINS, Reason.PRINCIPAL_DELETED),),
        "because its principal is deleted",
    ),
    "an assignment for a principal who stays": (
        (removed(assigned("bob", "bob"), Reason.PRINCIPAL_DELETED),),
        "because its principal is deleted",
    ),
    "an assignment of a leaver as not listed": (
        (removed(assigned("bob", "bob"), Reason.UNLISTED), removed(BOB, Reason.ABSENT)),
        "because not listed",
    ),
    "a cascade of another group": (
        (removed(BOB, Reason.ABSENT, EVE_IN_ADMINS),),
        "does not go with user/bob",
    ),
    "a cascade of a link": (
        (removed(EVE_IN_ADMINS, Reason.UNLISTED, EVE_IN_ADMINS),),
        "does not go with membership/admins/eve",
    ),
    "a cascade that is removed as well": (
        (removed(EVE_IN_ADMINS, Reason.UNLISTED), removed(ADMINS, Reason.ABSENT, EVE_IN_ADMINS)),
        "is removed twice",
    ),
    "a cascade out of order": (
        (
            removed(
                ADMINS,
                Reason.ABSENT,
                EVE_IN_ADMINS,
                Membership(GroupName("admins"), UserName("ana")),
            ),
        ),
        "is not in order",
    ),
}


class TestLies:
    """What a change holds, and its address and differences do not show, is a contradiction."""

    @pytest.mark.parametrize("name", LIES)
    def test_is_found(self, name: str) -> None:
        changes, told = LIES[name]
        assert told in "; ".join(contradictions(Plan(changes)))

    def test_another_order_is_found(self) -> None:
        plan = Plan(ordered((Create(ANA), removed(EVE_IN_ADMINS, Reason.UNLISTED))))
        assert list(contradictions(plan)) == []
        assert list(contradictions(Plan(plan.changes[::-1]))) == [
            "its changes are not in the order of an apply"
        ]


class TestPlans:
    """A plan of the planner does not contradict itself."""

    @given(world=worlds())
    def test_of_any_world(self, world: World) -> None:
        live, declared = world
        assert list(contradictions(compare(declared, live, NOW))) == []
