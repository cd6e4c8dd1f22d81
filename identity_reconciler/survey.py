"""Read the part of the live state that a declaration needs for its plan, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from identity_reconciler.comparison import compare
from identity_reconciler.declared import (
    Declared,
    DeclaredApplication,
    ManageLinks,
    ManageObjects,
    Presence,
)
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.plan import Plan
from identity_reconciler.resolution import resolve
from identity_reconciler.scope import departing_principals, ignores
from identity_reconciler.state import (
    ApplicationArn,
    Group,
    GroupKey,
    Principal,
    State,
    UserKey,
    group_key,
)


def read_live(declared: Declared, gateway: Gateway, as_of: datetime) -> State:
    """Return the live state that `compare` needs for *declared*.

    All users, groups and applications; the members of every group whose memberships are managed
    or that may be deleted; the assignments of every declared application; and, only when users
    or groups are to be deleted, everything else that hangs on them.

    Raises:
        IncompleteReadError: Part of it could not be read.
        InvalidInputError: *declared* cannot be bound to what is live.
    """
    live = gateway.read_state(wanted(declared))
    resolution = resolve(declared, live, as_of)
    leavers = departing_principals(resolution.live, resolution.scope)
    if not leavers:
        return live
    hanging = gateway.read_state(Wanted(principals=tuple(sorted(leavers))))
    return replace(
        live,
        members=_united(live.members, hanging.members),
        assignments=_united(live.assignments, hanging.assignments),
    )


def plan_against(declared: Declared, gateway: Gateway, as_of: datetime) -> tuple[Plan, State]:
    """Return the plan for *declared* against what is live now, and the live state it was made on.

    Raises:
        IncompleteReadError: Part of the live state could not be read; there is no plan.
        InvalidInputError: *declared* cannot be bound to what is live.
    """
    live = read_live(declared, gateway, as_of)
    return compare(declared, live, as_of), live


def wanted(declared: Declared) -> Wanted:
    """Return what the first read for *declared* asks for."""
    applications = _managed_applications(declared)
    return Wanted(
        users=True,
        groups=True,
        applications=bool(applications),
        members_of=_group_filter(declared),
        assignments_of=lambda application: any(
            entry.selector.matches(application)
            for label in (application.name, application.arn)
            for entry in applications.get(label, ())
        ),
    )


def _managed_applications(declared: Declared) -> Mapping[str, list[DeclaredApplication]]:
    """Return the entries whose assignments are managed, by the ARN or else name they select."""
    found: dict[str, list[DeclaredApplication]] = {}
    if declared.settings.assignments is not ManageLinks.OFF:
        for entry in declared.applications:
            if entry.managed:
                label = entry.selector.arn or entry.selector.name or ""
                found.setdefault(label, []).append(entry)
    return found


def _group_filter(declared: Declared) -> Callable[[Group], bool]:
    """Return whether to read the members of a live group: it is managed, or may be deleted."""
    settings = declared.settings
    listed: set[GroupKey] = set()
    known: set[GroupKey] = set()
    for entry in declared.groups:
        names = (entry.group.name, *entry.previous_names)
        known.update(map(group_key, names))
        managed = entry.members is not None and settings.memberships is not ManageLinks.OFF
        if managed or entry.presence is Presence.ABSENT:
            listed.update(map(group_key, names))

    def chosen(group: Group) -> bool:
        key = group_key(group.name)
        if settings.groups is not ManageObjects.AUTHORITATIVE or key in known:
            return key in listed
        return not group.foreign and not ignores(settings.ignore.groups, group.name)

    return chosen


_Owner = TypeVar("_Owner", GroupKey, ApplicationArn)
_Link = TypeVar("_Link", UserKey, Principal)


def _united(
    one: Mapping[_Owner, frozenset[_Link]], other: Mapping[_Owner, frozenset[_Link]]
) -> Mapping[_Owner, frozenset[_Link]]:
    """Return both, the sets of the same owner joined."""
    return {**one, **{key: one.get(key, frozenset()) | links for key, links in other.items()}}
