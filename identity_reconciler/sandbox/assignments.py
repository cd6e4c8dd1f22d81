"""The operations on application assignments: who may open which application."""

from __future__ import annotations

import json

from identity_reconciler.sandbox.applications import ApplicationOperations
from identity_reconciler.sandbox.assumptions import ExistingAssignment
from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError, not_found, validation
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params


class AssignmentOperations(ApplicationOperations):
    """Direct assignments of users and groups. Keyed by application, principal type and id."""

    def create_application_assignment(self, params: Params) -> Answer:
        """CreateApplicationAssignment: synchronous, with an empty answer. Documented: API page."""
        operation = "CreateApplicationAssignment"
        application = self.application(params["ApplicationArn"], operation, write=True)
        key = _key(params)
        if self._assignment(key):
            if self.assumptions.existing_assignment is ExistingAssignment.CONFLICT:
                raise ServiceError("ConflictException", "The assignment already exists.")
            return {}
        if self.assumptions.principal_must_exist:
            self.require_principal(application["instance"], params)
        self._check_status(application)
        self._check_groups(application, params)
        self.store.execute(
            "INSERT INTO assignments "
            "(application, principal_type, principal_id, instance, created) "
            "VALUES (?, ?, ?, ?, ?)",
            (*key, application["instance"], self.world.clock()),
        )
        return {}

    def delete_application_assignment(self, params: Params) -> Answer:
        """DeleteApplicationAssignment."""
        operation = "DeleteApplicationAssignment"
        application = self.application(params["ApplicationArn"], operation, write=True)
        if not self.assumptions.orphan_can_be_unassigned:
            self.require_principal(application["instance"], params)
        deleted = self.store.execute(
            "DELETE FROM assignments WHERE application = ? AND principal_type = ? "
            "AND principal_id = ?",
            _key(params),
        )
        if deleted.rowcount == 0 and self.assumptions.missing_assignment_is_error:
            raise _no_assignment()
        return {}

    def describe_application_assignment(self, params: Params) -> Answer:
        """DescribeApplicationAssignment: direct assignments only. Documented: API page."""
        self.application(params["ApplicationArn"], "DescribeApplicationAssignment")
        row = self._assignment(_key(params))
        if row is None:
            raise _no_assignment()
        return _shown(row)

    def list_application_assignments(self, params: Params) -> Answer:
        """ListApplicationAssignments: direct assignments, also of principals that are gone."""
        application = self.application(params["ApplicationArn"], "ListApplicationAssignments")
        arn = application["arn"]
        query = Query("assignments", "application = ?", (arn,), f"ListApplicationAssignments{arn}")
        page = self.page(query, params)
        return with_token({"ApplicationAssignments": [_shown(row) for row in page.rows]}, page)

    def list_application_assignments_for_principal(self, params: Params) -> Answer:
        """ListApplicationAssignmentsForPrincipal.

        A member account must name the application. Documented: API page; the error is assumed.
        """
        operation = "ListApplicationAssignmentsForPrincipal"
        instance = self.instance(params, operation)
        wanted = params.get("Filter", {}).get("ApplicationArn")
        if wanted is None and not self.owns(instance):
            raise self.denied(operation, instance["arn"])
        through = self.assumptions.assignments_through_groups
        query = Query(
            "assignments",
            "instance = ? AND (? IS NULL OR application = ?) "
            "AND principal_type = ? AND principal_id = ?",
            (instance["arn"], wanted, wanted),
            f"{operation}{instance['arn']}{params['PrincipalType']}{params['PrincipalId']}{wanted}",
            self.principals(instance, params, through_groups=through),
        )
        page = self.page(query, params)
        return with_token({"ApplicationAssignments": [_shown(row) for row in page.rows]}, page)

    def _assignment(self, key: tuple[str, str, str]) -> Row | None:
        return self.store.one(
            "SELECT * FROM assignments WHERE application = ? AND principal_type = ? "
            "AND principal_id = ?",
            key,
        )

    def _check_status(self, application: Row) -> None:
        disabled = json.loads(application["document"])["Status"] == "DISABLED"
        if disabled and not self.assumptions.disabled_applications_take_assignments:
            raise validation(f"The application {application['arn']} is disabled")

    def _check_groups(self, application: Row, params: Params) -> None:
        if params["PrincipalType"] != "GROUP":
            return
        row = self.store.one(
            "SELECT count(*) AS n FROM assignments WHERE application = ? "
            "AND principal_type = 'GROUP'",
            (application["arn"],),
        )
        number = row["n"] + 1 if row else 1
        most = self.world.quotas.groups_per_application
        check_quota(number, most, "groups assigned to an application")


def _key(params: Params) -> tuple[str, str, str]:
    return (params["ApplicationArn"], params["PrincipalType"], params["PrincipalId"].lower())


def _no_assignment() -> ServiceError:
    # The text is assumed.
    return not_found("Application assignment not found.")


def _shown(row: Row) -> Answer:
    return {
        "ApplicationArn": row["application"],
        "PrincipalId": row["principal_id"],
        "PrincipalType": row["principal_type"],
    }
