"""Reading through the gateway: everything, whole, with the fewest requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from identity_reconciler.core.state import (
    ApplicationArn,
    Principal,
    PrincipalKind,
    State,
    user_key,
)
from identity_reconciler.errors import AccessDeniedError, GatewayError, IncompleteReadError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.reading.assembly import assemble
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.reader import read_lists
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Throttle, Trouble
from tests.sandbox.gateway_world import (
    EVERYTHING,
    INSTANCE,
    asked,
    assigned,
    clients,
    gateway,
    group,
    member,
    user,
)

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP


@pytest.fixture
def application(sandbox: Sandbox) -> str:
    return sandbox.add_application("Wiki")


def principal_id(sandbox: Sandbox, name: str) -> str:
    client = sandbox.session().client("identitystore")
    users = client.list_users(IdentityStoreId=INSTANCE.identity_store_id)["Users"]
    return next(one["UserId"] for one in users if one.get("UserName") == name)


class TestWholeRead:
    """Everything asked for is there, and the requests are the fewest that lists allow."""

    def test_an_empty_instance_is_an_empty_state(self, sandbox: Sandbox) -> None:
        assert gateway(sandbox, write=False).read_state(EVERYTHING) == State()

    def test_nothing_wanted_costs_nothing(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        assert door.read_state(Wanted()) == State()
        assert asked(door) == Counter()

    def test_the_requests_are_the_minimum(self, sandbox: Sandbox) -> None:
        writer = gateway(sandbox)
        for number in range(250):
            writer.create(user(f"user-{number}"))
        for name in "abc":
            writer.create(group(name))
        for number in range(101):
            writer.create(member("a", f"user-{number}"))
        arns = [sandbox.add_application(f"Application {number}") for number in range(5)]
        writer.create(assigned(arns[0], GROUP, "a"))
        door = gateway(sandbox)
        state = door.read_state(EVERYTHING)
        assert asked(door) == {
            ("identitystore", "ListUsers"): 3,
            ("identitystore", "ListGroups"): 1,
            ("identitystore", "ListGroupMemberships"): 4,
            ("sso-admin", "ListApplications"): 1,
            ("sso-admin", "ListApplicationAssignments"): 5,
            ("sso-admin", "GetApplicationAssignmentConfiguration"): 5,
        }
        assert len(state.users) == 250
        assert {key: len(found) for key, found in state.members.items()} == {
            "a": 101,
            "b": 0,
            "c": 0,
        }
        assert door.requests.total == sandbox.requests.total - writer.requests.total

    def test_only_chosen_groups_and_applications_are_read(
        self, sandbox: Sandbox, application: str
    ) -> None:
        other = sandbox.add_application("Other")
        writer = gateway(sandbox)
        for name in ("a", "b"):
            writer.create(group(name))
        door = gateway(sandbox)
        state = door.read_state(
            replace(
                EVERYTHING,
                members_of=lambda one: one.name == "a",
                assignments_of=lambda one: one.arn == application,
            )
        )
        assert set(state.members) == {"a"}
        assert set(state.assignments) == {application}
        assert asked(door)["identitystore", "ListGroupMemberships"] == 1
        assert state.applications[ApplicationArn(application)].assignment_required is True
        assert state.applications[ApplicationArn(other)].assignment_required is None

    def test_odd_pages_in_any_order_give_the_same_state(self, sandbox: Sandbox) -> None:
        writer = gateway(sandbox)
        for number in range(120):
            writer.create(user(f"user-{number}"))
        writer.create(group("a"))
        for number in range(120):
            writer.create(member("a", f"user-{number}"))
        before = gateway(sandbox, write=False).read_state(EVERYTHING)
        sandbox.make_trouble(Trouble(shuffle=True, short_pages=True, empty_pages=True))
        assert gateway(sandbox, write=False).read_state(EVERYTHING) == before

    def test_managers_are_names(self, sandbox: Sandbox) -> None:
        writer = gateway(sandbox)
        writer.create(user("boss"))
        writer.create(user("ana", manager="Boss"))
        state = gateway(sandbox, write=False).read_state(Wanted(users=True))
        assert state.users[user_key("ana")].manager == "boss"

    def test_a_manager_who_is_gone_is_an_id(self, sandbox: Sandbox) -> None:
        writer = gateway(sandbox)
        writer.create(user("boss"))
        writer.create(user("ana", manager="boss"))
        identifier = principal_id(sandbox, "boss")
        writer.delete(user("boss"))
        state = gateway(sandbox, write=False).read_state(Wanted(users=True))
        assert state.users[user_key("ana")].manager == identifier

    def test_users_of_an_identity_provider_are_foreign(self, sandbox: Sandbox) -> None:
        gateway(sandbox).create(user("ana"))
        sandbox.set_external_ids(principal_id(sandbox, "ana"), [("https://idp.example", "7")])
        state = gateway(sandbox, write=False).read_state(Wanted(users=True))
        assert state.users[user_key("ana")].foreign

    def test_an_application_that_refuses_the_question_is_unknown(self, sandbox: Sandbox) -> None:
        sandbox.add_catalogue()
        sandbox.set_assignment_required(sandbox.add_application("Open"), required=False)
        state = gateway(sandbox, write=False).read_state(EVERYTHING)
        answers = {one.name: one.assignment_required for one in state.applications.values()}
        assert answers["AWS Client VPN"] is None
        assert answers["Open"] is False
        assert answers["Amazon Redshift"] is True

    def test_an_assignment_outlives_its_principal_as_an_orphan(
        self, sandbox: Sandbox, application: str
    ) -> None:
        writer = gateway(sandbox)
        writer.create(user("ana"))
        writer.create(assigned(application, USER, "ana"))
        identifier = principal_id(sandbox, "ana")
        writer.delete(user("ana"))
        orphan = Principal(USER, identifier, orphan=True)
        door = gateway(sandbox)
        state = door.read_state(EVERYTHING)
        assert state.assignments[next(iter(state.assignments))] == {orphan}
        door.delete(assigned(application, USER, identifier, orphan=True))
        assert door.read_state(EVERYTHING).assignments == {application: frozenset()}


class TestIncompleteRead:
    """Half a directory is no directory."""

    @pytest.fixture
    def furnished(self, sandbox: Sandbox, application: str) -> Sandbox:
        writer = gateway(sandbox)
        writer.create(user("ana"))
        for name in ("a", "b", "c"):
            writer.create(group(name))
            writer.create(member(name, "ana"))
        writer.create(assigned(application, USER, "ana"))
        return sandbox

    @pytest.mark.parametrize(
        "operation",
        [
            "ListUsers",
            "ListGroups",
            "ListGroupMemberships",
            "ListApplications",
            "ListApplicationAssignments",
            "GetApplicationAssignmentConfiguration",
        ],
    )
    @pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
    def test_any_failure_fails_the_read(
        self, furnished: Sandbox, operation: str, code: str
    ) -> None:
        furnished.make_trouble(Trouble(faults=(Fault(operation, code=code, times=9),)))
        error = AccessDeniedError if code.startswith("Access") else IncompleteReadError
        with pytest.raises(error, match=f":{operation} for "):
            gateway(furnished, write=False).read_state(EVERYTHING)

    @pytest.mark.parametrize("call", [1, 2, 3])
    def test_a_passing_failure_is_retried(self, furnished: Sandbox, call: int) -> None:
        whole = gateway(furnished, write=False).read_state(EVERYTHING)
        fault = Fault("ListGroupMemberships", FaultKind.LOST_AFTER, call=call)
        furnished.make_trouble(Trouble(faults=(fault, replace(fault, operation="ListUsers"))))
        assert gateway(furnished, write=False).read_state(EVERYTHING) == whole

    def test_throttling_is_waited_out(self, furnished: Sandbox) -> None:
        whole = gateway(furnished, write=False).read_state(EVERYTHING)
        furnished.make_trouble(Trouble(throttle=Throttle(rate=200, burst=1, retry_after=0)))
        door = gateway(furnished)
        for _ in range(5):
            assert door.read_state(EVERYTHING) == whole
        totals = door.requests.totals()
        assert sum(one.throttled for one in totals) > 0
        assert sum(one.failed for one in totals) == 0

    def test_a_member_created_during_the_read_is_looked_up(self, furnished: Sandbox) -> None:
        whole = gateway(furnished, write=False).read_state(EVERYTHING)
        connection = Connection(clients(furnished), INSTANCE)
        lists = read_lists(connection, EVERYTHING)
        lists.users.clear()
        assert assemble(connection, EVERYTHING, lists).members == whole.members
        assert connection.clients.requests.counts()["identitystore", "DescribeUser"] == 1

    def test_a_member_who_cannot_be_found_fails_the_read(self, furnished: Sandbox) -> None:
        connection = Connection(clients(furnished), INSTANCE)
        lists = read_lists(connection, EVERYTHING)
        lists.users.clear()
        gateway(furnished).delete(user("ana"))
        with pytest.raises(IncompleteReadError, match="not live any more"):
            assemble(connection, EVERYTHING, lists)

    def test_names_of_what_is_not_listed_are_looked_up(
        self, furnished: Sandbox, application: str
    ) -> None:
        writer = gateway(furnished)
        writer.create(assigned(application, GROUP, "a"))
        whole = writer.read_state(EVERYTHING)
        only_groups = Wanted(groups=True, members_of=lambda _: True)
        assert gateway(furnished, write=False).read_state(only_groups).members == whole.members
        only_applications = Wanted(applications=True, assignments_of=lambda _: True)
        door = gateway(furnished)
        assert door.read_state(only_applications).assignments == whole.assignments


class TestTwins:
    """Two names that differ only in case cannot be told apart, so nothing is planned."""

    def test_both_are_named(self) -> None:
        with Sandbox.assuming(Assumptions(case_sensitive_names=True)) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            store = sandbox.session().client("identitystore")
            for name in ("Ana", "ana"):
                store.create_group(IdentityStoreId=INSTANCE.identity_store_id, DisplayName=name)
            with pytest.raises(GatewayError, match="'Ana' and 'ana'"):
                gateway(sandbox, write=False).read_state(Wanted(groups=True))


class TestTargetedRead:
    """A question about a few objects costs a few requests."""

    @pytest.fixture
    def furnished(self, sandbox: Sandbox, application: str) -> Sandbox:
        writer = gateway(sandbox)
        for name in ("ana", "bob"):
            writer.create(user(name))
        for name in ("A", "b"):
            writer.create(group(name))
        writer.create(member("A", "ana"))
        writer.create(member("b", "ana"))
        writer.create(assigned(application, USER, "ana"))
        writer.create(assigned(application, GROUP, "A"))
        return sandbox

    def test_named_objects_alone(self, furnished: Sandbox, application: str) -> None:
        whole = gateway(furnished, write=False).read_state(EVERYTHING)
        named = (
            user("ANA"),
            user("nobody"),
            group("a"),
            group("nothing"),
            member("a", "Ana"),
            member("a", "bob"),
            member("nothing", "ana"),
            assigned(application, USER, "ana"),
            assigned(application, USER, "bob"),
            assigned(application, USER, "1488d4b8-20b1-701d-cb60-cc4f4ad8431d", orphan=True),
        )
        door = gateway(furnished)
        state = door.read_state(Wanted(named=named))
        assert state == State(
            users={key: one for key, one in whole.users.items() if key == "ana"},
            groups={key: one for key, one in whole.groups.items() if key == "a"},
            members={key: found for key, found in whole.members.items() if key == "a"},
            assignments={arn: frozenset({Principal(USER, "ana")}) for arn in whole.assignments},
        )
        assert asked(door) == {
            ("identitystore", "GetUserId"): 3,
            ("identitystore", "DescribeUser"): 1,
            ("identitystore", "GetGroupId"): 2,
            ("identitystore", "DescribeGroup"): 1,
            ("identitystore", "GetGroupMembershipId"): 2,
            ("sso-admin", "DescribeApplicationAssignment"): 3,
        }

    def test_all_that_hangs_on_principals(self, furnished: Sandbox) -> None:
        whole = gateway(furnished, write=False).read_state(EVERYTHING)
        door = gateway(furnished)
        ana = Principal(USER, "ana")
        state = door.read_state(Wanted(principals=(ana, Principal(USER, "nobody"))))
        assert state.members == whole.members
        assert state.groups == whole.groups
        assert state.users == {}
        assert state.assignments == {arn: frozenset({ana}) for arn in whole.assignments}

    def test_all_that_hangs_on_a_group(self, furnished: Sandbox) -> None:
        door = gateway(furnished)
        group_a = Principal(GROUP, "a")
        state = door.read_state(Wanted(principals=(group_a,)))
        assert state.members == {"a": frozenset({"ana"})}
        assert set(state.users) == {"ana"}
        assert set(state.assignments.values()) == {frozenset({group_a})}

    def test_what_is_known_is_not_asked_again(self, furnished: Sandbox) -> None:
        door = gateway(furnished)
        door.read_state(EVERYTHING)
        before = door.requests.total
        door.read_state(Wanted(named=(member("a", "ana"), user("bob"))))
        assert door.requests.total - before == 2

    def test_a_user_made_anew_under_the_same_name_is_found(self, furnished: Sandbox) -> None:
        door = gateway(furnished)
        door.read_state(EVERYTHING)
        other = gateway(furnished)
        other.delete(user("bob"))
        other.create(user("Bob", title="new"))
        state = door.read_state(Wanted(named=(user("bob"),)))
        assert [one.title for one in state.users.values()] == ["new"]

    def test_a_renamed_group_is_missing_under_the_old_name(self, furnished: Sandbox) -> None:
        door = gateway(furnished)
        live = door.read_state(EVERYTHING).groups
        other = gateway(furnished)
        before = next(one for one in live.values() if one.name == "b")
        other.update(before, group("c"))
        assert door.read_state(Wanted(named=(group("b"),))) == State()
        assert set(door.read_state(Wanted(named=(group("c"),))).groups) == {"c"}

    def test_lists_and_names_together_read_nothing_twice(self, furnished: Sandbox) -> None:
        door = gateway(furnished)
        door.read_state(replace(EVERYTHING, named=(user("ana"), group("a"))))
        assert asked(door)["identitystore", "DescribeUser"] == 0
        assert asked(door)["identitystore", "DescribeGroup"] == 0

    @pytest.mark.parametrize("operation", ["GetUserId", "DescribeUser", "GetGroupMembershipId"])
    def test_an_answer_that_fails_fails_the_read(self, furnished: Sandbox, operation: str) -> None:
        furnished.make_trouble(Trouble(faults=(Fault(operation, code="AccessDeniedException"),)))
        with pytest.raises(AccessDeniedError):
            gateway(furnished, write=False).read_state(
                Wanted(named=(user("ana"), member("a", "ana")))
            )

    def test_directories_without_get_user_id_are_searched(self, furnished: Sandbox) -> None:
        unknown = tuple(
            Fault(operation, code="UnknownOperationException", times=9)
            for operation in ("GetUserId", "GetGroupId")
        )
        furnished.make_trouble(Trouble(faults=unknown))
        state = gateway(furnished, write=False).read_state(
            Wanted(named=(user("ana"), group("A"), user("zoe")))
        )
        assert (set(state.users), set(state.groups)) == ({"ana"}, {"a"})

    @pytest.mark.parametrize("unknown", [False, True])
    def test_who_has_an_address(self, furnished: Sandbox, *, unknown: bool) -> None:
        """Two requests each; where there is no GetUserId, everybody is looked at."""
        if unknown:
            fault = Fault("GetUserId", code="UnknownOperationException", times=9)
            furnished.make_trouble(Trouble(faults=(fault,)))
        door = gateway(furnished)
        wanted = Wanted(addresses=("ANA@example.com", "nobody@example.com"))
        assert list(door.read_state(wanted).users) == ["ana"]
        assert asked(door)["identitystore", "DescribeUser"] == 1
        assert asked(door)["identitystore", "ListUsers"] == (2 if unknown else 0)
