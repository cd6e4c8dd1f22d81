"""Plans of what events name by identifiers: the requests of each kind, and the same findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    ManageObjects,
    Settings,
)
from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.state import ApplicationArn, Key, PrincipalKind
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.runs.targeted_survey import find, plan_named
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.seeding import Sizes, generate
from tests.documents import guide
from tests.sandbox.gateway_world import (
    INSTANCE,
    asked,
    assigned,
    clients,
    gateway,
    group,
    member,
    user,
)
from tests.sandbox.test_gateway_targets import listed
from tests.strategies import HERE, NOW


@dataclass(frozen=True)
class World:
    """What somebody did by hand to what is declared, and the identifiers of all of it."""

    sandbox: Sandbox
    declared: Declared
    ids: dict[str, ObjectIds]


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    """Return a world where ana was retitled, joined team and was assigned; bo left nothing."""
    generate(sandbox, Sizes(200, 40, 400, 20, 40))
    arn = ApplicationArn(sandbox.add_application("Wiki"))
    door = gateway(sandbox)
    ana, bo, eve = user("ana", title="Engineer"), user("bo"), user("eve")
    for one in (replace(ana, title="Chief"), bo, eve, group("team", "Theirs"), group("other")):
        door.create(one)
    for link in (member("team", "ana"), member("team", "bo"), member("other", "eve")):
        door.create(link)
    door.create(assigned(arn, PrincipalKind.USER, "ana"))
    declared = Declared(
        Settings(INSTANCE),
        tuple(DeclaredUser(one, HERE) for one in (ana, bo)),
        (DeclaredGroup(group("team", "Ours"), HERE, members=listed("bo")),),
        (DeclaredApplication(ApplicationSelector(arn=arn), HERE, listed("bo")),),
    )
    lookup = Lookup(Connection(clients(sandbox), INSTANCE))
    users = {name: lookup.user_id(name) or "" for name in ("ana", "bo", "eve")}
    team = lookup.group_id("team") or ""
    link_id = lookup.membership_id(team, users["ana"]) or ""
    return World(
        sandbox,
        declared,
        {
            "user": ObjectIds(user=users["ana"]),
            "stranger": ObjectIds(user=users["eve"]),
            "group": ObjectIds(group=team),
            "ends": ObjectIds(user=users["ana"], group=team),
            "membership": ObjectIds(membership=link_id),
            "as declared": ObjectIds(user=users["bo"], group=team),
            "assignment": ObjectIds(user=users["ana"], application=arn),
            "missing": ObjectIds(user=users["bo"], application=arn),
            "application": ObjectIds(application=arn),
            "nobody": ObjectIds(user="00000000-0000-4000-8000-000000000000"),
            "no link": ObjectIds(membership="00000000-0000-4000-8000-000000000000"),
        },
    )


def keys(plan: Plan) -> set[Key]:
    return {change.key for change in plan.changes}


FOUND: dict[str, tuple[int, Counter[str]]] = {
    "user": (1, Counter(DescribeUser=2)),
    "stranger": (0, Counter(DescribeUser=2)),
    "group": (1, Counter(DescribeGroup=2)),
    "ends": (1, Counter(DescribeUser=1, DescribeGroup=1, GetGroupMembershipId=1)),
    "membership": (
        1,
        Counter(DescribeGroupMembership=1, DescribeUser=1, DescribeGroup=1, GetGroupMembershipId=1),
    ),
    "as declared": (0, Counter(DescribeUser=1, DescribeGroup=1, GetGroupMembershipId=1)),
    "assignment": (
        1,
        Counter(DescribeApplication=2, DescribeUser=1, DescribeApplicationAssignment=1),
    ),
    "missing": (
        1,
        Counter(DescribeApplication=2, DescribeUser=1, DescribeApplicationAssignment=1),
    ),
    "application": (0, Counter(DescribeApplication=1)),
    "nobody": (0, Counter(DescribeUser=1)),
    "no link": (0, Counter(DescribeGroupMembership=1)),
}
"""How many changes the event of each leads to, and with which requests."""


class TestEvents:
    """One event is a handful of requests, whatever the size of the organisation."""

    def test_requests_are_exact(self, world: World) -> None:
        for name, (changes, requests) in FOUND.items():
            door = gateway(world.sandbox, write=False)
            plan = plan_named(world.declared, find([world.ids[name]], door), door, NOW).plan
            counted = Counter({operation: n for (_, operation), n in asked(door).items()})
            assert (len(plan.changes), counted) == (changes, requests), name
            assert requests.total() <= 4

    def test_the_guide_tells_these_figures(self) -> None:
        rows = guide("performance").rows
        first = rows.index(("event", "requests")) + 1
        kinds = ("user", "group", "ends", "membership", "assignment", "application", "nobody")
        told = [int(requests) for _, requests in rows[first : first + len(kinds)]]
        assert told == [FOUND[one][1].total() for one in kinds]

    def test_all_at_once_equal_the_whole_plan(self, world: World) -> None:
        whole = plan_against(world.declared, gateway(world.sandbox, write=False), NOW)[0]
        door = gateway(world.sandbox, write=False)
        plan = plan_named(world.declared, find(world.ids.values(), door), door, NOW).plan
        assert plan.changes == whole.changes
        assert len(plan.changes) == 5

    def test_each_is_a_part_of_the_whole_plan(self, world: World) -> None:
        """No event leads to a change that the whole plan does not have."""
        settings = replace(world.declared.settings, users=ManageObjects.AUTHORITATIVE)
        for declared in (world.declared, replace(world.declared, settings=settings)):
            whole = plan_against(declared, gateway(world.sandbox, write=False), NOW)[0]
            for name, ids in world.ids.items():
                door = gateway(world.sandbox, write=False)
                plan = plan_named(declared, find([ids], door), door, NOW).plan
                assert keys(plan) <= keys(whole), name
                # Who is deleted takes a membership along.
                deleted = name == "stranger" and declared is not world.declared
                assert len(plan.changes) == (2 if deleted else FOUND[name][0]), name


class TestGone:
    """Of what nothing live has any more nothing is said but that."""

    def test_is_told(self, world: World) -> None:
        gateway(world.sandbox).delete(member("team", "ana"))
        gateway(world.sandbox).delete(user("ana"))
        door = gateway(world.sandbox, write=False)
        found = find(
            [world.ids[name] for name in ("user", "membership", "ends", "assignment")], door
        )
        assert found.named == ()
        assert len(found.gone) == 4

    def test_so_is_what_was_assigned_to_an_application_that_is_gone(self, world: World) -> None:
        link = world.ids["assignment"]
        gone = replace(link, application=f"{link.application[:-4]}0000")
        alone = ObjectIds(application=gone.application)
        found = find([gone, alone], gateway(world.sandbox, write=False))
        assert (found.named, found.gone) == ((), (gone, alone))

    def test_a_link_whose_ends_are_live_is_known(self, world: World) -> None:
        """Who took bo out of the team left both: the membership that is declared is missing."""
        gateway(world.sandbox).delete(member("team", "bo"))
        door = gateway(world.sandbox, write=False)
        found = find([world.ids["as declared"]], door)
        plan = plan_named(world.declared, found, door, NOW).plan
        assert keys(plan) == {("membership", "team", "bo")}


class TestRenamed:
    """What is live under a previous name is looked at under the new one."""

    def test_it_is_one_rename(self, world: World) -> None:
        (entry,) = world.declared.groups
        renamed = replace(entry, group=group("squad", "Ours"), previous_names=("team",))
        declared = replace(world.declared, groups=(renamed,))
        whole = plan_against(declared, gateway(world.sandbox, write=False), NOW)[0]
        for names in (["group"], ["ends"]):
            door = gateway(world.sandbox, write=False)
            found = find([world.ids[one] for one in names], door)
            plan = plan_named(declared, found, door, NOW).plan
            assert plan.changes
            assert keys(plan) <= keys(whole), names
