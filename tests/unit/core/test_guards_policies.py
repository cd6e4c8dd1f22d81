"""Policies at their boundaries, on what is live."""

from __future__ import annotations

from dataclasses import replace

from identity_reconciler.core.control import loosened
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.guard_settings import (
    GuardId,
    GuardSettings,
    MaxMembers,
    MinOwners,
    MustExpire,
    Policies,
    PrivilegedNames,
    SeparatedDuties,
)
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.policies import violations
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    UserKey,
    group_key,
)
from tests.guarded_world import PAYROLL, WIDE, World, judge
from tests.strategies import HERE, INSTANCE, NOW

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


class TestWhatIsOnlyTaken:
    """A revocation does not wait until somebody mends what was there before."""

    def test_is_taken(self) -> None:
        policies = Policies(
            separation_of_duties=(SeparatedDuties(("team", "crew"), ()),),
            max_members=(MaxMembers("*", 0),),
            no_direct_assignments=("Payroll",),
            min_owners=(MinOwners(("*",), ("*",), 1),),
            max_duration=1,
            must_expire=MustExpire(privileged=True),
            reason_pattern="T-1",
        )
        settings = replace(WIDE, policies=policies, privileged=PrivilegedNames(groups=("*",)))
        guards = {
            GuardId.SEPARATION_OF_DUTIES,
            GuardId.MAX_MEMBERS,
            GuardId.NO_DIRECT_ASSIGNMENTS,
            GuardId.MIN_OWNERS,
            GuardId.MAX_DURATION,
            GuardId.MUST_EXPIRE,
            GuardId.REASON_PATTERN,
        }
        for members, standing in ((["ann"], Standing.PASSED), (["ann", "eve"], Standing.BLOCKED)):
            world = World(team="ann", crew="ann bob", others="eve")
            world.groups["crew"], world.live_alone = members, ["ann"]
            evidence = world.evidence()
            dated = DeclaredGroup(
                Group(GroupName("dated")), HERE, members=(Listed("ann", HERE, starts=NOW),)
            )
            declaration = evidence.declaration
            declaration = replace(declaration, groups=(*declaration.groups, dated))
            verdicts = judge(replace(evidence, declaration=declaration), settings)
            assert {verdicts[guard].standing for guard in guards} == {standing}


class TestWhatIsNotManaged:
    """What a plan read by chance of an application refuses nothing: another plan would not."""

    def test_is_not_judged(self) -> None:
        world = World(team="ann", crew="bob")
        world.groups["crew"], world.live_alone = ["bob", "ann"], ["bob"]
        evidence = world.evidence()
        (entry,) = evidence.declaration.applications
        for managed, standing in ((True, Standing.BLOCKED), (False, Standing.PASSED)):
            applications = (replace(entry, managed=managed),)
            declaration = replace(evidence.declaration, applications=applications)
            verdicts = judge(replace(evidence, declaration=declaration), APART)
            assert verdicts[GuardId.NO_DIRECT_ASSIGNMENTS].standing is standing


class TestByName:
    """An application is meant by its name or its ARN, each exactly, and a group in any case."""

    def test_of_each(self) -> None:
        world = World(TEAM="ann", crew="bob")
        world.groups["crew"], world.live_alone = ["bob", "ann"], ["ann"]
        evidence = world.evidence()
        for name, refused in (("Payroll", True), (PAYROLL, True), ("payroll", False)):
            entry = SeparatedDuties(("Team",), (name,))
            settings = replace(WIDE, policies=Policies(separation_of_duties=(entry,)))
            verdict = judge(evidence, settings)[GuardId.SEPARATION_OF_DUTIES]
            assert (verdict.standing is Standing.BLOCKED) is refused
            assert verdict.addresses == ((f"access/ann/Team/{name}",) if refused else ())
        assert evidence.after.members[group_key("TEAM")] == {UserKey("ann")}


class TestOwners:
    """They are counted where a group or application is ours, groups among them as one."""

    def test_are_enough_at_the_limit(self) -> None:
        two = tuple(DeclaredOwner(kind, "ann", HERE) for kind in PrincipalKind)
        rule = MinOwners(("te*",), ("*",), 2)
        settings = Settings(INSTANCE, guards=GuardSettings(policies=Policies(min_owners=(rule,))))
        for number, presence, expected in (
            (2, Presence.PRESENT, set()),
            (1, Presence.PRESENT, {"group/team", "application/Payroll"}),
            (1, Presence.EXTERNAL, {"application/Payroll"}),
        ):
            owners = two[:number]
            group = Group(GroupName("team"))
            selector = ApplicationSelector(name="Payroll")
            declared = Declared(
                settings,
                groups=(DeclaredGroup(group, HERE, presence, owners=owners),),
                applications=(DeclaredApplication(selector, HERE, owners=owners),),
            )
            assert {one.address for one in violations(declared, NOW)} == expected


class TestControl:
    """A limit that goes is a limit that is raised."""

    def test_no_duration_is_the_longest(self) -> None:
        limited = GuardSettings(policies=Policies(max_duration=90))
        base, now = Settings(INSTANCE, guards=limited), Settings(INSTANCE)
        (told,) = loosened(Declared(base), Declared(now))
        assert told.text.startswith("max_duration is gone, was 90: ")
        assert loosened(Declared(now), Declared(base)) == ()

    def test_no_pattern_takes_every_reason(self) -> None:
        limited = GuardSettings(policies=Policies(reason_pattern="T-1"))
        base, now = Settings(INSTANCE, guards=limited), Settings(INSTANCE)
        (told,) = loosened(Declared(base), Declared(now))
        assert told.text == 'reason_pattern is gone, was "T-1": other reasons pass'
        assert loosened(Declared(now), Declared(base)) == ()
