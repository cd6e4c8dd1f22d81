"""Check requests against the service model, with the service's own words.

botocore checks only required members, types and minimum lengths before it sends; the service
checks the rest. The texts are documented by a sample in scim-logging-using-cloudtrail.html
("1 validation errors detected: Value at ... failed to satisfy constraint: ..."); those for enums
and patterns are the same framework's, observed in other services.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from identity_reconciler.sandbox.errors import ServiceError, validation

Json = Any
"""A value of a JSON document, its type checked at run time."""

_JSON_TYPES: dict[type, str] = {
    bool: "TRUE_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    str: "STRING_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}
_EXPECTED: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
_SMALL_LISTS = frozenset({"Emails", "PhoneNumbers", "Addresses", "Roles", "Photos"})


@functools.cache
def compiled(pattern: str) -> regex.Pattern[str]:
    r"""Return a pattern of a model, which is Java's: `\w`, `\d` and `\s` are of ASCII.

    `\p{L}` is not, so no flag fits a pattern that has both; the models have none.
    """
    return regex.compile(pattern, regex.UNICODE if r"\p{" in pattern else regex.ASCII)


def check(shape: Shape | None, value: object) -> None:
    """Check *value* against the input *shape* of an operation.

    Raises:
        ServiceError: SerializationException for a wrong JSON type, else ValidationException with
            every violation.
    """
    if shape is not None:
        check_at("", shape, value)


def check_at(path: str, shape: Shape, value: object) -> None:
    """Check one value that stands at *path* of the request, or as if it did.

    Raises:
        ServiceError: As for `check`.
    """
    violations = list(_violations(shape, value, path))
    if violations:
        listed = "; ".join(violations)
        raise validation(f"{len(violations)} validation errors detected: {listed}")


def _violation(path: str, constraint: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: {constraint}"


def _violations(shape: Shape, value: object, path: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    _check_type(shape, value)
    match shape:
        case StructureShape():
            yield from _structure(shape, value, path)
        case ListShape():
            yield from _list(shape, value, path)
        case MapShape():
            yield from _map(shape, value, path)
        case StringShape():
            yield from _string(shape, value, path)
        case _:
            yield from _number(shape, value, path)


def _check_type(shape: Shape, value: object) -> None:
    expected = _EXPECTED.get(shape.type_name)
    # JSON's true is an int to Python, but not to the service.
    if expected is None or (
        isinstance(value, expected) and isinstance(value, bool) <= (bool in expected)
    ):
        return
    found = _JSON_TYPES.get(type(value), "NULL_VALUE")
    raise ServiceError(
        "SerializationException",
        f"{found} can not be converted to {shape.type_name.capitalize()}",
    )


def _structure(shape: StructureShape, value: Json, path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _violations(member, value[name], prefix + _camel(name))
        elif name in shape.required_members:
            yield _violation(prefix + _camel(name), "Member must not be null")
    if shape.is_tagged_union and sum(value.get(name) is not None for name in shape.members) != 1:
        members = ", ".join(_camel(name) for name in shape.members)
        yield _violation(path, f"Member must have exactly one of [{members}]")


def _list(shape: ListShape, value: Json, path: str) -> Iterator[str]:
    maximum = shape.metadata.get("max")
    if shape.name in _SMALL_LISTS and maximum is not None and len(value) > maximum:
        # Documented: a sample in scim-logging-using-cloudtrail.html.
        raise validation(f"List attribute {path} exceeds allowed limit of {maximum}")
    yield from _lengths(shape, value, path)
    for number, item in enumerate(value, start=1):
        yield from _violations(shape.member, item, f"{path}.{number}.member")


def _map(shape: MapShape, value: Json, path: str) -> Iterator[str]:
    yield from _lengths(shape, value, path)
    for key, item in value.items():
        yield from _violations(shape.key, key, f"{path}.key")
        yield from _violations(shape.value, item, f"{path}.{key}.member")


def _string(shape: StringShape, value: Json, path: str) -> Iterator[str]:
    yield from _lengths(shape, value, path)
    pattern = shape.metadata.get("pattern")
    if pattern and not compiled(pattern).fullmatch(value):
        yield _violation(path, f"Member must satisfy regular expression pattern: {pattern}")
    if shape.enum and value not in shape.enum:
        yield _violation(path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")


def _lengths(shape: Shape, value: Json, path: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and len(value) < minimum:
        yield _violation(path, f"Member must have length greater than or equal to {minimum}")
    if maximum is not None and len(value) > maximum:
        yield _violation(path, f"Member must have length less than or equal to {maximum}")


def _number(shape: Shape, value: Json, path: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and value < minimum:
        yield _violation(path, f"Member must have value greater than or equal to {minimum}")
    if maximum is not None and value > maximum:
        yield _violation(path, f"Member must have value less than or equal to {maximum}")


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
