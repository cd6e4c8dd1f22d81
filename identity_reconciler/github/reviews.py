"""A pull request for each sheet of a review that has none yet, on a branch with that one file.

The branch is made by GitHub's API, so a job that may write needs no checkout. Source:
docs.github.com, "REST API endpoints" for Git references, repository contents and pull requests.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from identity_reconciler.github.api import Github
from identity_reconciler.github.comments import written_by


@dataclass(frozen=True, slots=True)
class ProposedSheet:
    """One sheet, as it shall be in the repository."""

    path: str
    """Relative to the root, with forward slashes."""
    title: str
    """What it is about, on one line and without a name that could be a mention."""
    text: str

    @property
    def marker(self) -> str:
        """The hidden first line of its pull request: of each subject one is open at a time."""
        # Two hyphens could end the comment.
        about = quote(self.text.partition("\n")[0], safe="").replace("--", "-%2D")
        return f"<!-- identity-reconciler review: {about} -->"

    @property
    def body(self) -> str:
        """What the pull request says."""
        head = self.text.partition("\n## ")[0].partition("\n")[2].strip()
        return (
            f"{self.marker}\n{head}\n\n"
            f"The sheet is `{self.path}` on this branch. What `review finish` changes belongs "
            "here, too; merging it is the record."
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the branches of pull requests begin, and where these lead."""

    commit: str
    base: str
    """The name of the branch that they are to be merged into."""
    run: str
    """Names the branches, so that none of them is there already."""


def propose(
    github: Github, author: str, sheets: Sequence[ProposedSheet], at: Beginning
) -> Iterator[str]:
    """Open what *author* has not opened yet; yield what was done for each of *sheets*."""
    listed = github.listed("/pulls", state="open", base=at.base)
    ours = [one for one in listed if written_by(one, author)]
    for number, sheet in enumerate(sheets, start=1):
        is_open = [one for one in ours if (one["body"] or "").startswith(sheet.marker)]
        if is_open:
            yield f"{sheet.path}: pull request {is_open[0]['number']} is open"
            continue
        branch = f"review/{at.run}-{number}"
        github.send("POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": at.commit})
        content = b64encode(sheet.text.encode()).decode()
        file = {"message": "Begin a review", "content": content, "branch": branch}
        github.send("PUT", f"/contents/{quote(sheet.path)}", file)
        about = {"title": sheet.title, "head": branch, "base": at.base, "body": sheet.body}
        made = github.send("POST", "/pulls", about)
        yield f"{sheet.path}: opened pull request {made['number']}"
