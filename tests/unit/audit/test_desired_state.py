"""The state that the YAML alone describes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from identity_reconciler.audit.desired_state import declared_state
from identity_reconciler.core.access import Impact
from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.state import ApplicationArn, Group, GroupName, State, User, UserName
from tests.strategies import HERE, INSTANCE, NOW
from tests.unit.audit.worlds import PAYROLL, STATE, by_group, by_user


def user(name: str, presence: Presence = Presence.PRESENT) -> DeclaredUser:
    return DeclaredUser(User(UserName(name)), HERE, presence)


def listed(name: str, seconds: int | None = None) -> Listed:
    """Return a listing that ends so many seconds from now."""
    expires = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Listed(name, HERE, expires)


def declared(**parts: object) -> Declared:
    return replace(Declared(Settings(INSTANCE)), **parts)  # type: ignore[arg-type]


class TestPresence:
    """What is absent is not there; what is external is."""

    def test_users(self) -> None:
        people = (
            user("Ana"),
            user("bob", Presence.ABSENT),
            user("carla", Presence.EXTERNAL),
        )
        state = declared_state(declared(users=people), NOW)
        assert sorted(state.users) == ["ana", "carla"]

    def test_groups(self) -> None:
        groups = tuple(
            DeclaredGroup(Group(GroupName(name)), HERE, presence, (listed("ana"),))
            for name, presence in (("Here", Presence.PRESENT), ("gone", Presence.ABSENT))
        )
        state = declared_state(declared(groups=groups), NOW)
        assert list(state.groups) == ["here"]
        assert state.members == {"here": frozenset({"ana"})}


class TestExpiry:
    """The instant of expiry is the first one at which it no longer holds."""

    def test_members_and_assignments(self) -> None:
        everybody = (
            *(listed("a"), listed("b", -1), listed("c", 0), listed("d", 1)),
            Listed("e", HERE, starts=NOW + timedelta(seconds=1)),
        )
        said = declared(
            groups=(DeclaredGroup(Group(GroupName("g")), HERE, members=everybody),),
            applications=(
                DeclaredApplication(
                    ApplicationSelector(arn=PAYROLL), HERE, everybody, (listed("g"),)
                ),
            ),
        )
        state = declared_state(said, NOW)
        assert state.members == {"g": frozenset({"a", "d"})}
        assert state.assignments == {
            PAYROLL: frozenset({by_user("a"), by_user("d"), by_group("g")})
        }


class TestApplications:
    """An application stands under what the YAML calls it."""

    def test_labels(self) -> None:
        selectors = (
            ApplicationSelector(name="Wiki"),
            ApplicationSelector(name="Wiki", account="111122223333"),
            ApplicationSelector(name="Payroll", arn=PAYROLL),
        )
        said = declared(applications=tuple(DeclaredApplication(one, HERE) for one in selectors))
        state = declared_state(said, NOW)
        assert {arn: one.name for arn, one in state.applications.items()} == {
            ApplicationArn("Wiki"): "Wiki",
            ApplicationArn("Wiki, account 111122223333"): "Wiki",
            PAYROLL: "Payroll",
        }


class TestAgreement:
    """It is what a plan makes of nothing."""

    def test_with_the_state_after_a_plan(self) -> None:
        said = declared(
            users=(user("Ana"), user("bob")),
            groups=(DeclaredGroup(Group(GroupName("Staff")), HERE, members=(listed("BOB"),)),),
            applications=(
                DeclaredApplication(
                    ApplicationSelector(arn=PAYROLL), HERE, (listed("ana"),), (listed("staff"),)
                ),
            ),
        )
        live = State(
            applications={PAYROLL: STATE.applications[PAYROLL]}, assignments={PAYROLL: frozenset()}
        )
        after = Impact.of(compare(said, live, NOW), live).after
        state = declared_state(said, NOW)
        assert state.users.keys() == after.users.keys()
        assert state.members == after.members
        assert state.assignments == after.assignments
