"""Guards for what is named in the settings: protected and privileged names. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from identity_reconciler.core.guard_settings import GuardSettings, PrivilegedNames, ProtectedNames
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Change, Create, Delete, Rename
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    User,
    group_key,
)


def protected(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to delete or rename what is protected by name, and to unassign from it."""
    concerned = sorted(
        evidence.address(resource)
        for resource in map(_removed, evidence.plan.changes)
        if resource is not None and _is_protected(resource, settings.protected, evidence)
    )
    if not concerned:
        return None
    return Objection(
        f"{len(concerned)} protected by name would be removed or renamed",
        "no removal and no rename of what `protected` matches",
        tuple(concerned),
    )


def _removed(change: Change) -> Resource | None:
    """Return what no longer exists under its name after *change*."""
    match change:
        case Delete(before=resource):
            return resource
        case Rename(before=resource):
            return resource
        case _:
            return None


def _is_protected(resource: Resource, names: ProtectedNames, evidence: Evidence) -> bool:
    match resource:
        case User(user_name=name):
            return matches_any(names.users, name)
        case Group(name=name):
            return matches_any(names.groups, name)
        case Assignment(application=arn):
            return _matches(names.applications, arn, evidence)
        case Membership():
            return False


def _matches(patterns: tuple[str, ...], arn: ApplicationArn, evidence: Evidence) -> bool:
    application = evidence.live.applications.get(arn)
    by_name = application is not None and matches_any(patterns, application.name)
    return by_name or matches_any(patterns, arn)


def privileged(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to let anybody into a privileged group or application.

    Also by detours: into a group that is assigned to a privileged application before or after
    the plan, and by renaming a group to a privileged name.
    """
    concerned = sorted(
        evidence.address(resource)
        for resource in _entering(evidence, settings.privileged, _ways_in(evidence, settings))
    )
    if not concerned:
        return None
    return Objection(
        f"{len(concerned)} would give privileged access",
        "nobody new in what `privileged` matches, nor in a group assigned to it",
        tuple(concerned),
    )


def _ways_in(evidence: Evidence, settings: GuardSettings) -> frozenset[GroupKey]:
    """Return the groups, by new key, that are assigned to a privileged application."""
    patterns = settings.privileged.applications
    if not patterns:
        return frozenset()
    found: set[Principal] = set()
    for state in (evidence.live, evidence.after):
        for arn, principals in state.assignments.items():
            if _matches(patterns, arn, evidence):
                found.update(map(evidence.renames.principal, principals))
    return frozenset(
        GroupKey(one.name) for one in found if one.kind is PrincipalKind.GROUP and not one.orphan
    )


def _entering(
    evidence: Evidence, names: PrivilegedNames, ways_in: frozenset[GroupKey]
) -> Iterator[Resource]:
    for change in evidence.plan.changes:
        match change:
            case Create(after=Membership(group=name) as link):
                if matches_any(names.groups, name) or group_key(name) in ways_in:
                    yield link
            case Create(after=Assignment(application=arn) as link):
                if _matches(names.applications, arn, evidence):
                    yield link
            case Rename(before=Group(name=old), after=Group(name=new) as group):
                if matches_any(names.groups, new) and not matches_any(names.groups, old):
                    yield group
            case _:
                pass
