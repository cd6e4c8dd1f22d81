"""Who is calling: STS and Organizations of the sandbox, and the accounts behind access keys."""

from __future__ import annotations

import re
import threading
from typing import Any

from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.organizations.responses import OrganizationsResponse
from moto.sts.responses import TokenResponse

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.directory import with_token
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import (
    HttpRequest,
    HttpResponse,
    Scope,
    answered,
    parse,
    refused,
)
from identity_reconciler.sandbox.paging import PageRequest, Query, read_page
from identity_reconciler.sandbox.services import unknown_operation
from identity_reconciler.sandbox.store import Row, Store
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Answer, Caller, Params, World

DEFAULT_ACCOUNT = "123456789012"
"""The account of unknown credentials as long as there is no instance."""
DEFAULT_REGION = "us-east-1"
MAX_ACCOUNTS_PAGE = 20
"""Documented: ListAccounts, MaxResults."""

_KEY_OF_ACCOUNT = re.compile(r"(?:A[KS]IASBOX)?(\d{12})")
_MOTO_LOCK = threading.Lock()
"""moto's STS and IAM keep their state in module globals."""


def access_key_of(account: str) -> str:
    """Return the access key id of an account in the sandbox."""
    return f"AKIASBOX{account}"


def identify(store: Store, scope: Scope | None) -> Caller:
    """Return who made a request: an assumed role, the account in the access key, or the owner.

    Any credentials do: signatures are not verified.
    """
    access_key = scope.access_key if scope else ""
    region = scope.region if scope else DEFAULT_REGION
    row = store.one("SELECT * FROM credentials WHERE access_key = ?", (access_key,))
    if row is not None:
        return Caller(row["account"], region, row["arn"], row["user_id"], access_key)
    match = _KEY_OF_ACCOUNT.fullmatch(access_key)
    account = match.group(1) if match else _owner(store)
    arn = f"arn:aws:iam::{account}:user/sandbox"
    return Caller(account, region, arn, "AIDASANDBOXSANDBOX123", access_key)


def _owner(store: Store) -> str:
    row = store.one("SELECT account FROM instances ORDER BY organization DESC, row LIMIT 1")
    return str(row["account"]) if row else DEFAULT_ACCOUNT


class TokenAnswers(TokenResponse):
    """moto's STS, with credentials that outlive the process and identify their account."""

    def __init__(self, world: World, caller: Caller) -> None:
        super().__init__()
        self.world = world
        self.caller = caller

    def answer(self, _operation: str, request: HttpRequest) -> HttpResponse:
        """Return moto's response to a request to STS."""
        with _MOTO_LOCK:
            moto_request = Request.from_primitives(
                request.method, request.url, request.headers, request.body
            )
            try:
                status, headers, body = self._dispatch(moto_request, request.url, request.headers)
            except ServiceError as error:
                return refused(ServiceError("ValidationError", error.message), "sts")
            except NotImplementedError as error:
                return refused(ServiceError("InvalidAction", str(error)), "sts")
        raw = body.encode() if isinstance(body, str) else body
        return HttpResponse(int(status), raw, {str(k): str(v) for k, v in dict(headers).items()})

    def get_access_key(self) -> str:
        """Return the access key of the request."""
        return self.caller.access_key

    def get_current_account(self) -> str:
        """Return the account of the request's credentials."""
        return self.caller.account

    def get_caller_identity(self) -> ActionResult:
        """GetCallerIdentity."""
        caller = self.caller
        return ActionResult(
            {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
        )

    def assume_role(self) -> ActionResult:
        """AssumeRole: any role of any account. Trust policies are not modelled."""
        model = service_model("sts").operation_model("AssumeRole")
        check(model.input_shape, {name: self.params[name] for name in self.params})
        result = super().assume_role()
        answer: Any = result.result
        role = answer["Credentials"]
        with self.world.store.transaction(write=True) as store:
            store.execute(
                "INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)",
                (role.access_key_id, role.account_id, role.arn, role.user_id),
            )
        return result


class OrganizationAnswers(OrganizationsResponse):
    """moto's Organizations, with the accounts of the sandbox."""

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
        if self.caller.account not in {_owner(store), store.document("delegated_admin")}:
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
        owner = _owner(self.world.store)
        return {
            "Id": row["id"],
            "Arn": f"arn:aws:organizations::{owner}:account/o-sandbox1234/{row['id']}",
            "Name": row["name"],
            "Email": row["email"],
            "State": row["state"],
            "JoinedMethod": "INVITED" if row["id"] == owner else "CREATED",
            "JoinedTimestamp": row["joined"],
        }
