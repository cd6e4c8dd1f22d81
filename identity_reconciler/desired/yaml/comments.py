"""Which part of a file each comment and blank line belongs to."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field

from identity_reconciler.desired.yaml.syntax import (
    Map,
    Node,
    Scalar,
    Sequence,
    Source,
)


@dataclass(slots=True, eq=False)
class Element:
    """A key with its value, or an item of a list: what a comment can belong to."""

    start: int
    """Of the key, or of the dash of an item."""
    column: int
    node: Node
    """The key, or the item."""
    value: Node
    """That of the key, or the item."""
    above: tuple[Collection, ...]
    """The collections that it is in, the outermost first."""


Collection = Map | Sequence


@dataclass(slots=True)
class Comments:
    """The comments of one file. Nodes are keys, items and, for `after`, collections."""

    before: dict[Node, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Lines above a key or an item; an empty one is a blank line."""
    beside: dict[Node, list[str]] = field(default_factory=lambda: defaultdict(list))
    """At the end of the line of a key or an item."""
    after: dict[Node, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Lines below the last item of a collection."""
    inside: set[Node] = field(default_factory=set)
    """The collections with a comment anywhere in them."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A comment, or a blank line, on a line of its own or not."""

    start: int
    column: int
    text: str
    alone: bool


_DOCUMENT_MARKER = re.compile(r"^(?:---|\.\.\.)(?=\s)", re.MULTILINE)
_COMMENT_OR_LINE = re.compile(r"#[^\r\n]*|^[ ]*(?=\r?\n)", re.MULTILINE)


def comments_of(source: Source) -> Comments:
    """Return every comment of *source*, filed under what it belongs to."""
    if _COMMENT_OR_LINE.search(source.text) is None:
        return Comments()
    masked = _masked(source)
    found = list(_found(source, masked))
    bare = list(masked)
    for one in found:
        bare[one.start : one.start + len(one.text)] = " " * len(one.text)
    elements: list[Element] = []
    _gather(source.root, "".join(bare), (), elements)
    return _Filing(source.root, elements).file(found)


def _masked(source: Source) -> str:
    """Return the text with a letter in the place of every character that could look like a sign.

    Form feeds, which are nowhere else, are in the place of `---` and `...` around a document.
    """
    parts: list[str] = []
    at = 0
    for one in source.marked:
        start = one.start
        if one.block is not None:
            # A comment may stand behind the sign that a block text begins with.
            start = min(source.line_end(start), one.end)
        parts += [source.text[at:start], "x" * (one.end - start)]
        at = one.end
    masked = "".join(parts) + source.text[at:]
    return _DOCUMENT_MARKER.sub("\f\f\f", masked)


def _found(source: Source, masked: str) -> list[_Found]:
    found: list[_Found] = []
    for match in _COMMENT_OR_LINE.finditer(masked):
        start = source.line_start(match.start())
        alone = not masked[start : match.start()].strip()
        found.append(
            _Found(match.start(), match.start() - start, match[0].strip(), alone or not match[0])
        )
    return found


def _gather(node: Node, bare: str, above: tuple[Collection, ...], elements: list[Element]) -> None:
    """Append the elements in *node* to *elements*, in the order of the text."""
    match node:
        case Map():
            above = (*above, node)
            for key, value in node.pairs:
                elements.append(Element(key.start, key.column, key, value, above))
                if not isinstance(value, Scalar):
                    _gather(value, bare, above, elements)
        case Sequence():
            above = (*above, node)
            for item in node.items:
                start = item.start if node.flow else bare.rindex("-", node.start, item.start)
                elements.append(Element(start, node.column, item, item, above))
                if not isinstance(item, Scalar):
                    _gather(item, bare, above, elements)
        case Scalar():
            pass


def _is_within(one: _Found, element: Element) -> bool:
    """Return whether *one* stands between a key, or a dash, and what belongs on its line."""
    is_inline = isinstance(element.value, Scalar) or element.value.flow
    return is_inline and one.start < element.value.start


class _Filing:
    """Finds for each comment what it belongs to."""

    def __init__(self, root: Map, elements: list[Element]) -> None:
        self._root = root
        self._elements = elements
        self._starts = [one.start for one in elements]
        self._made = Comments()

    def file(self, found: Iterable[_Found]) -> Comments:
        """Return *found*, which come in the order of the text, filed."""
        blocks = [one for one in self._elements if not one.above[-1].flow]
        starts = [one.start for one in blocks]
        runs: dict[int, list[_Found]] = defaultdict(list)
        for one in found:
            last = bisect_right(self._starts, one.start) - 1
            at = bisect_right(starts, one.start)
            if flows := self._flows_around(one.start, last):
                self._file_inside(one, flows, last)
            elif self._root.flow:
                self._file_outside(one)
            elif one.alone and not (at and _is_within(one, blocks[at - 1])):
                runs[at].append(one)
            elif one.text:
                self._made.beside[blocks[at - 1].node].append(one.text)
        for at, run in runs.items():
            above = blocks[at - 1].above if at else ()
            self._file_run(run, above, blocks[at] if at < len(blocks) else None)
        return self._made

    def _flows_around(self, offset: int, last: int) -> list[Collection]:
        """Return the collections in brackets around *offset*, the outermost first.

        *last* is the number of the last element before it; -1 when there is none.
        """
        around: tuple[Node, ...] = (self._root,)
        if last >= 0:
            around = (*self._elements[last].above, self._elements[last].value)
        return [
            node
            for node in around
            if not isinstance(node, Scalar) and node.flow and node.start < offset < node.end
        ]

    def _file_outside(self, one: _Found) -> None:
        """File what stands above or below a root that is in brackets."""
        if one.start < self._root.start and self._root.pairs:
            self._made.before[self._root.pairs[0][0]].append(one.text)
        else:
            self._made.after[self._root].append(one.text)

    def _file_inside(self, one: _Found, flows: list[Collection], last: int) -> None:
        if not one.text:
            return
        self._made.inside.update(flows)
        flow = flows[-1]
        following = last + 1
        if last >= 0 and not one.alone:
            self._made.beside[self._child(flow, last).node].append(one.text)
        elif last >= 0 and _is_within(one, self._elements[last]):
            self._made.beside[self._elements[last].node].append(one.text)
        elif following < len(self._elements) and self._starts[following] < flow.end:
            self._made.before[self._elements[following].node].append(one.text)
        else:
            self._made.after[flow].append(one.text)

    def _child(self, flow: Collection, last: int) -> Element:
        """Return the last element up to number *last* that is right in *flow*, or else that one."""
        at = last
        while at >= 0 and self._starts[at] > flow.start:
            if self._elements[at].above[-1] is flow:
                return self._elements[at]
            at -= 1
        return self._elements[last]

    def _file_run(
        self, run: list[_Found], above: SequenceOf[Collection], following: Element | None
    ) -> None:
        """File the comments between two lines: what is further in belongs to what is above."""
        column = following.column if following else -1
        ends = [each for each in above if each.column > column]
        last = max((n for n, one in enumerate(run) if one.text), default=-1)
        outer = (n for n, one in enumerate(run) if one.text and one.column <= column)
        end = next(outer, last + 1) if ends else 0
        while end and not run[end - 1].text:
            end -= 1
        waiting: list[str] = []
        for one in run[:end]:
            # A blank line belongs to the comment below it.
            waiting.append(one.text)
            if one.text:
                # What is below one collection is below those within it, too.
                ends = [each for each in ends if each.column <= one.column] or ends[:1]
                self._made.after[ends[-1]].extend(waiting)
                waiting.clear()
        if following is not None:
            self._made.before[following.node].extend(one.text for one in run[end:])
