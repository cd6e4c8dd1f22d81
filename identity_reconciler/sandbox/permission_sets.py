"""Permission sets and account assignments: moto's, kept in our store and checked as AWS does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.ssoadmin.models import (
    AccountAssignment,
    CustomerManagedPolicy,
    Instance,
    ManagedPolicy,
    PermissionSet,
)

from identity_reconciler.sandbox.errors import ServiceError, denied, not_found, validation
from identity_reconciler.sandbox.instances import Administration
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

_DOCUMENT = "permission sets"
_TABLES = {"USER": "users", "GROUP": "groups"}


class PermissionSets(Administration):
    """What moto implements of sso-admin. `load` before a request, `save` after a write."""

    def load(self, params: Params, operation: str) -> None:
        """Fetch moto's data from the store, if the caller may have it.

        Raises:
            ServiceError: The instance is unknown, not the caller's, or that of one account, which
                has no permission sets. Documented: account-instances-identity-center.
        """
        if "InstanceArn" in params:
            instance = self.instance(params, operation)
            if not self.owns(instance):
                raise denied(self.caller.arn, f"sso:{operation}", instance["arn"])
            if not instance["organization"]:
                raise validation("Permission sets are not supported for account instances")
        kept: dict[str, Any] = json.loads(self.store.document(_DOCUMENT) or "{}")
        self.permission_sets = [_permission_set(one) for one in kept.get("permission_sets", [])]
        self.account_assignments = [_assignment(one) for one in kept.get("assignments", [])]
        self.deleted_account_assignments = [_assignment(one) for one in kept.get("deleted", [])]
        rows = self.store.execute("SELECT * FROM instances ORDER BY row").fetchall()
        self.instances = [self._instance(row, kept.get("provisioned", {})) for row in rows]

    def save(self) -> None:
        """Put moto's data back."""
        kept = {
            "permission_sets": [_plain(one) for one in self.permission_sets],
            "assignments": [vars(one) for one in self.account_assignments],
            "deleted": [vars(one) for one in self.deleted_account_assignments],
            "provisioned": {
                one.instance_arn: [ps.permission_set_arn for ps in one.provisioned_permission_sets]
                for one in self.instances
            },
        }
        self.store.keep_document(_DOCUMENT, json.dumps(kept))

    def _instance(self, row: Row, provisioned: Mapping[str, list[str]]) -> Instance:
        instance = Instance(row["account"], row["region"])
        instance.instance_arn, instance.identity_store_id = row["arn"], row["store"]
        instance.name, instance.created_date = row["name"], row["created"]
        arns = set(provisioned.get(row["arn"], ()))
        instance.provisioned_permission_sets = [
            one for one in self.permission_sets if one.permission_set_arn in arns
        ]
        return instance

    def create_permission_set(  # noqa: PLR0913, PLR0917 - moto's signature
        self,
        name: str,
        description: str,
        instance_arn: str,
        session_duration: str,
        relay_state: str,
        tags: list[dict[str, str]],
    ) -> Answer:
        """CreatePermissionSet, with an ARN as AWS makes it."""
        taken = any(one.name == name for one in self.permission_sets)
        if taken and self.assumptions.unique_permission_set_names:
            raise ServiceError("ConflictException", f"PermissionSet {name} already exists")
        super().create_permission_set(
            name, description, instance_arn, session_duration, relay_state, tags
        )
        made = self.permission_sets[-1]
        instance = instance_arn.rpartition("/")[2]
        # Documented: botocore model, PermissionSetArn.
        number = self.world.new_uuid().replace("-", "")[:16]
        made.permission_set_arn = f"arn:aws:sso:::permissionSet/{instance}/ps-{number}"
        for tag in tags or []:
            self.store.execute(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)",
                (made.permission_set_arn, tag["Key"], tag["Value"]),
            )
        return made.to_json(include_creation_date=True)

    def create_account_assignment(  # noqa: PLR0913, PLR0917 - moto's signature
        self,
        instance_arn: str,
        target_id: str,
        target_type: str,
        permission_set_arn: str,
        principal_type: str,
        principal_id: str,
    ) -> Answer:
        """CreateAccountAssignment: everything it names must exist; a second one changes nothing."""
        self._find_permission_set(instance_arn, permission_set_arn)
        self._check_ends(target_id, principal_type, principal_id)
        key = (target_id, permission_set_arn, principal_type, principal_id)
        for one in self.account_assignments:
            if key == (
                one.target_id,
                one.permission_set_arn,
                one.principal_type,
                one.principal_id,
            ):
                return one.to_json(include_creation_date=True, include_request_id=True)
        return super().create_account_assignment(
            instance_arn,
            target_id,
            target_type,
            permission_set_arn,
            principal_type,
            principal_id,
        )

    def _check_ends(self, target_id: str, principal_type: str, principal_id: str) -> None:
        if self.store.one("SELECT 1 FROM accounts WHERE id = ?", (target_id,)) is None:
            raise not_found(f"Account {target_id} not found.")
        table = _TABLES[principal_type]
        found = self.store.one(f"SELECT 1 FROM {table} WHERE id = ?", (principal_id.lower(),))  # noqa: S608
        if found is None:
            raise not_found(f"{principal_type} not found.")

    def _find_account(  # noqa: PLR0913, PLR0917 - moto's signature
        self,
        instance_arn: str,
        target_id: str,
        target_type: str,
        permission_set_arn: str,
        principal_type: str,
        principal_id: str,
    ) -> AccountAssignment:
        """Return an assignment; moto's error for a missing one has no text, AWS's has."""
        wanted = (instance_arn, target_id, permission_set_arn, principal_type, principal_id)
        for one in self.account_assignments:
            found = (
                one.instance_arn,
                one.target_id,
                one.permission_set_arn,
                one.principal_type,
                one.principal_id,
            )
            if found == wanted:
                return one
        raise not_found(f"Account assignment of {target_type} {target_id} not found.")


def _plain(permission_set: PermissionSet) -> dict[str, Any]:
    return {
        **vars(permission_set),
        "managed_policies": [vars(one) for one in permission_set.managed_policies],
        "customer_managed_policies": [
            vars(one) for one in permission_set.customer_managed_policies
        ],
    }


def _permission_set(kept: Mapping[str, Any]) -> PermissionSet:
    made = PermissionSet("", "", "", "", "", [])
    vars(made).update(kept)
    made.managed_policies = [ManagedPolicy(**one) for one in kept["managed_policies"]]
    made.customer_managed_policies = [
        CustomerManagedPolicy(**one) for one in kept["customer_managed_policies"]
    ]
    return made


def _assignment(kept: Mapping[str, Any]) -> AccountAssignment:
    made = AccountAssignment("", "", "", "", "", "")
    vars(made).update(kept)
    return made
