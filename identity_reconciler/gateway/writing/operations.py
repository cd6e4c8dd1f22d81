"""The smallest list of operations that turns one user or group into another.

Single attributes are set by their leaf path, lists of structures are replaced whole, and an
operation without AttributeValue removes. A path never comes twice, nor together with its parent.
Source: API_UpdateGroup, examples 1 to 3; terraform-provider-aws, identitystore/user.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from identity_reconciler.core.state import Group, User
from identity_reconciler.gateway.reading.records import (
    COMPOUNDS,
    ENTERPRISE,
    ENTERPRISE_TEXTS,
    NAMES,
    TEXTS,
    Compound,
    listed,
    member_name,
)

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import AttributeOperationTypeDef


_Document = Any
"""A free document: a string, or a list of dictionaries. The stubs take it for a mapping."""


def _camel(member: str) -> str:
    return member[:1].lower() + member[1:]


_TEXT_PATHS: Mapping[str, str] = {
    "user_name": "userName",
    **{field: _camel(member) for field, member in TEXTS.items()},
    **{field: f"name.{_camel(member)}" for field, member in NAMES.items()},
    **{field: f"{ENTERPRISE}.{member}" for field, member in ENTERPRISE_TEXTS.items()},
}
_COMPOUND_PATHS: Mapping[str, str] = {
    field: _camel(member) for field, (member, _) in COMPOUNDS.items()
}
_MANAGER_PATH = f"{ENTERPRISE}.manager.value"


def user_operations(
    before: User, after: User, manager_id: str | None = None
) -> list[AttributeOperationTypeDef]:
    """Return the operations of UpdateUser that turn *before* into *after*.

    *manager_id* is the UserId of the manager of *after*, where the manager differs.
    """
    operations = [
        _operation(path, getattr(after, field))
        for field, path in _TEXT_PATHS.items()
        if getattr(before, field) != getattr(after, field)
    ]
    operations += [
        _operation(path, value and [_document(each) for each in listed(value)])
        for field, path in _COMPOUND_PATHS.items()
        if (value := getattr(after, field)) != getattr(before, field)
    ]
    if before.manager != after.manager:
        operations.append(_operation(_MANAGER_PATH, manager_id))
    return operations


def group_operations(before: Group, after: Group) -> list[AttributeOperationTypeDef]:
    """Return the operations of UpdateGroup that turn *before* into *after*."""
    operations = []
    if before.name != after.name:
        operations.append(_operation("displayName", after.name))
    if before.description != after.description:
        operations.append(_operation("description", after.description))
    return operations


def _operation(path: str, value: _Document) -> AttributeOperationTypeDef:
    if not value:
        return {"AttributePath": path}
    return {"AttributePath": path, "AttributeValue": value}


def _document(value: Compound) -> dict[str, str | bool]:
    """Return *value* with camelCase keys, which a free document has unlike a modelled structure.

    Source: terraform-provider-aws, identitystore/user.go.
    """
    return {
        _camel(member_name(field.name)): getattr(value, field.name)
        for field in fields(value)
        if getattr(value, field.name) is not None
    }
