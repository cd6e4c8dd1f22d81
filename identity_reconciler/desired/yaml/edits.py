"""Change parts of a file and leave every other character as it is.

An `Operation` collects changes to different parts of one file; `result` makes them all at once.
New lines take the indentation of their neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

from identity_reconciler.desired.yaml.brackets import BracketChange, Edit
from identity_reconciler.desired.yaml.emit import (
    WIDTH,
    Data,
    entry_lines,
    flow,
    item_lines,
    key_lines,
    scalar,
)
from identity_reconciler.desired.yaml.syntax import (
    BlockText,
    Map,
    Node,
    Scalar,
    Sequence,
    Source,
    nodes,
)


class Operation:
    """Changes to one file."""

    def __init__(self, source: Source, file: str) -> None:
        self.source = source
        self.file = file
        self._edits: list[Edit] = []
        self._brackets: dict[int, BracketChange] = {}
        """What changes in brackets and braces, by where they begin."""

    def result(self) -> bytes:
        """Return the file with every change made."""
        text = self.source.text
        made: list[str] = []
        parts: list[str] = []
        at = 0
        above: BlockText | None = None
        edits = [one for change in self._brackets.values() for one in change.edits(self.source)]
        steps: list[tuple[int, int, str | Scalar]] = [*self._edits, *edits, *self._block_ends()]
        for start, end, step in sorted(steps, key=lambda step: step[:2]):
            parts.append(text[at:start])
            if isinstance(step, str):
                parts.append(step)
            elif at <= step.start:
                made.append(_below(above, "".join(parts)))
                parts, above = [], step.block
            at = max(at, start, end)
        parts.append(text[at:])
        made.append(_below(above, "".join(parts)))
        return "".join(made).encode()

    def _block_ends(self) -> Iterator[tuple[int, int, Scalar]]:
        """Yield where the lines below each block text begin; that is before what is put there."""
        return ((self.source.line_end(one.end), -1, one) for one, _ in self.source.blocks)

    def replace(self, key: Scalar, value: Node, data: Data) -> None:
        """Let *data* be the value of *key*, on its line."""
        if isinstance(value, Scalar):
            self._replace_scalar(value, data)
        elif value.flow:
            self._edit(value.start, value.end, flow(data))
        else:
            colon = self.source.text.index(":", key.end) + 1
            self._edit(colon, value.end, f" {flow(data)}")

    def fill(self, key: Scalar, value: Node, data: Data) -> None:
        """Let *data* be the value of *key*, now empty brackets: on its line if that is short."""
        column = value.start - self.source.line_start(value.start)
        is_short = column + len(flow(data)) <= WIDTH
        if is_short or not self._ends_line(value) or self._is_in_brackets(value):
            self._edit(value.start, value.end, flow(data))
            return
        self._edit(self.source.text.index(":", key.end) + 1, value.end, "")
        lines = list(key_lines(key.value, data, key.column))[1:]
        self._insert_lines(self.source.line_end(value.end), lines)

    def _replace_scalar(self, node: Scalar, data: Data) -> None:
        """Let *data* be in the place of *node*; a comment behind the sign of a block text stays."""
        if node.block is None:
            self._edit(node.start, node.end, flow(data))
        else:
            self._edit(node.start, node.block.head_end, flow(data))
            below = self.source.line_end(node.start)
            self._edit(below, max(below, self.source.line_end(node.end)), "")

    def add_key(self, parent: Map, after: str | None, key: str, data: Data) -> None:
        """Give *parent* another key below that of *after*; below all where that is not there.

        None: above all, unless a dash stands before the first.
        """
        above_all = after is None and (parent.flow or not self._shares_line(parent.pairs[0][0]))
        at = 0 if above_all else (parent.index(after or "") + 1 or len(parent.pairs))
        if parent.flow:
            self._in(parent).add(at, f"{scalar(key)}: {flow(data)}")
            return
        where = self.source.line_start(parent.pairs[0][0].start)
        if at:
            where = self.source.line_end(parent.pairs[at - 1][1].end)
        self._insert_lines(where, key_lines(key, data, parent.column))

    def remove_key(self, parent: Map, key: str) -> None:
        """Take *key* and its value out of *parent*, which has others."""
        at = parent.index(key)
        name, value = parent.pairs[at]
        if parent.flow:
            self._in(parent).gone.add(at)
        elif at == 0 and self._shares_line(name):
            self._edit(name.start, parent.pairs[1][0].start, "")
        else:
            self._remove_lines(name.start, value.end)

    def change_list(
        self, key: Scalar, items: Sequence, gone: Collection[int], new: Mapping[int, list[Data]]
    ) -> None:
        """Remove the items numbered *gone*, and put *new* ones before the items so numbered.

        The number behind the last stands for the end. *key* is what *items* is the value of.
        """
        if items.flow and (items.items or "\n" in self.source.raw(items)):
            self._change_brackets(items, gone, new)
            return
        if items.flow:
            self.fill(key, items, [data for _, some in sorted(new.items()) for data in some])
            return
        for number in gone:
            start = self._dash(items, number)
            self._remove_lines(start, items.items[number].end)
        for number, added in new.items():
            lines = [line for data in added for line in item_lines(data, items.column)]
            self._insert_lines(self._before(items, number), lines)
        if len(gone) == len(items.items) and not any(new.values()):
            colon = self.source.text.index(":", key.end) + 1
            self._edit(colon, colon, " []")

    def add_entries(
        self, key: Scalar, items: Sequence, entries: Iterable[Mapping[str, Data]]
    ) -> None:
        """Put *entries* at the end of a section, with blank lines between where it has them."""
        if items.flow and (items.items or self.source.root.flow):
            self._change_brackets(items, (), {len(items.items): list(entries)})
            return
        column = key.column + 2 if items.flow else items.column
        if items.flow:
            self._edit(self.source.text.index(":", key.end) + 1, items.end, "")
            at = self.source.line_end(items.end)
        else:
            at = self.source.line_end(items.end)
        spaced = self._is_spaced(items)
        lines: list[str] = []
        for entry in entries:
            lines += [""] if spaced else []
            lines += entry_lines(entry, column)
        self._insert_lines(at, lines)

    def remove_entries(
        self, key: Scalar, items: Sequence, numbers: Collection[int], *, refilled: bool
    ) -> None:
        """Remove entries of a section, with the comment that stands right above each of them.

        *refilled* tells that others are added, so that the section will not be empty.
        """
        if items.flow:
            self._change_brackets(items, numbers, {})
            return
        for number in numbers:
            self._remove_lines(self._above(items, number), items.items[number].end)
        if len(numbers) == len(items.items) and not refilled:
            colon = self.source.text.index(":", key.end) + 1
            self._edit(colon, colon, " []")

    def replace_entry(self, items: Sequence, number: int, entry: Mapping[str, Data]) -> None:
        """Let *entry* be in the place of an entry of a section."""
        node = items.items[number]
        if items.flow or (isinstance(node, Map) and node.flow):
            self._edit(node.start, node.end, flow(entry))
            return
        start = self.source.line_start(self._dash(items, number))
        lines = entry_lines(entry, items.column)
        self._edit(start, self.source.line_end(node.end), self._joined(lines))

    def add_section(self, key: str, entries: Iterable[Mapping[str, Data]]) -> None:
        """Put a section with *entries* at the end of the file."""
        root = self.source.root
        if root.flow:
            self._in(root).add(len(root.pairs), f"{scalar(key)}: {flow(list(entries))}")
            return
        lines = ["", f"{key}:"]
        for entry in entries:
            lines += entry_lines(entry, 2)
        text = self.source.text
        end = _DOCUMENT_END.search(text, self.source.line_end(root.end))
        self._insert_lines(end.start() if end else len(text), lines)

    def _in(self, node: Map | Sequence) -> BracketChange:
        """Return what changes in *node*, which is in brackets or braces."""
        return self._brackets.setdefault(node.start, BracketChange(node))

    def _change_brackets(
        self, items: Sequence, gone: Collection[int], new: Mapping[int, Iterable[Data]]
    ) -> None:
        """Change a list in brackets."""
        change = self._in(items)
        change.gone.update(gone)
        for number, added in sorted(new.items()):
            for data in added:
                change.add(number, flow(data))

    def _is_in_brackets(self, node: Node) -> bool:
        """Return whether *node* is part of something in brackets or braces."""
        return any(
            isinstance(one, Map | Sequence) and one.flow and one.start < node.start < one.end
            for one in nodes(self.source.root)
        )

    def _ends_line(self, node: Node) -> bool:
        rest = self.source.text[node.end : self.source.line_end(node.end)].strip()
        return not rest or rest.startswith("#")

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits.append((start, end, text))

    def _joined(self, lines: Iterable[str]) -> str:
        end = self.source.line_break
        return "".join(f"{line}{end}" for line in lines)

    def _insert_lines(self, at: int, lines: Iterable[str]) -> None:
        self._edit(at, at, self._joined(lines))

    def _remove_lines(self, start: int, end: int) -> None:
        self._edit(self.source.line_start(start), self.source.line_end(end), "")

    def _shares_line(self, node: Scalar) -> bool:
        """Return whether a dash stands before *node* on its line."""
        return bool(self.source.text[self.source.line_start(node.start) : node.start].strip())

    def _dash(self, items: Sequence, number: int) -> int:
        """Return where the dash of an item stands."""
        after = items.items[number - 1].end if number else items.start
        if not number:
            return items.start
        at = self.source.line_end(after)
        marker = f"{' ' * items.column}-"
        while not self.source.text.startswith(marker, at):
            at = self.source.line_end(at)
        return at + items.column

    def _before(self, items: Sequence, number: int) -> int:
        """Return where to insert lines before an item: right below the one above it."""
        if number:
            return self.source.line_end(items.items[number - 1].end)
        return self.source.line_start(items.start)

    def _above(self, items: Sequence, number: int) -> int:
        """Return where an entry begins, its comment and a blank line above included.

        Above the first may stand what is about all of them.
        """
        text = self.source.text
        dash = self._dash(items, number)
        start = self.source.line_start(dash)
        if not number:
            return start
        marker = f"{' ' * (dash - start)}#"
        top = self.source.line_end(items.items[number - 1].end)
        while text.startswith(marker, above := self.source.line_start(start - 1)):
            start = above
        is_blank = above >= top and not text[above:start].strip()
        return above if is_blank else start

    def _is_spaced(self, items: Sequence) -> bool:
        """Return whether a blank line stands between the last two entries."""
        if items.flow or len(items.items) < 2:  # noqa: PLR2004 (there is no between)
            return False
        between = self.source.text[items.items[-2].end : self._dash(items, len(items.items) - 1)]
        return any(not line.strip() for line in between.split("\n")[1:-1])


_DOCUMENT_END = re.compile(r"^\.\.\.", re.MULTILINE)
_BLANK_LINES = re.compile(r"(?: *\r?\n)*")


def _below(block: BlockText | None, text: str) -> str:
    """Return *text*, now right below *block*, so that nothing in it becomes part of that."""
    if block is None:
        return text
    blank = cast("re.Match[str]", _BLANK_LINES.match(text))[0]
    rest = text[len(blank) :]
    bare = rest.lstrip(" ")
    if bare.startswith("#") and len(rest) - len(bare) >= block.column:
        rest = f"{' ' * block.outer}{bare}"
    if block.keeps:
        return rest
    return re.sub(f" {{{block.column},}}", "", blank) + rest
