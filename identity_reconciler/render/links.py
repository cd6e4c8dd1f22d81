"""Where the lines of the desired state can be looked at: pages of GitHub and GitLab.

Source: docs.github.com, "Creating a permanent link to a code snippet"; docs.gitlab.com,
"Predefined CI/CD variables reference".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from identity_reconciler.errors import file_below
from identity_reconciler.render.document import PositionDocument, SourceDocument

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_SERVER = re.compile(r"https?://[\w.:~%/-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Lines:
    """The pages of one repository."""

    before: str = ""
    """Stands before the commit; empty: there are no pages."""
    range: str = "-L"
    """Stands between the first line and the last."""

    def page(self, source: SourceDocument, at: PositionDocument, last: int) -> str:
        """Return the address of lines in a file of *source*; empty when it is not known.

        Without a commit, or with files that are not as committed, nobody can know it.
        """
        if not self.before or source.directory is None or source.commit is None:
            return ""
        if not _COMMIT.fullmatch(source.commit):
            return ""
        path = quote(file_below(source.directory, at.file), errors="surrogatepass")
        end = f"{self.range}{last}" if last > at.line else ""
        return f"{self.before}/{source.commit}/{path}#L{at.line}{end}"


NOWHERE = Lines()
"""Where no repository is known."""


def lines_of(environment: Mapping[str, str]) -> Lines:
    """Return the pages of the repository whose job has *environment*; those of none elsewhere."""
    repository = environment.get("GITHUB_REPOSITORY")
    if repository:
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        return _lines(f"{server}/{repository}/blob", "-L")
    project = environment.get("CI_PROJECT_URL")
    return _lines(f"{project}/-/blob", "-") if project else NOWHERE


def _lines(before: str, between: str) -> Lines:
    return Lines(before, between) if _SERVER.fullmatch(before) else NOWHERE
