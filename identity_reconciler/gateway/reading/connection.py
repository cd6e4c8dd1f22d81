"""What every request of the gateway needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from identity_reconciler.core.declared import Instance
from identity_reconciler.gateway.reading.account_names import AccountNames
from identity_reconciler.gateway.reading.directory import Directory
from identity_reconciler.gateway.wire.clients import Clients


@dataclass(frozen=True, slots=True)
class Connection:
    """The clients, the instance they lead to, and the identifiers met there so far."""

    clients: Clients
    instance: Instance
    directory: Directory = field(default_factory=Directory)
    accounts: AccountNames = field(default_factory=AccountNames)

    @property
    def store(self) -> str:
        """The IdentityStoreId."""
        return self.instance.identity_store_id
