"""Reviews: when one is due, who is asked, and what ends where nobody looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access_reviews import (
    answers,
    due,
    reviewers,
    reviewing,
    standing,
    with_lapses,
)
from identity_reconciler.core.declared import (
    OWNER,
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    Listed,
    MembersRule,
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
            (999, "year", date(8000, 1, 1), date(8999, 1, 1)),
            (1, "day", date(8000, 1, 2), date(8000, 1, 2)),
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

    @pytest.mark.parametrize(
        ("one", "other", "is_longer"),
        [
            ((28, "day"), (1, "month"), False),
            ((29, "day"), (1, "month"), True),
            ((1, "month"), (30, "day"), True),
            ((1, "month"), (31, "day"), False),
            ((365, "day"), (1, "year"), False),
            ((1, "year"), (365, "day"), True),
            ((1, "year"), (366, "day"), False),
            ((12, "month"), (1, "year"), False),
        ],
    )
    def test_which_is_longer(
        self, one: tuple[int, str], other: tuple[int, str], *, is_longer: bool
    ) -> None:
        first, second = (Period(count, PeriodUnit(unit)) for count, unit in (one, other))
        assert first.is_longer_than(second) is is_longer

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

    def test_what_comes_by_includes_and_rules_ends_as_well(self) -> None:
        grace = Period(10, PeriodUnit.DAY)
        end = datetime(2026, 12, 11, tzinfo=UTC)
        include = (Listed("a", HERE), Listed("b", HERE, end), Listed("c", HERE, reason="T-1"))
        rule = MembersRule((("title", ("x",)),), HERE)
        entry = replace(GROUP, members=None, include=include, rule=rule)
        (found,) = with_lapses(declared(entry, grace=grace)).groups
        assert found.members is None
        assert [one.expires for one in found.include] == [end, end, end]
        assert [one.reason for one in found.include] == [
            "its review was due on 2026-11-30",
            None,
            "T-1; its review was due on 2026-11-30",
        ]
        assert found.rule is not None
        assert (found.rule.expires, found.rule.reason) == (end, "its review was due on 2026-11-30")

    def test_where_nobody_has_looked_yet_there_is_no_end(self) -> None:
        entry = replace(GROUP, reviewed=None, members=(Listed("a", HERE),))
        found = with_lapses(declared(entry, grace=QUARTER))
        assert found.groups == (entry,)


class TestAnswers:
    """Somebody is asked by name, or as a member of a group that is."""

    PEOPLE = (
        DeclaredOwner(PrincipalKind.USER, "Ann", HERE),
        DeclaredOwner(PrincipalKind.GROUP, "Leads", HERE),
        DeclaredOwner(PrincipalKind.GROUP, "elsewhere", HERE),
        DeclaredOwner(PrincipalKind.GROUP, "open", HERE),
    )

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            *(("ANN", True), ("bob", True), ("Carl", True)),
            *(("eve", False), ("leads", False), ("Bobby", False)),
        ],
    )
    def test_whatever_the_case(self, name: str, *, expected: bool) -> None:
        leads = DeclaredGroup(
            Group(GroupName("LEADS")), HERE, members=(Listed("Bob", HERE), Listed("carl", HERE))
        )
        ann = DeclaredGroup(Group(GroupName("ann")), HERE, members=(Listed("eve", HERE),))
        without = DeclaredGroup(Group(GroupName("open")), HERE)
        world = declared(leads, ann, without)
        assert answers(world, self.PEOPLE, name) is expected
        assert not answers(world, self.PEOPLE[1:], "ann")
        assert not answers(world, (), name)

    def test_each_is_asked_once_whatever_the_case(self) -> None:
        asked = (
            DeclaredOwner(PrincipalKind.USER, "ANN", HERE),
            DeclaredOwner(PrincipalKind.GROUP, "ann", HERE),
        )
        entry = replace(GROUP, review=replace(TERMS, by=(WORD, *asked)))
        assert reviewers(entry) == (ANN, asked[1])
        assert reviewers(replace(GROUP, review=None)) == ()


class TestStanding:
    """What is told of a review is what follows from the YAML."""

    def test_without_an_end(self) -> None:
        (one,) = reviewing(declared(GROUP))
        assert standing(one) == "last on 2026-08-31 by ann, due on 2026-11-30"

    def test_a_review_that_was_never_made_is_not_ahead(self) -> None:
        (one,) = reviewing(declared(replace(GROUP, reviewed=None)))
        assert not one.is_ahead(date(2026, 1, 1))

    def test_of_two_that_are_due_on_one_day_the_first_by_name(self) -> None:
        groups = [replace(GROUP, group=Group(GroupName(name))) for name in ("b", "a")]
        found = due(declared(*groups), date(2026, 12, 1))
        assert [one.address for one in found] == ["group/a", "group/b"]
