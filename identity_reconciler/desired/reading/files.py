"""Which files a directory of desired state consists of, and their bytes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from identity_reconciler.core.wording import INVISIBLE, did_you_mean, shown
from identity_reconciler.desired.model.text import is_fragment_name
from identity_reconciler.desired.yaml.encoding import MAX_BYTES
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.desired.yaml.tree import Items, position
from identity_reconciler.errors import Position, Problem, UsageError

SETTINGS_FILE = "instance.yaml"
APPROVALS_FILE = "approvals.yaml"
POLICIES_FILE = "policies.yaml"
SPECIAL_FILES = (SETTINGS_FILE, APPROVALS_FILE, POLICIES_FILE)
"""Beside each other at the top of a directory; every other file declares."""
SHARED = "shared"
"""The folder of fragments, beside the directories of the instances that include them."""
OUTSIDE = f"../{SHARED}/"
"""How the names of the files of fragments begin, as seen from the directory of an instance."""

_NOT_PORTABLE = frozenset('<>:"|?*\\')


@dataclass(slots=True)
class FoundFiles:
    """The files of one directory, by name, and what is wrong with some of them."""

    contents: dict[str, bytes] = field(default_factory=dict)
    """Path relative to the directory, with forward slashes, sorted; see `OUTSIDE`."""
    problems: list[Problem] = field(default_factory=list)


def read_files(directory: Path) -> FoundFiles:
    """Return every `*.yaml` file in *directory* and below, and the fragments that it includes.

    Names that start with a dot are skipped.

    Raises:
        UsageError: *directory* is not a directory.
    """
    _require_directory(directory)
    found = FoundFiles()
    _read(_walk(directory, "", found), found)
    if SETTINGS_FILE in found.contents:
        wanted = dict(included(found.contents[SETTINGS_FILE]))
        if wanted:
            _read(_fragments(directory / ".." / SHARED, wanted, found), found)
    found.contents = dict(sorted(found.contents.items()))
    _check_twins(found)
    return found


def included(settings: bytes) -> Iterator[tuple[str, Position]]:
    """Yield the fragments that an `instance.yaml` with these bytes includes, and where it does.

    What is no name of a fragment is left out; whoever reads the settings complains of it.
    """
    root = read(settings, SETTINGS_FILE).root
    names = root.get(SHARED) if root else None
    if isinstance(names, Items):
        for name, mark in zip(names, names.marks, strict=True):
            if isinstance(name, str) and is_fragment_name(name):
                yield name, position(SETTINGS_FILE, mark)


def _read(files: Iterable[tuple[Path, str]], found: FoundFiles) -> None:
    """Add the bytes of *files*, each with its name, to what was *found*."""
    for path, name in files:
        try:
            with path.open("rb") as file:
                found.contents[name] = file.read(MAX_BYTES + 1)
        except OSError as error:
            found.problems.append(_problem(name, f"the file cannot be read: {error.strerror}"))


def is_read(name: str) -> bool:
    """Return whether `read_files` reads a plain file of that path relative to the directory."""
    path = PurePosixPath(name)
    return path.suffix == ".yaml" and not any(part.startswith(".") for part in path.parts)


def is_included(name: str, fragments: Collection[str]) -> bool:
    """Return whether `read_files` reads the file *name* for an instance that includes *fragments*.

    A plain file; *name* is as seen from the directory of the instance, and begins with `OUTSIDE`.
    """
    path = name.removeprefix(OUTSIDE)
    first, _, rest = path.partition("/")
    return is_read(path) and (first if rest else first.removesuffix(".yaml")) in fragments


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


def _walk(directory: Path, prefix: str, found: FoundFiles) -> Iterator[tuple[Path, str]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        name = prefix.rstrip("/") or "."
        found.problems.append(_problem(name, f"the directory cannot be read: {error.strerror}"))
        return
    if _is_repository({entry.name.casefold() for entry in entries}):
        found.problems.append(_problem(_printable(f"{prefix}HEAD"), _REPOSITORY))
    for entry in entries:
        yield from _visit(entry, prefix, found)


def _visit(entry: os.DirEntry[str], prefix: str, found: FoundFiles) -> Iterator[tuple[Path, str]]:
    name = f"{prefix}{entry.name}"
    if entry.name.startswith("."):
        return
    if entry.is_dir(follow_symlinks=False):
        yield from _walk(Path(entry.path), f"{name}/", found)
    elif message := _objection(entry):
        found.problems.append(_problem(_printable(name), message))
    elif entry.name.endswith(".yaml"):
        yield Path(entry.path), name


def _fragments(
    folder: Path, wanted: Mapping[str, Position], found: FoundFiles
) -> Iterator[tuple[Path, str]]:
    """Yield the files of the fragments that are *wanted*, each at its place, of those in *folder*.

    A fragment is a file, or a folder with all the files in it.
    """
    if folder.is_symlink():
        said = f"{OUTSIDE[:-1]} is a symbolic link; put the folder itself there"
        found.problems += [Problem(where, said) for where in wanted.values()]
        return
    entries = {entry.name: entry for entry in os.scandir(folder)} if folder.is_dir() else {}
    known = {PurePath(name).stem for name in entries if not name.startswith(".")}
    for name, where in wanted.items():
        there = [entries[one] for one in (f"{name}.yaml", f"{name}.yml") if one in entries]
        there += [entries[name]] if name in entries and entries[name].is_dir() else []
        if not there:
            said = f"there is no fragment {shown(name)}{did_you_mean(name, known)}"
            expected = f"expected the file {OUTSIDE}{name}.yaml or the folder {OUTSIDE}{name}"
            found.problems.append(Problem(where, f"{said}; {expected}"))
        for entry in there:
            yield from _visit(entry, OUTSIDE, found)


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


def neighbours(directory: Path) -> list[Path]:
    """Return the directories of the other instances beside *directory*, that of one, sorted."""
    this = directory.resolve()
    return [one for one in instance_directories(directory / "..") if one.resolve() != this]


def fragment_files(path: Path) -> list[str]:
    """Return the files of all fragments for the instances in *path*, whoever includes them.

    As seen from the directory of an instance, sorted.
    """
    folder = path / SHARED
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(name for _, name in _walk(folder, OUTSIDE, FoundFiles()))


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
