"""The workflows and the action of a repository on GitHub, from `templates/github`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from identity_reconciler import __version__
from identity_reconciler.errors import UsageError

_TEMPLATES = resources.files("identity_reconciler") / "templates" / "github"
_APPROVED = "workflows/apply-approved.yml"
_REVIEWED = "workflows/apply.yml"
_PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
"""A path that needs no quotes, in YAML or in a shell."""


def github_files(directory: Path, *, reviewers: bool) -> dict[Path, bytes]:
    """Return what belongs below `.github`, by its path, for the desired state in *directory*.

    With *reviewers* somebody approves the plan of the merged commit; without, the plan of the
    pull request is what may be applied.

    Raises:
        UsageError: *directory* is no plain path below the root of the repository.
    """
    path = directory.as_posix()
    if not _PLAIN.fullmatch(path) or ".." in directory.parts:
        raise UsageError(
            f"{path} cannot stand in a workflow; --github needs a path below the root of the "
            "repository, of letters, digits, `.`, `-` and `_`"
        )
    found = dict(_templates(_TEMPLATES, PurePosixPath()))
    approved = found.pop(_APPROVED)
    if not reviewers:
        found[_REVIEWED] = approved
    return {Path(".github", name): _fitted(text, path).encode() for name, text in found.items()}


def _templates(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, at / entry.name)
        else:
            yield str(at / entry.name), entry.read_text(encoding="utf-8")


def _fitted(text: str, directory: str) -> str:
    """Return *text* for this version of the tool, and for *directory*."""
    text = re.sub(r"\bidentity-reconciler==[\w.]+", f"identity-reconciler=={__version__}", text)
    return re.sub(r"(?<= )desired-state(?= |$)", directory, text, flags=re.MULTILINE)
