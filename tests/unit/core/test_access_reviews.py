"""Reviews: when one is due, who is asked, and what ends where nobody looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access_reviews import due, reviewing, standing, with_lapses
from identity_reconciler.core.declared import (
    OWNER,
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    Listed,
    Presence,
    ReviewRecord,
    ReviewTerms,
    Settings,
)
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.state import Group, GroupName, PrincipalKind
from tests.strategies import HERE, INSTANCE

PERIODS = st.builds(Period, st.integers(1, 999), st.sampled_from(PeriodUnit))
QUARTER = Period(3, PeriodUnit.MONTH)
TERMS = ReviewTerms(QUARTER, (), HERE)
RECORD = ReviewRecord(date(2026, 8, 31), "ann", HERE)
ANN, LEADS, WORD = (
    DeclaredOwner(PrincipalKind.USER, "ann", HERE),
    DeclaredOwner(PrincipalKind.GROUP, "leads", HERE),
    DeclaredOwner(PrincipalKind.USER, OWNER, HERE),
)
GROUP = DeclaredGroup(
    Group(GroupName("g")), HERE, members=(), owners=(ANN,), review=TERMS, reviewed=RECORD
)


def declared(*groups: DeclaredGroup, grace: Period | None = None) -> Declared:
    return Declared(Settings(INSTANCE, guards=GuardSettings(review_grace=grace)), groups=groups)


class TestPeriods:
    """They are those of a calendar."""

    @pytest.mark.parametrize(
        ("count", "unit", "start", "end"),
        [
            (30, "day", date(2026, 1, 31), date(2026, 3, 2)),
            (2, "week", date(2026, 12, 31), date(2027, 1, 14)),
            (1, "month", date(2026, 1, 31), date(2026, 2, 28)),
            (3, "month", date(2026, 11, 30), date(2027, 2, 28)),
            (12, "month", date(2026, 12, 5), date(2027, 12, 5)),
            (1, "year", date(2028, 2, 29), date(2029, 2, 28)),
            (1, "day", date(9999, 12, 31), date(9999, 12, 31)),
        ],
    )
    def test_by_the_day(self, count: int, unit: str, start: date, end: date) -> None:
        assert Period(count, PeriodUnit(unit)).after(start) == end

    @settings(max_examples=50)
    @given(period=PERIODS, day=st.dates(max_value=date(8000, 1, 1)))
    def test_each_ends_later(self, period: Period, day: date) -> None:
        assert period.after(day) > day

    @settings(max_examples=50)
    @given(one=PERIODS, other=PERIODS, day=st.dates(date(2023, 1, 1), date(2024, 12, 31)))
    def test_what_is_not_longer_never_ends_later(
        self, one: Period, other: Period, day: date
    ) -> None:
        if not one.is_longer_than(other):
            first = day.replace(day=1)
            assert one.after(first) <= other.after(first)

    def test_as_written(self) -> None:
        assert [str(Period(n, PeriodUnit.WEEK)) for n in (1, 2)] == ["1 week", "2 weeks"]


class TestDue:
    """On the day, and overdue when that is over; never reviewed is due and not overdue."""

    @pytest.mark.parametrize(
        ("day", "is_due", "is_overdue"),
        [
            (date(2026, 11, 29), False, False),
            (date(2026, 11, 30), True, False),
            (date(2026, 12, 1), True, True),
        ],
    )
    def test_around_the_day(self, day: date, *, is_due: bool, is_overdue: bool) -> None:
        (one,) = reviewing(declared(GROUP))
        assert (one.is_due(day), one.is_overdue(day)) == (is_due, is_overdue)
        assert bool(due(declared(GROUP), day)) is is_due

    def test_never_yet(self) -> None:
        (one,) = due(declared(replace(GROUP, reviewed=None), grace=QUARTER), date(1999, 1, 1))
        assert (one.due, one.lapses) == (None, None)
        assert not one.is_overdue(date(3000, 1, 1))
        assert standing(one) == "never yet"

    def test_a_review_that_is_yet_to_come_is_none(self) -> None:
        ahead = replace(GROUP, reviewed=replace(RECORD, day=date(2026, 12, 3)))
        for day, is_due in ((date(2026, 12, 1), True), (date(2026, 12, 2), False)):
            (one,) = reviewing(declared(ahead))
            assert (one.is_due(day), one.is_overdue(day)) == (is_due, False)
            assert bool(due(declared(ahead), day, 5)) is is_due

    def test_soon_if_asked_for(self) -> None:
        assert due(declared(GROUP), date(2026, 11, 1)) == ()
        assert len(due(declared(GROUP), date(2026, 11, 1), 29)) == 1
        assert due(declared(GROUP), date(2026, 11, 1), 28) == ()

    def test_the_longest_overdue_first(self) -> None:
        later = replace(GROUP, reviewed=replace(RECORD, day=date(2026, 9, 1)))
        never = replace(GROUP, reviewed=None)
        found = due(declared(never, later, GROUP), date(2027, 1, 1))
        assert [one.entry for one in found] == [GROUP, later, never]

    @pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.EXTERNAL])
    def test_what_is_not_ours_is_not(self, presence: Presence) -> None:
        assert reviewing(declared(replace(GROUP, presence=presence))) == ()

    @pytest.mark.parametrize(
        ("by", "asked"),
        [
            ((), [ANN]),
            ((LEADS,), [LEADS]),
            ((WORD, LEADS), [ANN, LEADS]),
            ((ANN, WORD), [ANN]),
        ],
    )
    def test_who_is_asked(self, by: tuple[DeclaredOwner, ...], asked: list[DeclaredOwner]) -> None:
        (one,) = reviewing(declared(replace(GROUP, review=replace(TERMS, by=by))))
        assert list(one.by) == asked


class TestLapses:
    """What nobody looks at ends when the grace is over, and what ends sooner by itself does so."""

    SOON = datetime(2026, 12, 24, tzinfo=UTC)
    END = datetime(2027, 1, 10, tzinfo=UTC)
    LATE = datetime(2030, 1, 1, tzinfo=UTC)
    MEMBERS = (
        Listed("a", HERE),
        Listed("b", HERE, SOON, "T-1"),
        Listed("c", HERE, LATE, "T-2"),
    )
    GRACE = Period(40, PeriodUnit.DAY)

    def test_each_at_the_end_of_the_last_day(self) -> None:
        before = declared(replace(GROUP, members=self.MEMBERS), grace=self.GRACE)
        (made,) = with_lapses(before).groups
        why = "its review was due on 2026-11-30"
        assert made.members == (
            Listed("a", HERE, self.END, why),
            self.MEMBERS[1],
            Listed("c", HERE, self.END, f"T-2; {why}"),
        )
        assert standing(reviewing(before)[0]).endswith("; who is listed loses it after 2027-01-09")

    def test_nothing_ends_without_grace_or_without_any_review(self) -> None:
        group = replace(GROUP, members=self.MEMBERS)
        for one in (
            declared(group),
            declared(replace(group, reviewed=None), grace=self.GRACE),
            declared(replace(group, review=None), grace=self.GRACE),
        ):
            assert with_lapses(one) == one

    def test_assignments_end_as_memberships_do(self) -> None:
        entry = DeclaredApplication(
            ApplicationSelector("Wiki"),
            HERE,
            users=self.MEMBERS[:1],
            groups=self.MEMBERS[2:],
            owners=(ANN,),
            review=TERMS,
            reviewed=RECORD,
        )
        both = replace(declared(grace=self.GRACE), applications=(entry,))
        (made,) = with_lapses(both).applications
        assert [one.expires for one in (*made.users, *made.groups)] == [self.END, self.END]
