"""What the guards are told in `instance.yaml`, and what they are called. Pure: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from identity_reconciler.core.period import Period
from identity_reconciler.errors import Position


class GuardId(StrEnum):
    """The guards, in the order of their verdicts. Approvals name them so."""

    EMPTY_DESIRED = "empty.desired"
    EMPTY_LIVE = "empty.live"
    BUDGET_USERS = "budget.users"
    BUDGET_GROUPS = "budget.groups"
    BUDGET_MEMBERSHIPS = "budget.memberships"
    BUDGET_ASSIGNMENTS = "budget.assignments"
    BUDGET_EXPIRED = "budget.expired"
    BUDGET_RENAMES = "budget.renames"
    WIPE = "wipe"
    PROTECTED = "protected"
    MIN_MEMBERS = "min_members"
    PINNED_MEMBERS = "pinned_members"
    MEMBERS_WHERE = "members_where"
    LOCKOUT_SELF = "lockout.self"
    PRIVILEGED = "privileged"
    RENAME_SUSPECTED = "rename.suspected"
    LEFTOVER_ACCOUNTS = "leftover.accounts"
    REVIEW_OVERDUE = "review.overdue"
    REPOSITORY_CLAIMED = "repository.claimed"
    SEPARATION_OF_DUTIES = "separation_of_duties"
    MAX_MEMBERS = "max_members"
    NO_DIRECT_ASSIGNMENTS = "no_direct_assignments"
    EMAIL_DOMAINS = "email_domains"
    MIN_OWNERS = "min_owners"
    MAX_DURATION = "max_duration"
    MUST_EXPIRE = "must_expire"
    REASON_PATTERN = "reason_pattern"


class ResourceKind(StrEnum):
    """What can be counted: the first part of an address."""

    USER = "user"
    GROUP = "group"
    MEMBERSHIP = "membership"
    ASSIGNMENT = "assignment"
    APPLICATION = "application"
    ACCESS = "access"
    """A person's way to an application, `access/<user>/<application>`, or into an AWS account,
    `access/<user>/<account>/<permission set or role>`; or to two things that are kept apart,
    `access/<user>/<one>/<other>`."""


@dataclass(frozen=True, slots=True)
class DeleteBudget:
    """How much one plan may remove of one kind, or rename."""

    floor: int
    """Always allowed, in resources."""
    percent: float
    """Share of the managed live resources, 0 to 100."""
    ceiling: int
    """Never exceeded without an approval, in resources, not even by the floor."""

    def allowed(self, managed: int) -> int:
        """Return how many of *managed* resources one plan may touch, rounded down."""
        # Through text, because 2.3 percent is meant, not the nearest binary fraction.
        share = int(Decimal(str(self.percent)) * managed / 100)
        return min(self.ceiling, max(self.floor, share))


@dataclass(frozen=True, slots=True)
class Budgets:
    """One budget for each kind. Memberships count when their user or group is deleted, too."""

    users: DeleteBudget = DeleteBudget(1, 2, 10)
    groups: DeleteBudget = DeleteBudget(1, 5, 5)
    memberships: DeleteBudget = DeleteBudget(5, 2, 40)
    assignments: DeleteBudget = DeleteBudget(1, 5, 5)
    expired: DeleteBudget = DeleteBudget(10, 10, 100)
    """Memberships and assignments together that are removed because they have expired.

    They count here and nowhere else. Wider than the others: each date was reviewed when it was
    written, so what is left to catch is a wrong clock or one date on too many lines.
    """
    renames: DeleteBudget = DeleteBudget(3, 5, 20)
    """Users and groups together that get another name."""


@dataclass(frozen=True, slots=True)
class ExpectLive:
    """The least that must be live before anything is changed; 0 expects nothing."""

    users: int = 0
    groups: int = 0


@dataclass(frozen=True, slots=True)
class ProtectedNames:
    """Name patterns (`*`, `?`, `[...]`; case does not matter) of what may not be removed."""

    users: tuple[str, ...] = ()
    """Neither deleted nor renamed."""
    groups: tuple[str, ...] = ()
    """Neither deleted nor renamed."""
    applications: tuple[str, ...] = ()
    """Names or ARNs of applications that lose no assignment."""


@dataclass(frozen=True, slots=True)
class PrivilegedNames:
    """Name patterns of what nobody gets into without an approval."""

    groups: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    """Names or ARNs."""
    permission_sets: tuple[str, ...] = ()
    """Names or ARNs of permission sets, in whichever account."""
    roles: tuple[str, ...] = ()
    """Roles of account access manager: `/` with path and name, the name alone, or ARNs."""
    accounts: tuple[str, ...] = ()
    """Ids or names of AWS accounts, whatever gives access to them."""


@dataclass(frozen=True, slots=True)
class MinMembers:
    """A group that must not have fewer members."""

    group: str
    """Its name after the plan."""
    least: int
    """Users; those whom AWS reports as disabled do not count."""


@dataclass(frozen=True, slots=True)
class PinnedMembers:
    """A group that must have exactly these members."""

    group: str
    """Its name after the plan."""
    users: tuple[str, ...]
    """Their user names after the plan; case and order do not matter."""


@dataclass(frozen=True, slots=True)
class RenameSigns:
    """What makes a deletion and a creation look like one rename."""

    likeness: int = 85
    """How alike two names are, in percent of their letters and digits."""
    shared: int = 50
    """More than this share of the deleted group's members are in the created one, in percent."""


