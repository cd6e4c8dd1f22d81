"""What the reader makes of one YAML file: values with the places they stand at.

Scalars are text. Only two plain words are more than that: `null` becomes None, and what another
YAML parser would read as a number, a boolean or a date is a `Plain`, so that text is never
guessed and a model that does want a number says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from identity_reconciler.errors import Position, Problem


class Mark(Protocol):
    """A place in a file; both YAML parsers provide their own."""

    @property
    def line(self) -> int:
        """0 is the first line."""

    @property
    def column(self) -> int:
        """0 is the first character."""


@dataclass(frozen=True, slots=True)
class Place:
    """A `Mark` of our own making."""

    line: int
    column: int


START = Place(0, 0)


def position(file: str, mark: Mark) -> Position:
    """Return *mark* in *file* as people count: from 1."""
    return Position(file, mark.line + 1, mark.column + 1)


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
    """A mapping, with the places of itself and, if asked for, its keys and its values.

    Those are asked for when something is wrong: keeping them costs a tenth of the time of reading.
    """

    __slots__ = ("key_marks", "mark", "value_marks")

    def __init__(self, mark: Mark) -> None:
        # An empty dict needs no initialization, and there are hundreds of thousands.
        self.mark = mark
        self.key_marks: list[Mark] = []
        """In the order of the keys, or empty."""
        self.value_marks: list[Mark] = []
        """In the order of the keys, or empty."""

    def key_mark(self, key: str) -> Mark:
        """Return where *key* stands; where the mapping starts, when that was not kept."""
        return self.key_marks[list(self).index(key)] if self.key_marks else self.mark

    def value_mark(self, key: str) -> Mark:
        """Return where the value of *key* starts; where the mapping does, when it was not kept."""
        return self.value_marks[list(self).index(key)] if self.value_marks else self.mark

    def rows(self) -> Iterator[tuple[str, Value, Mark, Mark]]:
        """Yield each key with its value and the places of both."""
        for key, value in self.items():
            yield key, value, self.key_mark(key), self.value_mark(key)


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
        match value, part:
            case Fields(), str() if part in value:
                is_key = key and part == path[-1]
                mark = value.key_mark(part) if is_key else value.value_mark(part)
                value = value[part]
            case Items(), int() if part < len(value):
                mark = value.marks[part]
                value = value[part]
            case _:
                pass
    return mark


def value_at(fields: Fields, path: Sequence[str | int]) -> Value:
    """Return the value at *path*, passing over parts that are not in the tree."""
    value: Value = fields
    for part in path:
        match value, part:
            case Fields(), str() if part in value:
                value = value[part]
            case Items(), int() if part < len(value):
                value = value[part]
            case _:
                pass
    return value
