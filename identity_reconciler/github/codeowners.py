"""Who has to review what: CODEOWNERS, read as GitHub reads it. Pure.

Source: docs.github.com, "About code owners". The last line that matches counts; a line that GitHub
cannot read counts for nothing.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from identity_reconciler.core.declared import Declared, DeclaredApplication, DeclaredGroup
from identity_reconciler.core.state import folded

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for it; the first that is there counts."""

_OWNER = re.compile(r"@[\w.-]+(/[\w.-]+)?|[^\s@]+@[^\s@]+\.[^\s@]+", re.ASCII)
_WORD = re.compile(r"(?:\\.|[^\\\s])+", re.ASCII)
_LARGEST = 3_000_000
"""Bytes; GitHub reads no larger file."""
_ANY_DEPTH = "**"


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
        below_only = self.pattern.endswith("/")
        parts = self.pattern.strip("/").split("/")
        anchored = len(parts) > 1 or self.pattern.startswith("/")
        # `docs/*` is about the files of docs alone, while `docs` is about all below it as well.
        files_only = anchored and parts[-1] == "*" and not below_only
        if not anchored:
            parts.insert(0, _ANY_DEPTH)
        if parts[-1] == _ANY_DEPTH:
            parts[-1] = "*"
        depths = _depths_matched(parts, names := path.split("/"))
        return any(not files_only if depth < len(names) else not below_only for depth in depths)


def owners_rules(text: str) -> list[OwnersRule]:
    """Return the rules of a CODEOWNERS file in their order, without what GitHub skips."""
    return list(_readable(text)) if len(text.encode()) <= _LARGEST else []


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
        f"{below}policies.yaml {approvers}\n"
        f"/.github/ {approvers}\n"
    )


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A file of groups and applications that have owners, and who GitHub is to ask about it."""

    file: str
    """Relative to the directory of the instance."""
    handles: tuple[str, ...]
    """As `@name`, `@organisation/team` or an e-mail address; nobody where `trouble` says why."""
    trouble: str = ""


def owned_files(declared: Declared, handles: Mapping[str, str]) -> Iterator[OwnedFile]:
    """Yield each file in which something has owners, by name.

    *handles* has what GitHub calls them, by `user/NAME` and `group/NAME`, folded. A line of
    CODEOWNERS is about a whole file, and one of its owners is enough: so all that a file declares
    must have the same owners, and be groups and applications.
    """
    entries: dict[str, list[DeclaredGroup | DeclaredApplication]] = {}
    declaring: tuple[DeclaredGroup | DeclaredApplication, ...]
    declaring = (*declared.groups, *declared.applications)
    for one in declaring:
        entries.setdefault(one.position.file, []).append(one)
    with_users = {one.position.file for one in declared.users}
    for file, some in sorted(entries.items()):
        owners = [{folded(str(owner)): str(owner) for owner in one.owners} for one in some]
        if not any(owners):
            continue
        unknown = sorted(set().union(*owners) - handles.keys())
        if file in with_users:
            trouble = "it declares users as well; keep them in files of their own"
        elif any(one.keys() != owners[0].keys() for one in owners):
            trouble = "not all in it has the same owners; keep what others own in other files"
        elif unknown:
            names = ", ".join(owners[0][one] for one in unknown)
            trouble = f"give --codeowner for {names}"
        else:
            trouble = ""
        found = () if trouble else tuple(handles[one] for one in owners[0])
        yield OwnedFile(file, tuple(dict.fromkeys(found)), trouble)


def owned_line(directory: str, owned: OwnedFile) -> str:
    """Return the line of CODEOWNERS for *owned*, in *directory* relative to the repository."""
    path = f"{'' if directory == '.' else f'/{directory}'}/{owned.file}"
    escaped = re.sub(r"[\\ #*?]", r"\\\g<0>", path)
    return f"{escaped} {' '.join(owned.handles)}"


def is_handle(text: str) -> bool:
    """Return whether GitHub takes *text* for an owner."""
    return _OWNER.fullmatch(text) is not None


def _readable(text: str) -> Iterator[OwnersRule]:
    for number, line in enumerate(text.split("\n"), start=1):
        words = _WORD.findall(line)
        comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
        pattern, *owners = words[:comment] or [""]
        # GitHub knows neither negation nor ranges of letters.
        if not pattern or pattern.startswith("!") or set("[]") & set(pattern):
            continue
        if all(map(_OWNER.fullmatch, owners)):
            yield OwnersRule(number, re.sub(r"\\(.)", r"\1", pattern), tuple(owners))


def _depths_matched(parts: Sequence[str], names: Sequence[str]) -> Iterator[int]:
    """Yield after how many of *names* all of *parts* are used up.

    Step by step with every way at once, so that no pattern takes long.
    """
    ways = _with_none(parts, {0})
    for depth, name in enumerate(names, start=1):
        ways = _with_none(
            parts,
            {
                at if parts[at] == _ANY_DEPTH else at + 1
                for at in ways - {len(parts)}
                if parts[at] == _ANY_DEPTH or fnmatch.fnmatchcase(name, parts[at])
            },
        )
        if len(parts) in ways:
            yield depth


def _with_none(parts: Sequence[str], ways: set[int]) -> set[int]:
    """Return *ways*, and those on which `**` stands for no folder."""
    for at, part in enumerate(parts):
        if at in ways and part == _ANY_DEPTH:
            ways = ways | {at + 1}
    return ways
