"""The clients of the probes: made as the product's own, for the operations that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.clients import client_config
from identity_reconciler.gateway.wire.operations import BoundTo, ServiceOperation
from identity_reconciler.gateway.wire.pacing import Pacer, Rates, SystemClock
from identity_reconciler.gateway.wire.tally import Tally
from identity_reconciler.gateway.wire.wiring import forbid_all_but, requeue_throttled, wire

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_account_access import AccountAccessClient
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

SENT = {
    "identitystore": (
        "CreateGroup",
        "CreateGroupMembership",
        "CreateUser",
        "DeleteGroup",
        "DeleteGroupMembership",
        "DeleteUser",
        "DescribeGroup",
        "DescribeGroupMembership",
        "DescribeUser",
        "GetGroupId",
        "GetGroupMembershipId",
        "GetUserId",
        "IsMemberInGroups",
        "ListGroupMemberships",
        "ListGroupMembershipsForMember",
        "ListGroups",
        "ListUsers",
        "UpdateGroup",
        "UpdateUser",
    ),
    "sso-admin": (
        "CreateAccountAssignment",
        "CreateApplication",
        "CreateApplicationAssignment",
        "CreatePermissionSet",
        "DeleteAccountAssignment",
        "DeleteApplication",
        "DeleteApplicationAssignment",
        "DeletePermissionSet",
        "DescribeAccountAssignmentCreationStatus",
        "DescribeAccountAssignmentDeletionStatus",
        "DescribeApplication",
        "DescribeInstance",
        "DescribePermissionSet",
        "DescribePermissionSetProvisioningStatus",
        "DetachManagedPolicyFromPermissionSet",
        "GetApplicationAssignmentConfiguration",
        "GetInlinePolicyForPermissionSet",
        "ListAccountAssignments",
        "ListAccountAssignmentsForPrincipal",
        "ListApplicationAssignments",
        "ListApplicationAssignmentsForPrincipal",
        "ListApplications",
        "ListInstances",
        "ListPermissionSets",
        "ListPermissionSetsProvisionedToAccount",
        "ProvisionPermissionSet",
        "UpdateApplication",
        "UpdatePermissionSet",
    ),
    "account-access": (
        "CreateApplication",
        "CreateEntitlement",
        "DeleteApplication",
        "DeleteEntitlement",
        "GetApplication",
        "GetEntitlement",
        "ListApplications",
        "ListEntitlements",
        "ListTagsForResource",
    ),
}
"""Every operation that a probe may send, by service; the clients refuse all others."""

_WHY = "a probe"


@dataclass(frozen=True, slots=True)
class ProbingClients:
    """The clients of one account and Region, paced together."""

    identity_store: IdentityStoreClient
    sso_admin: SSOAdminClient
    account_access: AccountAccessClient
    requests: Tally


def probing_clients(
    session: boto3.Session, region: str, *, endpoint_url: str | None, rates: Rates
) -> ProbingClients:
    """Return clients that send everything once, but for what was throttled.

    A create that is sent again after a lost answer would meet its own object, and a probe would
    take that for the answer.

    Raises:
        UsageError: *region* or *endpoint_url* cannot be used.
    """
    config = client_config(1)
    pacer, tally = Pacer(rates, SystemClock()), Tally()
    try:
        store = session.client("identitystore", region, endpoint_url=endpoint_url, config=config)
        admin = session.client("sso-admin", region, endpoint_url=endpoint_url, config=config)
        access = session.client("account-access", region, endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"no clients for region {region}: {error}") from error
    allowed = [
        ServiceOperation(service, name, BoundTo.NOTHING, frozenset(), _WHY)
        for service, names in SENT.items()
        for name in names
    ]
    for client in (store, admin, access):
        wire(client, pacer, tally)
        forbid_all_but(client, allowed)
        requeue_throttled(client)
    return ProbingClients(store, admin, access, tally)
