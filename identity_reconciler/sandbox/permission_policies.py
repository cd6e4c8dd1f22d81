"""The policies of permission sets: AWS managed, customer managed, inline, and the boundary.

IAM is not modelled: every AWS managed policy exists, and every customer managed one exists in
every account. The texts of errors are those that moto has from the service, or assumed.
"""

from __future__ import annotations

import json

from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError, not_found, validation
from identity_reconciler.sandbox.paging import Page, Query
from identity_reconciler.sandbox.permission_sets import PermissionSets
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

_MANAGED, _CUSTOMER = "AWS", "CUSTOMER"
_LONGEST_NAME = 100
"""Documented: botocore model, AttachedManagedPolicy.Name."""

_Place = tuple[str, str]
"""The ARN of an AWS managed policy, or the path of a customer managed one; and its name."""


class PermissionPolicies(PermissionSets):
    """What a permission set is made of."""

    def attach_managed_policy_to_permission_set(self, params: Params) -> Answer:
        """AttachManagedPolicyToPermissionSet."""
        row = self.permission_set(params, "AttachManagedPolicyToPermissionSet", write=True)
        place = self._managed(params["ManagedPolicyArn"])
        # The error is observed: terraform-provider-aws issue 21543.
        text = (
            f"Permission set with id {_id(row)} already has a typed link attachment to a manged "
            f"policy with {place[0]}"
        )
        self._attach(row, _MANAGED, place, text)
        return {}

    def detach_managed_policy_from_permission_set(self, params: Params) -> Answer:
        """DetachManagedPolicyFromPermissionSet."""
        row = self.permission_set(params, "DetachManagedPolicyFromPermissionSet", write=True)
        place = self._managed(params["ManagedPolicyArn"])
        self._detach(row, _MANAGED, place, f"Could not find ManagedPolicy with arn {place[0]}")
        return {}

    def list_managed_policies_in_permission_set(self, params: Params) -> Answer:
        """ListManagedPoliciesInPermissionSet."""
        page = self._policies(params, "ListManagedPoliciesInPermissionSet", _MANAGED)
        listed = [{"Name": row["name"], "Arn": row["place"]} for row in page.rows]
        return with_token({"AttachedManagedPolicies": listed}, page)

    def attach_customer_managed_policy_reference_to_permission_set(self, params: Params) -> Answer:
        """AttachCustomerManagedPolicyReferenceToPermissionSet."""
        operation = "AttachCustomerManagedPolicyReferenceToPermissionSet"
        row = self.permission_set(params, operation, write=True)
        place = _customer(params)
        text = (
            f"Given customer managed policy with name: {place[1]}  and path {place[0]} already "
            "attached"
        )
        self._attach(row, _CUSTOMER, place, text)
        return {}

    def detach_customer_managed_policy_reference_from_permission_set(
        self, params: Params
    ) -> Answer:
        """DetachCustomerManagedPolicyReferenceFromPermissionSet."""
        operation = "DetachCustomerManagedPolicyReferenceFromPermissionSet"
        row = self.permission_set(params, operation, write=True)
        place = _customer(params)
        text = (
            f"Given managed policy with name: {place[1]}  and path {place[0]} does not exist on "
            "PermissionSet"
        )
        self._detach(row, _CUSTOMER, place, text)
        return {}

    def list_customer_managed_policy_references_in_permission_set(self, params: Params) -> Answer:
        """ListCustomerManagedPolicyReferencesInPermissionSet."""
        operation = "ListCustomerManagedPolicyReferencesInPermissionSet"
        page = self._policies(params, operation, _CUSTOMER)
        listed = [{"Name": row["name"], "Path": row["place"]} for row in page.rows]
        return with_token({"CustomerManagedPolicyReferences": listed}, page)

    def _managed(self, arn: str) -> _Place:
        """Return where an AWS managed policy is and its name; it may have a path."""
        name = arn.rpartition("/")[2]
        if not arn.startswith(f"arn:{self.partition}:") or len(name) > _LONGEST_NAME:
            raise not_found(f"Policy does not exist with ARN: {arn}")
        return arn, name

    def _attach(self, row: Row, kind: str, place: _Place, conflict: str) -> None:
        if self.store.one(
            "SELECT 1 FROM permission_set_policies "
            "WHERE permission_set = ? AND kind = ? AND place = ? AND name = ?",
            (row["arn"], kind, *place),
        ):
            raise ServiceError("ConflictException", conflict)
        count = self.store.one(
            "SELECT count(*) AS n FROM permission_set_policies WHERE permission_set = ?",
            (row["arn"],),
        )
        most = self.world.quotas.policies_per_permission_set
        if count and count["n"] >= most:
            raise ServiceError(
                "ServiceQuotaExceededException",
                f"You have exceeded AWS SSO limits. Cannot create ManagedPolicy more than {most} "
                f"for id {_id(row)}. Please refer to "
                "https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html",
            )
        self.store.execute(
            "INSERT INTO permission_set_policies (permission_set, kind, place, name) "
            "VALUES (?, ?, ?, ?)",
            (row["arn"], kind, *place),
        )
        self.changed(row, "inline_policy", row["inline_policy"])

    def _detach(self, row: Row, kind: str, place: _Place, missing: str) -> None:
        gone = self.store.execute(
            "DELETE FROM permission_set_policies "
            "WHERE permission_set = ? AND kind = ? AND place = ? AND name = ?",
            (row["arn"], kind, *place),
        )
        self._require(missing, found=gone.rowcount > 0)
        self.changed(row, "inline_policy", row["inline_policy"])

    def _require(self, missing: str, *, found: bool) -> None:
        if not found and self.assumptions.missing_policy_is_error:
            raise not_found(missing)

    def _policies(self, params: Params, operation: str, kind: str) -> Page:
        arn = self.permission_set(params, operation)["arn"]
        query = Query(
            "permission_set_policies",
            "permission_set = ? AND kind = ?",
            (arn, kind),
            f"{operation}{arn}",
        )
        return self.page(query, params)

    def put_inline_policy_to_permission_set(self, params: Params) -> Answer:
        """PutInlinePolicyToPermissionSet: what is there is replaced."""
        row = self.permission_set(params, "PutInlinePolicyToPermissionSet", write=True)
        policy = params["InlinePolicy"]
        _check_policy(policy)
        self.changed(row, "inline_policy", policy)
        return {}

    def get_inline_policy_for_permission_set(self, params: Params) -> Answer:
        """GetInlinePolicyForPermissionSet."""
        row = self.permission_set(params, "GetInlinePolicyForPermissionSet")
        if row["inline_policy"] is not None:
            return {"InlinePolicy": row["inline_policy"]}
        return {"InlinePolicy": ""} if self.assumptions.missing_inline_policy_is_empty else {}

    def delete_inline_policy_from_permission_set(self, params: Params) -> Answer:
        """DeleteInlinePolicyFromPermissionSet."""
        row = self.permission_set(params, "DeleteInlinePolicyFromPermissionSet", write=True)
        found = row["inline_policy"] is not None
        self._require("The permission set has no inline policy", found=found)
        self.changed(row, "inline_policy", None)
        return {}

    def put_permissions_boundary_to_permission_set(self, params: Params) -> Answer:
        """PutPermissionsBoundaryToPermissionSet: one of two kinds of policy."""
        row = self.permission_set(params, "PutPermissionsBoundaryToPermissionSet", write=True)
        boundary = {
            name: params["PermissionsBoundary"][name]
            for name in ("CustomerManagedPolicyReference", "ManagedPolicyArn")
            if name in params["PermissionsBoundary"]
        }
        if len(boundary) != 1:
            # Documented: PermissionsBoundary, "either ... or". The text is assumed.
            raise validation(
                "A permissions boundary is either a CustomerManagedPolicyReference or a "
                "ManagedPolicyArn"
            )
        if "ManagedPolicyArn" in boundary:
            self._managed(boundary["ManagedPolicyArn"])
            kept = boundary
        else:
            path, name = _customer(boundary)
            kept = {"CustomerManagedPolicyReference": {"Name": name, "Path": path}}
        self.changed(row, "boundary", json.dumps(kept))
        return {}

    def get_permissions_boundary_for_permission_set(self, params: Params) -> Answer:
        """GetPermissionsBoundaryForPermissionSet.

        Observed: Terraform's provider takes ResourceNotFoundException for there being none.
        """
        row = self.permission_set(params, "GetPermissionsBoundaryForPermissionSet")
        if row["boundary"] is None:
            raise not_found("The permission set has no permissions boundary")
        return {"PermissionsBoundary": json.loads(row["boundary"])}

    def delete_permissions_boundary_from_permission_set(self, params: Params) -> Answer:
        """DeletePermissionsBoundaryFromPermissionSet."""
        row = self.permission_set(params, "DeletePermissionsBoundaryFromPermissionSet", write=True)
        found = row["boundary"] is not None
        self._require("The permission set has no permissions boundary", found=found)
        self.changed(row, "boundary", None)
        return {}


def _id(row: Row) -> str:
    """Return the id of a permission set: the end of its ARN."""
    return str(row["arn"]).rpartition("/")[2]


def _customer(params: Params) -> _Place:
    reference = params["CustomerManagedPolicyReference"]
    return reference.get("Path", "/"), reference["Name"]


def _check_policy(text: str) -> None:
    """Refuse what is no policy document. The error and its text are assumed."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise validation("The inline policy is not a valid policy document")
