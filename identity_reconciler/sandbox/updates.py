"""How UpdateUser and UpdateGroup change the attributes of a user or group."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from identity_reconciler.sandbox.attributes import (
    USER,
    AttributeForm,
    Document,
    attributes_of,
    shape_of,
)
from identity_reconciler.sandbox.errors import ServiceError, validation
from identity_reconciler.sandbox.facts import ENTERPRISE
from identity_reconciler.sandbox.validation import check_at

_REQUIRED_PATHS = ("UserName", "DisplayName", "Name.GivenName", "Name.FamilyName")


def updated(
    kind: AttributeForm, document: Document, operations: list[Mapping[str, Any]]
) -> Document:
    """Return *document* after the operations of one UpdateUser or UpdateGroup, all or none.

    That they are all or none is assumed. An operation without AttributeValue removes (documented:
    API_UpdateGroup, example 3), and so does null (observed: Terraform's aws_identitystore_user).
    """
    result = copy.deepcopy(document)
    for operation in operations:
        path = _modelled_path(kind, str(operation["AttributePath"]))
        value = operation.get("AttributeValue")
        put(result, path, None if value is None else _modelled_value(path, value))
    return _without_empty(result)


def cleared_required(before: Document, after: Document) -> str | None:
    """Return the first required attribute of a user that *before* has and *after* lacks."""
    return next(
        (
            path
            for path in _REQUIRED_PATHS
            if _at(before, path.split(".")) and not _at(after, path.split("."))
        ),
        None,
    )


def check_paths(operations: object) -> None:
    """Refuse paths into a list attribute, before anything else is checked.

    Observed: published scripts that update multi-value attributes.
    """
    for operation in operations if isinstance(operations, list) else []:
        path = operation.get("AttributePath") if isinstance(operation, dict) else None
        first, separator, _ = str(path).replace("[", ".").partition(".")
        for name, shape in attributes_of(USER).items():
            if separator and isinstance(shape, ListShape) and first.casefold() == name.casefold():
                raise validation(
                    f"Unsupported update operation on multi-value attribute {_camel(name)}, please "
                    "provide full replacement of Multi-Value attribute types"
                )


def _modelled_path(kind: AttributeForm, path: str) -> tuple[str, ...]:
    """Return where *path* leads in a document: `name.givenName` is `("Name", "GivenName")`.

    Case does not matter: `DisplayName` is observed to work as well as `displayName`.
    """
    extension, _, inside = path.partition(".")
    if kind is USER and extension.casefold() == ENTERPRISE:
        return ("Extensions", ENTERPRISE, *(inside.split(".") if inside else ()))
    shape = _resource_shape(kind)
    found: list[str] = []
    for part in path.split("."):
        name = _member(shape, part)
        allowed = found or name in attributes_of(kind)
        if name is None or not allowed or name == "Extensions":
            # Assumed text; that unknown paths are refused is assumed too.
            raise validation(f"The attribute path {path} is not supported")
        found.append(name)
        shape = shape.members[name] if isinstance(shape, StructureShape) else None
    return tuple(found)


def _resource_shape(kind: AttributeForm) -> Shape | None:
    return shape_of("User" if kind is USER else "Group")


def _member(shape: Shape | None, name: str) -> str | None:
    """Return the member of *shape* that *name* spells, in whatever case."""
    members = shape.members if isinstance(shape, StructureShape) else {}
    return next((member for member in members if member.casefold() == name.casefold()), None)


def _modelled_value(path: tuple[str, ...], value: object) -> object:
    """Return the value of an operation as CreateUser would have spelled it, checked."""
    if path[0] == "Extensions":
        return value
    shape = shape_of("Group") if path[0] == "Description" else shape_of("User")
    for name in path:
        shape = shape.members[name] if isinstance(shape, StructureShape) else shape
    modelled = _respelled(shape, value)
    where = ".".join(map(_camel, path))
    try:
        check_at(where, shape, modelled)
    except ServiceError as error:
        # Assumed: a document cannot fail to deserialize, so a wrong type is a refused value.
        raise validation(error.message) from None
    return modelled


def _respelled(shape: Shape, value: object) -> object:
    """Return *value* with the member names of the model.

    Both spellings work: `value` (observed: Terraform) and `Value` (observed: published scripts).
    """
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_respelled(shape.member, item) for item in value]
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        result: Document = {}
        for key, item in value.items():
            name = _member(shape, key)
            if name is None:
                raise validation(f"Unsupported attribute {key}")
            result[name] = _respelled(shape.members[name], item)
        return result
    return value


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def put(document: Document, path: tuple[str, ...], value: object) -> None:
    """Set or, with None, remove the value at *path*."""
    *parents, last = path
    inner: Any = document
    for name in parents:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise validation(f"The attribute path {'.'.join(path)} is not supported")
    if value is None:
        inner.pop(last, None)
    else:
        inner[last] = value


def _at(document: Mapping[str, Any], path: list[str]) -> object:
    inner: Any = document
    for name in path:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner


def _without_empty(document: Document) -> Document:
    """Return a document without empty objects: an attribute without a value is absent."""
    cleaned = {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in document.items()
    }
    return {name: item for name, item in cleaned.items() if item not in ({}, [], None)}
