"""Check answers against the service model: no program is told what the service could not say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import HttpResponse
from identity_reconciler.sandbox.validation import check

_COMMON = frozenset(
    {
        "InternalServerException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "UnknownOperationException",
        # Of the query protocol. Documented: STS, Common Errors.
        "InvalidAction",
        "ValidationError",
    }
)
"""Errors that every operation has and no model lists."""
_OBSERVED = (("GetInlinePolicyForPermissionSet", "InlinePolicy", ""),)
"""Operations and members whose observed value breaks the model; see `assumptions`."""
_ORGANIZATIONS_ARN = re.compile(rb'"arn:aws-[a-z-]+:organizations:')
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}

Json = Any


def faults(service: str, operation: str, response: HttpResponse) -> list[str]:
    """Return what is wrong with the answer to an operation; nothing if it has no such operation."""
    model = service_model(service)
    if operation not in model.operation_names:
        return []
    described = model.operation_model(operation)
    try:
        match model.protocol:
            case "query":
                return list(_of_xml(described, response))
            case "rest-json":
                return list(_of_rest(described, response))
            case _:
                return list(_of_json(described, response))
    except (ValueError, ET.ParseError) as error:
        return [f"it cannot be read: {error}"]


def _of_json(operation: OperationModel, response: HttpResponse) -> Iterator[str]:
    # The model of Organizations knows the ARNs of one partition only.
    body = _ORGANIZATIONS_ARN.sub(b'"arn:aws:organizations:', response.body)
    answer = json.loads(body)
    if not isinstance(answer, dict):
        yield "it is not a JSON object"
    elif response.status < 400:  # noqa: PLR2004 - HTTP
        kept = [(k, v) for k, v in answer.items() if (operation.name, k, v) not in _OBSERVED]
        yield from _of_value(operation.output_shape, dict(kept))
    else:
        yield from _of_error(operation, answer)


def _of_rest(operation: OperationModel, response: HttpResponse) -> Iterator[str]:
    answer = json.loads(response.body or b"{}")
    if not isinstance(answer, dict):
        yield "it is not a JSON object"
    elif response.status < 400:  # noqa: PLR2004 - HTTP
        expected = operation.http["responseCode"]
        if (response.status, bool(response.body)) != (expected, expected != 204):  # noqa: PLR2004
            yield f"its status is {response.status} with {len(response.body)} bytes"
        yield from _of_value(operation.output_shape, answer)
    else:
        code = response.headers.get("x-amzn-ErrorType")
        yield from _of_error(operation, {"__type": code, **answer}, "message")
        shapes = {shape.name: shape.metadata.get("error", {}) for shape in operation.error_shapes}
        status = shapes.get(code or "", {}).get("httpStatusCode", 400)
        if code in shapes and response.status != status:
            yield f"{code} has status {response.status}"


def _of_error(
    operation: OperationModel, answer: dict[str, Json], message: str = "Message"
) -> Iterator[str]:
    code = answer.get("__type")
    shapes = {shape.name: shape for shape in operation.error_shapes}
    if not answer.get(message):
        yield f"the error has no {message}"
    if code in shapes:
        members = {name: value for name, value in answer.items() if name != "__type"}
        yield from _of_value(shapes[code], members)
    elif code not in _COMMON:
        yield f"{operation.name} has no error {code}"


def _of_xml(operation: OperationModel, response: HttpResponse) -> Iterator[str]:
    root = ET.fromstring(response.body.decode())  # noqa: S314 - what we have made ourselves
    if response.status < 400:  # noqa: PLR2004 - HTTP
        result = next((one for one in root if _name(one) == f"{operation.name}Result"), None)
        if result is None:
            yield f"there is no {operation.name}Result"
        else:
            yield from _of_value(operation.output_shape, _parsed(operation.output_shape, result))
        return
    error = {_name(part): part.text for one in root if _name(one) == "Error" for part in one}
    modelled = {
        shape.metadata.get("error", {}).get("code", shape.name) for shape in operation.error_shapes
    }
    if not error.get("Message"):
        yield "the error has no Message"
    if error.get("Code") not in modelled | _COMMON:
        yield f"{operation.name} has no error {error.get('Code')}"


def _parsed(shape: Shape | None, element: ET.Element) -> Json:
    """Return what stands in XML as it would in JSON; what the shape has not, as text."""
    text = element.text or ""
    match shape:
        case StructureShape():
            return {_name(one): _parsed(shape.members.get(_name(one)), one) for one in element}
        case ListShape():
            return [_parsed(shape.member, one) for one in element]
        case Shape(type_name="timestamp"):
            # JSON has numbers here; that XML has a text is checked by having one.
            return 0 if text else None
        case Shape(type_name="boolean"):
            return {"true": True, "false": False}.get(text, text)
        case Shape(type_name=name) if name in _NUMBERS:
            return _NUMBERS[name](text)
    return text


def _name(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def _of_value(shape: Shape | None, value: Json) -> Iterator[str]:
    """Yield what is wrong with an answer: first what `check` lets through in requests."""
    if shape is None:
        yield from (f".{name} is unknown" for name in value)
        return
    found = list(_strangers(shape, value, ""))
    yield from found
    if not found:
        try:
            check(shape, value)
        except ServiceError as error:
            yield error.message


def _strangers(shape: Shape | None, value: Json, path: str) -> Iterator[str]:
    """Yield the paths of nulls, of unknown members and of times in another format."""
    if value is None:
        yield f"{path} is null"
    elif shape is None:
        yield f"{path} is unknown"
    elif shape.type_name == "timestamp" and not _is_time(shape, value):
        yield f"{path} is no time"
    elif not getattr(shape, "is_document_type", False):
        for name, part, inner in _parts(shape, value):
            yield from _strangers(inner, part, f"{path}.{name}")


def _is_time(shape: Shape, value: Json) -> bool:
    """Return whether a time is as its shape has it: by itself, in seconds since 1970."""
    if shape.serialization.get("timestampFormat") == "iso8601":
        return isinstance(value, str) and _ISO.fullmatch(value) is not None
    return type(value) in {int, float}


def _parts(shape: Shape, value: Json) -> Iterable[tuple[object, Json, Shape | None]]:
    """Return what is inside a value: its name or number, itself, and its shape if it has one."""
    match shape, value:
        case StructureShape(), dict():
            return [(name, item, shape.members.get(name)) for name, item in value.items()]
        case MapShape(), dict():
            return [(name, item, shape.value) for name, item in value.items()]
        case ListShape(), list():
            return [(number, item, shape.member) for number, item in enumerate(value)]
        case _:
            return []
