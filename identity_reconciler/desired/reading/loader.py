"""A directory of YAML to what it declares, or every problem in it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from identity_reconciler.core.access_reviews import with_lapses
from identity_reconciler.core.collecting import without_collections
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.flattening import flattened
from identity_reconciler.desired.reading.entries import gather
from identity_reconciler.desired.reading.files import (
    SETTINGS_FILE,
    instance_directories,
    read_files,
)
from identity_reconciler.desired.reading.references import cross_check
from identity_reconciler.desired.yaml.reader import Places
from identity_reconciler.errors import InvalidInputError, Position, Problem

__all__ = ["instance_directories", "load"]


def load(directory: Path) -> Declared:
    """Return what the YAML in *directory* and below declares.

    With the ends that reviews give it, and with the members that includes and rules give, as far
    as the YAML alone says who they are.

    Raises:
        InvalidInputError: With every problem of every file. A file that cannot be read does not
            hide the problems of the others.
        UsageError: *directory* is not a directory.
    """
    files = read_files(directory)
    return flattened(with_lapses(declared_by(files.contents, files.problems)))


def declared_by(contents: Mapping[str, bytes], known: Iterable[Problem] = ()) -> Declared:
    """Return what files with these *contents*, by name and in its order, declare.

    Every end, and every member, is one that is written; see `access_reviews.with_lapses` and
    `flattening`.

    Raises:
        InvalidInputError: With every problem of every file, and those that are *known* already.
    """
    with without_collections():
        gathered = gather(contents)
        problems = [*known, *gathered.problems]
        # What could not be read may declare what others refer to.
        gathered.complete = gathered.complete and len(problems) == len(gathered.problems)
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


def _missing(message: str) -> Problem:
    return Problem(
        Position(SETTINGS_FILE, 1, 1), f"{message}; it says which instance this directory is about"
    )
