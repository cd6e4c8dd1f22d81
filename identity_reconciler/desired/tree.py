"""What the reader makes of one YAML file: values with the places they stand at.

Scalars are text. Only two plain words are more than that: `null` becomes None, and what another
YAML parser would read as a number, a boolean or a date is a `Plain`, so that text is never
guessed and a model that does want a number says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from identity_reconciler.errors import Position, Problem


Mark = NewType("Mark", int)
"""A place in a file as one number, because a large file has a quarter of a million of them."""

COLUMN_BITS = 24
"""Enough for the longest line that the largest file can have."""

START = Mark(0)


def mark_at(line: int, column: int) -> Mark:
    """Return the mark of *line* and *column*, both counted from 0."""
    return Mark(line << COLUMN_BITS | column)


def position(file: str, mark: Mark) -> Position:
    """Return *mark* in *file* as people count: from 1."""
    return Position(file, (mark >> COLUMN_BITS) + 1, (mark & (1 << COLUMN_BITS) - 1) + 1)


class PlainKind(StrEnum):
    """What else an unquoted scalar could be read as."""

    BOOLEAN = "a boolean"
    NUMBER = "a number"
    DATE = "a date"
    NULL = "no value"
    OTHER = "something else than text"


@dataclass(frozen=True, slots=True)
class Plain:
    """An unquoted scalar that is not text to every YAML parser."""

    text: str
    kind: PlainKind


class Fields(dict[str, "Value"]):
    """A mapping, with the places of itself, its keys and its values, in the order of the file."""

    __slots__ = ("key_marks", "mark", "value_marks")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.key_marks: list[Mark] = []
        self.value_marks: list[Mark] = []

    def key_mark(self, key: str) -> Mark:
        """Return where *key* stands."""
        return self.key_marks[list(self).index(key)]

    def value_mark(self, key: str) -> Mark:
        """Return where the value of *key* starts."""
        return self.value_marks[list(self).index(key)]


class Items(list["Value"]):
    """A list, with the places of itself and its items."""

    __slots__ = ("mark", "marks")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []


Value = str | None | Plain | Fields | Items


@dataclass(frozen=True, slots=True)
class Tree:
    """One file as read. Without a root the file could not be understood at all."""

    file: str
    root: Fields | None
    problems: tuple[Problem, ...] = ()

    def position(self, mark: Mark) -> Position:
        """Return *mark* as a position in this file."""
        return position(self.file, mark)


def locate(fields: Fields, path: Sequence[str | int], *, key: bool = False) -> Mark:
    """Return where the value at *path* starts, or its key.

    Parts of *path* that are not in the tree are passed over, so the answer is the nearest thing
    that is there.
    """
    mark = fields.mark
    value: Value = fields
    for part in path:
        if isinstance(value, Fields) and isinstance(part, str) and part in value:
            mark = value.key_mark(part) if key and part == path[-1] else value.value_mark(part)
            value = value[part]
        elif isinstance(value, Items) and isinstance(part, int) and part < len(value):
            mark, value = value.marks[part], value[part]
    return mark


def value_at(fields: Fields, path: Sequence[str | int]) -> Value:
    """Return the value at *path*, passing over parts that are not in the tree."""
    value: Value = fields
    for part in path:
        if isinstance(value, Fields) and isinstance(part, str) and part in value:
            value = value[part]
        elif isinstance(value, Items) and isinstance(part, int) and part < len(value):
            value = value[part]
    return value
