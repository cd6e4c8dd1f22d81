"""Who has to review what: CODEOWNERS, read as GitHub reads it. Pure.

Source: docs.github.com, "About code owners". The last line that matches counts; a line that GitHub
cannot read counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for it; the first that is there counts."""

_OWNER = re.compile(r"@[\w.-]+(/[\w.-]+)?|[^\s@]+@[^\s@]+\.[^\s@]+", re.ASCII)
_WORD = re.compile(r"(?:\\.|[^\\\s])+")


@dataclass(frozen=True, slots=True)
class OwnersRule:
    """One line of CODEOWNERS."""

    line: int
    """Begins with 1."""
    pattern: str
    owners: tuple[str, ...]
    """Empty: whatever matches has no owner, whoever stands above."""

    def matches(self, path: str) -> bool:
        """Return whether the rule is about *path*, relative to the root of the repository."""
        return re.fullmatch(_expression(self.pattern), path) is not None


def owners_rules(text: str) -> list[OwnersRule]:
    """Return the rules of a CODEOWNERS file in their order, without the lines that GitHub skips."""
    return list(_readable(text))


def deciding_rule(rules: Sequence[OwnersRule], path: str) -> OwnersRule | None:
    """Return the rule that says who owns *path*, or None if no rule is about it."""
    return next((rule for rule in reversed(rules) if rule.matches(path)), None)


def owners_lines(directory: str, owners: str, approvers: str) -> str:
    """Return CODEOWNERS for a repository whose desired state is in *directory*, relative to it.

    *approvers* own what decides how a change is judged and who reviews it, *owners* the rest that
    a job reads: the state itself, and files at the top, such as `.gitattributes`.
    """
    below = "/" if directory == "." else f"/{directory}/"
    return (
        "# The last line that matches counts.\n"
        f"/* {owners}\n"
        f"{below if below != '/' else '*'} {owners}\n"
        f"{below}instance.yaml {approvers}\n"
        f"{below}approvals.yaml {approvers}\n"
        f"/.github/ {approvers}\n"
    )


def _readable(text: str) -> Iterator[OwnersRule]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = _WORD.findall(line)
        comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
        pattern, *owners = words[:comment] or [""]
        # GitHub knows neither negation nor ranges of letters.
        if not pattern or pattern.startswith("!") or set("[]") & set(pattern):
            continue
        if all(map(_OWNER.fullmatch, owners)):
            yield OwnersRule(number, re.sub(r"\\(.)", r"\1", pattern), tuple(owners))


def _expression(pattern: str) -> str:
    """Return what paths match *pattern* as a regular expression."""
    everything_below = pattern.endswith("/")
    body = pattern.strip("/")
    anchored = pattern.startswith("/") or "/" in body
    parts = body.split("/")
    text = "" if anchored else "(?:.*/)?"
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            text += ".+" if last else "(?:.*/)?"
        else:
            text += _segment(part) + ("" if last else "/")
    if everything_below:
        return f"{text}/.+"
    # `docs/*` is about the files of docs alone, while `docs` is about all below it as well.
    return text if parts[-1] == "*" and anchored else f"{text}(?:/.+)?"


def _segment(part: str) -> str:
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(letter) or re.escape(letter) for letter in part)
