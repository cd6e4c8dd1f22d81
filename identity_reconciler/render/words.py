"""What the renderers say in the same words: counts, and what there is to tell about a change.

How a name or a value is shown is theirs: each passes its own `Marks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import Group, User
from identity_reconciler.render.document import (
    AccessDocument,
    ChangeDocument,
    DocumentKind,
    GuardDocument,
    LooseningDocument,
    PlanDocument,
    PositionDocument,
    UnresolvedDocument,
)

PLURALS: dict[DocumentKind, str] = {
    "user": "users",
    "group": "groups",
    "membership": "memberships",
    "assignment": "assignments",
}

GUARDED = "Touches what is guarded"
"""Over the changes that are shown first and cut last."""
BESIDES = " besides"
"""After the titles of the others, when there are such."""
THROUGH = "through "
"""Begins a path of access that leads through a group."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How a renderer shows what others have chosen; both keep it on one line and inert."""

    name: Callable[[str], str]
    """Shows an address, a name or a file."""
    value: Callable[[str], str]
    """Shows the value of an attribute, with its ends visible."""


def number(count: int, singular: str, plural: str) -> str:
    """Return *count* with the noun that fits it."""
    return f"{count} {singular if count == 1 else plural}"


def instant(moment: datetime) -> str:
    """Return *moment* in UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def nothing_to_do(plan: PlanDocument) -> str:
    """Return what there is to say when *plan* has no changes."""
    if plan.unresolved:
        return "No changes to what could be resolved."
    if plan.source.changed_since is None:
        return "No changes. What is live is what is declared."
    return "No changes to what was looked at."


def blocked(plan: PlanDocument) -> tuple[GuardDocument, ...]:
    """Return the guards that refuse *plan*."""
    return tuple(one for one in plan.guards if one.standing == "blocked")


def loosened(plan: PlanDocument) -> tuple[LooseningDocument, ...]:
    """Return what is guarded, managed, ignored or approved more loosely than at the base."""
    return plan.control.loosened if plan.control else ()


def loosened_count(plan: PlanDocument) -> str:
    """Return in how many points control is loosened, in words."""
    return number(len(loosened(plan)), "point", "points")


def base_of(plan: PlanDocument) -> str:
    """Return the revision of the base, not yet made safe."""
    return (plan.control.base if plan.control else None) or "the base"


def source(position: PositionDocument) -> str:
    """Return file and line of *position*, not yet made safe."""
    return f"{position.file}:{position.line}"


WAY_OUT = "merge the change of the settings by itself first, then this one"
"""What to do about a plan that only the guards of the base refuse."""


def access_bounds(plan: PlanDocument) -> str:
    """Return what access is told of, where that is more or less than what the plan changes."""
    bounds = []
    if any(change.pending for change in plan.changes):
        bounds.append("with what is pending already")
    if not plan.access_complete:
        bounds.append("as far as declared groups tell")
    return ", ".join(bounds)


def together(access: AccessDocument) -> dict[tuple[str, ...], list[str]]:
    """Return the people listed in *access* by how they have it, in their order."""
    people: dict[tuple[str, ...], list[str]] = {}
    for person in access.listed:
        people.setdefault(person.paths, []).append(person.user)
    return people


def reading_order(change: ChangeDocument) -> tuple[int, str, str]:
    """People look things up by kind and name; the apply has an order of its own."""
    return list(PLURALS).index(change.kind), change.address.casefold(), change.address


def subject(change: ChangeDocument, marks: Marks) -> str:
    """Return the address, and with a rename the old name before it."""
    if change.action == "rename" and isinstance(change.before, User | Group):
        old = _name(change.before)
        new = change.address.partition("/")[2]
        return f"{marks.name(f'{change.kind}/{old}')} -> {marks.name(new)}"
    return marks.name(change.address)


def _name(resource: User | Group) -> str:
    return resource.user_name if isinstance(resource, User) else resource.name


def details(change: ChangeDocument, marks: Marks) -> Iterator[str]:
    """Yield what there is to tell about *change* besides its subject and where it is declared."""
    if change.reason:
        yield change.reason if change.reason in set(Reason) else marks.name(change.reason)
    for one in change.differences:
        if change.action != "rename" or one.field not in {"name", "user_name"}:
            before, after = _value(one.before, marks), _value(one.after, marks)
            yield f"{marks.name(one.field)}: {before} -> {after}"
    if change.action == "create" and change.expires:
        yield f"until {instant(change.expires)}"
    if change.note:
        yield f"reason: {marks.name(change.note)}"
    if change.cascaded:
        many = len(change.cascaded)
        yield "1 membership goes with it" if many == 1 else f"{many} memberships go with it"
    if change.last_changed:
        yield f"last changed by {marks.name(change.last_changed)}"


def _value(value: str | None, marks: Marks) -> str:
    return "(none)" if value is None else marks.value(value)


def unresolved(plan: PlanDocument) -> str:
    """Return how much of *plan* is unresolved, as the beginning of a sentence."""
    return number(len(plan.unresolved), "reference is unresolved", "references are unresolved")


def place(change: ChangeDocument | UnresolvedDocument) -> str:
    """Return file and line of the declaration, not yet made safe; empty where there is none."""
    return source(change.source) if change.source else ""


def withheld(plan: PlanDocument) -> Iterator[tuple[str, str]]:
    """Yield, by reason, what is held back, as counts in words, and the reason as it stands."""
    counted = Counter((one.reason, one.kind) for one in plan.withheld)
    for reason in sorted({reason for reason, _ in counted}):
        kinds = [
            number(counted[reason, kind], kind, plural)
            for kind, plural in PLURALS.items()
            if counted[reason, kind]
        ]
        yield " and ".join(kinds), reason
