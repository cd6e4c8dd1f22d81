"""The sandbox as Python sees it: open it, fill it, get sessions from it, look inside."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from identity_reconciler.sandbox.accounts import DEFAULT_ACCOUNT, DEFAULT_REGION, partition_of
from identity_reconciler.sandbox.applications import application_arn
from identity_reconciler.sandbox.assuming import assumptions_of, document_of
from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.attributes import GROUP, USER, AttributeForm, service_model
from identity_reconciler.sandbox.catalogue import CATALOGUE, in_partition, provider_for, provider_of
from identity_reconciler.sandbox.errors import SandboxError, ServiceError
from identity_reconciler.sandbox.lag import forget_history, keep_history
from identity_reconciler.sandbox.population import Population, load
from identity_reconciler.sandbox.request_log import RequestLog
from identity_reconciler.sandbox.responder import Responder
from identity_reconciler.sandbox.services import IdentityStore
from identity_reconciler.sandbox.store import Row, Store
from identity_reconciler.sandbox.summary import Summary, summarize
from identity_reconciler.sandbox.transport import session
from identity_reconciler.sandbox.trouble import Trouble
from identity_reconciler.sandbox.troublemaker import Troublemaker
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Caller, World

DEFAULT_INSTANCE_ARN = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
DEFAULT_STORE_ID = "d-1234567890"

if TYPE_CHECKING:
    import boto3

_ASSUMPTIONS = "assumptions"
"""The document that keeps them."""
_SYSTEM = Caller("", "", "sandbox", "", "")
"""Who makes the changes that no API makes."""


@dataclass(frozen=True, slots=True)
class InstanceDetails:
    """An instance that the sandbox is to have."""

    account_id: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    instance_arn: str = DEFAULT_INSTANCE_ARN
    identity_store_id: str = DEFAULT_STORE_ID
    name: str | None = None
    regions: tuple[str, ...] = ()
    """Additional Regions."""
    organization: bool = True
    """Whether it is the organisation's instance, or that of one account."""
    permission_sets: bool = True
    """Whether the organisation's instance has permission sets from the start."""


