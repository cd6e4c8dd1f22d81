"""One file as its author wrote it: what `reader` makes of it, with where each part begins and ends.

For changes that keep everything else as it is. Only files that the reader accepts get here, so
there are no anchors, aliases, tags or empty values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from identity_reconciler.desired.yaml.encoding import decode
from identity_reconciler.desired.yaml.events import (
    DOCUMENT_START,
    MAPPING_END,
    MAPPING_START,
    SCALAR,
    SEQUENCE_END,
    SEQUENCE_START,
    ParseEvent,
    event_source,
)


@dataclass(frozen=True, slots=True)
class BlockText:
    """How a text on lines of its own, below `|` or `>`, is written."""

    sign: str
    """`|` or `>`, and behind it `-` or `+` where it is given."""
    head_end: int
    """Behind the sign and its number; a comment may follow."""
    outer: int
    """The column of the mapping or list that the text is in."""
    column: int
    """What stands in this column or further in, right below the text, would be part of it."""
    lines: tuple[str, ...]
    """Without their indentation; blank lines at the end only where they are part of the text."""

    @property
    def keeps(self) -> bool:
        """Whether blank lines below the text are part of it."""
        return "+" in self.sign


@dataclass(slots=True, eq=False)
class Scalar:
    """A piece of text: a key, a value or an item."""

    start: int
    end: int
    """Behind its last character; the last line break of a block text does not count."""
    column: int
    value: str
    style: str | None
    """None: unquoted. Else the character that it begins with."""
    block: BlockText | None = None


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
    marked: tuple[Scalar, ...]
    """Those in order that are quoted or block texts, or have a # in them."""

    @property
    def blocks(self) -> list[tuple[Scalar, BlockText]]:
        """The block texts, in order."""
        return [(one, one.block) for one in self.marked if one.block is not None]

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
    building = _Building(text, next_event)
    root = building.node(next_event(), 0)
    if not isinstance(root, Map):
        raise TypeError(file)
    return Source(text, root, tuple(building.marked))


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
    marked: list[Scalar] = field(default_factory=list)

    def node(self, event: ParseEvent, outer: int) -> Node:
        """Return what begins with *event*, in a collection in column *outer*."""
        kind = type(event)
        if kind is SCALAR:
            return self._scalar(event, outer)
        if kind is MAPPING_START:
            return self._map(event)
        if kind is SEQUENCE_START:
            return self._sequence(event)
        raise TypeError("no document")

    def _scalar(self, event: ParseEvent, outer: int) -> Scalar:
        start, style, value = event.start_mark, event.style or None, event.value
        made = Scalar(start.index, event.end_mark.index, start.column, value, style)
        if style is not None or "#" in value:
            self.marked.append(made)
            if style in {"|", ">"}:
                made.block, made.end = _block_text(self.text, made.start, outer)
        return made

    def _map(self, start: ParseEvent) -> Map:
        mark, next_event = start.start_mark, self.next_event
        column = mark.column
        made = Map(mark.index, mark.index, column, bool(start.flow_style))
        while type(event := next_event()) is not MAPPING_END:
            made.pairs.append((self._scalar(event, column), self.node(next_event(), column)))
        # A block ends, for the parser, where the next thing begins.
        made.end = event.end_mark.index if made.flow else made.pairs[-1][1].end
        return made

    def _sequence(self, start: ParseEvent) -> Sequence:
        mark, next_event = start.start_mark, self.next_event
        column = mark.column
        made = Sequence(mark.index, mark.index, column, bool(start.flow_style))
        while type(event := next_event()) is not SEQUENCE_END:
            made.items.append(self.node(event, column))
        made.end = event.end_mark.index if made.flow else made.items[-1].end
        return made


_HEAD = re.compile(r"([|>])([-+]?)([1-9]?)([-+]?)")


def _block_text(text: str, start: int, outer: int) -> tuple[BlockText, int]:
    """Return the block text that starts at *start*, in a collection in column *outer*, and its end.

    The parsers tell its value, but not where in the text that ends. Source: YAML 1.2.2 section 8.1.
    """
    head = cast("re.Match[str]", _HEAD.match(text, start))
    sign = head[1] + (head[2] or head[4])
    column = outer + int(head[3] or 1)
    is_known = bool(head[3])
    lines: list[str] = []
    ends: list[int] = []
    for end, line in _lines_below(text, start):
        indent = len(line) - len(line.lstrip(" "))
        is_blank = indent == len(line)
        if not is_known:
            # Blank lines at the beginning count too.
            column = max(column, indent)
            is_known = not is_blank
        if indent < column and not is_blank:
            break
        lines.append(line)
        ends.append(end)
    texts = [line[column:] for line in lines]
    while texts and not texts[-1] and "+" not in sign:
        del texts[-1]
    if not any(texts) and not head[3]:
        column = outer + 1
    end = ends[len(texts) - 1] if texts else head.end()
    return BlockText(sign, head.end(), outer, column, tuple(texts)), end


def _lines_below(text: str, at: int) -> Iterator[tuple[int, str]]:
    """Yield the end of each line below the one of *at*, without its line break, and the line."""
    start = text.index("\n", at) + 1
    while start < len(text):
        stop = text.index("\n", start)
        line = text[start:stop].removesuffix("\r")
        yield start + len(line), line
        start = stop + 1
