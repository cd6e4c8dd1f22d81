"""Which part of a file each comment and blank line belongs to."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field

from identity_reconciler.desired.yaml.syntax import (
    BLOCK_STYLES,
    Map,
    Node,
    Scalar,
    Sequence,
    Source,
    nodes,
)


@dataclass(slots=True, eq=False)
class Element:
    """A key with its value, or an item of a list: what a comment can belong to."""

    start: int
    """Of the key, or of the dash of an item."""
    column: int
    node: Node
    """The key, or the item."""
    parent: Collection
    above: tuple[Collection, ...]
    """The collections that it is in, the outermost first, its parent last."""


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


_COMMENT_OR_LINE = re.compile(r"#[^\r\n]*|^[ ]*(?=\r?\n)", re.MULTILINE)


def comments_of(source: Source) -> Comments:
    """Return every comment of *source*, filed under what it belongs to."""
    masked = _masked(source)
    found = list(_found(source, masked))
    bare = list(masked)
    for one in found:
        bare[one.start : one.start + len(one.text)] = " " * len(one.text)
    elements = _elements(source.root, "".join(bare), ())
    return _Filing(source.root, elements, list(_outer_flows(source.root))).file(found)


def _outer_flows(node: Node) -> Iterator[Collection]:
    if isinstance(node, Scalar):
        return
    if node.flow:
        yield node
    else:
        inner = node.items if isinstance(node, Sequence) else [value for _, value in node.pairs]
        for one in inner:
            yield from _outer_flows(one)


def _masked(source: Source) -> str:
    """Return the text with a letter in the place of every character of a scalar."""
    parts: list[str] = []
    at = 0
    for node in nodes(source.root):
        if isinstance(node, Scalar):
            start = node.start
            if node.style in BLOCK_STYLES:
                # A comment may stand behind the sign that a block scalar begins with.
                start += len(source.text[start : node.end].partition("\n")[0].partition(" ")[0])
                header_end = min(source.line_end(start), node.end)
                parts += [source.text[at:header_end], "x" * (node.end - header_end)]
            else:
                parts += [source.text[at:start], "x" * (node.end - start)]
            at = node.end
    return "".join(parts) + source.text[at:]


def _found(source: Source, masked: str) -> list[_Found]:
    found: list[_Found] = []
    for match in _COMMENT_OR_LINE.finditer(masked):
        start = source.line_start(match.start())
        alone = not masked[start : match.start()].strip()
        found.append(
            _Found(match.start(), match.start() - start, match[0].strip(), alone or not match[0])
        )
    return found


def _elements(node: Node, bare: str, above: tuple[Collection, ...]) -> list[Element]:
    made: list[Element] = []
    match node:
        case Map():
            for key, value in node.pairs:
                made.append(Element(key.start, key.column, key, node, (*above, node)))
                made += _elements(value, bare, (*above, node))
        case Sequence():
            for item in node.items:
                start = item.start if node.flow else bare.rindex("-", node.start, item.start)
                made.append(Element(start, node.column, item, node, (*above, node)))
                made += _elements(item, bare, (*above, node))
        case Scalar():
            pass
    return made


@dataclass(slots=True)
class _Filing:
    """Finds for each comment what it belongs to."""

    root: Map
    elements: list[Element]
    flows: list[Collection]
    """The collections in brackets that are not within others."""
    made: Comments = field(default_factory=Comments)

    def file(self, found: Iterable[_Found]) -> Comments:
        """Return *found*, which come in the order of the text, filed."""
        blocks = [one for one in self.elements if not any(each.flow for each in one.above)]
        starts = [one.start for one in blocks]
        runs: dict[int, list[_Found]] = defaultdict(list)
        for one in found:
            if flow := self._flow_around(one.start):
                self._file_inside(one, flow)
            elif self.root.flow:
                self._file_outside(one)
            elif one.alone:
                runs[bisect_right(starts, one.start)].append(one)
            else:
                owner = blocks[bisect_right(starts, one.start) - 1]
                self.made.beside[owner.node].append(one.text)
        for at, run in runs.items():
            above = blocks[at - 1].above if at else ()
            self._file_run(run, above, blocks[at] if at < len(blocks) else None)
        return self.made

    def _flow_around(self, offset: int) -> list[Collection]:
        """Return the collections in brackets around *offset*, the outermost first."""
        at = bisect_right(self.flows, offset, key=lambda flow: flow.start) - 1
        if at < 0 or offset >= self.flows[at].end:
            return []
        return [
            node
            for node in nodes(self.flows[at])
            if not isinstance(node, Scalar) and node.start < offset < node.end
        ]

    def _file_outside(self, one: _Found) -> None:
        """File what stands above or below a root that is in brackets."""
        if one.start < self.root.start and self.root.pairs:
            self.made.before[self.root.pairs[0][0]].append(one.text)
        else:
            self.made.after[self.root].append(one.text)

    def _file_inside(self, one: _Found, around: list[Collection]) -> None:
        if not one.text:
            return
        self.made.inside.update(around)
        flow = around[-1]
        within = [each for each in self.elements if flow in each.above]
        later = [each for each in within if each.start > one.start]
        earlier = [each for each in self.elements if each.start < one.start]
        if earlier and not one.alone:
            children = [each for each in earlier if each.parent is flow]
            self.made.beside[(children or earlier)[-1].node].append(one.text)
        elif later:
            self.made.before[later[0].node].append(one.text)
        else:
            self.made.after[flow].append(one.text)

    def _file_run(
        self, run: list[_Found], above: SequenceOf[Collection], following: Element | None
    ) -> None:
        """File the comments between two lines: what is further in belongs to what is above."""
        column = following.column if following else -1
        outer = [n for n, one in enumerate(run) if one.text and one.column <= column]
        last = max((n for n, one in enumerate(run) if one.text), default=-1)
        end = outer[0] if outer else last + 1
        while end and not run[end - 1].text:
            end -= 1
        ends = [each for each in above if each.column > column] or [self.root]
        owner = ends[-1]
        filed: list[tuple[Node, str]] = []
        for one in reversed(run[:end] if above else ()):
            if one.text:
                owner = ([each for each in ends if each.column <= one.column] or ends[:1])[-1]
            # A blank line belongs to the comment below it.
            filed.append((owner, one.text))
        for node, text in reversed(filed):
            self.made.after[node].append(text)
        if following is not None:
            rest = run[end:] if above else run
            self.made.before[following.node].extend(one.text for one in rest)
