"""What two declarations differ in besides their settings, where the second holds less. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from identity_reconciler.core.access_reviews import reviewers
from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.control.loosening import Aspect, Loosening
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    ManageLinks,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import Application, folded
from identity_reconciler.errors import Position

Entry = DeclaredUser | DeclaredGroup
_Entry = TypeVar("_Entry", DeclaredUser, DeclaredGroup)


UNREADABLE = Loosening(
    Aspect.GUARDED,
    "the desired state of the base has problems: nothing is known of its guards, and they judge "
    "nothing; mend the base first",
    Position("instance.yaml", 1, 1),
    at_base=True,
)
"""Stands for all that could not be compared."""


def dropped_instance(base: Declared) -> Loosening:
    """Return that the instance of *base* is not declared any more."""
    instance = base.settings.instance
    said = (
        f"instance {instance.name} ({instance.identity_store_id}) is not declared any more: "
        "nothing here manages it"
    )
    position = base.settings.places.get(("instance",), Position("instance.yaml", 1, 1))
    return Loosening(Aspect.MANAGED, said, position, at_base=True)


def loosened_approvals(base: Declared, now: Declared) -> Iterator[Loosening]:
    """Yield the approvals of *now* that *base* does not have just so, in the order of the file."""
    before = set(base.approvals)
    for one in now.approvals:
        if one not in before:
            yield Loosening(Aspect.APPROVED, _approved(one), one.position, addresses=one.addresses)


def _approved(approval: Approval) -> str:
    what = (
        f"up to {approval.count} of kind {approval.kind}"
        if approval.kind is not None
        else f"{len(approval.addresses)} named"
    )
    whose = f", by {approval.approved_by}" if approval.approved_by else ""
    until = f"through {approval.expires}{whose}"
    return f"new approval of {approval.guard} for {what}, {until}: {approval.reason}"


def loosened_objects(
    base: Declared, now: Declared, applications: Sequence[Application]
) -> tuple[Loosening, ...]:
    """Return the objects and lists that *base* manages and *now* does not.

    Those that the guards of *base* name come first, then the others; both by position.
    """
    guards = base.settings.guards
    found = (
        *_users(base, now, guards),
        *_groups(base, now, guards),
        *_applications(base, now, applications),
    )
    order = sorted(found, key=lambda one: (not one[0], one[1].at_base, one[1].position))
    return tuple(loosening for _, loosening in order)


_Found = tuple[bool, Loosening]
"""Whether a guard of the base names it, and what is loosened."""


def _users(base: Declared, now: Declared, guards: GuardSettings) -> Iterator[_Found]:
    modes = base.settings.users, now.settings.users
    pinned = {folded(name) for one in guards.pinned_members for name in one.users}
    patterns = (*guards.protected.users, *guards.administrators)
    for old, new in _pairs(base.users, now.users):
        told = _object(old, new, modes)
        if told is not None:
            yield matches_any(patterns, old.name) or folded(old.name) in pinned, told


def _groups(base: Declared, now: Declared, guards: GuardSettings) -> Iterator[_Found]:
    modes = base.settings.groups, now.settings.groups
    counted = {folded(one.group) for one in guards.min_members}
    counted |= {folded(one.group) for one in guards.pinned_members}
    patterns = (*guards.protected.groups, *guards.privileged.groups)
    lists = ManageLinks.OFF not in {base.settings.memberships, now.settings.memberships}
    for old, new in _pairs(base.groups, now.groups):
        told = _object(old, new, modes)
        if lists and new is not None and _drops_members(old, new):
            said = f"{_called(new)} has no key `members` any more: who is in it is not managed"
            told = Loosening(Aspect.MANAGED, said, new.position)
        named = matches_any(patterns, old.name) or folded(old.name) in counted
        if told is not None:
            yield named, told
        if new is not None:
            yield from ((named, one) for one in _reviews(_called(new), old, new, now))
        if new is not None and matches_any(guards.privileged.groups, old.name):
            yield from ((named, one) for one in _owners(_called(new), old, new, now))


def _drops_members(old: DeclaredGroup, new: DeclaredGroup) -> bool:
    both = old.presence is new.presence is Presence.PRESENT
    return both and old.is_managed and not new.is_managed


def _pairs(base: Iterable[_Entry], now: Iterable[_Entry]) -> Iterator[tuple[_Entry, _Entry | None]]:
    """Yield each entry of *base* with what has become of it, also under a new name."""
    entries: dict[str, _Entry] = {}
    for one in now:
        entries |= {folded(name): one for name in one.previous_names}
    entries |= {folded(one.name): one for one in now}
    for old in base:
        yield old, entries.get(folded(old.name))


def _object(
    old: Entry, new: Entry | None, modes: tuple[ManageObjects, ManageObjects]
) -> Loosening | None:
    """Return how *new* holds less tightly than *old*, apart from its members.

    Where the mode is `reference`, before or now, no object is managed by its entry, and the mode
    is told.
    """
    if ManageObjects.REFERENCE in modes or old.presence is Presence.EXTERNAL:
        return None
    if new is None:
        if old.presence is Presence.ABSENT or modes[1] is ManageObjects.AUTHORITATIVE:
            return None
        said = f"{_called(old)} is not declared any more: nothing here manages it"
        return Loosening(Aspect.MANAGED, said, old.position, at_base=True)
    if new.presence is Presence.EXTERNAL:
        was = " was to be deleted, and" if old.presence is Presence.ABSENT else ""
        said = f"{_called(new)}{was} is external now: it is only referred to, and not managed"
        return Loosening(Aspect.MANAGED, said, new.position)
    return None


def _called(entry: Entry) -> str:
    return f"{entry.kind}/{entry.name}"


def _applications(base: Declared, now: Declared, live: Sequence[Application]) -> Iterator[_Found]:
    if ManageLinks.OFF in {base.settings.assignments, now.settings.assignments}:
        return
    guards = base.settings.guards
    patterns = (*guards.protected.applications, *guards.privileged.applications)
    entries = {one.selector: one for one in now.applications}
    for old in base.applications:
        new = entries.get(old.selector) or _same(old, now.applications, live)
        names = tuple(filter(None, (old.selector.name, old.selector.arn)))
        named = any(matches_any(patterns, name) for name in names)
        yield from ((named, one) for one in _application(old, new))
        if new is not None:
            called = f"application {new.selector}"
            yield from ((named, one) for one in _reviews(called, old, new, now))
        privileged = guards.privileged.applications
        if new is not None and any(matches_any(privileged, name) for name in names):
            called = f"application {new.selector}"
            yield from ((named, one) for one in _owners(called, old, new, now))


def _application(old: DeclaredApplication, new: DeclaredApplication | None) -> Iterator[Loosening]:
    if new is None:
        if old.managed or old.assignment_required:
            said = f"application {old.selector} is not declared any more: nothing here manages it"
            yield Loosening(Aspect.MANAGED, said, old.position, at_base=True)
        return
    if old.managed and not new.managed:
        said = f"application {new.selector} has no key `assignments` any more: who is assigned"
        yield Loosening(Aspect.MANAGED, f"{said} is not managed", new.position)
    if old.assignment_required and not new.assignment_required:
        said = (
            f"application {new.selector} has no `assignment_required: true` any more: that only "
            "who is assigned gets in is not checked"
        )
        yield Loosening(Aspect.MANAGED, said, new.position)


def _owners(
    called: str,
    old: DeclaredGroup | DeclaredApplication,
    new: DeclaredGroup | DeclaredApplication,
    now: Declared,
) -> Iterator[Loosening]:
    """Yield the owners of *old* whom *new* does not have, be it under their new names."""
    if isinstance(new, DeclaredGroup) and new.presence is Presence.ABSENT:
        return
    for one in _missing(old.owners, new.owners, now):
        said = f"{called} has no owner {one} any more: it answered for what is privileged"
        yield Loosening(Aspect.MANAGED, said, one.position, at_base=True)


def _missing(
    before: Iterable[DeclaredOwner], after: Iterable[DeclaredOwner], now: Declared
) -> Iterator[DeclaredOwner]:
    """Yield those of *before* who are not in *after*, be it under the names that *now* gives."""
    entries: tuple[Entry, ...] = (*now.users, *now.groups)
    former = {(one.kind, folded(name)): one.name for one in entries for name in one.previous_names}
    kept = {(str(one.kind), folded(one.name)) for one in after}
    for one in before:
        key = (str(one.kind), folded(one.name))
        renamed = (str(one.kind), folded(former.get(key, one.name)))
        if not kept & {key, renamed}:
            yield one


def _reviews(
    called: str,
    old: DeclaredGroup | DeclaredApplication,
    new: DeclaredGroup | DeclaredApplication,
    now: Declared,
) -> Iterator[Loosening]:
    """Yield how *new* is looked at less than *old*, or by others, or as if never before."""
    if old.review is None or (isinstance(new, DeclaredGroup) and new.presence is Presence.ABSENT):
        return
    if new.review is None:
        said = f"{called} is not reviewed any more: it was, every {old.review.every}"
        yield Loosening(Aspect.GUARDED, said, old.review.position, at_base=True)
        return
    if new.review.every.is_longer_than(old.review.every):
        said = f"{called} is reviewed every {new.review.every}, was every {old.review.every}"
        yield Loosening(Aspect.GUARDED, f"{said}: later, that is", new.review.position)
    asked = reviewers(new)
    for one in _missing(reviewers(old), asked, now):
        others = ", ".join(map(str, asked)) or "nobody"
        said = f"{called} is not reviewed by {one} any more: {others} will be asked"
        yield Loosening(Aspect.GUARDED, said, one.position, at_base=True)
    if old.reviewed is not None and new.reviewed is None:
        said = f"{called} does not say any more when it was reviewed: no review is overdue"
        yield Loosening(Aspect.GUARDED, said, old.reviewed.position, at_base=True)


def _same(
    old: DeclaredApplication, now: Iterable[DeclaredApplication], live: Sequence[Application]
) -> DeclaredApplication | None:
    """Return the entry that selects the same live application as *old* in other words."""
    meant = [one for one in live if old.selector.matches(one)]
    return next((one for one in now if any(map(one.selector.matches, meant))), None)
