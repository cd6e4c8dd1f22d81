"""What the YAML says, before AWS has been asked. Pure: values only.

Applications are selectors here, because only the live instance knows their ARNs, and lists of
members still carry their expiry dates. `resolution` turns this into a desired `State`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from identity_reconciler.core.accounts import AccountReading
from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.lease import DIRECTORY, lock_in
from identity_reconciler.core.ownership import EVERYTHING, Claims, NamePatterns
from identity_reconciler.core.period import Period
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    PrincipalKind,
    User,
    folded,
)
from identity_reconciler.errors import Position


class ManageObjects(StrEnum):
    """How far we manage users, or groups."""

    DECLARED = "declared"
    """What is declared is created and kept; deletion needs `state: absent`."""
    AUTHORITATIVE = "authoritative"
    """What is live and not declared is deleted as well."""
    REFERENCE = "reference"
    """Only looked up; an external identity provider owns them."""


class ManageLinks(StrEnum):
    """How far we manage memberships of declared groups, or assignments of declared applications."""

    AUTHORITATIVE = "authoritative"
    """What is live and not listed is removed."""
    ADDITIVE = "additive"
    """What is listed is added; nothing is removed."""
    OFF = "off"
    """Not managed at all."""


class Presence(StrEnum):
    """The `state` of a declared user or group."""

    PRESENT = "present"
    ABSENT = "absent"
    """Deleted when live."""
    EXTERNAL = "external"
    """Must be live, is owned elsewhere, and is only referred to."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The one Identity Center instance a directory of YAML is about. Asserted, never guessed."""

    name: str
    region: str
    account_id: str
    """Twelve digits: the account that owns the instance."""
    instance_arn: str
    identity_store_id: str
    delegated_administrator: str | None = None
    """Twelve digits: the account whose credentials may act on the instance besides the owner's."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Name patterns (`*`, `?`, `[...]`; case does not matter) that are never touched."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredRepository:
    """Which of several repositories that manage one instance this is."""

    name: str = ""
    """Nothing: there is only this one."""
    owns: NamePatterns = EVERYTHING
    """What it may declare, and others may not."""


SettingsPath = tuple[str | int, ...]
"""The keys of `instance.yaml`, or `policies.yaml`, that lead to a value, and in a list the number
of its item."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`instance.yaml`: which instance, and how much of it is managed."""

    instance: Instance
    users: ManageObjects = ManageObjects.DECLARED
    groups: ManageObjects = ManageObjects.DECLARED
    memberships: ManageLinks = ManageLinks.AUTHORITATIVE
    assignments: ManageLinks = ManageLinks.AUTHORITATIVE
    ignore: Ignore = Ignore()
    rename_users: bool = False
    """Whether `previous_user_names` may rename a live user: AWS does not document that it can."""
    require_email: bool = True
    """Whether a present user needs an e-mail address: AWS says they must be there and unique."""
    account_access: AccountReading = AccountReading.PRINCIPAL
    """How access to AWS accounts is read."""
    lock: str = DIRECTORY
    """Where the lease is kept: `DIRECTORY`, `s3://bucket/key`, or `OFF`."""
    repository: DeclaredRepository = DeclaredRepository()
    guards: GuardSettings = field(default_factory=GuardSettings)
    """What the guards refuse."""
    places: Mapping[SettingsPath, Position] = field(
        default_factory=dict, compare=False, hash=False, repr=False
    )
    """Where each key and each item of a list stands; what is left out stands nowhere."""

    @property
    def lease(self) -> str:
        """Where the lease is kept, as `lease.lock_of` takes it."""
        return lock_in(self.lock, self.repository.name)

    @property
    def claims(self) -> Claims | None:
        """What others are told that this repository owns; None: there are no others."""
        if not self.repository.name:
            return None
        ignore = self.ignore
        leaves = NamePatterns(ignore.users, ignore.groups, ignore.applications)
        return Claims(self.repository.owns, leaves)


@dataclass(frozen=True, slots=True)
class Listed:
    """A user or group named in a list of members or of assignments."""

    name: str
    position: Position
    expires: datetime | None = None
    """The first instant (UTC) at which it no longer holds; None: it does not expire."""
    reason: str | None = None
    via: tuple[str, ...] = ()
    """How it comes into a list that does not name it: the groups that are included, outermost
    first, and `MEMBERS_WHERE` for a rule. `position` is then where that begins."""
    starts: datetime | None = None
    """The first instant (UTC) at which it holds; None: at once."""
    unlapsed: Listed | None = field(default=None, compare=False, repr=False)
    """As it is written, where it ends for want of a review; None: as this."""

    def is_over(self, as_of: datetime) -> bool:
        """Return whether it has expired."""
        return self.expires is not None and self.expires <= as_of

    def is_waiting(self, as_of: datetime) -> bool:
        """Return whether it is yet to start."""
        return self.starts is not None and self.starts > as_of and not self.is_over(as_of)

    def holds(self, as_of: datetime) -> bool:
        """Return whether it has started and has not expired."""
        return (self.starts is None or self.starts <= as_of) and not self.is_over(as_of)


MEMBERS_WHERE = "members_where"
"""Stands for the rule of a group in `Listed.via`."""


@dataclass(frozen=True, slots=True)
class MembersRule:
    """Who is in a group by what is said of them: all of the conditions hold."""

    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    """Fields of `User`, with the values of which it must have one; case does not matter."""
    position: Position
    expires: datetime | None = None
    """As for `Listed`; no rule is written with one."""
    reason: str | None = None
    matched: int | None = None
    """How many it matches now; None: nobody has looked."""
    unlapsed: MembersRule | None = field(default=None, compare=False, repr=False)
    """As `Listed.unlapsed`."""


