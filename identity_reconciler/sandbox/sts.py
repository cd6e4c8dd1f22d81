"""STS: moto's, with credentials that outlive the process and identify their account."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse, refused
from identity_reconciler.sandbox.omissions import left_out
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Caller, World

_ANSWERED = frozenset({"AssumeRole", "GetCallerIdentity"})
_LEFT_OUT = frozenset({"MinimumSessionTokenSize", "ProvidedContexts", "SourceIdentity"})
_MOTO_LOCK = threading.Lock()
"""moto's STS and IAM keep their state in module globals."""


def _check_form(operation: str, form: Mapping[str, list[str]]) -> None:
    """Refuse what is not answered here, and what moto cannot read.

    Members that only an IAM policy would look at (Policy, Tags, ExternalId, ...) are taken.
    """
    model = service_model("sts")
    if operation not in model.operation_names:
        raise ServiceError("InvalidAction", f"There is no operation {operation}.")
    if operation not in _ANSWERED:
        raise left_out("sts", operation)
    shape = model.operation_model(operation).input_shape
    known = shape.members if shape else {}
    for name in shape.required_members if shape else ():
        if name not in form:
            raise ServiceError("ValidationError", f"{name} is required")
    for name, (value, *_) in form.items():
        member = name.partition(".")[0]
        if member in _LEFT_OUT:
            raise left_out("sts", operation, member)
        if name in known and known[name].type_name == "integer" and not value.isdecimal():
            raise ServiceError("ValidationError", f"{name} must be a number")


class TokenAnswers(TokenResponse):
    """Answers for STS."""

    def __init__(self, world: World, caller: Caller) -> None:
        super().__init__()
        self.world = world
        self.caller = caller

    def answer(self, operation: str, request: HttpRequest) -> HttpResponse:
        """Return the response to AssumeRole or GetCallerIdentity.

        moto has more operations; their credentials would not be known to be anybody's.
        """
        try:
            _check_form(
                operation, parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
            )
        except ServiceError as error:
            return refused(error, "sts")
        with _MOTO_LOCK:
            moto_request = Request.from_primitives(
                request.method, request.url, request.headers, request.body
            )
            try:
                status, headers, body = self._dispatch(moto_request, request.url, request.headers)
            except ServiceError as error:
                return refused(ServiceError("ValidationError", error.message), "sts")
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
