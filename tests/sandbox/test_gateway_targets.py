"""Plans of a change through the gateway: the requests follow the change, not the organisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.runs.targeted_survey import plan_touched
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.seeding import Sizes, generate
from tests.sandbox.gateway_world import INSTANCE, asked, gateway, group, user
from tests.strategies import HERE, NOW

SIZES = [Sizes(50, 10, 100, 2, 20), Sizes(2_000, 300, 4_000, 40, 400)]


def listed(*names: str) -> tuple[Listed, ...]:
    return tuple(Listed(name, HERE) for name in names)


def live_as_declared(sandbox: Sandbox) -> Declared:
    """Return a declaration of a few of what the sandbox was filled with, just as it is live."""
    live = gateway(sandbox, write=False).read_state(
        Wanted(
            users=True,
            groups=True,
            applications=True,
            members_of=lambda one: one.name == "group00003",
            assignments_of=lambda one: one.name == "Application 0001",
        )
    )
    (arn,) = live.assignments
    members = sorted(live.members[group_key("group00003")])
    assigned = sorted(one.name for one in live.assignments[arn] if one.kind == "group")
    names = {f"user{number:06}" for number in range(8)} | {*members}
    people = sorted(assigned_users(live, arn))
    return Declared(
        Settings(INSTANCE),
        tuple(DeclaredUser(User(UserName(name)), HERE) for name in sorted(names | {*people})),
        tuple(
            DeclaredGroup(
                Group(GroupName(one.name)),
                HERE,
                members=listed(*members) if one.name == "group00003" else None,
            )
            for one in live.groups.values()
        ),
        (
            DeclaredApplication(
                ApplicationSelector(arn=arn), HERE, listed(*people), listed(*assigned)
            ),
        ),
    )


def assigned_users(live: State, arn: ApplicationArn) -> set[str]:
    return {one.name for one in live.assignments[arn] if one.kind == "user"}


def retitled(old: Declared) -> Declared:
    first, *rest = old.users
    changed = replace(first, user=replace(first.user, title="Chief"))
    return replace(old, users=(changed, *rest))


def another_member(old: Declared) -> Declared:
    groups = [
        replace(one, members=(*one.members, *listed("user000007")))
        if one.members is not None
        else one
        for one in old.groups
    ]
    return replace(old, groups=tuple(groups))


def another_assignment(old: Declared) -> Declared:
    (entry,) = old.applications
    return replace(old, applications=(replace(entry, users=(*entry.users, *listed("user000007"))),))


def a_leaver(old: Declared) -> Declared:
    """Return *old* without the user who is in several groups."""
    leaver = DeclaredUser(User(UserName("user000003")), HERE, Presence.ABSENT)
    return replace(
        old,
        users=tuple(leaver if one.name == "user000003" else one for one in old.users),
        groups=tuple(
            replace(
                one,
                members=one.members
                and tuple(each for each in one.members if each.name != "user000003"),
            )
            for one in old.groups
        ),
    )


def newcomers(old: Declared) -> Declared:
    people = [
        DeclaredUser(user(f"new{number}", manager="user000001"), HERE) for number in range(10)
    ]
    team = DeclaredGroup(group("team"), HERE, members=listed(*(one.name for one in people)))
    return replace(old, users=(*old.users, *people), groups=(*old.groups, team))


CONNECTING = 2
"""Requests of a run that connect: whose credentials, and which instance."""
CHANGES: dict[str, tuple[Callable[[Declared], Declared], int, Counter[str]]] = {
    "nothing": (lambda old: old, 0, Counter()),
    "an attribute": (retitled, 1, Counter(GetUserId=1, DescribeUser=1)),
    "a member": (
        another_member,
        1,
        Counter(GetUserId=1, GetGroupId=1, GetGroupMembershipId=1),
    ),
    "an assignment": (
        another_assignment,
        1,
        Counter(GetUserId=1, DescribeApplication=1, DescribeApplicationAssignment=1),
    ),
    "newcomers": (newcomers, 10 + 1 + 10, Counter(GetUserId=21, GetGroupId=1)),
}


class TestRequests:
    """At most 4k + 6 for k touched resources, and the same number at any size."""

    @pytest.mark.parametrize("sizes", SIZES, ids=["small", "large"])
    def test_are_exact(self, sandbox: Sandbox, sizes: Sizes) -> None:
        generate(sandbox, sizes)
        old = live_as_declared(sandbox)
        for name, (change, touched, requests) in CHANGES.items():
            door = gateway(sandbox)
            found = plan_touched(old, change(old), door, NOW)
            counted = Counter({operation: n for (_, operation), n in asked(door).items()})
            assert counted == requests, name
            assert len(found.plan.changes) == touched, name
            assert requests.total() + CONNECTING <= 4 * touched + 6

    @pytest.mark.parametrize("sizes", SIZES, ids=["small", "large"])
    def test_of_a_leaver_follow_what_hangs_on_them(self, sandbox: Sandbox, sizes: Sizes) -> None:
        generate(sandbox, sizes)
        old = live_as_declared(sandbox)
        door = gateway(sandbox)
        plan = plan_touched(old, a_leaver(old), door, NOW).plan
        (leaver,) = (one for one in plan.changes if one.key == ("user", "user000003"))
        touched = len(plan.changes) + len(getattr(leaver, "cascaded", ()))
        assert touched > 1
        assert asked(door).total() + CONNECTING <= 4 * touched + 6

    def test_equal_the_whole_plan(self, sandbox: Sandbox) -> None:
        generate(sandbox, SIZES[0])
        old = live_as_declared(sandbox)
        for change, _, _ in CHANGES.values():
            whole = plan_against(change(old), gateway(sandbox), NOW)[0]
            targeted = plan_touched(old, change(old), gateway(sandbox), NOW).plan
            assert targeted.changes == whole.changes


class TestMentioned:
    """Whether a name is live costs one request, and tells no more than that."""

    def test_costs_one_request_each(self, sandbox: Sandbox) -> None:
        writer = gateway(sandbox)
        writer.create(user("ana", title="Chief"))
        writer.create(group("a", "Everyone"))
        door = gateway(sandbox)
        state = door.read_state(
            Wanted(mentioned=(User(UserName("ana")), User(UserName("bob")), Group(GroupName("a"))))
        )
        assert state == State(
            users={user_key("ana"): User(UserName("ana"))},
            groups={group_key("a"): Group(GroupName("a"))},
        )
        assert asked(door) == {
            ("identitystore", "GetUserId"): 2,
            ("identitystore", "GetGroupId"): 1,
        }

    def test_who_is_named_as_well_is_described(self, sandbox: Sandbox) -> None:
        gateway(sandbox).create(user("ana", title="Chief"))
        ana = User(UserName("ana"))
        state = gateway(sandbox, write=False).read_state(Wanted(named=(ana,), mentioned=(ana,)))
        assert state.users[user_key("ana")].title == "Chief"


class TestApplications:
    """By ARN one request each; who is not live is missing."""

    def test_costs_one_request_each(self, sandbox: Sandbox) -> None:
        arn = ApplicationArn(sandbox.add_application("Wiki"))
        sandbox.add_application("Other")
        gone = ApplicationArn(arn[:-4] + "0000")
        door = gateway(sandbox)
        state = door.read_state(Wanted(arns=(arn, gone, arn)))
        assert list(state.applications) == [arn]
        assert isinstance(state.applications[arn], Application)
        assert state.applications[arn].name == "Wiki"
        assert asked(door) == {("sso-admin", "DescribeApplication"): 2}

    def test_its_assignments_can_be_asked_for(self, sandbox: Sandbox) -> None:
        arn = ApplicationArn(sandbox.add_application("Wiki"))
        state = gateway(sandbox, write=False).read_state(
            Wanted(arns=(arn,), assignments_of=lambda _: True)
        )
        assert state.assignments == {arn: frozenset()}


class TestFewUsers:
    """A directory with fewer users than groups is read by user: the same state, fewer requests."""

    def test_same_state_with_fewer_requests(self, sandbox: Sandbox) -> None:
        generate(sandbox, Sizes(20, 90, 300))
        door = gateway(sandbox)
        everything = door.read_state(Wanted(users=True, groups=True, members_of=lambda _: True))
        by_group = gateway(sandbox, write=False).read_state(
            Wanted(groups=True, members_of=lambda _: True)
        )
        assert everything.members == by_group.members
        assert sum(map(len, everything.members.values())) == 300
        assert asked(door) == {
            ("identitystore", "ListUsers"): 1,
            ("identitystore", "ListGroups"): 1,
            ("identitystore", "ListGroupMembershipsForMember"): 20,
        }