@dataclass(frozen=True, slots=True)
class SeparatedDuties:
    """Groups and applications of which nobody may have two."""

    groups: tuple[str, ...] = ()
    """Their names after the plan."""
    applications: tuple[str, ...] = ()
    """Names or ARNs, exactly as in AWS."""
    reason: str = ""
    position: Position = field(default=Position("policies.yaml", 1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class MaxMembers:
    """Groups that must not have more members."""

    groups: str
    """A name pattern (`*`, `?`, `[...]`; case does not matter)."""
    most: int
    """Users; disabled ones count."""
    position: Position = field(default=Position("policies.yaml", 1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class MinOwners:
    """Groups and applications that somebody has to answer for."""

    groups: tuple[str, ...]
    """Name patterns (`*`, `?`, `[...]`; case does not matter)."""
    applications: tuple[str, ...]
    """Patterns of names or ARNs."""
    least: int
    """Owners; a group among them is one."""
    position: Position = field(default=Position("policies.yaml", 1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class MustExpire:
    """Groups and applications in which whoever is listed has an end of their own."""

    groups: tuple[str, ...] = ()
    """Name patterns (`*`, `?`, `[...]`; case does not matter)."""
    applications: tuple[str, ...] = ()
    """Patterns of names or ARNs."""
    privileged: bool = False
    """Whether that goes for what `PrivilegedNames` names as well."""


@dataclass(frozen=True, slots=True)
class Policies:
    """`policies.yaml`: rules that hold for what is declared and for what a plan leaves."""

    separation_of_duties: tuple[SeparatedDuties, ...] = ()
    max_members: tuple[MaxMembers, ...] = ()
    no_direct_assignments: tuple[str, ...] = ()
    """Patterns of the names or ARNs of applications that only groups are assigned to."""
    email_domains: tuple[str, ...] = ()
    """Patterns of the domains of addresses; none: any will do."""
    min_owners: tuple[MinOwners, ...] = ()
    max_duration: int | None = None
    """Days ahead within which whoever is listed where it is privileged must expire; None: never."""
    must_expire: MustExpire = MustExpire()
    reason_pattern: str = ""
    """What the reason of each item that has a reason, a start or an end matches as a whole, as a
    regular expression of Python; empty: any reason will do, and none."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """`guards:` in `instance.yaml`, and policies. The default lets a first adoption pass."""

    budgets: Budgets = field(default_factory=Budgets)
    expect_live: ExpectLive = field(default_factory=ExpectLive)
    wipe_from: int = 3
    """Removing all of a kind, or all members of a group, is refused from this many on."""
    protected: ProtectedNames = field(default_factory=ProtectedNames)
    min_members: tuple[MinMembers, ...] = ()
    pinned_members: tuple[PinnedMembers, ...] = ()
    administrators: tuple[str, ...] = ()
    """Patterns of the user names of those who must be able to undo a plan."""
    privileged: PrivilegedNames = field(default_factory=PrivilegedNames)
    rename: RenameSigns = field(default_factory=RenameSigns)
    review_grace: Period | None = None
    """For how long a review may be overdue before all who were to be looked at have expired; None:
    for as long as it takes."""
    policies: Policies = field(default_factory=Policies)
