"""The workflows that `init --github` writes: our templates, fitted to a repository.

Everything that they run comes from the commit of the tool that they name, and what plans pull
requests comes from the branch main of the repository, whatever the pull request says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

from identity_reconciler import __version__
from identity_reconciler.errors import UsageError

_TEMPLATES = resources.files("identity_reconciler") / "templates" / "github" / "workflows"
_APPROVED, _REVIEWED = "apply-approved.yml", "apply.yml"
_OWN_ACTION = "$/.github/actions/identity-reconciler"
_OWN_WORKFLOW = "$/.github/workflows/plan-pull-request.yml"
_PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
"""A path that needs no quotes, in YAML or in a shell."""
_REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ADDRESS = re.compile(r"(?:https://|ssh://git@)github\.com/([^/]+/[^/]+?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True)
class Tool:
    """Where jobs get the tool from: a repository on GitHub, and one commit of it."""

    repository: str
    """OWNER/NAME."""
    commit: str
    """The hash, 40 hexadecimal digits: it fixes every file of the tool and of its action."""

    @classmethod
    def parsed(cls, text: str) -> Tool:
        """Return the tool in *text*, OWNER/NAME@COMMIT.

        Raises:
            UsageError: It is something else, such as a tag, which may be moved.
        """
        repository, _, commit = text.partition("@")
        if not _REPOSITORY.fullmatch(repository) or not _COMMIT.fullmatch(commit):
            raise UsageError(
                f"{text} names no commit of this tool; expected OWNER/NAME@ and the 40 digits of a "
                "commit, because a tag or a branch may be moved"
            )
        return cls(repository, commit)

    @classmethod
    def installed(cls) -> Tool | None:
        """Return what this very program was installed from, or None if no commit is known.

        Source: packaging.python.org, "Recording the Direct URL Origin of installed distributions".
        """
        try:
            text = metadata.distribution("identity-reconciler").read_text("direct_url.json")
        except metadata.PackageNotFoundError:
            return None
        return cls.recorded(text or "{}")

    @classmethod
    def recorded(cls, text: str) -> Tool | None:
        """Return the tool that *text*, a `direct_url.json`, is about, or None if it is another."""
        record = json.loads(text)
        commit = record.get("vcs_info", {}).get("commit_id", "")
        address = _ADDRESS.fullmatch(record.get("url", ""))
        if address and _REPOSITORY.fullmatch(address[1]) and _COMMIT.fullmatch(commit):
            return cls(address[1], commit)
        return None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the workflows are to run."""

    directory: Path
    """Of the desired state, relative to the root of the repository."""
    repository: str
    """OWNER/NAME, on GitHub."""
    tool: Tool

    def __post_init__(self) -> None:
        path = self.directory.as_posix()
        if not _PLAIN.fullmatch(path) or ".." in self.directory.parts:
            raise UsageError(
                f"{path} cannot stand in a workflow; --github needs a path below the root of the "
                "repository, of letters, digits, `.`, `-` and `_`"
            )
        if not _REPOSITORY.fullmatch(self.repository):
            raise UsageError(f"{self.repository} is no repository; expected OWNER/NAME")


def workflow_files(place: Destination, *, reviewers: bool) -> dict[Path, bytes]:
    """Return what belongs below `.github`, by its path.

    With *reviewers* somebody approves the plan of the merged commit; without, the plan of the
    pull request is what may be applied.
    """
    found = {entry.name: entry.read_text(encoding="utf-8") for entry in _TEMPLATES.iterdir()}
    approved = found.pop(_APPROVED)
    if not reviewers:
        found[_REVIEWED] = approved
    folder = Path(".github/workflows")
    return {folder / name: _fitted(text, place).encode() for name, text in found.items()}


def _fitted(text: str, place: Destination) -> str:
    tool = place.tool
    action = f"{tool.repository}/{_OWN_ACTION.removeprefix('$/')}@{tool.commit} # v{__version__}"
    called = f"{place.repository}/{_OWN_WORKFLOW.removeprefix('$/')}@main"
    text = text.replace(_OWN_ACTION, action)
    text = text.replace(_OWN_WORKFLOW, f"{called} # zizmor: ignore[unpinned-uses]")
    return re.sub(
        r"(?<= )desired-state(?= |$)", place.directory.as_posix(), text, flags=re.MULTILINE
    )
