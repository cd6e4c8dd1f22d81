"""Load the desired state as it stood in a Git revision."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from identity_reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from identity_reconciler.declared import Declared

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
    from identity_reconciler.desired.loader import load

    try:
        return load(tree)
    except ReconcilerError:
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
