"""How many requests each question takes: as few as it needs, whatever the size of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import pytest

from identity_reconciler.audit.inspection import Site, inspection_of
from identity_reconciler.audit.report import EVERYTHING, Question
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.audit.reports.applications import ApplicationsQuestion
from identity_reconciler.audit.reports.people import MembershipsQuestion, MembersQuestion
from identity_reconciler.cli.doctor import readable
from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser, Presence
from identity_reconciler.core.plan import Delete
from identity_reconciler.core.state import Membership
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.meeting import met_users
from identity_reconciler.runs.planning import PlanTerms, make_plan
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.attributes import USER
from identity_reconciler.sandbox.population import seeded_id
from tests.benchmarks.worlds import Size, declared, fill
from tests.sandbox.gateway_world import INSTANCE, asked, clients, gateway

SIZE = Size(users=250, groups=120, memberships=1_200, applications=6, assignments=24)
PAGES = Counter(ListUsers=3, ListGroups=2, ListApplications=1)
"""Of the lists of all there is."""
SOMEBODY = "user000005"
"""Who is in five groups."""


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    """Return a sandbox of that size, which no test changes."""
    with Sandbox() as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        fill(sandbox, SIZE)
        yield sandbox


@pytest.fixture(scope="module")
def wanted() -> Declared:
    """Return what declares all that is live."""
    return declared(SIZE)


def sent(door: AwsGateway) -> Counter[str]:
    """Return the requests of *door* but for those that connect it."""
    return Counter({operation: number for (_, operation), number in asked(door).items()})


def accounts_of(principals: int) -> Counter[str]:
    """Return what it takes to know what that many have in AWS accounts: one each, and one."""
    return Counter(DescribeInstance=1, ListAccountAssignmentsForPrincipal=principals)


QUESTIONS: dict[str, tuple[Question, Counter[str]]] = {
    "a user": (
        AccessQuestion(user=SOMEBODY.upper()),
        Counter(
            GetUserId=1,
            DescribeUser=1,
            ListGroupMembershipsForMember=1,
            # A page of all groups names three of them; two more pages might be needed for the rest.
            ListGroups=1,
            DescribeGroup=2,
            ListApplications=1,
            GetApplicationAssignmentConfiguration=6,
            ListApplicationAssignmentsForPrincipal=1 + 5,
        )
        + accounts_of(1 + 5),
    ),
    "a group": (
        AccessQuestion(group="group00019"),
        Counter(
            GetGroupId=1,
            DescribeGroup=1,
            ListGroupMemberships=1,
            ListUsers=1,
            ListApplications=1,
            ListApplicationAssignmentsForPrincipal=1,
        )
        + accounts_of(1),
    ),
    "an application": (
        AccessQuestion(application="Application 0003"),
        PAGES
        + Counter(
            ListApplicationAssignments=1,
            GetApplicationAssignmentConfiguration=1,
            ListGroupMemberships=4,
        ),
    ),
    "a user and an application": (
        AccessQuestion(user=SOMEBODY, application="Application 0000"),
        Counter(
            GetUserId=1,
            DescribeUser=1,
            ListGroupMembershipsForMember=1,
            ListGroups=1,
            DescribeGroup=2,
            ListApplications=1,
            GetApplicationAssignmentConfiguration=1,
            ListApplicationAssignmentsForPrincipal=1 + 5,
        ),
    ),
    "a user and a group": (
        AccessQuestion(user=SOMEBODY, group="group00000"),
        Counter(
            GetUserId=1,
            DescribeUser=1,
            ListGroupMembershipsForMember=1,
            GetGroupId=1,
            ListGroups=1,
            DescribeGroup=2,
            ListApplications=1,
            ListApplicationAssignmentsForPrincipal=1,
        )
        + accounts_of(1 + 1),
    ),
    "a group and an application": (
        AccessQuestion(group="group00019", application="Application 0001"),
        Counter(
            GetGroupId=1,
            DescribeGroup=1,
            ListGroupMemberships=1,
            ListUsers=1,
            ListApplications=1,
            ListApplicationAssignmentsForPrincipal=1,
        ),
    ),
    "the applications": (
        ApplicationsQuestion(),
        PAGES
        + Counter(
            ListApplicationAssignments=6,
            GetApplicationAssignmentConfiguration=6,
            ListGroupMemberships=24,
        ),
    ),
    "the members of a group": (
        MembersQuestion("GROUP00016"),
        Counter(GetGroupId=1, ListGroupMemberships=1, ListUsers=3),
    ),
    "the groups of a user": (
        MembershipsQuestion(SOMEBODY),
        Counter(GetUserId=1, DescribeUser=1, ListGroupMembershipsForMember=1, ListGroups=1)
        + Counter(DescribeGroup=2),
    ),
}


class TestAudit:
    """A question about one thing reads what hangs on it, and is answered as if all were read."""

    @pytest.mark.parametrize("name", QUESTIONS)
    def test_exactly(self, house: Sandbox, name: str) -> None:
        question, requests = QUESTIONS[name]
        door, whole = gateway(house), gateway(house)
        narrow = question.answer(inspection_of(Site(INSTANCE, door.read_state(question.wanted))))
        wide = question.answer(inspection_of(Site(INSTANCE, whole.read_state(EVERYTHING))))
        assert sent(door) == requests
        assert narrow.rows == wide.rows != ()
        assert narrow.notes == wide.notes


class TestMet:
    """Who stands in lists of memberships is found with fewer than twice the fewest requests."""

    @pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 250])
    def test_users(self, house: Sandbox, number: int) -> None:
        reading = Connection(clients(house), INSTANCE)
        names = [SIZE.user(-1 - each * 83) for each in range(number)]
        found = met_users(reading, [seeded_id(USER, reading.store, name) for name in names])
        assert sorted(user.user_name for user in found.values()) == sorted(names)
        fewest = min(number, PAGES["ListUsers"])
        assert reading.clients.requests.total <= max(0, 2 * fewest - 1)

    def test_who_is_gone_is_missing(self, house: Sandbox) -> None:
        reading = Connection(clients(house), INSTANCE)
        known = seeded_id(USER, reading.store, SOMEBODY)
        gone = seeded_id(USER, reading.store, "nobody")
        assert met_users(reading, [gone, known, gone]).keys() == {known}
        before = reading.clients.requests.total
        assert met_users(reading, [known]).keys() == {known}
        assert reading.clients.requests.total == before


class TestDoctor:
    """Each list is read once."""

    def test_exactly(self, house: Sandbox) -> None:
        door = gateway(house)
        assert all(finding.good for finding in readable(door))
        assert sent(door) == PAGES + Counter(
            ListGroupMemberships=1,
            DescribeApplication=1,
            ListApplicationAssignments=1,
            GetApplicationAssignmentConfiguration=1,
        )


class TestProtected:
    """What IAM policies name is found with one list of each kind."""

    def test_exactly(self, house: Sandbox) -> None:
        door = gateway(house)
        groups, users = door.arns(("group0000*",), ("user00000*", "nobody"))
        assert len(groups) == 10
        assert groups["group00003"].startswith("arn:aws:identitystore:::group/")  # type: ignore[index]
        assert {SIZE.user(number) for number in (0, 9, 31, 40)} < users.keys()
        assert sent(door) == PAGES - Counter(ListApplications=1) + Counter(ListGroupMemberships=10)


def without(wanted: Declared, *leavers: str, group: str = "") -> Declared:
    """Return *wanted* with *leavers* absent and in no list, and *group* absent too."""
    users = tuple(
        DeclaredUser(one.user, one.position, Presence.ABSENT) if one.name in leavers else one
        for one in wanted.users
    )
    groups = tuple(
        DeclaredGroup(one.group, one.position, presence=Presence.ABSENT)
        if one.name == group
        else replace(
            one,
            members=one.members and tuple(m for m in one.members if m.name not in leavers),
        )
        for one in wanted.groups
    )
    applications = tuple(
        replace(one, groups=tuple(each for each in one.groups if each.name != group))
        for one in wanted.applications
    )
    return replace(wanted, users=users, groups=groups, applications=applications)


WHOLE = PAGES + Counter(
    ListGroupMemberships=120, ListApplicationAssignments=6, GetApplicationAssignmentConfiguration=6
)
"""What a plan for all that is live reads."""


class TestLeavers:
    """What hangs on who leaves is looked up only where no list tells."""

    def plan(self, house: Sandbox, wanted: Declared) -> Counter[str]:
        door = gateway(house)
        plan, document = make_plan(wanted, door, PlanTerms())
        assert document.access_complete
        (leaver,) = (change for change in plan.changes if change.key == ("user", SOMEBODY))
        assert isinstance(leaver, Delete)
        removed = [change.before for change in plan.changes if isinstance(change, Delete)]
        links = {one.key for one in (*leaver.cascaded, *removed) if isinstance(one, Membership)}
        assert sum(user == SOMEBODY for _, _, user in links) == 5
        return sent(door)

    def test_all_is_declared(self, house: Sandbox, wanted: Declared) -> None:
        leaving = without(wanted, SOMEBODY, "user000007", group="group00001")
        found = self.plan(house, leaving)
        # The two who leave, and all the groups that they were in, or that go.
        assert found == WHOLE + accounts_of(9)

    def test_one_group_is_not(self, house: Sandbox, wanted: Declared) -> None:
        """Then their groups are asked for, and still not what is assigned to them."""
        leaving = without(wanted, SOMEBODY, "user000007")
        fewer = replace(leaving, groups=leaving.groups[:-1])
        expected = WHOLE - Counter(ListGroupMemberships=1)
        found = self.plan(house, fewer)
        assert found == expected + Counter(ListGroupMembershipsForMember=2) + accounts_of(8)


def test_pages() -> None:
    """The counts above are those of this size."""
    assert (
        Counter(
            ListUsers=ceil(SIZE.users / 100), ListGroups=ceil(SIZE.groups / 100), ListApplications=1
        )
        == PAGES
    )
