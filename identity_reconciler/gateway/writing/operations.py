"""The smallest list of operations that turns one user or group into another.

Single attributes are set by their leaf path, lists of structures are replaced whole, and an
operation without AttributeValue removes. A path never comes twice, nor together with its parent.
Source: API_UpdateGroup, examples 1 to 3; terraform-provider-aws, identitystore/user.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity_reconciler.core.attributes import (
    USER_ATTRIBUTES,
    Structure,
    structures_of,
)
from identity_reconciler.core.state import Group, Photo, User

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import AttributeOperationTypeDef


_Document = Any
"""A free document: a string, or a list of dictionaries. The stubs take it for a mapping."""


def user_operations(
    before: User, after: User, manager_id: str | None = None
) -> list[AttributeOperationTypeDef]:
    """Return the operations of UpdateUser that turn *before* into *after*.

    *manager_id* is the UserId of the manager of *after*, where the manager differs.
    """
    operations = []
    if before.user_name != after.user_name:
        operations.append(_operation("userName", after.user_name))
    for attribute in USER_ATTRIBUTES:
        value = getattr(after, attribute.field)
        if value != getattr(before, attribute.field):
            if attribute.field == "manager":
                value = manager_id
            elif value and attribute.structure:
                value = _documents(value)
            operations.append(_operation(attribute.api, value))
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


def _documents(value: Structure | tuple[Photo, ...]) -> list[dict[str, str | bool]]:
    """Return *value* with camelCase keys, which a free document has unlike a modelled structure.

    Source: terraform-provider-aws, identitystore/user.go.
    """
    return [
        {f"{name[:1].lower()}{name[1:]}": part for name, part in each.items()}
        for each in structures_of(value)
    ]
