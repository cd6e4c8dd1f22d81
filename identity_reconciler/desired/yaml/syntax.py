"""One file as its author wrote it: what `reader` makes of it, with where each part begins and ends.

For changes that keep everything else as it is. Only files that the reader accepts get here, so
there are no anchors, aliases, tags or empty values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from identity_reconciler.desired.yaml.encoding import decode
from identity_reconciler.desired.yaml.events import (
    DOCUMENT_START,
    MAPPING_END,
    MAPPING_START,
    SEQUENCE_END,
    SEQUENCE_START,
    STREAM_END,
    ParseEvent,
    event_source,
)
from identity_reconciler.desired.yaml.tree import Mark

BLOCK_STYLES = ("|", ">")


class Offset(Mark):
    """A mark that also counts characters, as those of both parsers do."""

    index: int


@dataclass(slots=True, eq=False)
class Scalar:
    """A piece of text: a key, a value or an item."""

    start: int
    end: int
    """Behind its last character; line breaks after a block scalar do not count."""
    column: int
    value: str
    style: str | None
    """None: unquoted. Else the character that it begins with."""


@dataclass(slots=True, eq=False)
class Map:
    """A mapping."""

    start: int
    end: int
    column: int
    flow: bool
    """Whether it is in braces."""
    pairs: list[tuple[Scalar, Node]] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """Return the value of *key*, if it is there."""
        return next((value for name, value in self.pairs if name.value == key), None)

    def index(self, key: str) -> int:
        """Return the number of the pair with *key*; -1 when there is none."""
        return next((n for n, (name, _) in enumerate(self.pairs) if name.value == key), -1)


@dataclass(slots=True, eq=False)
class Sequence:
    """A list; in a block, its column is that of the dashes."""

    start: int
    end: int
    column: int
    flow: bool
    """Whether it is in brackets."""
    items: list[Node] = field(default_factory=list)


Node = Scalar | Map | Sequence


@dataclass(frozen=True, slots=True)
class Source:
    """One file."""

    text: str
    root: Map

    @property
    def line_break(self) -> str:
        """What its lines end in."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def line_start(self, offset: int) -> int:
        """Return where the line of *offset* begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return where the line after that of *offset* begins."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def raw(self, node: Node) -> str:
        """Return *node* as it is written."""
        return self.text[node.start : node.end]


def parse(data: bytes, file: str, *, pure: bool = False) -> Source:
    """Return *data*, which the reader accepts as *file*, with its structure."""
    text, problems = decode(data, file)
    if text is None:
        raise ValueError(problems)
    next_event = event_source(text, pure=pure)
    while not isinstance(next_event(), DOCUMENT_START):
        pass
    root = _Building(text, next_event).node(next_event())
    if not isinstance(root, Map):
        raise TypeError(file)
    return Source(text, root)


def nodes(node: Node) -> Iterator[Node]:
    """Yield *node* and everything in it, keys too, in the order of the text."""
    yield node
    match node:
        case Map():
            for key, value in node.pairs:
                yield key
                yield from nodes(value)
        case Sequence():
            for item in node.items:
                yield from nodes(item)
        case Scalar():
            pass


@dataclass(slots=True)
class _Building:
    text: str
    next_event: Callable[[], ParseEvent]

    def node(self, event: ParseEvent) -> Node:
        if isinstance(event, STREAM_END):
            raise TypeError("no document")
        if isinstance(event, MAPPING_START):
            return self._map(event)
        if isinstance(event, SEQUENCE_START):
            return self._sequence(event)
        return self._scalar(event)

    def _scalar(self, event: ParseEvent) -> Scalar:
        start, end = _offset(event.start_mark), _offset(event.end_mark)
        if event.style in BLOCK_STYLES:
            end = start + len(self.text[start:end].rstrip())
        return Scalar(start, end, event.start_mark.column, event.value, event.style or None)

    def _map(self, start: ParseEvent) -> Map:
        first = _offset(start.start_mark)
        made = Map(first, first, start.start_mark.column, bool(start.flow_style))
        while not isinstance(event := self.next_event(), MAPPING_END):
            made.pairs.append((self._scalar(event), self.node(self.next_event())))
        # A block ends, for the parser, where the next thing begins.
        made.end = _offset(event.end_mark) if made.flow else made.pairs[-1][1].end
        return made

    def _sequence(self, start: ParseEvent) -> Sequence:
        first = _offset(start.start_mark)
        made = Sequence(first, first, start.start_mark.column, bool(start.flow_style))
        while not isinstance(event := self.next_event(), SEQUENCE_END):
            made.items.append(self.node(event))
        made.end = _offset(event.end_mark) if made.flow else made.items[-1].end
        return made


def _offset(mark: Mark) -> int:
    return cast("Offset", mark).index
