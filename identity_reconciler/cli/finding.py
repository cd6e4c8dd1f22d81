"""Find the instances that the credentials lead to, where no settings name one yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity_reconciler.cli.connection import SANDBOX_FILE, Target
from identity_reconciler.cli.output import note
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.declared import Instance
    from identity_reconciler.gateway.clients import Clients

_UNPACED = 100_000.0
"""Requests a second: the sandbox has no quota."""


@dataclass(frozen=True, slots=True)
class Found:
    """What AWS says about one instance."""

    arn: str
    store: str
    owner: str
    """The account that owns it."""
    name: str


@contextmanager
def clients_for(target: Target, region: str | None) -> Iterator[Clients]:
    """Yield clients that read in *region*, or in that of the profile or the sandbox.

    Raises:
        UsageError: There is no region, or the sandbox is not installed.
    """
    from identity_reconciler.gateway.clients import make_clients, make_session
    from identity_reconciler.gateway.pacing import Rates

    if not target.sandbox:
        session = make_session()
        chosen = region or session.region_name
        if chosen is None:
            raise UsageError("give --region: the region of the instance")
        yield make_clients(
            session, region=chosen, endpoint_url=target.endpoint_url, rates=target.rates
        )
        return
    try:
        from identity_reconciler.sandbox import InstanceDetails, Sandbox
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs the package {error.name}; "
            "install it with: pip install 'identity-reconciler[sandbox]'"
        ) from error
    with Sandbox(SANDBOX_FILE) as sandbox:
        note(f"using the sandbox in {SANDBOX_FILE}, not AWS")
        if not sandbox.summary().instances:
            sandbox.ensure_instance(InstanceDetails())
            sandbox.add_catalogue()
        first = sandbox.summary().instances[0]
        rates = target.rates or Rates(sso_admin=_UNPACED, identity_store=_UNPACED)
        yield make_clients(
            sandbox.session(first.account), region=region or first.region, rates=rates
        )


def instances(clients: Clients) -> list[Found]:
    """Return the instances in the region of *clients*, by ARN.

    Raises:
        GatewayError: They could not be listed.
    """
    from identity_reconciler.gateway.errors import Call, translating
    from identity_reconciler.gateway.listing import pages

    call = Call("sso-admin", "ListInstances", "the list of instances")
    with translating(call):
        found = [
            Found(
                arn=str(item.get("InstanceArn")),
                store=str(item.get("IdentityStoreId")),
                owner=str(item.get("OwnerAccountId")),
                name=str(item.get("Name") or ""),
            )
            for page in pages(clients.sso_admin, call, {})
            for item in page
        ]
    return sorted(found, key=lambda one: one.arn)


def caller(clients: Clients) -> str:
    """Return the account of the credentials.

    Raises:
        GatewayError: There are none that work.
    """
    from identity_reconciler.gateway.errors import Call, translating

    with translating(Call("sts", "GetCallerIdentity", "the credentials")):
        return clients.sts.get_caller_identity()["Account"]


def as_instance(found: Found, name: str, region: str, account: str) -> Instance:
    """Return *found* as the settings name it, for someone with credentials of *account*."""
    from identity_reconciler.declared import Instance

    return Instance(
        name=name,
        region=region,
        account_id=found.owner,
        instance_arn=found.arn,
        identity_store_id=found.store,
        delegated_administrator=account if account != found.owner else None,
    )
