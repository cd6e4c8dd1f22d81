"""Ask Git which commit a directory is at, and where in its repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


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
    return _git(directory, "rev-parse", "--verify", "HEAD") or None


def repository_prefix(directory: Path) -> str:
    """Return the path from the root of the repository to *directory*, with a slash at its end.

    It is empty at the root. Where there is no Git, the root is the working directory.
    """
    root = Path(_git(directory, "rev-parse", "--show-toplevel") or Path.cwd())
    try:
        path = directory.resolve().relative_to(root.resolve())
    except ValueError:
        path = directory
    return f"{path.as_posix()}/" if path.parts else ""


def _git(directory: Path, *arguments: str) -> str:
    """Return what Git answers, or nothing when it cannot."""
    program = shutil.which("git")
    if program is None:
        return ""
    # The arguments are fixed words of this module.
    done = subprocess.run(  # noqa: S603
        [program, *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
