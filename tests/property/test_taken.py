"""E-mail addresses that are taken, given up and given on, in any small world."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.needs import needs
from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.core.review import addresses_of
from identity_reconciler.core.state import Email, Key, User, UserName
from identity_reconciler.errors import StalePlanError
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.runs.targeted_survey import plan_touched
from tests.memory_gateway import Fault, MemoryGateway, Silent, left
from tests.plain_world import intended, plain
from tests.strategies import NOW, World, some
from tests.takeovers import can_be_done, takeovers

_FAULTS = st.dictionaries(
    st.integers(0, 12), st.sampled_from([one for one in Fault if one is not Fault.KILLED_AFTER])
)


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
        # Who has been renamed is told by the new name.
        assert len(again.unresolved) == len(plan.unresolved)
        if not plan.unresolved:
            reached = plain(gateway.state()).by_name()
            assert reached == intended(live, declared, NOW).by_name()

    @given(world=takeovers(), schedule=_FAULTS)
    def test_after_any_fault_another_run_does_the_rest(
        self, world: World, schedule: dict[int, Fault]
    ) -> None:
        live, declared = world
        gateway = MemoryGateway.holding(live)
        gateway.faults = schedule
        plan = compare(declared, live, NOW)
        waits = needs(plan.changes)
        failed: set[Key] = set()
        for change, outcome in apply(gateway, plan.changes):
            if outcome is Outcome.SKIPPED:
                assert not failed.isdisjoint(one.key for one in waits[change.key])
            if outcome in {Outcome.SKIPPED, Outcome.FAILED}:
                failed.add(change.key)
        gateway.faults = {}
        results = apply(gateway, compare(declared, gateway.state(), NOW).changes)
        assert {outcome for _, outcome in results} <= {Outcome.APPLIED}
        if not plan.unresolved:
            reached = plain(gateway.state()).by_name()
            assert reached == intended(live, declared, NOW).by_name()

    @given(world=takeovers(), data=st.data())
    def test_a_plan_for_a_change_alone_is_never_refused(
        self, world: World, data: st.DataObject
    ) -> None:
        """It finds whoever has an address, though it does not read everybody."""
        live, declared = world
        kept = data.draw(some(declared.users))
        old = replace(declared, users=tuple(kept))
        gateway = MemoryGateway.holding(live)
        found = plan_touched(old, declared, gateway, NOW).plan
        results = apply(gateway, found.changes)
        assert {outcome for _, outcome in results} <= {Outcome.APPLIED}
        assert not found.unresolved or compare(declared, live, NOW).unresolved

    @given(world=takeovers(), data=st.data())
    def test_what_is_left_of_a_saved_plan_is_never_refused(
        self, world: World, data: st.DataObject
    ) -> None:
        """Unless somebody has taken an address meanwhile: then nothing is written."""
        live, declared = world
        gateway = MemoryGateway.holding(live)
        plan = compare(declared, live, NOW)
        done = data.draw(st.integers(0, len(plan.changes)))
        apply(gateway, plan.changes[:done])
        results = apply(gateway, left(plan, gateway).changes)
        assert {outcome for _, outcome in results} <= {Outcome.APPLIED}
        assert not left(plan, gateway).changes

    @given(world=takeovers())
    def test_a_saved_plan_whose_address_is_taken_is_stale(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        for address in addresses_of(plan):
            gateway = MemoryGateway.holding(live)
            holder = next((u for u in gateway.users.values() if _has(u, address)), None)
            if holder is None:
                gateway.create(User(UserName("somebody"), email=Email(address.lower())))
                with pytest.raises(StalePlanError, match="is that of user/somebody"):
                    left(plan, gateway)


def _has(user: User, address: str) -> bool:
    return user.email is not None and user.email.value.lower() == address.lower()
