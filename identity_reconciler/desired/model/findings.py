"""What pydantic finds wrong, as messages with places."""

from __future__ import annotations

import typing
from collections.abc import Iterator

from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.forms import NULL_REFUSED, named
from identity_reconciler.desired.yaml.builder import EMPTY_ITEM
from identity_reconciler.desired.yaml.tree import (
    Fields,
    Mark,
    Plain,
    PlainKind,
    Value,
    locate,
    value_at,
)

if typing.TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
ModelFinding = tuple[Mark, str]


def findings_of(
    model: type[Document], fields: Fields, details: list[ErrorDetails]
) -> Iterator[ModelFinding]:
    """Yield *details*, found in *fields* read as *model*, as places and messages.

    A key that is missing where another one is unknown is most likely the unknown one misspelt,
    so only the latter is told.
    """
    misspelt = {one["loc"][:-1] for one in details if one["type"] == "extra_forbidden"}
    for detail in details:
        path = detail["loc"]
        match detail["type"]:
            case "extra_forbidden":
                yield locate(fields, path, key=True), unknown_key(model, path)
            case "missing" if path[:-1] in misspelt:
                pass
            case "missing":
                owner = model_at(model, path[:-1])
                yield locate(fields, path), f"{owner.label} needs the key {shown(str(path[-1]))}"
            case _:
                yield locate(fields, path), _message(value_at(fields, path), detail)


def unknown_key(model: type[Document], path: Path) -> str:
    """Return what to say about the key at *path* under *model*, which it does not have."""
    owner = model_at(model, path[:-1])
    key = str(path[-1])
    known = tuple(owner.model_fields)
    hint = did_you_mean(key, known) or f"; the keys are {', '.join(known)}"
    return f"unknown key {shown(key)} in {owner.label}{hint}"


def _message(value: Value, detail: ErrorDetails) -> str:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind in _EXPECTED:
        is_item = any(isinstance(part, int) for part in detail["loc"][-2:])
        return EMPTY_ITEM if value is None and is_item else mistyped(value, _EXPECTED[kind])
    if kind == "literal_error":
        return _not_one_of(str(context["expected"]).replace("'", ""), value)
    if kind == "too_long":
        return f"{context['actual_length']} items; at most {context['max_length']} are allowed"
    if kind == "too_short":
        return "an empty list; write null to remove the attribute, or leave the key out"
    return detail["msg"]


_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _not_one_of(wanted: str, value: Value) -> str:
    words = wanted.replace(" or ", ", ").split(", ")
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    return f"expected {wanted}, found {named(value)}{hint}"


def mistyped(value: Value, expected: str) -> str:
    """Return what to say about *value* where something *expected* belongs."""
    match value:
        case None:
            return NULL_REFUSED
        case Plain(text, PlainKind.NULL) if expected == "text":
            no_value = f"{shown(text, '`')} means no value"
            return f"{no_value}; write a value, or null to remove an optional attribute"
        case Plain(text, kind) if expected == "text":
            return f"{shown(text, '`')} without quotes can be read as {kind}; write {shown(text)}"
        case str() if expected == "a list":
            return f'expected a list, found {shown(value)}; write each item on a line after "- "'
        case str() if expected == "a mapping" and ":" in value:
            return f"expected a mapping, found {shown(value)}; a key needs a space after its colon"
        case _:
            return f"expected {expected}, found {named(value)}"


def model_at(model: type[Document], path: Path) -> type[Document]:
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
