"""The ways to the instances that probes work in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from identity_reconciler.core.declared import Instance
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.reading.instances import list_instances, require_instance
from identity_reconciler.gateway.wire.clients import make_clients, make_session
from identity_reconciler.gateway.wire.errors import Call, translating
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.probing.asking import ProbedInstance
from identity_reconciler.probing.clients import ProbingClients, probing_clients
from identity_reconciler.sandbox import InstanceDetails, Sandbox

if TYPE_CHECKING:
    import boto3

SANDBOX = "sandbox"
_UNPACED = Rates(**{quota.name: 100_000.0 for quota in fields(Rates)})
_REGION = "us-east-1"
_ELSEWHERE = "eu-west-1"
_MOST = 50
"""Users, and groups, that a scratch instance may have."""


@dataclass(frozen=True, slots=True)
class Address:
    """An instance and how to get there."""

    place: str
    """What the table calls it."""
    name: str
    """What its settings call it, or else the host where it is."""
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
    """See ProbedInstance."""


def declared_address(
    instance: Instance,
    endpoint_url: str | None,
    rates: Rates | None,
    profile: str | None = None,
) -> Address:
    """Return the address of the instance that the settings name, for the credentials of *profile*.

    Raises:
        WrongInstanceError: The credentials lead elsewhere.
        GatewayError: They cannot be asked where they lead.
    """
    session = make_session(profile)
    clients = make_clients(session, region=instance.region, endpoint_url=endpoint_url)
    require_instance(clients, instance)
    return Address(
        place=_host(endpoint_url) if endpoint_url else "AWS",
        name=instance.name,
        session=session,
        region=instance.region,
        instance_arn=instance.instance_arn,
        store_id=instance.identity_store_id,
        account=instance.account_id,
        endpoint_url=endpoint_url,
        rates=rates,
    )


def found_address(endpoint_url: str, rates: Rates | None, profile: str | None = None) -> Address:
    """Return the address of the one instance that a stand-in has, for credentials of *profile*.

    Raises:
        UsageError: It has none, or several.
        GatewayError: It cannot be asked.
    """
    session = make_session(profile)
    region = session.region_name or _REGION
    found = list_instances(make_clients(session, region=region, endpoint_url=endpoint_url))
    if len(found) != 1:
        raise UsageError(
            f"{endpoint_url} has {len(found)} instances in {region}; expected one. Name it with "
            "--aws DIR, the directory of its instance.yaml"
        )
    (instance,) = found
    return Address(
        place=_host(endpoint_url),
        name=_host(endpoint_url),
        session=session,
        region=instance.region,
        instance_arn=instance.instance_arn,
        store_id=instance.identity_store_id,
        account=instance.owner,
        endpoint_url=endpoint_url,
        rates=rates or _UNPACED,
        patience=0.0,
    )


def _host(endpoint_url: str) -> str:
    return urlsplit(endpoint_url).netloc.rpartition("@")[2]


def require_scratch(site: ProbedInstance) -> str:
    """Return how much there is at *site*, if that is so little that nobody can be using it.

    Raises:
        UsageError: There is more.
        GatewayError: It cannot be listed.
    """
    with translating(Call("identitystore", "ListUsers", "the users of the scratch instance")):
        users = site.store.list_users(IdentityStoreId=site.store_id, MaxResults=_MOST + 1)
    with translating(Call("identitystore", "ListGroups", "the groups of the scratch instance")):
        groups = site.store.list_groups(IdentityStoreId=site.store_id, MaxResults=_MOST + 1)
    number_of_users, number_of_groups = len(users["Users"]), len(groups["Groups"])
    if max(number_of_users, number_of_groups) > _MOST or "NextToken" in {**users, **groups}:
        raise UsageError(
            f"{site.instance_arn} has more than {_MOST} users or groups: it is no scratch "
            "instance; nothing was made"
        )
    return f"{number_of_users} users and {number_of_groups} groups"


def site_at(address: Address) -> ProbedInstance:
    """Return the instance at *address*, with a way through another of its Regions.

    Raises:
        GatewayError: The instances could not be listed.
    """
    clients = _clients(address, address.region)
    elsewhere = _other_region(clients, address)
    return ProbedInstance(
        name=address.place,
        instance_arn=address.instance_arn,
        store_id=address.store_id,
        account=address.account,
        store=clients.identity_store,
        admin=clients.sso_admin,
        access=clients.account_access,
        replica=_clients(address, elsewhere).identity_store if elsewhere else None,
        patience=address.patience,
        requests=clients.requests,
    )


def sandbox_site(sandbox: Sandbox) -> ProbedInstance:
    """Return an instance in a new *sandbox*, with all that a question needs."""
    details = InstanceDetails(regions=(_ELSEWHERE,))
    sandbox.ensure_instance(details)
    sandbox.add_catalogue()
    return site_at(
        Address(
            place=SANDBOX,
            name=SANDBOX,
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
