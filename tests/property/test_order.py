"""Nobody is locked out or let in on the way, unless the plan says so; found out step by step."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.access import Effect, Impact
from identity_reconciler.core.comparison import compare
from identity_reconciler.core.needs import needs
from identity_reconciler.core.order import Ordering, in_waves
from identity_reconciler.core.plan import Change, Plan, preceding
from identity_reconciler.core.state import Key, State, folded
from tests.plain_world import PlainWorld, Way, access, carry_out, plain
from tests.strategies import NOW, World, worlds


def course_of(world: World) -> tuple[Plan, Ordering]:
    """Return the plan for *world* in the order of its steps, and in its waves."""
    live, declared = world
    plan = compare(declared, live, NOW)
    return plan, in_waves(Impact.of(plan, live))


def ways(world: PlainWorld, live: State) -> set[Way]:
    """Return who has what by an assignment: whoever is there has what requires none."""
    required = [one for one in live.applications.values() if one.assignment_required is not False]
    return set(access(world, required))


def waves_of(plan: Plan) -> list[list[Change]]:
    found: dict[int, list[Change]] = {}
    for change in plan.changes:
        found.setdefault(plan.waves[change.key], []).append(change)
    return list(found.values())


def interleaved(wave: list[Change], plan: Plan, chance: random.Random) -> Iterator[Change]:
    """Yield the changes of *wave* at random, each after what it needs."""
    needed, first = needs(plan.changes), preceding(plan.changes)
    left = {one.key: one for one in wave}
    while left:
        before = {
            key: {*(need.key for need in needed.get(key, ())), *first.get(key, ())} for key in left
        }
        chosen = chance.choice([key for key in left if before[key].isdisjoint(left)])
        yield left.pop(chosen)


def trespasses(live: State, changes: Iterable[Change]) -> list[tuple[Effect, Way, int]]:
    """Return who lacks what they keep, or has what they never do, and after how many changes."""
    listed = list(changes)
    states = [plain(live)]
    for change in listed:
        states.append(carry_out(plain(live), listed[: len(states)]))
        assert change is listed[len(states) - 2]
    had, has = ways(states[0], live), ways(states[-1], live)
    found = []
    for number, state in enumerate(states):
        now = ways(state, live)
        found += [(Effect.LOST, way, number) for way in sorted((had & has) - now)]
        found += [(Effect.GAINED, way, number) for way in sorted(now - had - has)]
    return found


def announced(ordering: Ordering) -> dict[tuple[Effect, str, str], int]:
    """Return for how many requests who is told to be exposed, by folded names of after."""
    found: dict[tuple[Effect, str, str], int] = {}
    for one in ordering.exposures:
        key = (one.effect, folded(one.user), str(one.target))
        found[key] = found.get(key, 0) + one.requests
    return found


class TestOrder:
    """Of the changes of a plan, and of whatever order a wave is carried out in."""

    @given(world=worlds(), seed=st.integers(0, 1000))
    def test_nobody_is_exposed_who_is_not_announced(self, world: World, seed: int) -> None:
        live = world[0]
        plan, ordering = course_of(world)
        chance = random.Random(seed)  # noqa: S311 - no secret
        orders = [
            list(ordering.plan.changes),
            [
                c
                for wave in waves_of(ordering.plan)
                for c in interleaved(wave, ordering.plan, chance)
            ],
        ]
        assert {one.key for one in ordering.plan.changes} == {one.key for one in plan.changes}
        told = announced(ordering)
        for order in orders:
            end = carry_out(plain(live), order)
            counted: dict[tuple[Effect, str, str], int] = {}
            for effect, (user, arn), _ in trespasses(live, order):
                name = end.names.get(user) or plain(live).names[user]
                key = (effect, folded(name), arn)
                counted[key] = counted.get(key, 0) + 1
            assert all(count <= told.get(key, 0) for key, count in counted.items()), (
                counted,
                told,
                ["/".join(one.key) + " " + type(one).__name__ for one in order],
            )
        if told:
            # What is told happens, when one change follows the other.
            assert trespasses(live, orders[0])

    @given(world=worlds())
    def test_each_comes_after_what_it_needs_and_waves_rise(self, world: World) -> None:
        plan, ordering = course_of(world)
        numbers = [ordering.plan.waves[one.key] for one in ordering.plan.changes]
        assert numbers == sorted(numbers)
        assert all(after - before <= 1 for before, after in pairwise(numbers))
        seen: set[Key] = set()
        needed = needs(ordering.plan.changes)
        for change in ordering.plan.changes:
            assert all(one.key in seen for one in needed.get(change.key, ()))
            seen.add(change.key)
        assert sorted(seen) == sorted(one.key for one in plan.changes)

    @given(world=worlds())
    def test_it_is_always_the_same(self, world: World) -> None:
        live, declared = world
        plan, ordering = course_of(world)
        turned = Plan(tuple(reversed(plan.changes)))
        again = in_waves(Impact.of(turned, live))
        assert again.plan.changes == ordering.plan.changes
        assert again.exposures == ordering.exposures
        del declared
