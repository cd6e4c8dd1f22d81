"""What expires, and what has expired. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from identity_reconciler.core.declared import Declared, Listed
from identity_reconciler.core.plan import Delete, Plan, Reason
from identity_reconciler.errors import Position

SOON = timedelta(days=14)
"""How far ahead every plan looks."""


@dataclass(frozen=True, slots=True, order=True)
class ExpiringLink:
    """A membership or assignment that holds now and will not for long."""

    expires: datetime
    """The first instant at which it no longer holds."""
    address: str
    position: Position


def expiring(
    declared: Declared, as_of: datetime, within: timedelta = SOON
) -> tuple[ExpiringLink, ...]:
    """Return what expires after *as_of* and within that time, soonest first."""
    return tuple(
        sorted(
            ExpiringLink(link.expires, address, link.position)
            for address, link in listed(declared)
            if link.expires is not None and as_of < link.expires <= as_of + within
        )
    )


def listed(declared: Declared) -> Iterator[tuple[str, Listed]]:
    """Yield every declared membership and assignment with its address."""
    for group in declared.groups:
        for member in group.members or ():
            yield f"membership/{group.name}/{member.name}", member
    for application in declared.applications:
        for kind, principals in (("user", application.users), ("group", application.groups)):
            for principal in principals:
                yield f"assignment/{application.selector}/{kind}/{principal.name}", principal


def only_expired(plan: Plan) -> Plan:
    """Return the changes of *plan* that remove what has expired, and nothing else."""
    changes = tuple(
        change
        for change in plan.changes
        if isinstance(change, Delete) and change.reason is Reason.EXPIRED
    )
    return replace(plan, changes=changes)
