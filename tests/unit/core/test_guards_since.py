"""The guards of a base judge a plan beside those of the change, whatever became of them there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser, Listed
from identity_reconciler.core.guard_settings import (
    DeleteBudget,
    ExpectLive,
    GuardId,
    GuardSettings,
    MaxMembers,
    MinMembers,
    MinOwners,
    MustExpire,
    PinnedMembers,
    Policies,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
    SeparatedDuties,
)
from identity_reconciler.core.guards import Standing, Verdict, check_since
from identity_reconciler.core.state import Email, Group, GroupName, User, UserName
from tests.guarded_world import WIDE, World
from tests.strategies import HERE, NOW

LOOSE = replace(WIDE, wipe_from=1000, rename=RenameSigns(100, 99))


def since(
    world: World,
    before: GuardSettings,
    now: GuardSettings = LOOSE,
    approvals: tuple[Approval, ...] = (),
) -> tuple[Verdict, ...]:
    declared = world.declared()

    def with_guards(guards: GuardSettings) -> Declared:
        settings = replace(declared.settings, guards=guards)
        return replace(declared, settings=settings, approvals=approvals)

    return check_since(with_guards(before), world.evidence(), with_guards(now), NOW)


def refused(verdicts: tuple[Verdict, ...]) -> set[tuple[GuardId, bool]]:
    """Return who refuses, and whether only the base does."""
    return {(one.guard, one.by_base) for one in verdicts if one.standing is Standing.BLOCKED}


def joined() -> World:
    world = World(team="ann bob")
    world.people.append("eve")
    world.groups["team"] = ["ann", "bob", "eve"]
    return world


def left(*names: str) -> World:
    world = World(team="ann bob cat")
    world.groups["team"] = [name for name in world.groups["team"] if name not in names]
    return world


def deleted() -> World:
    world = World(team="ann bob")
    world.groups, world.absent_groups = {}, ["team"]
    return world


def deleted_user() -> World:
    world = World(team="ann bob")
    world.absent_users = ["ann"]
    world.groups["team"] = ["bob"]
    return world


def expired() -> World:
    world = World(team="ann bob cat")
    world.expired = ["ann", "bob"]
    return world


def renamed() -> World:
    world = World(team="ann bob")
    world.groups = {}
    world.extra_groups = [
        DeclaredGroup(Group(GroupName("crew")), HERE, previous_names=("team",)),
    ]
    return world


def unassigned() -> World:
    world = World(team="ann bob")
    world.live_assigned = ["team"]
    return world


def replaced() -> World:
    world = World(team="ann bob cat")
    world.groups, world.absent_groups = {"crew": ["ann", "bob"]}, ["team"]
    return world


def budget(kind: str) -> GuardSettings:
    return replace(LOOSE, budgets=replace(WIDE.budgets, **{kind: DeleteBudget(0, 0, 0)}))


def both() -> World:
    world = World(team="ann", crew="bob")
    world.groups["crew"] = ["ann", "bob"]
    return world


def alone() -> World:
    """Return a world where somebody is assigned alone, and something else changes."""
    world = joined()
    world.live_alone = ["ann"]
    return world


def hired() -> World:
    world = World(team="ann")
    address = Email("eve@sub.example.com")
    world.extra_users = [DeclaredUser(User(UserName("eve"), email=address), HERE)]
    return world


def dated() -> World:
    world = World(team="ann")
    listed = Listed("ann", HERE, starts=NOW)
    world.extra_groups = [DeclaredGroup(Group(GroupName("new")), HERE, members=(listed,))]
    return world


def policies(chosen: Policies) -> GuardSettings:
    return replace(LOOSE, policies=chosen)


CASES: dict[GuardId, tuple[Callable[[], World], GuardSettings]] = {
    GuardId.EMPTY_LIVE: (joined, replace(LOOSE, expect_live=ExpectLive(users=9))),
    GuardId.BUDGET_USERS: (deleted_user, budget("users")),
    GuardId.BUDGET_GROUPS: (deleted, budget("groups")),
    GuardId.BUDGET_MEMBERSHIPS: (lambda: left("ann"), budget("memberships")),
    GuardId.BUDGET_ASSIGNMENTS: (unassigned, budget("assignments")),
    GuardId.BUDGET_EXPIRED: (expired, budget("expired")),
    GuardId.BUDGET_RENAMES: (renamed, budget("renames")),
    GuardId.WIPE: (lambda: left("ann", "bob", "cat"), replace(LOOSE, wipe_from=3)),
    GuardId.PROTECTED: (deleted, replace(LOOSE, protected=ProtectedNames(groups=("team",)))),
    GuardId.MIN_MEMBERS: (
        lambda: left("ann"),
        replace(LOOSE, min_members=(MinMembers("team", 3),)),
    ),
    GuardId.PINNED_MEMBERS: (
        joined,
        replace(LOOSE, pinned_members=(PinnedMembers("team", ("ann", "bob")),)),
    ),
    GuardId.LOCKOUT_SELF: (lambda: left("ann"), replace(LOOSE, administrators=("ann",))),
    GuardId.PRIVILEGED: (joined, replace(LOOSE, privileged=PrivilegedNames(groups=("t*",)))),
    GuardId.SEPARATION_OF_DUTIES: (
        both,
        policies(Policies(separation_of_duties=(SeparatedDuties(("team", "crew")),))),
    ),
    GuardId.MAX_MEMBERS: (joined, policies(Policies(max_members=(MaxMembers("te*", 2),)))),
    GuardId.NO_DIRECT_ASSIGNMENTS: (
        alone,
        policies(Policies(no_direct_assignments=("Pay*",))),
    ),
    GuardId.EMAIL_DOMAINS: (hired, policies(Policies(email_domains=("example.com",)))),
    GuardId.MIN_OWNERS: (joined, policies(Policies(min_owners=(MinOwners(("t*",), (), 1),)))),
    GuardId.MAX_DURATION: (
        hired,
        replace(policies(Policies(max_duration=90)), privileged=PrivilegedNames(groups=("t*",))),
    ),
    GuardId.MUST_EXPIRE: (
        hired,
        policies(Policies(must_expire=MustExpire(groups=("t*",)))),
    ),
    GuardId.REASON_PATTERN: (dated, policies(Policies(reason_pattern="T-1"))),
    GuardId.RENAME_SUSPECTED: (replaced, replace(LOOSE, rename=RenameSigns(50, 50))),
}


class TestEveryGuard:
    """Each refuses what it refused at the base, though the change has it loosened."""

    def test_all_that_can_be_loosened_are_here(self) -> None:
        """Nothing can be set about the others: what they refuse, they refuse of every change."""
        always = {GuardId.EMPTY_DESIRED, GuardId.LEFTOVER_ACCOUNTS, GuardId.REVIEW_OVERDUE}
        always |= {GuardId.MEMBERS_WHERE, GuardId.REPOSITORY_CLAIMED}
        assert set(CASES) == set(GuardId) - always

    @pytest.mark.parametrize("guard", CASES)
    def test_by_the_base_only(self, guard: GuardId) -> None:
        make, tight = CASES[guard]
        world = make()
        assert refused(since(world, LOOSE)) == set()
        found = since(world, tight)
        assert refused(found) == {(guard, True)}

    @pytest.mark.parametrize("guard", CASES)
    def test_what_both_refuse_is_told_once(self, guard: GuardId) -> None:
        make, tight = CASES[guard]
        assert refused(since(make(), tight, tight)) == {(guard, False)}

    @pytest.mark.parametrize("guard", CASES)
    def test_tightened_is_as_without_a_base(self, guard: GuardId) -> None:
        make, tight = CASES[guard]
        found = since(make(), LOOSE, tight)
        assert refused(found) == {(guard, False)}
        assert [one.guard for one in found] == list(GuardId)


class TestApprovals:
    """Those of the change hold for both, for they are reviewed and told."""

    def test_covers_what_the_base_refuses(self) -> None:
        world, tight = joined(), CASES[GuardId.PRIVILEGED][1]
        day = NOW.date()
        approval = Approval("privileged", day, day, "because", addresses=("membership/team/eve",))
        found = since(world, tight, approvals=(approval,))
        assert refused(found) == set()
        approved = [one for one in found if one.standing is Standing.APPROVED]
        assert [(one.guard, one.by_base) for one in approved] == [(GuardId.PRIVILEGED, True)]

    def test_of_less_does_not_cover_what_the_base_refuses(self) -> None:
        """The change protects one group less, and has the other one approved."""
        world = World(team="ann", crew="bob")
        world.groups, world.absent_groups = {}, ["team", "crew"]
        day = NOW.date()
        approval = Approval("protected", day, day, "because", addresses=("group/team",))
        both, one = (
            replace(LOOSE, protected=ProtectedNames(groups=names))
            for names in (("team", "crew"), ("team",))
        )
        found = since(world, both, one, (approval,))
        assert refused(found) == {(GuardId.PROTECTED, True)}


class TestRenames:
    """A group whose members the base counts is counted under its new name."""

    @pytest.mark.parametrize(("members", "refuses"), [("ann bob", False), ("ann", True)])
    def test_follows(self, members: str, refuses: bool) -> None:  # noqa: FBT001 - a table
        world = World(team="ann bob")
        world.groups = {}
        group = DeclaredGroup(
            Group(GroupName("crew")),
            HERE,
            members=world._listed(members.split()),  # noqa: SLF001 - as it makes its own
            previous_names=("team",),
        )
        world.extra_groups = [group]
        tight = replace(
            LOOSE,
            min_members=(MinMembers("team", 2),),
            pinned_members=(PinnedMembers("Team", ("ann", "bob")),),
        )
        expected = {(GuardId.MIN_MEMBERS, True), (GuardId.PINNED_MEMBERS, True)}
        assert refused(since(world, tight)) == (expected if refuses else set())

    def test_follows_people(self) -> None:
        world = World(team="ann bob")
        live = world.live()
        world.people, world.groups = ["ann"], {"team": ["ann", "rob"]}
        world.extra_users = [DeclaredUser(User(UserName("rob")), HERE, previous_names=("bob",))]
        pinned = replace(LOOSE, pinned_members=(PinnedMembers("team", ("Ann", "BOB")),))
        now, evidence = world.declared(), world.evidence(live)
        now = replace(now, settings=replace(now.settings, guards=LOOSE))
        for guards, expected in (
            (pinned, set()),
            (
                replace(LOOSE, pinned_members=(PinnedMembers("team", ("ann", "rob", "x")),)),
                {(GuardId.PINNED_MEMBERS, True)},
            ),
        ):
            base = replace(now, settings=replace(now.settings, guards=guards))
            assert refused(check_since(base, evidence, now, NOW)) == expected
