"""Permission sets in accounts: which one is where, in which version, and what became of requests.

Requests are asynchronous: the answer is IN_PROGRESS, and the work is done when anything is asked
again.
"""

from __future__ import annotations

import json
from typing import Any

from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import not_found, validation
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.permission_policies import PermissionPolicies
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

_PROVISIONING = "provisioning"
_NO_ASSIGNMENT = "Received a 404 status error: Assignment not found."


class Provisioning(PermissionPolicies):
    """The operations that put permission sets into accounts and say where they are."""

    def provision_permission_set(self, params: Params) -> Answer:
        """ProvisionPermissionSet: to one account, or anew to all that have it."""
        operation = "ProvisionPermissionSet"
        row = self.permission_set(params, operation, write=True)
        account = self._target(params)
        document = {"PermissionSetArn": row["arn"]}
        failure = None
        if account is None:
            self.store.execute(
                "UPDATE provisioned SET version = ? WHERE permission_set = ?",
                (row["version"], row["arn"]),
            )
        else:
            self.require_account(account)
            self.check_management(params, account, operation)
            document["AccountId"] = account
            if not self.assumptions.provisioning_needs_an_assignment or self.is_provisioned(
                row["arn"], account
            ):
                self.provision(row, account)
            else:
                failure = _NO_ASSIGNMENT
        begun = self.begin(_PROVISIONING, row["instance"], document, failure)
        return {"PermissionSetProvisioningStatus": begun}

    def _target(self, params: Params) -> str | None:
        """Return the account to provision to; None for all that have the permission set.

        Both refusals are assumed.
        """
        given: str | None = params.get("TargetId")
        if params["TargetType"] == "ALL_PROVISIONED_ACCOUNTS":
            if given is not None:
                raise validation("TargetId must not be given for ALL_PROVISIONED_ACCOUNTS")
            return None
        if given is None and self.assumptions.provisioning_names_its_account:
            raise validation("TargetId is required for AWS_ACCOUNT")
        return given or self.caller.account

    def provision(self, permission_set: Row, account: str) -> None:
        """Put the permission set into an account, as it is now."""
        self.store.execute(
            "INSERT INTO provisioned (instance, permission_set, account, version) "
            "VALUES (?, ?, ?, ?) "
            "ON CONFLICT (permission_set, account) DO UPDATE SET version = excluded.version",
            (
                permission_set["instance"],
                permission_set["arn"],
                account,
                permission_set["version"],
            ),
        )

    def check_management(self, params: Params, account: str, operation: str) -> None:
        """Keep the delegated administrator out of the management account."""
        instance = self.permitted(params, operation)
        if account == instance["account"] != self.caller.account:
            raise self.denied(operation, instance["arn"])

    def require_account(self, account: str) -> None:
        """Refuse an account that is not in the organisation. The text is assumed."""
        if self.store.one("SELECT 1 FROM accounts WHERE id = ?", (account,)) is None:
            raise not_found(f"Account {account} not found.")

    def list_accounts_for_provisioned_permission_set(self, params: Params) -> Answer:
        """ListAccountsForProvisionedPermissionSet."""
        operation = "ListAccountsForProvisionedPermissionSet"
        row = self.permission_set(params, operation)
        query = _narrowed("permission_set = ?", (row["arn"],), operation, params)
        page = self.page(query, params)
        return with_token({"AccountIds": [one["account"] for one in page.rows]}, page)

    def list_permission_sets_provisioned_to_account(self, params: Params) -> Answer:
        """ListPermissionSetsProvisionedToAccount."""
        operation = "ListPermissionSetsProvisionedToAccount"
        instance = self.permitted(params, operation)
        account = params["AccountId"]
        if self.assumptions.account_must_exist:
            self.require_account(account)
        values = (instance["arn"], account)
        query = _narrowed("instance = ? AND account = ?", values, operation, params)
        page = self.page(query, params)
        return with_token({"PermissionSets": [one["permission_set"] for one in page.rows]}, page)

    def begin(
        self, kind: str, instance: str, document: dict[str, Any], failure: str | None = None
    ) -> Answer:
        """Keep a request of a *kind* with what will become of it; return its status at first."""
        identifier, now = self.world.new_uuid(), self.world.clock()
        reason = {} if failure is None else {"FailureReason": failure}
        status = "SUCCEEDED" if failure is None else "FAILED"
        self.store.execute(
            "INSERT INTO account_operations (id, instance, kind, status, document, created) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (identifier, instance, kind, status, json.dumps(document | reason), now),
        )
        return {"Status": "IN_PROGRESS", "RequestId": identifier, **document, "CreatedDate": now}

    def status(self, params: Params, operation: str, kind: str, member: str) -> Answer:
        """Return what became of the request of a *kind* whose id is in *member*."""
        instance = self.permitted(params, operation)
        row = self.store.one(
            "SELECT * FROM account_operations WHERE id = ? AND instance = ? AND kind = ?",
            (params[member], instance["arn"], kind),
        )
        if row is None:
            # The text is assumed.
            raise not_found(f"Request {params[member]} not found.")
        details: Answer = json.loads(row["document"])
        return _brief(row) | details

    def statuses(self, params: Params, operation: str, kind: str, member: str) -> Answer:
        """Return a page of what became of the requests of a *kind*, under *member*."""
        arn = self.permitted(params, operation)["arn"]
        where, values = "instance = ? AND kind = ?", [arn, kind]
        if "Status" in params.get("Filter", {}):
            where = f"{where} AND status = ?"
            values.append(params["Filter"]["Status"])
        query = Query("account_operations", where, tuple(values), f"{operation}{values}")
        page = self.page(query, params)
        return with_token({member: [_brief(row) for row in page.rows]}, page)

    def describe_permission_set_provisioning_status(self, params: Params) -> Answer:
        """DescribePermissionSetProvisioningStatus."""
        operation = "DescribePermissionSetProvisioningStatus"
        found = self.status(params, operation, _PROVISIONING, "ProvisionPermissionSetRequestId")
        return {"PermissionSetProvisioningStatus": found}

    def list_permission_set_provisioning_status(self, params: Params) -> Answer:
        """ListPermissionSetProvisioningStatus."""
        operation = "ListPermissionSetProvisioningStatus"
        return self.statuses(params, operation, _PROVISIONING, "PermissionSetsProvisioningStatus")


def _brief(row: Row) -> Answer:
    return {"Status": row["status"], "RequestId": row["id"], "CreatedDate": row["created"]}


def _narrowed(where: str, values: tuple[str, ...], operation: str, params: Params) -> Query:
    """Return the list of what is provisioned, narrowed to current or outdated versions."""
    wanted = params.get("ProvisioningStatus")
    if wanted is not None:
        comparison = "=" if wanted == "LATEST_PERMISSION_SET_PROVISIONED" else "<>"
        latest = "SELECT version FROM permission_sets WHERE arn = permission_set"
        where = f"{where} AND version {comparison} ({latest})"
    return Query("provisioned", where, values, f"{operation}{values}{wanted}")
