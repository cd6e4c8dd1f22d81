"""Values to YAML that every parser reads alike. Pure: text out, no files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Self

from identity_reconciler.desired.yaml.scalars import resolved

WIDTH = 100
"""The longest line that brackets may make, in characters."""

Data = str | bool | date | Sequence["Data"] | Mapping[str, "Data"]
"""What can be written."""


class Remarked(str):
    """A text with a comment behind it, where it is the value of a key on a line of its own."""

    __slots__ = ("remark",)

    remark: str

    def __new__(cls, text: str, remark: str) -> Self:
        """Return *text* with *remark*, one line of plain words."""
        made = super().__new__(cls, text)
        made.remark = remark
        return made


class Bare(str):
    """A word that is no text."""

    __slots__ = ()


NULL = Bare("null")
"""Says of an attribute that it must have no value."""

# Begins with a letter, so it is no number and no date, and has nothing that is a sign anywhere.
_PLAIN = re.compile(r"[^\W\d_][\w.@+/()'&-]*(?: [\w.@+/()'&-]+)*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\u00a0": "\\_"}


def scalar(text: str) -> str:
    """Return *text* unquoted where every YAML parser takes it for that text, else quoted."""
    if _PLAIN.fullmatch(text) and isinstance(resolved(text), str):
        return text
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def flow(data: Data) -> str:
    """Return *data* on one line."""
    match data:
        case bool():
            return "true" if data else "false"
        case Bare():
            return data
        case str():
            return scalar(data)
        case date():
            return data.isoformat()
        case Mapping():
            return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in data.items()) + "}"
        case _:
            return "[" + ", ".join(map(flow, data)) + "]"


def item_lines(data: Data, indent: int) -> Iterator[str]:
    """Yield the lines of *data* as an item of a list whose dashes are *indent* columns in."""
    if isinstance(data, Mapping) and not _fits(data, indent + 2):
        for number, line in enumerate(pair_lines(data, indent + 2)):
            yield f"{' ' * indent}- {line.lstrip()}" if number == 0 else line
    else:
        yield f"{' ' * indent}- {flow(data)}"


def entry_lines(data: Mapping[str, Data], indent: int) -> Iterator[str]:
    """Yield the lines of an entry of a section: as an item, but never in braces."""
    for number, line in enumerate(pair_lines(data, indent + 2)):
        yield f"{' ' * indent}- {line.lstrip()}" if number == 0 else line


def pair_lines(data: Mapping[str, Data], indent: int) -> Iterator[str]:
    """Yield the lines of the keys and values of *data*."""
    for key, value in data.items():
        yield from key_lines(key, value, indent)


def key_lines(key: str, value: Data, indent: int) -> Iterator[str]:
    """Yield the lines of one key and its value: lists over several, mappings where too long."""
    head = f"{' ' * indent}{scalar(key)}:"
    match value:
        case Remarked():
            yield f"{head} {flow(value)} # {value.remark}"
        case str() | bool() | date():
            yield f"{head} {flow(value)}"
        case Mapping() if not _fits(value, len(head) + 1):
            yield head
            yield from pair_lines(value, indent + 2)
        case Mapping():
            yield f"{head} {flow(value)}"
        case _ if not value:
            yield f"{head} []"
        case _:
            yield head
            for item in value:
                yield from item_lines(item, indent + 2)


def _fits(data: Mapping[str, Data], column: int) -> bool:
    """Return whether *data* reads well in braces from *column* on: short, and nothing nested."""
    nested = any(not isinstance(value, str | bool | date) for value in data.values())
    return not nested and column + len(flow(data)) <= WIDTH
