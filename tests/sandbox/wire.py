"""Requests as they go over the wire, of clients that check nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore.serialize import create_serializer

from identity_reconciler.sandbox.messages import HttpRequest

if TYPE_CHECKING:
    from botocore.model import OperationModel

Json = Any


def encoded(operation: OperationModel, params: Json, caller: tuple[str, str]) -> HttpRequest | None:
    """Return a request of *caller*, an account and a Region; None where it cannot be written."""
    model = operation.service_model
    account, region = caller
    scope = f"AKIASBOX{account}/20260101/{region}/{model.signing_name}/aws4_request"
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
    match model.protocol:
        case "json":
            headers["x-amz-target"] = f"{model.metadata['targetPrefix']}.{operation.name}"
            return HttpRequest("POST", "https://aws/", headers, json.dumps(params).encode())
        case "rest-json":
            return _with_path(operation, params, headers)
        case _:
            return _as_form(operation, params, headers)


def _with_path(operation: OperationModel, params: Json, headers: dict[str, str]) -> HttpRequest:
    """Return a request whose members stand in its path, its query and its body."""
    path, body = operation.http["requestUri"], params
    query: list[tuple[str, str]] = []
    if isinstance(params, dict):
        body = {}
        members = operation.input_shape.members if operation.input_shape else {}
        for name, value in params.items():
            location = members[name].serialization.get("location") if name in members else None
            if location == "uri":
                path = path.replace(f"{{{name}}}", quote(_text(value), "", errors="replace"))
            elif location == "querystring":
                values = value if isinstance(value, list) else [value]
                query += [(name, _text(one)) for one in values if one is not None]
            else:
                body[name] = value
    url = f"https://aws{path.replace('{', '').replace('}', '')}"
    if query:
        url = f"{url}?{urlencode(query, errors='replace')}"
    content = json.dumps(body).encode() if body else b""
    return HttpRequest(operation.http["method"], url, headers, content)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _as_form(
    operation: OperationModel, params: Json, headers: dict[str, str]
) -> HttpRequest | None:
    model = operation.service_model
    create: Callable[..., Any] = create_serializer
    try:
        made = create(model.protocol, include_validation=False).serialize_to_request(
            params, operation
        )
    except Exception:  # noqa: BLE001 - botocore's serializers fail in many ways at wrong types
        return None
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body, errors="replace").encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    headers |= {name.lower(): str(value) for name, value in made["headers"].items()}
    return HttpRequest(made["method"], f"https://aws{made['url_path']}", headers, raw)
