"""The whole job against the sandbox: the example, every fault at every write, real sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from math import ceil

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    Listed,
    Settings,
)
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.state import Group, GroupName, User, UserName
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import GatewayError
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.clients import Clients, make_clients
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.runs.applier import Manner, Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.lanes import Lanes
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.population import Member, Population
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble
from tests.command import ROOT
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import UNPACED
from tests.strategies import HERE, INSTANCE, NOW


@lru_cache(maxsize=2)
def clients(sandbox: Sandbox, instance: Instance, purpose: Purpose) -> Clients:
    """Return the clients for *purpose*, made once: they remember no more than their pace."""
    session = sandbox.session(instance.account_id)
    return make_clients(session, region=instance.region, purpose=purpose, rates=UNPACED)


def connected(sandbox: Sandbox, declared: Declared, *, write: bool = True) -> AwsGateway:
    instance = declared.settings.instance
    return connect(clients(sandbox, instance, Purpose.APPLY if write else Purpose.PLAN), instance)


def planned(sandbox: Sandbox, declared: Declared) -> Plan:
    return plan_against(declared, connected(sandbox, declared, write=False), NOW)[0]


def applied(sandbox: Sandbox, declared: Declared, width: int = 8) -> list[Result]:
    """Apply in one wave: whatever can be under way at once is, up to *width* of each operation."""
    gateway = connected(sandbox, declared)
    plan, _ = plan_against(declared, gateway, NOW)
    plan = replace(plan, waves={change.key: 0 for change in plan.changes})
    patience, manner = Patience(lambda _: None), Manner(lanes=Lanes(width))
    return list(apply_plan(plan, gateway, Silent(), patience, manner))


@pytest.fixture(scope="module")
def example() -> Declared:
    return load(ROOT / "desired-state")


@contextmanager
def furnished(instance: Instance, applications: Iterable[DeclaredApplication]) -> Iterator[Sandbox]:
    """Open a sandbox with *instance* and *applications*."""
    with Sandbox() as opened:
        opened.ensure_instance(
            InstanceDetails(
                account_id=instance.account_id,
                region=instance.region,
                instance_arn=instance.instance_arn,
                identity_store_id=instance.identity_store_id,
            )
        )
        for entry in applications:
            opened.add_application(entry.selector.name or "")
        yield opened


@pytest.fixture(scope="module")
def opened_once(example: Declared) -> Iterator[Sandbox]:
    with furnished(example.settings.instance, example.applications) as opened:
        yield opened


@pytest.fixture
def sandbox(opened_once: Sandbox) -> Sandbox:
    """Return that of the example, without trouble, people, groups, assignments and counts."""
    opened_once.make_trouble(None)
    opened_once.populate(Population())
    opened_once.requests.clear()
    return opened_once


class TestExample:
    """The example is applied with one request per change, and then with none."""

    @pytest.mark.parametrize("width", [1, 8])
    def test_one_write_per_change(self, sandbox: Sandbox, example: Declared, width: int) -> None:
        """And no look-up: what was just created is known."""
        planned(sandbox, example)
        reading = sandbox.requests.total
        sandbox.requests.clear()
        results = applied(sandbox, example, width)
        assert {result.outcome for result in results} == {Outcome.APPLIED}
        assert sandbox.requests.writes == len(results) == 38
        assert sandbox.requests.total == reading + 38

    def test_a_second_apply_writes_nothing(self, sandbox: Sandbox, example: Declared) -> None:
        applied(sandbox, example)
        sandbox.requests.clear()
        assert applied(sandbox, example) == []
        assert sandbox.requests.writes == 0

    def test_a_plan_writes_nothing(self, sandbox: Sandbox, example: Declared) -> None:
        planned(sandbox, example)
        assert sandbox.requests.writes == 0


WRITES = {
    "CreateUser": 12,
    "CreateGroup": 5,
    "CreateGroupMembership": 14,
    "CreateApplicationAssignment": 7,
}
PASSING = {
    "lost before": Fault("", FaultKind.LOST_BEFORE),
    "lost after": Fault("", FaultKind.LOST_AFTER),
    "internal error": Fault("", FaultKind.ERROR, code="InternalServerException"),
    "internal error after": Fault("", FaultKind.ERROR_AFTER, code="InternalServerException"),
    "throttled": Fault("", FaultKind.ERROR, code="ThrottlingException"),
}


class TestFaults:
    """Whatever one answer to a write is, the apply ends where it should, with nothing doubled."""

    @pytest.mark.parametrize("name", PASSING)
    @pytest.mark.parametrize("operation", WRITES)
    def test_of_one_write(
        self, sandbox: Sandbox, example: Declared, operation: str, name: str
    ) -> None:
        fault = PASSING[name]
        for call in (1, WRITES[operation]):
            trouble = Fault(operation, fault.kind, call, code=fault.code)
            sandbox.make_trouble(Trouble(faults=(trouble,)))
            results = applied(sandbox, example)
            assert {result.outcome for result in results} == {Outcome.APPLIED}
            sandbox.make_trouble(None)
            assert planned(sandbox, example) == Plan(withheld=())
            sandbox.populate(Population())

    @pytest.mark.parametrize("operation", WRITES)
    def test_a_refusal_costs_its_dependents_and_a_second_run_mends_it(
        self, sandbox: Sandbox, example: Declared, operation: str
    ) -> None:
        refusal = Fault(operation, FaultKind.ERROR, code="AccessDeniedException")
        sandbox.make_trouble(Trouble(faults=(refusal,)))
        outcomes = Counter(result.outcome for result in applied(sandbox, example))
        assert outcomes[Outcome.FAILED] == 1
        sandbox.make_trouble(None)
        again = applied(sandbox, example)
        assert len(again) == 1 + outcomes[Outcome.SKIPPED]
        assert planned(sandbox, example).changes == ()

    @pytest.mark.parametrize(
        "operation",
        ["ListUsers", "ListGroups", "ListGroupMemberships", "ListApplicationAssignments"],
    )
    def test_an_incomplete_read_makes_no_plan(
        self, sandbox: Sandbox, example: Declared, operation: str
    ) -> None:
        applied(sandbox, example)
        denied = Fault(operation, FaultKind.ERROR, 2 if "Member" in operation else 1)
        sandbox.make_trouble(
            Trouble(
                faults=(Fault(operation, denied.kind, denied.call, code="AccessDeniedException"),)
            )
        )
        sandbox.requests.clear()
        with pytest.raises(GatewayError, match=operation):
            applied(sandbox, example)
        assert sandbox.requests.writes == 0


class TestSize:
    """With many pages of all there is, the requests of a plan are the fewest that can answer it."""

    USERS, GROUPS, MEMBERS, APPLICATIONS, ASSIGNED = 2_000, 300, 50, 60, 20

    @pytest.fixture
    def declared(self) -> Declared:
        users = [f"user{number:05}" for number in range(self.USERS)]
        groups = [f"group{number:04}" for number in range(self.GROUPS)]
        return Declared(
            Settings(INSTANCE),
            tuple(DeclaredUser(_person(name), HERE) for name in users),
            tuple(
                DeclaredGroup(
                    Group(GroupName(name)),
                    HERE,
                    members=_listed(users, start=number * 7, count=self.MEMBERS),
                )
                for number, name in enumerate(groups)
            ),
            tuple(
                DeclaredApplication(
                    ApplicationSelector(name=f"app{number:03}"),
                    HERE,
                    groups=_listed(groups, start=number, count=self.ASSIGNED),
                )
                for number in range(self.APPLICATIONS)
            ),
        )

    def test_requests_of_a_plan(self, declared: Declared) -> None:
        with furnished(declared.settings.instance, ()) as sandbox:
            arns = {
                entry.selector.name or "": sandbox.add_application(entry.selector.name or "")
                for entry in declared.applications
            }
            sandbox.populate(_population(declared, arns))
            sandbox.requests.clear()
            plan = planned(sandbox, declared)
        assert plan.changes == ()
        assert sandbox.requests.counts == Counter(
            {
                ("sts", "GetCallerIdentity"): 1,
                ("sso-admin", "ListInstances"): 1,
                ("identitystore", "ListUsers"): ceil(self.USERS / 100),
                ("identitystore", "ListGroups"): ceil(self.GROUPS / 100),
                ("identitystore", "ListGroupMemberships"): self.GROUPS,
                ("sso-admin", "ListApplications"): ceil(self.APPLICATIONS / 50),
                ("sso-admin", "ListApplicationAssignments"): self.APPLICATIONS,
                ("sso-admin", "GetApplicationAssignmentConfiguration"): self.APPLICATIONS,
            }
        )


def _person(name: str) -> User:
    return User(UserName(name), display_name=name, given_name="G", family_name="F")


def _listed(names: list[str], *, start: int, count: int) -> tuple[Listed, ...]:
    chosen = (names[(start + step) % len(names)] for step in range(count))
    return tuple(Listed(name, HERE) for name in chosen)


def _population(declared: Declared, arns: dict[str, str]) -> Population:
    name = {"GivenName": "G", "FamilyName": "F"}
    return Population(
        users=(
            Member({"UserName": one.name, "DisplayName": one.name, "Name": name})
            for one in declared.users
        ),
        groups=(Member({"DisplayName": one.name}) for one in declared.groups),
        memberships=(
            (group.name, one.name) for group in declared.groups for one in group.members or ()
        ),
        assignments=(
            (arns[one.selector.name or ""], "GROUP", listed.name)
            for one in declared.applications
            for listed in one.groups
        ),
    )
