"""One layout for every file: keys in the order of the schema, one indentation, quotes if needed.

Lists of names are sorted; a blank line or a comment on a line of its own begins a new part of a
list, which is sorted by itself. What is in brackets stays there when it fits on a line and holds
no comment. Comments are kept, and so is every value.
"""

from __future__ import annotations

from collections.abc import Iterator

from identity_reconciler.core.state import folded
from identity_reconciler.desired.model.approvals import ApprovalsDocument
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.entries import Declarations
from identity_reconciler.desired.model.findings import model_at
from identity_reconciler.desired.model.instance import SettingsDocument
from identity_reconciler.desired.reading.files import APPROVALS_FILE, SETTINGS_FILE
from identity_reconciler.desired.yaml.comments import Comments, comments_of
from identity_reconciler.desired.yaml.emit import WIDTH, scalar
from identity_reconciler.desired.yaml.syntax import (
    BLOCK_STYLES,
    Map,
    Node,
    Scalar,
    Sequence,
    parse,
)

_MODELS: dict[str, type[Document]] = {
    SETTINGS_FILE: SettingsDocument,
    APPROVALS_FILE: ApprovalsDocument,
}
_ENTRY_DEPTH = 2
"""Sections are one level down, their entries two: those are never in brackets."""


def formatted(data: bytes, file: str) -> bytes:
    """Return *data*, which the reader accepts as *file*, in the one layout. Twice is once."""
    source = parse(data, file)
    comments = comments_of(source)
    layout = _Layout(comments, _MODELS.get(file, Declarations))
    lines = list(layout.root(source.root))
    while lines and not lines[0]:
        lines.pop(0)
    return "".join(f"{line.rstrip()}\n" for line in _single_blanks(lines)).encode()


