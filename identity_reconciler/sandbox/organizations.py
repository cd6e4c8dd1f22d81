"""Organizations: who its accounts are. Nothing else of it is needed here."""

from __future__ import annotations

from moto.organizations.responses import OrganizationsResponse

from identity_reconciler.sandbox.accounts import owner
from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse, answered, parse, refused
from identity_reconciler.sandbox.paging import PageRequest, Query, read_page
from identity_reconciler.sandbox.services import unknown_operation
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Answer, Caller, Params, World

MAX_ACCOUNTS_PAGE = 20
"""Documented: ListAccounts, MaxResults."""


class OrganizationAnswers(OrganizationsResponse):
    """Answers for Organizations."""

    def __init__(self, world: World, caller: Caller) -> None:
        super().__init__()
        self.world = world
        self.caller = caller

    def answer(self, operation: str, request: HttpRequest) -> HttpResponse:
        """Return the response to ListAccounts or DescribeAccount; there is nothing else here."""
        operations = {"ListAccounts": self.listed, "DescribeAccount": self.described}
        try:
            params = parse(request.body)
            if operation not in operations:
                raise unknown_operation(operation)
            check(service_model("organizations").operation_model(operation).input_shape, params)
            with self.world.store.transaction(write=False):
                self._check_access()
                return answered(operations[operation](params))
        except ServiceError as error:
            invalid = error.code == "ValidationException"
            named = ServiceError("InvalidInputException", error.message) if invalid else error
            return refused(named, "organizations")

    def _check_access(self) -> None:
        # Documented: only the management account or a delegated administrator (ListAccounts).
        store = self.world.store
        if self.caller.account not in {owner(store), store.document("delegated_admin")}:
            raise ServiceError(
                "AccessDeniedException",
                "You don't have permissions to access this resource.",
            )

    def listed(self, params: Params) -> Answer:
        """ListAccounts: at most 20 a page. Documented: API_ListAccounts."""
        request = PageRequest(params.get("NextToken"), params.get("MaxResults", MAX_ACCOUNTS_PAGE))
        page = read_page(self.world, Query("accounts", "1", (), "ListAccounts"), request)
        return with_token({"Accounts": [self._shown(row) for row in page.rows]}, page)

    def described(self, params: Params) -> Answer:
        """DescribeAccount."""
        row = self.world.store.one(
            "SELECT * FROM accounts WHERE id = ?", (params.get("AccountId"),)
        )
        if row is None:
            raise ServiceError(
                "AccountNotFoundException",
                "You specified an account that doesn't exist.",
            )
        return {"Account": self._shown(row)}

    def _shown(self, row: Row) -> Answer:
        management = owner(self.world.store)
        return {
            "Id": row["id"],
            "Arn": f"arn:aws:organizations::{management}:account/o-sandbox1234/{row['id']}",
            "Name": row["name"],
            "Email": row["email"],
            "State": row["state"],
            "JoinedMethod": "INVITED" if row["id"] == management else "CREATED",
            "JoinedTimestamp": row["joined"],
        }
