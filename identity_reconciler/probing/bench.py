"""What probes make: beside the identity store, applications, permission sets and assignments.

Everything that is made carries the prefix of the run, and is written down before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from identity_reconciler.probing.entitling import Entitling
from identity_reconciler.probing.ledger import Made
from identity_reconciler.probing.observations import NotMeasuredError

PrincipalKind = Literal["USER", "GROUP"]
_CUSTOM = "arn:aws:sso::aws:applicationProvider/custom"
_POLLS = 240
"""Looks at the status of an asynchronous operation."""
_PAUSE = 0.5
"""Seconds between two of them."""


class Bench(Entitling):
    """One run of probes at one place."""

    def application(self, name: str | None = None) -> str:
        """Create a customer managed application. Returns its ARN."""
        name = name or self.name()
        with self.making(self.as_application(name)) as made:
            answer = self.admin.create_application(
                InstanceArn=self.site.instance_arn, ApplicationProviderArn=_CUSTOM, Name=name
            )
            made.identifier = answer["ApplicationArn"]
        return made.identifier

    def as_application(self, name: str) -> Made:
        """Return how an application is removed."""
        return Made(
            "application",
            name,
            delete=lambda one: self.admin.delete_application(ApplicationArn=one),
            there=lambda one: bool(self.admin.describe_application(ApplicationArn=one)),
            find=lambda: self.applications().get(name),
        )

    def applications(self) -> Mapping[str, str]:
        """Return the ARNs of all applications by name."""
        pages = self.admin.get_paginator("list_applications").paginate(
            InstanceArn=self.site.instance_arn
        )
        return {
            item.get("Name", ""): item["ApplicationArn"]
            for page in pages
            for item in page["Applications"]
        }

    def assign(self, application: str, kind: PrincipalKind, principal: str) -> None:
        """Assign a principal to an application."""
        assignment = Made(
            "application assignment",
            f"of {kind} {principal} to {application}",
            delete=lambda _: self.unassign(application, kind, principal),
            there=lambda _: (application, principal) in self.assignments_of(kind, principal),
            find=lambda: application,
        )
        with self.making(assignment):
            self.admin.create_application_assignment(
                ApplicationArn=application, PrincipalType=kind, PrincipalId=principal
            )

    def unassign(self, application: str, kind: PrincipalKind, principal: str) -> None:
        """Take an assignment to an application away."""
        self.admin.delete_application_assignment(
            ApplicationArn=application, PrincipalType=kind, PrincipalId=principal
        )

    def assignments_of(self, kind: PrincipalKind, principal: str) -> frozenset[tuple[str, str]]:
        """Return application and principal of all assignments that a principal has."""
        pages = self.admin.get_paginator("list_application_assignments_for_principal").paginate(
            InstanceArn=self.site.instance_arn, PrincipalType=kind, PrincipalId=principal
        )
        return frozenset(
            (item.get("ApplicationArn", ""), item.get("PrincipalId", ""))
            for page in pages
            for item in page["ApplicationAssignments"]
        )

    def permission_set(self, name: str | None = None) -> str:
        """Create a permission set that permits nothing. Returns its ARN."""
        name, instance = name or self.name(), self.site.instance_arn
        with self.making(self.as_permission_set(name)) as made:
            answer = self.admin.create_permission_set(InstanceArn=instance, Name=name)
            made.identifier = answer["PermissionSet"]["PermissionSetArn"]
        return made.identifier

    def as_permission_set(self, name: str) -> Made:
        """Return how a permission set is removed."""
        instance = self.site.instance_arn
        return Made(
            "permission set",
            name,
            delete=lambda one: self.admin.delete_permission_set(
                InstanceArn=instance, PermissionSetArn=one
            ),
            there=lambda one: bool(
                self.admin.describe_permission_set(InstanceArn=instance, PermissionSetArn=one)
            ),
            find=lambda: self.permission_sets().get(name),
        )

    def permission_sets(self) -> Mapping[str, str]:
        """Return the ARNs of all permission sets by name; one request for each."""
        instance = self.site.instance_arn
        pages = self.admin.get_paginator("list_permission_sets").paginate(InstanceArn=instance)
        described = (
            self.admin.describe_permission_set(InstanceArn=instance, PermissionSetArn=arn)
            for page in pages
            for arn in page["PermissionSets"]
        )
        found = (answer["PermissionSet"] for answer in described)
        return {one.get("Name", ""): one["PermissionSetArn"] for one in found}

    def give_account(self, permission_set: str, kind: PrincipalKind, principal: str) -> None:
        """Assign a principal to the instance's own account; waits for the end.

        Raises:
            NotMeasuredError: It fails after it was accepted, or does not end.
        """
        instance, admin = self.site.instance_arn, self.admin
        with self.making(self.as_account_assignment(permission_set, kind, principal)):
            answer = admin.create_account_assignment(
                InstanceArn=instance,
                TargetId=self.site.account,
                TargetType="AWS_ACCOUNT",
                PermissionSetArn=permission_set,
                PrincipalType=kind,
                PrincipalId=principal,
            )
        request = answer["AccountAssignmentCreationStatus"]["RequestId"]
        self._wait_for(
            lambda: admin.describe_account_assignment_creation_status(
                InstanceArn=instance, AccountAssignmentCreationRequestId=request
            )["AccountAssignmentCreationStatus"]["Status"]
        )

    def as_account_assignment(
        self, permission_set: str, kind: PrincipalKind, principal: str
    ) -> Made:
        """Return how an account assignment is removed."""
        return Made(
            "account assignment",
            f"of {kind} {principal} to {self.site.account} by {permission_set}",
            delete=lambda _: self.take_account(permission_set, kind, principal),
            there=lambda _: (kind, principal) in self.with_account(permission_set),
            find=lambda: permission_set,
        )

    def take_account(self, permission_set: str, kind: PrincipalKind, principal: str) -> None:
        """Take an account assignment away; waits for the end.

        Raises:
            NotMeasuredError: It fails after it was accepted, or does not end.
        """
        instance, admin = self.site.instance_arn, self.admin
        answer = admin.delete_account_assignment(
            InstanceArn=instance,
            TargetId=self.site.account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=permission_set,
            PrincipalType=kind,
            PrincipalId=principal,
        )
        request = answer["AccountAssignmentDeletionStatus"]["RequestId"]
        self._wait_for(
            lambda: admin.describe_account_assignment_deletion_status(
                InstanceArn=instance, AccountAssignmentDeletionRequestId=request
            )["AccountAssignmentDeletionStatus"]["Status"]
        )

    def with_account(self, permission_set: str) -> frozenset[tuple[PrincipalKind, str]]:
        """Return the principals that have a permission set in the instance's own account."""
        pages = self.admin.get_paginator("list_account_assignments").paginate(
            InstanceArn=self.site.instance_arn,
            AccountId=self.site.account,
            PermissionSetArn=permission_set,
        )
        return frozenset(
            (item.get("PrincipalType", "USER"), item.get("PrincipalId", ""))
            for page in pages
            for item in page["AccountAssignments"]
        )

    def in_account(self) -> frozenset[str]:
        """Return the permission sets that are in the instance's own account."""
        pages = self.admin.get_paginator("list_permission_sets_provisioned_to_account").paginate(
            InstanceArn=self.site.instance_arn, AccountId=self.site.account
        )
        return frozenset(arn for page in pages for arn in page["PermissionSets"])

    def provision(self, permission_set: str, account: str | None) -> bool:
        """Put a permission set into an account; return whether that succeeds in the end."""
        named: dict[str, str] = {} if account is None else {"TargetId": account}
        answer = self.admin.provision_permission_set(
            InstanceArn=self.site.instance_arn,
            PermissionSetArn=permission_set,
            TargetType="AWS_ACCOUNT",
            **named,
        )
        request = answer["PermissionSetProvisioningStatus"]["RequestId"]
        return self._succeeds(
            lambda: self.admin.describe_permission_set_provisioning_status(
                InstanceArn=self.site.instance_arn, ProvisionPermissionSetRequestId=request
            )["PermissionSetProvisioningStatus"]["Status"]
        )

    def _wait_for(self, status: Callable[[], str]) -> None:
        if not self._succeeds(status):
            raise NotMeasuredError("the account assignment was accepted and then failed")

    def _succeeds(self, status: Callable[[], str]) -> bool:
        for _ in range(_POLLS):
            match status():
                case "SUCCEEDED":
                    return True
                case "FAILED":
                    return False
                case _:
                    self.sleep(_PAUSE)
        raise NotMeasuredError("an asynchronous request did not end within two minutes")