def _single_blanks(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        is_last = all(not rest for rest in lines[number:])
        if not is_last and (line or (number and lines[number - 1])):
            yield line
        elif is_last:
            return


class _Layout:
    def __init__(self, comments: Comments, model: type[Document]) -> None:
        self._comments = comments
        self._model = model

    def root(self, node: Map) -> Iterator[str]:
        """Yield the lines of a file."""
        for number, (key, value) in enumerate(node.pairs):
            if number and "" not in self._comments.before[key][:1]:
                yield ""
            yield from self._pair(key, value, 0, (key.value,), first=number == 0)
        if not node.pairs:
            yield "{}"
        yield from self._notes(self._comments.after[node], 0)

    def _notes(self, notes: list[str], indent: int) -> Iterator[str]:
        return (f"{' ' * indent}{note}" if note else "" for note in notes)

    def _head(self, node: Node, indent: int, *, first: bool) -> Iterator[str]:
        """Yield the lines above a key or an item; nothing blank above the first."""
        notes = list(self._comments.before[node])
        while first and notes and not notes[0]:
            del notes[0]
        beside = self._comments.beside[node]
        yield from self._notes([*notes, *beside[1:]], indent)

    def _within_nothing(self, node: Node) -> list[str]:
        """Return the comments between brackets that hold nothing else: they go above them."""
        empty = not isinstance(node, Scalar) and not _parts(node)
        return [note for note in self._comments.after[node] if note] if empty else []

    def _beside(self, node: Node) -> str:
        return "".join(f" {note}" for note in self._comments.beside[node][:1])

    def _ordered(self, node: Map, path: tuple[str, ...]) -> list[tuple[Scalar, Node]]:
        """Return the pairs of *node* in the order in which the schema lists the keys."""
        known = {key: n for n, key in enumerate(model_at(self._model, path).model_fields)}
        return sorted(node.pairs, key=lambda pair: known.get(pair[0].value, len(known)))

    def _pair(
        self, key: Scalar, value: Node, indent: int, path: tuple[str, ...], *, first: bool
    ) -> Iterator[str]:
        yield from self._head(key, indent, first=first)
        yield from self._notes(self._within_nothing(value), indent)
        head = f"{' ' * indent}{scalar(key.value)}:"
        beside = self._beside(key)
        short = self._short(value, len(head) + 1, path)
        if short is not None:
            yield f"{head} {short}{beside}"
        elif isinstance(value, Scalar):
            yield f"{head} {self._block_head(value)}{beside}"
            yield from self._block_text(value, indent + 2)
        else:
            yield f"{head}{beside}"
            yield from self._collection(value, indent + 2, path)

    def _collection(
        self, node: Map | Sequence, indent: int, path: tuple[str, ...]
    ) -> Iterator[str]:
        if isinstance(node, Map):
            for number, (key, value) in enumerate(self._ordered(node, path)):
                yield from self._pair(key, value, indent, (*path, key.value), first=number == 0)
        else:
            for number, item in enumerate(self._sorted(node)):
                yield from self._item(item, indent, (*path, ""), first=number == 0)
        yield from self._notes(self._comments.after[node], indent)

    def _item(
        self, node: Node, indent: int, path: tuple[str, ...], *, first: bool
    ) -> Iterator[str]:
        yield from self._head(node, indent, first=first)
        yield from self._notes(self._within_nothing(node), indent)
        dash = f"{' ' * indent}- "
        short = self._short(node, indent + 2, path)
        if short is not None:
            yield f"{dash}{short}{self._beside(node)}"
        elif isinstance(node, Scalar):
            yield f"{dash}{self._block_head(node)}{self._beside(node)}"
            yield from self._block_text(node, indent + 2)
        else:
            lines = list(self._collection(node, indent + 2, path))
            start = next(n for n, one in enumerate(lines) if one and one.lstrip()[:1] != "#")
            above = [f"{' ' * indent}{one.strip()}".rstrip() for one in lines[:start]]
            yield from (*above, *self._notes(self._comments.beside[node][:1], indent))
            yield f"{dash}{lines[start][indent + 2 :]}"
            yield from lines[start + 1 :]

    def _short(self, node: Node, column: int, path: tuple[str, ...]) -> str | None:
        """Return *node* as it stands behind its key or dash; None when it needs lines."""
        if isinstance(node, Scalar):
            return None if self._keeps_lines(node) else self._scalar(node)
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
                return self._scalar(node)
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

    def _scalar(self, node: Scalar) -> str:
        # A lone dash is text between brackets, and the beginning of an item outside of them.
        return node.value if node.style is None and node.value != "-" else scalar(node.value)

    def _keeps_lines(self, node: Scalar) -> bool:
        """Return whether *node* is a block scalar that is worth keeping as one."""
        return node.style in BLOCK_STYLES and _plain_block(node.value)

    def _block_head(self, node: Scalar) -> str:
        return "|" if node.value.endswith("\n") else "|-"

    def _block_text(self, node: Scalar, indent: int) -> Iterator[str]:
        lines = node.value.removesuffix("\n").split("\n")
        return (f"{' ' * indent}{line}" if line else "" for line in lines)

    def _sorted(self, node: Sequence) -> list[Node]:
        """Return the items, names in order; the lines above a part stay above it."""
        names = [_name(item) for item in node.items]
        if not all(names):
            return node.items
        parts: list[list[Node]] = []
        for item in node.items:
            if not parts or self._comments.before[item]:
                parts.append([])
            parts[-1].append(item)
        for part in parts:
            above = self._comments.before.pop(part[0], [])
            part.sort(key=lambda item: (folded(_name(item)), _name(item)))
            self._comments.before[part[0]] = above
        return [item for part in parts for item in part]


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


def _plain_block(text: str) -> bool:
    """Return whether *text* can be a block scalar without any sign but the common ones."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and not text.endswith("\n\n")
        # Blank lines in a row become one, which is not for a text.
        and "\n\n\n" not in text
        and lines[0] != ""
        and not any(line != line.strip() or line.startswith("#") for line in lines)
    )
