"""Guards for what is named in the settings: protected and privileged names. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from identity_reconciler.core.guard_settings import GuardSettings, ProtectedNames
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.identities import (
    Privileged,
    is_application,
    taken_over,
)
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Change, Create, Delete, Rename
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Membership,
    Resource,
    User,
    group_key,
)


def protected(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to delete or rename what is protected by name, and to unassign anybody from it."""
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
        case Assignment(application=arn, principal=principal):
            return not principal.orphan and is_application(names.applications, arn, evidence)
        case Membership():
            return False


def privileged(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to let anybody into a privileged group, application or AWS account.

    Also by detours: into a group that is assigned to a privileged application before or after
    the plan, or has privileged access to an AWS account; by renaming a group to a privileged name
    or away from one; and by the user name or e-mail address of somebody who is in there, of an
    administrator, or of a protected user.
    """
    concerned = sorted(map(evidence.address, _entering(evidence, settings)))
    if not concerned:
        return None
    return Objection(
        f"{len(concerned)} would give privileged access, or a way to it",
        "nobody new in what `privileged` matches, and its people, administrators and protected "
        "users with the names and addresses they have",
        tuple(concerned),
    )


def _entering(evidence: Evidence, settings: GuardSettings) -> Iterator[Resource]:
    names, privileged = settings.privileged, Privileged.of(evidence, settings)
    for change in evidence.plan.changes:
        match change:
            case Create(after=Membership(group=name) as link):
                if group_key(name) in privileged.groups:
                    yield link
            case Create(after=Assignment(application=arn) as link):
                if is_application(names.applications, arn, evidence):
                    yield link
            case Rename(before=Group(name=old), after=Group(name=new) as group):
                if matches_any(names.groups, new) is not matches_any(names.groups, old):
                    yield group
            case _:
                pass
    yield from taken_over(evidence, settings, privileged)
