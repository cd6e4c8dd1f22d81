"""A plan as Markdown, for the comment on a pull request and the summary of a CI job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from identity_reconciler.core.access import Route
from identity_reconciler.render.document import (
    AccessDocument,
    Action,
    ChangeDocument,
    GuardDocument,
    LooseningDocument,
    PlanDocument,
    UnresolvedDocument,
)
from identity_reconciler.render.fitting import Section, SizeLimit, characters, fit, octets
from identity_reconciler.render.mermaid import access_picture
from identity_reconciler.render.planfile import plan_digest
from identity_reconciler.render.spans import fence, long_span, marker, name_span, value_span
from identity_reconciler.render.words import (
    BESIDES,
    GUARDED,
    PLURALS,
    THROUGH,
    WAY_OUT,
    Marks,
    access_bounds,
    base_of,
    blocked,
    details,
    instant,
    loosened_count,
    nothing_to_do,
    number,
    place,
    reading_order,
    source,
    subject,
    together,
    unresolved,
)

COMMENT = SizeLimit(60_000, characters)
"""For a comment: GitHub takes 65,536 characters."""
SUMMARY = SizeLimit(900 * 1024, octets)
"""For a step summary: GitHub takes one MiB."""
_MARKS = Marks(name=name_span, value=value_span)
_MOST_PEOPLE = 10
"""People named per application; the others are counted."""
_LONGEST_ADDRESSES = 1_500
"""Characters of the addresses named per guard, so that all guards fit; the others are counted."""
_REST_OF_GUARDED = (
    "- **and {} more that touch what is guarded: read the full plan, which is in the artifact, "
    "before you approve**"
)
_MOST_LOOSENED = 200
"""Points in which control is loosened; the others are counted, and leave room for the plan."""
_MOST_APPROVED = 50
"""Addresses named per new approval; the others are counted."""
_LONGEST_APPROVAL = 5_000
"""Characters of an approval to paste; a longer one is in the text of the plan."""
(
    _GUARDS,
    _CONTROL,
    _GUARDED,
    _RESEMBLANCES,
    _APPROVALS,
    _UNRESOLVED,
    _REMOVALS,
    _ACCESS,
    _EXPIRING,
    _WITHHELD,
    _PICTURE,
    _RENAMES,
    _UPDATES,
    _CREATIONS,
) = range(14)
"""Ranks: creations are cut first, guards last."""
_CHANGES: tuple[tuple[Action, str, int, str], ...] = (
    ("delete", "Removals", _REMOVALS, "What is live and will be deleted, and why."),
    ("rename", "Renames", _RENAMES, "Renamed in place: members and assignments stay."),
    ("update", "Updates", _UPDATES, "Attributes that change."),
    ("create", "Creations", _CREATIONS, "What does not exist yet."),
)


def plan_markdown(plan: PlanDocument, budget: SizeLimit = COMMENT) -> str:
    """Return *plan* as Markdown within *budget*: control and verdict first, what matters most next.

    The first line is hidden and tells whose plan it is. When it is too long, creations are cut
    first, then updates, renames, and the lists of withheld and of access; then removals. Verdict
    and counts are always whole, and what is cut is counted. What touches what is guarded comes
    before all other changes, and gives way to nothing but the guards.
    """
    parts: list[str | Section] = [
        f"{marker(plan.instance.name)}\n{_title(plan)}",
        *_control(plan),
        _verdict(plan),
        _counts(plan),
        *_guards(plan),
        *_unresolved(plan),
        *_resemblances(plan),
        *_access(plan),
        *_changes(plan),
        *_withheld(plan),
        *_expiring(plan),
        _footer(plan),
    ]
    return fit(parts, budget)


def _title(plan: PlanDocument) -> str:
    changes = number(len(plan.changes), "change", "changes")
    return f"## Plan for {name_span(plan.instance.name)}: {changes}"


def _control(plan: PlanDocument) -> Iterator[Section]:
    control = plan.control
    if control is None:
        return
    if control.loosened:
        head = (
            f"### Control: {loosened_count(plan)} looser than at {name_span(base_of(plan))}\n\n"
            "What this change leaves less guarded or managed than it was, or approves anew."
        )
        entries = (_loosened(one, plan) for one in control.loosened[:_MOST_LOOSENED])
        yield Section(_CONTROL, head, entries, len(control.loosened))
    if control.unmatched:
        head = f"### Control without effect ({len(control.unmatched)})"
        without = (
            f"- {long_span(one.text)} ({name_span(source(one.source))})"
            for one in control.unmatched
        )
        yield Section(_CONTROL, head, without, len(control.unmatched))


def _loosened(one: LooseningDocument, plan: PlanDocument) -> str:
    where = name_span(source(one.source))
    at = f" at {name_span(base_of(plan))}" if one.at_base else ""
    lines = [f"- {long_span(one.text)} ({where}{at})"]
    shown = one.addresses[:_MOST_APPROVED]
    if shown:
        more = len(one.addresses) - len(shown)
        named = ", ".join(map(name_span, shown))
        rest = f" and {more} more; the full plan is in the artifact" if more else ""
        lines.append(f"  - covers {named}{rest}")
    return "\n".join(lines)


def _verdict(plan: PlanDocument) -> str:
    refusing = len(blocked(plan))
    told = f"{_passed(plan)} Nothing has been changed yet; `apply` makes the changes."
    if refusing:
        what = "1 guard refuses" if refusing == 1 else f"{refusing} guards refuse"
        told = (
            f"**Blocked: {what} this plan.** `apply` will not run it until the desired state is "
            "corrected or an approval for each is merged."
        )
        if any(guard.by_base for guard in blocked(plan)):
            told += f" Where this change loosens what refuses it, {WAY_OUT}."
    elif not plan.changes:
        told = f"**{nothing_to_do(plan)}**"
    if plan.unresolved:
        told += f" **{unresolved(plan)}:** what needs them is left as it is."
    if plan.source.changed_since is not None:
        since = name_span(plan.source.changed_since)
        told += (
            f" Only what the change since {since} touches was looked at; drift elsewhere was not."
        )
    if plan.live.sandbox:
        told += " **Made against the embedded sandbox, not AWS.**"
    return told


def _passed(plan: PlanDocument) -> str:
    """Return what to say where no guard refuses the plan."""
    if plan.source.changed_since is not None:
        return "**No guard has judged this plan**, which is only a part."
    if any(one.standing == "approved" for one in plan.guards):
        return "**No guard refuses this plan, but only because of approvals.**"
    return "**No guard refuses this plan.**"


def _counts(plan: PlanDocument) -> str:
    rows = [
        f"| {PLURALS[kind]} | {count.create} | {count.update} | {count.rename} | {count.delete} |"
        for kind, count in plan.counts.items()
    ]
    head = ("| | created | updated | renamed | removed |", "|---|--:|--:|--:|--:|")
    lost, gained = _people(plan, "loses"), _people(plan, "gains")
    access = f"Access, per person and application: **{lost} lost**, **{gained} gained**."
    return "\n".join((*head, *rows, "", access))


def _people(plan: PlanDocument, effect: str) -> int:
    return sum(access.people for access in plan.access if access.effect == effect)


def _guards(plan: PlanDocument) -> Iterator[Section]:
    refusing = blocked(plan)
    if refusing:
        head = f"### Blocked by {number(len(refusing), 'guard', 'guards')}"
        entries = (_blocked(guard, base_of(plan)) for guard in refusing)
        yield Section(_GUARDS, head, entries, len(refusing))
    to_paste = [entry for entry in map(_to_paste, refusing) if entry]
    if to_paste:
        head = "If this is right, give the reason and have this merged into `approvals.yaml`:"
        yield Section(_APPROVALS, head, to_paste, len(to_paste))
    approved = [one for one in plan.guards if one.standing == "approved"]
    if approved:
        head = "### Approved exceptions\n\nThese guards would refuse the plan without an approval."
        entries = (_approved(guard, base_of(plan)) for guard in approved)
        yield Section(_GUARDS, head, entries, len(approved))


def _blocked(guard: GuardDocument, base: str) -> str:
    lines = [
        f"- {_guard(guard, base)}",
        f"  - found: {long_span(guard.found)}",
        f"  - expected: {long_span(guard.expected)}",
    ]
    if guard.addresses:
        shown = _within(map(name_span, guard.addresses), _LONGEST_ADDRESSES)
        more = guard.count - len(shown)
        named = ", ".join(shown)
        lines.append(f"  - concerns {named}{f' and {more} more' if more > 0 else ''}")
    if guard.by_base:
        lines.append(f"  - this change loosens it: {WAY_OUT}")
    return "\n".join(lines)


def _guard(guard: GuardDocument, base: str) -> str:
    """Return the name of *guard*, and whose settings judge so where they are not those of now."""
    whose = f", as it is set at {name_span(base)}" if guard.by_base else ""
    return f"{name_span(guard.guard)}{whose}"


def _within(texts: Iterable[str], longest: int) -> list[str]:
    """Return the first of *texts*, no more characters together than *longest*."""
    taken: list[str] = []
    for text in texts:
        longest -= len(text)
        if longest < 0:
            break
        taken.append(text)
    return taken


def _to_paste(guard: GuardDocument) -> str:
    """Return a fence with the approval; nothing when it is too long to be read in a comment."""
    text = "\n".join(fence(guard.approval, "yaml")) if guard.approval else ""
    return text if len(text) <= _LONGEST_APPROVAL else ""


def _approved(guard: GuardDocument, base: str) -> str:
    found, expected = long_span(guard.found), long_span(guard.expected)
    return f"- {_guard(guard, base)}: {found}; without approval: {expected}"


def _unresolved(plan: PlanDocument) -> Iterator[Section]:
    if plan.unresolved:
        head = (
            f"### Unresolved ({len(plan.unresolved)})\n\nWhat cannot be bound to what is live now. "
            "It is left as it is, with all that needs it; `apply` does the rest and ends with 7."
        )
        entries = map(unresolved_line, plan.unresolved)
        yield Section(_UNRESOLVED, head, entries, len(plan.unresolved))


def unresolved_line(one: UnresolvedDocument) -> str:
    """Return the item of a list that tells what is unresolved, and where it stands."""
    where = f" ({name_span(place(one))})" if one.source else ""
    return f"- {name_span(one.message)}{where}"


def _resemblances(plan: PlanDocument) -> Iterator[Section]:
    if plan.resemblances:
        head = (
            f"### Look-alikes ({len(plan.resemblances)})\n\nThese names can be mistaken for others."
        )
        entries = (
            f"- {name_span(one.address)} looks like {name_span(one.other)}, "
            f"but has {name_span(one.characters)}"
            for one in plan.resemblances
        )
        yield Section(_RESEMBLANCES, head, entries, len(plan.resemblances))


def _access(plan: PlanDocument) -> Iterator[Section]:
    bounds = access_bounds(plan)
    told = f" Told {bounds}." if bounds else ""
    for effect, title, meaning in (
        ("loses", "Access lost", "Who can open an application now, and cannot afterwards."),
        ("gains", "Access gained", "Who cannot open an application now, and can afterwards."),
    ):
        found = [access for access in plan.access if access.effect == effect]
        if found:
            head = f"### {title} ({_people(plan, effect)})\n\n{meaning}{told}"
            yield Section(
                _ACCESS,
                head,
                map(_application, found),
                len(found),
                "- and {} more applications; the full plan is in the artifact",
            )
    picture = access_picture(plan)
    if picture:
        yield Section(_PICTURE, "", ["\n".join(fence(picture, "mermaid"))], 1, rest="")


def _application(access: AccessDocument) -> str:
    application = name_span(access.application)
    if access.people > _MOST_PEOPLE:
        listed = ", ".join(name_span(one.user) for one in access.listed[:_MOST_PEOPLE])
        more = access.people - min(_MOST_PEOPLE, len(access.listed))
        return f"- {application}: {access.people} people: {listed} and {more} more"
    was = "was " if access.effect == "loses" else ""
    told = (
        f"{', '.join(map(name_span, names))} ({was}{', '.join(map(_path, paths))})"
        for paths, names in together(access).items()
    )
    return f"- {application}: {'; '.join(told)}"


def _path(path: str) -> str:
    if path.startswith(THROUGH):
        return f"{THROUGH}{name_span(path.removeprefix(THROUGH))}"
    return path if path in {Route.DIRECT, Route.EVERYONE} else name_span(path)


def _changes(plan: PlanDocument) -> Iterator[Section]:
    """Yield the lists of changes; with a base, those of this pull request apart from the rest."""
    if all(change.pending is None for change in plan.changes):
        yield from _lists(plan.changes, "")
        return
    ours = [change for change in plan.changes if not change.pending]
    pending = [change for change in plan.changes if change.pending]
    yield from _lists(ours, " of this pull request")
    yield from _lists(pending, " already pending without it")


def _lists(changes: Iterable[ChangeDocument], whose: str) -> Iterator[Section]:
    listed = sorted(changes, key=reading_order)
    guarded = [change for change in listed if change.guarded]
    if guarded:
        head = f"### {GUARDED}{whose} ({len(guarded)})\n\nWhat the guards' settings name."
        entries = (f"- {change.action}{_change(change)[1:]}" for change in guarded)
        yield Section(_GUARDED, head, entries, len(guarded), rest=_REST_OF_GUARDED)
        whose = f"{BESIDES}{whose}"
    for action, title, rank, meaning in _CHANGES:
        found = [change for change in listed if change.action == action and not change.guarded]
        heading = f"{title}{whose} ({len(found)})"
        if not found:
            continue
        if action == "create":
            head = f"<details><summary>{heading}</summary>\n\n{meaning}"
            yield Section(rank, head, map(_change, found), len(found), tail="</details>")
        else:
            yield Section(rank, f"### {heading}\n\n{meaning}", map(_change, found), len(found))


def _change(change: ChangeDocument) -> str:
    told = "; ".join(details(change, _MARKS))
    where = f" ({name_span(place(change))})" if change.source else ""
    return f"- {subject(change, _MARKS)}{': ' if told else ''}{told}{where}"


def _withheld(plan: PlanDocument) -> Iterator[Section]:
    if not plan.withheld:
        return
    counted = Counter(one.kind for one in plan.withheld)
    kinds = (number(counted[kind], kind, PLURALS[kind]) for kind in PLURALS if counted[kind])
    summary = f"Withheld, so not removed: {' and '.join(kinds)}"
    head = f"<details><summary>{summary}</summary>"
    entries = (f"- {name_span(one.address)}: {name_span(one.reason)}" for one in plan.withheld)
    yield Section(_WITHHELD, head, entries, len(plan.withheld), tail="</details>")


def _expiring(plan: PlanDocument) -> Iterator[Section]:
    if plan.expiring:
        head = f"### Expiring within 14 days ({len(plan.expiring)})"
        entries = (
            f"- {name_span(one.address)}: until {instant(one.expires)} "
            f"({name_span(source(one.source))})"
            for one in plan.expiring
        )
        yield Section(_EXPIRING, head, entries, len(plan.expiring))


def _footer(plan: PlanDocument) -> str:
    commit = f", commit {name_span(plan.source.commit)}" if plan.source.commit else ""
    return (
        f"Read from AWS at {instant(plan.as_of)}{commit}. Valid until {instant(plan.valid_until)}. "
        f"Digest `{plan_digest(plan)}`."
    )
