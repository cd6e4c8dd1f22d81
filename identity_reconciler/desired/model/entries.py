"""The models of groups, applications and the documents that hold them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Discriminator, Field, Tag

from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.forms import (
    DAY,
    EXPIRY,
    FLAG,
    NOT_NULL,
    START,
    form,
    list_or_text,
)
from identity_reconciler.desired.model.people import UserEntry
from identity_reconciler.desired.model.text import (
    AccountId,
    ApplicationArnText,
    ApplicationNameText,
    GroupNameText,
    PeriodText,
    PreviousGroupNameText,
    ProviderArn,
    State,
    Text,
    UserNameText,
)


class ListedUser(Document):
    """A user in a list, with a start, an end or a reason."""

    label: ClassVar[str] = "a listed user"
    user: UserNameText = Field(examples=["janedoe"])
    """The user's name."""
    starts: Annotated[datetime | None, START] = Field(default=None, examples=["2026-10-01"])
    """From when on it holds: a date (from the beginning of that day, UTC) or a time with an
    offset. Before that it is as if it were not listed."""
    expires: Annotated[datetime | None, EXPIRY] = Field(default=None, examples=["2026-12-31"])
    """Until when it holds: a date (through the end of that day, UTC) or a time with an offset."""
    reason: Text = Field(default="", examples=["TICKET-9"])
    """Why, for the reader."""


class ListedGroup(Document):
    """A group in a list, with a start, an end or a reason."""

    label: ClassVar[str] = "a listed group"
    group: GroupNameText = Field(examples=["data-science"])
    """The group's name."""
    starts: Annotated[datetime | None, START] = Field(default=None, examples=["2026-10-01"])
    """From when on it holds: a date (from the beginning of that day, UTC) or a time with an
    offset. Before that it is as if it were not listed."""
    expires: Annotated[datetime | None, EXPIRY] = Field(default=None, examples=["2026-12-31"])
    """Until when it holds: a date (through the end of that day, UTC) or a time with an offset."""
    reason: Text = Field(default="", examples=["TICKET-9"])
    """Why, for the reader."""


# Names in lists are plain strings here: that they are declared is checked later, which implies
# that they are good names, and there are half a million of them.
UserItem = Annotated[
    Annotated[str, Tag("text")] | Annotated[ListedUser, Tag("entry")], Discriminator(form)
]
GroupItem = Annotated[
    Annotated[str, Tag("text")] | Annotated[ListedGroup, Tag("entry")], Discriminator(form)
]


class OwningGroup(Document):
    """A group among owners."""

    label: ClassVar[str] = "an owning group"
    group: GroupNameText = Field(examples=["platform-leads"])
    """The group's name: everybody in it."""


OwnerItem = Annotated[
    Annotated[str, Tag("text")] | Annotated[OwningGroup, Tag("entry")], Discriminator(form)
]


class ReviewSection(Document):
    """How often somebody looks at who has this, and who does."""

    label: ClassVar[str] = "a review section"
    every: PeriodText = Field(examples=["3 months"])
    """After so many days, weeks, months or years a review is due again."""
    by: list[OwnerItem] = Field(
        default_factory=list, examples=[["owner"], ["janedoe", {"group": "platform-leads"}]]
    )
    """Who is asked: `owner` (the default) for the owners, user names, and groups as
    `{group: NAME}`."""


class ReviewedSection(Document):
    """That somebody has looked at all who are listed, and when."""

    label: ClassVar[str] = "a reviewed section"
    # `on` would be a boolean to YAML 1.1, even as a key.
    day: Annotated[date, DAY] = Field(examples=["2026-11-01"])
    """The day on which it was made, as YYYY-MM-DD."""
    by: Text = Field(examples=["janedoe"])
    """The user name of who made it; it stays when they leave."""


class ExcludedUser(Document):
    """A user who is left out, with a reason."""

    label: ClassVar[str] = "an excluded user"
    user: UserNameText = Field(examples=["johndoe"])
    """The user's name."""
    reason: Text = Field(default="", examples=["TICKET-9"])
    """Why, for the reader."""


ExcludedItem = Annotated[
    Annotated[str, Tag("text")] | Annotated[ExcludedUser, Tag("entry")], Discriminator(form)
]
Values = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[Text], Tag("list")],
    Discriminator(list_or_text),
]
"""One value, or several of which one is enough."""


