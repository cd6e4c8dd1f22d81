"""One layout for every file: keys in the order of the schema, one indentation, quotes if needed.

Lists of names are sorted; a blank line or a comment on a line of its own begins a new part of a
list, which is sorted by itself. What is in brackets stays there when it fits on a line and holds
no comment. Comments are kept, and so is every value; a text on lines of its own keeps its lines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from identity_reconciler.core.state import folded
from identity_reconciler.desired.model.approvals import ApprovalsDocument
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.entries import Declarations
from identity_reconciler.desired.model.findings import model_at
from identity_reconciler.desired.model.instance import SettingsDocument
from identity_reconciler.desired.model.policies import PoliciesDocument
from identity_reconciler.desired.reading.files import APPROVALS_FILE, POLICIES_FILE, SETTINGS_FILE
from identity_reconciler.desired.yaml.comments import Comments, comments_of
from identity_reconciler.desired.yaml.emit import WIDTH, scalar
from identity_reconciler.desired.yaml.syntax import (
    Map,
    Node,
    Scalar,
    Sequence,
    Source,
    parse,
)

_MODELS: dict[str, type[Document]] = {
    SETTINGS_FILE: SettingsDocument,
    APPROVALS_FILE: ApprovalsDocument,
    POLICIES_FILE: PoliciesDocument,
}
_STEP = 2
"""How many columns further in than a key or a dash stands what is below it."""
_ENTRY_DEPTH = 2
"""Sections are one level down, their entries two: those are never in brackets."""


def formatted(data: bytes, file: str) -> bytes:
    """Return *data*, which the reader accepts as *file*, in the one layout. Twice is once."""
    source = parse(data, file)
    layout = _Layout(source, comments_of(source), _MODELS.get(file, Declarations))
    layout.root(source.root)
    return "".join(_spaced(layout.lines)).encode()


def _spaced(lines: Iterable[str]) -> Iterator[str]:
    """Yield *lines*, ended, with single blank lines, none of them at the beginning or the end.

    There is none below a text that keeps the blank lines below it, either.
    """
    above = "\n"
    is_blank = False
    for line in lines:
        if not line:
            is_blank = True
            continue
        if is_blank and not above.endswith("\n"):
            yield "\n"
        yield line if line.endswith("\n") else f"{line}\n"
        above, is_blank = line, False


class _Layout:
    def __init__(self, source: Source, comments: Comments, model: type[Document]) -> None:
        self.lines: list[str] = []
        """One for each of the file, but a block text is in one with its key or dash.

        Only a text that keeps the blank lines below it ends with a line break.
        """
        self._comments = comments
        self._model = model
        self._orders: dict[tuple[str, ...], dict[str, int]] = {}
        self._keeping = [one.start for one, block in source.blocks if block.keeps]

    def root(self, node: Map) -> None:
        """Add the lines of a file."""
        for number, (key, value) in enumerate(node.pairs):
            if number and "" not in self._comments.before.get(key, ())[:1]:
                self.lines.append("")
            self._pair(key, value, 0, (key.value,), first=number == 0)
        if not node.pairs:
            self.lines.append("{}")
        self._notes(self._comments.after.get(node, ()), 0)

    def _notes(self, notes: Iterable[str], indent: int) -> None:
        self.lines += [f"{' ' * indent}{note}" if note else "" for note in notes]

    def _head(self, node: Node, value: Node, indent: int, *, first: bool) -> None:
        """Add the lines above a key or an item; nothing blank above the first."""
        notes = [*self._comments.before.get(node, ()), *self._comments.beside.get(node, ())[:-1]]
        while first and notes and not notes[0]:
            del notes[0]
        self._notes(notes, indent)
        if not isinstance(value, Scalar) and not _parts(value):
            # The comments between brackets that hold nothing else.
            self._notes(self._comments.after.get(value, ()), indent)

    def _beside(self, node: Node) -> str:
        return "".join(f" {note}" for note in self._comments.beside.get(node, ())[-1:])

    def _ordered(self, node: Map, path: tuple[str, ...]) -> list[tuple[Scalar, Node]]:
        """Return the pairs of *node* in the order in which the schema lists the keys."""
        order = self._orders.get(path)
        if order is None:
            fields = model_at(self._model, path).model_fields
            order = self._orders[path] = {key: n for n, key in enumerate(fields)}
        return sorted(node.pairs, key=lambda pair: order.get(pair[0].value, len(order)))

    def _pair(
        self, key: Scalar, value: Node, indent: int, path: tuple[str, ...], *, first: bool
    ) -> None:
        self._head(key, value, indent, first=first)
        head = f"{' ' * indent}{scalar(key.value)}:"
        beside = self._beside(key)
        if isinstance(value, Scalar):
            self.lines.append(_scalar_line(head, value, beside, indent))
        elif (short := self._short(value, len(head) + 1, path)) is not None:
            self.lines.append(f"{head} {short}{beside}")
        else:
            self.lines.append(f"{head}{beside}")
            self._collection(value, indent + _STEP, path)

    def _item(self, node: Node, indent: int, path: tuple[str, ...], *, first: bool) -> None:
        self._head(node, node, indent, first=first)
        dash = f"{' ' * indent}-"
        if isinstance(node, Scalar):
            self.lines.append(_scalar_line(dash, node, self._beside(node), indent))
        elif (short := self._short(node, indent + _STEP, path)) is not None:
            self.lines.append(f"{dash} {short}{self._beside(node)}")
        else:
            start = len(self.lines)
            self._collection(node, indent + _STEP, path)
            lines = self.lines[start:]
            top = next(n for n, one in enumerate(lines) if one and one.lstrip()[0] != "#")
            del self.lines[start:]
            above = [*self._comments.beside.get(node, ())[-1:], *map(str.strip, lines[:top])]
            self._notes(above, indent)
            self.lines += [f"{dash} {lines[top][indent + _STEP :]}", *lines[top + 1 :]]

    def _collection(self, node: Map | Sequence, indent: int, path: tuple[str, ...]) -> None:
        if isinstance(node, Map):
            for number, (key, value) in enumerate(self._ordered(node, path)):
                self._pair(key, value, indent, (*path, key.value), first=number == 0)
        else:
            path = (*path, "")
            for number, item in enumerate(self._sorted(node)):
                self._item(item, indent, path, first=number == 0)
        self._notes(self._comments.after.get(node, ()), indent)

    def _short(self, node: Map | Sequence, column: int, path: tuple[str, ...]) -> str | None:
        """Return *node* as it stands behind its key or dash; None when it needs lines."""
        is_entry = len(path) <= _ENTRY_DEPTH and isinstance(node, Map)
        is_section = len(path) < _ENTRY_DEPTH
        if not _parts(node):
            return self._flow(node, path)
        if not node.flow or is_section or is_entry or node in self._comments.inside:
            return None
        text = self._flow(node, path)
        return text if column + len(text) <= WIDTH else None

    def _flow(self, node: Node, path: tuple[str, ...]) -> str:
        match node:
            case Scalar():
                return _scalar(node)
            case Map():
                return (
                    "{"
                    + ", ".join(
                        f"{scalar(key.value)}: {self._flow(value, (*path, key.value))}"
                        for key, value in self._ordered(node, path)
                    )
                    + "}"
                )
            case Sequence():
                return (
                    "["
                    + ", ".join(self._flow(one, (*path, "")) for one in self._sorted(node))
                    + "]"
                )

    def _sorted(self, node: Sequence) -> list[Node]:
        """Return the items, names in order; the lines above a part stay above it."""
        names = [_name(item) for item in node.items]
        if not all(names) or self._keeps_blank_lines(node):
            return node.items
        before = self._comments.before
        parts: list[list[Node]] = []
        for item in node.items:
            if not parts or before.get(item):
                parts.append([])
            parts[-1].append(item)
        for part in parts:
            above = before.pop(part[0], [])
            part.sort(key=lambda item: (folded(_name(item)), _name(item)))
            before[part[0]] = above
        return [item for part in parts for item in part]

    def _keeps_blank_lines(self, node: Sequence) -> bool:
        """Return whether a text in *node* does: no blank line could begin a part below that."""
        at = bisect_left(self._keeping, node.start)
        return at < len(self._keeping) and self._keeping[at] < node.end


def _scalar_line(head: str, node: Scalar, beside: str, indent: int) -> str:
    """Return *node* behind *head*, a key or dash that is *indent* columns in."""
    block = node.block
    if block is None:
        return f"{head} {_scalar(node)}{beside}"
    first = next(filter(None, block.lines), "")
    sign = f"{block.sign[0]}{_STEP}{block.sign[1:]}" if first[:1] == " " else block.sign
    lines = [f"{head} {sign}{beside}"]
    lines += [f"{' ' * (indent + _STEP)}{line}" if line else "" for line in block.lines]
    return "\n".join(lines) + ("\n" if block.keeps else "")


def _scalar(node: Scalar) -> str:
    # A lone dash is text between brackets, and the beginning of an item outside of them.
    return node.value if node.style is None and node.value != "-" else scalar(node.value)


def _parts(node: Map | Sequence) -> int:
    """Return how many pairs or items *node* has."""
    return len(node.items if isinstance(node, Sequence) else node.pairs)


def _name(node: Node) -> str:
    """Return the name that an item of a list of members or principals, or of names, stands for."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Map):
        name = node.get("user") or node.get("group")
        return name.value if isinstance(name, Scalar) and "least" not in _keys(node) else ""
    return ""


def _keys(node: Map) -> set[str]:
    return {key.value for key, _ in node.pairs}
