"""Rules of the applier, for any plan and any fault at any write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.plan import Change, Plan, Step, requirements, step_of
from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.state import State
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from tests.memory_gateway import Fault, Killed, MemoryGateway
from tests.strategies import states


class Record:
    """A journal that remembers the order of its calls."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Change]] = []

    def starting(self, change: Change) -> None:
        self.lines.append(("begin", change))

    def finished(self, result: Result) -> None:
        self.lines.append(("end", result.change))


def run(plan: Plan, gateway: MemoryGateway, journal: Record | None = None) -> list[Result]:
    return list(apply_plan(plan, gateway, journal or Record(), Patience(lambda _: None)))


faults = st.dictionaries(
    st.integers(0, 12), st.sampled_from([one for one in Fault if one is not Fault.KILLED_AFTER])
)
passing_faults = st.dictionaries(
    st.integers(0, 12),
    st.sampled_from([Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.THROTTLED]),
    max_size=6,
)
"""Fewer in a row than one change is tried, so that all of them pass."""


class TestFaults:
    """What is in doubt is read back; what failed stays failed; nothing is done twice."""

    @given(desired=states(), live=states(), schedule=passing_faults)
    def test_a_passing_fault_changes_nothing_in_the_end(
        self, desired: State, live: State, schedule: dict[int, Fault]
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        plan = build_plan(desired, live)
        results = run(plan, gateway)
        assert [result.outcome for result in results] == [Outcome.APPLIED] * len(plan.changes)
        assert build_plan(desired, gateway.state()) == Plan()

    @given(desired=states(), live=states(), schedule=faults)
    def test_running_again_converges(
        self, desired: State, live: State, schedule: dict[int, Fault]
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        run(build_plan(desired, live), gateway)
        gateway.faults = {}
        run(build_plan(desired, gateway.state()), gateway)
        assert build_plan(desired, gateway.state()) == Plan()

    @given(desired=states(), live=states(), number=st.integers(0, 12))
    def test_a_kill_after_any_write_is_resumed_without_repeating_it(
        self, desired: State, live: State, number: int
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        plan = build_plan(desired, live)
        try:
            run(plan, gateway)
        except Killed:
            gateway.faults = {}
            run(build_plan(desired, gateway.state()), gateway)
        assert build_plan(desired, gateway.state()) == Plan()
        assert gateway.writes.total() == len(plan.changes)

    @given(desired=states(), live=states(), number=st.integers(0, 12))
    def test_the_same_plan_run_again_after_a_kill_finds_it_in_place(
        self, desired: State, live: State, number: int
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        plan = build_plan(desired, live)
        try:
            run(plan, gateway)
        except Killed:
            done = gateway.writes.total()
            gateway.faults = {}
            outcomes = [result.outcome for result in run(plan, gateway)]
            assert outcomes[:done] == [Outcome.ALREADY_IN_PLACE] * done
            assert set(outcomes[done:]) <= {Outcome.APPLIED}
        assert build_plan(desired, gateway.state()) == Plan()

    @given(desired=states(), live=states(), schedule=faults)
    def test_only_dependents_of_a_failure_are_skipped(
        self, desired: State, live: State, schedule: dict[int, Fault]
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        results = run(build_plan(desired, live), gateway)
        unmet = {r.change.key for r in results if r.outcome in (Outcome.FAILED, Outcome.SKIPPED)}
        for result in results:
            if result.outcome is Outcome.SKIPPED:
                last = step_of(result.change) in (Step.DELETE_GROUPS, Step.DELETE_USERS)
                assert last or unmet.intersection(requirements(result.change))
                assert result.detail

    @given(desired=states(), live=states(), schedule=faults)
    def test_nobody_is_deleted_after_a_failure(
        self, desired: State, live: State, schedule: dict[int, Fault]
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        failed = False
        for result in run(build_plan(desired, live), gateway):
            if failed and step_of(result.change) in (Step.DELETE_GROUPS, Step.DELETE_USERS):
                assert result.outcome is Outcome.SKIPPED
            failed = failed or result.outcome is Outcome.FAILED

    @given(desired=states(), live=states(), schedule=faults)
    def test_the_journal_brackets_every_write(
        self, desired: State, live: State, schedule: dict[int, Fault]
    ) -> None:
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        journal = Record()
        results = run(build_plan(desired, live), gateway, journal)
        tried = [result.change for result in results if result.outcome is not Outcome.SKIPPED]
        assert journal.lines == [line for one in tried for line in (("begin", one), ("end", one))]
