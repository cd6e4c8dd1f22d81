"""The model of one entry under `users:`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Discriminator, Field, Tag

from identity_reconciler.core.attributes import MAX_PHOTOS, Structure
from identity_reconciler.core.state import Email, PhoneNumber, Photo, PostalAddress, Role
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.forms import FLAG, NOT_NULL, form
from identity_reconciler.desired.model.text import (
    BirthdateText,
    EmailText,
    PreviousUserNameText,
    State,
    Text,
    UserNameText,
)


class NameEntry(Document):
    """The parts of a person's name."""

    label: ClassVar[str] = "a name"
    given_name: Text = Field(default="", examples=["Jane"])
    """First name. Required for a user that is present."""
    family_name: Text = Field(default="", examples=["Doe"])
    """Last name. Required for a user that is present."""
    middle_name: Text | None = Field(default=None, examples=["Q."])
    """Middle name."""
    honorific_prefix: Text | None = Field(default=None, examples=["Dr."])
    """Title before the name."""
    honorific_suffix: Text | None = Field(default=None, examples=["Jr."])
    """Suffix after the name."""
    formatted: Text | None = Field(default=None, examples=["Dr. Jane Q. Doe"])
    """The whole name as it is displayed in formal places."""


class EmailEntry(Document):
    """An e-mail address with its details."""

    label: ClassVar[str] = "an e-mail address"
    value: EmailText = Field(examples=["jane.doe@example.com"])
    """The address. Unique among the users of the instance."""
    type: Text = Field(default="", examples=["work"])
    """A label."""
    primary: Annotated[bool | None, FLAG] = Field(default=None, examples=[True])
    """Whether it is the primary one: true or false, as AWS has it when left out. An address that
    is written as text alone is."""


class PhoneEntry(Document):
    """A phone number with its details."""

    label: ClassVar[str] = "a phone number"
    value: Text = Field(examples=["+49 30 123456"])
    """The number."""
    type: Text = Field(default="", examples=["work"])
    """A label."""
    primary: Annotated[bool | None, FLAG] = Field(default=None, examples=[True])
    """Whether it is the primary one: true or false, as AWS has it when left out."""


class AddressEntry(Document):
    """A postal address. AWS replaces it as a whole."""

    label: ClassVar[str] = "an address"
    street_address: Text = Field(default="", examples=["Unter den Linden 1"])
    """Street and number."""
    locality: Text = Field(default="", examples=["Berlin"])
    """City."""
    region: Text = Field(default="", examples=["BE"])
    """State or region."""
    postal_code: Text = Field(default="", examples=["10117"])
    """Postal code, in quotes when it is all digits."""
    country: Text = Field(default="", examples=["DE"])
    """Country."""
    formatted: Text = Field(default="", examples=["Unter den Linden 1, 10117 Berlin"])
    """The whole address on a label."""
    type: Text = Field(default="", examples=["work"])
    """A label."""
    primary: Annotated[bool | None, FLAG] = Field(default=None, examples=[True])
    """Whether it is the primary one: true or false, as AWS has it when left out."""


class PhotoEntry(Document):
    """A photo by reference."""

    label: ClassVar[str] = "a photo"
    value: Text = Field(examples=["https://example.com/photos/jane.png"])
    """Where the photo is."""
    type: Text = Field(default="", examples=["photo"])
    """A label."""
    display: Text = Field(default="", examples=["Jane in 2026"])
    """A name for the photo."""
    primary: Annotated[bool | None, FLAG] = Field(default=None, examples=[True])
    """Whether it is the primary one: true or false, as AWS has it when left out."""


class RoleEntry(Document):
    """A role as an attribute of a person, not an IAM role."""

    label: ClassVar[str] = "a role"
    value: Text = Field(examples=["Data steward"])
    """The role."""
    type: Text = Field(default="", examples=["work"])
    """A label."""
    primary: Annotated[bool | None, FLAG] = Field(default=None, examples=[True])
    """Whether it is the primary one: true or false, as AWS has it when left out."""


class EnterpriseEntry(Document):
    """Where a person stands in the organisation: AWS's enterprise extension."""

    label: ClassVar[str] = "the enterprise section"
    employee_number: Text | None = Field(default=None, examples=["E1042"])
    """Employee number, in quotes when it is all digits."""
    cost_center: Text | None = Field(default=None, examples=["CC-7"])
    """Cost center."""
    organization: Text | None = Field(default=None, examples=["Example Corp"])
    """Organisation."""
    division: Text | None = Field(default=None, examples=["Research"])
    """Division."""
    department: Text | None = Field(default=None, examples=["Data"])
    """Department."""
    manager: UserNameText | None = Field(default=None, examples=["janedoe"])
    """The user name of the manager, who must be declared as well."""


