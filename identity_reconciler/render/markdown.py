"""A plan as Markdown, for the comment on a pull request and the summary of a CI job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from identity_reconciler.render.document import (
    Action,
    ChangeDocument,
    GuardDocument,
    LooseningDocument,
    PlanDocument,
    PositionDocument,
    UnresolvedDocument,
)
from identity_reconciler.render.fitting import Section, SizeLimit, characters, fit, octets
from identity_reconciler.render.folding import FoldedChange, single, together
from identity_reconciler.render.links import NOWHERE, Lines
from identity_reconciler.render.mermaid import access_picture
from identity_reconciler.render.people import (
    AccessTarget,
    Crowd,
    Party,
    count_of,
    lost_and_gained,
    people_of,
)
from identity_reconciler.render.planfile import plan_digest
from identity_reconciler.render.spans import (
    LONGEST_WORDS,
    fence,
    linked,
    long_span,
    marker,
    name_span,
    value_span,
)
from identity_reconciler.render.words import (
    BESIDES,
    GUARDED,
    IN_PASSING,
    OWNED,
    PLURALS,
    WAY_OUT,
    Marks,
    access_bounds,
    access_note,
    applying,
    base_of,
    blocked,
    by_which_way,
    details,
    gained_by,
    happens,
    in_words,
    instant,
    is_special,
    looked_at,
    loosened_count,
    named,
    nothing_to_do,
    number,
    overdue,
    passing,
    period,
    source,
    span_of_lines,
    special,
    subject,
    target_name,
    unresolved,
)

COMMENT = SizeLimit(60_000, characters)
"""For a comment: GitHub takes 65,536 characters."""
SUMMARY = SizeLimit(900 * 1024, octets)
"""For a step summary: GitHub takes one MiB."""
_MARKS = Marks(name=name_span, value=value_span, most=50)
_PEOPLE = Marks(name=name_span, value=value_span, most=10)
_MOST_TARGETS = 20
"""Lines about what the same people gain or lose; the others are counted."""
_MOST_LINKED = 200
"""Changes of a plan whose lines are linked: links take much of what fits into a comment."""
_ALL_REFUSALS = 36_000
"""Characters of what all guards find, expect and name together, so that all of them fit, and what
is guarded beside them."""
_REST_OF_GUARDED = (
    "- **and {} more that touch what is guarded: read the full plan, which is in the artifact, "
    "before you approve**"
)
_REST_OF_OWNED = (
    "- **and {} more that a service may have made: read the full plan, which is in the artifact, "
    "before you approve**"
)
_REST_OF_PEOPLE = "- and {} more people; the full plan is in the artifact"
_MOST_LOOSENED = 200
"""Points in which control is loosened; the others are counted, and leave room for the plan."""
_MOST_APPROVED = 50
"""Addresses named per new approval; the others are counted."""
_LONGEST_APPROVAL = 5_000
"""Characters of what is to be pasted; a longer one is in the text of the plan."""
(
    _GUARDS,
    _CONTROL,
    _GUARDED,
    _RESEMBLANCES,
    _APPROVALS,
    _UNRESOLVED,
    _OVERDUE,
    _REMOVALS,
    _ACCESS,
    _PASSING,
    _EXPIRING,
    _STARTING,
    _WITHHELD,
    _PICTURE,
    _RENAMES,
    _UPDATES,
    _CREATIONS,
) = range(17)
"""Ranks: creations are cut first, guards last."""
_CHANGES: tuple[tuple[Action, str, int, str], ...] = (
    ("delete", "Removals", _REMOVALS, "What is live and will be deleted, and why."),
    ("rename", "Renames", _RENAMES, "Renamed in place: members and assignments stay."),
    ("update", "Updates", _UPDATES, "Attributes that change."),
    ("create", "Creations", _CREATIONS, "What does not exist yet."),
)


def plan_markdown(plan: PlanDocument, budget: SizeLimit = COMMENT, lines: Lines = NOWHERE) -> str:
    """Return *plan* as Markdown within *budget*: control and verdict first, what matters most next.

    What is declared is linked to where *lines* have it, if there is room for that.

    The first line is hidden and tells whose plan it is. When it is too long, creations are cut
    first, then updates, renames, and the lists of withheld and of access; then removals. Verdict
    and counts are always whole, and what is cut is counted. What touches what is guarded comes
    before all other changes, and gives way to nothing but the guards.
    """
    places = _Places(plan, lines if len(plan.changes) <= _MOST_LINKED else NOWHERE)
    parts: list[str | Section] = [
        f"{marker(plan.instance.name)}\n{_title(plan)}",
        *_control(plan, places),
        _verdict(plan),
        *_guards(plan),
        *_overdue(plan, places),
        *_unresolved(plan, places),
        *_resemblances(plan),
        *_access(plan),
        *_changes(plan, places),
        *_withheld(plan),
        *_in_passing(plan),
        *_expiring(plan, places),
        *_starting(plan, places),
        _footer(plan),
    ]
    return fit(parts, budget)


@dataclass(frozen=True, slots=True)
class _Places:
    """How the lines of the desired state of a plan are shown."""

    plan: PlanDocument
    lines: Lines

    def at(self, position: PositionDocument, last: int = 0) -> str:
        """Return file and lines, as a link where it is known where to."""
        page = self.lines.page(self.plan.source, position, last)
        return linked(name_span(span_of_lines(position, last)), page)


def _title(plan: PlanDocument) -> str:
    changes = number(len(plan.changes), "change", "changes")
    where = " in the embedded sandbox, not AWS" if plan.live.sandbox else ""
    return f"## Plan for {name_span(plan.instance.name)}{where}: {changes}"


def _control(plan: PlanDocument, places: _Places) -> Iterator[Section]:
    control = plan.control
    if control is None:
        return
    if control.loosened:
        head = (
            f"### Control: {loosened_count(plan)} looser than at {name_span(base_of(plan))}\n\n"
            "What this change leaves less guarded or managed than it was, or approves anew."
        )
        entries = (_loosened(one, plan, places) for one in control.loosened[:_MOST_LOOSENED])
        yield Section(_CONTROL, head, entries, len(control.loosened))
    if control.unmatched:
        head = f"### Control without effect ({len(control.unmatched)})"
        without = (
            f"- {long_span(one.text)} ({places.at(one.source)})" for one in control.unmatched
        )
        yield Section(_CONTROL, head, without, len(control.unmatched))


def _loosened(one: LooseningDocument, plan: PlanDocument, places: _Places) -> str:
    # Where it stood at the base, nothing stands in the commit that was planned.
    where = name_span(source(one.source)) if one.at_base else places.at(one.source)
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
    note = access_note(plan)
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
    only = looked_at(plan, since=name_span(plan.source.changed_since or ""))
    if only is not None:
        told += f" Only {only} was looked at; drift elsewhere was not."
    under_way = applying(plan)
    if under_way is not None:
        told += f" **Lock:** {long_span(under_way)}."
    if note is not None:
        told += f" **Access to accounts is not told whole:** {long_span(note)}."
    return f"{told}\n\n{_counts(plan)}" if plan.changes else told


def _passed(plan: PlanDocument) -> str:
    """Return what to say where no guard refuses the plan."""
    if plan.source.is_partial:
        return "**No guard has judged this plan**, which is only a part."
    if any(one.standing == "approved" for one in plan.guards):
        return "**No guard refuses this plan, but only because of approvals.**"
    return "**No guard refuses this plan.**"


def _counts(plan: PlanDocument) -> str:
    return f"Plan: {in_words(plan)}. Access: **{lost_and_gained(plan)}**, per person."


def _guards(plan: PlanDocument) -> Iterator[Section]:
    refusing = blocked(plan)
    if refusing:
        head = f"### Blocked by {number(len(refusing), 'guard', 'guards')}"
        longest = min(LONGEST_WORDS, _ALL_REFUSALS // (3 * len(refusing)))
        entries = [_blocked(guard, base_of(plan), longest) for guard in refusing]
        yield Section(_GUARDS, head, entries, len(refusing))
    commands = [line for guard in refusing for line in guard.remedies]
    text = "\n".join(fence(commands, "sh")) if commands else ""
    if text and len(text) <= _LONGEST_APPROVAL:
        head = "These commands take away what is in the way:"
        yield Section(_APPROVALS, head, [text], 1)
    to_paste = _to_paste(refusing)
    if to_paste:
        head = "If this is right, give the reasons and have this merged into `approvals.yaml`:"
        yield Section(_APPROVALS, head, to_paste, len(to_paste))
    approved = [one for one in plan.guards if one.standing == "approved"]
    if approved:
        head = "### Approved exceptions\n\nThese guards would refuse the plan without an approval."
        entries = [_approved(guard, base_of(plan)) for guard in approved]
        yield Section(_GUARDS, head, entries, len(approved))


def _blocked(guard: GuardDocument, base: str, longest: int) -> str:
    """Return what *guard* refuses, each of three parts of it in *longest* characters at most."""
    lines = [
        f"- {_guard(guard, base)}",
        f"  - found: {long_span(guard.found, longest)}",
        f"  - expected: {long_span(guard.expected, longest)}",
    ]
    if guard.addresses:
        shown = _within(map(name_span, guard.addresses), longest)
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


def _to_paste(refusing: Sequence[GuardDocument]) -> list[str]:
    """Return one fence with the approvals, or one each where together they are too long.

    What is too long by itself to be read in a comment is left out.
    """
    every = [one.approval for one in refusing if one.approval]
    whole = "\n".join(fence([line for lines in every for line in lines], "yaml")) if every else ""
    if len(whole) <= _LONGEST_APPROVAL:
        return [whole] if whole else []
    fences = ("\n".join(fence(lines, "yaml")) for lines in every)
    return [text for text in fences if len(text) <= _LONGEST_APPROVAL]


def _approved(guard: GuardDocument, base: str) -> str:
    found, expected = long_span(guard.found), long_span(guard.expected)
    return f"- {_guard(guard, base)}: {found}; without approval: {expected}"


def _overdue(plan: PlanDocument, places: _Places) -> Iterator[Section]:
    if plan.overdue:
        head = f"### Reviews overdue ({len(plan.overdue)})"
        entries = (f"- {long_span(overdue(one))} ({places.at(one.source)})" for one in plan.overdue)
        yield Section(_OVERDUE, head, entries, len(plan.overdue))


def _unresolved(plan: PlanDocument, places: _Places) -> Iterator[Section]:
    if plan.unresolved:
        head = (
            f"### Unresolved ({len(plan.unresolved)})\n\nWhat cannot be bound to what is live now. "
            "It is left as it is, with all that needs it; `apply` does the rest and ends with 7."
        )
        entries = [unresolved_line(one, plan, places.lines) for one in plan.unresolved]
        yield Section(_UNRESOLVED, head, entries, len(plan.unresolved))


def unresolved_line(one: UnresolvedDocument, plan: PlanDocument, lines: Lines = NOWHERE) -> str:
    """Return the item of a list that tells what is unresolved, and where it stands."""
    where = f" ({_Places(plan, lines).at(one.source)})" if one.source else ""
    return f"- {long_span(one.message)}{where}"


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
    people = people_of(plan)
    bounds = access_bounds(plan)
    told = f" Told {bounds}." if bounds else ""
    for title, meaning, parties, verb in (
        ("Joins", "Who is created, and what they get.", people.joins, "gain"),
        ("Moves", "Who stays, and loses or gains access.", people.moves, ""),
        ("Leaves", "Who is deleted, and what they lose.", people.leaves, "lose"),
    ):
        if parties:
            count = count_of(parties)
            yield Section(
                _ACCESS,
                f"### {title} ({count})\n\n{meaning}{told}",
                (_party(party, verb if people.named else "") for party in parties),
                count,
                _REST_OF_PEOPLE,
                weights=[len(party.people) for party in parties],
            )
    if people.crowds:
        head = (
            f"### Through groups and applications ({len(people.crowds)})\n\n"
            f"What all those in a group gain or lose, and what too many do to be named.{told}"
        )
        yield Section(_ACCESS, head, map(_crowd, people.crowds), len(people.crowds))
    picture = access_picture(plan)
    if picture:
        yield Section(_PICTURE, "", ["\n".join(fence(picture, "mermaid"))], 1, rest="")


def _party(party: Party, nothing: str) -> str:
    """Return who it is, and below what they gain or lose, by the same paths in one line."""
    lines = [f"- {named(party.people, _PEOPLE)}{happens(party, nothing, _PEOPLE)}"]
    ways: dict[tuple[bool, bool, tuple[str, ...]], list[AccessTarget]] = {}
    for target in party.targets:
        key = (target.effect == "gains", not target.account, target.paths)
        ways.setdefault(key, []).append(target)
    for targets in [*ways.values()][:_MOST_TARGETS]:
        shown = ", ".join(target_name(one, _PEOPLE) for one in targets[:_MOST_TARGETS])
        more = len(targets) - _MOST_TARGETS
        rest = f" and {more} more" if more > 0 else ""
        verb = gained_by(targets[0], len(party.people))
        lines.append(f"  - {verb} {shown}{rest}{by_which_way(targets[0], _PEOPLE)}")
    if len(ways) > _MOST_TARGETS:
        lines.append(f"  - and {len(ways) - _MOST_TARGETS} more")
    return "\n".join(lines)


def _crowd(crowd: Crowd) -> str:
    target = crowd.target
    return (
        f"- {number(crowd.count, 'person', 'people')} {gained_by(target, crowd.count)} "
        f"{target_name(target, _PEOPLE)}{by_which_way(target, _PEOPLE)}: "
        f"{named(crowd.people, _PEOPLE, crowd.count)}"
    )


def _changes(plan: PlanDocument, places: _Places) -> Iterator[Section]:
    """Yield the lists of changes; with a base, those of this pull request apart from the rest."""
    if all(change.pending is None for change in plan.changes):
        yield from _lists(plan.changes, "", places)
        return
    ours = [change for change in plan.changes if not change.pending]
    pending = [change for change in plan.changes if change.pending]
    yield from _lists(ours, " of this pull request", places)
    yield from _lists(pending, " already pending without it", places)


_SPECIAL = {
    GUARDED: ("What the guards' settings name.", _REST_OF_GUARDED),
    OWNED: ("The console of the service may have assigned it.", _REST_OF_OWNED),
}


def _lists(changes: Sequence[ChangeDocument], whose: str, places: _Places) -> Iterator[Section]:
    besides = ""
    for title, found in special(changes):
        meaning, rest = _SPECIAL[title]
        head = f"### {title}{whose} ({len(found)})\n\n{meaning}"
        entries = (f"- {entry.first.action}{_entry(entry, places)[1:]}" for entry in single(found))
        yield Section(_GUARDS, head, entries, len(found), rest=rest)
        besides = BESIDES
    for action, title, rank, meaning in _CHANGES:
        found = [one for one in changes if one.action == action and not is_special(one)]
        if not found:
            continue
        heading = f"{title}{besides}{whose} ({len(found)})"
        head, tail = f"### {heading}\n\n{meaning}", ""
        if action == "create":
            head = f"<details><summary>{heading}</summary>\n\n{meaning}"
            tail = "</details>"
        listed = together(found)
        yield Section(
            rank,
            head,
            (_entry(entry, places) for entry in listed),
            len(found),
            tail=tail,
            weights=[entry.count for entry in listed],
        )


def _entry(entry: FoldedChange, places: _Places) -> str:
    told = "; ".join(details(entry, _MARKS))
    where = f" ({places.at(*entry.place)})" if entry.place else ""
    return f"- {subject(entry, _MARKS)}{': ' if told else ''}{told}{where}"


def _withheld(plan: PlanDocument) -> Iterator[Section]:
    if not plan.withheld:
        return
    counted = Counter(one.kind for one in plan.withheld)
    kinds = (number(counted[kind], kind, PLURALS[kind]) for kind in PLURALS if counted[kind])
    summary = f"Withheld, so not removed: {' and '.join(kinds)}"
    head = f"<details><summary>{summary}</summary>"
    entries = (f"- {name_span(one.address)}: {name_span(one.reason)}" for one in plan.withheld)
    yield Section(_WITHHELD, head, entries, len(plan.withheld), tail="</details>")


def _in_passing(plan: PlanDocument) -> Iterator[Section]:
    if plan.in_passing:
        people = number(sum(one.people for one in plan.in_passing), "person", "people")
        head = f"### In passing ({people})\n\nWhile it is applied; {IN_PASSING}."
        entries = (f"- {passing(one, _PEOPLE)}" for one in plan.in_passing)
        yield Section(_PASSING, head, entries, len(plan.in_passing))


def _expiring(plan: PlanDocument, places: _Places) -> Iterator[Section]:
    if plan.expiring:
        head = f"### Expiring within 14 days ({len(plan.expiring)})"
        entries = (
            f"- {name_span(one.address)}: until {instant(one.expires)} ({places.at(one.source)})"
            for one in plan.expiring
        )
        yield Section(_EXPIRING, head, entries, len(plan.expiring))


def _starting(plan: PlanDocument, places: _Places) -> Iterator[Section]:
    if plan.starting:
        head = f"### Yet to start ({len(plan.starting)})"
        entries = (
            f"- {name_span(one.address)}: {period(one)} ({places.at(one.source)})"
            for one in plan.starting
        )
        yield Section(_STARTING, head, entries, len(plan.starting))


def _footer(plan: PlanDocument) -> str:
    read = "the embedded sandbox" if plan.live.sandbox else "AWS"
    commit = f", commit {name_span(plan.source.commit)}" if plan.source.commit else ""
    return (
        f"Read from {read} at {instant(plan.as_of)}{commit}. "
        f"Valid until {instant(plan.valid_until)}. Digest `{plan_digest(plan)}`."
    )
