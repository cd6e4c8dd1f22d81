"""Account assignments in a sandbox, for the tests of what is read of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from identity_reconciler.core.declared import Instance
from identity_reconciler.sandbox import Sandbox
from tests.sandbox.gateway_world import INSTANCE

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient
    from mypy_boto3_sso_admin.literals import PrincipalTypeType


class Accounts:
    """Gives principals, by name, permission sets, by name, in accounts."""

    def __init__(self, sandbox: Sandbox, instance: Instance = INSTANCE) -> None:
        self.instance = instance
        session = sandbox.session(instance.account_id, instance.region)
        self.admin: SSOAdminClient = session.client("sso-admin")
        self.store: IdentityStoreClient = session.client("identitystore")
        self.arns: dict[str, str] = {}

    def permission_set(self, name: str) -> str:
        """Return the ARN of the permission set called *name*, made when it is not there."""
        arn = self.instance.instance_arn
        if not self.arns:
            for one in self.admin.list_permission_sets(InstanceArn=arn)["PermissionSets"]:
                shown = self.admin.describe_permission_set(InstanceArn=arn, PermissionSetArn=one)
                self.arns[shown["PermissionSet"].get("Name", "")] = one
        if name not in self.arns:
            made = self.admin.create_permission_set(InstanceArn=arn, Name=name)
            self.arns[name] = made["PermissionSet"].get("PermissionSetArn", "")
        return self.arns[name]

    def give(self, kind: str, principal: str, name: str, account: str) -> None:
        """Assign the permission set *name* in *account* to the "user" or "group" *principal*."""
        self.admin.create_account_assignment(
            InstanceArn=self.instance.instance_arn,
            TargetId=account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=self.permission_set(name),
            PrincipalType=cast("PrincipalTypeType", kind.upper()),
            PrincipalId=self.identifier(kind, principal),
        )

    def join(self, group: str, user: str) -> None:
        """Put *user* into *group*, as somebody does in the console."""
        self.store.create_group_membership(
            IdentityStoreId=self.instance.identity_store_id,
            GroupId=self.identifier("group", group),
            MemberId={"UserId": self.identifier("user", user)},
        )

    def identifier(self, kind: str, name: str) -> str:
        """Return the UserId or GroupId behind *name*."""
        store = self.instance.identity_store_id
        path = "userName" if kind == "user" else "displayName"
        identifier = {"UniqueAttribute": {"AttributePath": path, "AttributeValue": name}}
        if kind == "user":
            return self.store.get_user_id(
                IdentityStoreId=store,
                AlternateIdentifier=identifier,  # type: ignore[arg-type]
            )["UserId"]
        return self.store.get_group_id(
            IdentityStoreId=store,
            AlternateIdentifier=identifier,  # type: ignore[arg-type]
        )["GroupId"]