class Sandbox:
    """A local stand-in for AWS with its data in a file, or in memory when *path* is None.

    Raises:
        StateFileError: The file cannot be used.
    """

    def __init__(self, path: Path | None = None, *, world: World | None = None) -> None:
        self._world = world or _kept_world(Store(path))
        self.requests = RequestLog()
        """What clients have asked since this object was made."""
        self.responder = Responder(self._world, self.requests)

    @classmethod
    def assuming(cls, assumptions: Assumptions, path: Path | None = None) -> Sandbox:
        """Return a sandbox that answers by other assumptions than the default ones."""
        return cls(world=World(Store(path), assumptions))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the state file."""
        self.responder.keep_counts()
        self._world.store.close()

    def make_trouble(self, trouble: Trouble | None) -> None:
        """Make *trouble* from now on; None for none. Counts and chance start afresh."""
        world = self._world
        with world.store.transaction(write=True) as store:
            forget_history(store)
            if trouble and trouble.visibility_lag:
                keep_history(store, world.clock)
            world.troublemaker = (
                Troublemaker(trouble, clock=world.clock, sleep=world.sleep) if trouble else None
            )

    def assume(self, assumptions: Assumptions) -> None:
        """Answer by *assumptions* from now on, also where the state file is opened again."""
        with self._world.store.transaction(write=True) as store:
            store.keep_document(_ASSUMPTIONS, json.dumps(document_of(assumptions)))
        self._world.assumptions = assumptions

    def reset(self) -> None:
        """Forget everything: instances, users, groups, applications, counts.

        Not what it assumes, which is how it behaves and not what it holds.
        """
        self._world.store.reset(_ASSUMPTIONS)
        self.requests.take_fresh()
        self.requests.clear()

    def furnish(self) -> None:
        """Add an instance and applications, if there is no instance: a place to begin."""
        if not self.summary().instances:
            self.ensure_instance(InstanceDetails())
            self.add_catalogue()

    def start_afresh(self) -> None:
        """Forget everything, and furnish the sandbox again."""
        self.reset()
        self.furnish()

    def session(self, account_id: str | None = None, region: str | None = None) -> boto3.Session:
        """Return a boto3 session whose clients talk to this sandbox and to nothing else.

        By default in the account and primary Region of the first instance.
        """
        with self._world.store.transaction(write=False) as store:
            row = store.one("SELECT * FROM instances ORDER BY organization DESC, row LIMIT 1")
        account = account_id or (row["account"] if row else DEFAULT_ACCOUNT)
        return session(
            self.responder.respond, account, region or (row["region"] if row else DEFAULT_REGION)
        )

    def ensure_instance(self, details: InstanceDetails) -> bool:
        """Create the instance and its identity store unless they are there; return whether it did.

        Raises:
            SandboxError: *details* break AWS's formats, or the state has an instance that
                contradicts them.
        """
        _check_formats(details)
        with self._world.store.transaction(write=True) as store:
            row = store.one(
                "SELECT * FROM instances WHERE arn = ? OR store = ?",
                (details.instance_arn, details.identity_store_id),
            )
            if row is None:
                self._insert_instance(store, details)
            else:
                _check_same(row, details)
        return row is None

    def _insert_instance(self, store: Store, details: InstanceDetails) -> None:
        regions = dict.fromkeys((details.region, *details.regions))
        store.execute(
            "INSERT INTO instances "
            "(arn, store, account, region, regions, name, organization, permission_sets, status, "
            "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'ACTIVE', ?)",
            (
                details.instance_arn,
                details.identity_store_id,
                details.account_id,
                details.region,
                " ".join(regions),
                details.name,
                details.organization,
                details.organization and details.permission_sets,
                self._world.clock(),
            ),
        )
        self._insert_account(store, details.account_id, details.name or details.account_id)

    def add_account(self, account_id: str, name: str, *, state: str = "ACTIVE") -> None:
        """Add an account to the organisation unless it is there; *state* as in ListAccounts."""
        with self._world.store.transaction(write=True) as store:
            self._insert_account(store, account_id, name, state)

    def _insert_account(
        self, store: Store, account_id: str, name: str, state: str = "ACTIVE"
    ) -> None:
        # Documented: botocore model, Account.Email: at most 64 characters.
        email = f"{re.sub('[^a-z0-9]+', '-', name.lower())[:50]}@example.com"
        store.execute(
            "INSERT OR IGNORE INTO accounts (id, name, email, state, joined) "
            "VALUES (?, ?, ?, ?, ?)",
            (account_id, name, email, state, self._world.clock()),
        )

    def delegate_administration(self, account_id: str) -> None:
        """Make an account the delegated administrator of the organisation's instance."""
        with self._world.store.transaction(write=True) as store:
            self._insert_account(store, account_id, account_id)
            store.keep_document("delegated_admin", account_id)
            store.keep_document("delegated_since", repr(self._world.clock()))

    def add_application(  # noqa: PLR0913 - the attributes of an application, by name
        self,
        name: str,
        provider_arn: str | None = None,
        *,
        account: str | None = None,
        instance_arn: str | None = None,
        arn: str | None = None,
        assignment_required: bool = True,
    ) -> str:
        """Return the ARN of the application called *name*, created if it is not there.

        With *arn*, the application with that ARN. ARNs are the same in every sandbox.
        """
        with self._world.store.transaction(write=True) as store:
            instance = _instance(store, instance_arn)
            account = account or instance["account"]
            partition = partition_of(instance["region"])
            provider = provider_arn or in_partition(provider_for(name), partition)
            wanted = arn or application_arn(instance["arn"], account, f"{name}\0{provider}")
            if store.one("SELECT 1 FROM applications WHERE arn = ?", (wanted,)) is None:
                known = provider_of(provider)
                store.execute(
                    "INSERT INTO applications (arn, instance, account, provider, name, document, "
                    "assignment_required, supported, region, created) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        wanted,
                        instance["arn"],
                        account,
                        provider,
                        name,
                        json.dumps(
                            {"Status": "ENABLED", "PortalOptions": {"Visibility": "ENABLED"}}
                        ),
                        assignment_required,
                        known is None or known.configurable,
                        instance["region"],
                        self._world.clock(),
                    ),
                )
        return wanted

    def add_catalogue(self, instance_arn: str | None = None) -> None:
        """Add a realistic dozen of applications unless they are there."""
        for name, provider in CATALOGUE:
            self.add_application(name, provider, instance_arn=instance_arn)

    def populate(self, population: Population, instance_arn: str | None = None) -> None:
        """Replace the users, groups, memberships and assignments of an instance, all or nothing.

        Raises:
            SandboxError: AWS would refuse part of the population.
        """
        with self._world.store.transaction(write=True) as store:
            load(self._world, _instance(store, instance_arn), population)

    def summary(self) -> Summary:
        """Return what the sandbox holds."""
        with self._world.store.transaction(write=False) as store:
            return summarize(store)

    def statistics(self) -> Counter[tuple[str, str, str]]:
        """Return how many requests there were by (service, operation, outcome).

        Counts every process on the state file since the last reset.
        """
        self.responder.keep_counts()
        with self._world.store.transaction(write=False) as store:
            rows = store.execute("SELECT * FROM requests")
            return Counter(
                {(row["service"], row["operation"], row["outcome"]): row["count"] for row in rows}
            )

    def set_external_ids(self, identifier: str, external_ids: Sequence[tuple[str, str]]) -> None:
        """Give a user or group external ids, (issuer, id) each: then a directory owns it.

        No public API can. Documented: botocore model, CreateUser and UpdateUser.
        """
        with self._world.store.transaction(write=True) as store:
            kind, row = _principal(store, identifier)
            store.execute(
                "DELETE FROM external_ids WHERE kind = ? AND object_row = ?",
                (kind.table, row["row"]),
            )
            for issuer, external_id in external_ids:
                store.execute(
                    "INSERT INTO external_ids VALUES (?, ?, ?, ?, ?)",
                    (kind.table, row["store"], issuer, external_id, row["row"]),
                )
            listed = [{"Issuer": issuer, "Id": one} for issuer, one in external_ids]
            self._change(kind, row, {"ExternalIds": listed})

    def set_user_status(self, user_id: str, *, enabled: bool) -> None:
        """Enable or disable a user; no public API can."""
        with self._world.store.transaction(write=True) as store:
            kind, row = _principal(store, user_id)
            self._change(kind, row, {"UserStatus": "ENABLED" if enabled else "DISABLED"})

    def _change(self, kind: AttributeForm, row: Row, members: Mapping[str, object]) -> None:
        document = json.loads(row["document"]) | members
        kept = {name: value for name, value in document.items() if value}
        IdentityStore(self._world, _SYSTEM).rewrite(kind, row, kept)

    def set_assignment_required(self, application_arn: str, *, required: bool) -> None:
        """Set whether an application can only be opened by those assigned to it."""
        with self._world.store.transaction(write=True) as store:
            store.execute(
                "UPDATE applications SET assignment_required = ? WHERE arn = ?",
                (required, application_arn),
            )


