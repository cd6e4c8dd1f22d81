"""What is to be reviewed, as text: one row each, the longest overdue first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from identity_reconciler.core.access_reviews import Reviewing
from identity_reconciler.render.escape import safe
from identity_reconciler.render.widths import TableRow, table


def due_text(reviews: Sequence[Reviewing], day: date, columns: int) -> Iterator[str]:
    """Yield lines of at most *columns* about *reviews*, as they stand on *day*."""
    yield from table([_row(one, day) for one in reviews], columns)


def _row(one: Reviewing, day: date) -> TableRow:
    symbol = "! " if one.is_overdue(day) else "? " if one.is_due(day) else "  "
    asked = ", ".join(map(str, one.by))
    details = (standing_in_words(one, day), f"asked: {safe(asked)}", *_rest(one))
    return TableRow(symbol, safe(one.address), details)


def standing_in_words(one: Reviewing, day: date) -> str:
    """Return since when, or from when on, *one* is due."""
    if one.due is None:
        return "due: never reviewed yet"
    if one.is_ahead(day):
        return "due: the last review is in the future"
    if one.is_overdue(day):
        return f"overdue since {one.due}"
    return f"due on {one.due}"


def _rest(one: Reviewing) -> Iterator[str]:
    if one.last is not None:
        yield f"last: {one.last.day} by {safe(one.last.by)}"
    if one.lapses is not None:
        yield f"ends after {one.lapses}, for all who are listed"
