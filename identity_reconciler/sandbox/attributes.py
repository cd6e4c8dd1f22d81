"""The attributes of users and groups: which are required or unique, and how UpdateUser sets them.

A document is a user or group as CreateUser and DescribeUser spell it:
`{"Name": {"GivenName": ...}}`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.errors import ServiceError, validation
from identity_reconciler.sandbox.validation import check_at

Document = dict[str, Any]

ENTERPRISE = "aws:identitystore:enterprise"
"""The only extension there is. Documented: API_CreateUser."""
RESERVED = frozenset({"administrator", "awsadministrators"})
"""Documented: API_CreateUser, API_CreateGroup."""

_USER_ATTRIBUTES = (
    "UserName",
    "Name",
    "DisplayName",
    "NickName",
    "ProfileUrl",
    "Emails",
    "Addresses",
    "PhoneNumbers",
    "UserType",
    "Title",
    "PreferredLanguage",
    "Locale",
    "Timezone",
    "Photos",
    "Website",
    "Birthdate",
    "Roles",
    "Extensions",
)
_GROUP_ATTRIBUTES = ("DisplayName", "Description")
_ENTERPRISE_TEXTS = ("employeeNumber", "costCenter", "organization", "division", "department")
_MULTI_VALUE = ("emails", "phoneNumbers", "addresses", "photos", "roles")
_REQUIRED_PATHS = ("UserName", "DisplayName", "Name.GivenName", "Name.FamilyName")


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of *service*."""
    return botocore.session.Session().get_service_model(service)


@dataclass(frozen=True, slots=True)
class Kind:
    """What distinguishes users from groups in the operations that both have."""

    table: str
    resource_type: str
    """As in ResourceNotFoundException, ResourceType."""
    arn_type: str
    id_member: str
    arn_member: str
    name_member: str
    """The attribute that names it."""
    attributes: tuple[str, ...]


USER = Kind("users", "USER", "user", "UserId", "UserArn", "UserName", _USER_ATTRIBUTES)
GROUP = Kind("groups", "GROUP", "group", "GroupId", "GroupArn", "DisplayName", _GROUP_ATTRIBUTES)


def fold(name: str, assumptions: Assumptions) -> str:
    """Return *name* as the service compares it."""
    return name if assumptions.case_sensitive_names else name.casefold()


def email_of(document: Mapping[str, Any]) -> str | None:
    """Return the e-mail address that must be unique."""
    emails = document.get("Emails") or [{}]
    value: str | None = emails[0].get("Value")
    return value


def check_document(kind: Kind, document: Document, assumptions: Assumptions) -> None:
    """Check what the model does not say about a whole user or group.

    Raises:
        ServiceError: ValidationException.
    """
    name = document.get(kind.name_member)
    if kind is USER:
        _check_required(document, assumptions)
        _check_extensions(document.get("Extensions") or {})
        _check_photos(document.get("Photos") or [])
    elif not name:
        # Assumed: the model requires no DisplayName, and a group cannot be found without one.
        raise validation("displayName is a required attribute")
    if assumptions.reserved_names and str(name).casefold() in RESERVED:
        # The text is assumed.
        raise validation(f"{name} is a reserved name")


def _check_required(document: Document, assumptions: Assumptions) -> None:
    # The texts are observed: moto copied them from the service (identitystore tests).
    if not document.get("UserName"):
        raise validation("userName is a required attribute")
    missing = [] if document.get("DisplayName") else ["displayname"]
    name = document.get("Name")
    if not name:
        missing.append("name")
    else:
        missing += [part.lower() for part in ("GivenName", "FamilyName") if not name.get(part)]
    if assumptions.email_required and not email_of(document):
        missing.append("emails")
    if missing:
        raise validation(", ".join(f"{at}: The attribute {at} is required" for at in missing))


