"""What another repository owns is not changed here, whoever declares it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.access import Impact
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.declared import DeclaredGroup, DeclaredRepository, ManageObjects
from identity_reconciler.core.guard_settings import GuardId
from identity_reconciler.core.guards import Verdict, gather
from identity_reconciler.core.guards.repositories import declared_twice
from identity_reconciler.core.guards.verdicts import Standing
from identity_reconciler.core.ownership import EVERYTHING, Claims, NamePatterns
from identity_reconciler.core.state import Group, GroupName
from tests.guarded_world import World, judge
from tests.strategies import HERE, NOW

PAYMENTS = Claims(NamePatterns(groups=("team",), applications=("Pay*",)), NamePatterns())


def verdict(
    changed: World, others: dict[str, Claims], mine: DeclaredRepository | None = None
) -> Verdict:
    live = changed.live()
    declared = changed.declared()
    settings = replace(declared.settings, repository=mine or DeclaredRepository())
    comparison = compare_closely(replace(declared, settings=settings), live, NOW)
    evidence = gather(comparison, Impact.of(comparison.plan, live), others)
    return judge(evidence)[GuardId.REPOSITORY_CLAIMED]


def world(**groups: list[str]) -> World:
    made = World(team="ann bob", other="ann eve")
    made.groups |= groups
    return made


class TestClaimed:
    """A change of what another one owns is refused, and says whose it is."""

    def test_a_member(self) -> None:
        found = verdict(world(team=["ann"], other=["ann"]), {"payments": PAYMENTS})
        assert found.standing is Standing.BLOCKED
        assert found.addresses == ("membership/team/bob",)
        assert "group/team, of payments" in found.found

    def test_an_assignment_by_the_name_of_its_application(self) -> None:
        changed = world()
        changed.assigned = ["team"]
        found = verdict(changed, {"payments": PAYMENTS})
        assert found.addresses == ("assignment/Payroll/group/team",)
        assert "application/Payroll, of payments" in found.found

    def test_what_it_leaves_is_free(self) -> None:
        leaves = NamePatterns(groups=("TEAM",), applications=("Payroll",))
        changed = world(team=["ann"])
        changed.assigned = ["team"]
        assert verdict(changed, {"main": Claims(EVERYTHING, leaves)}).standing is Standing.PASSED

    def test_both_ends_of_a_rename(self) -> None:
        changed = world()
        del changed.groups["team"]
        group = DeclaredGroup(Group(GroupName("crew")), HERE, previous_names=("team",))
        changed.extra_groups = [group]
        found = verdict(changed, {"payments": PAYMENTS})
        assert found.addresses == ("group/crew",)

    def test_who_is_deleted_leaves_whatever_others_own(self) -> None:
        changed = world(team=["ann"], other=["ann", "eve"])
        changed.absent_users = ["bob"]
        assert verdict(changed, {"payments": PAYMENTS}).standing is Standing.PASSED

    def test_what_is_nobody_elses(self) -> None:
        changed = world(other=["ann"])
        assert verdict(changed, {"payments": PAYMENTS}).standing is Standing.PASSED
        assert verdict(world(team=["ann"]), {}).standing is Standing.PASSED


class TestOwn:
    """An application that is declared by its ARN has to be among what is owned as well."""

    @pytest.mark.parametrize(("pattern", "refused"), [("Pay*", False), ("Grafana", True)])
    def test_by_its_name(self, pattern: str, *, refused: bool) -> None:
        changed = world()
        changed.assigned = ["team"]
        mine = DeclaredRepository("payments", NamePatterns(("*",), ("*",), (pattern,)))
        found = verdict(changed, {}, mine)
        assert (found.standing is Standing.BLOCKED) is refused


class TestDeclaredTwice:
    """All that two declare is told, also where nothing is to be changed."""

    def test_of_each_kind(self) -> None:
        declared = world().declared()
        everything = {"main": Claims(EVERYTHING, NamePatterns(users=("eve",)))}
        found = {(address, whose) for address, whose, _ in declared_twice(declared, everything)}
        named = ("user/ann", "user/bob", "group/team", "group/other")
        assert found == {(one, "main") for one in named}
        looked_up = replace(declared.settings, users=ManageObjects.REFERENCE)
        declared = replace(declared, settings=looked_up)
        told = [address for address, _, _ in declared_twice(declared, everything)]
        assert told == ["group/team", "group/other"]
