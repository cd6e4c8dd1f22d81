"""The attributes of a user: what the YAML, `User` and the Identity Store call each. Pure.

Whatever reads, writes, imports, shows or seeds attributes goes by this table. A new attribute is
a line here, a field of `User` and a field of the entry in `desired/model/people.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

from identity_reconciler.core.state import Email, PhoneNumber, Photo, PostalAddress, Role

ENTERPRISE = "aws:identitystore:enterprise"
"""The one extension there is; reads return it only when asked. Source: ListUsers, Extensions."""

RESERVED_NAMES = frozenset({"administrator", "awsadministrators"})
"""Folded. Source: CreateUser and CreateGroup; whether AWS minds the case is not documented."""

MAX_PHOTOS = 3
"""Source: CreateUser, Photos."""

Structure = Email | PhoneNumber | PostalAddress | Photo | Role


@dataclass(frozen=True)
class UserAttribute:
    """One attribute of a user: a text, unless `structure` says otherwise."""

    field: str
    """The field of `User`."""
    yaml: str
    """Where an entry under `users:` has it, dotted."""
    api: str
    """AttributePath of UpdateUser. Source: API_UpdateUser; terraform-provider-aws, user.go."""
    structure: type[Structure] | None = None
    """What the API has a list of here."""
    most: int = 1
    """How many of them; with more than one, `User` has a tuple. Source: CreateUser."""

    @cached_property
    def fits_text(self) -> bool:
        """Whether one text can say it: it is one, or has a `value` that may stand alone."""
        return not self.structure or (
            self.most == 1 and "value" in self.structure.__dataclass_fields__
        )

    @cached_property
    def section(self) -> str:
        """`name`, `enterprise`, or nothing for what is at the top of the entry."""
        return self.yaml.rpartition(".")[0]

    @cached_property
    def key(self) -> str:
        """The key within its section."""
        return self.yaml.rpartition(".")[2]

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Where CreateUser and ListUsers have it, from the outside in.

        Modelled members begin with a capital there; the extension is a free document, camelCase
        in both. Source: CreateUser, example.
        """
        if self.api.startswith(ENTERPRISE):
            return ("Extensions", ENTERPRISE, *self.api[len(ENTERPRISE) + 1 :].split("."))
        return tuple(part[:1].upper() + part[1:] for part in self.api.split("."))


USER_ATTRIBUTES = (
    UserAttribute("display_name", "display_name", "displayName"),
    UserAttribute("given_name", "name.given_name", "name.givenName"),
    UserAttribute("family_name", "name.family_name", "name.familyName"),
    UserAttribute("middle_name", "name.middle_name", "name.middleName"),
    UserAttribute("honorific_prefix", "name.honorific_prefix", "name.honorificPrefix"),
    UserAttribute("honorific_suffix", "name.honorific_suffix", "name.honorificSuffix"),
    UserAttribute("formatted_name", "name.formatted", "name.formatted"),
    UserAttribute("nick_name", "nick_name", "nickName"),
    UserAttribute("profile_url", "profile_url", "profileUrl"),
    UserAttribute("email", "email", "emails", Email),
    UserAttribute("phone_number", "phone_number", "phoneNumbers", PhoneNumber),
    UserAttribute("address", "address", "addresses", PostalAddress),
    UserAttribute("user_type", "user_type", "userType"),
    UserAttribute("title", "title", "title"),
    UserAttribute("preferred_language", "preferred_language", "preferredLanguage"),
    UserAttribute("locale", "locale", "locale"),
    UserAttribute("timezone", "timezone", "timezone"),
    UserAttribute("website", "website", "website"),
    UserAttribute("birthdate", "birthdate", "birthdate"),
    UserAttribute("photos", "photos", "photos", Photo, MAX_PHOTOS),
    UserAttribute("role", "role", "roles", Role),
    UserAttribute("employee_number", "enterprise.employee_number", f"{ENTERPRISE}.employeeNumber"),
    UserAttribute("cost_center", "enterprise.cost_center", f"{ENTERPRISE}.costCenter"),
    UserAttribute("organization", "enterprise.organization", f"{ENTERPRISE}.organization"),
    UserAttribute("division", "enterprise.division", f"{ENTERPRISE}.division"),
    UserAttribute("department", "enterprise.department", f"{ENTERPRISE}.department"),
    # The API has the UserId of the manager, everything else the user name.
    UserAttribute("manager", "enterprise.manager", f"{ENTERPRISE}.manager.value"),
)
"""In the order in which attributes are shown and written: that of an entry's keys in the YAML."""


def _api_name(field: str) -> str:
    """Return the API's spelling of a field of a structure: `street_address`, `StreetAddress`."""
    return "".join(part.capitalize() for part in field.split("_"))


STRUCTURE_MEMBERS = {
    structure: tuple((field.name, _api_name(field.name)) for field in fields(structure))
    for attribute in USER_ATTRIBUTES
    if (structure := attribute.structure)
}
"""The fields of each structure with their names in the API."""


def structures_of(value: Structure | tuple[Photo, ...]) -> list[dict[str, str | bool]]:
    """Return *value* as the list that CreateUser has in its place, without what has no value."""
    return [
        {
            member: part
            for field, member in STRUCTURE_MEMBERS[type(each)]
            if (part := getattr(each, field)) is not None
        }
        for each in (value if isinstance(value, tuple) else (value,))
    ]
