"""The operations on instances and their Regions, and what the rest of sso-admin needs of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from identity_reconciler.sandbox.accounts import partition_of
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
        self.partition = partition_of(caller.region)

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
        if row is None or not self.visible(row) or not self.is_here(row):
            if not self.assumptions.unknown_instance_is_denied:
                raise validation(f"There is no instance {arn}")
            raise self.denied(operation, arn)
        return row

    def is_here(self, row: Row) -> bool:
        """Return whether an instance is enabled in the Region of the request."""
        return self.caller.region in row["regions"].split()

    def require_home(self, row: Row, operation: str) -> None:
        """Refuse what an additional Region does not have: all but reads and applications.

        Documented: api-support-in-additional-regions; the error is assumed.
        """
        if self.caller.region != row["region"]:
            raise validation(f"{operation} is only supported in the primary Region {row['region']}")

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

    def principals(
        self, instance: Row, params: Params, *, through_groups: bool
    ) -> list[tuple[str, str]]:
        """Return the request's principal, type and id, and the groups that it is in if asked."""
        kind, identifier = params["PrincipalType"], params["PrincipalId"].lower()
        if kind == "GROUP" or not through_groups:
            return [(kind, identifier)]
        # Without the hint, SQLite reads all memberships of the store.
        rows = self.store.execute(
            "SELECT group_id FROM memberships INDEXED BY memberships_user "
            "WHERE store = ? AND user_id = ?",
            (instance["store"], identifier),
        )
        return [(kind, identifier), *(("GROUP", row["group_id"]) for row in rows)]

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
                **json.loads(row["encryption"] or '{"KeyType": "AWS_OWNED_KMS_KEY"}'),
                "EncryptionStatus": "ENABLED",
            },
            **({"NetworkConfigurationDetails": json.loads(row["access"])} if row["access"] else {}),
            # Documented: account instances have no permission sets.
            "PermissionSetsEnabled": bool(row["permission_sets"]),
        }

    def update_instance(self, params: Params) -> Answer:
        """UpdateInstance: at once. Keys and networks are kept and shown, not enforced."""
        row = self.instance(params, "UpdateInstance")
        if not self.owns(row):
            raise self.denied("UpdateInstance", row["arn"])
        self.require_home(row, "UpdateInstance")
        _check_update(row, params)
        changes = {
            "name": params.get("Name"),
            "permission_sets": params.get("PermissionSetsEnabled"),
            "encryption": _json(params.get("EncryptionConfiguration")),
            "access": _json(_network(params.get("NetworkConfiguration"))),
        }
        for column, value in changes.items():
            if value is not None:
                self.store.execute(
                    f"UPDATE instances SET {column} = ? WHERE row = ?",  # noqa: S608 - our columns
                    (value, row["row"]),
                )
        return {}

    def list_regions(self, params: Params) -> Answer:
        """ListRegions."""
        row = self.instance(params, "ListRegions")
        return fixed_page("Regions", _regions(row), params)

    def describe_region(self, params: Params) -> Answer:
        """DescribeRegion."""
        row = self.instance(params, "DescribeRegion")
        for region in _regions(row):
            if region["RegionName"] == params["RegionName"]:
                return region
        raise not_found(f"Region {params['RegionName']} is not enabled for the instance")


def _check_update(row: Row, params: Params) -> None:
    """Refuse what UpdateInstance says that it refuses. Documented; the texts are assumed."""
    names = ("EncryptionConfiguration", "PermissionSetsEnabled", "NetworkConfiguration")
    if sum(name in params for name in names) > 1:
        raise validation(f"Only one of {', '.join(names)} can be specified")
    if params.get("PermissionSetsEnabled") is False:
        raise validation("The only accepted value of PermissionSetsEnabled is true")
    if params.get("PermissionSetsEnabled") and not row["organization"]:
        raise validation("Permission sets are not supported for account instances")
    encryption = params.get("EncryptionConfiguration")
    if encryption and (encryption["KeyType"] == "CUSTOMER_MANAGED_KEY") != (
        "KmsKeyArn" in encryption
    ):
        raise validation("KmsKeyArn is for a KeyType of CUSTOMER_MANAGED_KEY, and required there")


def _network(given: Params | None) -> Params | None:
    """Return a network configuration as it is kept: what is empty or not enforced is cleared.

    Documented: UpdateInstance and NetworkConfigurationInfo.
    """
    if given is None:
        return None
    enforced = given["VpceAccessRequired"]
    lists = {name: value for name, value in given.items() if isinstance(value, list) and value}
    return {"VpceAccessRequired": enforced} | (lists if enforced else {})


def _json(value: Params | None) -> str | None:
    return None if value is None else json.dumps(value)


def fixed_page(member: str, items: Sequence[Answer], params: Params) -> Answer:
    """Return the page of a list that never changes, under *member*."""
    token = params.get("NextToken")
    if token and not (token.isascii() and token.isdigit() and int(token) < len(items)):
        raise validation("The provided nextToken is not valid.")
    start = int(token or 0)
    end = start + int(params.get("MaxResults") or MAX_PAGE)
    answer: Answer = {member: list(items[start:end])}
    return answer | ({"NextToken": str(end)} if end < len(items) else {})


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
