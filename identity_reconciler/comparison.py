"""From a declaration and a live state to a plan, in one call. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from identity_reconciler.declared import Declared
from identity_reconciler.plan import Change, Delete, Plan, Reason
from identity_reconciler.planner import build_plan
from identity_reconciler.resolution import Resolution, resolve
from identity_reconciler.scope import narrow, withheld
from identity_reconciler.state import GroupKey, State, UserKey


def compare(declared: Declared, live: State, as_of: datetime) -> Plan:
    """Return the plan that makes *live* what *declared* says at *as_of*.

    *live* holds all users, groups and applications, and the links that a plan for *declared*
    needs; see `survey.read_live`.

    Raises:
        InvalidInputError: *declared* cannot be bound to *live*; see `resolution.resolve`.
    """
    resolution = resolve(declared, live, as_of)
    narrowed = narrow(resolution.live, resolution.scope)
    plan = build_plan(resolution.desired, narrowed, resolution.live)
    changes = tuple(_with_reason(change, resolution) for change in plan.changes)
    return replace(
        plan,
        changes=changes,
        withheld=withheld(resolution.live, narrowed, resolution.scope),
        origins={
            change.key: resolution.origins[change.key]
            for change in changes
            if change.key in resolution.origins
        },
    )


def _with_reason(change: Change, resolution: Resolution) -> Change:
    match change:
        case Delete(reason=Reason.UNLISTED) if change.key in resolution.expired:
            return replace(change, reason=Reason.EXPIRED)
        case Delete() if _is_absent(change, resolution):
            return replace(change, reason=Reason.ABSENT)
        case _:
            return change


def _is_absent(change: Delete, resolution: Resolution) -> bool:
    kind, *rest = change.key
    scope = resolution.scope
    if kind == "user":
        return UserKey(rest[0]) in scope.absent_users
    return kind == "group" and GroupKey(rest[0]) in scope.absent_groups
