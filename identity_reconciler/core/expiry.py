"""What starts, what expires, and what has expired. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


@dataclass(frozen=True, slots=True, order=True)
class StartingLink:
    """A membership or assignment that is yet to hold."""

    starts: datetime
    """The first instant at which it holds."""
    address: str
    position: Position
    expires: datetime | None
    """The first instant at which it no longer holds; None: it does not expire."""


def starting(declared: Declared, as_of: datetime) -> tuple[StartingLink, ...]:
    """Return what starts after *as_of*, soonest first."""
    return tuple(
        sorted(
            (
                StartingLink(link.starts, address, link.position, link.expires)
                for address, link in dated(declared)
                if link.starts is not None and link.is_waiting(as_of)
            ),
            key=lambda one: (one.starts, one.address, one.position),
        )
    )


def expiring(
    declared: Declared, as_of: datetime, within: timedelta = SOON
) -> tuple[ExpiringLink, ...]:
    """Return what expires after *as_of* and within that time, soonest first."""
    return tuple(
        sorted(
            ExpiringLink(link.expires, address, link.position)
            for address, link in dated(declared)
            if link.expires is not None and link.expires <= as_of + within and link.holds(as_of)
        )
    )


def dated(declared: Declared) -> Iterator[tuple[str, Listed]]:
    """Yield every membership and assignment that starts or expires, with its address."""
    for group in declared.groups:
        for member in _dated(group.members or ()):
            yield f"membership/{group.name}/{member.name}", member
    for application in declared.applications:
        for kind, principals in (("user", application.users), ("group", application.groups)):
            for principal in _dated(principals):
                yield f"assignment/{application.selector}/{kind}/{principal.name}", principal


def _dated(links: Iterable[Listed]) -> Iterator[Listed]:
    return (one for one in links if one.starts is not None or one.expires is not None)


def only_expired(plan: Plan) -> Plan:
    """Return the changes of *plan* that remove what has expired, and nothing else."""
    changes = tuple(
        change
        for change in plan.changes
        if isinstance(change, Delete) and change.reason is Reason.EXPIRED
    )
    return replace(plan, changes=changes)
