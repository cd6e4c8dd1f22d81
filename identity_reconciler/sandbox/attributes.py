"""The attributes of users and groups: which there are, are required, unique or reserved.

A document is a user or group as CreateUser and DescribeUser spell it:
`{"Name": {"GivenName": ...}}`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.model import Shape, StructureShape

from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.errors import validation
from identity_reconciler.sandbox.facts import ENTERPRISE, ENTERPRISE_TEXTS, RESERVED_NAMES
from identity_reconciler.sandbox.validation import check_at

if TYPE_CHECKING:
    from botocore.model import ServiceModel

Document = dict[str, Any]


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of *service*."""
    return botocore.session.Session().get_service_model(service)


@dataclass(frozen=True, slots=True)
class AttributeForm:
    """What distinguishes users from groups in the operations that both have."""

    table: str
    resource_type: str
    """As in ResourceNotFoundException, ResourceType."""
    arn_type: str
    id_member: str
    arn_member: str
    name_member: str
    """The attribute that names it."""
    request: str
    """The shape of the request that creates one."""


USER = AttributeForm("users", "USER", "user", "UserId", "UserArn", "UserName", "CreateUserRequest")
GROUP = AttributeForm(
    "groups", "GROUP", "group", "GroupId", "GroupArn", "DisplayName", "CreateGroupRequest"
)


@functools.cache
def attributes_of(kind: AttributeForm) -> Mapping[str, Shape]:
    """Return the attributes of a user or group: what its create request has beside the store."""
    request = shape_of(kind.request)
    members: Mapping[str, Shape] = request.members if isinstance(request, StructureShape) else {}
    return {name: shape for name, shape in members.items() if name != "IdentityStoreId"}


def fold(name: str, assumptions: Assumptions) -> str:
    """Return *name* as the service compares it."""
    return name if assumptions.case_sensitive_names else name.casefold()


def email_of(document: Mapping[str, Any]) -> str | None:
    """Return the e-mail address that must be unique."""
    emails = document.get("Emails") or [{}]
    value: str | None = emails[0].get("Value")
    return value


def check_document(kind: AttributeForm, document: Document, assumptions: Assumptions) -> None:
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
    if assumptions.reserved_names and str(name).casefold() in RESERVED_NAMES:
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
    text = shape_of("SensitiveStringType")
    path = f"extensions.{ENTERPRISE}.{key}"
    if key in ENTERPRISE_TEXTS and isinstance(value, str):
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


def shape_of(name: str) -> Shape:
    """Return a shape of the Identity Store's model."""
    return service_model("identitystore").shape_for(name)
