"""From a declaration and a live state to a plan, in one call. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from identity_reconciler.core.declared import Declared
from identity_reconciler.core.plan import Change, Delete, Origin, Plan, Reason
from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.resolution import Resolution, resolve
from identity_reconciler.core.scope import matches_any, narrow, withheld
from identity_reconciler.core.state import Assignment, GroupKey, Key, Membership, State, UserKey
from identity_reconciler.core.taken import refusals


def compare(declared: Declared, live: State, as_of: datetime) -> Plan:
    """Return the plan that makes *live* what *declared* says at *as_of*.

    *live* holds all users, groups and applications, and the links that a plan for *declared*
    needs; see `survey.read_live`.
    """
    return compare_closely(declared, live, as_of).plan


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan, and what it was made from; `guards.gather` wants both."""

    plan: Plan
    resolution: Resolution
    managed: State
    """The part of the live state that the scope manages; see `scope.narrow`."""


def compare_closely(declared: Declared, live: State, as_of: datetime) -> Comparison:
    """Return the plan of `compare` together with what it was made from."""
    return compare_resolved(resolve(declared, live, as_of))


def compare_resolved(resolution: Resolution) -> Comparison:
    """Return the plan for a declaration that is bound to a live state.

    Whoever would get an e-mail address that somebody else keeps is unresolved.
    """
    comparison = _compared(resolution)
    while more := refusals(comparison.plan, resolution.as_read, resolution.original):
        resolution = resolution.refusing(more)
        comparison = _compared(resolution)
    return comparison


def _compared(resolution: Resolution) -> Comparison:
    live, scope = resolution.live, resolution.scope
    narrowed = narrow(live, scope, resolution.departing)
    plan = build_plan(
        resolution.desired,
        narrowed,
        live,
        renames=resolution.renames,
        untouched=_untouched(resolution),
    )
    changes = tuple(_with_reason(change, resolution) for change in plan.changes)
    origins = {change.key: _origin(change, resolution) for change in changes}
    plan = replace(
        plan,
        changes=changes,
        withheld=withheld(live, narrowed, scope),
        unresolved=resolution.unresolved,
        origins={key: origin for key, origin in origins.items() if origin is not None},
    )
    return Comparison(plan, resolution, narrowed)


def _untouched(resolution: Resolution) -> frozenset[GroupKey]:
    """Return the groups of which nothing is written, though somebody who leaves may be in them.

    Of twins nobody knows which one that is.
    """
    if not resolution.departing.users:
        return frozenset()
    live, ignored = resolution.live, resolution.scope.settings.ignore.groups
    kept_off = (
        key
        for key, group in live.groups.items()
        if group.foreign or matches_any(ignored, group.name)
    )
    return frozenset((*kept_off, *(live.members.keys() - live.groups.keys())))


def _declared_key(change: Change, renames: Renames) -> Key:
    """Return the key of *change* as the declaration knows it: under names yet to be given."""
    match change:
        case Delete(before=Membership() | Assignment() as link):
            return renames.link(link).key
        case _:
            return change.key


def _with_reason(change: Change, resolution: Resolution) -> Change:
    match change:
        case Delete(reason=Reason.UNLISTED):
            expired = _declared_key(change, resolution.renames) in resolution.expired
            return replace(change, reason=Reason.EXPIRED) if expired else change
        case Delete() if _is_absent(change, resolution):
            return replace(change, reason=Reason.ABSENT)
        case _:
            return change


def _origin(change: Change, resolution: Resolution) -> Origin | None:
    """Return where *change* is declared; for a link that is not listed, where the list stands."""
    key = _declared_key(change, resolution.renames)
    origins = resolution.origins
    if key in origins or not isinstance(change, Delete):
        return origins.get(key)
    match key:
        case ("assignment", _, kind, name) if change.reason is Reason.PRINCIPAL_DELETED:
            return origins.get((kind, name))
        case ("membership", _, user) if change.reason is Reason.PRINCIPAL_DELETED:
            return origins.get(("user", user))
        case ("assignment", arn, _, _):
            return origins.get(("application", arn))
        case ("membership", group, _):
            return origins.get(("group", group))
        case _:
            return None


def _is_absent(change: Delete, resolution: Resolution) -> bool:
    kind, *rest = change.key
    scope = resolution.scope
    if kind == "user":
        return UserKey(rest[0]) in scope.absent_users
    return kind == "group" and GroupKey(rest[0]) in scope.absent_groups
