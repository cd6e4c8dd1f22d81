"""Bytes of one file to a tree of values with places, or the reasons why not.

A strict subset of YAML: mappings, lists and text. What two YAML parsers could read differently,
or what a reviewer could misread, is refused; `building` says what that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from identity_reconciler.desired.yaml.builder import EMPTY, TreeBuilder, UnreadableError
from identity_reconciler.desired.yaml.encoding import decode
from identity_reconciler.desired.yaml.events import event_source, has_libyaml, syntax_error
from identity_reconciler.desired.yaml.tree import START, Fields, Items, Mark, Tree, locate, position
from identity_reconciler.errors import Position, Problem


def read(data: bytes, file: str, *, pure: bool = False, places: bool = True) -> Tree:
    """Return the tree of *data*; its problems name *file*.

    *pure* asks for the pure-Python parser even where libyaml is installed; the result is the same.
    Without *places*, a file that is in order is read faster, and its keys have no places.
    """
    text, problems = decode(data, file)
    if text is None:
        return Tree(file, None, tuple(problems))
    root, found = _build(text, pure=pure, places=places)
    if found and not places:
        root, found = _build(text, pure=pure, places=True)
    if root is None and not found:
        found = [(START, EMPTY)]
    return Tree(file, root, tuple(Problem(position(file, mark), said) for mark, said in found))


# `|#` and a block text that begins with too short a blank line: only libyaml reads these.
_LOOSE_BLOCK_TEXT = re.compile(r"[|>][-+0-9]*(?:#| *(?:#.*)?\r?\n +\r?\n)")


def _build(text: str, *, pure: bool, places: bool) -> tuple[Fields | None, list[tuple[Mark, str]]]:
    pure = pure or _LOOSE_BLOCK_TEXT.search(text) is not None
    careful = pure or not has_libyaml() or "&" in text or "!" in text
    builder = TreeBuilder(event_source(text, pure=pure), careful=careful, places=places)
    try:
        return builder.root(), builder.found
    except MarkedYAMLError as error:
        return None, [*builder.found, syntax_error(error)]
    except YAMLError:
        return None, [*builder.found, (START, "the file is not valid YAML")]
    except UnreadableError:
        return None, builder.found


class Places:
    """Reads a file again to find a place in it; keeps the last file."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents
        self._file = ""
        self._entries: dict[Position, Fields] = {}

    def of(self, entry: Position, *path: str) -> Position:
        """Return where the value at *path* in the entry that stands at *entry* starts."""
        if entry.file != self._file:
            self._file = entry.file
            self._entries = dict(self._read(entry.file))
        fields = self._entries.get(entry)
        return entry if fields is None else position(entry.file, locate(fields, path))

    def _read(self, file: str) -> list[tuple[Position, Fields]]:
        root = read(self._contents[file], file).root or Fields(START)
        return [
            (position(file, fields.mark), fields)
            for section in root.values()
            if isinstance(section, Items)
            for fields in section
            if isinstance(fields, Fields)
        ]
