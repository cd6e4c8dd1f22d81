"""Rules of the state after a plan and of the view of access, against an independent oracle."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access import AccessChange, Effect, Impact, access_changes
from identity_reconciler.core.comparison import compare, compare_resolved
from identity_reconciler.core.plan import Change, Plan, Rename
from identity_reconciler.core.state import (
    ApplicationArn,
    State,
    folded,
    user_key,
)
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.runs.survey import read_for_access, read_live
from tests.memory_gateway import MemoryGateway
from tests.plain_world import access, intended, plain
from tests.strategies import NOW, World, live_states, worlds

FEWER = settings(max_examples=25)
"""For rules that any few worlds would show to be broken."""


class Silent:
    """A journal that keeps nothing."""

    def starting(self, change: Change) -> None: ...

    def finished(self, result: object) -> None: ...


def applied(plan: Plan, live: State) -> State:
    """Return what really is live after an apply of *plan*."""
    gateway = MemoryGateway.holding(live)
    results = list(apply_plan(plan, gateway, Silent(), Patience(lambda _: None)))
    assert {result.outcome for result in results} <= {Outcome.APPLIED}
    return gateway.state()


def expected(world: World) -> set[tuple[str, str, str, frozenset[str]]]:
    """Return every gain and loss as (effect, folded user, ARN, paths), the slow way."""
    live, declared = world
    before, after = plain(live), intended(live, declared, NOW)
    had, has = (access(one, live.applications.values()) for one in (before, after))
    names = {one: folded(name) for one, name in (before.names | after.names).items()}
    lost = {("loses", names[u], arn, had[u, arn]) for u, arn in had.keys() - has.keys()}
    return lost | {("gains", names[u], arn, has[u, arn]) for u, arn in has.keys() - had.keys()}


def in_short(changes: tuple[AccessChange, ...]) -> set[tuple[str, str, str, frozenset[str]]]:
    return {
        (str(c.effect), user_key(c.user), c.application, frozenset(map(str, c.paths)))
        for c in changes
    }


class TestAfterPlan:
    """The state after a plan is the one that an apply leaves."""

    @given(world=worlds())
    def test_is_what_an_apply_leaves(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        after, done = Impact.of(plan, live).after, applied(plan, live)
        # But for the spelling of managers, which is that of the YAML until they are read again.
        assert plain(after) == plain(done)
        assert after.applications == done.applications

    @FEWER
    @given(world=worlds())
    def test_keeps_what_nothing_changes_as_the_same_objects(self, world: World) -> None:
        """That is what makes comparing the two states cheap."""
        live, declared = world
        plan = compare(declared, live, NOW)
        after = Impact.of(plan, live).after
        for key in live.members.keys() & after.members.keys():
            if not any(isinstance(c, Rename) for c in plan.changes):
                same = live.members[key] == after.members[key]
                assert not same or live.members[key] is after.members[key]

    @FEWER
    @given(live=live_states())
    def test_of_an_empty_plan_is_live_itself(self, live: State) -> None:
        after = Impact.of(Plan(), live).after
        assert after == live
        assert after.users is live.users


class TestAccessChanges:
    """Who gains and who loses is what the whole matrix before and after says."""

    @given(world=worlds())
    def test_agree_with_brute_force(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        changes = access_changes(Impact.of(plan, live))
        assert in_short(changes) == expected(world)
        assert len(changes) == len(in_short(changes))

    @FEWER
    @given(world=worlds())
    def test_are_in_a_total_order(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        keys = [one.key for one in access_changes(Impact.of(plan, live))]
        assert keys == sorted(set(keys))

    @FEWER
    @given(world=worlds())
    def test_name_people_as_they_will_be_called(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        impact = Impact.of(plan, live)
        for change in access_changes(impact):
            key, after = user_key(change.user), impact.after
            state = after if key in after.users else live
            assert state.users[key].user_name == change.user
            assert key in after.users or change.effect is Effect.LOST

    @FEWER
    @given(world=worlds(), data=st.data())
    def test_are_told_from_the_stakes_alone(self, world: World, data: st.DataObject) -> None:
        """What lies outside the contract of `access_changes` cannot change its answer."""
        live, declared = world
        plan = compare(declared, live, NOW)
        impact = Impact.of(plan, live)
        idle = sorted(live.assignments.keys() - impact.at_stake.keys())
        if idle:
            arn = data.draw(st.sampled_from(idle))
            less = replace(live, assignments={**live.assignments, arn: frozenset()})
            told = access_changes(Impact.of(plan, less))
            assert told == access_changes(impact)


class TestReadForAccess:
    """Completed with the facts that are missing, a partial state tells what a whole one does."""

    @given(world=worlds())
    def test_makes_the_view_true(self, world: World) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        survey = read_live(declared, gateway, NOW)
        plan = compare_resolved(survey.resolution).plan
        impact, complete = read_for_access(survey, plan, gateway)
        assert complete
        told = in_short(access_changes(impact))
        assert told == {one for one in expected(world) if _is_asked(one, impact.before)}

    @FEWER
    @given(world=worlds())
    def test_reads_nothing_above_the_limit(self, world: World) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        survey = read_live(declared, gateway, NOW)
        plan = compare_resolved(survey.resolution).plan
        before = gateway.reads
        impact, complete = read_for_access(survey, plan, gateway, limit=0)
        assert gateway.reads == before
        assert impact.before is survey.live
        if complete:
            told = in_short(access_changes(impact))
            assert told == {one for one in expected(world) if _is_asked(one, survey.live)}


def _is_asked(one: tuple[str, str, str, frozenset[str]], state: State) -> bool:
    """Return whether *one* is not about an application that is open without our knowing."""
    application = state.applications.get(ApplicationArn(one[2]))
    known = application is not None and application.assignment_required is False
    return known or one[3] != {"everyone: no assignment required"}
