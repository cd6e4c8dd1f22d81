"""Rules of the applier for changes that are carried out side by side, in any interleaving."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.needs import needs
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.state import Key
from identity_reconciler.runs.applier import Outcome
from tests.memory_gateway import Fault
from tests.property.test_applier import faults, has_reached, passing_faults
from tests.side_by_side import Ran, Slow, apply_side_by_side
from tests.strategies import NOW, World, worlds

WIDTH = 3


@st.composite
def waves(draw: st.DrawFn, plan: Plan) -> Plan:
    """Draw waves for *plan*: often a single one of everything, and some changes in none."""
    bits = draw(st.integers(0, 2 ** (2 * len(plan.changes))))
    starts = [int(bits >> 2 * place & 3 == 3) for place in range(len(plan.changes))]
    alone = draw(st.sets(st.integers(0, 20), max_size=2))
    numbers = zip(plan.changes, accumulate(starts), strict=True)
    found = {
        change.key: number for place, (change, number) in enumerate(numbers) if place not in alone
    }
    return replace(plan, waves=found)


def run(data: st.DataObject, world: World, schedule: dict[int, Fault]) -> tuple[Ran, Slow]:
    live, declared = world
    plan = data.draw(waves(compare(declared, live, NOW)))
    gateway = Slow.from_seed(live, data.draw(st.integers(0, 2**32)))
    gateway.faults = schedule
    return apply_side_by_side(plan, gateway, WIDTH), gateway


class TestInterleavings:
    """However the changes of a wave fall out, the end is that of doing them one by one."""

    @given(world=worlds(), schedule=passing_faults, data=st.data())
    def test_everything_is_reached(
        self, world: World, schedule: dict[int, Fault], data: st.DataObject
    ) -> None:
        ran, gateway = run(data, world, schedule)
        outcomes = {result.change.key: result.outcome for result in ran.results}
        assert outcomes == {change.key: Outcome.APPLIED for change in ran.plan.changes}
        assert has_reached(gateway, world)

    @given(world=worlds(), schedule=faults, data=st.data())
    def test_a_failure_costs_what_needs_it_and_nothing_else(
        self, world: World, schedule: dict[int, Fault], data: st.DataObject
    ) -> None:
        ran, _ = run(data, world, schedule)
        assert Counter(one.change.key for one in ran.results) == Counter(
            change.key for change in ran.plan.changes
        )
        unmet = {one.change.key for one in ran.results if not one.is_met}
        needed, before = needs(ran.plan.changes), set[Key]()
        by_key = {one.change.key: one for one in ran.results}
        for change in ran.plan.changes:
            mine = {need.key for need in needed.get(change.key, ())} & before
            assert (by_key[change.key].outcome is Outcome.SKIPPED) == bool(mine & unmet)
            before.add(change.key)

    @given(world=worlds(), schedule=faults, data=st.data())
    def test_the_journal_shows_what_came_after_what(
        self, world: World, schedule: dict[int, Fault], data: st.DataObject
    ) -> None:
        """What is needed, and everything of the wave before, has ended before a change begins."""
        ran, _ = run(data, world, schedule)
        tried = [one.change.key for one in ran.results if one.outcome is not Outcome.SKIPPED]
        assert Counter(ran.lines) == Counter((e, key) for e in ("begin", "end") for key in tried)
        needed, earlier = needs(ran.plan.changes), list[Key]()
        for change in ran.plan.changes:
            begin = ran.place("begin", change.key)
            if begin is not None:
                mine = {need.key for need in needed.get(change.key, ())}
                number = ran.plan.waves.get(change.key)
                for key in earlier:
                    same_wave = number is not None and ran.plan.waves.get(key) == number
                    if key in mine or not same_wave:
                        end = ran.place("end", key)
                        assert end is None or end < begin
            earlier.append(change.key)
