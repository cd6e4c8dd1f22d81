"""Organizations: which accounts there are, whose they are, and who administers for them.

Nothing else of it is needed here: no organisational units, no policies.
"""

from __future__ import annotations

from collections.abc import Callable

from identity_reconciler.sandbox.accounts import owner, partition_of
from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.instances import fixed_page
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse, answered, parse, refused
from identity_reconciler.sandbox.omissions import left_out
from identity_reconciler.sandbox.paging import Page, PageRequest, Query, read_page
from identity_reconciler.sandbox.services import unknown_operation
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Answer, Caller, Params, World

MAX_PAGE = 20
"""Documented: ListAccounts, MaxResults."""
_ORGANIZATION, _ROOT = "o-sandbox1234", "r-sand"
_SERVICES = frozenset({"sso.amazonaws.com", "account-access.amazonaws.com"})
"""What accounts administer here: one account both. Documented: delegated-admin, aam-security."""


class OrganizationAnswers:
    """Answers for Organizations."""

    def __init__(self, world: World, caller: Caller) -> None:
        self.world = world
        self.caller = caller
        self.store = world.store

    def answer(self, operation: str, request: HttpRequest) -> HttpResponse:
        """Return the response to one of the operations that are answered here."""
        try:
            params = parse(request.body)
            model = service_model("organizations")
            if operation not in model.operation_names:
                raise unknown_operation(operation)
            method = self._method(operation)
            check(model.operation_model(operation).input_shape, params)
            with self.store.transaction(write=False):
                return answered(method(params))
        except ServiceError as error:
            invalid = error.code == "ValidationException"
            named = ServiceError("InvalidInputException", error.message) if invalid else error
            return refused(named, "organizations")

    def _method(self, operation: str) -> Callable[[Params], Answer]:
        operations: dict[str, Callable[[Params], Answer]] = {
            "DescribeOrganization": self.organization,
            "ListRoots": self.roots,
            "ListAccounts": self.accounts,
            "DescribeAccount": self.account,
            "ListDelegatedAdministrators": self.delegated_administrators,
        }
        if operation not in operations:
            raise left_out("organizations", operation)
        return operations[operation]

    def _check_access(self) -> None:
        # Documented: only the management account or a delegated administrator (ListAccounts).
        if self.caller.account not in {owner(self.store), self.store.document("delegated_admin")}:
            raise ServiceError(
                "AccessDeniedException",
                "You don't have permissions to access this resource.",
            )

    def organization(self, _params: Params) -> Answer:
        """DescribeOrganization: any of its accounts may ask. Documented: API page."""
        if self._row(self.caller.account) is None:
            raise ServiceError(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        management = self._shown(self._account(owner(self.store)))
        return {
            "Organization": {
                "Id": _ORGANIZATION,
                "Arn": self._arn("organization"),
                "FeatureSet": "ALL",
                "MasterAccountId": management["Id"],
                "MasterAccountArn": management["Arn"],
                "MasterAccountEmail": management["Email"],
            }
        }

    def roots(self, params: Params) -> Answer:
        """ListRoots: there is one. Documented: API page."""
        self._check_access()
        root = {"Id": _ROOT, "Arn": self._arn("root", _ROOT), "Name": "Root", "PolicyTypes": []}
        return fixed_page("Roots", [root], params)

    def accounts(self, params: Params) -> Answer:
        """ListAccounts: at most 20 a page. Documented: API_ListAccounts."""
        self._check_access()
        page = self._page(Query("accounts", "1", (), "ListAccounts"), params)
        return with_token({"Accounts": [self._shown(row) for row in page.rows]}, page)

    def account(self, params: Params) -> Answer:
        """DescribeAccount."""
        self._check_access()
        return {"Account": self._shown(self._account(params["AccountId"]))}

    def delegated_administrators(self, params: Params) -> Answer:
        """ListDelegatedAdministrators: that of IAM Identity Center, the only one there can be."""
        self._check_access()
        wanted = params.get("ServicePrincipal")
        known = wanted is None or wanted in _SERVICES
        delegated = self.store.document("delegated_admin") if known else None
        query = Query("accounts", "id = ?", (delegated,), f"ListDelegatedAdministrators{wanted}")
        page = self._page(query, params)
        since = {"DelegationEnabledDate": float(self.store.document("delegated_since") or 0)}
        listed = [self._shown(row) | since for row in page.rows]
        return with_token({"DelegatedAdministrators": listed}, page)

    def _page(self, query: Query, params: Params) -> Page:
        limit = params.get("MaxResults", MAX_PAGE)
        return read_page(self.world, query, PageRequest(params.get("NextToken"), limit))

    def _row(self, account: str) -> Row | None:
        return self.store.one("SELECT * FROM accounts WHERE id = ?", (account,))

    def _account(self, account: str) -> Row:
        row = self._row(account)
        if row is None:
            raise ServiceError(
                "AccountNotFoundException",
                "You specified an account that doesn't exist.",
            )
        return row

    def _arn(self, kind: str, *names: str) -> str:
        partition, management = partition_of(self.caller.region), owner(self.store)
        path = "/".join((kind, _ORGANIZATION, *names))
        return f"arn:{partition}:organizations::{management}:{path}"

    def _shown(self, row: Row) -> Answer:
        return {
            "Id": row["id"],
            "Arn": self._arn("account", row["id"]),
            "Name": row["name"],
            "Email": row["email"],
            "State": row["state"],
            "JoinedMethod": "INVITED" if row["id"] == owner(self.store) else "CREATED",
            "JoinedTimestamp": row["joined"],
        }
