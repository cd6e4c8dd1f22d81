"""Users, groups and applications as AWS writes them, and as values; and requests to create them.

Absent attributes are left out of requests: botocore refuses None, and the service refuses empty
strings and lists. Source: CreateUser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from identity_reconciler.core.attributes import (
    STRUCTURE_MEMBERS,
    USER_ATTRIBUTES,
    Structure,
    UserAttribute,
    structures_of,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    Photo,
    Provenance,
    User,
    UserName,
)

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import (
        CreateGroupRequestTypeDef,
        CreateUserRequestTypeDef,
    )

_BY_PLACE: Mapping[tuple[str, ...], Sequence[tuple[UserAttribute, str]]] = {
    place: [
        (attribute, attribute.members[-1])
        for attribute in USER_ATTRIBUTES
        if attribute.members[:-1] == place
    ]
    for place in dict.fromkeys(attribute.members[:-1] for attribute in USER_ATTRIBUTES)
}
"""The attributes, with the last of their members, by the members that lead to it."""

_Value = TypeVar("_Value", User, Group)


@dataclass(frozen=True, slots=True)
class Record(Generic[_Value]):
    """A user or group with what only the gateway may know."""

    identifier: str
    value: _Value
    revision: str | None
    """None where the service does not say; writes are then unconditional."""
    manager_id: str | None = None
    """The UserId of the user's manager; `value.manager` holds it too until it is resolved."""


def user_record(item: Mapping[str, Any]) -> Record[User]:
    """Return the user that *item* of ListUsers or DescribeUser describes."""
    identifier: str = item["UserId"]
    attributes = dict(_attributes(item))
    make: Callable[..., User] = User
    user = make(
        user_name=UserName(item.get("UserName", identifier)),
        foreign=bool(item.get("ExternalIds")),
        provenance=provenance(item),
        **attributes,
    )
    return Record(identifier, user, item.get("Revision"), attributes.get("manager"))


def _attributes(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of `User` that *item* has, with their values."""
    for place, attributes in _BY_PLACE.items():
        inner = item
        for name in place:
            inner = inner.get(name) or {}
        for attribute, member in attributes:
            if member in inner:
                value = inner[member]
                structure = attribute.structure
                yield (
                    attribute.field,
                    _structures(structure, value, attribute.most) if structure else value,
                )


def group_record(item: Mapping[str, Any]) -> Record[Group]:
    """Return the group that *item* of ListGroups or DescribeGroup describes."""
    identifier: str = item["GroupId"]
    group = Group(
        name=GroupName(item.get("DisplayName", identifier)),
        description=item.get("Description"),
        foreign=bool(item.get("ExternalIds")),
        provenance=provenance(item),
    )
    return Record(identifier, group, item.get("Revision"))


def application(item: Mapping[str, Any]) -> Application:
    """Return the application that *item* describes: of ListApplications, or DescribeApplication."""
    return Application(
        arn=ApplicationArn(item["ApplicationArn"]),
        name=item.get("Name", ""),
        provider=item.get("ApplicationProviderArn"),
        account=item.get("ApplicationAccount"),
    )


def create_user_request(
    store: str, user: User, manager_id: str | None = None
) -> CreateUserRequestTypeDef:
    """Return the CreateUser request for *user*, whose manager is *manager_id*."""
    request: dict[str, Any] = {"IdentityStoreId": store, "UserName": user.user_name}
    for attribute in USER_ATTRIBUTES:
        value: Any = getattr(user, attribute.field)
        if attribute.field == "manager":
            value = manager_id
        if value:
            inner = request
            for name in attribute.members[:-1]:
                inner = inner.setdefault(name, {})
            inner[attribute.members[-1]] = _sent(value) if attribute.structure else value
    return cast("CreateUserRequestTypeDef", request)


def _sent(value: Structure | tuple[Photo, ...]) -> list[dict[str, str | bool]]:
    """Return *value* as a create sends it."""
    found = structures_of(value)
    if not isinstance(value, tuple):
        # SCIM demands it, and the samples of the native API differ. Source:
        # developerguide/createuser.html.
        found[0].setdefault("Primary", True)
    return found


def create_group_request(store: str, group: Group) -> CreateGroupRequestTypeDef:
    """Return the CreateGroup request for *group*."""
    request: CreateGroupRequestTypeDef = {"IdentityStoreId": store, "DisplayName": group.name}
    if group.description:
        request["Description"] = group.description
    return request


def _structures(
    structure: type[Structure], items: Sequence[Mapping[str, Any]], most: int
) -> Structure | tuple[Structure, ...] | None:
    make: Callable[..., Structure] = structure
    members = STRUCTURE_MEMBERS[structure]
    values = tuple(make(**{field: item.get(name) for field, name in members}) for item in items)
    if most > 1:
        return values or None
    return values[0] if values else None


def provenance(item: Mapping[str, Any]) -> Provenance:
    """Return what AWS reports about a live user, group or membership besides its attributes."""
    status = item.get("UserStatus")
    created, updated = item.get("CreatedAt"), item.get("UpdatedAt")
    return Provenance(
        created_at=created.isoformat() if created else None,
        created_by=item.get("CreatedBy"),
        updated_at=updated.isoformat() if updated else None,
        updated_by=item.get("UpdatedBy"),
        enabled=None if status is None else status == "ENABLED",
    )
