"""The models of `policies.yaml`, and what must hold within one entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.findings import ModelFinding
from identity_reconciler.desired.model.forms import FLAG, whole
from identity_reconciler.desired.model.guards import MOST
from identity_reconciler.desired.model.text import (
    GroupNameText,
    PatternText,
    RegularExpression,
    Text,
)
from identity_reconciler.desired.yaml.tree import Fields, Items


class SeparatedDutiesEntry(Document):
    """Groups and applications of which nobody may have two."""

    label: ClassVar[str] = "an entry of separation_of_duties"
    groups: list[GroupNameText] = Field(
        default_factory=list, examples=[["payments-approve", "payments-submit"]]
    )
    """Names of groups."""
    applications: list[Text] = Field(default_factory=list, examples=[["Payroll"]])
    """Names or ARNs of applications, as they are declared: whoever can open one, by whatever
    way."""
    reason: Text = Field(default="", examples=["SOX: nobody approves what they submit"])
    """Why, for whoever is refused."""


class MaxMembersEntry(Document):
    """Groups that must not have more members."""

    label: ClassVar[str] = "an entry of max_members"
    groups: PatternText = Field(examples=["*-admins"])
    """A pattern of group names; `*`, `?` and `[...]`, and case does not matter."""
    most: Annotated[int, whole(0, MOST)] = Field(examples=[5])
    """How many members each may have; disabled users count."""


class MinOwnersEntry(Document):
    """Groups and applications that somebody has to answer for."""

    label: ClassVar[str] = "an entry of min_owners"
    groups: list[PatternText] = Field(default_factory=list, examples=[["*-admins"]])
    """Patterns of group names."""
    applications: list[PatternText] = Field(default_factory=list, examples=[["Payroll"]])
    """Patterns of the names or ARNs of applications."""
    least: Annotated[int, whole(1, MOST)] = Field(examples=[2])
    """How many `owners` each must have; a group among them is one."""


class MustExpireSection(Document):
    """Groups and applications in which whoever is listed has an end."""

    label: ClassVar[str] = "the section must_expire"
    groups: list[PatternText] = Field(default_factory=list, examples=[["*-admins"]])
    """Patterns of group names."""
    applications: list[PatternText] = Field(default_factory=list, examples=[["Payroll"]])
    """Patterns of the names or ARNs of applications."""
    privileged: Annotated[bool, FLAG] = Field(default=False, examples=[True])
    """Whether that goes for the groups and applications that `guards.privileged` names, too."""


class PoliciesDocument(Document):
    """`policies.yaml`: rules that hold for what is declared and for what a plan leaves."""

    label: ClassVar[str] = "this file"
    separation_of_duties: list[SeparatedDutiesEntry] = Field(
        default_factory=list,
        examples=[[{"groups": ["payments-approve", "payments-submit"]}]],
    )
    """What nobody may have two of."""
    max_members: list[MaxMembersEntry] = Field(
        default_factory=list, examples=[[{"groups": "*-admins", "most": 5}]]
    )
    """Groups that must not have more members."""
    no_direct_assignments: list[PatternText] = Field(default_factory=list, examples=[["Payroll"]])
    """Patterns of the names or ARNs of applications that only groups are assigned to."""
    email_domains: list[PatternText] = Field(
        default_factory=list, examples=[["example.com", "*.example.com"]]
    )
    """Patterns of the domains that addresses of users may have; an empty list allows all."""
    min_owners: list[MinOwnersEntry] = Field(
        default_factory=list, examples=[[{"groups": ["*-admins"], "least": 2}]]
    )
    """What somebody has to answer for."""
    max_duration: Annotated[int | None, whole(1, 3650)] = Field(default=None, examples=[90])
    """Within how many days from now whoever is listed in a group or application that
    `guards.privileged` names must expire."""
    must_expire: MustExpireSection = Field(
        default_factory=MustExpireSection,
        examples=[{"groups": ["*-admins"], "privileged": True}],
    )
    """Where whoever is listed needs `expires`."""
    reason_pattern: RegularExpression = Field(default="", examples=["[A-Z]+-[0-9]+(: .+)?"])
    """A regular expression of Python, in quotes: whoever is listed with `reason`, `starts` or
    `expires` needs a reason that matches it from end to end."""


def duties_findings(fields: Fields) -> Iterator[ModelFinding]:
    """Yield what is wrong with an entry of `separation_of_duties` whose keys are right."""
    lists = [fields.get(key) for key in ("groups", "applications")]
    if sum(len(one) for one in lists if isinstance(one, Items)) < 2:  # noqa: PLR2004 (a pair)
        yield fields.mark, "it takes two groups or applications to keep apart; name another one"
