"""STS: moto's, with credentials that outlive the process and identify their account."""

from __future__ import annotations

import threading
from typing import Any

from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse, refused
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Caller, World

_MOTO_LOCK = threading.Lock()
"""moto's STS and IAM keep their state in module globals."""


class TokenAnswers(TokenResponse):
    """Answers for STS."""

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
