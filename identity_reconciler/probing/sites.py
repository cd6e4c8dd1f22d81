"""The ways to the instances that probes work in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity_reconciler.gateway.wire.errors import Call, translating
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.probing.asking import Site
from identity_reconciler.probing.clients import ProbingClients, probing_clients
from identity_reconciler.sandbox import InstanceDetails, Sandbox

if TYPE_CHECKING:
    import boto3

SANDBOX = "sandbox"
_UNPACED = Rates(sso_admin=100_000, identity_store=100_000)
_ELSEWHERE = "eu-west-1"


@dataclass(frozen=True, slots=True)
class Address:
    """An instance and how to get there."""

    place: str
    """What the table calls it."""
    session: boto3.Session
    region: str
    """The primary one."""
    instance_arn: str
    store_id: str
    account: str
    """The owner of the instance."""
    endpoint_url: str | None = None
    rates: Rates | None = None
    patience: float = 10.0
    """See Site."""


def site_at(address: Address) -> Site:
    """Return the instance at *address*, with a way through another of its Regions.

    Raises:
        GatewayError: The instances could not be listed.
    """
    clients = _clients(address, address.region)
    elsewhere = _other_region(clients, address)
    return Site(
        name=address.place,
        instance_arn=address.instance_arn,
        store_id=address.store_id,
        account=address.account,
        store=clients.identity_store,
        admin=clients.sso_admin,
        replica=_clients(address, elsewhere).identity_store if elsewhere else None,
        patience=address.patience,
        requests=clients.requests,
    )


def sandbox_site(sandbox: Sandbox) -> Site:
    """Return an instance in a new *sandbox*, with all that a question needs."""
    details = InstanceDetails(regions=(_ELSEWHERE,))
    sandbox.ensure_instance(details)
    sandbox.add_catalogue()
    return site_at(
        Address(
            place=SANDBOX,
            session=sandbox.session(),
            region=details.region,
            instance_arn=details.instance_arn,
            store_id=details.identity_store_id,
            account=details.account_id,
            rates=_UNPACED,
            patience=0.0,
        )
    )


def _clients(address: Address, region: str) -> ProbingClients:
    return probing_clients(
        address.session,
        region,
        endpoint_url=address.endpoint_url,
        rates=address.rates or Rates(),
    )


def _other_region(clients: ProbingClients, address: Address) -> str | None:
    """Return another Region where the instance is enabled, if there is one."""
    with translating(Call("sso-admin", "ListInstances", "the list of instances")):
        listed = clients.sso_admin.list_instances()["Instances"]
    return next(
        (
            region["RegionName"]
            for instance in listed
            if instance.get("InstanceArn") == address.instance_arn
            for region in instance.get("Regions", [])
            if region.get("Status") == "ACTIVE" and region.get("RegionName") != address.region
            if "RegionName" in region
        ),
        None,
    )
