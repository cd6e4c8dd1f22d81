"""Declared names that people cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from identity_reconciler.core.declared import (
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.lookalikes import look_alikes, strange
from identity_reconciler.core.wording import shown
from identity_reconciler.errors import Problem

Entry = DeclaredUser | DeclaredGroup


def alike(entries: Iterable[Entry], mode: ManageObjects) -> Iterator[Problem]:
    """Yield the users, or the groups, whose names look like another one's.

    Those to be deleted are on the way out. Two that are both owned elsewhere cannot be renamed
    here; the plan tells of them.
    """
    named = {one.name: one for one in entries if one.presence is not Presence.ABSENT}
    for name, other in look_alikes(named).items():
        both = named[name], named[other]
        if not name.isascii() and any(_is_ours(one, mode) for one in both):
            yield _problem(both[0], name, both[1], other, "rename one of the two")


def _is_ours(entry: Entry, mode: ManageObjects) -> bool:
    return mode is not ManageObjects.REFERENCE and entry.presence is Presence.PRESENT


def alike_applications(applications: Iterable[DeclaredApplication]) -> Iterator[Problem]:
    """Yield the applications whose names look like another one's."""
    named: Mapping[str, DeclaredApplication] = {
        one.selector.name: one for one in applications if one.selector.name
    }
    for name, other in look_alikes(named).items():
        if not name.isascii():
            yield _problem(
                named[name], name, named[other], other, "declare it by its `arn` instead"
            )


def _problem(
    entry: Entry | DeclaredApplication,
    name: str,
    first: Entry | DeclaredApplication,
    other: str,
    advice: str,
) -> Problem:
    kind = "application" if isinstance(entry, DeclaredApplication) else entry.kind
    return Problem(
        entry.position,
        f"{kind} {shown(name)} (with {strange(name)}) looks like {shown(other)} at"
        f" {first.position}, and nobody can tell the two apart; {advice}",
    )
