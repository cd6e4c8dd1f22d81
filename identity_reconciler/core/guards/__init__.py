"""Guards: pure functions that refuse a plan which looks like an accident.

Each takes the same two arguments, so a new one is a function and a line in `GUARDS`. All of them
judge the complete plan. Removing more never turns a refusal into a pass, except that of
`pinned_members` when what is removed is a stranger in a pinned group, and those of policies, which
judge what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from identity_reconciler.core.approvals import Approval, covering, kind_of
from identity_reconciler.core.control import under_new_names
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.guard_settings import GuardId, GuardSettings
from identity_reconciler.core.guards.amounts import BUDGETS, empty_desired, empty_live, wipe
from identity_reconciler.core.guards.evidence import Evidence, Removal, gather
from identity_reconciler.core.guards.leftover import leftover_accounts
from identity_reconciler.core.guards.lockout import lockout_self
from identity_reconciler.core.guards.members import members_where, min_members, pinned_members
from identity_reconciler.core.guards.names import privileged, protected
from identity_reconciler.core.guards.policies import (
    email_domains,
    max_duration,
    max_members,
    min_owners,
    must_expire,
    no_direct_assignments,
    reason_pattern,
    separation_of_duties,
)
from identity_reconciler.core.guards.renaming import rename_suspected
from identity_reconciler.core.guards.repositories import repository_claimed
from identity_reconciler.core.guards.reviews import review_overdue
from identity_reconciler.core.guards.verdicts import MOST_SHOWN, Objection, Standing, Verdict
from identity_reconciler.core.state import group_key, user_key

__all__ = [
    "GUARDS",
    "PROPOSED",
    "Evidence",
    "Removal",
    "Standing",
    "Verdict",
    "check_plan",
    "check_since",
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
    GuardId.MEMBERS_WHERE: members_where,
    GuardId.LOCKOUT_SELF: lockout_self,
    GuardId.PRIVILEGED: privileged,
    GuardId.RENAME_SUSPECTED: rename_suspected,
    GuardId.LEFTOVER_ACCOUNTS: leftover_accounts,
    GuardId.REVIEW_OVERDUE: review_overdue,
    GuardId.REPOSITORY_CLAIMED: repository_claimed,
    GuardId.SEPARATION_OF_DUTIES: separation_of_duties,
    GuardId.MAX_MEMBERS: max_members,
    GuardId.NO_DIRECT_ASSIGNMENTS: no_direct_assignments,
    GuardId.EMAIL_DOMAINS: email_domains,
    GuardId.MIN_OWNERS: min_owners,
    GuardId.MAX_DURATION: max_duration,
    GuardId.MUST_EXPIRE: must_expire,
    GuardId.REASON_PATTERN: reason_pattern,
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


def check_since(
    base: Declared, evidence: Evidence, declared: Declared, as_of: datetime
) -> tuple[Verdict, ...]:
    """Return the verdicts by the settings of *declared*, and what those of *base* add to them.

    A change that loosens a guard does not use that by itself: what its base refuses is refused.
    The approvals are those of *declared*, for both. Groups and users whose members are counted
    are known to the base by their names of before the renames.
    """
    renames = evidence.renames
    settings = under_new_names(
        base.settings.guards,
        user=lambda name: renames.user(user_key(name)),
        group=lambda name: renames.group(group_key(name)),
    )
    own = check_plan(evidence, declared.settings.guards, declared.approvals, as_of)
    others = check_plan(evidence, settings, declared.approvals, as_of)
    told = {one.guard: one for one in own}
    added = (
        replace(one, by_base=True)
        for one in others
        if one.standing is not Standing.PASSED and not _same_case(one, told[one.guard])
    )
    return (*own, *added)


def _same_case(one: Verdict, other: Verdict) -> bool:
    """Return whether two verdicts of one guard object to the same, with the same result."""
    return (one.standing, one.addresses, one.count) == (
        other.standing,
        other.addresses,
        other.count,
    )


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
        () if used else objection.remedies,
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
