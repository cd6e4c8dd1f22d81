"""Rules of the applier, for any plan and any fault at any write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.state import Assignment, Group, Key, Membership, User, folded
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from tests.memory_gateway import Fault, Killed, MemoryGateway, left
from tests.plain_world import intended, plain
from tests.strategies import NOW, World, worlds


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


def has_reached(gateway: MemoryGateway, world: World) -> bool:
    """Return whether what is live now is what is declared, and nothing else has happened."""
    return plain(gateway.state()).by_name() == intended(*world, NOW).by_name()


def is_last(change: Change) -> bool:
    return isinstance(change, Delete) and isinstance(change.before, User | Group)


def names(change: Change) -> set[Key]:
    """Return the users and groups that *change* names besides the one it is about."""
    match change:
        case Create(after=Membership() as edge):
            return {("group", edge.key[1]), ("user", edge.key[2])}
        case Create(after=Assignment() as link):
            return {(str(link.principal.kind), link.principal.name)}
        case (
            Create(after=User() as user)
            | Update(after=User() as user)
            | Rename(after=User() as user)
        ):
            return {("user", folded(user.manager or ""))}
        case _:
            return set()


def may_need(change: Change, key: Key) -> bool:
    """Return whether *change* may have to wait for the change of *key*."""
    if is_last(change) or isinstance(change, Rename):
        assert not isinstance(change, Create)
        name = change.before.key[1]
        cascaded = change.cascaded if isinstance(change, Delete) else ()
        # Of a group with members what these get, too, under the names that they have then.
        if key[0] in {"membership", "assignment"} and (cascaded or name in key[1:]):
            return True
    return key in names(change)


faults = st.dictionaries(
    st.integers(0, 12), st.sampled_from([one for one in Fault if one is not Fault.KILLED_AFTER])
)
passing_faults = st.dictionaries(
    st.integers(0, 12),
    st.sampled_from([Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.THROTTLED]),
    max_size=6,
)
"""Fewer in a row than one change is tried, so that all of them pass."""


def _hangs_on(key: Key, user: str) -> bool:
    match key:
        case ("membership", _, name) | ("assignment", _, "user", name):
            return name == user
        case _:
            return False


class TestFaults:
    """What is in doubt is read back; what failed stays failed; nothing is done twice."""

    @given(world=worlds(), schedule=passing_faults)
    def test_a_passing_fault_changes_nothing_in_the_end(
        self, world: World, schedule: dict[int, Fault]
    ) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        plan = compare(declared, live, NOW)
        results = run(plan, gateway)
        assert [result.outcome for result in results] == [Outcome.APPLIED] * len(plan.changes)
        assert has_reached(gateway, world)

    @given(world=worlds(), schedule=faults)
    def test_running_again_converges(self, world: World, schedule: dict[int, Fault]) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        run(compare(declared, live, NOW), gateway)
        gateway.faults = {}
        run(compare(declared, gateway.state(), NOW), gateway)
        assert has_reached(gateway, world)

    @given(world=worlds(), number=st.integers(0, 12))
    def test_a_kill_after_any_write_is_resumed_without_repeating_it(
        self, world: World, number: int
    ) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        plan = compare(declared, live, NOW)
        try:
            run(plan, gateway)
        except Killed:
            gateway.faults = {}
            run(compare(declared, gateway.state(), NOW), gateway)
        assert has_reached(gateway, world)
        assert gateway.writes.total() == len(plan.changes)

    @given(world=worlds(), number=st.integers(0, 12))
    def test_the_same_plan_run_again_after_a_kill_finds_it_in_place(
        self, world: World, number: int
    ) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        plan = compare(declared, live, NOW)
        try:
            run(plan, gateway)
        except Killed:
            done = gateway.writes.total()
            gateway.faults = {}
            outcomes = [result.outcome for result in run(plan, gateway)]
            assert outcomes[:done] == [Outcome.ALREADY_IN_PLACE] * done
            assert set(outcomes[done:]) <= {Outcome.APPLIED}
        assert has_reached(gateway, world)

    @given(world=worlds(), schedule=faults)
    def test_only_dependents_of_a_failure_are_skipped(
        self, world: World, schedule: dict[int, Fault]
    ) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        results = run(compare(declared, live, NOW), gateway)
        unmet: set[Key] = set()
        for result in results:
            if result.outcome is Outcome.SKIPPED:
                assert any(may_need(result.change, key) for key in unmet)
                assert result.detail
            if result.outcome in (Outcome.FAILED, Outcome.SKIPPED):
                unmet.add(result.change.key)

    @given(world=worlds(), schedule=faults)
    def test_a_saved_plan_run_again_converges(
        self, world: World, schedule: dict[int, Fault]
    ) -> None:
        """Whatever failed, and whichever of the renames are done: no revocation is lost."""
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        plan = compare(declared, live, NOW)
        run(plan, gateway)
        gateway.faults = {}
        results = run(left(plan, gateway), gateway)
        assert {result.outcome for result in results} <= {Outcome.APPLIED}
        assert has_reached(gateway, world)

    @given(world=worlds(), schedule=faults)
    def test_a_leaver_goes_whatever_else_fails(
        self, world: World, schedule: dict[int, Fault]
    ) -> None:
        """Nobody keeps access for a stranger's trouble: only links of one's own count."""
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        unmet: set[Key] = set()
        for result in run(compare(declared, live, NOW), gateway):
            change = result.change
            if isinstance(change, Delete) and change.key[0] == "user":
                own = any(_hangs_on(key, change.key[1]) for key in unmet)
                assert own == (result.outcome is Outcome.SKIPPED)
            if result.outcome in (Outcome.FAILED, Outcome.SKIPPED):
                unmet.add(change.key)

    @given(world=worlds(), schedule=faults)
    def test_the_journal_brackets_every_write(
        self, world: World, schedule: dict[int, Fault]
    ) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        journal = Record()
        results = run(compare(declared, live, NOW), gateway, journal)
        tried = [result.change for result in results if result.outcome is not Outcome.SKIPPED]
        assert journal.lines == [line for one in tried for line in (("begin", one), ("end", one))]
