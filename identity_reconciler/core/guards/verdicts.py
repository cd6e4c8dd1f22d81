"""What a guard finds, and what becomes of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.guard_settings import GuardId

MOST_SHOWN = 20
"""Addresses in a verdict; a longer list is for the plan itself."""


class Standing(StrEnum):
    """How a guard judges a plan."""

    PASSED = "passed"
    BLOCKED = "blocked"
    APPROVED = "approved"
    """It would be blocked, but approvals cover all of it."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a guard refuses a plan."""

    found: str
    expected: str
    concerned: tuple[str, ...]
    """The addresses of all that it objects to, sorted, at least one; what an approval covers."""
    by_count: bool = False
    """Whether the approval to paste gives counts, even where the addresses are few."""
    remedies: tuple[str, ...] = ()
    """Commands that take away what it objects to."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one guard on one plan."""

    guard: GuardId
    standing: Standing
    found: str = ""
    """Empty when it passed; else in words, as `expected`."""
    expected: str = ""
    addresses: tuple[str, ...] = ()
    """What it concerns, sorted; at most the first `MOST_SHOWN`."""
    count: int = 0
    """How many it concerns, those not in `addresses` too."""
    approvals: tuple[Approval, ...] = ()
    """When blocked, the entries to paste, their reasons still empty; when approved, those used."""
    remedies: tuple[str, ...] = ()
    """When blocked: commands that take away what it objects to."""
    by_base: bool = False
    """Whether the settings of the base judge so, and those of now do not."""
