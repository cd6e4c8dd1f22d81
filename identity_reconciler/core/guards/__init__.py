"""Guards: pure functions that refuse a plan which looks like an accident.

Each takes the same two arguments, so a new one is a function and a line in `GUARDS`. All of them
judge the complete plan. Removing more never turns a refusal into a pass, except that of
`pinned_members` when what is removed is a stranger in a pinned group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from identity_reconciler.core.approvals import Approval, covering, kind_of
from identity_reconciler.core.guard_settings import GuardId, GuardSettings
from identity_reconciler.core.guards.amounts import BUDGETS, empty_desired, empty_live, wipe
from identity_reconciler.core.guards.evidence import Evidence, Removal, gather
from identity_reconciler.core.guards.lockout import lockout_self
from identity_reconciler.core.guards.members import min_members, pinned_members
from identity_reconciler.core.guards.names import privileged, protected
from identity_reconciler.core.guards.renaming import rename_suspected
from identity_reconciler.core.guards.verdicts import MOST_SHOWN, Objection, Standing, Verdict

__all__ = [
    "GUARDS",
    "PROPOSED",
    "Evidence",
    "Removal",
    "Standing",
    "Verdict",
    "check_plan",
    "gather",
]

Guard = Callable[[Evidence, GuardSettings], Objection | None]

GUARDS: Mapping[GuardId, Guard] = {
    GuardId.EMPTY_DESIRED: empty_desired,
    GuardId.EMPTY_LIVE: empty_live,
    **BUDGETS,
    GuardId.WIPE: wipe,
    GuardId.PROTECTED: protected,
    GuardId.MIN_MEMBERS: min_members,
    GuardId.PINNED_MEMBERS: pinned_members,
    GuardId.LOCKOUT_SELF: lockout_self,
    GuardId.PRIVILEGED: privileged,
    GuardId.RENAME_SUSPECTED: rename_suspected,
}

PROPOSED = timedelta(days=7)
"""How long the approval to paste holds: long enough for a review, and not for a habit."""


def check_plan(
    evidence: Evidence,
    settings: GuardSettings,
    approvals: Iterable[Approval],
    as_of: datetime,
) -> tuple[Verdict, ...]:
    """Return one verdict per guard, in the order of `GuardId`.

    A plan without changes passes every guard. *as_of* is the instant at which the plan was made:
    only approvals that hold then count.
    """
    entries = tuple(approvals)
    return tuple(_verdict(guard, evidence, settings, entries, as_of) for guard in GuardId)


def _verdict(
    guard: GuardId,
    evidence: Evidence,
    settings: GuardSettings,
    approvals: tuple[Approval, ...],
    as_of: datetime,
) -> Verdict:
    objection = GUARDS[guard](evidence, settings) if evidence.plan else None
    if objection is None:
        return Verdict(guard, Standing.PASSED)
    used = covering(guard, objection.concerned, approvals, as_of)
    return Verdict(
        guard,
        Standing.APPROVED if used else Standing.BLOCKED,
        objection.found,
        objection.expected,
        objection.concerned[:MOST_SHOWN],
        len(objection.concerned),
        used or _to_paste(guard, objection, as_of),
    )


def _to_paste(guard: GuardId, objection: Objection, as_of: datetime) -> tuple[Approval, ...]:
    """Return the narrowest entries that would let *guard* pass, their reasons left to people."""
    today = as_of.astimezone(UTC).date()
    until = today + PROPOSED
    concerned = objection.concerned
    distinct = len(set(concerned)) == len(concerned)
    if distinct and not objection.by_count and len(concerned) <= MOST_SHOWN:
        return (Approval(guard, today, until, "", addresses=concerned),)
    return tuple(
        Approval(guard, today, until, "", kind=kind, count=number)
        for kind, number in Counter(map(kind_of, concerned)).items()
    )
