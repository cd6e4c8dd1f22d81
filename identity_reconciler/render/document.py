"""The plan as a document: what `plan --format json` prints and every other renderer reads."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    field_serializer,
)

from identity_reconciler import __version__
from identity_reconciler.core.plan import Change, Create, Delete, Rename, Update
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Membership,
    User,
)

FORMAT_VERSION = "1.3"
"""A minor step adds what a reader may ignore; a reader refuses another major."""

LISTED_PEOPLE = 200
"""People named per application and effect; the rest are counted."""

AccountReadingDocument = Literal["principal", "list", "off", "denied", "too many", "not applicable"]
Action = Literal["create", "update", "rename", "delete"]
DocumentKind = Literal["user", "group", "membership", "assignment"]


_RESOURCE: TypeAdapter[User | Group | Membership | Assignment] = TypeAdapter(
    User | Group | Membership | Assignment
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class InstanceDocument(_Part):
    """The instance the plan is for."""

    name: str
    region: str
    account_id: str
    instance_arn: str
    identity_store_id: str
    delegated_administrator: str | None = None


class SourceDocument(_Part):
    """The desired state the plan was made from."""

    digest: str
    """SHA-256 over names and contents of its files, in hexadecimal digits."""
    files: int
    commit: str | None = None
    """The Git commit that was checked out; missing where there is none."""
    directory: str | None = None
    """Where its files are in the Git repository: empty, or a path with a slash at its end."""
    changed_since: str | None = None
    """The Git revision of which only the differences were looked at; missing: everything was."""
    only_ids: tuple[str, ...] | None = None
    """The identifiers, as events carry them, of which only what they name was looked at; missing:
    everything was."""
    gone_ids: tuple[str, ...] | None = None
    """Those of them that nothing live has: of these nothing is known."""

    @property
    def is_partial(self) -> bool:
        """Whether only a part was looked at, so that no guard has judged it."""
        return self.changed_since is not None or self.only_ids is not None


class LiveDocument(_Part):
    """What was read to make the plan. Memberships and assignments count where they are managed."""

    users: int
    groups: int
    memberships: int
    assignments: int
    requests: int
    seconds: float
    sandbox: bool | None = None
    """True: it was read from the embedded sandbox, and not from AWS; missing otherwise."""


class GenerationDocument(_Part):
    """What had been applied when the plan was begun: it may be applied as long as that is so."""

    lock: str
    """Where the lease is kept: `directory`, `directory/REPOSITORY`, `s3://bucket/key`, or `off`."""
    number: int
    """Of the last apply; 0 where there was none."""
    applying: str | None = None
    """Who was applying at that moment, since when, and until when; missing: nobody."""
    claims: str | None = None
    """What the repository of the plan owns, as others are told by its lease: JSON; missing: it is
    the only one."""


class DifferenceDocument(_Part):
    """One attribute that changes; a missing side is no value."""

    field: str
    before: str | None = None
    after: str | None = None


class PositionDocument(_Part):
    """Where the desired state declares it."""

    file: str
    line: int
    column: int


class UnresolvedDocument(_Part):
    """Something that cannot be bound to what is live; what needs it is left as it is."""

    message: str
    """What was found, and what to do."""
    source: PositionDocument | None = None
    """Missing for live objects that the desired state does not name."""


class ChangeDocument(_Part):
    """One change."""

    action: Action
    kind: DocumentKind
    address: str
    """`kind/name`, under the new name with a rename."""
    before: User | Group | Membership | Assignment | None = None
    """What is live; missing when it is created."""
    after: User | Group | Membership | Assignment | None = None
    """What shall be live; missing when it is deleted."""
    differences: tuple[DifferenceDocument, ...] = ()
    """What an update or a rename changes, for people; sorted by field."""
    reason: str | None = None
    """Why it is removed."""
    cascaded: tuple[Membership, ...] = ()
    """The memberships that vanish with it."""
    source: PositionDocument | None = None
    via: tuple[str, ...] = ()
    """How a membership comes that no list names: the groups that are included, outermost first,
    and `members_where` for a rule. `source` is then where that begins."""
    starts: AwareDatetime | None = None
    """The first instant at which it is declared; of what is removed, that may be yet to come."""
    expires: AwareDatetime | None = None
    """The first instant at which it is no longer declared."""
    note: str | None = None
    """The reason given in the YAML."""
    pending: bool | None = None
    """With a base: whether the base would make the same change, so that it is not of this one."""
    guarded: bool | None = None
    """True: it touches what the guards name, and is shown first; missing otherwise."""
    last_changed: str | None = None
    """For a live object: `<who> at <when>`, as far as AWS tells."""
    owned_by: str | None = None
    """The AWS service that owns the application of a removed assignment; missing: none does."""
    wave: int | None = Field(default=None, ge=0)
    """Changes of one wave may be made at once; waves follow each other. Missing: one by one."""

    @field_serializer("before", "after")
    def _attributes(
        self, resource: User | Group | Membership | Assignment | None
    ) -> dict[str, JsonValue] | None:
        """Leave out what has no value."""
        if resource is None:
            return None
        data = _RESOURCE.dump_python(resource, mode="json", exclude_none=True)
        return {name: value for name, value in data.items() if value not in ([], False)}


class PersonDocument(_Part):
    """Somebody who gains or loses an application, and how."""

    user: str
    paths: tuple[str, ...]
    """`directly`, `through <group>`, or `everyone: no assignment required`."""


class GuardDocument(_Part):
    """What one guard made of the plan; guards that let it pass without an approval are left out."""

    guard: str
    standing: Literal["blocked", "approved"]
    found: str
    expected: str
    addresses: tuple[str, ...]
    """What it concerns; at most the first twenty."""
    count: int
    """How many it concerns."""
    remedies: tuple[str, ...] = ()
    """When blocked: commands that take away what it objects to."""
    approval: tuple[str, ...] = ()
    """When blocked: lines of YAML to paste into `approvals.yaml`, the reason still to be given."""
    by_base: bool | None = None
    """True: the guards of the base judge so, and those of this change do not; missing otherwise."""


class LooseningDocument(_Part):
    """One thing that is guarded, managed, ignored or approved more loosely than at the base."""

    aspect: Literal["guarded", "managed", "ignored", "approved"]
    text: str
    """In words."""
    addresses: tuple[str, ...] = ()
    """Of a new approval: all that it covers by address."""
    source: PositionDocument
    at_base: bool | None = None
    """True: nothing says it any more, and `source` is where it stood at the base."""


class UnmatchedDocument(_Part):
    """A name or pattern of the settings that matches nothing declared or live."""

    text: str
    """In words, with what may be meant."""
    source: PositionDocument


class ControlDocument(_Part):
    """What guards, manages and approves: how it differs from the base, and what has no effect."""

    base: str | None = None
    """The Git revision that it was compared with, and whose guards judged too; missing: none."""
    loosened: tuple[LooseningDocument, ...] = ()
    """What weighs most first."""
    unmatched: tuple[UnmatchedDocument, ...] = ()
    """By position."""


class ExpiringDocument(_Part):
    """A membership or assignment that expires soon."""

    address: str
    expires: AwareDatetime
    source: PositionDocument


class StartingDocument(_Part):
    """A membership or assignment that is listed and yet to start."""

    address: str
    starts: AwareDatetime
    expires: AwareDatetime | None = None
    source: PositionDocument


class OverdueDocument(_Part):
    """A group or application that should have been reviewed by now."""

    address: str
    """`group/NAME` or `application/` and what selects it."""
    since: date
    """The day on which the review was due."""
    asked: tuple[str, ...]
    """Who is to review: `user/NAME` or `group/NAME`."""
    ends_after: date | None = None
    """The last day on which those who are listed still have it; missing: they keep it."""
    source: PositionDocument


class AccessDocument(_Part):
    """Who gains, or who loses, one application."""

    effect: Literal["loses", "gains"]
    application: str
    """Its name, with the ARN where another one has it, too; the ARN where no name is known."""
    application_arn: str
    people: int
    """All of them."""
    listed: tuple[PersonDocument, ...]
    """By user name, `LISTED_PEOPLE` at most."""


class AccountAccessDocument(_Part):
    """Who gains, or who loses, one permission set or role in one AWS account."""

    effect: Literal["loses", "gains"]
    account: str
    """Its twelve digits."""
    account_name: str | None = None
    """Missing where it was not asked for."""
    access: str
    """Name of the permission set, or `role/` and path and name of the role."""
    kind: Literal["permission_set", "role"]
    arn: str
    """Of the permission set or role."""
    people: int
    """All of them."""
    listed: tuple[PersonDocument, ...]
    """By user name, `LISTED_PEOPLE` at most."""


class PassingDocument(_Part):
    """Who lacks something in passing that they keep, or has what they have at neither end."""

    effect: Literal["without", "over-granted"]
    target: str
    """Name of the application, or of the permission set or role; or the first of two things that
    are kept apart, `group <name>` or `application <name>`."""
    apart_from: str | None = None
    """The second of them: they are had together."""
    account: str | None = None
    """Where that is in one: its name, if known, and its twelve digits."""
    arn: str | None = None
    """Of the application, permission set or role; missing where two things are kept apart."""
    requests: int = Field(ge=1)
    """For how many requests at most."""
    people: int
    """All of them."""
    listed: tuple[str, ...]
    """Their names, sorted, `LISTED_PEOPLE` at most."""


class ResemblanceDocument(_Part):
    """A name that the plan concerns, or one that looks like it, and can be mistaken for another."""

    address: str
    """`kind/name`; the kind is `user`, `group` or `application`."""
    other: str
    """The address it looks like."""
    characters: str
    """Which characters of the name are not ASCII, by number and name."""


class WithheldDocument(_Part):
    """A removal that is held back."""

    kind: DocumentKind
    address: str
    reason: str


class WitnessDocument(_Part):
    """Which live user or group a name stands for."""

    address: str
    """`kind/name`, the name of before the plan as names are compared: in lower case."""
    witness: str = Field(pattern="^[0-9a-f]{32}$")
    """A digest of its identifier: another one of the same name has another witness."""


class CountDocument(_Part):
    """How many resources of one kind change; cascades count as deleted."""

    create: int
    update: int
    rename: int
    delete: int


class PlanDocument(_Part):
    """A whole plan."""

    format: Literal["identity-reconciler/plan"] = "identity-reconciler/plan"
    format_version: str = FORMAT_VERSION
    tool_version: str = __version__
    """The version of identity-reconciler that made it."""
    instance: InstanceDocument
    source: SourceDocument
    as_of: AwareDatetime
    """The instant at which starts and expiries were judged, and the live state read."""
    valid_until: AwareDatetime
    """From then on it is refused."""
    live: LiveDocument
    generation: GenerationDocument | None = None
    """Missing in plans that cannot be applied: of an older format, or of a part only."""
    control: ControlDocument | None = None
    """Missing: there is no base, and every name in the settings matches something."""
    guards: tuple[GuardDocument, ...] = ()
    """Blocked ones first."""
    overdue: tuple[OverdueDocument, ...] = ()
    """Reviews that should have been made by now, the longest overdue first."""
    unresolved: tuple[UnresolvedDocument, ...] = ()
    """What could not be planned, by file and line; what has none first."""
    resemblances: tuple[ResemblanceDocument, ...] = ()
    """Names that can be mistaken for another one, live or declared; sorted by kind and name."""
    access: tuple[AccessDocument, ...] = ()
    """Losses first, then by application."""
    access_complete: bool = True
    """False: only as far as the declared groups and applications tell, or access to accounts is
    not known whole: see `account_access_note`."""
    account_access: tuple[AccountAccessDocument, ...] = ()
    """Losses first, then by account and access."""
    account_access_read: AccountReadingDocument = "not applicable"
    """How access to accounts was read, or why it was not."""
    account_access_note: str | None = None
    """Where it was not read whole: which permission or account is needed."""
    counts: dict[DocumentKind, CountDocument]
    """By kind, all four of them."""
    changes: tuple[ChangeDocument, ...]
    """In the order of the apply."""
    in_passing: tuple[PassingDocument, ...] = ()
    """What no order of the changes avoids; who is without access first, then by target."""
    withheld: tuple[WithheldDocument, ...]
    """Removals that the scope holds back, sorted by key."""
    expiring: tuple[ExpiringDocument, ...] = ()
    """What expires within 14 days, soonest first."""
    starting: tuple[StartingDocument, ...] = ()
    """What is listed and yet to start, soonest first."""
    witnesses: tuple[WitnessDocument, ...] = ()
    """The live users and groups that the changes are about or rely on, groups first, by name."""


_ACTIONS: dict[type, Action] = {
    Create: "create",
    Update: "update",
    Rename: "rename",
    Delete: "delete",
}


def action_of(change: Change) -> Action:
    """Return what kind of change it is, in the words of the document."""
    return _ACTIONS[type(change)]
