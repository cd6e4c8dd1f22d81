"""The models of `approvals.yaml`, and what must hold within one entry."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from identity_reconciler.core.guard_settings import GuardId, ResourceKind
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.findings import ModelFinding
from identity_reconciler.desired.model.forms import DAY, NOT_NULL, whole
from identity_reconciler.desired.model.guards import MOST
from identity_reconciler.desired.model.text import Text, wrong
from identity_reconciler.desired.yaml.tree import Fields


def _one_of(what: str, words: Collection[str]) -> AfterValidator:
    def check(text: str) -> str:
        if text not in words:
            hint = did_you_mean(text, words) or f"; they are {', '.join(words)}"
            raise wrong(f"{shown(text)} is no {what}{hint}")
        return text

    return AfterValidator(check)


_GUARDS = tuple(map(str, GuardId))
_KINDS = tuple(map(str, ResourceKind))


class ApprovalEntry(Document):
    """A dated, narrow exception to one guard."""

    label: ClassVar[str] = "an approval"
    guard: Annotated[str, _one_of("guard", _GUARDS)] = Field(
        examples=["budget.users"], json_schema_extra={"enum": list(_GUARDS)}
    )
    """The guard that may let something pass, as the plan names it."""
    # `on` would be a boolean to YAML 1.1, even as a key.
    approved_on: Annotated[date, DAY] = Field(examples=["2026-03-01"])
    """The day on which it was approved, as YYYY-MM-DD."""
    expires: Annotated[date, DAY] = Field(examples=["2026-03-08"])
    """The last day on which it holds, UTC; at most 30 days after `approved_on`."""
    reason: Text = Field(examples=["TICKET-9: the team has left"])
    """Why this is right, and who asked for it."""
    addresses: Annotated[list[Text] | None, NOT_NULL] = Field(
        default=None, examples=[["group/contractors"]], json_schema_extra={"minItems": 1}
    )
    """What it covers, spelled as in the plan. Either this, or `kind` and `count`."""
    kind: Annotated[str | None, _one_of("kind", _KINDS), NOT_NULL] = Field(
        default=None, examples=["membership"], json_schema_extra={"enum": list(_KINDS)}
    )
    """What it covers, whichever they are; needs `count`."""
    count: Annotated[int | None, whole(1, MOST)] = Field(default=None, examples=[12])
    """How many of `kind` at most."""
    approved_by: Text = Field(default="", examples=["Ann Lee"])
    """Who approved it, for the reader; the review of the change is what counts."""


class ApprovalsDocument(Document):
    """`approvals.yaml`: the exceptions to the guards that are in force."""

    label: ClassVar[str] = "this file"
    approvals: list[ApprovalEntry] = Field(
        examples=[
            [
                {
                    "guard": "budget.users",
                    "approved_on": "2026-03-01",
                    "expires": "2026-03-08",
                    "reason": "TICKET-9: the team has left",
                    "addresses": ["user/johndoe"],
                }
            ]
        ]
    )
    """Approvals; remove each when it has been used or has expired."""


def approval_findings(entry: ApprovalEntry, fields: Fields) -> Iterator[ModelFinding]:
    """Yield what is wrong with an approval whose keys are right."""
    by_kind = "kind" in fields or "count" in fields
    if not (entry.addresses or by_kind):
        yield fields.mark, "an approval needs `addresses`, or `kind` and `count`: what it covers"
    elif "addresses" in fields and by_kind:
        yield (
            fields.key_mark("addresses"),
            "an approval has `addresses`, or `kind` and `count`, not both; make two of it",
        )
    elif by_kind and not {"kind", "count"} <= fields.keys():
        missing = "count" if "kind" in fields else "kind"
        yield fields.mark, f"`kind` and `count` belong together; `{missing}` is missing"
