"""Guards count what takes something from somebody, and ask about who may be somebody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import DeclaredGroup, DeclaredUser, Presence
from identity_reconciler.core.guard_settings import GuardId, GuardSettings, ProtectedNames
from identity_reconciler.core.guards import Evidence, Standing, Verdict
from identity_reconciler.core.plan import Create, Delete
from identity_reconciler.core.state import (
    Email,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
)
from tests.guarded_world import PAYROLL, World, judge, people
from tests.strategies import HERE

ORPHANS = frozenset(Principal(PrincipalKind.GROUP, f"id-{n}", orphan=True) for n in range(9))


def with_orphans(world: World, live: State | None = None) -> Evidence:
    live = live or world.live()
    assigned = live.assignments[PAYROLL] | ORPHANS
    return world.evidence(replace(live, assignments={PAYROLL: assigned}))


class TestAccidents:
    """Whoever deletes by accident in AWS leaves assignments behind that nobody has."""

    def test_what_is_left_behind_uses_up_no_budget(self) -> None:
        world = World(staff="ana")
        world.live_assigned = world.assigned = ["staff"]
        evidence = with_orphans(world)
        assert len(evidence.removals) == len(ORPHANS)
        settings = GuardSettings(wipe_from=1, protected=ProtectedNames(applications=("Payroll",)))
        assert {one.standing for one in judge(evidence, settings).values()} == {Standing.PASSED}

    def test_nor_is_it_part_of_what_is_managed(self) -> None:
        """Else its removal would let others go with it."""
        world = World(**{f"team{n}": "ana" for n in "abc"})
        world.live_assigned, world.assigned = ["teama", "teamb", "teamc"], ["teamc"]
        verdict = judge(with_orphans(world), GuardSettings())[GuardId.BUDGET_ASSIGNMENTS]
        assert verdict.found == "2 assignments would be removed, of 3 managed"

    def test_making_everything_anew_passes(self) -> None:
        """Everybody and every group was deleted, and the plan makes them again."""
        world = World(**{f"team{n}": people(30) for n in "abc"})
        world.live_assigned = world.assigned = ["teama", "teamb", "teamc"]
        lost = replace(
            world.live(), users={}, groups={}, members={}, assignments={PAYROLL: ORPHANS}
        )
        evidence = with_orphans(world, lost)
        assert sum(isinstance(one, Create) for one in evidence.plan.changes) > 30
        refused = {g for g, one in judge(evidence, GuardSettings()).items() if one.addresses}
        assert refused == set()


class TestDisabledUsers:
    """Who is disabled may come back, and then misses what was taken."""

    def test_their_memberships_use_up_the_budget(self) -> None:
        world = World(staff=people(9))
        world.groups["staff"], world.disabled = people(3).split(), people(9).split()
        assert "budget.memberships" in world.blocked(GuardSettings())

    def test_so_do_they(self) -> None:
        world = World(staff=people(9))
        world.absent_users = world.disabled = ["leaver-x", "leaver-xx"]
        assert "budget.users" in world.blocked(GuardSettings())


def suspected(world: World, live: State) -> Verdict:
    return judge(world.evidence(live))[GuardId.RENAME_SUSPECTED]


class TestDoubles:
    """A creation beside somebody live who may be the same is asked about."""

    @pytest.mark.parametrize(
        ("old", "new", "asked"),
        [
            ("Data Science", "data-science", True),
            ("data_science", "Data.Science", True),
            ("data science 2", "data-science", False),
            ("data-sciense", "data-science", False),
            ("!?", "-", False),
        ],
    )
    def test_groups(self, old: str, new: str, *, asked: bool) -> None:
        world = World(others="ana")
        world.groups[new] = []
        live = world.live()
        live = replace(live, groups={**live.groups, group_key(old): Group(GroupName(old))})
        verdict = suspected(world, live)
        assert (verdict.standing is Standing.BLOCKED) is asked
        if asked:
            said = f"group/{new} comes beside group/{old}, which is live and not declared"
            assert verdict.found == said
            assert verdict.addresses == (f"group/{new}",)

    def test_not_where_the_other_is_declared(self) -> None:
        """Whoever declares both knows of both."""
        world = World(others="ana")
        world.groups["data-science"] = []
        live = world.live()
        for foreign in (True, False):
            old = Group(GroupName("Data Science"), foreign=foreign)
            presence = Presence.EXTERNAL if foreign else Presence.PRESENT
            world.extra_groups = [DeclaredGroup(old, HERE, presence)]
            found = replace(live, groups={**live.groups, group_key(old.name): old})
            assert suspected(world, found).standing is Standing.PASSED

    def test_users_by_name(self) -> None:
        world = World(team="ana")
        world.extra_users = [DeclaredUser(User(UserName("janeroe")), HERE)]
        live, old = world.live(), User(UserName("Jane.Roe"), foreign=True)
        verdict = suspected(world, replace(live, users={**live.users, UserKey("jane.roe"): old}))
        assert verdict.addresses == ("user/janeroe",)

    def test_users_by_an_address_that_changes_hands(self) -> None:
        world = World(team="ana")
        old = User(UserName("jroe"), email=Email("j@example.com"))
        moved = replace(old, email=Email("away@example.com"))
        new = User(UserName("jane"), email=Email("J@example.com"))
        world.extra_users = [DeclaredUser(moved, HERE), DeclaredUser(new, HERE)]
        live = world.live()
        live = replace(live, users={**live.users, UserKey("jroe"): old})
        verdict = suspected(world, live)
        assert verdict.found == "user/jane comes with the e-mail address that user/jroe has"
        assert verdict.addresses == ("user/jane",)
        # Whoever was there before is nobody's double.
        live = replace(live, users={**live.users, UserKey("jane"): replace(new, email=None)})
        assert suspected(world, live).standing is Standing.PASSED

    def test_a_double_that_goes_is_told_once(self) -> None:
        world = World(**{"Data Science": "", "others": "ana"})
        world.absent_groups, world.groups = ["Data Science"], {"data-science": []}
        world.groups["others"] = ["ana"]
        evidence = world.evidence()
        assert any(isinstance(one, Delete) for one in evidence.plan.changes)
        found = judge(evidence)[GuardId.RENAME_SUSPECTED].found
        assert found == "group/Data Science goes and group/data-science comes"