def _check_extensions(extensions: Mapping[str, Any]) -> None:
    """Only the enterprise extension exists; its keys are documented in API_CreateUser."""
    for name, content in extensions.items():
        if name != ENTERPRISE:
            raise validation(f"Unsupported extension {name}")
        if not isinstance(content, dict):
            raise validation(f"{name} must be an object")
        for key, value in content.items():
            _check_enterprise(key, value)


def _check_enterprise(key: str, value: object) -> None:
    text = _shape("SensitiveStringType")
    path = f"extensions.{ENTERPRISE}.{key}"
    if key in _ENTERPRISE_TEXTS and isinstance(value, str):
        check_at(path, text, value)
    elif key == "manager" and isinstance(value, dict) and isinstance(value.get("value"), str):
        check_at(f"{path}.value", text, value["value"])
    else:
        # Assumed: the service refuses what its schema does not have.
        raise validation(f"Unsupported attribute {ENTERPRISE}.{key}")


def _check_photos(photos: list[Mapping[str, Any]]) -> None:
    # Documented: "one of them primary" (API_CreateUser); the text is assumed.
    if sum(bool(photo.get("Primary")) for photo in photos) > 1:
        raise validation("List attribute photos has more than one primary value")


def updated(kind: Kind, document: Document, operations: list[Mapping[str, Any]]) -> Document:
    """Return *document* after the operations of one UpdateUser or UpdateGroup, all or none.

    That they are all or none is assumed. An operation without AttributeValue removes (documented:
    API_UpdateGroup, example 3), and so does null (observed: Terraform's aws_identitystore_user).
    """
    result = copy.deepcopy(document)
    for operation in operations:
        path = _modelled_path(kind, str(operation["AttributePath"]))
        value = operation.get("AttributeValue")
        _put(result, path, None if value is None else _modelled_value(path, value))
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
        for name in _MULTI_VALUE:
            if separator and first.casefold() == name.casefold():
                raise validation(
                    f"Unsupported update operation on multi-value attribute {name}, please "
                    "provide full replacement of Multi-Value attribute types"
                )


def _modelled_path(kind: Kind, path: str) -> tuple[str, ...]:
    """Return where *path* leads in a document: `name.givenName` is `("Name", "GivenName")`.

    Case does not matter: `DisplayName` is observed to work as well as `displayName`.
    """
    if kind is USER and path.casefold().startswith(ENTERPRISE):
        rest = path[len(ENTERPRISE) :].lstrip(".")
        return ("Extensions", ENTERPRISE, *(rest.split(".") if rest else ()))
    shape = _resource_shape(kind)
    found: list[str] = []
    for part in path.split("."):
        name = _member(shape, part)
        allowed = found or name in kind.attributes
        if name is None or not allowed or name == "Extensions":
            # Assumed text; that unknown paths are refused is assumed too.
            raise validation(f"The attribute path {path} is not supported")
        found.append(name)
        shape = shape.members[name] if isinstance(shape, StructureShape) else None
    return tuple(found)


def _resource_shape(kind: Kind) -> Shape | None:
    return _shape("User" if kind is USER else "Group")


def _shape(name: str) -> Shape:
    return service_model("identitystore").shape_for(name)


def _member(shape: Shape | None, name: str) -> str | None:
    """Return the member of *shape* that *name* spells, in whatever case."""
    members = shape.members if isinstance(shape, StructureShape) else {}
    return next((member for member in members if member.casefold() == name.casefold()), None)


def _modelled_value(path: tuple[str, ...], value: object) -> object:
    """Return the value of an operation as CreateUser would have spelled it, checked."""
    if path[0] == "Extensions":
        return value
    shape = _shape("Group") if path[0] == "Description" else _shape("User")
    for name in path:
        shape = shape.members[name] if isinstance(shape, StructureShape) else shape
    modelled = _respelled(shape, value)
    where = ".".join(name[0].lower() + name[1:] for name in path)
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


def _put(document: Document, path: tuple[str, ...], value: object) -> None:
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
