"""The operations on account assignments: who has which permission set in which account."""

from __future__ import annotations

from identity_reconciler.sandbox.assumptions import ExistingAssignment
from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError, not_found
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.provisioning import Provisioning
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

_CREATION, _DELETION = "creation", "deletion"
_THIS = (
    "account_assignments WHERE permission_set = ? AND account = ? "
    "AND principal_type = ? AND principal_id = ?"
)
_DETAILS = ("TargetId", "TargetType", "PermissionSetArn", "PrincipalType", "PrincipalId")


class AccountAssignments(Provisioning):
    """Keyed by permission set, account, principal type and id. They outlive their principals.

    Documented: users-groups-provisioning ("first remove assignments").
    """

    def create_account_assignment(self, params: Params) -> Answer:
        """CreateAccountAssignment: puts the permission set into the account. Documented: API page.

        Raises:
            ServiceError: Something that it names does not exist, the caller may not, or there are
                too many groups.
        """
        operation = "CreateAccountAssignment"
        permission_set = self._assignable(params, operation)
        self.require_account(params["TargetId"])
        key = _key(params)
        if self.store.one(f"SELECT 1 FROM {_THIS}", key):  # noqa: S608 - a constant
            if self.assumptions.existing_account_assignment is ExistingAssignment.CONFLICT:
                raise ServiceError("ConflictException", "The assignment already exists.")
        else:
            if self.assumptions.principal_must_exist:
                self.require_principal(permission_set["instance"], params)
            self._check_quota_of_groups(key)
            self.store.execute(
                "INSERT INTO account_assignments "
                "(permission_set, account, principal_type, principal_id, instance, created) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (*key, permission_set["instance"], self.world.clock()),
            )
            self.provision(permission_set, params["TargetId"])
        begun = self.begin(_CREATION, permission_set["instance"], _details(params))
        return {"AccountAssignmentCreationStatus": begun}

    def delete_account_assignment(self, params: Params) -> Answer:
        """DeleteAccountAssignment, also of a principal that is gone."""
        permission_set = self._assignable(params, "DeleteAccountAssignment")
        key = _key(params)
        gone = self.store.execute(f"DELETE FROM {_THIS}", key)  # noqa: S608 - a constant
        if gone.rowcount == 0 and self.assumptions.missing_account_assignment_is_error:
            raise not_found(f"Account assignment in {params['TargetId']} not found.")
        if self.assumptions.last_assignment_deprovisions:
            self.store.execute(
                "DELETE FROM provisioned WHERE permission_set = ?1 AND account = ?2 "
                "AND NOT EXISTS (SELECT 1 FROM account_assignments "
                "WHERE permission_set = ?1 AND account = ?2)",
                key[:2],
            )
        begun = self.begin(_DELETION, permission_set["instance"], _details(params))
        return {"AccountAssignmentDeletionStatus": begun}

    def _assignable(self, params: Params, operation: str) -> Row:
        """Return the permission set of an assignment that the caller may make or take away."""
        permission_set = self.permission_set(params, operation, write=True)
        self.check_management(params, params["TargetId"], operation)
        return permission_set

    def _check_quota_of_groups(self, key: tuple[str, str, str, str]) -> None:
        permission_set, account, principal_type, _ = key
        if principal_type != "GROUP":
            return
        row = self.store.one(
            "SELECT count(*) AS n FROM account_assignments "
            "WHERE permission_set = ? AND account = ? AND principal_type = 'GROUP'",
            (permission_set, account),
        )
        most = self.world.quotas.groups_per_permission_set
        of_what = "groups assigned with a permission set in an account"
        check_quota(row["n"] + 1 if row else 1, most, of_what)

    def list_account_assignments(self, params: Params) -> Answer:
        """ListAccountAssignments: of a permission set in an account, orphans too."""
        operation = "ListAccountAssignments"
        permission_set, account = self.permission_set(params, operation)["arn"], params["AccountId"]
        if self.assumptions.account_must_exist:
            self.require_account(account)
        query = Query(
            "account_assignments",
            "permission_set = ? AND account = ?",
            (permission_set, account),
            f"{operation}{permission_set}{account}",
        )
        page = self.page(query, params)
        return with_token({"AccountAssignments": [_shown(row) for row in page.rows]}, page)

    def list_account_assignments_for_principal(self, params: Params) -> Answer:
        """ListAccountAssignmentsForPrincipal: for the management account only.

        Documented: API page; the error is assumed. A principal that is unknown has none (assumed).
        """
        operation = "ListAccountAssignmentsForPrincipal"
        instance = self.permitted(params, operation)
        if self.caller.account != instance["account"]:
            raise self.denied(operation, instance["arn"])
        where, values = "instance = ?", [instance["arn"]]
        account = params.get("Filter", {}).get("AccountId")
        if account is not None:
            where = f"{where} AND account = ?"
            values.append(account)
        through = self.assumptions.account_access_through_groups
        query = Query(
            "account_assignments",
            f"{where} AND principal_type = ? AND principal_id = ?",
            tuple(values),
            f"{operation}{values}{params['PrincipalType']}{params['PrincipalId'].lower()}",
            self.principals(instance, params, through_groups=through),
        )
        page = self.page(query, params)
        return with_token({"AccountAssignments": [_shown(row) for row in page.rows]}, page)

    def describe_account_assignment_creation_status(self, params: Params) -> Answer:
        """DescribeAccountAssignmentCreationStatus."""
        operation = "DescribeAccountAssignmentCreationStatus"
        member = "AccountAssignmentCreationRequestId"
        found = self.status(params, operation, _CREATION, member)
        return {"AccountAssignmentCreationStatus": found}

    def describe_account_assignment_deletion_status(self, params: Params) -> Answer:
        """DescribeAccountAssignmentDeletionStatus."""
        operation = "DescribeAccountAssignmentDeletionStatus"
        member = "AccountAssignmentDeletionRequestId"
        found = self.status(params, operation, _DELETION, member)
        return {"AccountAssignmentDeletionStatus": found}

    def list_account_assignment_creation_status(self, params: Params) -> Answer:
        """ListAccountAssignmentCreationStatus."""
        operation = "ListAccountAssignmentCreationStatus"
        return self.statuses(params, operation, _CREATION, "AccountAssignmentsCreationStatus")

    def list_account_assignment_deletion_status(self, params: Params) -> Answer:
        """ListAccountAssignmentDeletionStatus."""
        operation = "ListAccountAssignmentDeletionStatus"
        return self.statuses(params, operation, _DELETION, "AccountAssignmentsDeletionStatus")


def _key(params: Params) -> tuple[str, str, str, str]:
    return (
        params["PermissionSetArn"],
        params["TargetId"],
        params["PrincipalType"],
        params["PrincipalId"].lower(),
    )


def _details(params: Params) -> dict[str, str]:
    return {name: params[name] for name in _DETAILS}


def _shown(row: Row) -> Answer:
    return {
        "AccountId": row["account"],
        "PermissionSetArn": row["permission_set"],
        "PrincipalType": row["principal_type"],
        "PrincipalId": row["principal_id"],
    }
