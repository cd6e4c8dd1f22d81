"""The operations on applications, their providers and their assignment configuration."""

from __future__ import annotations

import hashlib
import json
import string

from identity_reconciler.sandbox.catalogue import PROVIDERS, Provider, in_partition, provider_of
from identity_reconciler.sandbox.directory import store_arn, with_token
from identity_reconciler.sandbox.errors import ServiceError, not_found
from identity_reconciler.sandbox.instances import (
    Administration,
    application_missing,
    fixed_page,
    unsupported,
)
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params

MAX_APPLICATIONS_PAGE = 50
"""Documented: botocore model, ApplicationList."""
_OPTIONAL = ("Description", "PortalOptions", "Status")


def application_arn(instance_arn: str, account: str, seed: str) -> str:
    """Return the ARN of an application; the same for the same *seed*, so plans are reproducible."""
    alphabet = string.digits + string.ascii_lowercase
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")
    letters = []
    for _ in range(16):
        number, remainder = divmod(number, len(alphabet))
        letters.append(alphabet[remainder])
    prefix, _, instance = instance_arn.partition("::instance/")
    return f"{prefix}:{account}:application/{instance}/apl-{''.join(letters)}"


class ApplicationOperations(Administration):
    """Applications, and the providers that they come from."""

    def application(self, arn: str, operation: str, *, write: bool = False) -> Row:
        """Return the application with an ARN.

        Raises:
            ServiceError: ResourceNotFoundException for an unknown application (documented: model),
                AccessDeniedException for one in an instance the caller has no say in.
        """
        row = self.store.one("SELECT * FROM applications WHERE arn = ?", (arn,))
        if row is None:
            raise application_missing(arn)
        instance = self.store.one("SELECT * FROM instances WHERE arn = ?", (row["instance"],))
        if instance is None or not self.visible(instance):
            raise self.denied(operation, arn)
        if not self.is_here(instance):
            raise application_missing(arn)
        if write and not self.owns(instance) and row["account"] != self.caller.account:
            raise self.denied(operation, arn)
        return row

    def list_applications(self, params: Params) -> Answer:
        """ListApplications.

        A member account must filter by its own account. Documented: API_ListApplications; the
        error is assumed.
        """
        instance = self.instance(params, "ListApplications")
        wanted = params.get("Filter", {})
        account = wanted.get("ApplicationAccount")
        provider = wanted.get("ApplicationProvider")
        if not self.owns(instance) and account != self.caller.account:
            raise self.denied("ListApplications", instance["arn"])
        query = Query(
            "applications",
            "instance = ? AND (? IS NULL OR account = ?) AND (? IS NULL OR provider = ?)",
            (instance["arn"], account, account, provider, provider),
            f"ListApplications{instance['arn']}{account}{provider}",
        )
        page = self.page(query, params, MAX_APPLICATIONS_PAGE)
        arn = store_arn(instance)
        return with_token({"Applications": [_shown(row, arn) for row in page.rows]}, page)

    def describe_application(self, params: Params) -> Answer:
        """DescribeApplication."""
        row = self.application(params["ApplicationArn"], "DescribeApplication")
        instance = self.store.one("SELECT * FROM instances WHERE arn = ?", (row["instance"],))
        return _shown(row, store_arn(instance) if instance else "")

    def create_application(self, params: Params) -> Answer:
        """CreateApplication; a repeated ClientToken returns the first application again."""
        instance = self.instance(params, "CreateApplication")
        provider = params["ApplicationProviderArn"]
        self._provider(provider)
        arn = self._by_client_token(instance, params)
        if arn is None:
            self._check_quota(instance)
            arn = application_arn(instance["arn"], self.caller.account, self.world.new_uuid())
            self._insert(instance, arn, params)
        return {
            "ApplicationArn": arn,
            "InstanceArn": instance["arn"],
            "IdentityStoreArn": store_arn(instance),
        }

    def _by_client_token(self, instance: Row, params: Params) -> str | None:
        """Return the application that was made with the request's ClientToken.

        With other parameters the token is refused. Documented: ClientToken, as an error
        IdempotentParameterMismatch that the model has not; that it is this one is assumed.
        """
        row = self.store.one(
            "SELECT arn, request FROM applications WHERE instance = ? AND client_token = ?",
            (instance["arn"], params.get("ClientToken")),
        )
        if row is None:
            return None
        if row["request"] != _fingerprint(params):
            raise ServiceError(
                "ConflictException",
                "IdempotentParameterMismatch: the ClientToken was used with other parameters.",
            )
        return str(row["arn"])

    def _check_quota(self, instance: Row) -> None:
        row = self.store.one(
            "SELECT count(*) AS n FROM applications WHERE instance = ?", (instance["arn"],)
        )
        number = row["n"] + 1 if row else 1
        check_quota(number, self.world.quotas.applications, "applications of an instance")

    def _insert(self, instance: Row, arn: str, params: Params) -> None:
        # Assumed: the defaults that the console shows.
        document = {"Status": "ENABLED", "PortalOptions": {"Visibility": "ENABLED"}}
        document |= {name: params[name] for name in _OPTIONAL if name in params}
        self.store.execute(
            "INSERT INTO applications (arn, instance, account, provider, name, document, "
            "assignment_required, supported, region, created, client_token, request) "
            "VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?, ?, ?, ?)",
            (
                arn,
                instance["arn"],
                self.caller.account,
                params["ApplicationProviderArn"],
                params["Name"],
                json.dumps(document),
                self.caller.region,
                self.world.clock(),
                params.get("ClientToken"),
                _fingerprint(params),
            ),
        )
        for tag in params.get("Tags", []):
            self.store.execute(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (arn, tag["Key"], tag["Value"])
            )

    def update_application(self, params: Params) -> Answer:
        """UpdateApplication: what is not given stays."""
        row = self.application(params["ApplicationArn"], "UpdateApplication", write=True)
        document = json.loads(row["document"])
        document |= {name: params[name] for name in ("Description", "Status") if name in params}
        if "PortalOptions" in params:
            document["PortalOptions"] = {**document["PortalOptions"], **params["PortalOptions"]}
        self.store.execute(
            "UPDATE applications SET name = ?, document = ? WHERE row = ?",
            (params.get("Name", row["name"]), json.dumps(document), row["row"]),
        )
        return {}

    def delete_application(self, params: Params) -> Answer:
        """DeleteApplication."""
        row = self.application(params["ApplicationArn"], "DeleteApplication", write=True)
        gone = [("tags", "resource"), ("applications", "arn")]
        if self.assumptions.deleted_application_loses_assignments:
            gone.append(("assignments", "application"))
        for table, column in gone:
            self.store.execute(f"DELETE FROM {table} WHERE {column} = ?", (row["arn"],))  # noqa: S608
        return {}

    def get_application_assignment_configuration(self, params: Params) -> Answer:
        """GetApplicationAssignmentConfiguration."""
        operation = "GetApplicationAssignmentConfiguration"
        row = self.application(params["ApplicationArn"], operation)
        if not (row["supported"] or self.assumptions.assignment_configuration_always_readable):
            raise unsupported(row["arn"])
        return {"AssignmentRequired": bool(row["assignment_required"])}

    def put_application_assignment_configuration(self, params: Params) -> Answer:
        """PutApplicationAssignmentConfiguration; some AWS applications do not support it."""
        operation = "PutApplicationAssignmentConfiguration"
        row = self.application(params["ApplicationArn"], operation, write=True)
        if not row["supported"]:
            raise unsupported(row["arn"])
        self.store.execute(
            "UPDATE applications SET assignment_required = ? WHERE row = ?",
            (params["AssignmentRequired"], row["row"]),
        )
        return {}

    def list_application_providers(self, params: Params) -> Answer:
        """ListApplicationProviders."""
        listed = [self._provided(one) for one in PROVIDERS.values()]
        return fixed_page("ApplicationProviders", listed, params)

    def describe_application_provider(self, params: Params) -> Answer:
        """DescribeApplicationProvider."""
        return self._provided(self._provider(params["ApplicationProviderArn"]))

    def _provider(self, arn: str) -> Provider:
        """Return the provider with an ARN of the Region's partition."""
        provider = provider_of(arn) if arn == in_partition(arn, self.partition) else None
        if provider is None:
            raise not_found(f"Application provider with ARN {arn} not found.")
        return provider

    def _provided(self, provider: Provider) -> Answer:
        return {
            "ApplicationProviderArn": in_partition(provider.arn, self.partition),
            "FederationProtocol": provider.protocol,
            "DisplayData": {
                "DisplayName": provider.display_name,
                "Description": provider.description,
            },
        }


def _fingerprint(params: Params) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


def _shown(row: Row, identity_store_arn: str) -> Answer:
    """Return an application as Describe and List show it."""
    return {
        "ApplicationArn": row["arn"],
        "ApplicationProviderArn": row["provider"],
        "Name": row["name"],
        "ApplicationAccount": row["account"],
        "InstanceArn": row["instance"],
        "IdentityStoreArn": identity_store_arn,
        **json.loads(row["document"]),
        "CreatedDate": row["created"],
        "CreatedFrom": row["region"],
    }
