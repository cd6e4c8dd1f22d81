"""Make sure that the clients lead to the instance that the settings name, before anything else."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from identity_reconciler.declared import Instance
from identity_reconciler.errors import WrongInstanceError
from identity_reconciler.gateway.clients import Clients
from identity_reconciler.gateway.errors import Call, code_of, translating
from identity_reconciler.gateway.listing import Item, pages


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
    _require_item(_find(clients, instance), instance, writable=clients.writable)


def _require_account(clients: Clients, instance: Instance) -> None:
    with translating(Call("sts", "GetCallerIdentity", "the credentials")):
        account = clients.sts.get_caller_identity()["Account"]
    administrators = [instance.account_id]
    if instance.delegated_administrator is not None:
        administrators.append(instance.delegated_administrator)
    if account not in administrators:
        raise WrongInstanceError(
            f"the credentials are for account {account}, instance.yaml says "
            f"{' or '.join(administrators)}; use credentials of that account, or correct "
            "account_id or delegated_administrator"
        )


def _find(clients: Clients, instance: Instance) -> Item:
    """Return the item of *instance* in the list of instances."""
    found = _instances(clients)
    for item in found:
        if item.get("InstanceArn") == instance.instance_arn:
            return item
    seen = ", ".join(sorted(str(item.get("InstanceArn")) for item in found)) or "none"
    raise WrongInstanceError(
        f"instance {instance.instance_arn} is not visible in account {instance.account_id} from "
        f"{instance.region}; found: {seen}; correct instance_arn or region in instance.yaml"
    )


def _instances(clients: Clients) -> list[Item]:
    """Return the instances visible in all regions, or in this one where AWS knows no other way."""
    call = Call("sso-admin", "ListInstances", "the list of instances")
    with translating(call):
        try:
            return _listed(clients, call, {"RegionScope": "ALL_REGIONS"})
        except ClientError as error:
            if code_of(error) != "ValidationException":
                raise
            return _listed(clients, call, {})


def _listed(clients: Clients, call: Call, request: dict[str, Any]) -> list[Item]:
    return [item for page in pages(clients.sso_admin, call, request) for item in page]


def _require_item(item: Item, instance: Instance, *, writable: bool) -> None:
    """Compare what AWS says about the instance with what the settings say."""
    expected = {
        "IdentityStoreId": instance.identity_store_id,
        "OwnerAccountId": instance.account_id,
        "Status": "ACTIVE",
    }
    if writable and item.get("PrimaryRegion"):
        # Users and groups can be written in the primary region only. Source:
        # userguide/use-cases-across-regions.html.
        expected["PrimaryRegion"] = instance.region
    wrong = [
        f"{member} is {item.get(member)}, expected {value}"
        for member, value in expected.items()
        if item.get(member) != value
    ]
    if wrong:
        raise WrongInstanceError(
            f"instance {instance.instance_arn}: {'; '.join(wrong)}; correct instance.yaml, or use "
            "the credentials and region of the instance it means"
        )
