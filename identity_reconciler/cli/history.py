"""Ask Git: what a directory is checked out at, and the desired state as it stood in a revision."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from identity_reconciler.cli.output import note
from identity_reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.runs.planning import Base


_FILES = ("100644", "100755")
"""Git's modes of plain files; symbolic links are not desired state."""


@contextmanager
def tree_at(directory: Path, revision: str) -> Iterator[Path]:
    """Yield a temporary directory with the YAML files of *directory* as they stood at *revision*.

    Nothing is checked out. The temporary directory is its owner's alone, and goes with the block.

    Raises:
        UsageError: Git does not know *revision*, or *directory* is not in a Git repository.
    """
    commit = _commit(directory, revision)
    with tempfile.TemporaryDirectory(prefix="identity-reconciler-") as name:
        files = dict(_files(directory, commit))
        contents = _contents(directory, list(files.values()))
        for (path, _), content in zip(files.items(), contents, strict=True):
            target = Path(name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        yield Path(name)


def declared_in(tree: Path) -> Declared | None:
    """Return what *tree* declares, or None where it holds no desired state without problems."""
    from identity_reconciler.desired.reading.loader import load

    try:
        return load(tree)
    except ReconcilerError:
        return None


def bases(directory: Path, revision: str, loaded: Sequence[Declared]) -> list[Base | None]:
    """Return, for each of *loaded* from *directory*, how it stood at *revision*.

    None where only a whole plan can tell what the change does; a note on stderr says why.

    Raises:
        UsageError: Git does not know *revision*.
    """
    from identity_reconciler.desired.reading.loader import instance_directories
    from identity_reconciler.runs.planning import Base

    found: list[Base | None] = []
    with tree_at(directory, revision) as tree:
        for one, declared in zip(instance_directories(directory), loaded, strict=True):
            old = declared_in(tree / one.relative_to(directory))
            why = _objection(old, declared)
            if why:
                note(f"{declared.settings.instance.name}: {why} {revision}; planning everything")
            found.append(Base(revision, old) if old is not None and not why else None)
    return found


def _objection(old: Declared | None, new: Declared) -> str | None:
    if old is None:
        return "no desired state without problems stood there at"
    if old.settings != new.settings:
        return "instance.yaml, which touches everything, differs from"
    return None


def _commit(directory: Path, revision: str) -> str:
    name = f"{revision}^{{commit}}"
    found = _git(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    if found is None:
        raise UsageError(
            f"{revision}: Git knows no such commit for {directory}; name one that "
            "is there (a shallow clone may lack it: fetch more history)"
        )
    return found.decode("ascii").split()[-1]


def _files(directory: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Yield path, relative to *directory*, and object name of every YAML file below it."""
    listing = _git(directory, "ls-tree", "-r", "-z", commit) or b""
    for line in filter(None, listing.split(b"\0")):
        facts, _, name = line.partition(b"\t")
        mode, _, identifier = facts.decode("ascii").split()
        path = PurePosixPath(name.decode("utf-8", "surrogateescape"))
        inside = not path.is_absolute() and ".." not in path.parts
        if mode in _FILES and path.suffix in {".yaml", ".yml"} and inside:
            yield str(path), identifier


def _contents(directory: Path, identifiers: list[str]) -> Iterator[bytes]:
    """Yield the bytes of each object, in their order, from one process."""
    answer = _git(directory, "cat-file", "--batch", given="".join(f"{i}\n" for i in identifiers))
    at = 0
    for _ in identifiers:
        end = (answer or b"").index(b"\n", at)
        size = int((answer or b"")[at:end].split()[-1])
        yield (answer or b"")[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def commit_of(directory: Path) -> str | None:
    """Return the commit checked out around *directory*, or None where there is no Git.

    Ends with `-dirty` when something below *directory* is not as committed.
    """
    commit = head_of(directory)
    if commit is None:
        return None
    changed = _git(directory, "status", "--porcelain", "--", ".")
    return f"{commit}-dirty" if changed else commit


def head_of(directory: Path) -> str | None:
    """Return the commit checked out around *directory*, whatever was edited since."""
    head = _git(directory, "rev-parse", "--verify", "HEAD")
    return head.decode("ascii").strip() if head else None


def repository_prefix(directory: Path) -> str:
    """Return the path from the root of the repository to *directory*, with a slash at its end.

    It is empty at the root. Where there is no Git, the root is the working directory.
    """
    top = _git(directory, "rev-parse", "--show-toplevel")
    root = Path(os.fsdecode(top.rstrip(b"\n"))) if top else Path.cwd()
    try:
        path = directory.resolve().relative_to(root.resolve())
    except ValueError:
        path = directory
    return f"{path.as_posix()}/" if path.parts else ""


def _git(directory: Path, *arguments: str, given: str = "") -> bytes | None:
    """Return what Git answers, or None when it cannot."""
    program = shutil.which("git")
    if program is None or not directory.is_dir():
        return None
    # Without a shell; the one word that is not ours stands behind --end-of-options.
    done = subprocess.run(  # noqa: S603
        [program, *arguments],
        cwd=directory,
        input=given.encode("ascii"),
        capture_output=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
