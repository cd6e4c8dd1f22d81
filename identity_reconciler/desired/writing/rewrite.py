"""Change files of one directory: all that is to change at once, checked before it is written."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from identity_reconciler.core.declared import Declared
from identity_reconciler.desired.reading.files import (
    OUTSIDE,
    FoundFiles,
    neighbours,
    read_files,
)
from identity_reconciler.desired.reading.loader import declared_by
from identity_reconciler.desired.writing.editors import FOLDER
from identity_reconciler.desired.writing.replacement import replace_file
from identity_reconciler.errors import InvalidInputError, Problem, UsageError, file_below


class Rewrite:
    """The files of a directory, which need not exist yet, as they are and as they shall be."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        found = read_files(directory) if directory.exists() else FoundFiles()
        self.problems = tuple(found.problems)
        self._before = dict(found.contents)
        self._known: tuple[Mapping[str, bytes], Declared] | None = None
        """The contents that were looked at last, and what they declare."""
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
        if self._known is None or self._known[0] != self.contents:
            contents = dict(sorted(self.contents.items()))
            self._known = contents, declared_by(contents, self.problems)
        return self._known[1]

    def sharers(self) -> list[Path]:
        """Return the directories of the other instances that read a file which is to change.

        Raises:
            InvalidInputError: There would be something wrong with one of them that is not so now.
        """
        shared = {name: self.contents[name] for name in self.changed if name.startswith(OUTSIDE)}
        if not shared:
            return []
        found: list[Path] = []
        problems: list[Problem] = []
        for one in neighbours(self.directory):
            files = read_files(one)
            if shared.keys() & files.contents.keys():
                found.append(one)
                after = {name: shared.get(name, data) for name, data in files.contents.items()}
                known = _problems(files.contents, files.problems)
                new = _problems(after, files.problems) - known
                problems += [_as_seen(problem, f"../{one.name}/") for problem in new]
        if problems:
            raise InvalidInputError(problems)
        return found

    def diff(self, *, but: Collection[str] = ()) -> str:
        """Return the difference as a unified diff, without the files that are in *but*."""
        names = [name for name in self.changed if name not in but]
        return "".join(line for name in names for line in self._diff_of(name))

    def _diff_of(self, name: str) -> Iterator[str]:
        before, after = self._before.get(name), self.contents[name]
        path = _from_the_top(self.directory / name)
        old, new = _quoted(f"a/{path}"), _quoted(f"b/{path}")
        yield f"diff --git {old} {new}\n"
        if before is None:
            yield "new file mode 100644\n"
        # Behind a name with a blank a tab says where it ends. Source: git-diff, format of patches.
        tab = "\t" if " " in path else ""
        old = os.devnull if before is None else f"{old}{tab}"
        lines = (_lines(before or b""), _lines(after))
        yield from difflib.unified_diff(*lines, old, f"{new}{tab}")

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


def _problems(contents: Mapping[str, bytes], known: Sequence[Problem]) -> set[Problem]:
    try:
        declared_by(contents, known)
    except InvalidInputError as error:
        return set(error.problems)
    return set()


def _as_seen(problem: Problem, prefix: str) -> Problem:
    """Return *problem* of what *prefix* leads to as seen from where that begins."""
    where = problem.position
    return replace(problem, position=replace(where, file=file_below(prefix, where.file)))


def _lines(data: bytes) -> list[str]:
    """Return the lines of *data* as Git parts them: each ends in a line feed, whatever is in it."""
    return re.findall("[^\n]*\n", data.decode("utf-8"))


def _from_the_top(path: Path) -> str:
    """Return *path* as a patch names it: from the top of the work tree, if it is in one."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays what it is called
    tops = [one for one in whole.parents if (one / ".git").exists()]
    base = tops[0] if tops else Path.cwd()
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else path.as_posix()


def _quoted(path: str) -> str:
    """Return *path* as Git writes it in the head of a patch."""
    if not _ODD.search(path):
        return path
    return '"' + _ODD.sub(lambda odd: f"\\{ord(odd[0]):03o}", path) + '"'


_ODD = re.compile(r'["\\\x00-\x1f\x7f]')
