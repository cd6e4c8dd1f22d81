"""Find the instances that the credentials lead to, where no settings name one yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from identity_reconciler.cli.connection import Target, open_sandbox
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Instance
    from identity_reconciler.gateway.reading.instances import ListedInstance
    from identity_reconciler.gateway.wire.clients import Clients


@contextmanager
def clients_for(target: Target, region: str | None) -> Iterator[Clients]:
    """Yield clients that read in *region*, or in that of the profile or the sandbox.

    Raises:
        UsageError: There is no region, or the sandbox is not installed.
    """
    from identity_reconciler.gateway.wire.clients import make_clients, make_session

    if not target.sandbox:
        session = make_session(target.profile)
        chosen = region or session.region_name
        if chosen is None:
            raise UsageError("give --region: the region of the instance")
        yield make_clients(
            session, region=chosen, endpoint_url=target.endpoint_url, rates=target.rates
        )
        return
    with open_sandbox() as sandbox:
        sandbox.furnish()
        first = sandbox.summary().instances[0]
        yield make_clients(
            sandbox.session(first.account),
            region=region or first.region,
            rates=target.sandbox_rates(),
        )


def as_instance(found: ListedInstance, name: str, region: str, account: str) -> Instance:
    """Return *found* as the settings name it, for someone with credentials of *account*."""
    from identity_reconciler.core.declared import Instance

    return Instance(
        name=name,
        region=region,
        account_id=found.owner,
        instance_arn=found.instance_arn,
        identity_store_id=found.identity_store_id,
        delegated_administrator=account if account != found.owner else None,
    )
