"""Rules of the planner and of the comparison, for any two small worlds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Update, requirements
from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.state import Assignment, Group, Key, Membership, State, User
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.survey import plan_against
from tests.memory_gateway import MemoryGateway, Silent
from tests.plain_world import amount, carry_out, intended, plain, untouched
from tests.strategies import NOW, World, states, worlds


def apply(plan: Plan, gateway: MemoryGateway) -> list[Result]:
    return list(apply_plan(plan, gateway, Silent(), Patience(lambda _: None)))


class TestPlan:
    """The plan from one state to another is complete, minimal and the same every time."""

    @given(state=states())
    def test_of_equal_states_is_empty(self, state: State) -> None:
        assert build_plan(state, state) == Plan()

    @given(desired=states(), live=states())
    def test_leads_to_what_is_desired_with_the_fewest_changes(
        self, desired: State, live: State
    ) -> None:
        """What is not declared stays: here attributes without a value, and spelling."""
        changes = build_plan(desired, live).changes
        before, wanted = plain(live), plain(desired)
        for one, found in before.attributes.items():
            if one in wanted.names:
                wanted.attributes[one] = {**found, **wanted.attributes[one]}
        after = carry_out(plain(live), changes)
        assert after == wanted
        assert len(changes) == amount(before, wanted)

    @given(desired=states(), live=states())
    def test_has_one_change_per_key(self, desired: State, live: State) -> None:
        keys = [change.key for change in build_plan(desired, live).changes]
        assert len(keys) == len(set(keys))

    @given(desired=states(), live=states(), data=st.data())
    def test_ignores_the_order_of_the_input(
        self, desired: State, live: State, data: st.DataObject
    ) -> None:
        shuffled = [_shuffled(state, data) for state in (desired, live)]
        assert build_plan(*shuffled) == build_plan(desired, live)

    @given(desired=states(), live=states())
    def test_revokes_before_it_grants(self, desired: State, live: State) -> None:
        """Also: principals are made before their links and deleted after everything else."""
        changes = build_plan(desired, live).changes
        created = {change.key for change in changes if isinstance(change, Create)}
        ranks = [_rank(change, created) for change in changes]
        assert ranks == sorted(ranks)

    def test_is_the_same_under_every_hash_seed(self) -> None:
        root = Path(__file__).parents[2]
        outputs = {
            subprocess.run(
                [sys.executable, "-m", "tests.print_a_plan"],
                cwd=root,
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("0", "1", "2", "3")
        }
        assert len(outputs) == 1


_K = TypeVar("_K")
_V = TypeVar("_V")


def _shuffled(state: State, data: st.DataObject) -> State:
    def again(items: Iterable[tuple[_K, _V]]) -> dict[_K, _V]:
        return dict(data.draw(st.permutations(list(items))))

    return State(
        again(state.users.items()),
        again(state.groups.items()),
        again(state.members.items()),
        again(state.applications.items()),
        again(state.assignments.items()),
    )


_RANKS = {
    (Delete, Assignment): 1,
    (Delete, Membership): 2,
    (Update, User): 3,
    (Update, Group): 3,
    (Create, User): 4,
    (Create, Group): 5,
    (Create, Membership): 6,
    (Create, Assignment): 7,
    (Delete, Group): 8,
    (Delete, User): 9,
}


def _rank(change: Change, created: set[Key]) -> int:
    """Return the step of *change*; an update that names a new manager comes after that one."""
    subject = change.before if isinstance(change, Delete) else change.after
    if isinstance(change, Update) and created.intersection(requirements(change)):
        return _RANKS[Create, User]
    return _RANKS[type(change), type(subject)]


class TestComparison:
    """A declaration changes what it manages, all of it, and nothing else."""

    @given(world=worlds())
    def test_the_changes_lead_to_what_is_declared(self, world: World) -> None:
        """Carried out one by one on plain sets, each of them possible when its turn comes."""
        live, declared = world
        changes = compare(declared, live, NOW).changes
        wanted = intended(live, declared, NOW)
        assert carry_out(plain(live), changes) == wanted
        assert len(changes) == amount(plain(live), wanted, untouched(live, declared))

    @given(world=worlds())
    def test_applied_leaves_nothing_to_do(self, world: World) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        plan, _ = plan_against(declared, gateway, NOW)
        results = apply(plan, gateway)
        assert {result.outcome for result in results} <= {Outcome.APPLIED}
        assert plain(gateway.state()).by_name() == intended(live, declared, NOW).by_name()
        assert plan_against(declared, gateway, NOW)[0].changes == ()

    @given(world=worlds())
    def test_reads_all_it_needs(self, world: World) -> None:
        """The plan from what the survey reads is the plan from everything."""
        live, declared = world
        gateway = MemoryGateway.holding(live)
        assert plan_against(declared, gateway, NOW)[0].changes == (
            compare(declared, live, NOW).changes
        )

    @given(world=worlds())
    def test_what_is_withheld_is_not_planned(self, world: World) -> None:
        live, declared = world
        plan = plan_against(declared, MemoryGateway.holding(live), NOW)[0]
        planned: set[Key] = {change.key for change in plan.changes}
        held = [one.resource.key for one in plan.withheld]
        assert planned.isdisjoint(held)
        assert held == sorted(set(held))
