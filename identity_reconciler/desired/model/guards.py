"""The models of `guards:` in `instance.yaml`. Every default is that of `GuardSettings`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.forms import NOT_NULL, PERCENT, whole
from identity_reconciler.desired.model.text import (
    GroupNameText,
    PatternText,
    PeriodText,
    UserNameText,
)

MOST = 1_000_000
"""More than an identity store can hold of anything but memberships. Source: singlesignon quotas."""

AMOUNT = whole(0, MOST)


class BudgetSection(Document):
    """How much one plan may remove of one kind, or rename.

    The share, but not less than the floor, and never more than the ceiling.
    """

    label: ClassVar[str] = "a budget"
    floor: Annotated[int | None, AMOUNT] = Field(default=None, examples=[1])
    """So many are always allowed."""
    percent: Annotated[float | None, PERCENT] = Field(default=None, examples=[5])
    """Share of what is live and managed, 0 to 100."""
    ceiling: Annotated[int | None, AMOUNT] = Field(default=None, examples=[10])
    """More are never allowed without an approval."""


class BudgetsSection(Document):
    """How much one plan may remove, cascades counted, and rename. The rest has its default."""

    label: ClassVar[str] = "the budgets section"
    users: BudgetSection = Field(default_factory=BudgetSection, examples=[{"ceiling": 20}])
    """Users. Default: floor 1, percent 2, ceiling 10."""
    groups: BudgetSection = Field(default_factory=BudgetSection, examples=[{"ceiling": 10}])
    """Groups. Default: floor 1, percent 5, ceiling 5."""
    memberships: BudgetSection = Field(default_factory=BudgetSection, examples=[{"percent": 3}])
    """Memberships. Default: floor 5, percent 2, ceiling 40."""
    assignments: BudgetSection = Field(default_factory=BudgetSection, examples=[{"floor": 2}])
    """Assignments. Default: floor 1, percent 5, ceiling 5."""
    expired: BudgetSection = Field(default_factory=BudgetSection, examples=[{"ceiling": 200}])
    """Memberships and assignments that have expired, which count here and nowhere else.
    Default: floor 10, percent 10, ceiling 100."""
    renames: BudgetSection = Field(default_factory=BudgetSection, examples=[{"ceiling": 40}])
    """Users and groups that get another name. Default: floor 3, percent 5, ceiling 20."""


class ExpectLiveSection(Document):
    """The least that must be live before anything is changed."""

    label: ClassVar[str] = "the expect_live section"
    users: Annotated[int, AMOUNT] = Field(default=0, examples=[100])
    """Users. 0, the default, expects nothing."""
    groups: Annotated[int, AMOUNT] = Field(default=0, examples=[10])
    """Groups. 0, the default, expects nothing."""


class ProtectedSection(Document):
    """What may not be removed; `*`, `?` and `[...]` are patterns, and case does not matter."""

    label: ClassVar[str] = "the protected section"
    users: list[PatternText] = Field(default_factory=list, examples=[["break-glass-*"]])
    """Patterns of users that are neither deleted nor renamed."""
    groups: list[PatternText] = Field(default_factory=list, examples=[["administrators"]])
    """Patterns of groups that are neither deleted nor renamed."""
    applications: list[PatternText] = Field(default_factory=list, examples=[["Payroll"]])
    """Patterns of the names or ARNs of applications that lose no assignment."""


class PrivilegedSection(Document):
    """Groups that get no member, and applications that get no assignment, without an approval.

    So do groups that have access to AWS accounts by what is named here. The groups keep their
    names, and who is in there keeps user name and e-mail address.
    """

    label: ClassVar[str] = "the privileged section"
    groups: list[PatternText] = Field(default_factory=list, examples=[["*-admins"]])
    """Patterns of groups that get no member."""
    applications: list[PatternText] = Field(default_factory=list, examples=[["Payroll"]])
    """Patterns of the names or ARNs of applications that get no assignment."""
    permission_sets: list[PatternText] = Field(default_factory=list, examples=[["*Admin*"]])
    """Patterns of the names or ARNs of permission sets: groups that have one get no member."""
    roles: list[PatternText] = Field(default_factory=list, examples=[["/break-glass/*"]])
    """Patterns of roles that account access manager gives, by path and name, name, or ARN: groups
    that have one get no member."""
    accounts: list[PatternText] = Field(default_factory=list, examples=[["111122223333"]])
    """Patterns of the ids (in quotes) or names of AWS accounts: groups that have access to one get
    no member."""


class MinMembersEntry(Document):
    """A group that must not have fewer members."""

    label: ClassVar[str] = "an entry of min_members"
    group: GroupNameText = Field(examples=["break-glass"])
    """The group's name."""
    least: Annotated[int, whole(1, MOST)] = Field(examples=[2])
    """How many members it must have; disabled users do not count."""


class PinnedMembersEntry(Document):
    """A group that must have exactly these members."""

    label: ClassVar[str] = "an entry of pinned_members"
    group: GroupNameText = Field(examples=["break-glass"])
    """The group's name."""
    users: list[UserNameText] = Field(examples=[["ann.root", "bob.root"]])
    """User names; order and case do not matter."""


class RenameSection(Document):
    """When a deletion and a creation are refused because they look like one rename."""

    label: ClassVar[str] = "the rename section"
    likeness: Annotated[int | None, whole(1, 100)] = Field(default=None, examples=[85])
    """How alike two names are, in percent of their letters and digits. Default: 85."""
    shared: Annotated[int | None, whole(0, 100)] = Field(default=None, examples=[50])
    """More than this share of the deleted group's members are in the created one, in percent.
    Default: 50."""


class GuardsSection(Document):
    """What plans are refused for, unless there is an approval in `approvals.yaml`."""

    label: ClassVar[str] = "the guards section"
    budgets: BudgetsSection = Field(
        default_factory=BudgetsSection, examples=[{"users": {"ceiling": 20}}]
    )
    """How much one plan may remove, and rename."""
    expect_live: ExpectLiveSection = Field(
        default_factory=ExpectLiveSection, examples=[{"users": 100}]
    )
    """Fewer live than this, and nothing is changed: the read may have gone wrong."""
    wipe_from: Annotated[int, whole(1, MOST)] = Field(default=3, examples=[3])
    """Removing all of a kind, or all members of a group, is refused from this many on."""
    protected: ProtectedSection = Field(
        default_factory=ProtectedSection, examples=[{"groups": ["administrators"]}]
    )
    """What may not be removed."""
    min_members: list[MinMembersEntry] = Field(
        default_factory=list, examples=[[{"group": "break-glass", "least": 2}]]
    )
    """Groups that must not have fewer members."""
    pinned_members: list[PinnedMembersEntry] = Field(
        default_factory=list, examples=[[{"group": "break-glass", "users": ["ann.root"]}]]
    )
    """Groups that must have exactly these members."""
    administrators: list[PatternText] = Field(default_factory=list, examples=[["*.root"]])
    """Patterns of the user names of those who must be able to undo a plan: what gives them their
    access is not taken away, and their names and e-mail addresses count as privileged."""
    privileged: PrivilegedSection = Field(
        default_factory=PrivilegedSection, examples=[{"groups": ["*-admins"]}]
    )
    """What nobody gets into without an approval."""
    rename: RenameSection = Field(default_factory=RenameSection, examples=[{"likeness": 90}])
    """What makes a deletion and a creation look like one rename."""
    review_grace: Annotated[PeriodText | None, NOT_NULL] = Field(default=None, examples=["30 days"])
    """Who is in a group or assigned to an application whose review has been overdue for so long
    has expired. Without it, an overdue review ends nothing."""
