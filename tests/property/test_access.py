"""Rules of the state after a plan and of the view of access, against an independent oracle."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access import AccessChange, Effect, Impact, access_changes
from identity_reconciler.core.comparison import compare, compare_resolved
from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser, Presence
from identity_reconciler.core.plan import Change, Plan, Rename
from identity_reconciler.core.state import (
    ApplicationArn,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    group_key,
    user_key,
)
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.runs.survey import read_for_access, read_live
from tests.memory_gateway import MemoryGateway
from tests.strategies import NOW, declarations, live_states

FEWER = settings(max_examples=50)
"""For rules that any few worlds would show to be broken."""


@st.composite
def worlds(draw: st.DrawFn) -> tuple[State, Declared]:
    """Draw a live state with some open applications, and a declaration with some renames."""
    live = draw(live_states())
    required = st.sampled_from([None, True, False])
    applications = {
        arn: replace(one, assignment_required=draw(required))
        for arn, one in live.applications.items()
    }
    declared = draw(declarations(live))
    return replace(live, applications=applications), _with_renames(draw, declared, live)


def _with_renames(draw: st.DrawFn, declared: Declared, live: State) -> Declared:
    named_users = {user_key(one.name) for one in declared.users}
    named_groups = {group_key(one.name) for one in declared.groups}
    free = sorted(
        user.user_name
        for key, user in live.users.items()
        if key not in named_users and not user.foreign
    )
    free_groups = sorted(
        group.name
        for key, group in live.groups.items()
        if key not in named_groups and not group.foreign
    )
    users: list[DeclaredUser] = []
    for one in declared.users:
        new = one.presence is Presence.PRESENT and user_key(one.name) not in live.users
        old = (free.pop(),) if new and free and draw(st.booleans()) else ()
        users.append(replace(one, previous_names=old))
    groups: list[DeclaredGroup] = []
    for group in declared.groups:
        new = group.presence is Presence.PRESENT and group_key(group.name) not in live.groups
        before = (free_groups.pop(),) if new and free_groups and draw(st.booleans()) else ()
        groups.append(replace(group, previous_names=before))
    allowed = replace(declared.settings, rename_users=True)
    return replace(declared, settings=allowed, users=tuple(users), groups=tuple(groups))


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


Matrix = dict[tuple[str, ApplicationArn], set[str]]
"""By person and application: every path, in words."""


def matrix(state: State) -> Matrix:
    """Return the whole matrix of *state*, by looking at every pair."""
    pairs = [(user, arn) for user in state.users for arn in state.applications]
    found = {(user, arn): paths(state, user, arn) for user, arn in pairs}
    return {pair: ways for pair, ways in found.items() if ways}


def paths(state: State, user: UserKey, arn: ApplicationArn) -> set[str]:
    if state.applications[arn].assignment_required is False:
        return {"everyone: no assignment required"}
    assigned = state.assignments.get(arn, frozenset())
    direct = {"directly"} if Principal(PrincipalKind.USER, user) in assigned else set()
    return direct | {
        f"through {group.name}"
        for key, group in state.groups.items()
        if Principal(PrincipalKind.GROUP, key) in assigned and user in state.members.get(key, ())
    }


def expected(plan: Plan, live: State) -> set[tuple[str, str, str, frozenset[str]]]:
    """Return every gain and loss as (effect, folded user, ARN, paths), the slow way."""
    names = {
        c.before.key[1]: c.key[1]
        for c in plan.changes
        if isinstance(c, Rename) and c.key[0] == "user"
    }
    before = {(names.get(user, user), arn): paths for (user, arn), paths in matrix(live).items()}
    after = matrix(applied(plan, live))
    lost = {("loses", *pair, frozenset(before[pair])) for pair in before.keys() - after.keys()}
    gained = {("gains", *pair, frozenset(after[pair])) for pair in after.keys() - before.keys()}
    return lost | gained


def in_short(changes: tuple[AccessChange, ...]) -> set[tuple[str, str, str, frozenset[str]]]:
    return {
        (str(c.effect), user_key(c.user), c.application, frozenset(map(str, c.paths)))
        for c in changes
    }


class TestAfterPlan:
    """The state after a plan is the one that an apply leaves."""

    @given(world=worlds())
    def test_is_what_an_apply_leaves(self, world: tuple[State, Declared]) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        assert Impact.of(plan, live).after == applied(plan, live)

    @FEWER
    @given(world=worlds())
    def test_keeps_what_nothing_changes_as_the_same_objects(
        self, world: tuple[State, Declared]
    ) -> None:
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
    def test_agree_with_brute_force(self, world: tuple[State, Declared]) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        changes = access_changes(Impact.of(plan, live))
        assert in_short(changes) == expected(plan, live)
        assert len(changes) == len(in_short(changes))

    @FEWER
    @given(world=worlds())
    def test_are_in_a_total_order(self, world: tuple[State, Declared]) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        keys = [one.key for one in access_changes(Impact.of(plan, live))]
        assert keys == sorted(set(keys))

    @FEWER
    @given(world=worlds())
    def test_name_people_as_they_will_be_called(self, world: tuple[State, Declared]) -> None:
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
    def test_are_told_from_the_stakes_alone(
        self, world: tuple[State, Declared], data: st.DataObject
    ) -> None:
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
    def test_makes_the_view_true(self, world: tuple[State, Declared]) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        survey = read_live(declared, gateway, NOW)
        plan = compare_resolved(survey.resolution).plan
        impact, complete = read_for_access(survey, plan, gateway)
        assert complete
        told = in_short(access_changes(impact))
        assert told == {one for one in expected(plan, live) if _is_asked(one, impact.before)}

    @FEWER
    @given(world=worlds())
    def test_reads_nothing_above_the_limit(self, world: tuple[State, Declared]) -> None:
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
            assert told == {one for one in expected(plan, live) if _is_asked(one, survey.live)}


def _is_asked(one: tuple[str, str, str, frozenset[str]], state: State) -> bool:
    """Return whether *one* is not about an application that is open without our knowing."""
    application = state.applications.get(ApplicationArn(one[2]))
    known = application is not None and application.assignment_required is False
    return known or one[3] != {"everyone: no assignment required"}
