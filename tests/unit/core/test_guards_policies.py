"""Policies at their boundaries, on what is live."""

from __future__ import annotations

from dataclasses import replace

from identity_reconciler.core.guard_settings import GuardId, Policies, SeparatedDuties
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.state import Principal, PrincipalKind, UserKey, group_key
from tests.guarded_world import PAYROLL, WIDE, World, judge

APART = replace(
    WIDE,
    policies=Policies(
        separation_of_duties=(SeparatedDuties(("team",), ("Payroll",)),),
        no_direct_assignments=("Payroll",),
    ),
)


class TestWhoIsGone:
    """What is left of an assignment gives nobody anything, whatever its id looks like."""

    def test_is_nobody(self) -> None:
        world = World(team="ann", crew="bob")
        world.groups["crew"] = []
        evidence = world.evidence()
        orphans = frozenset(Principal(kind, "ann", orphan=True) for kind in PrincipalKind)
        after = replace(evidence.after, assignments={PAYROLL: orphans})
        verdicts = judge(replace(evidence, after=after), APART)
        for guard in (GuardId.SEPARATION_OF_DUTIES, GuardId.NO_DIRECT_ASSIGNMENTS):
            assert verdicts[guard].standing is Standing.PASSED


class TestByName:
    """An application is meant by its name or its ARN, each exactly, and a group in any case."""

    def test_of_each(self) -> None:
        world = World(TEAM="ann", crew="bob")
        world.groups["crew"], world.live_alone = [], ["ann"]
        evidence = world.evidence()
        for name, refused in (("Payroll", True), (PAYROLL, True), ("payroll", False)):
            entry = SeparatedDuties(("Team",), (name,))
            settings = replace(WIDE, policies=Policies(separation_of_duties=(entry,)))
            verdict = judge(evidence, settings)[GuardId.SEPARATION_OF_DUTIES]
            assert (verdict.standing is Standing.BLOCKED) is refused
            assert verdict.addresses == ((f"access/ann/Team/{name}",) if refused else ())
        assert evidence.after.members[group_key("TEAM")] == {UserKey("ann")}
