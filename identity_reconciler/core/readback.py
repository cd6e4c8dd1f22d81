"""Judge, from what is live, whether a change has happened. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from enum import StrEnum
from typing import assert_never

from identity_reconciler.core.plan import Change, Create, Delete, Rename, Update
from identity_reconciler.core.planner import settled
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Key,
    Membership,
    Resource,
    State,
    User,
    folded,
    group_key,
    user_key,
)


class WriteState(StrEnum):
    """How the live state stands to a change."""

    DONE = "done"
    NOT_DONE = "not done"
    """What is live is what the change starts from."""
    OTHERWISE = "otherwise"
    """What is live is neither what the change starts from nor what it leads to."""


def concerned(change: Change) -> tuple[Resource, ...]:
    """Return what to read to judge *change*."""
    match change:
        case Create():
            return (change.after,)
        case Rename():
            return (change.before, change.after)
        case Update() | Delete():
            return (change.before,)
        case _:
            assert_never(change)


def compare_with_live(change: Change, live: State) -> tuple[WriteState, str]:
    """Return how *live* stands to *change* and, for OTHERWISE, the difference in words.

    *live* holds at least what `concerned` names, as far as that is live.
    """
    match change:
        case Create():
            return _created(change, live_counterpart(change.after, live))
        case Update() | Rename():
            return _updated(change, live)
        case Delete():
            return _deleted(change, live_counterpart(change.before, live))
        case _:
            assert_never(change)


def gets_a_taken_name(change: Change, live: State, given: Collection[Key]) -> bool:
    """Return whether something else has the name that *change*, which is not done, gives.

    *given* are the keys of what its plan creates or renames. Where its old name is not among them,
    whatever has that name still is what was to be renamed, as it was or not.
    """
    if not isinstance(change, Rename) or change.before.key == change.after.key:
        return False
    former = live_counterpart(change.before, live)
    is_same = former == change.before or change.before.key not in given
    return former is not None and is_same and live_counterpart(change.after, live) is not None


def live_counterpart(resource: Resource, live: State) -> Resource | None:
    """Return the live counterpart of *resource*, or None."""
    match resource:
        case User():
            return live.users.get(user_key(resource.user_name))
        case Group():
            return live.groups.get(group_key(resource.name))
        case Membership():
            members = live.members.get(group_key(resource.group), frozenset())
            return resource if user_key(resource.user) in members else None
        case Assignment():
            assigned = live.assignments.get(resource.application, frozenset())
            return resource if resource.principal in assigned else None
        case _:
            assert_never(resource)


def _created(change: Create, found: Resource | None) -> tuple[WriteState, str]:
    if found is None:
        return WriteState.NOT_DONE, ""
    if isinstance(found, User | Group) and isinstance(change.after, User | Group):
        if found.foreign:
            owned = "it is live and owned by an external identity provider; declare it as external"
            return WriteState.OTHERWISE, owned
        wanted = settled(change.after, found)
        if wanted != found:
            return WriteState.OTHERWISE, f"it is live already, but {_difference(found, wanted)}"
    return WriteState.DONE, ""


def _updated(change: Update | Rename, live: State) -> tuple[WriteState, str]:
    after, before = live_counterpart(change.after, live), live_counterpart(change.before, live)
    changed = _differing(change.before, change.after)
    if isinstance(after, User | Group) and _agree(after, change.after, changed):
        return WriteState.DONE, ""
    if not isinstance(before, User | Group):
        return WriteState.OTHERWISE, "it is no longer live"
    if _agree(before, change.before, changed):
        return WriteState.NOT_DONE, ""
    difference = _difference(before, change.before)
    return WriteState.OTHERWISE, f"it has changed since it was read: {difference}"


def _deleted(change: Delete, found: Resource | None) -> tuple[WriteState, str]:
    if found is None:
        return WriteState.DONE, ""
    before = change.before
    if isinstance(found, User | Group) and isinstance(before, User | Group) and found != before:
        difference = _difference(found, before)
        return WriteState.OTHERWISE, f"it has changed since it was read: {difference}"
    return WriteState.NOT_DONE, ""


def _agree(found: User | Group, wanted: User | Group, names: list[str]) -> bool:
    return all(_is_same(name, getattr(found, name), getattr(wanted, name)) for name in names)


def _is_same(field: str, found: object, wanted: object) -> bool:
    """Return whether a field has the value wanted; a manager is somebody, however spelled."""
    if field == "manager" and isinstance(found, str) and isinstance(wanted, str):
        return folded(found) == folded(wanted)
    return found == wanted


def _differing(one: User | Group, other: User | Group) -> list[str]:
    """Return the names of the fields in which *one* and *other* differ."""
    return [
        part.name
        for part in fields(one)
        if part.compare and getattr(one, part.name) != getattr(other, part.name)
    ]


def _difference(found: User | Group, wanted: User | Group) -> str:
    """Return in words how *found* is not *wanted*."""
    return ", ".join(
        f"{name} is {getattr(found, name)!r} and not {getattr(wanted, name)!r}"
        for name in _differing(found, wanted)
    )
