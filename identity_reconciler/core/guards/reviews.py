"""The guard for what is yet to be reviewed: nobody new gets into it until it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Create
from identity_reconciler.core.state import Assignment, Membership, group_key


def review_overdue(evidence: Evidence, _settings: GuardSettings) -> Objection | None:
    """Refuse new members and assignments of what should have been reviewed. Nobody stays by it."""
    found = list(_entering(evidence))
    if not found:
        return None
    late = ", ".join(sorted({told for _, told in found}))
    return Objection(
        f"{len(found)} would get into what is yet to be reviewed: {late}",
        "a review first; `identity-reconciler review start` writes down whom it is about",
        tuple(sorted(address for address, _ in found)),
    )


def _entering(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield the address of each link that is to come, and what is overdue with it."""
    for change in evidence.plan.changes:
        match change:
            case Create(after=Membership(group=name) as link):
                late = evidence.overdue_groups.get(group_key(name))
            case Create(after=Assignment(application=arn) as link):
                late = evidence.overdue_applications.get(arn)
            case _:
                continue
        if late is not None:
            yield evidence.address(link), f"{late.address} since {late.due}"
