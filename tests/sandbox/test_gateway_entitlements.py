"""What the gateway reads of account access manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from identity_reconciler.core.accounts import AccountReading, AccountRole, AccountRoleKind
from identity_reconciler.core.state import Principal, PrincipalKind, State
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import FaultKind
from tests.sandbox.account_world import Accounts
from tests.sandbox.gateway_world import EVERYTHING, INSTANCE, gateway, group, member, trouble, user
from tests.sandbox.test_gateway_accounts import ANN, BOB, PLATFORM, PROD, planned

if TYPE_CHECKING:
    from mypy_boto3_account_access.type_defs import IdentityCenterPrincipalTypeDef

ROOT = AccountRole(
    PROD,
    "prod",
    AccountRoleKind.ROLE,
    "break-glass/Root",
    f"arn:aws:iam::{PROD}:role/break-glass/Root",
)


@pytest.fixture
def manager(sandbox: Sandbox) -> None:
    """Bob is in platform, which may be Root in prod, and Ann may be so by herself."""
    sandbox.add_account(PROD, "prod")
    door = gateway(sandbox)
    for resource in (user("bob"), user("ann"), group("platform"), member("platform", "bob")):
        door.create(resource)
    client = sandbox.session().client("account-access")
    arn = client.create_application(
        identitySource={"identityCenter": {"instanceArn": INSTANCE.instance_arn}}
    )["applicationArn"]
    accounts = Accounts(sandbox)
    principals: tuple[IdentityCenterPrincipalTypeDef, ...] = (
        {"groupId": accounts.identifier("group", "platform")},
        {"userId": accounts.identifier("user", "ann")},
    )
    for principal in principals:
        client.create_entitlement(
            applicationArn=arn,
            entitlement={
                "principalRole": {
                    "principal": {"identityCenter": principal},
                    "roleArn": ROOT.arn,
                }
            },
        )


def asked(of: AwsGateway) -> dict[str, int]:
    """Return the requests to account access manager."""
    counts = of.requests.counts()
    return {name: n for (service, name), n in counts.items() if service == "account-access"}


def read(door: AwsGateway, *principals: Principal, lists: bool = False) -> State:
    door.read_state(EVERYTHING)
    return door.read_state(Wanted(account_access=principals, account_lists=lists))


@pytest.mark.usefixtures("manager")
class TestEntitlements:
    """Roles of accounts are read as permission sets are: by principal, or all of them."""

    def test_by_principal(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        found = read(door, PLATFORM, ANN, BOB)
        assert found.account_access == {
            PLATFORM: frozenset({ROOT}),
            ANN: frozenset({ROOT}),
            BOB: frozenset(),
        }
        assert str(ROOT) == f"role/break-glass/Root in prod ({PROD})"
        assert asked(door) == {"ListApplications": 1, "GetApplication": 1, "ListEntitlements": 3}
        door.read_state(Wanted(account_access=(BOB,)))
        assert asked(door) == {"ListApplications": 1, "GetApplication": 1, "ListEntitlements": 4}

    def test_all_with_orphans(self, sandbox: Sandbox) -> None:
        lost = Accounts(sandbox).identifier("user", "ann")
        gateway(sandbox).delete(user("ann"))
        door = gateway(sandbox)
        found = read(door, lists=True)
        assert found.account_access == {
            PLATFORM: frozenset({ROOT}),
            Principal(PrincipalKind.USER, lost, orphan=True): frozenset({ROOT}),
        }
        # One for each account of the organisation.
        assert asked(door)["ListEntitlements"] == 2

    def test_that_may_not_be_listed_are_told(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        door.read_state(EVERYTHING)
        sandbox.make_trouble(trouble("ListAccounts", FaultKind.ERROR, "AccessDeniedException"))
        (gap,) = door.read_state(Wanted(account_lists=True)).account_gaps
        assert gap.note.startswith("account-access:ListEntitlements: organizations:ListAccounts")

    def test_that_may_not_be_asked_for_are_told(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        door.read_state(EVERYTHING)
        sandbox.make_trouble(trouble("ListEntitlements", FaultKind.ERROR, "AccessDeniedException"))
        (gap,) = door.read_state(Wanted(account_access=(PLATFORM,))).account_gaps
        assert gap.note.startswith("account-access:ListEntitlements")

    @pytest.mark.parametrize("reading", [AccountReading.PRINCIPAL, AccountReading.LIST])
    def test_in_a_plan(self, sandbox: Sandbox, reading: AccountReading) -> None:
        """Ann has the role already; who else comes into platform gets it."""
        door = gateway(sandbox)
        document = planned(door, reading)
        assert document.account_access == ()
        door.create(user("eve"))
        document = planned(door, reading, "ann", "bob", "eve")
        (access,) = document.account_access
        assert [one.user for one in access.listed] == ["eve"]
        assert (access.kind, access.access) == ("role", "role/break-glass/Root")
        assert document.access_complete
