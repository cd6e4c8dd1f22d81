"""What the operations of the Identity Store have in common: stores, identifiers, objects."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.identitystore.models import IdentityStoreBackend

from identity_reconciler.sandbox.accounts import partition_of
from identity_reconciler.sandbox.assumptions import IdentifierForm
from identity_reconciler.sandbox.attributes import AttributeForm
from identity_reconciler.sandbox.errors import (
    changed_meanwhile,
    denied,
    not_found,
    validation,
)
from identity_reconciler.sandbox.paging import Page, PageRequest, Query, read_page
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Caller, Params, World

MAX_PAGE = 100
"""Documented: botocore model, MaxResults."""

_RESOURCE_ARN = re.compile(r"arn:aws[a-z-]*:identitystore:::(user|group|membership)/(.+)")
_STORE_ARN = re.compile(r"arn:aws[a-z-]*:identitystore::(\d{12}):identitystore/(.+)")


def store_arn(instance: Row) -> str:
    """Return the ARN of an instance's identity store; it carries the owner's account."""
    partition = partition_of(instance["region"])
    return f"arn:{partition}:identitystore::{instance['account']}:identitystore/{instance['store']}"


def resource_arn(partition: str, arn_type: str, identifier: str) -> str:
    """Return the ARN of a user, group or membership; it has no account. Documented: model."""
    return f"arn:{partition}:identitystore:::{arn_type}/{identifier}"


def plain_id(identifier: str, arn_type: str) -> str:
    """Return the id in *identifier*, which may be an ARN of the right type.

    An ARN of another type is refused. Observed: a write-up of the launch of 2026-09-29.
    """
    match = _RESOURCE_ARN.fullmatch(identifier)
    if match is None:
        return identifier.lower()
    if match.group(1) != arn_type:
        raise validation(f"{identifier} is not the ARN of a {arn_type}")
    return match.group(2).lower()


class DirectoryBackend(IdentityStoreBackend):
    """moto's backend on our store: the part that users, groups and memberships share."""

    def __init__(self, world: World, caller: Caller) -> None:
        super().__init__(caller.region, caller.account)
        self.world = world
        self.caller = caller
        self.store = world.store
        self.assumptions = world.assumptions
        self.partition = partition_of(caller.region)

    def instance(self, params: Params, operation: str, *, write: bool = False) -> Row:
        """Return the instance whose identity store the request names.

        Raises:
            ServiceError: ResourceNotFoundException (IDENTITY_STORE) for an unknown store, and
                AccessDeniedException for one of another account.
        """
        given = str(params["IdentityStoreId"])
        match = _STORE_ARN.fullmatch(given)
        store_id = match.group(2) if match else given
        row = self.store.one("SELECT * FROM instances WHERE store = ?", (store_id,))
        if row is None or (match and match.group(1) != row["account"]):
            # The text is assumed.
            raise not_found("IDENTITY_STORE not found.", "IDENTITY_STORE")
        self._check_access(row, operation, write=write)
        self._check_region(row, operation, write=write)
        return row

    def _check_access(self, row: Row, operation: str, *, write: bool) -> None:
        # Documented: member accounts may read the organisation's store (manage-your-accounts);
        # writing is for its owner and the delegated administrator (delegated-admin).
        if self.caller.account == row["account"] or (row["organization"] and not write):
            return
        if row["organization"] and self.store.document("delegated_admin") == self.caller.account:
            return
        raise denied(self.caller.arn, f"identitystore:{operation}", store_arn(row))

    def _check_region(self, row: Row, operation: str, *, write: bool) -> None:
        if self.caller.region not in row["regions"].split():
            raise not_found("IDENTITY_STORE not found.", "IDENTITY_STORE")
        outside = self.caller.region != row["region"]
        if write and outside and not self.assumptions.write_outside_primary_region:
            raise validation(f"{operation} is only supported in the primary Region {row['region']}")

    def new_identifier(self, store_id: str) -> str:
        """Return an id that has never been used."""
        fresh = self.world.new_uuid()
        if self.assumptions.identifier_form is IdentifierForm.PREFIXED:
            return f"{store_id.removeprefix('d-')}-{fresh}"
        return fresh

    def find(self, kind: AttributeForm, store_id: str, identifier: str) -> Row | None:
        """Return the user or group with an id or ARN."""
        return self.store.one(
            f"SELECT * FROM {kind.table} WHERE store = ? AND id = ?",  # noqa: S608 - our tables
            (store_id, plain_id(identifier, kind.arn_type)),
        )

    def require(self, kind: AttributeForm, store_id: str, identifier: str) -> Row:
        """Return the user or group with an id or ARN.

        Raises:
            ServiceError: ResourceNotFoundException.
        """
        row = self.find(kind, store_id, identifier)
        if row is None:
            # The text is moto's.
            found = plain_id(identifier, kind.arn_type)
            raise not_found(f"{kind.resource_type} not found.", kind.resource_type, found)
        return row

    def check_revision(self, row: Row, params: Params) -> None:
        """Refuse a Revision that is not the current one; without one, anything goes."""
        given = params.get("Revision")
        if given is not None and given != str(row["revision"]):
            raise changed_meanwhile()

    def counter(self, kind: AttributeForm, instance: Row) -> str:
        """Return the name of the counter of users or groups: counting rows would be a scan."""
        return f"{kind.table} of {instance['store']}"

    def next_revision(self) -> int:
        """Return the next number of the sequence that all revisions come from."""
        return self.store.next_number("revision")

    def written(self, kind: AttributeForm, instance: Row, identifier: str, revision: int) -> Answer:
        """Return the answer to a create or update."""
        return {
            "IdentityStoreId": instance["store"],
            kind.id_member: identifier,
            kind.arn_member: resource_arn(self.partition, kind.arn_type, identifier),
            "Revision": str(revision),
        }

    def described(self, kind: AttributeForm, row: Row) -> Answer:
        """Return a user or group as Describe and List show it: unset attributes are absent."""
        document: dict[str, Any] = json.loads(row["document"])
        return {
            "IdentityStoreId": row["store"],
            kind.id_member: row["id"],
            kind.arn_member: resource_arn(self.partition, kind.arn_type, row["id"]),
            "Revision": str(row["revision"]),
            **document,
            "CreatedAt": row["created"],
            "CreatedBy": row["created_by"],
            "UpdatedAt": row["updated"],
            "UpdatedBy": row["updated_by"],
        }

    def page(self, query: Query, params: Params) -> Page:
        """Return the page that *params* ask for."""
        limit = int(params.get("MaxResults") or MAX_PAGE)
        return read_page(self.world, query, PageRequest(params.get("NextToken"), limit))


def with_token(answer: Answer, page: Page) -> Answer:
    """Return *answer* with the token for the next page, if there is one."""
    return answer if page.next_token is None else {**answer, "NextToken": page.next_token}
