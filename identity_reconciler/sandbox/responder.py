"""One request in, one answer out: the same for the in-process and the served form."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from identity_reconciler.sandbox.accounts import identify
from identity_reconciler.sandbox.errors import LostResponseError, ServiceError
from identity_reconciler.sandbox.messages import (
    ACCOUNT_ACCESS,
    MAX_BODY,
    HttpRequest,
    HttpResponse,
    refused,
    scope_of,
)
from identity_reconciler.sandbox.organizations import OrganizationAnswers
from identity_reconciler.sandbox.outputs import faults
from identity_reconciler.sandbox.request_log import LoggedRequest, RequestLog
from identity_reconciler.sandbox.rest import operation_of
from identity_reconciler.sandbox.services import (
    AccessManagerAnswers,
    AdministratorAnswers,
    IdentityStoreAnswers,
    unknown_operation,
)
from identity_reconciler.sandbox.sts import TokenAnswers
from identity_reconciler.sandbox.world import Caller, World

_LOG = logging.getLogger(__name__)

_TARGETS = {
    "AWSIdentityStore": "identitystore",
    "SWBExternalService": "sso-admin",
    "AWSOrganizationsV20161128": "organizations",
}
"""Services by the prefix of X-Amz-Target. Documented: botocore models, targetPrefix."""


class Answering(Protocol):
    """What answers the requests to one service."""

    def answer(self, operation: str, request: HttpRequest) -> HttpResponse:
        """Return the answer to a request for *operation*."""
        ...


_ANSWERS: dict[str, Callable[[World, Caller], Answering]] = {
    "identitystore": IdentityStoreAnswers,
    "sso-admin": AdministratorAnswers,
    "organizations": OrganizationAnswers,
    "sts": TokenAnswers,
    ACCOUNT_ACCESS: AccessManagerAnswers,
}


class Responder:
    """Answers requests to all services that the sandbox stands in for."""

    strict = False
    """Whether an answer that breaks the service model is replaced by InternalServerException."""

    def __init__(self, world: World, log: RequestLog) -> None:
        self.world = world
        self.log = log
        self._kept_at = world.clock()

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the answer to *request*; a defect of ours is an InternalServerException."""
        service, operation = route(request)
        with self.world.store.transaction(write=False):
            caller = identify(self.world.store, scope_of(request))
        outcome = "lost"
        try:
            response = self._answer(service, operation, caller, request)
            outcome = "ok" if response.status < 400 else _code(response)  # noqa: PLR2004 - HTTP
        finally:
            self._keep_counts_sometimes()
            self.log.add(LoggedRequest(service, operation, outcome, caller.account, caller.region))
            _LOG.debug("%s %s: %s", service, operation, outcome)
        return response

    def keep_counts(self) -> None:
        """Put the counts of requests into the state file, where they are kept for everyone."""
        self._kept_at = self.world.clock()
        fresh = self.log.take_fresh()
        if fresh:
            with self.world.store.transaction(write=True) as store:
                for key, number in fresh.items():
                    store.execute(
                        "INSERT INTO requests VALUES (?, ?, ?, ?) "
                        "ON CONFLICT DO UPDATE SET count = count + excluded.count",
                        (*key, number),
                    )

    def _keep_counts_sometimes(self) -> None:
        # Once a second: a write for every read would cost more than the read.
        if self.world.clock() - self._kept_at > 1:
            self.keep_counts()

    def _answer(
        self, service: str, operation: str, caller: Caller, request: HttpRequest
    ) -> HttpResponse:
        if service not in _ANSWERS:
            return refused(unknown_operation(operation), service)
        if len(request.body) > MAX_BODY:
            too_large = f"The request has more than {MAX_BODY} bytes."
            return refused(ServiceError("RequestEntityTooLargeException", too_large), service)
        try:
            return self._carried_out(service, operation, caller, request)
        except LostResponseError:
            raise
        except Exception:  # noqa: BLE001
            _LOG.exception("The sandbox failed at %s %s", service, operation)
            failure = ServiceError("InternalServerException", "The sandbox failed; see its log.")
            return refused(failure, service)

    def _carried_out(
        self, service: str, operation: str, caller: Caller, request: HttpRequest
    ) -> HttpResponse:
        def work() -> HttpResponse:
            response = _ANSWERS[service](self.world, caller).answer(operation, request)
            return _checked(service, operation, response) if self.strict else response

        maker = self.world.troublemaker
        return maker.carry_out(service, operation, request, work) if maker else work()


def _checked(service: str, operation: str, response: HttpResponse) -> HttpResponse:
    """Return an answer that the service could give, or that this one is none."""
    found = faults(service, operation, response)
    if not found:
        return response
    # What is found has names and values in it, which are personal data: the log has only that.
    _LOG.error("The answer to %s %s breaks the service model", service, operation)
    text = f"The sandbox's answer to {operation} breaks the service model: {'; '.join(found)}"
    return refused(ServiceError("InternalServerException", text), service)


def route(request: HttpRequest) -> tuple[str, str]:
    """Return the service and the operation of a request, or ("", what was asked for)."""
    target = request.headers.get("x-amz-target", "")
    prefix, _, operation = target.partition(".")
    if prefix in _TARGETS and operation.isalnum():
        return _TARGETS[prefix], operation
    by_path = None if target else operation_of(request)
    if by_path:
        return ACCOUNT_ACCESS, by_path
    form = parse_qs(request.body[:MAX_BODY].decode("utf-8", "replace"))
    action = form.get("Action", [""])[0]
    if not target and action.isalnum() and form.get("Version") == ["2011-06-15"]:
        return "sts", action
    scope = scope_of(request)
    if not target and scope and scope.service == ACCOUNT_ACCESS:
        return ACCOUNT_ACCESS, f"{request.method} {urlsplit(request.url).path}"
    return "", target or action


def _code(response: HttpResponse) -> str:
    try:
        code = response.headers.get("x-amzn-ErrorType")
        return code or str(json.loads(response.body)["__type"])
    except (ValueError, KeyError, TypeError):
        return str(response.status)