def _kept_world(store: Store) -> World:
    """Return the world in *store*, with the assumptions that are kept there."""
    with store.transaction(write=False):
        kept = store.document(_ASSUMPTIONS)
    return World(store, assumptions_of(json.loads(kept)) if kept else Assumptions())


def _check_formats(details: InstanceDetails) -> None:
    """Refuse identifiers that AWS could not have made. Documented: botocore models."""
    wanted = (
        ("sso-admin", "InstanceArn", details.instance_arn),
        ("identitystore", "IdentityStoreId", details.identity_store_id),
        ("sso-admin", "AccountId", details.account_id),
        *(("sso-admin", "RegionName", one) for one in (details.region, *details.regions)),
        *(("sso-admin", "NameType", one) for one in (details.name,) if one),
    )
    for service, shape, value in wanted:
        try:
            check(service_model(service).shape_for(shape), value)
        except ServiceError as error:
            raise SandboxError(f"{value!r} is no {shape}: {error.message}") from error
    partitions = {partition_of(one) for one in (details.region, *details.regions)}
    if {details.instance_arn.split(":")[1]} != partitions:
        raise SandboxError(
            f"{details.instance_arn!r} is no InstanceArn of {details.region}, whose partition is "
            f"{partition_of(details.region)}."
        )


def _check_same(row: Row, details: InstanceDetails) -> None:
    wanted = (
        ("instance ARN", "arn", details.instance_arn),
        ("identity store", "store", details.identity_store_id),
        ("account", "account", details.account_id),
        ("region", "region", details.region),
    )
    for label, column, value in wanted:
        if row[column] != value:
            raise SandboxError(
                f"The sandbox has an instance with {label} {row[column]}, the settings name "
                f"{value}. Run `identity-reconciler sandbox reset`, or use another state file."
            )


def _instance(store: Store, arn: str | None) -> Row:
    row = store.one(
        "SELECT * FROM instances WHERE ? IS NULL OR arn = ? ORDER BY organization DESC, row",
        (arn, arn),
    )
    if row is None:
        raise SandboxError(f"The sandbox has no instance {arn or 'yet'}.")
    return row


def _principal(store: Store, identifier: str) -> tuple[AttributeForm, Row]:
    for kind in (USER, GROUP):
        row = store.one(f"SELECT * FROM {kind.table} WHERE id = ?", (identifier,))  # noqa: S608
        if row is not None:
            return kind, row
    raise SandboxError(f"The sandbox has no user or group {identifier}.")
