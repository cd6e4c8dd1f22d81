"""Who is to be reminded on which day, and who answers for what ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.reminders import DAYS_BEFORE, recipients, reminders
from identity_reconciler.core.state import Group, GroupName, PrincipalKind, User, UserName
from tests.strategies import HERE, INSTANCE

END = datetime(2027, 1, 1, tzinfo=UTC)
"""What `expires: 2026-12-31` is read as."""


def group(*members: Listed, name: str = "g", owners: tuple[DeclaredOwner, ...] = ()) -> Declared:
    one = DeclaredGroup(Group(GroupName(name)), HERE, members=members, owners=owners)
    return Declared(Settings(INSTANCE), groups=(one,))


def ending(expires: datetime | None, name: str = "ann") -> Listed:
    return Listed(name, HERE, expires)


def on(declared: Declared, day: date, since: date | None = None) -> list[tuple[str, int]]:
    return [(one.address, one.days) for one in reminders(declared, since or day, day)]


class TestDays:
    """Each reminder is due on one day, so a run a day tells each of them once."""

    @pytest.mark.parametrize(
        ("day", "days"),
        [(16, None), (17, 14), (18, None), (27, None), (28, 3), (29, None), (31, None)],
    )
    def test_of_a_day(self, day: int, days: int | None) -> None:
        told = on(group(ending(END)), date(2026, 12, day))
        assert told == ([] if days is None else [("membership/g/ann", days)])

    @given(
        minutes=st.integers(0, 2 * 366 * 24 * 60),
        start=st.integers(0, 40),
    )
    @settings(max_examples=40)
    def test_each_is_told_once(self, minutes: int, start: int) -> None:
        """Whenever somebody begins to run it every day."""
        instant = END + timedelta(minutes=minutes)
        last = (instant - timedelta(microseconds=1)).date()
        days = [last - timedelta(days=one) for one in range(start, -3, -1)]
        told = [found for day in days for _, found in on(group(ending(instant)), day)]
        assert told == [one for one in DAYS_BEFORE if one <= start]

    @given(missed=st.integers(0, 14))
    @settings(max_examples=15)
    def test_a_window_makes_up_for_days_without_a_run(self, missed: int) -> None:
        """Nothing that still holds is left out, and nobody is told twice of the same end."""
        people = [ending(END + timedelta(days=one), f"u{one}") for one in range(-20, 20)]
        today = date(2026, 12, 20)
        since = today - timedelta(days=missed)
        daily = {
            address
            for one in range(missed + 1)
            for address, _ in on(group(*people), since + timedelta(days=one))
        }
        gone = {
            f"membership/g/{one.name}"
            for one in people
            if one.expires and one.expires.date() <= today
        }
        told = [address for address, _ in on(group(*people), today, since)]
        assert sorted(told) == sorted(daily - gone)

    def test_of_two_the_later_one_is_told(self) -> None:
        assert on(group(ending(END)), date(2026, 12, 29), date(2026, 12, 15)) == [
            ("membership/g/ann", 3)
        ]

    def test_an_end_within_a_day_counts_that_day(self) -> None:
        noon = datetime(2026, 12, 31, 12, tzinfo=UTC)
        assert on(group(ending(noon)), date(2026, 12, 28)) == [("membership/g/ann", 3)]

    def test_what_does_not_end_and_what_goes_anyway(self) -> None:
        declared = group(ending(None), ending(END, "bob"))
        absent = replace(declared.groups[0], presence=Presence.ABSENT)
        assert on(declared, date(2026, 12, 28)) == [("membership/g/bob", 3)]
        assert on(replace(declared, groups=(absent,)), date(2026, 12, 28)) == []

    def test_assignments_end_as_well(self) -> None:
        application = DeclaredApplication(
            ApplicationSelector(name="Grafana"),
            HERE,
            users=(ending(END),),
            groups=(ending(END, "g"),),
        )
        declared = Declared(Settings(INSTANCE), applications=(application,))
        assert on(declared, date(2026, 12, 28)) == [
            ("assignment/Grafana/group/g", 3),
            ("assignment/Grafana/user/ann", 3),
        ]


class TestRecipients:
    """Owners hear of it, and who is listed in groups that are owners."""

    def test_each_once(self) -> None:
        names = ("ann", "Bob", "carl", "gone", "dora")
        users = tuple(
            DeclaredUser(
                User(UserName(name)),
                HERE,
                Presence.ABSENT if name == "gone" else Presence.PRESENT,
            )
            for name in names
        )
        leads = group(*(Listed(one, HERE) for one in ("ann", "BOB", "gone")), name="Leads")
        owners = tuple(
            DeclaredOwner(kind, name, HERE)
            for kind, name in (
                (PrincipalKind.USER, "ANN"),
                (PrincipalKind.GROUP, "leads"),
                (PrincipalKind.USER, "carl"),
                (PrincipalKind.GROUP, "nowhere"),
            )
        )
        found = recipients(replace(leads, users=users), owners)
        assert [one.name for one in found] == ["ann", "Bob", "carl"]
        assert recipients(replace(leads, users=users), ()) == ()
