"""The boto3 clients: how they retry, wait and give up, and what each of them may send.

Reads are retried by the SDK. Writes are sent once: a retry after a lost answer would come back
as a conflict with our own object, so what became of a write is for the caller to find out.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader

from identity_reconciler import __version__
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.errors import Call, translating
from identity_reconciler.gateway.wire.operations import Purpose, ServiceOperation, operations_for
from identity_reconciler.gateway.wire.pacing import Clock, Pacer, Rates, SystemClock
from identity_reconciler.gateway.wire.tally import Tally
from identity_reconciler.gateway.wire.wiring import (
    Announcer,
    forbid_all_but,
    requeue_throttled,
    wire,
)

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sso_admin import SSOAdminClient
    from mypy_boto3_sts import STSClient

_READ_ATTEMPTS = 8
_LATE_ATTEMPTS = 3
_CONNECT_TIMEOUT = 5
"""Seconds."""
_READ_TIMEOUT = 20
"""Seconds."""
_LATENCY = 1.0
"""Seconds that an answer may take before a quota is no longer used in full."""
_FEWEST_THREADS = 4
_MOST_THREADS = 32
_POOLS = 8
"""Operations that one client may send side by side: as many of identitystore write."""


class LateClients:
    """Clients that not every run needs: made when first asked for."""

    def __init__(self, make: Callable[[str], BaseClient]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: dict[str, BaseClient] = {}

    @property
    def sts(self) -> STSClient:
        """The client of STS. An audit asks it nothing about the accounts that it enters."""
        return cast("STSClient", self._client("sts"))

    @property
    def account_access(self) -> BaseClient:
        """The client of account access manager."""
        return self._client("account-access")

    @property
    def organizations(self) -> BaseClient:
        """The client of Organizations."""
        return self._client("organizations")

    @property
    def s3(self) -> S3Client:
        """The client of S3, for the lease alone; it refuses writes as the other clients do."""
        client: Any = self._client("s3")
        made: S3Client = client
        return made

    def _client(self, service: str) -> BaseClient:
        with self._lock:
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one account and region, paced together. Safe to share between threads."""

    region: str
    sso_admin: SSOAdminClient
    identity_store: IdentityStoreClient
    sso_admin_writer: SSOAdminClient
    """The reading client itself, which refuses writes, unless writes were asked for."""
    identity_store_writer: IdentityStoreClient
    """As `sso_admin_writer`."""
    late: LateClients
    requests: Tally
    """Every request that any of them sent."""
    rates: Rates
    writes: Announcer
    """Announces each request of the writers."""

    @property
    def writable(self) -> bool:
        """Whether there are clients that write."""
        return self.identity_store_writer is not self.identity_store

    def threads(self, rate: float) -> int:
        """Return how many requests must be under way to send *rate* of them a second."""
        return min(_MOST_THREADS, max(_FEWEST_THREADS, math.ceil(rate * _LATENCY)))


def make_session(profile: str | None = None) -> boto3.Session:
    """Return a session with the default credentials, or with those of *profile*.

    No address of a service is taken from the environment, the profile, or models beside those of
    botocore, also where the SDK asks for credentials by itself. What gives credentials is: the
    addresses of containers and instance metadata, and programs of `credential_process`.

    Raises:
        CredentialsError: There is no such profile.
    """
    with translating(Call("sts", "GetCallerIdentity", f"profile {profile or 'default'}")):
        core = botocore.session.Session()
        core.register_component("data_loader", _own_models())
        core.set_default_client_config(_without_configured_endpoints())
        session = boto3.Session(profile_name=profile, botocore_session=core)
        core.get_scoped_config()  # Now, and not at the first request, an unknown one is told.
        return session


@cache
def _own_models() -> Loader:
    """Return what reads the models of services, and where they are, that come with botocore."""
    # By default those of AWS_DATA_PATH and ~/.aws/models would go first.
    paths = [Loader.BUILTIN_DATA_PATH]
    return Loader(extra_search_paths=paths, include_default_search_paths=False)