@dataclass(frozen=True, slots=True)
class UnknownMembers:
    """Why it is not known now who is in a group."""

    position: Position
    message: str


@dataclass(frozen=True, slots=True)
class DeclaredOwner:
    """Somebody who answers for a group or application. Nothing in AWS follows from it."""

    kind: PrincipalKind
    name: str
    position: Position

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


OWNER = "owner"
"""Stands for the owners where people who review are named; so nobody called so can be."""


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """How often somebody looks at who is in a group or assigned to an application, and who."""

    every: Period
    by: tuple[DeclaredOwner, ...]
    """As written, `OWNER` among them; nobody: the owners."""
    position: Position

    @property
    def named(self) -> tuple[DeclaredOwner, ...]:
        """Those who are named themselves."""
        return tuple(one for one in self.by if not is_owner_word(one))

    @property
    def by_owners(self) -> bool:
        """Whether the owners are to look."""
        return not self.by or len(self.named) < len(self.by)


def is_owner_word(one: DeclaredOwner) -> bool:
    """Return whether *one*, among those who review, stands for the owners."""
    return one.kind is PrincipalKind.USER and folded(one.name) == OWNER


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """That somebody has looked at all who are listed."""

    day: date
    """In UTC."""
    by: str
    """The name of a user, who may have left since."""
    position: Position


@dataclass(frozen=True, slots=True)
class DeclaredUser:
    """One entry under `users:`."""

    user: User
    position: Position
    presence: Presence = Presence.PRESENT
    previous_names: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`user`."""
        return "user"

    @property
    def name(self) -> str:
        """The user name as spelled."""
        return self.user.user_name

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it may be live under, as spelled: its own first, then previous ones."""
        return (self.name, *self.previous_names)


@dataclass(frozen=True, slots=True)
class DeclaredGroup:
    """One entry under `groups:`."""

    group: Group
    position: Position
    presence: Presence = Presence.PRESENT
    members: tuple[Listed, ...] | None = None
    """As written, or with all who are included, see `flattening`; None: nothing says who is in
    it, and the memberships of this group are not managed."""
    previous_names: tuple[str, ...] = ()
    owners: tuple[DeclaredOwner, ...] = ()
    """In the order of the file."""
    review: ReviewTerms | None = None
    reviewed: ReviewRecord | None = None
    """The last review; None: none is known."""
    include: tuple[Listed, ...] = ()
    """Groups whose members are members of this one."""
    exclude: tuple[Listed, ...] = ()
    """Users who are not, though a group that is included or the rule has them."""
    rule: MembersRule | None = None
    """`members_where`."""
    flat: bool = False
    """Whether `members` has all whom the includes and the rule give with what is live."""
    unknown: tuple[UnknownMembers, ...] = ()
    """What keeps it from being known whom these give; then nobody is taken out for missing."""

    @property
    def kind(self) -> str:
        """`group`."""
        return "group"

    @property
    def derives(self) -> bool:
        """Whether members come from somewhere else than from its list."""
        return bool(self.include) or self.rule is not None

    @property
    def is_managed(self) -> bool:
        """Whether it says who is in it."""
        return self.members is not None or self.derives

    @property
    def name(self) -> str:
        """The group name as spelled."""
        return self.group.name

    @property
    def names(self) -> tuple[str, ...]:
        """See `DeclaredUser.names`."""
        return (self.name, *self.previous_names)


@dataclass(frozen=True, slots=True)
class ApplicationSelector:
    """How the YAML names an application: by ARN, or by name and what makes the name unique."""

    name: str | None = None
    arn: ApplicationArn | None = None
    provider: str | None = None
    """ApplicationProviderArn."""
    account: str | None = None

    def matches(self, application: Application) -> bool:
        """Return whether *application* fits every part that is given. Names match exactly."""
        pairs = (
            (self.name, application.name),
            (self.arn, application.arn),
            (self.provider, application.provider),
            (self.account, application.account),
        )
        return all(wanted is None or wanted == found for wanted, found in pairs)

    def __str__(self) -> str:
        parts = (
            ("", self.name),
            ("arn ", self.arn),
            ("provider ", self.provider),
            ("account ", self.account),
        )
        return ", ".join(f"{label}{value}" for label, value in parts if value)


@dataclass(frozen=True, slots=True)
class DeclaredApplication:
    """One entry under `applications:`."""

    selector: ApplicationSelector
    position: Position
    users: tuple[Listed, ...] = ()
    groups: tuple[Listed, ...] = ()
    managed: bool = True
    """False when the key `assignments` is not there: its assignments are not managed."""
    assignment_required: bool | None = None
    """What AWS must say of it; None: nothing is declared. Checked, and never written."""
    owners: tuple[DeclaredOwner, ...] = ()
    """In the order of the file."""
    review: ReviewTerms | None = None
    reviewed: ReviewRecord | None = None
    """The last review; None: none is known."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything one directory of YAML says. Entries come in file order, files by name."""

    settings: Settings
    users: tuple[DeclaredUser, ...] = ()
    groups: tuple[DeclaredGroup, ...] = ()
    applications: tuple[DeclaredApplication, ...] = ()
    approvals: tuple[Approval, ...] = ()
    """The entries of `approvals.yaml`, in file order."""
    files: tuple[str, ...] = ()
    """Every file that was read, relative to the directory, sorted."""
    digest: str = ""
    """SHA-256 over the names and bytes of those files, in lower-case hexadecimal."""
