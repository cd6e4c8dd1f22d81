"""The accounts of an organisation and the instances in each, through one role per account.

Nothing here writes: every client refuses what an audit does not take, and AssumeRole changes
nothing.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import State
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.instances import ListedInstance, list_instances
from identity_reconciler.gateway.wire.clients import Clients, make_clients
from identity_reconciler.gateway.wire.errors import Call, translating
from identity_reconciler.gateway.wire.operations import Purpose, operations_for
from identity_reconciler.gateway.wire.pacing import Pacer, Rates, SystemClock
from identity_reconciler.gateway.wire.tally import Tally
from identity_reconciler.gateway.wire.wiring import forbid_all_but, wire

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

_SESSION_NAME = "identity-reconciler-audit"
_ROLE_NAME = re.compile(r"[\w+=,.@/-]{1,512}", re.ASCII)
"""A role name, perhaps with its path. Source: IAM, CreateRole."""


@dataclass(frozen=True, slots=True)
class OrganizationAccount:
    """One entry of ListAccounts."""

    account_id: str
    name: str
    state: str
    """ACTIVE, SUSPENDED, PENDING_CLOSURE...; `State`, because `Status` is to be retired."""
    arn: str
    """Names the management account too. Source: organizations model, AccountArn."""

    @property
    def management(self) -> str:
        """The management account of its organisation."""
        return self.arn.split(":")[4]


@dataclass(frozen=True, slots=True)
class Reach:
    """How to get into the accounts."""

    role: str
    """The name of the role to assume in each, perhaps with its path."""
    region: str
    """Where STS is asked, and ListInstances for all Regions."""
    regions: tuple[str, ...] = ()
    """Where to list instances; empty: in all Regions, with one request."""
    endpoint_url: str | None = None
    rates: Rates | None = None

    def __post_init__(self) -> None:
        if not _ROLE_NAME.fullmatch(self.role):
            raise UsageError(f"{self.role!r} is no role name; give the name, not the ARN")

    def role_arn(self, account: OrganizationAccount) -> str:
        """Return the ARN of the role in *account*, in the partition of the organisation."""
        partition = account.arn.split(":")[1]
        return f"arn:{partition}:iam::{account.account_id}:role/{self.role.removeprefix('/')}"


class Organization:
    """The organisation that the credentials of a session can list. Safe to share."""

    def __init__(self, session: boto3.Session, reach: Reach) -> None:
        self._session = session
        self._reach = reach
        self._lock = threading.Lock()
        self._own = Tally()
        self._tallies = [self._own]
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 8},
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # The stubs lack it.
        )
        pacer = Pacer(reach.rates or Rates(), SystemClock())
        try:
            self._organizations: OrganizationsClient = session.client(
                "organizations", reach.region, endpoint_url=reach.endpoint_url, config=config
            )
            self._sts: STSClient = session.client(
                "sts", reach.region, endpoint_url=reach.endpoint_url, config=config
            )
        except (BotoCoreError, ValueError) as error:
            raise UsageError(f"no clients for region {reach.region}: {error}") from error
        for client in (self._organizations, self._sts):
            wire(client, pacer, self._own)
            forbid_all_but(client, operations_for(Purpose.AUDIT))

    @property
    def requests(self) -> int:
        """How many requests there were, to all accounts together."""
        with self._lock:
            return sum(tally.total for tally in self._tallies)

    def accounts(self) -> tuple[OrganizationAccount, ...]:
        """Return all accounts, by id.

        Raises:
            GatewayError: The credentials cannot list them; only the management account and
                delegated administrators can. Source: ListAccounts.
        """
        call = Call("organizations", "ListAccounts", "the list of accounts")
        with translating(call):
            # Pages of 20 at most, which may be empty and still not the last. Source: ListAccounts.
            listed = self._organizations.get_paginator("list_accounts").paginate()
            found = {item["Id"]: _account(item) for page in listed for item in page["Accounts"]}
        return tuple(found[account] for account in sorted(found))

    def own_account(self) -> str:
        """Return the account of the credentials.

        Raises:
            GatewayError: There are none, or they have expired.
        """
        with translating(Call("sts", "GetCallerIdentity", "the credentials")):
            return self._sts.get_caller_identity()["Account"]

    def entered(self, account: OrganizationAccount, *, own: bool = False) -> AccountEntry:
        """Return the way into *account*: with the role, or as we are when it is our *own*.

        Raises:
            GatewayError: The role is not there, or does not trust us.
        """
        if own:
            return AccountEntry(self, self._session)
        arn = self._reach.role_arn(account)
        with translating(Call("sts", "AssumeRole", arn)):
            answer = self._sts.assume_role(RoleArn=arn, RoleSessionName=_SESSION_NAME)
            credentials = answer["Credentials"]
            return AccountEntry(
                self,
                _AssumedSession(
                    self._session,
                    aws_access_key_id=credentials["AccessKeyId"],
                    aws_secret_access_key=credentials["SecretAccessKey"],
                    aws_session_token=credentials["SessionToken"],
                ),
            )

    def clients(self, session: boto3.Session | _AssumedSession, region: str) -> Clients:
        """Return reading clients, paced by themselves: quotas are per account and Region."""
        # Sessions must not be shared between threads while they make clients. Source: boto3 guide.
        with self._lock:
            clients = make_clients(
                cast("boto3.Session", session),
                region=region,
                endpoint_url=self._reach.endpoint_url,
                purpose=Purpose.AUDIT_MEMBER,
                rates=self._reach.rates,
            )
            self._tallies.append(clients.requests)
        return clients

    @property
    def reach(self) -> Reach:
        """How the accounts are reached."""
        return self._reach


class AccountEntry:
    """One account, from inside."""

    def __init__(
        self, organization: Organization, session: boto3.Session | _AssumedSession
    ) -> None:
        self._organization = organization
        self._session = session
        self._clients: dict[str, Clients] = {}

    def _in(self, region: str) -> Clients:
        if region not in self._clients:
            self._clients[region] = self._organization.clients(self._session, region)
        return self._clients[region]

    def instances(self) -> tuple[ListedInstance, ...]:
        """Return the instances the account can see, by ARN: its own and the organisation's.

        Raises:
            GatewayError: They could not be listed.
        """
        reach = self._organization.reach
        if not reach.regions:
            return list_instances(self._in(reach.region))
        found = {
            one.instance_arn: one
            for region in reach.regions
            for one in list_instances(self._in(region), everywhere=False)
        }
        return tuple(found[arn] for arn in sorted(found))

    def read(self, instance: Instance, wanted: Wanted) -> State:
        """Return what *wanted* asks for of *instance*, which is one of `instances`.

        Raises:
            GatewayError: Part of it could not be read.
        """
        # ListInstances has just named it, so there is nothing to be made sure of once more.
        return AwsGateway(Connection(self._in(instance.region), instance)).read_state(wanted)


class _AssumedSession:
    """Makes clients with other credentials and all else of a session; that is all it is for."""

    def __init__(self, session: boto3.Session, **credentials: str) -> None:
        self._session = session
        self._credentials = credentials

    def client(self, service: Any, region: str, **options: Any) -> Any:  # noqa: ANN401 - as boto3
        """Return a client, as boto3.Session does."""
        # The stubs know each service by its name only.
        make: Any = self._session.client
        return make(service, region, **options, **self._credentials)


def _account(item: Any) -> OrganizationAccount:  # noqa: ANN401 - the stubs do not know State
    return OrganizationAccount(
        account_id=item["Id"],
        name=item.get("Name", ""),
        state=item.get("State") or item.get("Status", "ACTIVE"),
        arn=item["Arn"],
    )
