"""Nobody is locked out or let in on the way, unless the plan says so; found out step by step."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access import Effect, Impact
from identity_reconciler.core.comparison import compare
from identity_reconciler.core.duties import KeptApart
from identity_reconciler.core.guard_settings import SeparatedDuties
from identity_reconciler.core.needs import needs
from identity_reconciler.core.order import Ordering, in_waves
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Reason,
    Rename,
    preceding,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    GroupName,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    folded,
    group_key,
    user_key,
)
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


PEOPLE, TEAMS, SHOPS = ("ann", "bob"), ("dev", "ops", "sre"), ("Pay", "Ship")
Tie = tuple[str, str]
"""Who is in which team, `("ann", "dev")`, or has what assigned: `("ann", "Pay")`, `("dev", "Pay")`.

Teams are called as before, whatever a plan renames.
"""
MEMBERSHIPS = [(user, team) for user in PEOPLE for team in TEAMS]
ASSIGNMENTS = [(one, shop) for one in (*PEOPLE, *TEAMS) for shop in SHOPS]


@dataclass(frozen=True)
class Move:
    """Who changes between teams and shops, of which some are kept apart."""

    before: frozenset[Tie]
    after: frozenset[Tie]
    apart: tuple[str, ...]
    new: Mapping[str, str]
    """The new name of a team that is renamed."""
    everyone: str
    """The shop that requires no assignment."""

    def live(self) -> State:
        members, assignments = dict[GroupKey, set[UserKey]](), dict[str, set[Principal]]()
        for tie in self.before:
            match self.link(tie, {}):
                case Membership(group=group, user=user):
                    members.setdefault(group_key(group), set()).add(user_key(user))
                case Assignment(application=arn, principal=principal):
                    assignments.setdefault(arn, set()).add(principal)
        shops = [
            Application(ApplicationArn(f"arn:{one}"), one, assignment_required=one != self.everyone)
            for one in SHOPS
        ]
        return State(
            users={user_key(name): User(UserName(name)) for name in PEOPLE},
            groups={group_key(name): Group(GroupName(name)) for name in TEAMS},
            members={group_key(one): frozenset(members.get(group_key(one), ())) for one in TEAMS},
            applications={one.arn: one for one in shops},
            assignments={one.arn: frozenset(assignments.get(one.arn, ())) for one in shops},
        )

    def link(self, tie: Tie, new: Mapping[str, str]) -> Membership | Assignment:
        who, what = tie
        if what in TEAMS:
            return Membership(GroupName(new.get(what, what)), UserName(who))
        kind = PrincipalKind.USER if who in PEOPLE else PrincipalKind.GROUP
        return Assignment(ApplicationArn(f"arn:{what}"), Principal(kind, new.get(who, who)))

    def changes(self) -> dict[Key, tuple[Change, frozenset[Tie]]]:
        """Return each change with what it ties or unties."""
        found: list[tuple[Change, frozenset[Tie]]] = [
            (Rename(Group(GroupName(old)), Group(GroupName(name))), frozenset())
            for old, name in self.new.items()
        ]
        found += [
            (Delete(self.link(tie, {}), Reason.UNLISTED), frozenset({tie}))
            for tie in sorted(self.before - self.after)
        ]
        found += [
            (Create(self.link(tie, self.new)), frozenset({tie}))
            for tie in sorted(self.after - self.before)
        ]
        return {change.key: (change, ties) for change, ties in found}

    def policy(self) -> SeparatedDuties:
        return SeparatedDuties(
            tuple(self.new.get(one, one) for one in self.apart if one in TEAMS),
            tuple(one for one in self.apart if one in SHOPS),
        )

    def together(self, ties: frozenset[Tie]) -> set[tuple[str, str, str]]:
        """The oracle: who has which two of what is kept apart."""
        found = set[tuple[str, str, str]]()
        for user in PEOPLE:
            teams = {team for one, team in ties if one == user and team in TEAMS}
            shops = {shop for one, shop in ties if one in {user, *teams} and shop in SHOPS}
            duties = (teams | shops | {self.everyone}) & {*self.apart}
            found |= {(user, one, other) for one, other in combinations(sorted(duties), 2)}
        return found


@st.composite
def moves(draw: st.DrawFn) -> Move:
    def ties() -> frozenset[Tie]:
        # Most moves are between teams.
        found = draw(st.frozensets(st.sampled_from(MEMBERSHIPS), max_size=4))
        return found | draw(st.frozensets(st.sampled_from(ASSIGNMENTS), max_size=3))

    things = st.sampled_from((*TEAMS, *SHOPS))
    return Move(
        ties(),
        ties(),
        tuple(draw(st.lists(things, unique=True, min_size=2, max_size=3))),
        draw(st.sampled_from([{}, {}, {"ops": "ops-new"}])),
        draw(st.sampled_from(["", "", "Ship"])),
    )


class TestKeptApart:
    """Nobody has two duties at once that they have together at neither end, or it is told."""

    @given(move=moves(), seed=st.integers(0, 1000))
    @settings(max_examples=200)
    def test_after_whatever_changes_of_a_wave(self, move: Move, seed: int) -> None:
        changes = move.changes()
        plan = Plan(tuple(change for change, _ in changes.values()))
        ordering = in_waves(Impact.of(plan, move.live()), (move.policy(),))
        chance = random.Random(seed)  # noqa: S311 - no secret
        states = [move.before]
        for wave in waves_of(ordering.plan):
            for change in interleaved(wave, ordering.plan, chance):
                states.append(states[-1] ^ changes[change.key][1])
        assert states[-1] == move.after
        ends = move.together(move.before) | move.together(move.after)
        happened = {
            (user, frozenset(move.new.get(one, one) for one in two))
            for state in states
            for user, *two in move.together(state) - ends
        }
        told = {
            (
                str(one.user),
                frozenset(
                    duty.label.partition(" ")[2] for duty in (one.target.first, one.target.second)
                ),
            )
            for one in ordering.exposures
            if isinstance(one.target, KeptApart)
        }
        assert happened <= told
