"""Change files of one directory: all that is to change at once, checked before it is written."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from identity_reconciler.core.declared import Declared
from identity_reconciler.desired.reading.files import FoundFiles, read_files
from identity_reconciler.desired.reading.loader import declared_by
from identity_reconciler.desired.writing.editors import FOLDER
from identity_reconciler.desired.writing.replacement import replace_file
from identity_reconciler.errors import UsageError


class Rewrite:
    """The files of a directory, which need not exist yet, as they are and as they shall be."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        found = read_files(directory) if directory.exists() else FoundFiles()
        self.problems = tuple(found.problems)
        self._before = dict(found.contents)
        self.contents = dict(found.contents)
        """Path relative to the directory, with forward slashes, to the bytes as they shall be."""
        self.for_editors = (directory / FOLDER).is_dir()
        """Whether a new file begins with the line that leads editors to its schema."""

    @property
    def changed(self) -> list[str]:
        """The names of the files that are not as they shall be, sorted."""
        return sorted(
            name for name, data in self.contents.items() if self._before.get(name) != data
        )

    @property
    def new(self) -> list[str]:
        """The names of the files that are not there yet, sorted."""
        return [name for name in self.changed if name not in self._before]

    def put(self, file: str, data: bytes) -> None:
        """Let *file* hold *data*."""
        self.contents[file] = data

    def declared(self) -> Declared:
        """Return what the files, as they shall be, declare.

        Raises:
            InvalidInputError: There would be something wrong with them.
        """
        return declared_by(dict(sorted(self.contents.items())), self.problems)

    def diff(self, *, but: Collection[str] = ()) -> str:
        """Return the difference as a unified diff, without the files that are in *but*."""
        names = [name for name in self.changed if name not in but]
        return "".join(line for name in names for line in self._diff_of(name))

    def _diff_of(self, name: str) -> Iterator[str]:
        before = self._before.get(name, b"").decode("utf-8").splitlines(keepends=True)
        after = self.contents[name].decode("utf-8").splitlines(keepends=True)
        path = (self.directory / name).as_posix()
        yield from difflib.unified_diff(before, after, f"a/{path}" if before else os.devnull, path)

    def write(self) -> None:
        """Write what has changed; each file is replaced as a whole.

        Raises:
            UsageError: Someone else has changed a file since it was read; nothing is written.
        """
        for name in self.changed:
            path = self.directory / name
            if (path.read_bytes() if path.exists() else None) != self._before.get(name):
                raise UsageError(f"{path} has changed in the meantime; run the command again")
        for name in self.changed:
            replace_file(self.directory / name, self.contents[name], parents=True)
