"""Who gets into which AWS account by a plan, against an independent oracle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access import Impact
from identity_reconciler.core.account_access import AccountChange, account_changes
from identity_reconciler.core.accounts import AccountReading, AccountRole, AccountRoleKind
from identity_reconciler.core.comparison import compare, compare_resolved
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.state import (
    Principal,
    State,
    folded,
    principals_of,
    user_key,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.runs.survey import (
    AccountReader,
    AccountSurvey,
    known_of,
    read_accounts,
    read_for_access,
    read_live,
)
from tests.memory_gateway import MemoryGateway, Silent
from tests.plain_world import Id, PlainWorld, intended, plain
from tests.strategies import NOW, World, worlds

ROLES = tuple(
    AccountRole(account, name, kind, role, f"arn:{role}")
    for account, name in (("111122223333", "prod"), ("222233334444", ""))
    for kind, role in (
        (AccountRoleKind.PERMISSION_SET, "Admin"),
        (AccountRoleKind.PERMISSION_SET, "Read"),
        (AccountRoleKind.ROLE, "break-glass/Root"),
    )
)
Told = set[tuple[str, str, tuple[str, str], frozenset[str]]]
"""Effect, folded user, account and ARN, paths."""


@st.composite
def account_worlds(draw: st.DrawFn) -> World:
    """Draw a world in which users and groups have something in accounts, each up to three."""
    live, declared = draw(worlds())
    principals = sorted(principals_of(live.users, live.groups))
    chosen = draw(st.lists(st.sampled_from(principals), unique=True)) if principals else []
    few = st.frozensets(st.sampled_from(ROLES), min_size=1, max_size=3)
    return replace(live, account_access={one: draw(few) for one in chosen}), declared


def has(world: PlainWorld, held: State) -> dict[tuple[Id, tuple[str, str]], frozenset[str]]:
    """Return the paths by which each person has something in an account, the slow way."""
    found: dict[tuple[Id, tuple[str, str]], set[str]] = {}
    for principal, roles in held.account_access.items():
        owner: Id = (str(principal.kind), principal.name)
        for role in roles if owner in world.names else ():
            if owner[0] == "user":
                found.setdefault((owner, role.key), set()).add("directly")
            for group, user in world.members:
                if group == owner:
                    path = f"through {world.names[group]}"
                    found.setdefault((user, role.key), set()).add(path)
    return {key: frozenset(paths) for key, paths in found.items()}


def expected(world: World) -> Told:
    """Return what people gain and lose in accounts; what a principal has, a plan never changes."""
    live, declared = world
    before, after = plain(live), intended(live, declared, NOW)
    had, got = has(before, live), has(after, live)
    names = {one: folded(name) for one, name in (before.names | after.names).items()}
    lost = {("loses", names[u], key, had[u, key]) for u, key in had.keys() - got.keys()}
    return lost | {("gains", names[u], key, got[u, key]) for u, key in got.keys() - had.keys()}


def in_short(changes: tuple[AccountChange, ...]) -> Told:
    return {
        (str(c.effect), user_key(c.user), c.role.key, frozenset(map(str, c.paths))) for c in changes
    }


@dataclass
class Counting(MemoryGateway):
    """Counts who was asked about."""

    asked: list[Principal] = field(default_factory=list)

    def read_state(self, wanted: Wanted) -> State:
        self.asked.extend(wanted.account_access)
        return super().read_state(wanted)


def surveyed(
    world: World, reading: AccountReading, *, through_groups: bool = True, limit: int = 500
) -> tuple[Plan, AccountSurvey, Counting]:
    live, declared = world
    held = Counting.holding(live)
    assert isinstance(held, Counting)
    held.accounts_through_groups = through_groups
    survey = read_live(declared, held, NOW)
    plan = compare_resolved(survey.resolution).plan
    impact, _ = read_for_access(survey, plan, held)
    reader = AccountReader(held, reading, limit=limit)
    found = read_accounts(impact, known_of(survey, plan), reader)
    return plan, found, held


class TestAccountChanges:
    """Who gains and who loses is what the whole matrix before and after says."""

    @given(world=account_worlds())
    def test_agree_with_brute_force(self, world: World) -> None:
        live, declared = world
        impact = Impact.of(compare(declared, live, NOW), live)
        changes = account_changes(impact)
        assert in_short(changes) == expected(world)
        assert [one.key for one in changes] == sorted({one.key for one in changes})

    @settings(max_examples=25)
    @given(world=account_worlds())
    def test_are_what_an_apply_leaves(self, world: World) -> None:
        """What is left in the store after it is what the plan said, by its names of then."""
        live, declared = world
        plan = compare(declared, live, NOW)
        held = MemoryGateway.holding(live)
        results = list(apply_plan(plan, held, Silent(), Patience(lambda _: None)))
        assert {result.outcome for result in results} <= {Outcome.APPLIED}
        now = has(plain(held.state()), held.state())
        for one in account_changes(Impact.of(plan, live)):
            person: Id = ("user", user_key(one.user))
            paths = now.get((person, one.role.key), frozenset())
            told = frozenset(map(str, one.paths))
            assert paths == (told if one.effect == "gains" else frozenset())


class TestReadAccounts:
    """What is asked is enough, and no more than one question about each principal."""

    @given(world=account_worlds())
    def test_makes_it_true(self, world: World) -> None:
        _, found, _ = surveyed(world, AccountReading.PRINCIPAL)
        told = in_short(account_changes(found.impact))
        if found.complete:
            assert told == expected(world)
        else:
            assert {one[:3] for one in told} >= {one[:3] for one in expected(world)}
            assert found.note

    @settings(max_examples=25)
    @given(world=account_worlds())
    def test_where_aws_leaves_out_what_comes_through_groups(self, world: World) -> None:
        _, found, _ = surveyed(world, AccountReading.PRINCIPAL, through_groups=False)
        told = in_short(account_changes(found.impact))
        if found.complete:
            assert told == expected(world)
        else:
            assert {one[:3] for one in told} >= {one[:3] for one in expected(world)}

    @settings(max_examples=25)
    @given(world=account_worlds())
    def test_lists_tell_all(self, world: World) -> None:
        _, found, _ = surveyed(world, AccountReading.LIST, through_groups=False)
        assert found.complete
        assert in_short(account_changes(found.impact)) == expected(world)

    @settings(max_examples=25)
    @given(world=account_worlds())
    def test_asks_once_about_what_the_plan_names(self, world: World) -> None:
        plan, _, held = surveyed(world, AccountReading.PRINCIPAL)
        assert len(held.asked) == len(set(held.asked))
        if not plan.changes:
            assert held.asked == []

    @settings(max_examples=20)
    @given(world=account_worlds())
    def test_asks_no_more_than_the_limit(self, world: World) -> None:
        _, found, held = surveyed(world, AccountReading.PRINCIPAL, limit=1)
        assert len(held.asked) <= 1
        if found.how == "too many":
            assert (found.complete, bool(found.note)) == (False, True)

    @settings(max_examples=20)
    @given(world=account_worlds())
    def test_asks_nobody_where_it_is_off(self, world: World) -> None:
        _, found, held = surveyed(world, AccountReading.OFF)
        assert (held.asked, found.how, found.complete) == ([], "off", False)
        assert account_changes(found.impact) == ()