class MembersWhere(Document):
    """What is said of the people who are in a group by rule: every key must fit."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    label: ClassVar[str] = "a rule for members"
    user_type: Values | None = Field(default=None, examples=["Employee"])
    """`user_type` of the person is this, or one of these; whole, and case does not matter."""
    title: Values | None = Field(default=None, examples=["Data Engineer"])
    """As for `user_type`."""
    preferred_language: Values | None = Field(default=None, examples=["en-US"])
    """As for `user_type`."""
    locale: Values | None = Field(default=None, examples=["en_US"])
    """As for `user_type`."""
    timezone: Values | None = Field(default=None, examples=["America/New_York"])
    """As for `user_type`."""
    employee_number: Values | None = Field(default=None, examples=[["701", "702"]])
    """As for `user_type`; it stands under `enterprise` there."""
    cost_center: Values | None = Field(default=None, examples=["4130"])
    """As for `user_type`; it stands under `enterprise` there."""
    organization: Values | None = Field(default=None, examples=["Example Corp"])
    """As for `user_type`; it stands under `enterprise` there."""
    division: Values | None = Field(default=None, examples=["Research"])
    """As for `user_type`; it stands under `enterprise` there."""
    department: Values | None = Field(default=None, examples=[["Data", "ML"]])
    """As for `user_type`; it stands under `enterprise` there."""


class GroupEntry(Document):
    """A group of the identity store."""

    label: ClassVar[str] = "a group"
    name: GroupNameText = Field(examples=["data-science"])
    """The group's name (its DisplayName in AWS). At most 1024 characters, unique whatever the
    case."""
    state: State = Field(default="present", examples=["absent"])
    """`present` (the default) is created and kept, `absent` is deleted, `external` is owned
    elsewhere and only referred to."""
    previous_names: list[PreviousGroupNameText] = Field(
        default_factory=list, examples=[["AWS_Data_Science"]]
    )
    """Names this group had before, odd ones as well: it is renamed in place and keeps members and
    assignments."""
    description: Text | None = Field(default=None, examples=["Everyone in data science"])
    """What the group is for. `null` removes it."""
    owners: list[OwnerItem] = Field(
        default_factory=list, examples=[["janedoe", {"group": "platform-leads"}]]
    )
    """Who answers for the group: user names, and groups as `{group: NAME}`. Nothing in AWS."""
    review: Annotated[ReviewSection | None, NOT_NULL] = Field(
        default=None, examples=[{"every": "3 months"}]
    )
    """How often who is in it is looked at, and by whom."""
    reviewed: Annotated[ReviewedSection | None, NOT_NULL] = Field(
        default=None, examples=[{"day": "2026-11-01", "by": "janedoe"}]
    )
    """The last review, as `review finish` records it."""
    members: Annotated[list[UserItem] | None, NOT_NULL] = Field(
        default=None, examples=[["janedoe", {"user": "johndoe", "expires": "2026-12-31"}]]
    )
    """User names. Without this key, `include` and `members_where` the memberships of the group are
    not managed; `[]` means that nobody is listed."""
    include: list[GroupItem] = Field(
        default_factory=list,
        examples=[["platform", {"group": "oncall", "expires": "2026-12-31", "reason": "T-1"}]],
    )
    """Names of groups: whoever is in them is in this one, too. AWS has plain memberships, so a
    plan shows each of them, with the way it comes."""
    exclude: list[ExcludedItem] = Field(
        default_factory=list,
        examples=[["contractor-jo", {"user": "johndoe", "reason": "T-2"}]],
    )
    """User names: who is not in this group though an included one or `members_where` has them."""
    members_where: Annotated[MembersWhere | None, NOT_NULL] = Field(
        default=None, examples=[{"department": ["Data", "ML"], "user_type": "Employee"}]
    )
    """Who is in this group by what is said of them. A plan looks at that once and for all."""


class AssignmentsEntry(Document):
    """Who is assigned to an application."""

    label: ClassVar[str] = "the assignments section"
    groups: list[GroupItem] = Field(default_factory=list, examples=[["data-science"]])
    """Group names; at most 100 per application, an AWS quota."""
    users: list[UserItem] = Field(default_factory=list, examples=[["janedoe"]])
    """User names, for users who have access by themselves and not through a group."""


class ApplicationEntry(Document):
    """An application of the instance. Applications are found, never created."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["name"]}, {"required": ["arn"]}]}
    )
    label: ClassVar[str] = "an application"
    name: ApplicationNameText = Field(default="", examples=["Amazon Redshift"])
    """The application's name, exactly as in AWS. Either this or `arn`."""
    arn: ApplicationArnText = Field(
        default="",
        examples=[
            "arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-1234567890abcdef"
        ],
    )
    """The application's ARN. Either this or `name`."""
    provider: ProviderArn = Field(
        default="", examples=["arn:aws:sso::aws:applicationProvider/custom-saml"]
    )
    """The application's provider, when the name alone is not unique."""
    account: AccountId = Field(default="", examples=["111122223333"])
    """The account the application lives in, when the name alone is not unique; in quotes."""
    owners: list[OwnerItem] = Field(
        default_factory=list, examples=[["janedoe", {"group": "platform-leads"}]]
    )
    """Who answers for the application: user names, and groups as `{group: NAME}`. Nothing in
    AWS."""
    review: Annotated[ReviewSection | None, NOT_NULL] = Field(
        default=None, examples=[{"every": "3 months"}]
    )
    """How often who is assigned is looked at, and by whom."""
    reviewed: Annotated[ReviewedSection | None, NOT_NULL] = Field(
        default=None, examples=[{"day": "2026-11-01", "by": "janedoe"}]
    )
    """The last review, as `review finish` records it."""
    assignments: Annotated[AssignmentsEntry | None, NOT_NULL] = Field(
        default=None, examples=[{"groups": ["data-science"], "users": ["janedoe"]}]
    )
    """Who is assigned. Without this key the application's assignments are not managed."""
    assignment_required: Annotated[bool | None, FLAG] = Field(default=None, examples=[True])
    """Whether only who is assigned may open it. Checked and never written: a plan tells where it is
    otherwise in AWS."""


class Declarations(Document):
    """A file of the desired state: any mix of users, groups and applications."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    label: ClassVar[str] = "this file"
    users: list[UserEntry] = Field(
        default_factory=list,
        examples=[
            [
                {
                    "user_name": "janedoe",
                    "name": {"given_name": "Jane", "family_name": "Doe"},
                    "email": "jane.doe@example.com",
                }
            ]
        ],
    )
    """People, by user name."""
    groups: list[GroupEntry] = Field(
        default_factory=list, examples=[[{"name": "data-science", "members": ["janedoe"]}]]
    )
    """Groups and who is in them."""
    applications: list[ApplicationEntry] = Field(
        default_factory=list,
        examples=[[{"name": "Amazon Redshift", "assignments": {"groups": ["data-science"]}}]],
    )
    """Applications and who is assigned to them."""
