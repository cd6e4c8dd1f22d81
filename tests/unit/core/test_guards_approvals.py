"""Approvals: what they cover, how long, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from io import StringIO

import pytest
from ruamel.yaml import YAML

from identity_reconciler.core.approvals import Approval, approval_lines, check_approvals, covering
from identity_reconciler.core.guard_settings import (
    ExpectLive,
    GuardId,
    GuardSettings,
    ProtectedNames,
    ResourceKind,
)
from identity_reconciler.core.guards import Evidence, Standing, Verdict, check_plan
from identity_reconciler.core.guards.evidence import removals
from identity_reconciler.core.plan import Delete, Plan
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import Group, GroupName, Membership, State, UserName, group_key
from identity_reconciler.errors import Position
from tests.strategies import NOW

TODAY = NOW.date()
HERE = Position("approvals.yaml", 7, 3)
GOOD = Approval(
    "wipe", TODAY, TODAY + timedelta(days=7), "TICKET-1", addresses=("group/team",), position=HERE
)
BY_COUNT = replace(GOOD, addresses=(), kind="group", count=2)


def is_covered(approvals: tuple[Approval, ...], *concerned: str, at: datetime = NOW) -> bool:
    return bool(covering(GuardId.WIPE, concerned, approvals, at))


class TestSubject:
    """An approval covers what it names and no more."""

    def test_addresses_in_any_case(self) -> None:
        assert is_covered((GOOD,), "group/Team")
        assert not is_covered((GOOD,), "group/teams")
        assert not is_covered((GOOD,), "group/team", "group/other")

    def test_addresses_of_several_entries_add_up(self) -> None:
        other = replace(GOOD, addresses=("group/other",))
        assert covering(GuardId.WIPE, ("group/other", "group/team"), (GOOD, other), NOW) == (
            GOOD,
            other,
        )

    @pytest.mark.parametrize(("number", "covered"), [(1, True), (2, True), (3, False)])
    def test_a_count_is_the_most(self, number: int, covered: bool) -> None:  # noqa: FBT001
        assert is_covered((BY_COUNT,), *(f"group/{n}" for n in range(number))) is covered

    def test_counts_of_several_entries_do_not_add_up(self) -> None:
        twice = (BY_COUNT, replace(BY_COUNT, reason="again"))
        assert not is_covered(twice, "group/1", "group/2", "group/3")

    def test_a_count_is_of_one_kind(self) -> None:
        assert not is_covered((BY_COUNT,), "group/1", "user/1")
        users = replace(BY_COUNT, kind="user")
        assert is_covered((BY_COUNT, users), "group/1", "user/1")

    def test_an_address_that_means_two_things_covers_neither(self) -> None:
        assert not is_covered((GOOD,), "group/team", "group/team")

    def test_another_guard_is_not_covered(self) -> None:
        assert not covering(GuardId.PROTECTED, ("group/team",), (GOOD,), NOW)

    def test_nothing_is_covered_by_nothing(self) -> None:
        assert not is_covered((), "group/team")


class TestTime:
    """An approval holds from its date through its last day, UTC, and for 30 days at most."""

    @pytest.mark.parametrize(
        ("on", "expires", "holds"),
        [
            (0, 0, True),
            (-30, 0, True),
            (-31, 0, False),
            (-2, -1, False),
            (1, 2, True),
            (2, 3, False),
        ],
    )
    def test_days(self, on: int, expires: int, holds: bool) -> None:  # noqa: FBT001 - a table
        one = replace(GOOD, on=TODAY + timedelta(on), expires=TODAY + timedelta(expires))
        assert one.holds(NOW) is holds

    def test_the_last_day_ends_at_midnight_utc(self) -> None:
        one = replace(GOOD, expires=date(2026, 3, 1))
        assert one.holds(datetime.fromisoformat("2026-03-01T23:59:59+00:00"))
        assert not one.holds(datetime.fromisoformat("2026-03-02T00:00:00+00:00"))
        east = timezone(timedelta(hours=9))
        assert one.holds(datetime(2026, 3, 2, 8, tzinfo=east))


class TestCheck:
    """Whatever makes an approval worthless, or too broad, is an error with its line."""

    def test_a_good_one_has_no_problem(self) -> None:
        assert check_approvals((GOOD, BY_COUNT), NOW) == ()

    @pytest.mark.parametrize(
        ("approval", "words"),
        [
            (replace(GOOD, on=TODAY - timedelta(9), expires=TODAY - timedelta(1)), "has expired"),
            (replace(GOOD, expires=TODAY + timedelta(days=31)), "more than 30 days"),
            (replace(GOOD, expires=TODAY - timedelta(days=1)), "before its date"),
            (replace(GOOD, on=TODAY + timedelta(days=2)), "still to come"),
            (replace(GOOD, guard="wipes"), "no such guard"),
            (replace(GOOD, addresses=()), "says nothing about what it covers"),
            (replace(GOOD, kind="user", count=1), "make two entries"),
            (replace(BY_COUNT, count=None), "belong together"),
            (replace(BY_COUNT, kind=None), "belong together"),
            (replace(BY_COUNT, kind="groups"), 'kind "groups" is none of user, group'),
            (replace(BY_COUNT, count=0), "its count is 0"),
            (replace(GOOD, reason=" "), "no reason"),
        ],
    )
    def test_problems(self, approval: Approval, words: str) -> None:
        problems = check_approvals((GOOD, approval), NOW)
        assert {one.position for one in problems} == {HERE}
        assert any(words in one.message for one in problems)

    @pytest.mark.parametrize("days", [0, 1, 30])
    def test_allowed_spans(self, days: int) -> None:
        assert not check_approvals((replace(GOOD, expires=TODAY + timedelta(days=days)),), NOW)

    def test_what_does_not_hold_is_a_problem(self) -> None:
        """So nobody wonders why an approval has no effect."""
        for on, expires in _spans():
            one = replace(GOOD, on=TODAY + on, expires=TODAY + expires)
            assert one.holds(NOW) is not bool(check_approvals((one,), NOW))


def _spans() -> Iterator[tuple[timedelta, timedelta]]:
    days = (-32, -31, -30, -2, -1, 0, 1, 2, 29, 30, 31, 32)
    return ((timedelta(days=on), timedelta(days=expires)) for on in days for expires in days)


def evidence(*names: str) -> Evidence:
    """Return the evidence of a plan that deletes these groups."""
    groups = [Group(GroupName(name)) for name in names]
    live = State(groups={group_key(one.name): one for one in groups})
    plan = Plan(tuple(Delete(one) for one in groups))
    return Evidence(
        plan=plan,
        live=live,
        after=State(),
        access=(),
        renames=Renames.in_plan(plan),
        removals=removals(plan),
        managed=dict.fromkeys(ResourceKind, 100),
        declared=dict.fromkeys(ResourceKind, 100),
        referred=dict.fromkeys(ResourceKind, 0),
        complete=frozenset(),
        shared_names=frozenset(),
    )


class TestVerdicts:
    """A blocked verdict carries the approval to paste; pasted, with a reason, it approves."""

    settings = GuardSettings(protected=ProtectedNames(groups=("*",)))

    def test_addresses_are_proposed_where_they_are_few(self) -> None:
        verdict = self._protected(evidence("a", "b"), ())
        assert verdict.standing is Standing.BLOCKED
        (entry,) = verdict.approvals
        assert entry.addresses == ("group/a", "group/b")
        assert entry.expires - entry.on == timedelta(days=7)

    @pytest.mark.parametrize("number", [1, 20, 21])
    def test_what_is_proposed_approves(self, number: int) -> None:
        case = evidence(*(f"g{n}" for n in range(number)))
        proposed = self._protected(case, ()).approvals
        assert (proposed[0].count is None) is (number <= 20)
        reasoned = tuple(replace(one, reason="TICKET-1") for one in proposed)
        assert check_approvals(reasoned, NOW) == ()
        verdict = self._protected(case, reasoned)
        assert verdict.standing is Standing.APPROVED
        assert verdict.approvals == reasoned
        more = evidence(*(f"g{n}" for n in range(number + 1)))
        assert self._protected(more, reasoned).standing is Standing.BLOCKED

    def test_a_proposal_without_a_reason_is_a_problem(self) -> None:
        proposed = self._protected(evidence("a"), ()).approvals
        assert ["no reason" in one.message for one in check_approvals(proposed, NOW)] == [True]

    def test_an_address_of_two_things_is_proposed_by_count(self) -> None:
        links = (
            Membership(GroupName("a"), UserName("b/root")),
            Membership(GroupName("a/b"), UserName("root")),
        )
        plan = Plan(tuple(map(Delete, links)))
        case = replace(evidence(), plan=plan, removals=removals(plan))
        settings = GuardSettings(administrators=("*root",))
        verdicts = check_plan(case, settings, (), NOW)
        verdict = next(one for one in verdicts if one.guard is GuardId.LOCKOUT_SELF)
        assert [(one.kind, one.count) for one in verdict.approvals] == [("membership", 2)]

    def test_a_plan_without_changes_passes_every_guard(self) -> None:
        idle = replace(evidence("a"), plan=Plan(), live=State())
        demanding = replace(self.settings, expect_live=ExpectLive(users=1))
        verdicts = check_plan(idle, demanding, (), NOW)
        assert [one.guard for one in verdicts] == list(GuardId)
        assert {one.standing for one in verdicts} == {Standing.PASSED}

    def _protected(self, case: Evidence, approvals: tuple[Approval, ...]) -> Verdict:
        verdicts = check_plan(case, self.settings, approvals, NOW)
        return next(one for one in verdicts if one.guard is GuardId.PROTECTED)


class TestLines:
    """The approval to paste is YAML that says the same, whatever is in the names."""

    @pytest.mark.parametrize(
        "name", ["team", 'a"b\\c', "x: y # z", "é\u202e\U0001f600\n- guard: wipe"]
    )
    def test_are_yaml(self, name: str) -> None:
        approval = replace(GOOD, addresses=(f"group/{name}",), approved_by="Ann O'Neil")
        text = "\n".join(approval_lines((approval, BY_COUNT)))
        assert text.isascii()
        first, second = YAML(typ="safe", pure=True).load(StringIO(text))
        assert first == {
            "guard": "wipe",
            "addresses": [f"group/{name}"],
            "approved_on": TODAY,
            "expires": TODAY + timedelta(days=7),
            "approved_by": "Ann O'Neil",
            "reason": "TICKET-1",
        }
        assert (second["kind"], second["count"]) == ("group", 2)
