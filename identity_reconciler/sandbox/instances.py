"""The operations on instances and their Regions, and what the rest of sso-admin needs of them."""

from __future__ import annotations

from typing import Any

from identity_reconciler.sandbox.directory import store_arn, with_token
from identity_reconciler.sandbox.errors import ServiceError, denied, not_found, validation
from identity_reconciler.sandbox.paging import Page, PageRequest, Query, read_page
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Caller, Params, World

MAX_PAGE = 100
"""Documented: botocore model, MaxResults."""
MAX_INSTANCES = 10
"""Instances on a page. Documented: botocore model, InstanceList."""


_TABLES = {"USER": "users", "GROUP": "groups"}


class Administration:
    """What all operations of sso-admin share: instances, who may do what, pages."""

    def __init__(self, world: World, caller: Caller) -> None:
        self.world = world
        self.caller = caller
        self.store = world.store
        self.assumptions = world.assumptions

    def visible(self, row: Row) -> bool:
        """Return whether the caller's account can see an instance.

        Documented: an account sees its own and the organisation's (API_ListInstances).
        """
        return bool(row["account"] == self.caller.account or row["organization"])

    def instance(self, params: Params, operation: str) -> Row:
        """Return the instance that the request names.

        Raises:
            ServiceError: AccessDeniedException; these operations have no
                ResourceNotFoundException. Documented: model, and DescribeInstance for a deleted
                instance.
        """
        arn = params["InstanceArn"]
        row = self.store.one("SELECT * FROM instances WHERE arn = ?", (arn,))
        if row is None or not self.visible(row):
            if not self.assumptions.unknown_instance_is_denied:
                raise validation(f"There is no instance {arn}")
            raise self.denied(operation, arn)
        return row

    def denied(self, operation: str, resource: str) -> ServiceError:
        """Return the answer to a caller that may not do this."""
        return denied(self.caller.arn, f"sso:{operation}", resource)

    def require_principal(self, instance_arn: str, params: Params) -> None:
        """Refuse a principal that is not in the identity store of an instance."""
        table = _TABLES[params["PrincipalType"]]
        found = self.store.one(
            f"SELECT 1 FROM {table} WHERE id = ? AND store = "  # noqa: S608 - our tables
            "(SELECT store FROM instances WHERE arn = ?)",
            (params["PrincipalId"].lower(), instance_arn),
        )
        if found is None:
            # The text is assumed.
            raise not_found(f"{params['PrincipalType']} not found.")

    def of_principal(
        self, instance: Row, params: Params, *, through_groups: bool
    ) -> tuple[str, tuple[str, ...]]:
        """Return SQL, and its values, for the assignments of the request's principal."""
        kind, identifier = params["PrincipalType"], params["PrincipalId"].lower()
        direct = "(principal_type = ? AND principal_id = ?)"
        if kind == "GROUP" or not through_groups:
            return direct, (kind, identifier)
        through = (
            "(principal_type = 'GROUP' AND principal_id IN "
            "(SELECT group_id FROM memberships WHERE store = ? AND user_id = ?))"
        )
        return f"({direct} OR {through})", (kind, identifier, instance["store"], identifier)

    def owns(self, row: Row) -> bool:
        """Return whether the caller may change an instance: owner or delegated administrator."""
        delegated = row["organization"] and self.store.document("delegated_admin")
        return self.caller.account in {row["account"], delegated}

    def page(self, query: Query, params: Params, maximum: int = MAX_PAGE) -> Page:
        """Return the page that *params* ask for; never more than *maximum*."""
        limit = min(int(params.get("MaxResults") or maximum), maximum)
        return read_page(self.world, query, PageRequest(params.get("NextToken"), limit))


class InstanceOperations(Administration):
    """ListInstances, DescribeInstance, ListRegions, DescribeRegion, UpdateInstance."""

    def list_instances(self, params: Params) -> Answer:
        """ListInstances: the caller's own and the organisation's.

        RegionScope CURRENT_REGION, the default, leaves out instances that are not enabled in the
        Region of the request. Documented: API_ListInstances.
        """
        everywhere = params.get("RegionScope") == "ALL_REGIONS"
        query = Query(
            "instances",
            "(account = ? OR organization) AND (? OR ' ' || regions || ' ' LIKE ?)",
            (self.caller.account, everywhere, f"% {self.caller.region} %"),
            f"ListInstances{self.caller.account}{everywhere}{self.caller.region}",
        )
        page = self.page(query, params, MAX_INSTANCES)
        return with_token({"Instances": [_shown(row) for row in page.rows]}, page)

    def describe_instance(self, params: Params) -> Answer:
        """DescribeInstance."""
        row = self.instance(params, "DescribeInstance")
        return {
            **_shown(row),
            "EncryptionConfigurationDetails": {
                "KeyType": "AWS_OWNED_KMS_KEY",
                "EncryptionStatus": "ENABLED",
            },
            # Documented: account instances have no permission sets.
            "PermissionSetsEnabled": bool(row["organization"]),
        }

    def update_instance(self, params: Params) -> Answer:
        """UpdateInstance: the name only."""
        row = self.instance(params, "UpdateInstance")
        if not self.owns(row):
            raise self.denied("UpdateInstance", row["arn"])
        if "Name" in params:
            self.store.execute(
                "UPDATE instances SET name = ? WHERE row = ?", (params["Name"], row["row"])
            )
        return {}

    def list_regions(self, params: Params) -> Answer:
        """ListRegions."""
        row = self.instance(params, "ListRegions")
        return {"Regions": _regions(row)}

    def describe_region(self, params: Params) -> Answer:
        """DescribeRegion."""
        row = self.instance(params, "DescribeRegion")
        for region in _regions(row):
            if region["RegionName"] == params["RegionName"]:
                return region
        raise not_found(f"Region {params['RegionName']} is not enabled for the instance")


def _regions(row: Row) -> list[dict[str, Any]]:
    return [
        {
            "RegionName": name,
            "Status": "ACTIVE",
            "AddedDate": row["created"],
            "IsPrimaryRegion": name == row["region"],
        }
        for name in row["regions"].split()
    ]


def _shown(row: Row) -> Answer:
    """Return an instance as ListInstances shows it."""
    name = {"Name": row["name"]} if row["name"] else {}
    return {
        "InstanceArn": row["arn"],
        "IdentityStoreId": row["store"],
        "IdentityStoreArn": store_arn(row),
        "OwnerAccountId": row["account"],
        **name,
        "CreatedDate": row["created"],
        "Status": row["status"],
        "PrimaryRegion": row["region"],
        "Regions": _regions(row),
    }


def application_missing(arn: str) -> ServiceError:
    """Return the answer for an application that does not exist. The text is assumed."""
    return not_found(f"Application with ARN {arn} not found.")


def unsupported(arn: str) -> ServiceError:
    """Return the answer for an application that does not take this operation.

    Observed: aws-ia/terraform-aws-iam-identity-center issue 71, for AWS Client VPN.
    """
    return validation(f"The application with arn '{arn}' is not supported for this action.")
