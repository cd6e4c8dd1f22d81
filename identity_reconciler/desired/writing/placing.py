"""Every file of a directory with its structure, and where each entry of it stands."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from identity_reconciler.core.declared import DeclaredApplication, DeclaredGroup, DeclaredUser
from identity_reconciler.desired.model.schema import DESIRED_STATE
from identity_reconciler.desired.reading.files import OUTSIDE, SETTINGS_FILE, SPECIAL_FILES
from identity_reconciler.desired.writing.editors import editor_line
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.desired.yaml.edits import Operation
from identity_reconciler.desired.yaml.emit import Data, entry_lines
from identity_reconciler.desired.yaml.encoding import MAX_BYTES
from identity_reconciler.desired.yaml.syntax import Map, Scalar, Sequence, parse
from identity_reconciler.errors import Position

SECTIONS = ("users", "groups", "applications")


@dataclass(slots=True)
class ListedSection:
    """One of the lists of a file."""

    operation: Operation
    key: Scalar
    items: Sequence


@dataclass(slots=True)
class Entry:
    """One entry of a section."""

    section: ListedSection
    number: int
    node: Map


class Catalog:
    """What a `Rewrite` is about to change, by sections and entries.

    Changes are collected and made by `finish`; positions stay those of the files as they are.
    """

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._operations: dict[str, Operation] = {}
        self._entries: dict[str, dict[int, Entry]] = {}
        self._new: dict[str, dict[str, list[Mapping[str, Data]]]] = {}
        self._line_starts: dict[str, list[int]] = {}
        self._gone: dict[tuple[str, str], tuple[ListedSection, set[int]]] = {}
        self._largest: dict[str, str] = {}

    def entry(self, declared: DeclaredUser | DeclaredGroup | DeclaredApplication) -> Entry:
        """Return where *declared* stands."""
        return self.entry_at(declared.position)

    def entry_at(self, position: Position) -> Entry:
        """Return the entry that stands at *position*."""
        file = position.file
        if file not in self._entries:
            self._entries[file] = {
                entry.node.start: entry
                for name in SECTIONS
                if (section := self.section(file, name)) is not None
                for entry in _entries(section)
            }
        return self._entries[file][self._offset(position)]

    def settings(self) -> Operation:
        """Return what changes the settings."""
        return self._operation(SETTINGS_FILE)

    def section(self, file: str, name: str) -> ListedSection | None:
        """Return the section called *name* of *file*, if it has one."""
        operation = self._operation(file)
        for key, value in operation.source.root.pairs:
            if key.value == name and isinstance(value, Sequence):
                return ListedSection(operation, key, value)
        return None

    def remove(self, entry: Entry) -> None:
        """Remove *entry*."""
        section = entry.section
        key = (section.operation.file, section.key.value)
        self._gone.setdefault(key, (section, set()))[1].add(entry.number)

    def add(self, file: str, section: str, entry: Mapping[str, Data]) -> None:
        """Put *entry* at the end of a section of *file*, both made where they are not there."""
        self._new.setdefault(file, {}).setdefault(section, []).append(entry)

    def finish(self) -> None:
        """Hand every change to the `Rewrite`."""
        for section, numbers in self._gone.values():
            refilled = bool(self._new.get(section.operation.file, {}).get(section.key.value))
            section.operation.remove_entries(section.key, section.items, numbers, refilled=refilled)
        for file, sections in self._new.items():
            if file in self._rewrite.contents:
                self._add_to(file, sections)
            else:
                line = editor_line(file, DESIRED_STATE) if self._rewrite.for_editors else None
                for name, data in new_files(file, sections, line):
                    self._rewrite.put(name, data)
        for file, operation in self._operations.items():
            mark = codecs.BOM_UTF8 if self._rewrite.contents[file][:3] == codecs.BOM_UTF8 else b""
            self._rewrite.put(file, mark + operation.result())

    def _add_to(self, file: str, sections: Sections) -> None:
        operation = self._operation(file)
        for name, entries in sections.items():
            section = self.section(file, name)
            if section is None:
                operation.add_section(name, entries)
                continue
            operation.add_entries(section.key, section.items, entries)

    def _operation(self, file: str) -> Operation:
        if file not in self._operations:
            source = parse(self._rewrite.contents[file], file)
            self._operations[file] = Operation(source, file)
        return self._operations[file]

    def _offset(self, position: Position) -> int:
        if position.file not in self._line_starts:
            text = self._operation(position.file).source.text
            starts = (match.end() for match in re.finditer("\n", text))
            self._line_starts[position.file] = [0, *starts]
        return self._line_starts[position.file][position.line - 1] + position.column - 1

    def choose(self, section: str) -> str:
        """Return the file for a new entry: the one with most in that section, or a new one."""
        if section in self._largest:
            return self._largest[section]
        sizes = {
            file: len(found.items.items)
            for file in self._rewrite.contents
            if PurePosixPath(file).name not in SPECIAL_FILES
            # What is new is for this instance, unless somebody says that it is for others, too.
            and not file.startswith(OUTSIDE)
            and (found := self.section(file, section)) is not None
        }
        largest = min(sizes, key=lambda file: (-sizes[file], file), default=f"{section}.yaml")
        return self._largest.setdefault(section, largest)


Sections = Mapping[str, list[Mapping[str, Data]]]


def new_files(
    file: str, sections: Sections, first_line: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield the files that hold *sections*: *file*, and numbered ones where it would be too large.

    Entries are separated by a blank line. With a *first_line*, each file has it.
    """
    top = [] if first_line is None else [first_line]
    part, size, lines = 1, 0, list[str]()
    for name, entries in sections.items():
        head = True
        for entry in entries:
            added = ["", *entry_lines(entry, 2)]
            weight = sum(len(line.encode()) + 1 for line in added)
            if size + weight > MAX_BYTES - _SPARE:
                yield _numbered(file, part), _text(top, lines)
                part, size, lines, head = part + 1, 0, [], True
            lines += ["", f"{name}:", *added[1:]] if head else added
            size, head = size + weight, False
    yield _numbered(file, part), _text(top, lines)


_SPARE = 1_000_000
"""Room that is left in a new file for what is added to it later, in bytes."""


def _numbered(file: str, part: int) -> str:
    return file if part == 1 else f"{file.removesuffix('.yaml')}-{part}.yaml"


def _text(top: list[str], lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in [*top, *lines[1:]]).encode()


def _entries(section: ListedSection) -> Iterator[Entry]:
    for number, node in enumerate(section.items.items):
        if isinstance(node, Map):
            yield Entry(section, number, node)
