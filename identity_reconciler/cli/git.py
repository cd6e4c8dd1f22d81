"""Ask Git, and let nothing that a change can bring along decide what runs.

A directory of desired state may hold anything that somebody could commit: files that make it look
like a repository, attributes, links. So the work tree is found by its `.git`, which Git never
tracks; Git is started there and nowhere else; nothing is asked that runs a program which the
repository names (no status, diff, filters, hooks or fetches); and no variable of the environment
leads it elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from identity_reconciler.errors import UsageError

_FILES = ("100644", "100755")
"""Git's modes of plain files; symbolic links are not desired state."""
_SHA1_DIGITS = 40
"""Of the name of an object; SHA-256 takes 64. Source: gitformat-pack."""
_SETTINGS = (
    # A directory with HEAD, objects and refs is no repository unless it is called one.
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    # Where objects are missing, older versions fetch them although they are told not to.
    "protocol.allow=never",
)
"""On the command line, where they come before all configuration. Source: git-config."""


@dataclass(frozen=True, slots=True)
class LastChange:
    """Which commit changed something."""

    commit: str
    """Its full name."""
    author: str
    """As the commit says, which nobody has checked."""
    day: str
    """As YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The work tree around a directory."""

    top: Path
    program: str

    def commit(self, revision: str) -> str | None:
        """Return the full name of the commit *revision*, or None where Git knows none."""
        name = f"{revision}^{{commit}}"
        answer = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return answer.decode("ascii").split()[-1] if answer else None

    def descends(self, older: str, newer: str) -> bool | None:
        """Return whether the commit *newer* descends from *older*, both full names.

        None where it cannot be told: one of them is not here, or the history ends too early.
        """
        if (self.commit(older), self.commit(newer)) != (older, newer):
            return None
        # Merge bases are printed, and a commit that is the base of both is the older one.
        base = self._ask("merge-base", "--all", older, newer)
        if older in (base or b"").decode("ascii").split():
            return True
        shallow = self._ask("rev-parse", "--is-shallow-repository")
        return False if (shallow or b"").strip() == b"false" else None

    def files(self, commit: str, directory: Path) -> dict[str, str]:
        """Return the object of each plain file below *directory* in *commit*, by relative path.

        There are none where *directory* is not in the work tree.
        """
        place = directory.resolve()
        if not place.is_relative_to(self.top):
            return {}
        below = place.relative_to(self.top).as_posix()
        answer = self._ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", f"{below}/")
        return dict(_listed(answer or b"", "" if below == "." else f"{below}/"))

    def blame(self, commit: str, path: str) -> dict[int, LastChange]:
        """Return who last changed each line of the file *path*, below the top, by its number."""
        answer = self._ask("blame", "--no-textconv", "--line-porcelain", commit, "--", path)
        return dict(_blamed((answer or b"").decode("utf-8", "replace")))

    def changes_of(
        self, commit: str, directories: Iterable[Path], pattern: str
    ) -> list[LastChange]:
        """Return the commits up to *commit* that change a line with *pattern*, newest first.

        Only those count that change it in a file below one of *directories*.
        """
        places = [one.resolve() for one in directories]
        inside = [one for one in places if one.is_relative_to(self.top)]
        below = [f"{one.relative_to(self.top).as_posix()}/" for one in inside]
        answer = self._ask(
            *("log", "--no-textconv", "--no-ext-diff", "--format=%H%x00%an%x00%cI"),
            *(f"-G{pattern}", commit, "--", *below),
        )
        lines = (answer or b"").decode("utf-8", "replace").splitlines()
        parts = (line.split("\0") for line in lines)
        return [LastChange(found, author, when[:10]) for found, author, when in parts]

    def contents(self, objects: Iterable[str]) -> Iterator[bytes]:
        """Yield the bytes of each of *objects*, in their order, from one process.

        Raises:
            UsageError: One of them is not there, as in a clone that fetches files when needed.
        """
        names = list(objects)
        answer = self._ask("cat-file", "--batch", given="".join(f"{name}\n" for name in names))
        at = 0
        for name in names:
            end = (answer or b"").find(b"\n", at)
            head = (answer or b"")[at : max(end, at)].split()
            if len(head) != 3 or head[1] != b"blob":  # noqa: PLR2004 - name, kind, size
                raise UsageError(f"Git has no content for {name}; fetch the whole history first")
            start, size = end + 1, int(head[2])
            yield (answer or b"")[start : start + size]
            at = start + size + 1

    def holds(self, files: Mapping[str, str], contents: Mapping[str, bytes]) -> bool:
        """Return whether *contents* are just the objects in *files*, by path.

        A checkout may have turned line ends into CRLF, which changes nothing.
        """
        return files.keys() == contents.keys() and all(
            files[path] in {_name(data, files[path]), _name(_unix(data), files[path])}
            for path, data in contents.items()
        )

    def _ask(self, *arguments: str, given: str = "") -> bytes | None:
        """Return what Git answers, or None when it cannot."""
        settings = (part for setting in _SETTINGS for part in ("-c", setting))
        # Without a shell; the one word that is not ours stands behind --end-of-options.
        done = subprocess.run(  # noqa: S603
            [self.program, "--no-replace-objects", *settings, *arguments],
            cwd=self.top,
            env=self._environment(),
            input=given.encode("ascii"),
            capture_output=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
        return {
            **kept,
            "GIT_CEILING_DIRECTORIES": str(self.top.parent),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
        }


def repository_around(directory: Path) -> Repository | None:
    """Return the repository whose work tree *directory* is in; None where there is none, or no Git.

    A program called git that is in the work tree itself, or that only a relative entry of PATH
    leads to, is not Git.
    """
    found = directory.resolve()
    top = next((one for one in (found, *found.parents) if (one / ".git").exists()), None)
    if top is None:
        return None
    places = [Path(place) for place in os.get_exec_path()]
    outside = [one for one in places if one.is_absolute() and not one.resolve().is_relative_to(top)]
    program = shutil.which("git", path=os.pathsep.join(map(str, outside)))
    return Repository(top, program) if program and Path(program).is_absolute() else None


def _blamed(answer: str) -> Iterator[tuple[int, LastChange]]:
    """Yield each line's number and last change. Source: git-blame, the porcelain format."""
    commit, line, author, day = "", 0, "", ""
    for text in answer.split("\n"):
        key, _, value = text.partition(" ")
        if text.startswith("\t"):
            yield line, LastChange(commit, author, day)
        elif key == "author":
            author = value
        elif key == "author-time":
            day = datetime.fromtimestamp(int(value), UTC).date().isoformat()
        elif len(key) >= _SHA1_DIGITS and value[:1].isdigit():
            commit, line = key, int(value.split()[1])


def _listed(answer: bytes, prefix: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, answer.split(b"\0")):
        facts, _, name = line.partition(b"\t")
        mode, _, identifier = facts.decode("ascii").split()
        path = PurePosixPath(os.fsdecode(name).removeprefix(prefix))
        inside = not path.is_absolute() and ".." not in path.parts
        if mode in _FILES and inside:
            yield str(path), identifier


def _name(data: bytes, like: str) -> str:
    """Return the name of the object that holds *data*, made the way *like* was."""
    algorithm = "sha1" if len(like) == _SHA1_DIGITS else "sha256"
    digest = hashlib.new(algorithm, b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")
