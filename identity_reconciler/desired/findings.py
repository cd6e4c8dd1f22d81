"""What pydantic finds wrong, as messages with places."""

from __future__ import annotations

import typing
from collections.abc import Iterator

from identity_reconciler.desired.base import Document
from identity_reconciler.desired.forms import NULL_REFUSED
from identity_reconciler.desired.tree import (
    Fields,
    Items,
    Mark,
    Plain,
    PlainKind,
    Value,
    locate,
    value_at,
)
from identity_reconciler.desired.wording import a, did_you_mean, shown

if typing.TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
Finding = tuple[Mark, str]


def finding_of(model: type[Document], fields: Fields, detail: ErrorDetails) -> Finding:
    """Return *detail*, found in *fields* read as *model*, as a place and a message."""
    path = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        return locate(fields, path, key=True), _unknown_key(model, path)
    if kind == "missing":
        owner = _model_at(model, path[:-1])
        return locate(fields, path), f"{a(owner.label)} needs the key {shown(str(path[-1]))}"
    return locate(fields, path), _message(fields, path, detail)


def _unknown_key(model: type[Document], path: Path) -> str:
    owner = _model_at(model, path[:-1])
    key = str(path[-1])
    known = tuple(owner.model_fields)
    hint = did_you_mean(key, known) or f"; the keys are {', '.join(known)}"
    return f"unknown key {shown(key)} in {a(owner.label)}{hint}"


_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "model_type": "a mapping with keys",
    "model_attributes_type": "a mapping with keys",
}


def _message(fields: Fields, path: Path, detail: ErrorDetails) -> str:
    kind = detail["type"]
    value = value_at(fields, path)
    context = detail.get("ctx", {})
    if kind == "refused":
        return detail["msg"]
    if kind == "literal_error":
        wanted = str(context["expected"]).replace("'", "")
        hint = (
            did_you_mean(value, wanted.replace(" or ", ", ").split(", "))
            if isinstance(value, str)
            else ""
        )
        return f"{_named(value)}; expected {wanted}{hint}"
    if kind in {"too_long", "too_short"}:
        side = "most" if kind == "too_long" else "least"
        limit = context.get("max_length", context.get("min_length"))
        return f"{context['actual_length']} items; at {side} {limit} are allowed"
    expected = _EXPECTED.get(kind)
    return detail["msg"] if expected is None else mistyped(value, expected)


def mistyped(value: Value, expected: str) -> str:
    """Return what to say about *value* where something *expected* belongs."""
    if value is None:
        return NULL_REFUSED
    if isinstance(value, Plain) and expected == "text":
        if value.kind is PlainKind.NULL:
            return f"{value.text} means no value; write null to remove the attribute, or quote it"
        return f"{value.text} without quotes can be read as {value.kind}; write {shown(value.text)}"
    if isinstance(value, str) and expected == "a list":
        return f"{_named(value)} is text; expected a list: put each item on its own line after '- '"
    return f"{_named(value)}; expected {expected}"


def _named(value: Value) -> str:
    match value:
        case None:
            return "null"
        case Fields():
            return "a mapping with keys"
        case Items():
            return "a list"
        case Plain():
            return value.text
        case _:
            return shown(value)


def _model_at(model: type[Document], path: Path) -> type[Document]:
    """Return the model of the mapping at *path* under *model*."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            model = next(_documents(annotation), model)
    return model


def _documents(annotation: object) -> Iterator[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _documents(argument)