# Each may be written as the text of its key `value` alone.
EmailForm = Annotated[
    Annotated[EmailText, Tag("text")] | Annotated[EmailEntry, Tag("entry")], Discriminator(form)
]
PhoneForm = Annotated[
    Annotated[Text, Tag("text")] | Annotated[PhoneEntry, Tag("entry")], Discriminator(form)
]
RoleForm = Annotated[
    Annotated[Text, Tag("text")] | Annotated[RoleEntry, Tag("entry")], Discriminator(form)
]


class UserEntry(Document):
    """A user of the identity store."""

    label: ClassVar[str] = "a user"
    user_name: UserNameText = Field(examples=["janedoe"])
    """The name to sign in with. No spaces, at most 128 characters, unique whatever the case."""
    state: State = Field(default="present", examples=["absent"])
    """`present` (the default) is created and kept, `absent` is deleted, `external` is owned
    elsewhere and only referred to."""
    previous_user_names: list[PreviousUserNameText] = Field(
        default_factory=list, examples=[["jane.miller"]]
    )
    """Names this user had before, so that a rename is not a deletion and a creation.
    Needs `manage: {rename_users: true}`."""
    name: Annotated[NameEntry | None, NOT_NULL] = Field(
        default=None, examples=[{"given_name": "Jane", "family_name": "Doe"}]
    )
    """The parts of the name. Required for a user that is present."""
    display_name: Text = Field(default="", examples=["Jane Doe"])
    """The name shown to others. Left out: given and family name for a new user; one who is live
    keeps theirs, which follows the two names where it is no more than these."""
    nick_name: Text | None = Field(default=None, examples=["JD"])
    """Casual name. `null` removes it."""
    profile_url: Text | None = Field(default=None, examples=["https://example.com/~jane"])
    """A page about the user. `null` removes it."""
    email: EmailForm | None = Field(default=None, examples=["jane.doe@example.com"])
    """The e-mail address, as text, which makes it the primary one, or with `type` and `primary`.
    Unique; required unless `manage: {require_email: false}`."""
    phone_number: PhoneForm | None = Field(default=None, examples=["+49 30 123456"])
    """The phone number, as text or with `type` and `primary`. `null` removes it."""
    address: AddressEntry | None = Field(
        default=None, examples=[{"locality": "Berlin", "country": "DE"}]
    )
    """The postal address. `null` removes it."""
    user_type: Text | None = Field(default=None, examples=["Employee"])
    """The kind of user, in your own words. `null` removes it."""
    title: Text | None = Field(default=None, examples=["Data Engineer"])
    """Job title. `null` removes it."""
    preferred_language: Text | None = Field(default=None, examples=["en-US"])
    """Preferred language. `null` removes it."""
    locale: Text | None = Field(default=None, examples=["en-US"])
    """Where the user is, for the format of dates and numbers. `null` removes it."""
    timezone: Text | None = Field(default=None, examples=["Europe/Berlin"])
    """Time zone. `null` removes it."""
    website: Text | None = Field(default=None, examples=["https://blog.example.com"])
    """Personal web site. `null` removes it."""
    birthdate: BirthdateText | None = Field(default=None, examples=["1990-01-31"])
    """Date of birth as YYYY-MM-DD, in quotes. `null` removes it."""
    photos: list[PhotoEntry] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PHOTOS,
        examples=[[{"value": "https://example.com/photos/jane.png", "primary": True}]],
    )
    """Up to three photos by reference. `null` removes them."""
    role: RoleForm | None = Field(default=None, examples=["Data steward"])
    """A role as an attribute, as text or with `type` and `primary`. `null` removes it."""
    enterprise: Annotated[EnterpriseEntry | None, NOT_NULL] = Field(
        default=None, examples=[{"department": "Data", "manager": "janedoe"}]
    )
    """Where the user stands in the organisation."""


SECTIONS: Mapping[str, type[Document]] = {
    "": UserEntry,
    "name": NameEntry,
    "enterprise": EnterpriseEntry,
}
"""The models of the sections of an entry that have attributes."""

STRUCTURES: Mapping[type[Structure], type[Document]] = {
    Email: EmailEntry,
    PhoneNumber: PhoneEntry,
    PostalAddress: AddressEntry,
    Photo: PhotoEntry,
    Role: RoleEntry,
}
"""The models of the attributes that are not one text."""
