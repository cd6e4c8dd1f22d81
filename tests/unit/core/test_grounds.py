"""Which changes are a reason for what is told of access."""

from __future__ import annotations

import pytest

from identity_reconciler.core.access import Effect
from identity_reconciler.core.grounds import Grounds
from identity_reconciler.core.plan import Create, Delete, Plan, Reason, Rename
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
)

ANN, BOB = User(UserName("Ann")), User(UserName("Bob"))
IN_OPS = Membership(GroupName("Ops"), UserName("Ann"))
BOB_IN_OPS = Membership(GroupName("Ops"), UserName("Bob"))


def assigned(kind: PrincipalKind, name: str) -> Assignment:
    return Assignment(ApplicationArn("arn:1"), Principal(kind, name), "Wiki", name)


ANN_ASSIGNED, OPS_ASSIGNED = (
    assigned(PrincipalKind.USER, "ann"),
    assigned(PrincipalKind.GROUP, "ops"),
)
EVERYONE = "everyone: no assignment required"
WAYS = [
    (IN_OPS, "ann", "arn:1", "through Ops"),
    (IN_OPS, "ANN", "arn:2", "through ops"),
    (OPS_ASSIGNED, "ann", "arn:1", "through ops"),
    (OPS_ASSIGNED, "kim", "arn:1", "through ops"),
    (ANN_ASSIGNED, "Ann", "arn:1", "directly"),
    (ANN, "ann", "arn:1", EVERYONE),
]
"""A link or a user, and who thereby has which way into which application."""
NO_WAYS = [
    (IN_OPS, "kim", "arn:1", "through ops"),
    (IN_OPS, "ann", "arn:1", "through others"),
    (IN_OPS, "ann", "arn:1", "directly"),
    (IN_OPS, "ann", "arn:1", EVERYONE),
    (IN_OPS, "ann", "arn:1", "by ops"),
    (OPS_ASSIGNED, "ann", "arn:2", "through ops"),
    (OPS_ASSIGNED, "ops", "arn:1", "directly"),
    (ANN_ASSIGNED, "ann", "arn:2", "directly"),
    (ANN_ASSIGNED, "kim", "arn:1", "directly"),
    (ANN_ASSIGNED, "kim", "arn:1", "through ann"),
    (ANN, "kim", "arn:1", EVERYONE),
    (Group(GroupName("ann")), "ann", "arn:1", EVERYONE),
]
Way = tuple[User | Group | Membership | Assignment, str, str, str]


class TestGrounds:
    """A new way in was made by a change, and a way that is gone was taken away by one."""

    @pytest.mark.parametrize("way", WAYS)
    def test_of_gains_and_losses(self, way: Way) -> None:
        resource, *told = way
        made, gone = Grounds(Plan((Create(resource),))), Grounds(Plan((Delete(resource),)))
        assert made.are_given(Effect.GAINED, *told)
        assert not made.are_given(Effect.LOST, *told)
        assert gone.are_given(Effect.LOST, *told)
        assert not gone.are_given(Effect.GAINED, *told)

    @pytest.mark.parametrize("way", NO_WAYS)
    def test_there_is_none(self, way: Way) -> None:
        resource, *told = way
        for change, effect in ((Create(resource), Effect.GAINED), (Delete(resource), Effect.LOST)):
            assert not Grounds(Plan((change,))).are_given(effect, *told)

    @pytest.mark.parametrize("path", ["directly", "through Ops", EVERYONE])
    def test_whoever_goes_loses_every_way(self, path: str) -> None:
        plan = Plan((Delete(ANN),))
        assert Grounds(plan).are_given(Effect.LOST, "ann", "arn:1", path)
        assert not Grounds(plan).are_given(Effect.LOST, "ann", "arn:1", "by magic")

    @pytest.mark.parametrize("path", ["directly", "through Ops"])
    def test_whoever_comes_needs_a_way(self, path: str) -> None:
        assert not Grounds(Plan((Create(ANN),))).are_given(Effect.GAINED, "ann", "arn:1", path)

    def test_what_goes_with_a_group(self) -> None:
        plan = Plan((Delete(Group(GroupName("Ops")), Reason.ABSENT, (BOB_IN_OPS,)),))
        assert Grounds(plan).are_given(Effect.LOST, "bob", "arn:1", "through Ops")
        assert not Grounds(plan).are_given(Effect.LOST, "ann", "arn:1", "through Ops")

    def test_people_are_called_as_after_renames_and_groups_as_before(self) -> None:
        renames = (
            Rename(ANN, User(UserName("Zoe"))),
            Rename(Group(GroupName("Ops")), Group(GroupName("Operators"))),
        )
        for link in (IN_OPS, OPS_ASSIGNED):
            grounds = Grounds(Plan((Delete(link), *renames)))
            assert grounds.are_given(Effect.LOST, "Zoe", "arn:1", "through Ops")
        grounds = Grounds(Plan((Delete(ANN_ASSIGNED), *renames)))
        assert grounds.are_given(Effect.LOST, "Zoe", "arn:1", "directly")
        assert not grounds.are_given(Effect.LOST, "Ann", "arn:1", "directly")
