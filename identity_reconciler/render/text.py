"""A plan as text for a terminal and for a `diff` fence: one symbol in column 1, names, no ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from identity_reconciler.core.plan import Change, subject_of
from identity_reconciler.core.state import address
from identity_reconciler.render.document import (
    Action,
    ChangeDocument,
    GuardDocument,
    PlanDocument,
    action_of,
)
from identity_reconciler.render.escape import quoted, safe, safe_lines
from identity_reconciler.render.folding import FoldedChange, single, together
from identity_reconciler.render.people import (
    AccessTarget,
    Crowd,
    Party,
    count_of,
    lost_and_gained,
    people_of,
)
from identity_reconciler.render.widths import TableRow, hanging, table
from identity_reconciler.render.words import (
    BESIDES,
    IN_PASSING,
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
    how,
    in_words,
    instant,
    is_special,
    live_in_words,
    looked_at,
    loosened,
    loosened_count,
    named,
    nothing_to_do,
    number,
    overdue,
    passing,
    period,
    place,
    source,
    special,
    subject,
    target_name,
    unresolved,
    withheld,
)

SYMBOLS: dict[Action, str] = {"delete": "-", "rename": ">", "update": "!", "create": "+"}
"""In column 1 of each line that changes something; GitHub colours `-`, `!` and `+` in a diff."""
_SECTIONS: tuple[tuple[Action, str], ...] = (
    ("delete", "Removals"),
    ("rename", "Renames"),
    ("update", "Updates"),
    ("create", "Creations"),
)
_MOST_PEOPLE, _MOST_LINKS = 10, 50
"""Names of people to whom the same happens, and of links; the others are counted."""
_MOST_ENTRIES = 200
"""Entries of a list; when there are more, they are counted. Never of what is guarded."""
_MOST_PARTIES, _MOST_TARGETS = 40, 20
"""Entries about people, and what each of them gains or loses."""
_NARROWEST = 40
"""Columns of a line at least: fewer hold no address."""
_NO_LIMIT = 10**9
_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class PageFormat:
    """What the text has to fit."""

    columns: int = 80
    """Of a line, except in what is to be pasted."""
    whole: bool = False
    """Tell each change by itself, and everybody by name, however many there are."""


NARROW = PageFormat()


def plan_text(plan: PlanDocument, page: PageFormat = NARROW) -> str:
    """Return *plan* as text for *page*: what it is for, what matters most first, the sum last."""
    return _Text(plan, page).text()


def result_line(change: Change, outcome: str, detail: str) -> str:
    """Return the line that says what became of *change*, for the log of an apply."""
    touched = subject_of(change)
    ending = f": {safe(detail)}" if detail else ""
    return safe_lines(
        f"{SYMBOLS[action_of(change)]} {outcome:<16}  {safe(address(touched))}{ending}"
    )


class _Text:
    """The text of one plan."""

    def __init__(self, plan: PlanDocument, page: PageFormat) -> None:
        self._plan = plan
        self._columns = max(page.columns, _NARROWEST)
        self._whole = page.whole
        self._marks = Marks(safe, quoted, _NO_LIMIT if page.whole else _MOST_LINKS)
        self._people = Marks(safe, quoted, _NO_LIMIT if page.whole else _MOST_PEOPLE)
        self._base = safe(base_of(plan))

    def text(self) -> str:
        """Return all of it, an empty line between its sections."""
        sections = (
            self._header(),
            self._loosened(),
            self._unmatched(),
            self._blocked(),
            self._approved(),
            self._overdue(),
            self._unresolved(),
            self._resemblances(),
            *self._access(),
            *self._changes(),
            self._withheld(),
            self._in_passing(),
            self._expiring(),
            self._starting(),
            self._footer(),
        )
        told = ("\n".join(lines) for lines in map(list, sections) if lines)
        return safe_lines("\n\n".join(told)) + "\n"

    def _lines(self, start: str, text: str) -> Iterator[str]:
        return hanging(start, text, self._columns)

    def _heading(self, text: str) -> Iterator[str]:
        return self._lines("", text)

    def _header(self) -> Iterator[str]:
        plan, instance, live = self._plan, self._plan.instance, self._plan.live
        where = ", in the embedded sandbox, not AWS" if live.sandbox else ""
        what = f"plan for {safe(instance.name)}{where}"
        yield from self._lines("", f"identity-reconciler {safe(plan.tool_version)}   {what}")
        store = f"{safe(instance.identity_store_id)}  {safe(instance.region)}"
        yield from self._lines("  store   ", f"{store}  account {safe(instance.account_id)}")
        files = number(plan.source.files, "file", "files")
        config = f"{safe(plan.source.digest[:8])} ({files})   as of {instant(plan.as_of)}"
        yield from self._lines("  config  ", config)
        yield from self._lines("  live    ", live_in_words(live))
        requests = number(live.requests, "request", "requests")
        yield from self._lines("  read    ", f"{requests}, {live.seconds:.1f} s")
        under_way = applying(plan)
        if under_way is not None:
            yield from self._lines("  lock    ", safe(under_way))
        note = access_note(plan)
        if note is not None:
            yield from self._lines("  access  ", safe(note))
        only = looked_at(plan, since=safe(plan.source.changed_since or ""))
        if only is not None:
            yield from self._lines("  only    ", f"{only}; drift elsewhere is not looked at")
            yield from self._lines("  guards  ", "have not judged it: they judge whole plans")

    def _loosened(self) -> Iterator[str]:
        found = loosened(self._plan)
        if found:
            yield from self._heading(
                f"Control: {loosened_count(self._plan)} looser than at {self._base}"
            )
        for one in found:
            yield from self._lines("! ", safe(one.text))
            at_base = f" at {self._base}" if one.at_base else ""
            yield from self._lines("    ", f"{safe(source(one.source))}{at_base}")
            if one.addresses:
                yield from self._lines("    ", f"covers {', '.join(map(safe, one.addresses))}")

    def _unmatched(self) -> Iterator[str]:
        found = self._plan.control.unmatched if self._plan.control else ()
        if found:
            yield from self._heading(f"Control without effect ({len(found)})")
        for one in found:
            yield from self._lines("? ", safe(one.text))
            yield from self._lines("    ", safe(source(one.source)))

    def _blocked(self) -> Iterator[str]:
        refusing = blocked(self._plan)
        if refusing:
            yield from self._heading(f"Blocked by {number(len(refusing), 'guard', 'guards')}")
        for guard in refusing:
            yield from self._lines("x ", self._judge(guard))
            yield from self._lines("    found     ", safe(guard.found))
            yield from self._lines("    expected  ", safe(guard.expected))
            if guard.addresses:
                more = guard.count - len(guard.addresses)
                concerned = ", ".join(map(safe, guard.addresses))
                rest = f" and {more} more" if more > 0 else ""
                yield from self._lines("    concerns  ", f"{concerned}{rest}")
            if guard.by_base:
                yield from self._lines("    ", f"this change loosens it: {WAY_OUT}")
        remedies = [line for guard in refusing for line in guard.remedies]
        if remedies:
            yield from self._lines("  ", "these commands take away what is in the way:")
            yield from (f"    {safe(line)}" for line in remedies)
        to_paste = [line for guard in refusing for line in guard.approval]
        if to_paste:
            yield from self._lines(
                "  ", "if this is right, give the reasons and add to approvals.yaml:"
            )
            yield from (f"    {safe(line)}" for line in to_paste)

    def _approved(self) -> Iterator[str]:
        approved = [one for one in self._plan.guards if one.standing == "approved"]
        if approved:
            yield from self._heading(f"Approved exceptions ({len(approved)})")
        for guard in approved:
            found, expected = safe(guard.found), safe(guard.expected)
            told = f"{self._judge(guard)}: {found}; without approval: {expected}"
            yield from self._lines("  ", told)

    def _judge(self, guard: GuardDocument) -> str:
        """Return the name of *guard*, and whose settings it judges by if not by those of now."""
        return f"{safe(guard.guard)}{f', as it is set at {self._base}' if guard.by_base else ''}"

    def _overdue(self) -> Iterator[str]:
        found = self._plan.overdue
        if found:
            yield from self._heading(f"Reviews overdue ({len(found)})")
        for one in found:
            yield from self._lines("? ", safe(overdue(one)))
            yield from self._lines("    ", safe(source(one.source)))

    def _unresolved(self) -> Iterator[str]:
        found = self._plan.unresolved
        if found:
            yield from self._heading(
                f"Unresolved ({len(found)}): left as it is, with all that needs it"
            )
        for one in found:
            yield from self._lines("? ", safe(one.message))
            if one.source:
                yield from self._lines("    ", safe(source(one.source)))

    def _resemblances(self) -> Iterator[str]:
        found = self._plan.resemblances
        if found:
            yield from self._heading(f"Look-alikes ({len(found)})")
        for one in found:
            has = safe(one.characters)
            told = f"{safe(one.address)} looks like {safe(one.other)}, but has {has}"
            yield from self._lines("  ", told)

    def _access(self) -> Iterator[Iterator[str]]:
        """Yield what happens to people, and then what happens to all that are in a group."""
        people = people_of(self._plan)
        if not (people.joins or people.moves or people.leaves or people.crowds):
            return
        counted = lost_and_gained(self._plan)
        bounds = access_bounds(self._plan)
        yield self._lines("", f"Access: {counted}{f'; told {bounds}' if bounds else ''}")
        yield self._parties("Joins", "+", people.joins, "gain" if people.named else "")
        yield self._parties("Moves", "!", people.moves, "")
        yield self._parties("Leaves", "-", people.leaves, "lose" if people.named else "")
        yield self._crowds(people.crowds)

    def _parties(
        self, title: str, symbol: str, parties: tuple[Party, ...], nothing: str
    ) -> Iterator[str]:
        if not parties:
            return
        yield from self._heading(f"{title} ({number(count_of(parties), 'person', 'people')})")
        shown = self._first(parties, _MOST_PARTIES)
        rows: list[TableRow] = []
        for party in shown:
            told = f"{named(party.people, self._people)}{happens(party, nothing, self._people)}"
            rows.append(TableRow(f"{symbol} ", told))
            targets = self._first(party.targets, _MOST_TARGETS)
            rows += (self._target(target, len(party.people)) for target in targets)
            more = len(party.targets) - len(targets)
            if more:
                rows.append(TableRow("    ", f"and {more} more"))
        yield from table(rows, self._columns)
        yield from self._rest(count_of(parties[len(shown) :]), "people")

    def _target(self, target: AccessTarget, people: int) -> TableRow:
        symbol = "-   " if target.effect == "loses" else "+   "
        told = f"{gained_by(target, people)} {target_name(target, self._marks)}"
        return TableRow(symbol, told, (how(target, self._marks),))

    def _crowds(self, crowds: tuple[Crowd, ...]) -> Iterator[str]:
        if not crowds:
            return
        yield from self._heading(f"Through groups and applications ({len(crowds)})")
        shown = self._first(crowds, _MOST_PARTIES)
        for crowd in shown:
            target = crowd.target
            symbol = "- " if target.effect == "loses" else "+ "
            told = (
                f"{number(crowd.count, 'person', 'people')} {gained_by(target, crowd.count)} "
                f"{target_name(target, self._people)}{by_which_way(target, self._people)}: "
                f"{named(crowd.people, self._people, crowd.count)}"
            )
            yield from self._lines(symbol, told)
        yield from self._rest(len(crowds) - len(shown), "entries")

    def _changes(self) -> Iterator[Iterator[str]]:
        """Yield the changes; with a base, those of this pull request apart from those pending."""
        changes = self._plan.changes
        if all(change.pending is None for change in changes):
            yield from self._lists(changes)
            return
        ours = [change for change in changes if not change.pending]
        pending = [change for change in changes if change.pending]
        yield self._heading(f"This pull request: {number(len(ours), 'change', 'changes')}")
        yield from self._lists(ours)
        if pending:
            told = number(len(pending), "change", "changes")
            yield self._heading(f"Already pending without it: {told}")
            yield from self._lists(pending)

    def _lists(self, changes: Sequence[ChangeDocument]) -> Iterator[Iterator[str]]:
        besides = ""
        for title, found in special(changes):
            besides = BESIDES
            yield self._entries(title, single(found), _NO_LIMIT)
        for action, title in _SECTIONS:
            found = [one for one in changes if one.action == action and not is_special(one)]
            entries = single(found) if self._whole else together(found)
            yield self._entries(f"{title}{besides}", entries, _MOST_ENTRIES)

    def _entries(self, title: str, entries: list[FoldedChange], most: int) -> Iterator[str]:
        if not entries:
            return
        yield from self._heading(f"{title} ({sum(entry.count for entry in entries)})")
        shown = self._first(entries, most)
        yield from table(list(map(self._entry, shown)), self._columns)
        yield from self._rest(sum(entry.count for entry in entries[len(shown) :]), "changes")

    def _entry(self, entry: FoldedChange) -> TableRow:
        return TableRow(
            f"{SYMBOLS[entry.first.action]} ",
            subject(entry, self._marks),
            tuple(details(entry, self._marks)),
            safe(place(entry)),
        )

    def _withheld(self) -> Iterator[str]:
        for counted, reason in withheld(self._plan):
            yield from self._lines("", f"Withheld: {counted}: {safe(reason)}")

    def _in_passing(self) -> Iterator[str]:
        found = self._plan.in_passing
        if not found:
            return
        people = number(sum(one.people for one in found), "person", "people")
        yield from self._heading(f"In passing ({people}): {IN_PASSING}")
        for one in found:
            symbol = "- " if one.effect == "without" else "+ "
            yield from self._lines(symbol, passing(one, self._people))

    def _expiring(self) -> Iterator[str]:
        found = self._plan.expiring
        if not found:
            return
        yield from self._heading(f"Expiring within 14 days ({len(found)})")
        shown = self._first(found, _MOST_ENTRIES)
        rows = [
            TableRow(
                "  ",
                safe(one.address),
                (f"until {instant(one.expires)}",),
                safe(source(one.source)),
            )
            for one in shown
        ]
        yield from table(rows, self._columns)
        yield from self._rest(len(found) - len(shown), "links")

    def _starting(self) -> Iterator[str]:
        found = self._plan.starting
        if not found:
            return
        yield from self._heading(f"Yet to start ({len(found)})")
        shown = self._first(found, _MOST_ENTRIES)
        rows = [
            TableRow("  ", safe(one.address), (period(one),), safe(source(one.source)))
            for one in shown
        ]
        yield from table(rows, self._columns)
        yield from self._rest(len(found) - len(shown), "links")

    def _footer(self) -> Iterator[str]:
        plan = self._plan
        if plan.changes:
            yield from self._lines("", f"Plan: {in_words(plan)}")
        else:
            yield from self._heading(nothing_to_do(plan))
        if loosened(plan):
            told = f"{loosened_count(plan)} looser than at {self._base}; see the top."
            yield from self._lines("", f"Control: {told}")
        if plan.unresolved:
            told = f"{unresolved(plan)}; apply does the rest and ends with 7."
            yield from self._lines("", f"Unresolved: {told}")
        refusing = len(blocked(plan))
        if refusing:
            what = "1 guard refuses" if refusing == 1 else f"{refusing} guards refuse"
            told = f"Blocked: {what} this plan, and apply will not run it; see the top."
            yield from self._lines("", told)

    def _first(self, found: Sequence[_One], most: int) -> Sequence[_One]:
        return found if self._whole else found[:most]

    def _rest(self, count: int, what: str) -> Iterator[str]:
        """Yield how many are left out, if any, and where to find them."""
        if count > 0:
            told = f"and {count} more {what}; show --all tells them, of a plan saved with --out"
            yield from self._lines("  ", told)
