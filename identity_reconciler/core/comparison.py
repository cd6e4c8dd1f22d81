"""From a declaration and a live state to a plan, in one call. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from identity_reconciler.core.declared import Declared
from identity_reconciler.core.plan import Change, Delete, Origin, Plan, Reason
from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.resolution import Resolution, resolve
from identity_reconciler.core.scope import Scope, narrow, withheld
from identity_reconciler.core.state import GroupKey, Key, State, UserKey


def compare(declared: Declared, live: State, as_of: datetime) -> Plan:
    """Return the plan that makes *live* what *declared* says at *as_of*.

    *live* holds all users, groups and applications, and the links that a plan for *declared*
    needs; see `survey.read_live`.

    Raises:
        InvalidInputError: *declared* cannot be bound to *live*; see `resolution.resolve`.
    """
    return compare_closely(declared, live, as_of).plan


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan, and what it was made from; `guards.gather` wants both."""

    plan: Plan
    scope: Scope
    managed: State
    """The part of the live state that the scope manages; see `scope.narrow`."""


def compare_closely(declared: Declared, live: State, as_of: datetime) -> Comparison:
    """Return the plan of `compare` together with what it was made from.

    Raises:
        InvalidInputError: *declared* cannot be bound to *live*; see `resolution.resolve`.
    """
    resolution = resolve(declared, live, as_of)
    narrowed = narrow(resolution.live, resolution.scope)
    plan = build_plan(resolution.desired, narrowed, resolution.live)
    names = _names_to_be(resolution.live)
    changes = tuple(_with_reason(change, resolution, names) for change in plan.changes)
    origins = {change.key: _origin(change, resolution, names) for change in changes}
    plan = replace(
        plan,
        changes=changes,
        withheld=withheld(resolution.live, narrowed, resolution.scope),
        origins={key: origin for key, origin in origins.items() if origin is not None},
    )
    return Comparison(plan, resolution.scope, narrowed)


def _names_to_be(live: State) -> Mapping[Key, str]:
    """Return the new name of every user and group that is to be renamed, folded."""
    users = {user.key: str(key) for key, user in live.users.items() if user.key[1] != key}
    return users | {group.key: key for key, group in live.groups.items() if group.key[1] != key}


def _declared_key(key: Key, names: Mapping[Key, str]) -> Key:
    """Return *key* as the declaration knows it: under names that are yet to be given."""
    match key:
        case ("membership", group, user):
            return (
                "membership",
                names.get(("group", group), group),
                names.get(("user", user), user),
            )
        case ("assignment", arn, kind, name):
            return ("assignment", arn, kind, names.get((kind, name), name))
        case _:
            return key


def _with_reason(change: Change, resolution: Resolution, names: Mapping[Key, str]) -> Change:
    match change:
        case Delete(reason=Reason.UNLISTED):
            expired = _declared_key(change.key, names) in resolution.expired
            return replace(change, reason=Reason.EXPIRED) if expired else change
        case Delete() if _is_absent(change, resolution):
            return replace(change, reason=Reason.ABSENT)
        case _:
            return change


def _origin(change: Change, resolution: Resolution, names: Mapping[Key, str]) -> Origin | None:
    """Return where *change* is declared; for a link that is not listed, where the list stands."""
    key = _declared_key(change.key, names)
    origins = resolution.origins
    if key in origins or not isinstance(change, Delete):
        return origins.get(key)
    match key:
        case ("assignment", _, kind, name) if change.reason is Reason.PRINCIPAL_DELETED:
            return origins.get((kind, name))
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
