"""The operations on users and groups: create, read, update, delete, list, look up."""

# Our operations take a parsed request where moto's of the same name take keyword arguments.
# mypy: disable-error-code="override"

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from identity_reconciler.sandbox.attributes import (
    GROUP,
    USER,
    AttributeForm,
    Document,
    attributes_of,
    check_document,
    email_of,
    fold,
)
from identity_reconciler.sandbox.directory import DirectoryBackend, resource_arn, with_token
from identity_reconciler.sandbox.errors import duplicate, not_found, validation
from identity_reconciler.sandbox.facts import ENTERPRISE
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.updates import cleared_required, updated
from identity_reconciler.sandbox.world import Answer, Params

_DUPLICATES = {
    # Observed: moto's tests assert the first; AWS shows the second in a SCIM CloudTrail sample.
    "users": "Duplicate UserName",
    "groups": "Duplicate GroupDisplayName",
}


class Principals(DirectoryBackend):
    """Users and groups. One implementation where the service treats both alike."""

    def create_user(self, params: Params) -> Answer:
        """CreateUser."""
        return self._create(USER, params, "CreateUser")

    def create_group(self, params: Params) -> Answer:
        """CreateGroup."""
        return self._create(GROUP, params, "CreateGroup")

    def update_user(self, params: Params) -> Answer:
        """UpdateUser."""
        return self._update(USER, params, "UpdateUser")

    def update_group(self, params: Params) -> Answer:
        """UpdateGroup."""
        return self._update(GROUP, params, "UpdateGroup")

    def delete_user(self, params: Params) -> Answer:
        """DeleteUser. Application assignments stay. Documented: users-groups-provisioning."""
        return self._delete(USER, params, "DeleteUser")

    def delete_group(self, params: Params) -> Answer:
        """DeleteGroup. Application assignments stay. Documented: users-groups-provisioning."""
        return self._delete(GROUP, params, "DeleteGroup")

    def describe_user(self, params: Params) -> Answer:
        """DescribeUser. Extensions only on request. Documented: API_DescribeUser."""
        instance = self.instance(params, "DescribeUser")
        row = self.require(USER, instance["store"], params["UserId"])
        return _extended(self.described(USER, row), params)

    def describe_group(self, params: Params) -> Answer:
        """DescribeGroup."""
        instance = self.instance(params, "DescribeGroup")
        return self.described(GROUP, self.require(GROUP, instance["store"], params["GroupId"]))

    def get_user_id(self, params: Params) -> Answer:
        """GetUserId, by userName, emails.value or external id. Documented: API_GetUserId."""
        return self._get_id(USER, params, "GetUserId")

    def get_group_id(self, params: Params) -> Answer:
        """GetGroupId, by displayName or external id. Documented: API_GetGroupId."""
        return self._get_id(GROUP, params, "GetGroupId")

    def list_users(self, params: Params) -> Answer:
        """ListUsers."""
        instance = self.instance(params, "ListUsers")
        page = self.page(self._listing(USER, instance, params), params)
        users = [_extended(self.described(USER, row), params) for row in page.rows]
        return with_token({"Users": users}, page)

    def list_groups(self, params: Params) -> Answer:
        """ListGroups."""
        instance = self.instance(params, "ListGroups")
        page = self.page(self._listing(GROUP, instance, params), params)
        return with_token({"Groups": [self.described(GROUP, row) for row in page.rows]}, page)

    def _create(self, kind: AttributeForm, params: Params, operation: str) -> Answer:
        instance = self.instance(params, operation, write=True)
        document = {name: params[name] for name in attributes_of(kind) if name in params}
        check_document(kind, document, self.assumptions)
        self._check_unique(kind, instance, document)
        if kind is USER:
            document["UserStatus"] = "ENABLED"
        number = self.store.next_number(self.counter(kind, instance))
        most = self.world.quotas.users if kind is USER else self.world.quotas.groups
        check_quota(number, most, f"{kind.table} of an identity store")
        identifier = self.new_identifier(instance["store"])
        revision = self.next_revision()
        now, who = self.world.clock(), self.caller.arn
        values: dict[str, Any] = {
            "store": instance["store"],
            "id": identifier,
            **self._keys(kind, document),
            "revision": revision,
            "document": json.dumps(document),
            "created": now,
            "created_by": who,
            "updated": now,
            "updated_by": who,
        }
        marks = ", ".join("?" * len(values))
        self.store.execute(
            f"INSERT INTO {kind.table} ({', '.join(values)}) VALUES ({marks})",  # noqa: S608
            tuple(values.values()),
        )
        return self.written(kind, instance, identifier, revision)

    def _update(self, kind: AttributeForm, params: Params, operation: str) -> Answer:
        instance = self.instance(params, operation, write=True)
        row = self.require(kind, instance["store"], params[kind.id_member])
        self.check_revision(row, params)
        before: Document = json.loads(row["document"])
        after = updated(kind, before, params["Operations"])
        if after == before and not self.assumptions.unchanged_update_bumps_revision:
            return self.written(kind, instance, row["id"], row["revision"])
        self._check_update(kind, before, after)
        self._check_unique(kind, instance, after, row)
        revision = self.rewrite(kind, row, after)
        return self.written(kind, instance, row["id"], revision)

    def _check_update(self, kind: AttributeForm, before: Document, after: Document) -> None:
        lost = cleared_required(before, after) if kind is USER else None
        if lost and not self.assumptions.clear_required:
            raise validation(f"{lost[0].lower()}{lost[1:]} is a required attribute")
        renamed = kind is USER and before["UserName"] != after.get("UserName")
        if renamed and not self.assumptions.rename_users:
            raise validation("userName cannot be changed")
        if not (lost and self.assumptions.clear_required):
            check_document(kind, after, self.assumptions)

    def rewrite(self, kind: AttributeForm, row: Row, document: Document) -> int:
        """Replace the document of a user or group and return its new revision."""
        revision = self.next_revision()
        keys = self._keys(kind, document)
        columns = ", ".join(f"{name} = ?" for name in keys)
        self.store.execute(
            f"UPDATE {kind.table} SET {columns}, revision = ?, document = ?, updated = ?, "  # noqa: S608
            "updated_by = ? WHERE row = ?",
            (
                *keys.values(),
                revision,
                json.dumps(document),
                self.world.clock(),
                self.caller.arn,
                row["row"],
            ),
        )
        return revision

    def _keys(self, kind: AttributeForm, document: Document) -> dict[str, str | None]:
        """Return the columns that the attributes are found by."""
        keys: dict[str, str | None] = {
            "name_key": fold(str(document.get(kind.name_member, "")), self.assumptions)
        }
        if kind is USER:
            email = email_of(document)
            keys["email_key"] = fold(email, self.assumptions) if email else None
        return keys

    def _check_unique(
        self, kind: AttributeForm, instance: Row, document: Document, own: Row | None = None
    ) -> None:
        """Refuse a second name or e-mail address. Documented: users-groups-provisioning."""
        own_row = own["row"] if own else -1
        keys = self._keys(kind, document)
        if self._taken(kind, instance, "name_key", keys["name_key"], own_row):
            raise duplicate(_DUPLICATES[kind.table])
        email = keys.get("email_key")
        unique = self.assumptions.unique_emails and email is not None
        if unique and self._taken(kind, instance, "email_key", email, own_row):
            # The text is assumed, after the one for names.
            raise duplicate("Duplicate Email")

    def _taken(
        self, kind: AttributeForm, instance: Row, column: str, key: str | None, own_row: int
    ) -> bool:
        found = self.store.one(
            f"SELECT row FROM {kind.table} WHERE store = ? AND {column} = ? AND row <> ?",  # noqa: S608
            (instance["store"], key, own_row),
        )
        return found is not None

    def _delete(self, kind: AttributeForm, params: Params, operation: str) -> Answer:
        instance = self.instance(params, operation, write=True)
        row = self.require(kind, instance["store"], params[kind.id_member])
        self.check_revision(row, params)
        self.store.execute(f"DELETE FROM {kind.table} WHERE row = ?", (row["row"],))  # noqa: S608
        self.store.next_number(self.counter(kind, instance), -1)
        self.store.execute(
            "DELETE FROM external_ids WHERE kind = ? AND object_row = ?", (kind.table, row["row"])
        )
        if self.assumptions.cascade_entitlements:
            self.store.execute(
                "DELETE FROM entitlements WHERE principal_id = ? AND principal_type = ? "
                "AND manager = (SELECT arn FROM access_managers WHERE instance = ?)",
                (row["id"], kind.resource_type, instance["arn"]),
            )
        if self.assumptions.cascade_memberships:
            column = "user_id" if kind is USER else "group_id"
            self.store.execute(
                f"DELETE FROM memberships WHERE store = ? AND {column} = ?",  # noqa: S608
                (instance["store"], row["id"]),
            )
        return {}

    def _listing(self, kind: AttributeForm, instance: Row, params: Params) -> Query:
        """Return the query of ListUsers or ListGroups; the filter is deprecated but works."""
        filters = params.get("Filters") or []
        if not filters:
            return Query(
                kind.table, "store = ?", (instance["store"],), kind.table + instance["store"]
            )
        path, value = filters[0]["AttributePath"], filters[0]["AttributeValue"]
        if path.casefold() != kind.name_member.casefold():
            raise validation(f"The attribute {path} cannot be filtered by")
        key = fold(value, self.assumptions)
        where = "store = ? AND name_key = ?"
        return Query(kind.table, where, (instance["store"], key), f"{kind.table}={key}")

    def _get_id(self, kind: AttributeForm, params: Params, operation: str) -> Answer:
        instance = self.instance(params, operation)
        alternate: Mapping[str, Any] = params["AlternateIdentifier"]
        if "ExternalId" in alternate:
            row = self._by_external_id(kind, instance, alternate["ExternalId"])
        else:
            row = self._by_attribute(kind, instance, alternate["UniqueAttribute"])
        if row is None:
            raise not_found(f"{kind.resource_type} not found.", kind.resource_type)
        return {
            "IdentityStoreId": instance["store"],
            kind.id_member: row["id"],
            kind.arn_member: resource_arn(self.partition, kind.arn_type, row["id"]),
        }

    def _by_external_id(
        self, kind: AttributeForm, instance: Row, wanted: Mapping[str, str]
    ) -> Row | None:
        return self.store.one(
            f"SELECT {kind.table}.* FROM external_ids JOIN {kind.table} "  # noqa: S608
            f"ON {kind.table}.row = object_row "
            "WHERE kind = ? AND external_ids.store = ? AND issuer = ? AND external_id = ?",
            (kind.table, instance["store"], wanted["Issuer"], wanted["Id"]),
        )

    def _by_attribute(
        self, kind: AttributeForm, instance: Row, wanted: Mapping[str, Any]
    ) -> Row | None:
        path, value = str(wanted["AttributePath"]), wanted.get("AttributeValue")
        # The texts are observed: moto copied them from the service (identitystore tests).
        if not value or not isinstance(value, str):
            raise validation("attribute value cannot be empty or null for attribute path")
        columns = {"username": "name_key", "emails.value": "email_key"}
        if kind is GROUP:
            columns = {"displayname": "name_key"}
        column = columns.get(path.casefold())
        if column is None:
            raise validation(f"The attribute {path} is not a unique attribute")
        return self.store.one(
            f"SELECT * FROM {kind.table} WHERE store = ? AND {column} = ? ORDER BY row",  # noqa: S608
            (instance["store"], fold(value, self.assumptions)),
        )


def _extended(user: Answer, params: Params) -> Answer:
    """Return *user* with the extensions that the request names, and no others."""
    extensions = user.pop("Extensions", {})
    for name in params.get("Extensions", []):
        if name != ENTERPRISE:
            raise validation(f"Unsupported extension {name}")
    wanted = {name: extensions[name] for name in params.get("Extensions", []) if name in extensions}
    if wanted:
        user["Extensions"] = wanted
    return user
