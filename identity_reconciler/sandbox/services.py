"""Requests in JSON, checked and handed to the operation: one object answers one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from botocore import xform_name

from identity_reconciler.sandbox.access_manager import AccessManager
from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.instances import InstanceOperations
from identity_reconciler.sandbox.memberships import MembershipOperations
from identity_reconciler.sandbox.messages import (
    ACCOUNT_ACCESS,
    HttpRequest,
    HttpResponse,
    answered,
    parse,
    refused,
)
from identity_reconciler.sandbox.omissions import left_out
from identity_reconciler.sandbox.principals import Principals
from identity_reconciler.sandbox.rest import answered_rest, parse_rest
from identity_reconciler.sandbox.stores import Stores
from identity_reconciler.sandbox.tags import Tags
from identity_reconciler.sandbox.updates import check_paths
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Answer, Caller, Params, World


class IdentityStore(Principals, MembershipOperations, Stores):
    """Every operation of identitystore."""


class Administrator(Tags, InstanceOperations):
    """Every operation of sso-admin that the sandbox has."""


class _Answers:
    """Answers for one service whose requests and answers are JSON."""

    service: ClassVar[str]
    backend: ClassVar[type[IdentityStore | Administrator | AccessManager]]

    def __init__(self, world: World, caller: Caller) -> None:
        self.world = world
        self.caller = caller

    def answer(self, operation: str, request: HttpRequest) -> HttpResponse:
        """Return the response to *operation*; every error becomes one of the service's."""
        try:
            params = self._checked(operation, self._parsed(request))
            with self.world.store.transaction(write=is_write(operation)):
                return self._answered(operation, self._method(operation)(params))
        except ServiceError as error:
            return refused(error, self.service)

    def _parsed(self, request: HttpRequest) -> Params:
        return parse(request.body)

    def _answered(self, _operation: str, answer: Answer) -> HttpResponse:
        return answered(answer)

    def _checked(self, operation: str, params: Params) -> Params:
        model = service_model(self.service)
        if operation not in model.operation_names:
            raise unknown_operation(operation)
        # Whatever is sent to it: what is left out has nothing to say about that.
        if not hasattr(type(self).backend, xform_name(operation)):
            raise left_out(self.service, operation)
        if operation in {"UpdateUser", "UpdateGroup"}:
            check_paths(params.get("Operations"))
        check(model.operation_model(operation).input_shape, params)
        return params

    def _method(self, operation: str) -> Callable[[Params], Answer]:
        backend = type(self).backend(self.world, self.caller)
        method: Callable[[Params], Answer] = getattr(backend, xform_name(operation))
        return method


class IdentityStoreAnswers(_Answers):
    """Answers for identitystore."""

    service = "identitystore"
    backend = IdentityStore


class AdministratorAnswers(_Answers):
    """Answers for sso-admin."""

    service = "sso-admin"
    backend = Administrator


class AccessManagerAnswers(_Answers):
    """Answers for account access manager."""

    service = ACCOUNT_ACCESS
    backend = AccessManager

    def _parsed(self, request: HttpRequest) -> Params:
        return parse_rest(request)

    def _answered(self, operation: str, answer: Answer) -> HttpResponse:
        return answered_rest(operation, answer)


def is_write(operation: str) -> bool:
    """Return whether *operation* may change anything."""
    return not operation.startswith(("List", "Describe", "Get", "Is"))


def unknown_operation(operation: str) -> ServiceError:
    """Return the answer to an operation that does not exist here.

    The code is observed on instances that lack an operation (terraform-provider-aws issue 27830).
    """
    return ServiceError("UnknownOperationException", f"The operation {operation} is not available.")
