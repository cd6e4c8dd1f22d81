"""What the YAML grants only until a date. Pure: today is an argument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.audit.report import INSTANCE, Column, Report, Row, ordered
from identity_reconciler.core.expiry import dated
from identity_reconciler.gateway import Wanted


@dataclass(frozen=True, slots=True)
class ExpiringQuestion:
    """Which memberships and assignments end soon, or have ended and are still listed?"""

    now: datetime
    days: int
    """How many days ahead to look."""

    @property
    def wanted(self) -> Wanted:
        """See Question. AWS knows no expiry: only the YAML does."""
        return Wanted()

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        columns = (
            Column("expires", "First instant at which it no longer holds, UTC"),
            Column("standing", "expired, or the days left"),
            INSTANCE,
            Column("address", "The membership or assignment"),
            Column("reason", "The reason given in the YAML"),
            Column("source", "file:line that grants it"),
        )
        rows = ordered(row for site in inspection.sites for row in self._rows(site))
        title = f"Expired, or expiring within {self.days} days"
        return Report("expiring", title, columns, rows, alarms=len(rows))

    def _rows(self, site: Site) -> Iterator[Row]:
        for address, link in dated(site.declared) if site.declared else ():
            expires = link.expires
            if expires is None or expires > self.now + timedelta(days=self.days):
                continue
            left = (expires - self.now).days
            yield (
                f"{expires:%Y-%m-%dT%H:%M:%SZ}",
                "expired" if expires <= self.now else f"{left} days left",
                site.name,
                address,
                link.reason or "",
                f"{link.position.file}:{link.position.line}",
            )
