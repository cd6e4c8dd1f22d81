"""A report with what makes it evidence: when it was made, from what, and whether that was all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from identity_reconciler.audit.report import Report


@dataclass(frozen=True, slots=True)
class Edition:
    """One report, ready to be written down."""

    report: Report
    as_of: datetime
    """The moment the reading began, UTC."""
    basis: str
    """What it was made from, such as "live state of main"."""
    gaps: tuple[str, ...] = ()
    """The accounts that could not be looked into, each with the reason."""

    @property
    def made(self) -> str:
        """When and from what, in a line."""
        return f"{self.as_of:%Y-%m-%dT%H:%M:%SZ}, {self.basis}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes of the report, then the gaps."""
        return (*self.report.notes, *(f"Not looked into: {gap}" for gap in self.gaps))
