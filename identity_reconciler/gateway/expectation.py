"""How many requests a whole read will take, judged by what the YAML declares. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from identity_reconciler.declared import Declared, ManageLinks, Presence
from identity_reconciler.gateway.pacing import Rates

_PAGE = 100
"""Items of a page of every list but one. Source: models."""
_APPLICATIONS_PAGE = 50
"""Applications of a page. Source: ListApplications."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a read takes if as much is live as is declared; more is live, more is read."""

    requests: int
    seconds: float
    """At the rate of the busiest quota; the others are read at the same time."""


def expected(declared: Declared, rates: Rates) -> Expected:
    """Return what the whole read for the plan of *declared* takes at *rates*."""
    users, groups = pages(len(declared.users)), pages(len(declared.groups))
    members = _member_lists(declared)
    admin = _admin(declared)
    return Expected(
        requests=users + groups + members + admin,
        seconds=max(max(users, groups, members) / rates.identity_store, admin / rates.sso_admin),
    )


def pages(items: int, size: int = _PAGE) -> int:
    """Return how many requests a list of *items* takes; an empty one takes one as well."""
    return max(1, ceil(items / size))


def _member_lists(declared: Declared) -> int:
    if declared.settings.memberships is ManageLinks.OFF:
        return 0
    return sum(
        pages(len(entry.members))
        for entry in declared.groups
        if entry.members is not None and entry.presence is Presence.PRESENT
    )


def _admin(declared: Declared) -> int:
    """Return the requests to sso-admin: a list and a question for each managed application."""
    managed = [entry for entry in declared.applications if entry.managed]
    if not managed or declared.settings.assignments is ManageLinks.OFF:
        return 0
    lists = sum(pages(len(entry.users) + len(entry.groups)) for entry in managed)
    return pages(len(declared.applications), _APPLICATIONS_PAGE) + lists + len(managed)
