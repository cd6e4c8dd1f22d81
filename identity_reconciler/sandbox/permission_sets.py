"""Permission sets: what a role in an account may do, and who may change it."""

from __future__ import annotations

import json
import re
from typing import Any

from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError, not_found, validation
from identity_reconciler.sandbox.instances import Administration
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

_DEFAULT_DURATION = "PT1H"
"""Documented: howtosessionduration."""
_SHORTEST, _LONGEST = 3_600, 12 * 3_600
"""Seconds of a session. Documented: howtosessionduration."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII)
_SECONDS = (86_400, 3_600, 60, 1)


class PermissionSets(Administration):
    """The operations on permission sets themselves."""

    def permitted(self, params: Params, operation: str) -> Row:
        """Return the organisation's instance that the request names, to those who administer it.

        Raises:
            ServiceError: The instance is unknown, not the caller's, that of one account
                (documented: account-instances-identity-center), one without permission sets, or
                not at home in the Region (documented: api-support-in-additional-regions).
        """
        instance = self.instance(params, operation)
        if not self.owns(instance):
            raise self.denied(operation, instance["arn"])
        if not instance["organization"]:
            raise validation("Permission sets are not supported for account instances")
        if not instance["permission_sets"]:
            # Documented: UpdateInstance enables them. The text is assumed.
            raise validation("Permission sets are not enabled for this instance")
        self.require_home(instance, operation)
        return instance

    def permission_set(self, params: Params, operation: str, *, write: bool = False) -> Row:
        """Return the permission set that the request names; to *write*, if the caller may.

        Raises:
            ServiceError: As `permitted`; ResourceNotFoundException; or AccessDeniedException.
        """
        instance = self.permitted(params, operation)
        arn = params["PermissionSetArn"]
        row = self.store.one(
            "SELECT * FROM permission_sets WHERE arn = ? AND instance = ?", (arn, instance["arn"])
        )
        if row is None:
            # The text is moto's.
            raise not_found(f"Could not find PermissionSet with id {arn.rpartition('/')[2]}")
        if write:
            self._check_delegation(instance, row, operation)
        return row

    def _check_delegation(self, instance: Row, row: Row, operation: str) -> None:
        """Keep the delegated administrator off what is provisioned in the management account.

        Documented: delegated-admin. Observed: fivexl/terraform-aws-sso-elevator issue 101, for
        assignments in any account.
        """
        management = instance["account"]
        if self.caller.account != management and self.is_provisioned(row["arn"], management):
            raise self.denied(operation, row["arn"])

    def is_provisioned(self, permission_set: str, account: str) -> bool:
        """Return whether a permission set is in an account, in whatever version."""
        found = self.store.one(
            "SELECT 1 FROM provisioned WHERE permission_set = ? AND account = ?",
            (permission_set, account),
        )
        return found is not None

    def changed(self, permission_set: Row, column: str, value: str | None) -> None:
        """Give a permission set a new value, and thereby a version that is provisioned nowhere."""
        self.store.execute(
            f"UPDATE permission_sets SET {column} = ?, version = version + 1 "  # noqa: S608 - ours
            "WHERE row = ?",
            (value, permission_set["row"]),
        )

    def create_permission_set(self, params: Params) -> Answer:
        """CreatePermissionSet."""
        instance = self.permitted(params, "CreatePermissionSet")
        name = params["Name"]
        if self.assumptions.unique_permission_set_names and self._is_taken(instance, name):
            raise ServiceError(
                "ConflictException", f"PermissionSet with name {name} already exists."
            )
        _check_duration(params)
        document = {"SessionDuration": _DEFAULT_DURATION} | _given(params)
        prefix = instance["arn"].replace(":instance/", ":permissionSet/")
        # Documented: botocore model, PermissionSetArn.
        arn = f"{prefix}/ps-{self.world.new_uuid().replace('-', '')[:16]}"
        self.store.execute(
            "INSERT INTO permission_sets (arn, instance, name, document, version, created) "
            "VALUES (?, ?, ?, ?, 1, ?)",
            (arn, instance["arn"], name, json.dumps(document), self.world.clock()),
        )
        self._tag(arn, params.get("Tags", []))
        return {"PermissionSet": _shown(self._row(arn))}

    def _is_taken(self, instance: Row, name: str) -> bool:
        found = self.store.one(
            "SELECT 1 FROM permission_sets WHERE instance = ? AND name = ?", (instance["arn"], name)
        )
        return found is not None

    def _tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        check_quota(len(tags), self.world.quotas.tags, "tags of a resource")
        for tag in tags:
            self.store.execute(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (arn, tag["Key"], tag["Value"])
            )

    def _row(self, arn: str) -> Row:
        (row,) = self.store.execute("SELECT * FROM permission_sets WHERE arn = ?", (arn,))
        found: Row = row
        return found

    def describe_permission_set(self, params: Params) -> Answer:
        """DescribePermissionSet."""
        return {"PermissionSet": _shown(self.permission_set(params, "DescribePermissionSet"))}

    def list_permission_sets(self, params: Params) -> Answer:
        """ListPermissionSets: their ARNs."""
        arn = self.permitted(params, "ListPermissionSets")["arn"]
        query = Query("permission_sets", "instance = ?", (arn,), f"ListPermissionSets{arn}")
        page = self.page(query, params)
        return with_token({"PermissionSets": [row["arn"] for row in page.rows]}, page)

    def update_permission_set(self, params: Params) -> Answer:
        """UpdatePermissionSet: what is not given stays, but for the RelayState."""
        row = self.permission_set(params, "UpdatePermissionSet", write=True)
        _check_duration(params)
        document = json.loads(row["document"])
        if self.assumptions.update_clears_relay_state:
            document.pop("RelayState", None)
        self.changed(row, "document", json.dumps(document | _given(params)))
        return {}

    def delete_permission_set(self, params: Params) -> Answer:
        """DeletePermissionSet, if it is in no account.

        Observed: terraform-provider-aws issue 26757, with this beginning of the text.
        """
        row = self.permission_set(params, "DeletePermissionSet", write=True)
        if self.store.one("SELECT 1 FROM provisioned WHERE permission_set = ?", (row["arn"],)):
            raise ServiceError(
                "ConflictException",
                "Could not delete because PermissionSet has ApplicationProfile associated with it",
            )
        for table, column in (
            ("tags", "resource"),
            ("permission_set_policies", "permission_set"),
            ("permission_sets", "arn"),
        ):
            self.store.execute(f"DELETE FROM {table} WHERE {column} = ?", (row["arn"],))  # noqa: S608
        return {}


def _given(params: Params) -> dict[str, Any]:
    names = ("Description", "SessionDuration", "RelayState")
    return {name: params[name] for name in names if name in params}


def _check_duration(params: Params) -> None:
    """Refuse a session that is too short or too long. The text is assumed."""
    given = params.get("SessionDuration")
    if given is None:
        return
    match = _DURATION.fullmatch(given)
    # Years, months and weeks are longer than half a day, and negative ones shorter than an hour.
    amounts = match.groups("0") if match else ("0",)
    seconds = sum(float(one) * unit for one, unit in zip(amounts, _SECONDS, strict=False))
    if not _SHORTEST <= seconds <= _LONGEST:
        raise validation(f"SessionDuration {given} is not between 1 hour and 12 hours")


def _shown(row: Row) -> Answer:
    return {
        "Name": row["name"],
        "PermissionSetArn": row["arn"],
        **json.loads(row["document"]),
        "CreatedDate": row["created"],
    }
