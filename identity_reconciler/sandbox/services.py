"""moto's responses, extended: our operations answered here, the rest by moto.

One object answers one request, as in moto. What moto's dispatch reads from the request is set
here from the parsed request, because moto parses a JSON body as a form first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.identitystore.responses import IdentityStoreResponse
from moto.ssoadmin.responses import SSOAdminResponse

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.instances import InstanceOperations
from identity_reconciler.sandbox.memberships import MembershipOperations
from identity_reconciler.sandbox.messages import (
    HttpRequest,
    HttpResponse,
    answered,
    parse,
    refused,
)
from identity_reconciler.sandbox.principals import Principals
from identity_reconciler.sandbox.stores import Stores
from identity_reconciler.sandbox.tags import Tags
from identity_reconciler.sandbox.updates import check_paths
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import Answer, Caller, Params, World


class IdentityStore(Principals, MembershipOperations, Stores):
    """Every operation of identitystore."""


class Administrator(Tags, InstanceOperations):
    """Every operation of sso-admin: moto's, and those that it lacks."""


class _Answering:
    """How a response class of moto answers one of our requests."""

    service: str
    ours: frozenset[str]
    """Operations, by the names of their methods, that moto answers too but we answer."""

    def __init__(self, world: World, caller: Caller) -> None:
        super().__init__()
        self.world = world
        self.caller = caller
        self.backend: Any = self.make_backend()

    def make_backend(self) -> IdentityStore | Administrator:
        """Return the backend with the operations, for this caller."""
        raise NotImplementedError

    def answer(self, operation: str, request: HttpRequest) -> HttpResponse:
        """Return the response to *operation*; every error becomes one of the service's."""
        try:
            params = self._checked(operation, parse(request.body))
            with self.world.store.transaction(write=is_write(operation)):
                return answered(self._call(operation, params, request))
        except ServiceError as error:
            return refused(error, self.service)

    def _checked(self, operation: str, params: Params) -> Params:
        model = service_model(self.service)
        if operation not in model.operation_names:
            raise unknown_operation(operation)
        if operation in {"UpdateUser", "UpdateGroup"}:
            check_paths(params.get("Operations"))
        check(model.operation_model(operation).input_shape, params)
        return params

    def _call(self, operation: str, params: Params, request: HttpRequest) -> Answer:
        name = camelcase_to_underscores(operation)
        if not hasattr(type(self), name) or name in self.ours:
            method: Callable[[Params], Answer] | None = getattr(self.backend, name, None)
            if method is None:
                raise unknown_operation(operation)
            return method(params)
        self.backend.load(params, operation)
        answer = self._call_moto(operation, params, request)
        if is_write(operation):
            self.backend.save()
        return answer

    def _call_moto(self, operation: str, params: Params, request: HttpRequest) -> Answer:
        """Let moto's own dispatch answer an operation that we do not extend."""
        self.body = json.dumps(params)
        self.raw_body = self.body
        self.headers = {"X-Amz-Target": f"Sandbox.{operation}"}
        self.querystring: dict[str, Any] = {}
        self.data = self.querystring
        self.uri = request.url
        self.uri_match: dict[str, Any] = {}
        self.response_headers: dict[str, str] = {}
        self.region = self.caller.region
        self.partition = "aws"
        self.current_account = self.caller.account
        self.access_key = self.caller.access_key
        status, _, body = self.call_action()  # type: ignore[attr-defined]
        answer: Answer = json.loads(body)
        if status != 200:  # noqa: PLR2004 - what moto returns for success
            code = str(answer.get("__type", "InternalServerException"))
            raise ServiceError(code, str(answer.get("message") or answer.get("Message") or ""))
        return {name: value for name, value in answer.items() if value is not None}


class IdentityStoreAnswers(_Answering, IdentityStoreResponse):
    """Answers for identitystore."""

    service = "identitystore"
    ours = frozenset(method_names_from_class(IdentityStoreResponse))

    def make_backend(self) -> IdentityStore:
        """Return the backend with the operations, for this caller."""
        return IdentityStore(self.world, self.caller)


class AdministratorAnswers(_Answering, SSOAdminResponse):
    """Answers for sso-admin."""

    service = "sso-admin"
    ours = frozenset({"list_instances", "update_instance"})

    def make_backend(self) -> Administrator:
        """Return the backend with the operations, for this caller."""
        return Administrator(self.world, self.caller)

    @property
    def ssoadmin_backend(self) -> Any:  # noqa: ANN401 - moto's property, narrower
        """The backend, by moto's name for it."""
        return self.backend

    def create_account_assignment(self) -> str:
        """CreateAccountAssignment: the answer comes before the assignment. Documented: API page."""
        return super().create_account_assignment().replace("SUCCEEDED", "IN_PROGRESS")

    def delete_account_assignment(self) -> str:
        """DeleteAccountAssignment: likewise."""
        return super().delete_account_assignment().replace("SUCCEEDED", "IN_PROGRESS")


def is_write(operation: str) -> bool:
    """Return whether *operation* may change anything."""
    return not operation.startswith(("List", "Describe", "Get", "Is"))


def unknown_operation(operation: str) -> ServiceError:
    """Return the answer to an operation that does not exist here.

    The code is observed on instances that lack an operation (terraform-provider-aws issue 27830).
    """
    return ServiceError("UnknownOperationException", f"The operation {operation} is not available.")
