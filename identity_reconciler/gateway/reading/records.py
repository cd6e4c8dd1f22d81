"""Users, groups and applications as AWS writes them, and as values; and requests to create them.

Absent attributes are left out of requests: botocore refuses None, and the service refuses empty
strings and lists. Source: CreateUser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupName,
    PhoneNumber,
    Photo,
    PostalAddress,
    Provenance,
    Role,
    User,
    UserName,
)

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import (
        CreateGroupRequestTypeDef,
        CreateUserRequestTypeDef,
    )

ENTERPRISE = "aws:identitystore:enterprise"
"""The one extension there is; reads return it only when asked. Source: ListUsers, Extensions."""

TEXTS: Mapping[str, str] = {
    "display_name": "DisplayName",
    "nick_name": "NickName",
    "profile_url": "ProfileUrl",
    "user_type": "UserType",
    "title": "Title",
    "preferred_language": "PreferredLanguage",
    "locale": "Locale",
    "timezone": "Timezone",
    "website": "Website",
    "birthdate": "Birthdate",
}
"""Fields of `User` that are one string, and their members in the API."""

NAMES: Mapping[str, str] = {
    "given_name": "GivenName",
    "family_name": "FamilyName",
    "middle_name": "MiddleName",
    "honorific_prefix": "HonorificPrefix",
    "honorific_suffix": "HonorificSuffix",
    "formatted_name": "Formatted",
}
"""Fields of `User` that are inside the member Name."""

ENTERPRISE_TEXTS: Mapping[str, str] = {
    "employee_number": "employeeNumber",
    "cost_center": "costCenter",
    "organization": "organization",
    "division": "division",
    "department": "department",
}
"""Fields of `User` inside the extension, whose keys are camelCase. Source: CreateUser, example."""

Compound = Email | PhoneNumber | PostalAddress | Photo | Role

COMPOUNDS: Mapping[str, tuple[str, type[Compound]]] = {
    "email": ("Emails", Email),
    "phone_number": ("PhoneNumbers", PhoneNumber),
    "address": ("Addresses", PostalAddress),
    "photos": ("Photos", Photo),
    "role": ("Roles", Role),
}
"""Fields of `User` that are lists of structures in the API; only photos has more than one."""

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
    name: Mapping[str, str] = item.get("Name", {})
    enterprise: Mapping[str, Any] = item.get("Extensions", {}).get(ENTERPRISE, {})
    manager_id = (enterprise.get("manager") or {}).get("value")
    attributes: dict[str, Any] = {
        **{field: item[member] for field, member in TEXTS.items() if member in item},
        **{field: name[member] for field, member in NAMES.items() if member in name},
        **{
            field: enterprise[member]
            for field, member in ENTERPRISE_TEXTS.items()
            if member in enterprise
        },
        **{
            field: _compounds(field, kind, item[member])
            for field, (member, kind) in COMPOUNDS.items()
            if item.get(member)
        },
    }
    user = User(
        user_name=UserName(item.get("UserName", identifier)),
        manager=manager_id,
        foreign=bool(item.get("ExternalIds")),
        provenance=provenance(item),
        **attributes,
    )
    return Record(identifier, user, item.get("Revision"), manager_id)


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
    name = {member: getattr(user, field) for field, member in NAMES.items() if getattr(user, field)}
    enterprise: dict[str, Any] = {
        member: getattr(user, field)
        for field, member in ENTERPRISE_TEXTS.items()
        if getattr(user, field)
    }
    if manager_id:
        enterprise["manager"] = {"value": manager_id}
    request: dict[str, Any] = {
        "IdentityStoreId": store,
        "UserName": user.user_name,
        **{member: getattr(user, field) for field, member in TEXTS.items() if getattr(user, field)},
        **{
            member: [_structure(each) for each in listed(getattr(user, field))]
            for field, (member, _) in COMPOUNDS.items()
            if getattr(user, field)
        },
    }
    if name:
        request["Name"] = name
    if enterprise:
        request["Extensions"] = {ENTERPRISE: enterprise}
    return cast("CreateUserRequestTypeDef", request)


def create_group_request(store: str, group: Group) -> CreateGroupRequestTypeDef:
    """Return the CreateGroup request for *group*."""
    request: CreateGroupRequestTypeDef = {"IdentityStoreId": store, "DisplayName": group.name}
    if group.description:
        request["Description"] = group.description
    return request


def listed(value: Compound | tuple[Photo, ...]) -> Sequence[Compound]:
    """Return *value* as the list that the API has in its place."""
    return value if isinstance(value, tuple) else (value,)


def member_name(field: str) -> str:
    """Return the API's spelling of a field of a structure: `street_address`, `StreetAddress`."""
    return "".join(part.capitalize() for part in field.split("_"))


def _structure(value: Compound) -> dict[str, str | bool]:
    found = {
        member_name(field.name): getattr(value, field.name)
        for field in fields(value)
        if getattr(value, field.name) is not None
    }
    if not isinstance(value, Photo):
        # SCIM demands it, and the samples of the native API differ. Source:
        # developerguide/createuser.html.
        found.setdefault("Primary", True)
    return found


def _compounds(
    field: str, kind: type[Compound], items: Sequence[Mapping[str, Any]]
) -> Compound | tuple[Compound, ...]:
    def read(item: Mapping[str, Any]) -> Compound:
        members: dict[str, Any] = {
            each.name: item.get(member_name(each.name)) for each in fields(kind)
        }
        return kind(**members)

    values = tuple(map(read, items))
    return values if field == "photos" else values[0]


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
