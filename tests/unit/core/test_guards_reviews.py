"""The guard of reviews: nobody new comes into what should have been looked at by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from identity_reconciler.core.access import Impact
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.declared import (
    Declared,
    DeclaredOwner,
    Listed,
    ReviewRecord,
    ReviewTerms,
)
from identity_reconciler.core.guard_settings import GuardId
from identity_reconciler.core.guards import Standing, Verdict, gather
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.state import PrincipalKind
from tests.guarded_world import World, judge
from tests.strategies import HERE, NOW

ANN = DeclaredOwner(PrincipalKind.USER, "ann", HERE)
WEEKLY = ReviewTerms(Period(1, PeriodUnit.WEEK), (ANN,), HERE)
TODAY = NOW.date()


def reviewed(days: int) -> ReviewRecord:
    return ReviewRecord(TODAY - timedelta(days=days), "ann", HERE)


def verdict(world: World, record: ReviewRecord | None, **lists: tuple[Listed, ...]) -> Verdict:
    """Return what the guard says where the group *team* and the application have *record*."""
    declared, live = world.declared(), world.live()
    groups = tuple(
        replace(one, review=WEEKLY, reviewed=record) if one.name == "team" else one
        for one in declared.groups
    )
    (application,) = declared.applications
    made = replace(application, review=WEEKLY, reviewed=record, **lists)  # type: ignore[arg-type]
    declared = Declared(declared.settings, declared.users, groups, (made,))
    comparison = compare_closely(declared, live, NOW)
    return judge(gather(comparison, Impact.of(comparison.plan, live)))[GuardId.REVIEW_OVERDUE]


def world(**groups: list[str]) -> World:
    made = World(team="ann bob", other="ann eve")
    made.groups |= groups
    return made


class TestReviewOverdue:
    """Only what is overdue, only who is new, and never who goes."""

    @pytest.mark.parametrize(("days", "refused"), [(7, False), (8, True), (900, True)])
    def test_a_new_member(self, days: int, *, refused: bool) -> None:
        found = verdict(world(team=["ann", "bob", "eve"]), reviewed(days))
        assert (found.standing is Standing.BLOCKED) is refused
        if refused:
            due = TODAY - timedelta(days=days - 7)
            assert found.addresses == ("membership/team/eve",)
            assert found.found.endswith(f"to be reviewed: group/team since {due}")

    def test_what_was_never_reviewed_is_not_overdue(self) -> None:
        assert verdict(world(team=["ann", "bob", "eve"]), None).standing is Standing.PASSED

    def test_revocations_and_other_groups_pass(self) -> None:
        changed = world(team=["ann"], other=["ann", "bob"])
        assert verdict(changed, reviewed(30)).standing is Standing.PASSED

    def test_an_assignment(self) -> None:
        found = verdict(world(), reviewed(30), groups=(Listed("team", HERE),))
        assert found.addresses == ("assignment/Payroll/group/team",)

    def test_what_was_reviewed_in_the_future_is_not(self) -> None:
        record = replace(reviewed(0), day=date(2999, 1, 1))
        assert verdict(world(team=["ann", "bob", "eve"]), record).standing is Standing.PASSED
