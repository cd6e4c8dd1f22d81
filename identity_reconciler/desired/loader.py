"""A directory of YAML to what it declares, or every problem in it."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from identity_reconciler.declared import Declared
from identity_reconciler.desired.files import SETTINGS_FILE, instance_directories, read_files
from identity_reconciler.desired.gathering import gather
from identity_reconciler.desired.places import Places
from identity_reconciler.desired.references import cross_check
from identity_reconciler.errors import InvalidInputError, Position, Problem

__all__ = ["instance_directories", "load"]


def load(directory: Path) -> Declared:
    """Return what the YAML in *directory* and below declares.

    Raises:
        InvalidInputError: With every problem of every file. A file that cannot be read does not
            hide the problems of the others.
        UsageError: *directory* is not a directory.
    """
    files = read_files(directory)
    return declared_by(files.contents, files.problems)


def declared_by(contents: Mapping[str, bytes], known: Iterable[Problem] = ()) -> Declared:
    """Return what files with these *contents*, by name and in its order, declare.

    Raises:
        InvalidInputError: With every problem of every file, and those that are *known* already.
    """
    with _without_collections():
        gathered = gather(contents)
        problems = [*known, *gathered.problems]
        problems += _not_echoing(gathered.unread, cross_check(gathered, Places(contents)))
    if SETTINGS_FILE not in contents:
        what = "there is no such file" if contents else "the directory holds no *.yaml file"
        problems.append(_missing(what))
    if problems or gathered.settings is None:
        raise InvalidInputError(problems)
    return Declared(
        settings=gathered.settings,
        users=tuple(gathered.users),
        groups=tuple(gathered.groups),
        applications=tuple(gathered.applications),
        approvals=tuple(gathered.approvals),
        files=tuple(contents),
        digest=digest(contents),
    )


def digest(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and bytes, each with its length, in the order of the names."""
    total = hashlib.sha256()
    for name, data in sorted(contents.items()):
        for part in (name.encode(), data):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return total.hexdigest()


def _not_echoing(unread: Collection[Position], problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield *problems* except where the reader has already complained: it is the same cause."""
    return (problem for problem in problems if problem.position not in unread)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Hold back the collector of cyclic garbage.

    What is read stays and has no cycles, so walking over it time and again, as it grows, finds
    nothing: with a hundred thousand users it takes a third of the time. Freezing and unfreezing
    puts it among the old objects, else the first collection afterwards would walk over it all.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _missing(message: str) -> Problem:
    return Problem(
        Position(SETTINGS_FILE, 1, 1), f"{message}; it says which instance this directory is about"
    )
