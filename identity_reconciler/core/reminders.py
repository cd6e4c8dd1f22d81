"""Which memberships and assignments end soon enough for their owners to be reminded. Pure.

Nothing is kept of what was told: a reminder is due on one day, which follows from the YAML alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from identity_reconciler.core.access_reviews import ListedPrincipal, principals_in, subject
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Presence,
)
from identity_reconciler.core.state import PrincipalKind, folded

DAYS_BEFORE = (14, 3)
"""How many days before the last one somebody is reminded."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A membership or assignment that its owners are to be reminded of."""

    entry: DeclaredGroup | DeclaredApplication
    principal: ListedPrincipal
    last_day: date
    """The last day, in UTC, on which it holds."""
    days: int
    """How many days before that it is due: one of `DAYS_BEFORE`."""

    @property
    def subject(self) -> str:
        """`group/NAME`, or `application/` and what selects it: what the owners answer for."""
        return subject(self.entry)

    @property
    def address(self) -> str:
        """`membership/GROUP/USER`, or `assignment/`, what selects the application, and whom."""
        if isinstance(self.entry, DeclaredGroup):
            return f"membership/{self.entry.name}/{self.principal.listed.name}"
        return f"assignment/{self.entry.selector}/{self.principal.address}"

    @property
    def owners(self) -> tuple[DeclaredOwner, ...]:
        """Who answers for it, in the order of the file."""
        return self.entry.owners


def reminders(declared: Declared, since: date, day: date) -> tuple[Reminder, ...]:
    """Return what is to be told on the days from *since* to *day*, both included.

    What ends soonest comes first. What has ended by *day* is left out, for it is too late, and of
    two reminders of the same end the earlier one.
    """
    found = (
        Reminder(entry, principal, last_day, days)
        for entry, principal, last_day in _ending(declared)
        if last_day >= day and (days := _due(last_day, since, day)) is not None
    )
    return tuple(sorted(found, key=lambda one: (one.last_day, one.address)))


def _due(last_day: date, since: date, day: date) -> int | None:
    """Return how many days before *last_day* the latest reminder of it in that time is due."""
    due = (days for days in DAYS_BEFORE if since <= last_day - timedelta(days=days) <= day)
    return min(due, default=None)


def _ending(
    declared: Declared,
) -> Iterator[tuple[DeclaredGroup | DeclaredApplication, ListedPrincipal, date]]:
    """Yield what is listed until a day, groups first, in file order."""
    entries: tuple[DeclaredGroup | DeclaredApplication, ...] = (
        *(one for one in declared.groups if one.presence is Presence.PRESENT),
        *declared.applications,
    )
    for entry in entries:
        for principal in principals_in(entry):
            if principal.listed.expires is not None:
                yield entry, principal, _last_day(principal.listed.expires)


def _last_day(expires: datetime) -> date:
    """Return the day in UTC of the last instant before *expires*, at which it holds no longer."""
    return (expires - timedelta(microseconds=1)).date()


def recipients(declared: Declared, owners: tuple[DeclaredOwner, ...]) -> tuple[DeclaredUser, ...]:
    """Return the declared users whom *owners* are or hold, each once, in the order of the file.

    Of a group whose members the YAML does not list, nobody is known here.
    """
    groups = {folded(one.name): one for one in declared.groups}
    names: set[str] = set()
    for one in owners:
        if one.kind is PrincipalKind.USER:
            names.add(folded(one.name))
        elif found := groups.get(folded(one.name)):
            names.update(folded(each.name) for each in found.members or ())
    return tuple(
        one
        for one in declared.users
        if one.presence is not Presence.ABSENT and folded(one.name) in names
    )
