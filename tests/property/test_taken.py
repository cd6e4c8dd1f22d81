"""E-mail addresses that are taken, given up and given on, in any small world."""

from __future__ import annotations

from hypothesis import given

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from tests.memory_gateway import MemoryGateway, Silent
from tests.plain_world import intended, plain
from tests.strategies import NOW, World
from tests.takeovers import can_be_done, takeovers


def apply(gateway: MemoryGateway, changes: tuple[Change, ...]) -> list[tuple[Change, Outcome]]:
    results = apply_plan(Plan(changes), gateway, Silent(), Patience(lambda _: None))
    return [(one.change, one.outcome) for one in results]


class TestTakeovers:
    """Whatever can be done is planned and succeeds at once; nothing else is planned."""

    @given(world=takeovers())
    def test_what_cannot_be_done_is_unresolved_and_nothing_else(self, world: World) -> None:
        live, declared = world
        assert bool(compare(declared, live, NOW).unresolved) is not can_be_done(world)

    @given(world=takeovers())
    def test_a_plan_is_never_refused(self, world: World) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        plan = compare(declared, live, NOW)
        results = apply(gateway, plan.changes)
        assert {outcome for _, outcome in results} <= {Outcome.APPLIED}
        again = compare(declared, gateway.state(), NOW)
        assert not again.changes
        assert again.unresolved == plan.unresolved
        if not plan.unresolved:
            reached = plain(gateway.state()).by_name()
            assert reached == intended(live, declared, NOW).by_name()
