"""The guard for what another repository owns: none undoes what another one does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.ownership import Claims
from identity_reconciler.core.plan import Delete, Rename, subject_of
from identity_reconciler.core.scope import claimants_of, matches_any
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Key,
    Membership,
    Resource,
    User,
    folded,
)
from identity_reconciler.errors import Position


def repository_claimed(evidence: Evidence, _settings: GuardSettings) -> Objection | None:
    """Refuse changes of what other repositories own as well, by what their leases say."""
    found = list(_touched(evidence))
    if not found:
        return None
    owned = ", ".join(sorted({told for _, told in found}))
    return Objection(
        f"{len(found)} would change what other repositories own: {owned}",
        "one owner for each: take it out of one repository, and let the other's repository.owns "
        "have it and this one's ignore",
        tuple(sorted(address for address, _ in found)),
    )


def _touched(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield the address of each change, and whose what it changes is."""
    mine = evidence.declaration.settings.claims
    gone = {one.before.key for one in evidence.plan.changes if isinstance(one, Delete)}
    for change in evidence.plan.changes:
        resource = subject_of(change)
        if _goes_along(resource, gone):
            continue
        before = [change.before] if isinstance(change, Rename) else []
        for kind, name in dict.fromkeys(_owned(evidence, one) for one in (resource, *before)):
            for repository in claimants_of(evidence.others, kind, name):
                yield evidence.address(resource), f"{kind}/{name}, of {repository}"
            # Of one that is declared by its ARN, the files do not tell the name.
            if mine is not None and not matches_any(mine.owns.of(kind), name):
                yield evidence.address(resource), f"{kind}/{name}, not of this one"


def _goes_along(resource: Resource, gone: AbstractSet[Key]) -> bool:
    """Return whether *resource* is a link of a user or group that is *gone*, whoever owns both."""
    match resource:
        case Membership(user=user):
            return ("user", folded(user)) in gone
        case Assignment(principal=principal):
            return (str(principal.kind), folded(principal.name)) in gone
        case _:
            return False


def _owned(evidence: Evidence, resource: Resource) -> tuple[str, str]:
    """Return kind and name of what somebody owns of whom *resource* is a part."""
    match resource:
        case User(user_name=name):
            return "user", name
        case Group(name=name) | Membership(group=name):
            return "group", name
        case Assignment(application=arn):
            found = evidence.live.applications.get(arn)
            return "application", found.name if found is not None else str(arn)


def declared_twice(
    declared: Declared, others: Mapping[str, Claims]
) -> Iterator[tuple[str, str, Position]]:
    """Yield the address of what *declared* manages and *others* own, whose it is, and its place.

    Applications that are declared by their ARNs are left out: their names are not known here.
    """
    settings = declared.settings
    kinds: tuple[tuple[str, ManageObjects, Iterable[DeclaredUser | DeclaredGroup]], ...] = (
        ("user", settings.users, declared.users),
        ("group", settings.groups, declared.groups),
    )
    named = [
        (kind, one.name, one.position)
        for kind, manage, entries in kinds
        if manage is not ManageObjects.REFERENCE
        for one in entries
        if one.presence is not Presence.EXTERNAL
    ]
    named += [
        ("application", one.selector.name, one.position)
        for one in declared.applications
        if one.selector.name is not None and one.managed
    ]
    for kind, name, position in named:
        for repository in claimants_of(others, kind, name):
            yield f"{kind}/{name}", repository, position
