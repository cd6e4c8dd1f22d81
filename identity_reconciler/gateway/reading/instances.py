"""The instances that clients lead to, and whether one is the one that the settings name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from identity_reconciler.core.declared import Instance
from identity_reconciler.errors import WrongInstanceError
from identity_reconciler.gateway.reading.listing import pages
from identity_reconciler.gateway.wire.clients import Clients
from identity_reconciler.gateway.wire.errors import Call, code_of, translating


@dataclass(frozen=True, slots=True)
class ListedInstance:
    """One entry of ListInstances."""

    instance_arn: str
    identity_store_id: str
    owner: str
    """Twelve digits: the account that owns it."""
    name: str
    """May be empty."""
    region: str
    """The primary Region; where AWS does not tell, the one that was asked."""
    status: str


def list_instances(clients: Clients, *, everywhere: bool = True) -> tuple[ListedInstance, ...]:
    """Return the instances that *clients* see, by ARN: of all Regions, or of theirs alone.

    Where AWS knows no way to list all Regions, their own is listed.

    Raises:
        GatewayError: They could not be listed.
    """
    call = Call("sso-admin", "ListInstances", "the list of instances")
    with translating(call):
        try:
            listed = _listed(clients, call, {"RegionScope": "ALL_REGIONS"} if everywhere else {})
        except ClientError as error:
            if not everywhere or code_of(error) != "ValidationException":
                raise
            listed = _listed(clients, call, {})
    found = {one.instance_arn: one for one in listed}
    return tuple(found[arn] for arn in sorted(found))


def _listed(clients: Clients, call: Call, request: dict[str, Any]) -> list[ListedInstance]:
    return [
        ListedInstance(
            instance_arn=item["InstanceArn"],
            identity_store_id=item["IdentityStoreId"],
            owner=item["OwnerAccountId"],
            name=item.get("Name", ""),
            region=item.get("PrimaryRegion") or clients.region,
            status=item.get("Status", "ACTIVE"),
        )
        for page in pages(clients.sso_admin, call, request)
        for item in page
    ]


def require_instance(clients: Clients, instance: Instance) -> None:
    """Return only if *clients* lead to *instance*; makes two requests.

    Raises:
        WrongInstanceError: They lead to another account, region, instance or store.
        GatewayError: AWS does not say where they lead.
    """
    if clients.region != instance.region:
        raise WrongInstanceError(
            f"the clients are for region {clients.region}, instance.yaml says {instance.region}"
        )
    _require_account(clients, instance)
    _require_listed(_find(clients, instance), instance, writable=clients.writable)


def caller(clients: Clients) -> str:
    """Return the account of the credentials.

    Raises:
        GatewayError: There are none that work.
    """
    with translating(Call("sts", "GetCallerIdentity", "the credentials")):
        return clients.late.sts.get_caller_identity()["Account"]


def _require_account(clients: Clients, instance: Instance) -> None:
    account = caller(clients)
    administrators = [instance.account_id]
    if instance.delegated_administrator is not None:
        administrators.append(instance.delegated_administrator)
    if account not in administrators:
        raise WrongInstanceError(
            f"the credentials are for account {account}, instance.yaml says "
            f"{' or '.join(administrators)}; use credentials of that account, or correct "
            "account_id or delegated_administrator"
        )


def _find(clients: Clients, instance: Instance) -> ListedInstance:
    """Return what is listed about *instance*."""
    listed = list_instances(clients)
    for one in listed:
        if one.instance_arn == instance.instance_arn:
            return one
    seen = ", ".join(one.instance_arn for one in listed) or "none"
    raise WrongInstanceError(
        f"instance {instance.instance_arn} is not visible in account {instance.account_id} from "
        f"{instance.region}; found: {seen}; correct instance_arn or region in instance.yaml"
    )


def _require_listed(listed: ListedInstance, instance: Instance, *, writable: bool) -> None:
    """Compare what AWS says about the instance with what the settings say."""
    expected = {
        "IdentityStoreId": (listed.identity_store_id, instance.identity_store_id),
        "OwnerAccountId": (listed.owner, instance.account_id),
        "Status": (listed.status, "ACTIVE"),
    }
    if writable:
        # Users and groups can be written in the primary region only. Source:
        # userguide/use-cases-across-regions.html.
        expected["PrimaryRegion"] = (listed.region, instance.region)
    wrong = [
        f"{member} is {found}, expected {value}"
        for member, (found, value) in expected.items()
        if found != value
    ]
    if wrong:
        raise WrongInstanceError(
            f"instance {instance.instance_arn}: {'; '.join(wrong)}; correct instance.yaml, or use "
            "the credentials and region of the instance it means"
        )
