"""What the gateway reads of access to AWS accounts."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError

from identity_reconciler.audit.inspection import Site, inspection_of
from identity_reconciler.audit.report import WITH_ACCOUNTS
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.core.accounts import (
    AccountReading,
    AccountRole,
    AccountRoleKind,
    GapReason,
)
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Settings,
)
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.clients import make_clients
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.planfile import plan_bytes, read_plan
from identity_reconciler.render.text import plan_text
from identity_reconciler.runs.planning import PlanTerms, make_plan
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Latency, Trouble
from tests.sandbox.account_world import Accounts
from tests.sandbox.gateway_world import (
    DETAILS,
    EVERYTHING,
    INSTANCE,
    UNPACED,
    clients,
    gateway,
    group,
    member,
    trouble,
    user,
)
from tests.strategies import HERE

PROD, DELEGATED = "222233334444", "333344445555"
PLATFORM, BOB, ANN = (
    Principal(PrincipalKind.GROUP, "platform"),
    Principal(PrincipalKind.USER, "bob"),
    Principal(PrincipalKind.USER, "ann"),
)


@pytest.fixture
def accounts(sandbox: Sandbox) -> Accounts:
    """Bob is in platform, which is administrator in prod; Ann reads there by herself."""
    return furnished(sandbox)


def furnished(sandbox: Sandbox) -> Accounts:
    sandbox.add_account(PROD, "prod")
    sandbox.add_account(DELEGATED, "identity")
    door = gateway(sandbox)
    for resource in (user("bob"), user("ann"), group("platform"), member("platform", "bob")):
        door.create(resource)
    found = Accounts(sandbox)
    found.give("group", "platform", "AdministratorAccess", PROD)
    found.give("user", "ann", "ReadOnly", PROD)
    return found


def held(accounts: Accounts, name: str) -> AccountRole:
    arn = accounts.arns[name]
    return AccountRole(PROD, "prod", AccountRoleKind.PERMISSION_SET, name, arn)


def asked(of: AwsGateway) -> Counter[str]:
    """Return the requests that reading access to accounts takes."""
    names = ("Account", "PermissionSet", "DescribeInstance")
    counts = of.requests.counts()
    return Counter(
        {key[1]: count for key, count in counts.items() if any(n in key[1] for n in names)}
    )


def from_account(sandbox: Sandbox, account: str) -> AwsGateway:
    sandbox.delegate_administration(account)
    made = make_clients(sandbox.session(account), region=INSTANCE.region, rates=UNPACED)
    return connect(made, replace(INSTANCE, delegated_administrator=account))


def read(door: AwsGateway, *principals: Principal, lists: bool = False) -> State:
    door.read_state(EVERYTHING)
    return door.read_state(Wanted(account_access=principals, account_lists=lists))


class TestByPrincipal:
    """Each principal costs one request, and the names one for each permission set."""

    def test_tells_what_each_has_itself(self, sandbox: Sandbox, accounts: Accounts) -> None:
        door = gateway(sandbox)
        found = read(door, PLATFORM, ANN)
        administrator, reader = (held(accounts, one) for one in ("AdministratorAccess", "ReadOnly"))
        assert found.account_access == {
            PLATFORM: frozenset({administrator}),
            ANN: frozenset({reader}),
        }
        assert str(administrator) == f"AdministratorAccess in prod ({PROD})"
        assert found.account_gaps == frozenset()
        assert asked(door) == {
            "DescribeInstance": 1,
            "ListAccountAssignmentsForPrincipal": 2,
            "DescribePermissionSet": 2,
            "ListAccounts": 1,
        }
        door.read_state(Wanted(account_access=(PLATFORM,)))
        assert asked(door).total() == 7, "names are asked for once"

    @pytest.mark.usefixtures("accounts")
    def test_who_has_nothing_stands_with_nothing(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        nobody = Principal(PrincipalKind.USER, "nobody")
        door.create(group("empty"))
        empty = Principal(PrincipalKind.GROUP, "empty")
        assert read(door, empty, nobody).account_access == {empty: frozenset()}

    def test_files_under_the_group_what_comes_through_it(
        self, sandbox: Sandbox, accounts: Accounts
    ) -> None:
        found = read(gateway(sandbox), BOB)
        expected = frozenset({held(accounts, "AdministratorAccess")})
        assert found.account_access == {BOB: frozenset(), PLATFORM: expected}
        assert found.members == {group_key("platform"): frozenset({user_key("bob")})}
        assert found.accounts_through_groups

    def test_bears_that_aws_leaves_out_what_comes_through_groups(self) -> None:
        assumptions = Assumptions(account_access_through_groups=False)
        with Sandbox.assuming(assumptions) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            furnished(sandbox)
            found = read(gateway(sandbox), BOB)
            assert found.account_access == {BOB: frozenset()}
            assert not found.accounts_through_groups


class TestLists:
    """Permission sets can be listed by a delegated administrator, once for each gateway."""

    def test_tell_everything_with_orphans(self, sandbox: Sandbox, accounts: Accounts) -> None:
        lost = accounts.identifier("user", "ann")
        gateway(sandbox).delete(user("ann"))
        door = from_account(sandbox, DELEGATED)
        found = read(door, BOB, lists=True)
        assert found.account_access == {
            BOB: frozenset(),
            PLATFORM: frozenset({held(accounts, "AdministratorAccess")}),
            Principal(PrincipalKind.USER, lost, orphan=True): frozenset(
                {held(accounts, "ReadOnly")}
            ),
        }
        assert found.account_gaps == frozenset()
        assert door.account_lists_ahead() == 0
        before = asked(door)
        door.read_state(Wanted(account_lists=True))
        assert asked(door) == before
        assert before["ListAccountAssignments"] == 2

    @pytest.mark.usefixtures("accounts")
    def test_tell_beforehand_what_they_take(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        ahead = door.account_lists_ahead()
        before = asked(door)
        read(door, lists=True)
        sent = asked(door) - before
        assert sent["ListAccountAssignments"] == ahead == 2
        assert sent.keys() == {"ListAccountAssignments", "DescribePermissionSet", "ListAccounts"}


class TestThreads:
    """What several threads are after at once is found out once."""

    EACH = (PLATFORM, ANN, PLATFORM, ANN)

    def side_by_side(self, door: AwsGateway, *, lists: bool = False) -> list[State]:
        def ask(principal: Principal) -> State:
            return door.read_state(Wanted(account_access=(principal,), account_lists=lists))

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(ask, self.EACH))

    @pytest.mark.usefixtures("accounts")
    @pytest.mark.parametrize("lists", [False, True])
    def test_each_gets_its_answer(self, sandbox: Sandbox, *, lists: bool) -> None:
        alone, door = gateway(sandbox), gateway(sandbox)
        expected = [read(alone, one, lists=lists) for one in self.EACH]
        door.read_state(EVERYTHING)
        sandbox.make_trouble(Trouble(latency=Latency(0.01, 0.01)))
        assert self.side_by_side(door, lists=lists) == expected
        assert asked(door) == asked(alone)

    @pytest.mark.usefixtures("accounts")
    def test_a_refusal_is_met_once(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        door.read_state(EVERYTHING)
        refused = "ListAccountAssignmentsForPrincipal"
        denied = Fault(refused, FaultKind.ERROR, times=9, code="AccessDeniedException")
        sandbox.make_trouble(Trouble(faults=(denied,), latency=Latency(0.01, 0.01)))
        found = self.side_by_side(door)
        assert {gap.reason for one in found for gap in one.account_gaps} == {GapReason.DENIED}
        assert asked(door)[refused] == 1


class TestGaps:
    """What may not be asked is told, and nothing is made of it."""

    @pytest.mark.usefixtures("accounts")
    def test_a_delegated_administrator_may_not_ask(self, sandbox: Sandbox) -> None:
        door = from_account(sandbox, DELEGATED)
        found = read(door, PLATFORM)
        (gap,) = found.account_gaps
        assert gap.reason is GapReason.DENIED
        assert gap.note == (
            f"sso:ListAccountAssignmentsForPrincipal is for credentials of the management account "
            f"{INSTANCE.account_id}, and these are of {DELEGATED}; `account_access: list` in "
            "instance.yaml reads through the permission sets instead"
        )
        door.read_state(Wanted(account_access=(BOB, ANN)))
        assert asked(door)["ListAccountAssignmentsForPrincipal"] == 1, "it is not asked again"

    @pytest.mark.usefixtures("accounts")
    @pytest.mark.parametrize(
        "operation", ["DescribeInstance", "ListAccountAssignmentsForPrincipal"]
    )
    def test_names_the_permission(self, sandbox: Sandbox, operation: str) -> None:
        door = gateway(sandbox)
        door.read_state(EVERYTHING)
        sandbox.make_trouble(trouble(operation, FaultKind.ERROR, "AccessDeniedException"))
        (gap,) = door.read_state(Wanted(account_access=(PLATFORM,))).account_gaps
        assert gap.note.startswith(f"sso:{operation}")

    @pytest.mark.usefixtures("accounts")
    def test_a_refusal_as_invalid_is_told_as_well(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        door.read_state(EVERYTHING)
        operation = "ListAccountAssignmentsForPrincipal"
        sandbox.make_trouble(trouble(operation, FaultKind.ERROR, "ValidationException"))
        (gap,) = door.read_state(Wanted(account_access=(PLATFORM,))).account_gaps
        assert gap.reason is GapReason.DENIED
        assert gap.note.startswith(f"sso:{operation} for group/platform: AWS answered Validation")

    @pytest.mark.usefixtures("accounts")
    def test_account_access_manager_that_cannot_be_reached(self, sandbox: Sandbox) -> None:
        made = clients(sandbox)

        def unreachable(**_: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://account-access.nowhere")

        events = made.late.account_access.meta.events
        events.register_first("before-send.account-access", unreachable)
        found = read(connect(made, INSTANCE), PLATFORM)
        (gap,) = found.account_gaps
        assert gap.reason is GapReason.DENIED
        assert gap.note.startswith("account-access:ListApplications")
        assert "could not be reached" in gap.note
        assert len(found.account_access[PLATFORM]) == 1, "what is known is told"

    def test_an_instance_that_does_not_say_and_refuses_gives_none(self) -> None:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(replace(DETAILS, organization=False))
            made = clients(sandbox)
            made.sso_admin.meta.events.register(
                "after-call.sso-admin.DescribeInstance",
                lambda parsed, **_: parsed.pop("PermissionSetsEnabled"),
            )
            door = connect(made, INSTANCE)
            door.create(user("ann"))
            found = read(door, ANN)
            assert [gap.reason for gap in found.account_gaps] == [GapReason.NOT_APPLICABLE]
            assert found.account_access == {ANN: frozenset()}

    def test_an_instance_of_an_account_gives_none(self) -> None:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(replace(DETAILS, organization=False))
            door = gateway(sandbox)
            door.create(user("ann"))
            found = read(door, ANN)
            assert [gap.reason for gap in found.account_gaps] == [GapReason.NOT_APPLICABLE]
            assert asked(door) == {"DescribeInstance": 1}


class TestPlans:
    """A plan made without the permission says so, and what is needed; it never says nobody."""

    @pytest.mark.usefixtures("accounts")
    def test_by_a_delegated_administrator(self, sandbox: Sandbox) -> None:
        document = planned(from_account(sandbox, DELEGATED), AccountReading.PRINCIPAL)
        assert document.account_access == ()
        assert document.account_access_read == "denied"
        assert document.account_access_note is not None
        assert f"management account {INSTANCE.account_id}" in document.account_access_note
        assert not document.access_complete
        assert read_plan(plan_bytes(document)) == document
        first = " ".join(" ".join(plan_text(document).splitlines()[:10]).split())
        assert document.account_access_note in first

    @pytest.mark.usefixtures("accounts")
    def test_that_lists(self, sandbox: Sandbox) -> None:
        document = planned(from_account(sandbox, DELEGATED), AccountReading.LIST)
        (access,) = document.account_access
        assert (access.effect, access.access, access.account_name) == (
            "gains",
            "AdministratorAccess",
            "prod",
        )
        assert [one.user for one in access.listed] == ["ann"]
        assert document.access_complete

    def test_on_an_instance_of_an_account(self) -> None:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(replace(DETAILS, organization=False))
            door = gateway(sandbox)
            for resource in (user("bob"), user("ann"), group("platform")):
                door.create(resource)
            document = planned(door, AccountReading.PRINCIPAL)
            assert document.account_access_read == "not applicable"
            assert document.access_complete


def planned(door: AwsGateway, reading: AccountReading, *names: str) -> PlanDocument:
    """Return the plan that has Ann and Bob in platform, or *names*."""
    names = names or ("ann", "bob")
    settings = Settings(INSTANCE, require_email=False, account_access=reading)
    members = tuple(Listed(name, HERE) for name in names)
    platform = DeclaredGroup(Group(GroupName("platform")), HERE, members=members)
    people = (DeclaredUser(User(UserName(name)), HERE) for name in names)
    declared = Declared(settings, users=tuple(people), groups=(platform,), digest="0" * 64)
    return make_plan(declared, door, PlanTerms())[1]


class TestAudit:
    """A question about one user or group is answered as if everything had been listed."""

    @pytest.mark.parametrize(
        "question",
        [
            AccessQuestion(user="bob"),
            AccessQuestion(user="ANN"),
            AccessQuestion(group="platform"),
            AccessQuestion(user="bob", group="platform"),
        ],
        ids=["through a group", "directly", "a group", "both"],
    )
    @pytest.mark.parametrize("through_groups", [True, False])
    def test_access(self, question: AccessQuestion, *, through_groups: bool) -> None:
        with Sandbox.assuming(Assumptions(account_access_through_groups=through_groups)) as sandbox:
            sandbox.ensure_instance(DETAILS)
            furnished(sandbox)
            narrow, wide = (
                question.answer(
                    inspection_of(
                        Site(INSTANCE, gateway(sandbox, write=False).read_state(one), accounts=True)
                    )
                )
                for one in (question.wanted, WITH_ACCOUNTS)
            )
        assert narrow.rows == wide.rows != ()
        assert narrow.notes == wide.notes
