"""HTTP messages as both forms of the sandbox see them: in process and served."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from identity_reconciler.sandbox.errors import ServiceError

ACCOUNT_ACCESS = "account-access"
"""The one service whose requests have paths; what STS says is XML, all others have JSON alone."""
MAX_BODY = 1024 * 1024
"""Bytes of a request body; the services' own limit is not documented (assumed)."""

Params = dict[str, Any]
"""The members of a request as they came over the wire, nulls removed."""

_STATUSES = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "InternalServerException": 500,
    "RequestEntityTooLargeException": 413,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 402,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
}
"""HTTP statuses of account access other than 400. Documented: botocore model, and restJson1."""

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that has arrived; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer to send."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """What the signature of a request says: who, where, for which service. It is not verified."""

    access_key: str
    region: str
    service: str
    """The signing name."""


def scope_of(request: HttpRequest) -> CredentialScope | None:
    """Return the credential scope of a signed request."""
    match = _CREDENTIAL.search(request.headers.get("authorization", ""))
    return CredentialScope(match.group(1), match.group(3), match.group(4)) if match else None


def parse(body: bytes) -> Params:
    """Return the members of a JSON request, nulls removed.

    Raises:
        ServiceError: SerializationException for anything but a JSON object.
    """
    try:
        parsed = json.loads(body.decode("utf-8") or "{}", parse_constant=_refuse_constant)
        if b"\\u" in body:
            # A lone surrogate is valid JSON, and no text.
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", "The request is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise ServiceError("SerializationException", "The request is not a JSON object.")
    return {name: _without_nulls(value) for name, value in parsed.items() if value is not None}


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def answered(answer: Mapping[str, Any]) -> HttpResponse:
    """Return the response of a JSON 1.1 operation that succeeded."""
    return HttpResponse(200, json.dumps(answer).encode(), _headers(str(uuid.uuid4())))


def refused(error: ServiceError, service: str) -> HttpResponse:
    """Return the response of an operation that failed, in the protocol of its service.

    The exceptions of identitystore have a RequestId, those of sso-admin have not. Documented:
    botocore models.
    """
    request_id = str(uuid.uuid4())
    if service == "sts":
        return _refused_in_xml(error, request_id)
    if service == ACCOUNT_ACCESS:
        return _refused_by_status(error, request_id)
    body: dict[str, object] = {"__type": error.code, "Message": error.message, **error.members}
    if service == "identitystore":
        body["RequestId"] = request_id
    headers = _headers(request_id) | {"x-amzn-ErrorType": error.code}
    return HttpResponse(error.status, json.dumps(body).encode(), headers)


def _refused_in_xml(error: ServiceError, request_id: str) -> HttpResponse:
    """Return the response of STS, which speaks the query protocol. Documented: botocore model."""
    body = (
        "<ErrorResponse><Error><Type>Sender</Type>"
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return HttpResponse(error.status, body.encode(), headers)


def _refused_by_status(error: ServiceError, request_id: str) -> HttpResponse:
    """Return the response of account access: what it is stands in a header (restJson1)."""
    headers = rest_headers(request_id) | {"x-amzn-ErrorType": error.code}
    body = json.dumps({"message": error.message, **error.members}).encode()
    return HttpResponse(_STATUSES.get(error.code, 400), body, headers)


def rest_headers(request_id: str) -> dict[str, str]:
    """Return the headers of every response of account access."""
    return {"Content-Type": "application/json", "x-amzn-RequestId": request_id}


def _headers(request_id: str) -> dict[str, str]:
    return {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}