def _without_configured_endpoints(**options: Any) -> Config:  # noqa: ANN401 - as botocore
    # The stubs lack it.
    config: Any = Config
    made: Config = config(ignore_configured_endpoint_urls=True, **options)
    return made


def make_clients(  # noqa: PLR0913 - what a session does not say, by name
    session: boto3.Session,
    *,
    region: str,
    endpoint_url: str | None = None,
    purpose: Purpose = Purpose.PLAN,
    rates: Rates | None = None,
    clock: Clock | None = None,
) -> Clients:
    """Return clients that can send what *purpose* takes, and only for some of them write.

    They wait for their turns by *clock*, which is that of the machine where none is given.

    Addresses of endpoints come from *endpoint_url* or from AWS, never from the environment or
    the profile: a forgotten variable would send requests, and people's data, elsewhere. The
    loggers of botocore and urllib3 are kept at WARNING, because below that they write out
    requests, tokens included.

    Raises:
        UsageError: *region* or *endpoint_url* cannot be used.
        CredentialsError: What the session's profile says cannot be used.
    """
    for name in ("botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    rates = rates or Rates()
    reading, writing = client_config(_READ_ATTEMPTS), client_config(1)
    pacer = Pacer(rates, clock or SystemClock())
    wires = _Wires(pacer, Tally(), operations_for(purpose), Announcer())
    try:
        sso_admin = session.client("sso-admin", region, endpoint_url=endpoint_url, config=reading)
        identity_store = session.client(
            "identitystore", region, endpoint_url=endpoint_url, config=reading
        )
        sso_admin_writer, identity_store_writer = sso_admin, identity_store
        if wires.writes:
            sso_admin_writer = session.client(
                "sso-admin", region, endpoint_url=endpoint_url, config=writing
            )
            identity_store_writer = session.client(
                "identitystore", region, endpoint_url=endpoint_url, config=writing
            )
    except (BotoCoreError, ValueError) as error:
        # botocore answers a malformed address with a bare ValueError.
        raise UsageError(f"no clients for region {region}: {error}") from error
    for client in (sso_admin, identity_store):
        wires.reader(client)
    if wires.writes:
        wires.writer(sso_admin_writer)
        wires.writer(identity_store_writer)

    def late(service: str) -> BaseClient:
        # The stubs know each service by its name only.
        make: Any = session.client
        # Where account access manager cannot be reached, plans go on without, and soon.
        config = client_config(_LATE_ATTEMPTS) if service == "account-access" else reading
        if service == "s3":
            config = writing
        client: BaseClient = make(service, region, endpoint_url=endpoint_url, config=config)
        (wires.writer if service == "s3" else wires.reader)(client)
        return client

    return Clients(
        region=region,
        sso_admin=sso_admin,
        identity_store=identity_store,
        sso_admin_writer=sso_admin_writer,
        identity_store_writer=identity_store_writer,
        late=LateClients(late),
        requests=wires.tally,
        rates=rates,
        writes=wires.announcer,
    )


@dataclass(frozen=True, slots=True)
class _Wires:
    pacer: Pacer
    tally: Tally
    allowed: tuple[ServiceOperation, ...]
    announcer: Announcer

    @property
    def writes(self) -> bool:
        return any(one.writes for one in self.allowed)

    def reader(self, client: BaseClient) -> None:
        wire(client, self.pacer, self.tally)
        forbid_all_but(client, (one for one in self.allowed if not one.writes))
        requeue_throttled(client)

    def writer(self, client: BaseClient) -> None:
        wire(client, self.pacer, self.tally, self.announcer)
        forbid_all_but(client, self.allowed)


def client_config(attempts: int) -> Config:
    """Return how a client waits and retries that sends a request up to *attempts* times."""
    return _without_configured_endpoints(
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_POOLS * _MOST_THREADS,
        user_agent_extra=f"identity-reconciler/{__version__}",
    )
