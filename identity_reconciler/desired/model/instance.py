"""The model of `instance.yaml`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.forms import FLAG, WORD
from identity_reconciler.desired.model.guards import GuardsSection
from identity_reconciler.desired.model.text import (
    AccountId,
    FragmentName,
    IdentityStoreId,
    InstanceArn,
    InstanceName,
    LockText,
    PatternText,
    Region,
    RepositoryName,
)

Objects = Annotated[Literal["declared", "authoritative", "reference"], WORD]
Links = Annotated[Literal["authoritative", "additive", "off"], WORD]
Lock = Annotated[LockText, WORD]
Readings = Annotated[Literal["principal", "list", "off"], WORD]


class InstanceSection(Document):
    """The one instance of IAM Identity Center that this directory is about."""

    label: ClassVar[str] = "the instance section"
    name: InstanceName = Field(examples=["main"])
    """What you call the instance; shown in plans."""
    region: Region = Field(examples=["eu-central-1"])
    """The instance's primary region."""
    account_id: AccountId = Field(examples=["111122223333"])
    """The account that owns the instance: twelve digits, in quotes. Checked before anything
    is read or written."""
    delegated_administrator: AccountId = Field(default="", examples=["444455556666"])
    """The account whose credentials may act on the instance besides the owner's."""
    instance_arn: InstanceArn = Field(examples=["arn:aws:sso:::instance/ssoins-1234567890abcdef"])
    """The instance's ARN."""
    identity_store_id: IdentityStoreId = Field(examples=["d-1234567890"])
    """The id of the instance's identity store."""


class ManageSection(Document):
    """How much of the instance is managed."""

    label: ClassVar[str] = "the manage section"
    users: Objects = Field(default="declared", examples=["authoritative"])
    """`declared`: what is declared is created and kept, deletion needs `state: absent`.
    `authoritative`: what is not declared is deleted as well. `reference`: users are only
    referred to; an identity provider owns them."""
    groups: Objects = Field(default="declared", examples=["authoritative"])
    """As for users."""
    memberships: Links = Field(default="authoritative", examples=["additive"])
    """For the declared groups. `authoritative`: who is not listed is removed. `additive`: nobody
    is removed. `off`: not managed."""
    assignments: Links = Field(default="authoritative", examples=["additive"])
    """For the declared applications, as for memberships."""
    require_email: Annotated[bool, FLAG] = Field(default=True, examples=[False])
    """Whether every user needs an e-mail address: AWS says that they must be there and unique."""
    rename_users: Annotated[bool, FLAG] = Field(default=False, examples=[True])
    """Whether `previous_user_names` may rename a live user: AWS does not document that it can."""


class IgnoreSection(Document):
    """Names that are never touched and never to be declared; `*`, `?` and `[...]` are patterns."""

    label: ClassVar[str] = "the ignore section"
    users: list[PatternText] = Field(default_factory=list, examples=[["break-glass-*"]])
    """Patterns of user names; case does not matter."""
    groups: list[PatternText] = Field(default_factory=list, examples=[["AWSControlTower*"]])
    """Patterns of group names; case does not matter."""
    applications: list[PatternText] = Field(default_factory=list, examples=[["Legacy *"]])
    """Patterns of application names; case does not matter."""


class OwnsSection(Document):
    """Names that this repository may declare, and no other may; a kind that is left out: none."""

    label: ClassVar[str] = "the owns section"
    users: list[PatternText] = Field(default_factory=list, examples=[["payments-*"]])
    """Patterns of user names; case does not matter."""
    groups: list[PatternText] = Field(default_factory=list, examples=[["payments-*"]])
    """Patterns of group names; case does not matter."""
    applications: list[PatternText] = Field(default_factory=list, examples=[["Payments *"]])
    """Patterns of application names; case does not matter."""


class RepositorySection(Document):
    """Which of several repositories that manage one instance this is."""

    label: ClassVar[str] = "the repository section"
    name: RepositoryName = Field(default="", examples=["payments"])
    """What tells it from the others: its lease is kept by the group
    `identity-reconciler-lease-NAME`."""
    owns: OwnsSection = Field(
        default_factory=lambda: OwnsSection(users=["*"], groups=["*"], applications=["*"]),
        examples=[{"applications": ["Payments *"]}],
    )
    """What it may declare. Left out: everything that it does not ignore."""


class SettingsDocument(Document):
    """`instance.yaml`: which instance this directory is about, and how much of it is managed."""

    label: ClassVar[str] = "this file"
    instance: InstanceSection = Field(
        examples=[
            {
                "name": "main",
                "region": "eu-central-1",
                "account_id": "111122223333",
                "instance_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
                "identity_store_id": "d-1234567890",
            }
        ]
    )
    """Which instance."""
    shared: list[FragmentName] = Field(default_factory=list, examples=[["people", "oncall"]])
    """Which fragments belong to this directory as if they were in it: each the file
    `shared/NAME.yaml`, or all files in the folder `shared/NAME`, beside this directory. Several
    instances may include the same."""
    manage: ManageSection = Field(
        default_factory=ManageSection, examples=[{"users": "authoritative"}]
    )
    """How much of it is managed."""
    ignore: IgnoreSection = Field(
        default_factory=IgnoreSection, examples=[{"groups": ["AWSControlTower*"]}]
    )
    """What is never touched."""
    account_access: Readings = Field(default="principal", examples=["list"])
    """How access to AWS accounts is read, which plans show and this file does not manage.
    `principal`: each user and group that a plan touches is asked about, which takes credentials of
    the management account. `list`: all permission sets are listed, with who has them in which
    account; also for a delegated administrator. `off`: it is not read, and plans say so."""
    lock: Lock = Field(default="directory", examples=["s3://identity-locks/main"])
    """Where it is kept who applies now and what was applied last, so that there is one apply at a
    time and never an older commit after a newer one. `directory`: in the description of the group
    `identity-reconciler-lease`. `s3://bucket/key`: in that object, for where groups cannot be
    written. `off`: nowhere, and nothing keeps two applies apart."""
    repository: RepositorySection = Field(
        default_factory=RepositorySection, examples=[{"name": "payments"}]
    )
    """Where several repositories manage this instance: which one this is, and what it owns."""
    guards: GuardsSection = Field(
        default_factory=GuardsSection, examples=[{"protected": {"groups": ["administrators"]}}]
    )
    """What plans are refused for."""
