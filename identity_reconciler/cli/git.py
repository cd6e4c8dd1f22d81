"""Ask Git which commit a directory is at."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def commit_of(directory: Path) -> str | None:
    """Return the commit checked out around *directory*, or None where there is no Git.

    Ends with `-dirty` when something below *directory* is not as committed.
    """
    commit = _git(directory, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changed = _git(directory, "status", "--porcelain", "--", ".")
    return f"{commit}-dirty" if changed else commit


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
