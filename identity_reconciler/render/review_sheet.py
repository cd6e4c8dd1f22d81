"""A review as Markdown: whom it is about, with boxes to tick, and what was ticked.

The names in a sheet are code spans, so none of them can look like something else. A sheet is read
by the lines that were written: its title, the heading of each name, and the boxes below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, time, timedelta

from identity_reconciler.core.access_reviews import ListedPrincipal, Reviewing
from identity_reconciler.core.declared import Listed
from identity_reconciler.errors import Position, Problem, UsageError
from identity_reconciler.render.spans import name_span, whole_span
from identity_reconciler.render.words import instant

_TITLE, _HEADING = "# Review of ", "## "
_BOX = re.compile(r"\s*[-*] \[(?P<mark>.)\] (?P<word>keep|remove)\s*")
_WORDS = ("keep", "remove")


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """One name of a sheet, with what there is to know about it."""

    principal: ListedPrincipal
    since: str = ""
    """When and by whom its line was written, in words; empty: not known."""
    through: tuple[str, ...] = ()
    """Of a group: the names of its members."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a sheet says."""

    title: str
    """As `title_of` writes it."""
    keeps: dict[str, bool]
    """Whether each name stays, by its heading, as `heading_of` writes it."""
    places: dict[str, Position]
    """Where each heading stands."""


def title_of(address: str) -> str:
    """Return the first line of the sheet about *address*."""
    return f"{_TITLE}{whole_span(address)}"


def subject_of(text: str, file: str) -> str:
    """Return what the sheet *text*, read from *file*, is about, as its title shows it.

    Raises:
        UsageError: It is no sheet.
    """
    first = text.partition("\n")[0]
    if not first.startswith(_TITLE):
        raise UsageError(f"{file} is no sheet of a review: it does not begin with {_TITLE}...")
    return first.removeprefix(_TITLE).strip("` \r")


def heading_of(address: str) -> str:
    """Return the line above what is to be decided about *address*."""
    return f"{_HEADING}{whole_span(address)}"


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Who has something in AWS and is not listed for it."""

    addresses: tuple[str, ...]
    """`user/NAME` or `group/NAME`, sorted."""
    goes: bool
    """Whether the next apply takes it away."""


@dataclass(frozen=True, slots=True)
class SheetContents:
    """Whom a sheet is about."""

    entries: tuple[SheetEntry, ...]
    """Who is listed: to be decided."""
    unlisted: Unlisted | None = None
    """None: AWS was not asked."""


def sheet_text(review: Reviewing, contents: SheetContents, day: date, name: str) -> str:
    """Return the sheet, for the file *name*, on which *contents* are to be decided."""
    return "\n".join(_lines(review, contents, day, name)) + "\n"


def _lines(review: Reviewing, contents: SheetContents, day: date, name: str) -> Iterator[str]:
    yield title_of(review.address)
    yield ""
    asked = ", ".join(map(name_span, map(str, review.by)))
    last = (
        f"last reviewed on {review.last.day} by {name_span(review.last.by)}"
        if review.last
        else "not reviewed before"
    )
    yield f"Begun on {day}, asked of {asked}; {last}."
    yield "Put an `x` into one box for each name. Then, with your own user name:"
    yield ""
    yield f"    identity-reconciler review finish {name} --by USER_NAME"
    if contents.unlisted is not None:
        yield ""
        yield _unlisted(contents.unlisted)
    for entry in contents.entries:
        yield ""
        yield heading_of(entry.principal.address)
        yield ""
        yield from _facts(entry)
        yield from (f"- [ ] {word}" for word in _WORDS)


def _unlisted(unlisted: Unlisted) -> str:
    if not unlisted.addresses:
        return "In AWS nobody has it who is not listed."
    fate = "the next apply takes it away" if unlisted.goes else "nothing here takes it away"
    return f"In AWS, and not listed, so {fate}: {', '.join(map(name_span, unlisted.addresses))}."


def _facts(entry: SheetEntry) -> Iterator[str]:
    """Yield a paragraph about one name."""
    facts = [entry.since] if entry.since else []
    if entry.principal.listed.via:
        facts.append(f"in it via {' > '.join(map(name_span, entry.principal.listed.via))}")
    facts += _terms(entry.principal.listed)
    if entry.through:
        people = ", ".join(map(name_span, entry.through))
        facts.append(f"gives it to everybody in it ({len(entry.through)}): {people}")
    if facts:
        yield f"{'; '.join(facts)}"
        yield ""


def _terms(listed: Listed) -> Iterator[str]:
    if listed.starts is not None:
        begins = listed.starts.astimezone(UTC)
        whole = begins.time() == time()
        yield f"from {begins.date() if whole else instant(begins)} on"
    if listed.expires is not None:
        last = listed.expires.astimezone(UTC) - timedelta(microseconds=1)
        whole = listed.expires.timetz().replace(tzinfo=None) == time()
        end = f"{last.date()}" if whole else instant(listed.expires)
        yield f"until {end}"
    if listed.reason:
        yield f"reason {name_span(listed.reason)}"


def read_sheet(text: str, file: str) -> tuple[Decisions, list[Problem]]:
    """Return what is decided in *text*, the sheet *file*, and where nothing is, or too much."""
    title, keeps, places, problems = "", dict[str, bool](), dict[str, Position](), list[Problem]()
    ticked: dict[str, set[str]] = {}
    heading = ""
    for number, line in enumerate(text.splitlines(), start=1):
        where = Position(file, number, 1)
        if line.startswith(_TITLE) and not title:
            title = line.rstrip()
        elif line.startswith(_HEADING):
            heading = line.rstrip()
            if heading in places:
                problems.append(Problem(where, f"{heading[len(_HEADING) :]} is there twice"))
            places[heading] = where
            ticked[heading] = set()
        elif heading and (box := _BOX.fullmatch(line)) and box["mark"] in "xX":
            ticked[heading].add(box["word"])
    for heading, words in ticked.items():
        if len(words) == 1:
            keeps[heading] = words == {"keep"}
        else:
            said = "both boxes are ticked" if words else "undecided"
            told = f"{heading[len(_HEADING) :]}: {said}; put an x into one box, keep or remove"
            problems.append(Problem(places[heading], told))
    return Decisions(title, keeps, places), problems
