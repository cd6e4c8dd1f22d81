"""What the renderers say in the same words: counts, and what there is to tell about a change.

How a name or a value is shown is theirs: each passes its own `Marks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from identity_reconciler.core.access import Route
from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import Group, User, name_of
from identity_reconciler.render.document import (
    ChangeDocument,
    DocumentKind,
    GuardDocument,
    LiveDocument,
    LooseningDocument,
    OverdueDocument,
    PassingDocument,
    PlanDocument,
    PositionDocument,
    StartingDocument,
)
from identity_reconciler.render.folding import FoldedChange
from identity_reconciler.render.people import THROUGH, AccessTarget, Party

PLURALS: dict[DocumentKind, str] = {
    "user": "users",
    "group": "groups",
    "membership": "memberships",
    "assignment": "assignments",
}

GUARDED = "Touches what is guarded"
"""Over the changes that are shown first and cut last."""
BESIDES = " besides"
"""After the titles of the others, when there are such or those of AWS services."""
OWNED = "Removed from what AWS services own"
"""Over the removals of assignments that such a service may have made."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How a renderer shows what others have chosen; both keep it on one line and inert."""

    name: Callable[[str], str]
    """Shows an address, a name or a file."""
    value: Callable[[str], str]
    """Shows the value of an attribute, with its ends visible."""
    most: int
    """Names that are listed at most at one place; the others are counted."""


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
    if not plan.source.is_partial:
        return "No changes. What is live is what is declared."
    return "No changes to what was looked at."


def looked_at(plan: PlanDocument, *, since: str) -> str | None:
    """Return what was looked at where that is not everything; *since* is how the revision reads."""
    source = plan.source
    if source.only_ids is None:
        return None if source.changed_since is None else f"what the change since {since} touches"
    what = f"what {number(len(source.only_ids), 'identifier names', 'identifiers name')}"
    if not source.gone_ids:
        return what
    gone = number(len(source.gone_ids), "of them names", "of them name")
    return f"{what} ({gone} nothing that is live, so what that was is not known)"


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
    if access_note(plan) is not None:
        bounds.append("as far as it was read")
    elif not plan.access_complete:
        bounds.append("as far as declared groups tell")
    return ", ".join(bounds)


def subject(entry: FoldedChange, marks: Marks) -> str:
    """Return the address, with a rename the old name before it; of several links how many."""
    change, owner = entry.first, entry.owner
    if owner is not None:
        return f"{len(entry.names)} {owner.words} {marks.name(owner.name)}"
    if change.action == "rename" and isinstance(change.before, User | Group):
        old = name_of(change.before)
        new = change.address.partition("/")[2]
        return f"{marks.name(f'{change.kind}/{old}')} -> {marks.name(new)}"
    return marks.name(change.address)


def named(names: Sequence[str], marks: Marks, count: int | None = None) -> str:
    """Return the first of *names*, and how many more of *count* (all of them) there are."""
    shown = ", ".join(map(marks.name, names[: marks.most]))
    more = (len(names) if count is None else count) - min(len(names), marks.most)
    return f"{shown} and {more} more" if more else shown


def details(entry: FoldedChange, marks: Marks) -> Iterator[str]:
    """Yield what there is to tell about *entry* besides its subject and where it is declared."""
    yield from reasons(entry, marks)
    yield from _details(entry.first, marks)
    memberships = entry.memberships_along + len(entry.first.cascaded)
    if memberships:
        yield _along(memberships, "membership")
    if entry.taken_along:
        yield f"{_along(len(entry.taken_along), 'assignment')}: {named(entry.taken_along, marks)}"
    if entry.trace:
        yield f"last changed by {marks.name(entry.trace)}"


def reasons(entry: FoldedChange, marks: Marks) -> Iterator[str]:
    """Yield what tells the links of *entry* apart, and why they are removed."""
    reason, owner = entry.first.reason, entry.first.owned_by
    if entry.names:
        yield named(entry.names, marks)
    if reason:
        yield reason if reason in set(Reason) else marks.name(reason)
    if owner is not None:
        yield f"owned by {marks.name(owner)}, whose console may have assigned it"


def _details(change: ChangeDocument, marks: Marks) -> Iterator[str]:
    for one in change.differences:
        if change.action != "rename" or one.field not in {"name", "user_name"}:
            before, after = _value(one.before, marks), _value(one.after, marks)
            yield f"{marks.name(one.field)}: {before} -> {after}"
    if change.via:
        yield came(change.via, marks)
    if change.action == "create" and change.starts:
        yield f"started {instant(change.starts)}"
    if change.reason == Reason.UNLISTED and change.starts:
        yield f"starts {instant(change.starts)}"
    if change.action == "create" and change.expires:
        yield f"until {instant(change.expires)}"
    if change.note:
        yield f"reason: {marks.name(change.note)}"


def came(way: tuple[str, ...], marks: Marks) -> str:
    """Return by which groups and rule somebody comes into a list that does not name them."""
    return f"via {' > '.join(map(marks.name, way))}"


def _along(count: int, kind: DocumentKind) -> str:
    return f"{number(count, kind, PLURALS[kind])} {'goes' if count == 1 else 'go'} with it"


def _value(value: str | None, marks: Marks) -> str:
    return "(none)" if value is None else marks.value(value)


_VERBS = {"create": "created", "update": "updated", "rename": "renamed", "delete": "removed"}


