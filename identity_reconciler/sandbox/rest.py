"""The protocol of account access manager: operations by method and path, bodies in JSON.

Documented: the service's model in botocore, and Smithy's page of the protocol restJson1.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.messages import (
    ACCOUNT_ACCESS,
    HttpRequest,
    HttpResponse,
    Params,
    parse,
    rest_headers,
)


@functools.cache
def _operations() -> Sequence[tuple[str, str, re.Pattern[str]]]:
    """Return name, method and pattern of the path of each operation."""
    model = service_model(ACCOUNT_ACCESS)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", http["requestUri"])
        found.append((name, http["method"], re.compile(pattern)))
    return found


def _found(request: HttpRequest) -> tuple[str, Mapping[str, str]] | None:
    """Return the operation that a request is for, and the members in its path as they are sent."""
    path = urlsplit(request.url).path
    for name, method, pattern in _operations():
        match = pattern.fullmatch(path) if request.method == method else None
        if match:
            return name, match.groupdict()
    return None


def operation_of(request: HttpRequest) -> str | None:
    """Return the operation of account access manager that a request is for, if there is one."""
    found = _found(request)
    return found[0] if found else None


def parse_rest(request: HttpRequest) -> Params:
    """Return the members of a request, wherever it has them, nulls removed.

    Raises:
        ServiceError: SerializationException for a body that is not a JSON object.
    """
    found = _found(request)
    if found is None:
        return {}
    name, in_path = found
    shape = service_model(ACCOUNT_ACCESS).operation_model(name).input_shape
    query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    members = shape.members if shape else {}
    body = parse(request.body) if request.method == "POST" else {}
    params: Params = {}
    for member, described in members.items():
        spelled = described.serialization.get("name", member)
        match described.serialization.get("location"):
            case "uri":
                params[member] = unquote(in_path[spelled])
            case "querystring" if spelled in query:
                values = query[spelled]
                params[member] = values if described.type_name == "list" else values[0]
            case None if spelled in body:
                params[member] = body[spelled]
    return params


def answered_rest(operation: str, answer: Mapping[str, Any]) -> HttpResponse:
    """Return the response of an operation that succeeded; 204 has no body."""
    status = service_model(ACCOUNT_ACCESS).operation_model(operation).http["responseCode"]
    body = b"" if status == 204 else json.dumps(answer).encode()  # noqa: PLR2004 - HTTP
    return HttpResponse(status, body, rest_headers(str(uuid.uuid4())))


def moment(seconds: float) -> str:
    """Return a time, in seconds since 1970, as the service writes it."""
    written = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
