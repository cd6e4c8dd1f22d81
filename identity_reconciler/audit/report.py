"""What a report is: a table of strings that every format can show. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from identity_reconciler.state import folded

Row = tuple[str, ...]
"""One value for each column; an empty one says that there is nothing to say."""


class Facet(StrEnum):
    """What a column is about, where readers narrow a report by it."""

    INSTANCE = "instance"
    PERSON = "person"
    GROUP = "group"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Its name is stable: programs that read the CSV or JSON rely on it."""

    name: str
    """Lower case, words joined by underscores."""
    description: str
    facet: Facet | None = None
    detail: bool = False
    """Left out of what people read line by line; there is no room for everything."""


INSTANCE = Column("instance", "Name of the Identity Center instance", Facet.INSTANCE)


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one question."""

    name: str
    """The command that asks it, such as "access"."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """In reading order: by the first column, then by the next, without regard to case."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read the rows aright."""
    alarms: int = 0
    """How many of its rows somebody has to look into; only questions that hope for none count."""


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the distinct *rows* in reading order, which is total."""
    return tuple(sorted(set(rows), key=lambda row: (tuple(map(folded, row)), row)))


def number_of(count: int, singular: str, plural: str | None = None) -> str:
    """Return *count* with its noun: "1 group", "2 groups"."""
    return f"{count} {singular if count == 1 else plural or f'{singular}s'}"
