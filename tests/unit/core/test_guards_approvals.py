"""Approvals: what they cover, how long, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from io import StringIO

import pytest
from ruamel.yaml import YAML

from identity_reconciler.core.approvals import Approval, approval_lines, check_approvals, covering
from identity_reconciler.core.declared import Declared, Settings
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
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Membership,
    State,
    User,
    UserName,
    group_key,
)
from identity_reconciler.errors import Position
from tests.strategies import INSTANCE, NOW

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

    def test_written_in_another_case(self) -> None:
        assert is_covered((replace(GOOD, addresses=("group/TEAM",)),), "group/team")

    def test_only_what_is_used_is_returned(self) -> None:
        wider = replace(GOOD, addresses=("group/other", "group/team", "group/third"))
        unused = replace(GOOD, addresses=("group/unused",))
        concerned = ("group/team", "group/other")
        assert covering(GuardId.WIPE, concerned, (unused, wider), NOW) == (wider,)
        assert covering(GuardId.WIPE, concerned, (wider, BY_COUNT), NOW) == (wider,)
        assert covering(GuardId.WIPE, concerned, (unused, BY_COUNT), NOW) == (BY_COUNT,)

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

    def test_of_several_counts_the_highest_holds(self) -> None:
        for counts in ((1, 2), (2, 1)):
            entries = tuple(replace(BY_COUNT, count=count) for count in counts)
            assert is_covered(entries, "group/1", "group/2")

    def test_without_a_count_a_kind_covers_nothing(self) -> None:
        assert not is_covered((replace(BY_COUNT, count=None),), "group/1")

    def test_a_count_is_of_one_kind(self) -> None:
        assert not is_covered((BY_COUNT,), "group/1", "user/1")
        users = replace(BY_COUNT, kind="user")
        assert is_covered((BY_COUNT, users), "group/1", "user/1")

    def test_an_address_that_means_two_things_covers_neither(self) -> None:
        assert not is_covered((GOOD,), "group/team", "group/team")
        assert not is_covered((GOOD,), "group/Team", "group/TEAM")

    def test_another_guard_is_not_covered(self) -> None:
        assert not covering(GuardId.PROTECTED, ("group/team",), (GOOD,), NOW)

    def test_nothing_is_covered_by_nothing(self) -> None:
        assert not is_covered((), "group/team")


class TestNames:
    """Approvals call guards and kinds by these words."""

    def test_of_guards(self) -> None:
        assert [str(one) for one in GuardId] == [
            *("empty.desired", "empty.live", "budget.users", "budget.groups"),
            *("budget.memberships", "budget.assignments", "budget.expired", "budget.renames"),
            *("wipe", "protected", "min_members", "pinned_members", "members_where"),
            *("lockout.self", "privileged"),
            *("rename.suspected", "leftover.accounts", "review.overdue"),
            "repository.claimed",
            *("separation_of_duties", "max_members", "no_direct_assignments", "email_domains"),
            *("min_owners", "max_duration", "must_expire", "reason_pattern"),
        ]

    def test_of_kinds(self) -> None:
        kinds = "user group membership assignment application access"
        assert [str(one) for one in ResourceKind] == kinds.split()


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

    def test_out_of_its_time_it_covers_nothing(self) -> None:
        for on in (-9, 2):
            one = replace(GOOD, on=TODAY + timedelta(on), expires=TODAY + timedelta(on + 7))
            assert not is_covered((one,), "group/team")

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

    def test_problems_are_in_the_order_of_the_lines(self) -> None:
        entries = [replace(GOOD, guard="?", position=Position("a", n, 1)) for n in (3, 1, 2)]
        assert [one.position.line for one in check_approvals(entries, NOW)] == [1, 2, 3]

    def test_each_problem_is_told_once_and_names_the_guard(self) -> None:
        bad = replace(GOOD, addresses=("group/a",), kind="dogs", count=0, reason="")
        messages = [one.message for one in check_approvals((bad,), NOW)]
        assert len(messages) == 4
        assert all(one.startswith("approval of wipe: ") for one in messages)

    def test_where_it_stands_makes_no_difference(self) -> None:
        assert replace(GOOD, position=Position("x", 1, 2)) == GOOD
        proposed = Approval("wipe", TODAY, TODAY, "")
        assert proposed.position == Position("approvals.yaml", 1, 1)

    def test_a_count_of_one_is_none(self) -> None:
        assert check_approvals((replace(BY_COUNT, count=1),), NOW) == ()

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
        accounts=(),
        renames=Renames.in_plan(plan),
        removals=removals(plan),
        managed=dict.fromkeys(ResourceKind, 100),
        declared=dict.fromkeys(ResourceKind, 100),
        known=frozenset(),
        referred=dict.fromkeys(ResourceKind, 0),
        complete=frozenset(),
        instance=INSTANCE,
        overdue_groups={},
        overdue_applications={},
        declaration=Declared(Settings(INSTANCE)),
        as_of=NOW,
    )


def _accounts(*names: str) -> tuple[User, ...]:
    return tuple(User(UserName(name)) for name in names)


class TestVerdicts:
    """A blocked verdict carries the approval to paste; pasted, with a reason, it approves."""

    settings = GuardSettings(protected=ProtectedNames(groups=("*",)))

    def test_addresses_are_proposed_where_they_are_few(self) -> None:
        verdict = self._protected(evidence("a", "b"), ())
        assert verdict.standing is Standing.BLOCKED
        (entry,) = verdict.approvals
        assert entry.addresses == ("group/a", "group/b")
        assert (entry.guard, entry.reason, entry.on) == ("protected", "", TODAY)
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

    def test_what_passes_has_nothing_to_say(self) -> None:
        verdict = Verdict(GuardId.WIPE, Standing.PASSED)
        assert (verdict.found, verdict.expected) == ("", "")
        assert (verdict.addresses, verdict.count, verdict.approvals) == ((), 0, ())

    def test_standings_are_called_as_in_saved_plans(self) -> None:
        assert [str(one) for one in Standing] == ["passed", "blocked", "approved"]

    def test_a_long_list_is_cut_and_in_order(self) -> None:
        names = [f"g{n:02}" for n in range(21)]
        verdict = self._protected(evidence(*reversed(names)), ())
        assert verdict.addresses == tuple(f"group/{name}" for name in names[:20])
        assert verdict.count == 21
        assert verdict.found == "21 protected by name would be removed or renamed"

    def test_counts_are_proposed_for_each_kind_in_order(self) -> None:
        names = [f"g{n:02}" for n in range(20)]
        plan = Plan((*evidence(*names).plan.changes, *map(Delete, _accounts("ana", "bob"))))
        settings = GuardSettings(protected=ProtectedNames(users=("*",), groups=("*",)))
        case = replace(evidence(), plan=plan, removals=removals(plan))
        verdicts = check_plan(case, settings, (), NOW)
        verdict = next(one for one in verdicts if one.guard is GuardId.PROTECTED)
        assert [(one.kind, one.count) for one in verdict.approvals] == [("group", 20), ("user", 2)]
        assert {one.reason for one in verdict.approvals} == {""}

    def test_the_proposal_holds_from_the_day_of_the_plan_in_utc(self) -> None:
        east = datetime(2026, 3, 2, 8, tzinfo=timezone(timedelta(hours=9)))
        verdicts = check_plan(evidence("a"), self.settings, (), east)
        verdict = next(one for one in verdicts if one.guard is GuardId.PROTECTED)
        assert verdict.approvals[0].on == date(2026, 3, 1)

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

    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("X", "X"),
            ('"', '\\"'),
            ("\\", "\\\\"),
            ("\n", "\\u000A"),
            ("\uffff", "\\uFFFF"),
            ("\U00010000", "\\U00010000"),
        ],
    )
    def test_only_what_needs_it_is_escaped(self, name: str, written: str) -> None:
        lines = approval_lines((replace(GOOD, addresses=(name,)),))
        assert lines[2] == f'    - "{written}"'