def in_words(plan: PlanDocument) -> str:
    """Return how many resources of each kind change, without zeros."""
    return ", ".join(
        f"{number(amount, kind, plural)} {_VERBS[action]}"
        for kind, plural in PLURALS.items()
        for action, amount in plan.counts[kind]
        if amount
    )


def live_in_words(live: LiveDocument) -> str:
    """Return how much was read, without zeros."""
    counts: dict[DocumentKind, int] = {
        "user": live.users,
        "group": live.groups,
        "membership": live.memberships,
        "assignment": live.assignments,
    }
    told = (number(count, kind, PLURALS[kind]) for kind, count in counts.items() if count)
    return ", ".join(told) or "nothing"


def access_note(plan: PlanDocument) -> str | None:
    """Return what is to be said first about access to AWS accounts; not yet made safe."""
    if plan.account_access_note is None and plan.account_access_read == "off":
        return "access to AWS accounts was not read (account_access: off), and is not told"
    return plan.account_access_note


def period(one: StartingDocument) -> str:
    """Return from when until when what is yet to start holds."""
    until = f", until {instant(one.expires)}" if one.expires else ""
    return f"starts {instant(one.starts)}{until}"


IN_PASSING = "no order of these changes avoids it"
"""Why somebody is told to be without access, or to have too much, while they are made."""


def overdue(one: OverdueDocument) -> str:
    """Return what should have been reviewed, since when, by whom, and what ends; not made safe."""
    ends = f"; who is listed loses it after {one.ends_after}" if one.ends_after else ""
    return f"{one.address}, since {one.since}: asked of {', '.join(one.asked)}{ends}"


def passing(one: PassingDocument, marks: Marks) -> str:
    """Return who is without what, or has too much, and for how long."""
    what = f"{marks.name(one.target)}{f' in {marks.name(one.account)}' if one.account else ''}"
    is_one = one.people == 1
    if one.apart_from:
        both = f"both {what} and {marks.name(one.apart_from)}"
        told = f"{'has' if is_one else 'have'} {both}, which are kept apart,"
    elif one.effect == "without":
        told = f"{'is' if is_one else 'are'} without {what}"
    else:
        told = f"{'has' if is_one else 'have'} {what}, and neither before nor after,"
    requests = number(one.requests, "request", "requests")
    return f"{named(one.listed, marks, one.people)} {told} for up to {requests}"


def applying(plan: PlanDocument) -> str | None:
    """Return what is to be said first where an apply was under way; not yet made safe."""
    if plan.generation is None or plan.generation.applying is None:
        return None
    return (
        f"an apply was under way as this was read ({plan.generation.applying}): once it has "
        "written anything, this plan cannot be applied any more"
    )


def is_special(change: ChangeDocument) -> bool:
    """Return whether *change* is shown before all others, by itself, and never cut."""
    return bool(change.guarded) or change.owned_by is not None


def special(changes: Sequence[ChangeDocument]) -> Iterator[tuple[str, list[ChangeDocument]]]:
    """Yield those of *changes* that are special, under their titles."""
    found = [change for change in changes if is_special(change)]
    for title, guarded in ((GUARDED, True), (OWNED, False)):
        listed = [change for change in found if bool(change.guarded) is guarded]
        if listed:
            yield title, listed


def happens(party: Party, nothing: str, marks: Marks) -> str:
    """Return, after the names of *party*, which groups they leave and join.

    *nothing* is the verb for those of whom no access changes; empty: nobody knows that.
    """
    end = "s" if len(party.people) == 1 else ""
    told = []
    if party.left:
        told.append(f"leave{end} {named(party.left, marks)}")
    if party.joined:
        told.append(f"join{end} {named(party.joined, marks)}")
    if nothing and not party.targets:
        told.append(f"{nothing}{end} no access")
    return f": {'; '.join(told)}" if told else ""


def gained_by(target: AccessTarget, people: int) -> str:
    """Return the verb for what happens with *target* to so many *people*."""
    return target.effect if people == 1 else target.effect.removesuffix("s")


def target_name(target: AccessTarget, marks: Marks) -> str:
    """Return what is gained or lost, and in which account where it is in one."""
    where = f" in {marks.name(target.account)}" if target.account else ""
    return f"{marks.name(target.name)}{where}"


def by_which_way(target: AccessTarget, marks: Marks) -> str:
    """Return what `how` does, in parentheses after a space."""
    way = how(target, marks)
    return f" ({way})" if way else ""


def how(target: AccessTarget, marks: Marks) -> str:
    """Return by which paths; empty when they are not those of all."""
    was = "was " if target.effect == "loses" and target.paths else ""
    return f"{was}{', '.join(_path(path, marks, target.ways.get(path)) for path in target.paths)}"


def _path(path: str, marks: Marks, way: tuple[str, ...] | None) -> str:
    if path.startswith(THROUGH):
        via = f" {came(way, marks)}" if way else ""
        return f"{THROUGH}{marks.name(path.removeprefix(THROUGH))}{via}"
    return path if path in {Route.DIRECT, Route.EVERYONE} else marks.name(path)


def unresolved(plan: PlanDocument) -> str:
    """Return how much of *plan* is unresolved, as the beginning of a sentence."""
    return number(len(plan.unresolved), "reference is unresolved", "references are unresolved")


def place(entry: FoldedChange) -> str:
    """Return file and lines of the declaration, not yet made safe; empty where there is none."""
    return span_of_lines(*entry.place) if entry.place else ""


def span_of_lines(position: PositionDocument, last: int) -> str:
    """Return file and line of *position*, and the last line where it is a later one."""
    return f"{source(position)}-{last}" if last > position.line else source(position)


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
