"""Where a key of an entry stands, found again when a problem needs it."""

from __future__ import annotations

from collections.abc import Mapping

from identity_reconciler.desired.reader import read
from identity_reconciler.desired.tree import START, Fields, Items, locate, position
from identity_reconciler.errors import Position


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
