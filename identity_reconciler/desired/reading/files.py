"""Which files a directory of desired state consists of, and their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from identity_reconciler.core.wording import INVISIBLE, shown
from identity_reconciler.desired.yaml.encoding import MAX_BYTES
from identity_reconciler.errors import Position, Problem, UsageError

SETTINGS_FILE = "instance.yaml"
APPROVALS_FILE = "approvals.yaml"
POLICIES_FILE = "policies.yaml"
SPECIAL_FILES = (SETTINGS_FILE, APPROVALS_FILE, POLICIES_FILE)
"""Beside each other at the top of a directory; every other file declares."""

_NOT_PORTABLE = frozenset('<>:"|?*\\')


@dataclass(slots=True)
class FoundFiles:
    """The files of one directory, by name, and what is wrong with some of them."""

    contents: dict[str, bytes] = field(default_factory=dict)
    """Path relative to the directory, with forward slashes, sorted."""
    problems: list[Problem] = field(default_factory=list)


def read_files(directory: Path) -> FoundFiles:
    """Return every `*.yaml` file in *directory* and below. Names that start with a dot are skipped.

    Raises:
        UsageError: *directory* is not a directory.
    """
    _require_directory(directory)
    found = FoundFiles()
    for path, name in sorted(_walk(directory, directory, found), key=lambda pair: pair[1]):
        try:
            with path.open("rb") as file:
                found.contents[name] = file.read(MAX_BYTES + 1)
        except OSError as error:
            found.problems.append(_problem(name, f"the file cannot be read: {error.strerror}"))
    _check_twins(found)
    return found


def is_read(name: str) -> bool:
    """Return whether `read_files` reads a plain file of that path relative to the directory."""
    path = PurePosixPath(name)
    return path.suffix == ".yaml" and not any(part.startswith(".") for part in path.parts)


def _require_directory(directory: Path) -> None:
    if directory.is_dir():
        return
    if directory.exists():
        raise UsageError(f"{shown(str(directory))} is a file; give the directory it is in")
    raise UsageError(
        f"{shown(str(directory))} does not exist; give the directory that holds {SETTINGS_FILE}, "
        "or make one with: identity-reconciler init"
    )


def _problem(name: str, message: str) -> Problem:
    return Problem(Position(name, 1, 1), message)


def _walk(root: Path, directory: Path, found: FoundFiles) -> Iterator[tuple[Path, str]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        name = directory.relative_to(root).as_posix()
        found.problems.append(_problem(name, f"the directory cannot be read: {error.strerror}"))
        return
    if _is_repository({entry.name.casefold() for entry in entries}):
        name = (directory.relative_to(root) / "HEAD").as_posix()
        found.problems.append(_problem(_printable(name), _REPOSITORY))
    for entry in entries:
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path, found)
        elif message := _objection(entry):
            found.problems.append(_problem(_printable(name), message))
        elif entry.name.endswith(".yaml"):
            yield path, name


_REPOSITORY = (
    "with HEAD, objects and refs (or commondir) Git takes this directory for a repository of its "
    "own and may run what its config says; remove these files"
)


def _is_repository(names: set[str]) -> bool:
    """Return whether Git would take a directory with these folded *names* for a repository.

    Source: is_git_directory in Git's setup.c.
    """
    return "head" in names and ("commondir" in names or {"objects", "refs"} <= names)


def _objection(entry: os.DirEntry[str]) -> str | None:
    """Return what is wrong with *entry*, which is no directory and may be none of our business."""
    suffix = PurePath(entry.name).suffix
    if suffix.lower() not in {".yaml", ".yml"} and not (entry.is_symlink() and entry.is_dir()):
        return None
    if entry.is_symlink():
        return "a symbolic link; only files of this directory are read: put the file itself here"
    if suffix != ".yaml":
        return f"{shown(suffix)} files are not read; rename it to .yaml"
    if not entry.is_file():
        return "not a regular file; remove it"
    if not entry.name.isprintable() or (_NOT_PORTABLE | INVISIBLE) & set(entry.name):
        return "the file's name has characters that not every system can store; rename it"
    return None


def _printable(name: str) -> str:
    return name if name.isprintable() and not INVISIBLE & set(name) else shown(name)


def _check_twins(found: FoundFiles) -> None:
    first: dict[str, str] = {}
    for name in found.contents:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            message = f"differs from {shown(other)} only in letter case; rename one of them"
            found.problems.append(_problem(name, message))


def instance_directories(path: Path) -> list[Path]:
    """Return the directories of desired state at *path*: itself, or its children, sorted.

    Raises:
        UsageError: Neither *path* nor a child of it holds `instance.yaml`.
    """
    _require_directory(path)
    if (path / SETTINGS_FILE).exists():
        return [path]
    children = sorted(child for child in path.iterdir() if (child / SETTINGS_FILE).is_file())
    if not children:
        raise UsageError(
            f"neither {shown(str(path))} nor a directory in it holds {SETTINGS_FILE};"
            " one directory with that file is one instance"
        )
    return children
