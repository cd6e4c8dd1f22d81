"""The operations of account access manager: who may assume which IAM role, in which account.

Neither the roles nor their trust policies are there: any role of an account of the organisation
can be given.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from identity_reconciler.sandbox.applications import ApplicationOperations
from identity_reconciler.sandbox.catalogue import ACCESS_PROVIDER, in_partition
from identity_reconciler.sandbox.errors import ServiceError, denied, not_found, validation
from identity_reconciler.sandbox.instances import Administration
from identity_reconciler.sandbox.paging import Page, Query
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.rest import moment
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

_KINDS = {"userId": "USER", "groupId": "GROUP"}
_MEMBERS = {kind: member for member, kind in _KINDS.items()}
_MAX_TAG_KEY, _MAX_TAG_VALUE = 128, 256
"""Characters. The limits of tagging in all services; the model has none."""


class AccessManager(Administration):
    """One application for the organisation's instance, and its entitlements.

    An entitlement is keyed by application, principal type and id, and role. It has no other
    members and is never changed.
    """

    def denied(self, operation: str, resource: str) -> ServiceError:
        """Return the answer to a caller that may not do this."""
        return denied(self.caller.arn, f"account-access:{operation}", resource)

    def create_application(self, params: Params) -> Answer:
        """CreateApplication: at once ACTIVE. Again with the same parameters, it is the same.

        In the management account and the primary Region, for the organisation's instance.
        Documented: IAM userguide, account-access-manager-getting-started; the errors are assumed.
        """
        operation = "CreateApplication"
        given = params["identitySource"]["identityCenter"]["instanceArn"]
        instance = self.instance({"InstanceArn": given}, operation)
        if not instance["organization"]:
            raise validation("Account instances of IAM Identity Center are not supported")
        self._require_management(instance, operation, given)
        self.require_home(instance, operation)
        if self.partition != "aws":
            raise validation(f"{operation} is not supported in {self.caller.region}")
        tags = params.get("tags", {})
        _check_tags(tags)
        row = self.store.one("SELECT * FROM access_managers WHERE instance = ?", (given,))
        if row is None:
            return {"applicationArn": self._create(instance, tags)}
        if self.assumptions.access_manager_tags_must_match and self._tags(row["arn"]) != tags:
            raise ServiceError(
                "AlreadyCreatedException",
                f"{given} has the application {row['arn']}, with other tags.",
            )
        return {"applicationArn": row["arn"]}

    def _create(self, instance: Row, tags: dict[str, str]) -> str:
        """Make an application, here and in IAM Identity Center; return its ARN.

        It calls CreateApplication and PutApplicationAssignmentConfiguration there. Documented: IAM
        userguide, aam-security; what they are called with is assumed.
        """
        identity_center = ApplicationOperations(self.world, self.caller)
        wanted = {
            "InstanceArn": instance["arn"],
            "ApplicationProviderArn": in_partition(ACCESS_PROVIDER.arn, self.partition),
            "Name": ACCESS_PROVIDER.display_name,
        }
        try:
            application = identity_center.create_application(wanted)["ApplicationArn"]
        except ServiceError as error:
            # Its own quota; here the operation has no such error.
            raise validation(error.message) from error
        identity_center.put_application_assignment_configuration(
            {"ApplicationArn": application, "AssignmentRequired": False}
        )
        # The forms of both are observed: the sample in account-access-manager-getting-started.
        number = self.world.new_uuid().replace("-", "")
        arn = (
            f"arn:{self.partition}:account-access:{self.caller.region}:{instance['account']}:"
            f"application/{number[:16]}"
        )
        self.store.execute(
            "INSERT INTO access_managers (arn, instance, application, tenant, created) "
            "VALUES (?, ?, ?, ?, ?)",
            (arn, instance["arn"], application, f"aa-{number[-9:]}", self.world.clock()),
        )
        self._keep_tags(arn, tags)
        return arn

    def _require_management(self, instance: Row, operation: str, resource: str) -> None:
        # A delegated administrator lacks both operations. Documented: IAM userguide, aam-security.
        if self.caller.account != instance["account"]:
            raise self.denied(operation, resource)

    def _here(self, arn: str) -> tuple[Row, Row] | None:
        """Return an application of the caller's Region and its instance, if there is one."""
        row = self.store.one("SELECT * FROM access_managers WHERE arn = ?", (arn,))
        if row is None or arn.split(":")[3] != self.caller.region:
            return None
        instance = self.store.one("SELECT * FROM instances WHERE arn = ?", (row["instance"],))
        return (row, instance) if instance else None

    def _tagged(self, params: Params, operation: str) -> str:
        """Return the ARN of the application with the tags of the request.

        Raises:
            ServiceError: ResourceNotFoundException, also where the caller may not: these operations
                have no AccessDeniedException. Documented: model.
        """
        arn = params["resourceArn"]
        try:
            self._application({"applicationArn": arn}, operation)
        except ServiceError as error:
            raise not_found(f"Application {arn} not found.") from error
        return str(arn)

    def _application(self, params: Params, operation: str) -> Row:
        """Return the application that the request names, to those who administer its instance.

        Raises:
            ServiceError: ResourceNotFoundException, also in another Region (documented: model);
                AccessDeniedException.
        """
        arn = params["applicationArn"]
        found = self._here(arn)
        if found is None:
            raise not_found(f"Application {arn} not found.")
        row, instance = found
        if not self.owns(instance):
            raise self.denied(operation, arn)
        return row

    def get_application(self, params: Params) -> Answer:
        """GetApplication."""
        row = self._application(params, "GetApplication")
        return {
            "identitySource": {
                "identityCenter": {
                    "instanceArn": row["instance"],
                    "applicationArn": row["application"],
                }
            },
            "status": "ACTIVE",
            "tags": self._tags(row["arn"]),
            **_summary(row),
        }

    def list_applications(self, params: Params) -> Answer:
        """ListApplications: that of the organisation's instance to those who administer it."""
        owned = [
            one["arn"]
            for one in self.store.execute("SELECT * FROM instances WHERE organization")
            if self.owns(one) and one["region"] == self.caller.region
        ]
        query = Query(
            "access_managers",
            "instance = ?",
            (),
            f"account-access:ListApplications{owned}",
            [(arn,) for arn in owned],
        )
        page = self._page(query, params)
        listed = [{"applicationArn": row["arn"], **_summary(row)} for row in page.rows]
        return _with_token({"applications": listed}, page)

    def delete_application(self, params: Params) -> Answer:
        """DeleteApplication, with its entitlements and its application in IAM Identity Center.

        One that is not there is no error. Documented: API page, and IAM userguide,
        account-access-manager-getting-started.
        """
        operation, arn = "DeleteApplication", params["applicationArn"]
        found = self._here(arn)
        if found is None:
            return {}
        row, instance = found
        self._require_management(instance, operation, arn)
        there = {"ApplicationArn": row["application"]}
        if self.store.one("SELECT 1 FROM applications WHERE arn = ?", (row["application"],)):
            ApplicationOperations(self.world, self.caller).delete_application(there)
        for table, column in (
            ("entitlements", "manager"),
            ("tags", "resource"),
            ("access_managers", "arn"),
        ):
            self.store.execute(f"DELETE FROM {table} WHERE {column} = ?", (arn,))  # noqa: S608
        return {}

    def create_entitlement(self, params: Params) -> Answer:
        """CreateEntitlement. One that is there is answered with its id. Documented: API page."""
        row = self._application(params, "CreateEntitlement")
        wanted = params["entitlement"]["principalRole"]
        kind, principal = _principal(wanted["principal"])
        role = wanted["roleArn"]
        key = (row["arn"], kind, principal, role)
        existing = self.store.one(
            "SELECT id FROM entitlements "
            "WHERE manager = ? AND principal_type = ? AND principal_id = ? AND role = ?",
            key,
        )
        if existing is not None:
            return {"entitlementId": existing["id"]}
        account = role.split(":")[4]
        self._check_entitlement(row, kind, principal, role)
        identifier = self.world.new_uuid()
        self.store.execute(
            "INSERT INTO entitlements "
            "(manager, principal_type, principal_id, role, account, id, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, account, identifier, self.world.clock()),
        )
        if self.assumptions.entitlements_are_assignments:
            self.store.execute(
                "INSERT OR IGNORE INTO assignments "
                "(application, principal_type, principal_id, instance, created) "
                "VALUES (?, ?, ?, ?, ?)",
                (row["application"], kind, principal, row["instance"], self.world.clock()),
            )
        return {"entitlementId": identifier}

    def _check_entitlement(self, row: Row, kind: str, principal: str, role: str) -> None:
        partition, account = role.split(":")[1], role.split(":")[4]
        if partition != self.partition:
            raise validation(f"{role} is not a role of the partition {self.partition}")
        if self.assumptions.entitled_principal_must_exist:
            named = {"PrincipalType": kind, "PrincipalId": principal}
            self.require_principal(row["instance"], named)
        unknown = self.store.one("SELECT 1 FROM accounts WHERE id = ?", (account,)) is None
        if unknown and self.assumptions.entitled_account_must_exist:
            raise not_found(f"Account {account} not found.")
        if kind == "GROUP":
            counted = self.store.one(
                "SELECT count(*) AS n FROM entitlements "
                "WHERE manager = ? AND role = ? AND principal_type = 'GROUP'",
                (row["arn"], role),
            )
            number = counted["n"] + 1 if counted else 1
            check_quota(number, self.world.quotas.groups_per_role, "groups entitled to a role")

    def get_entitlement(self, params: Params) -> Answer:
        """GetEntitlement."""
        application = self._application(params, "GetEntitlement")["arn"]
        identifier = params["entitlementId"]
        row = self._entitlement(application, identifier)
        if row is None:
            raise not_found(f"Entitlement {identifier} not found.")
        (shown,) = self._shown([row])
        return {"applicationArn": application, **shown}

    def delete_entitlement(self, params: Params) -> Answer:
        """DeleteEntitlement. One that is not there is no error. Documented: API page."""
        application = self._application(params, "DeleteEntitlement")
        row = self._entitlement(application["arn"], params["entitlementId"])
        if row is None:
            return {}
        self.store.execute("DELETE FROM entitlements WHERE row = ?", (row["row"],))
        if self.assumptions.entitlements_are_assignments:
            self.store.execute(
                "DELETE FROM assignments WHERE application = ?1 AND principal_type = ?2 "
                "AND principal_id = ?3 AND NOT EXISTS (SELECT 1 FROM entitlements "
                "WHERE manager = ?4 AND principal_type = ?2 AND principal_id = ?3)",
                (
                    application["application"],
                    row["principal_type"],
                    row["principal_id"],
                    application["arn"],
                ),
            )
        return {}

    def _entitlement(self, application: str, identifier: str) -> Row | None:
        return self.store.one(
            "SELECT * FROM entitlements WHERE id = ? AND manager = ?", (identifier, application)
        )

    def list_entitlements(self, params: Params) -> Answer:
        """ListEntitlements that meet all criteria of the filter, also of principals that are gone.

        An empty filter is met by all of them (assumed).
        """
        application = self._application(params, "ListEntitlements")
        wanted = params["filter"].get("principalRole", {})
        where, values = "manager = ?", [application["arn"]]
        for member, column in (("roleArn", "role"), ("account", "account")):
            if member in wanted:
                where = f"{where} AND {column} = ?"
                values.append(wanted[member])
        parts: list[tuple[str, ...]] = [()]
        if "principal" in wanted:
            where = f"{where} AND principal_type = ? AND principal_id = ?"
            parts = [*self._principals(application, wanted["principal"])]
        scope = f"ListEntitlements{json.dumps([values, wanted], sort_keys=True)}"
        page = self._page(Query("entitlements", where, tuple(values), scope, parts), params)
        return _with_token({"entitlements": self._shown(page.rows)}, page)

    def _principals(self, application: Row, wanted: Params) -> list[tuple[str, str]]:
        """Return the principals whose entitlements are those of the filter's principal."""
        arn = application["instance"]
        instance = self.store.one("SELECT * FROM instances WHERE arn = ?", (arn,))
        kind, identifier = _principal(wanted)
        named = {"PrincipalType": kind, "PrincipalId": identifier}
        through = self.assumptions.entitlements_through_groups
        return self.principals(instance, named, through_groups=through) if instance else []

    def _shown(self, rows: Sequence[Row]) -> list[Answer]:
        """Return entitlements as Get and List show them."""
        accounts = {row["account"] for row in rows}
        marks = ", ".join("?" * len(accounts))
        named = self.store.execute(
            f"SELECT id, name FROM accounts WHERE id IN ({marks})",  # noqa: S608 - marks alone
            [*accounts],
        )
        names = {one["id"]: one["name"] for one in named}
        return [_shown_as(row, names.get(row["account"])) for row in rows]

    def tag_resource(self, params: Params) -> Answer:
        """TagResource: a key that is there gets the new value."""
        arn = self._tagged(params, "TagResource")
        _check_tags(params["tags"])
        self._keep_tags(arn, params["tags"])
        return {}

    def _keep_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags; too many are refused with the one error that fits (assumed)."""
        most = self.world.quotas.tags
        if len(self._tags(arn) | tags) > most:
            raise validation(f"{arn} can have {most} tags")
        for key, value in tags.items():
            self.store.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (arn, key, value))

    def untag_resource(self, params: Params) -> Answer:
        """UntagResource: keys that are not there are no error."""
        arn = self._tagged(params, "UntagResource")
        for key in params["tagKeys"]:
            self.store.execute("DELETE FROM tags WHERE resource = ? AND key = ?", (arn, key))
        return {}

    def list_tags_for_resource(self, params: Params) -> Answer:
        """ListTagsForResource."""
        arn = self._tagged(params, "ListTagsForResource")
        return {"tags": self._tags(arn)}

    def _tags(self, arn: str) -> dict[str, str]:
        rows = self.store.execute("SELECT * FROM tags WHERE resource = ? ORDER BY key", (arn,))
        return {row["key"]: row["value"] for row in rows}

    def _page(self, query: Query, params: Params) -> Page:
        given = {"MaxResults": params.get("maxResults"), "NextToken": params.get("nextToken")}
        return self.page(query, given)


def _principal(given: dict[str, Any]) -> tuple[str, str]:
    """Return type and id of a principal in the words of IAM Identity Center."""
    named = given["identityCenter"]
    (member,) = _KINDS.keys() & named
    return _KINDS[member], named[member].lower()


def _shown_as(row: Row, account_name: str | None) -> Answer:
    role = {
        "principal": {"identityCenter": {_MEMBERS[row["principal_type"]]: row["principal_id"]}},
        "roleArn": row["role"],
        "account": row["account"],
    }
    if account_name:
        role["accountName"] = account_name
    return {
        "entitlementId": row["id"],
        "entitlement": {"principalRole": role},
        "createdAt": moment(row["created"]),
    }


def _check_tags(tags: dict[str, str]) -> None:
    for key, value in tags.items():
        if not 1 <= len(key) <= _MAX_TAG_KEY or key.lower().startswith("aws:"):
            raise validation(
                f"{key!r} is no key of a tag: 1 to {_MAX_TAG_KEY} characters, without aws: in front"
            )
        if len(value) > _MAX_TAG_VALUE:
            raise validation(f"The tag {key} has a value of more than {_MAX_TAG_VALUE} characters")


def _summary(row: Row) -> Answer:
    created = moment(row["created"])
    return {"tenantId": row["tenant"], "createdAt": created, "updatedAt": created}


def _with_token(answer: Answer, page: Page) -> Answer:
    return answer if page.next_token is None else {**answer, "nextToken": page.next_token}
