"""The report of access, compared with counting by hand and with another way to compute it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.audit.report import Question, Report
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.audit.reports.applications import ApplicationsQuestion
from identity_reconciler.audit.reports.people import MembershipsQuestion, MembersQuestion
from identity_reconciler.core.state import Principal, PrincipalKind, State
from identity_reconciler.errors import UsageError
from tests.answering import answer
from tests.strategies import live_states
from tests.unit.audit.worlds import PAYROLL, STATE, WIKI, cells, everything


def access(state: State | None = None, **chosen: str) -> Report:
    return AccessQuestion(**chosen).answer(everything(state or STATE))


def brute_force(state: State) -> set[tuple[str, str, str]]:
    """Return user, ARN and path of all access, by trying every user with everything there is."""
    found: set[tuple[str, str, str]] = set()
    for user, arn in product(state.users, state.applications):
        name = state.users[user].user_name
        if state.applications[arn].assignment_required is False:
            found.add((name, str(arn), "everyone: no assignment required"))
        if Principal(PrincipalKind.USER, user) in state.assignments[arn]:
            found.add((name, str(arn), "directly"))
        for key, group in state.groups.items():
            assigned = Principal(PrincipalKind.GROUP, key) in state.assignments[arn]
            if assigned and user in state.members[key]:
                found.add((name, str(arn), f"through {group.name}"))
    return found


@st.composite
def configured(draw: st.DrawFn) -> State:
    state = draw(live_states())
    required = st.sampled_from([True, False, None])
    return replace(
        state,
        applications={
            arn: replace(one, assignment_required=draw(required))
            for arn, one in state.applications.items()
        },
    )


class TestEveryPath:
    """Every person, every application, every path, and nothing else."""

    @given(state=configured())
    def test_agrees_with_brute_force(self, state: State) -> None:
        rows = cells(access(state), "user_name", "application_arn", "path")
        assert len(rows) == len(set(rows))
        assert set(rows) == brute_force(state)

    @given(state=configured())
    def test_people_are_counted_once(self, state: State) -> None:
        report = ApplicationsQuestion().answer(everything(state))
        counted = {row[0]: row[1] for row in cells(report, "application_arn", "people")}
        wanted = {str(arn): set[str]() for arn in state.applications}
        for user, arn, _ in brute_force(state):
            wanted[arn].add(user)
        assert counted == {arn: str(len(users)) for arn, users in wanted.items()}

    def test_every_path_of_one_person_has_a_row(self) -> None:
        assert cells(access(user="ANA"), "application", "path") == [
            ("Payroll", "directly"),
            ("Payroll", "through Finance"),
            ("Wiki", "through builders"),
        ]

    def test_disabled_people_are_marked(self) -> None:
        assert cells(access(user="bob"), "user_status") == [("disabled",)]

    def test_an_application_for_everyone_opens_to_everyone(self) -> None:
        opened = replace(STATE.applications[PAYROLL], assignment_required=False)
        state = replace(STATE, applications={**STATE.applications, PAYROLL: opened})
        everyone = "everyone: no assignment required"
        assert cells(access(state, application="payroll"), "user_name", "path") == [
            ("Ana", "directly"),
            ("Ana", everyone),
            ("Ana", "through Finance"),
            ("bob", everyone),
            ("bob", "through Finance"),
            ("carla", everyone),
            ("dora", everyone),
        ]

    def test_what_is_not_known_is_said(self) -> None:
        unknown = replace(STATE.applications[PAYROLL], assignment_required=None)
        state = replace(STATE, applications={PAYROLL: unknown})
        assert any("1 application did not say" in note for note in access(state).notes)
        assert not any("did not say" in note for note in access().notes)


class TestReading:
    """What a question reads, which is little, answers it as all there is would."""

    @given(state=configured(), data=st.data())
    def test_answers_alike(self, state: State, data: st.DataObject) -> None:
        applications = state.applications.values()
        options: dict[str, list[str]] = {
            "user": [one.user_name for one in state.users.values()],
            "group": [one.name for one in state.groups.values()],
            "application": [*(one.name for one in applications), *state.applications],
        }
        given = data.draw(st.sets(st.sampled_from(sorted(options))))
        chosen = {
            option: data.draw(st.sampled_from(options[option])).upper()
            for option in sorted(given)
            if options[option]
        }
        questions: list[Question] = [AccessQuestion(**chosen), ApplicationsQuestion()]
        if "user" in chosen:
            questions.append(MembershipsQuestion(chosen["user"]))
        if "group" in chosen:
            questions.append(MembersQuestion(chosen["group"]))
        for question in questions:
            little = question.answer(everything(answer(state, question.wanted)))
            whole = question.answer(everything(state))
            assert (little.rows, little.notes) == (whole.rows, whole.notes)


class TestFilters:
    """Each option narrows, and a name that is nowhere is an error."""

    def test_by_group_shows_only_paths_through_it(self) -> None:
        rows = cells(access(group="FINANCE"), "user_name", "path")
        assert rows == [("Ana", "through Finance"), ("bob", "through Finance")]

    @pytest.mark.parametrize("name", ["Payroll", "payroll", PAYROLL])
    def test_by_application_takes_name_or_arn(self, name: str) -> None:
        assert set(cells(access(application=name), "application_arn")) == {(PAYROLL,)}

    def test_by_application_reads_the_assignments_of_no_other(self) -> None:
        wanted = AccessQuestion(application="payroll").wanted
        chosen = [one.name for one in STATE.applications.values() if wanted.assignments_of(one)]
        assert chosen == ["Payroll"]

    @pytest.mark.parametrize(
        ("option", "name", "near"),
        [
            ("user", "carle", "carla"),
            ("group", "Finanse", "Finance"),
            ("application", "Wikki", "Wiki"),
        ],
    )
    def test_unknown_names_are_refused_with_the_nearest(
        self, option: str, name: str, near: str
    ) -> None:
        with pytest.raises(UsageError, match=f'no {option} "{name}".*did you mean "{near}"'):
            access(None, **{option: name})

    def test_doubts_are_about_the_applications_asked_about(self) -> None:
        unread = replace(STATE.applications[WIKI], assignment_required=None)
        state = replace(STATE, applications={**STATE.applications, WIKI: unread})
        assert len(access(state, application="payroll").notes) == 1
        assert len(access(state).notes) == 2

    def test_nobody_is_an_answer(self) -> None:
        assert access(user="carla").rows == ()
