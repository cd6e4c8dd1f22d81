"""The instances, and the accounts that were asked for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from identity_reconciler.audit.inspection import Inspection, Visit
from identity_reconciler.audit.report import INSTANCE, Column, Report, Row, number_of, ordered
from identity_reconciler.gateway import Wanted

NO_INSTANCE = "has no instance of its own"


@dataclass(frozen=True, slots=True)
class InstancesQuestion:
    """Which instances are there, and which accounts could not be looked into?"""

    @property
    def wanted(self) -> Wanted:
        """See Question. Nothing of what is inside the instances."""
        return Wanted()

    def answer(self, inspection: Inspection) -> Report:
        """See Question. Every account has a row, also one without an instance."""
        rows = [row for visit in inspection.visits for row in _rows(visit)]
        unread = sum(bool(visit.trouble) for visit in inspection.visits)
        said = (f"{number_of(unread, 'account')} could not be looked into.",) if unread else ()
        return Report("instances", "Instances", self.columns, ordered(rows), said)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the report."""
        return (
            Column("account_id", "Account that owns the instance"),
            Column("account", "Name of that account"),
            Column("account_state", "State of the account as Organizations has it"),
            INSTANCE,
            Column("scope", "organization, account, or unknown where nobody was asked"),
            Column("region", "Primary Region of the instance"),
            Column("status", "Status of the instance"),
            Column("instance_arn", "ARN of the instance"),
            Column("identity_store_id", "Identity store of the instance"),
            Column("remark", "Why there is no instance here, or why it was not looked into"),
        )


def _rows(visit: Visit) -> Iterator[Row]:
    account = visit.account
    about = (account.account_id, account.name, account.state)
    for site in visit.sites:
        instance = site.instance
        yield (
            *about,
            instance.name,
            site.scope,
            instance.region,
            site.status,
            instance.instance_arn,
            instance.identity_store_id,
            visit.trouble,
        )
    if not visit.sites:
        yield (*about, "", "", "", "", "", "", visit.trouble or NO_INSTANCE)
