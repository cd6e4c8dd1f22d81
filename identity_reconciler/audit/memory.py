"""What each account answered, kept in a file, so that an interrupted audit can be resumed.

One JSON value a line: first what the audit was about, then the answer of an account each, as
`results` takes it apart. Only accounts that could be looked into are kept; the others are asked
again.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from identity_reconciler.audit.inspection import Visit
from identity_reconciler.audit.results import parts, visit_of
from identity_reconciler.errors import UsageError

FORMAT = "identity-reconciler/audit-accounts 2"


class Memory(Protocol):
    """Where the answers of accounts are kept. Thread-safe."""

    def visits(self) -> Mapping[str, Visit]:
        """Return the accounts that are known, by account id."""
        ...

    def keep(self, visit: Visit) -> None:
        """Keep what became of one call."""
        ...


class Forgetful:
    """See Memory. Keeps nothing."""

    def visits(self) -> Mapping[str, Visit]:
        """See Memory."""
        return {}

    def keep(self, visit: Visit) -> None:
        """See Memory."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file of answers is about; answers to another question do not fit."""

    role: str
    regions: tuple[str, ...] = ()
    format: str = FORMAT


_ABOUT = TypeAdapter(About)


class AccountFile:
    """See Memory. A file, readable by its owner only, that grows by a line for each account.

    Raises:
        UsageError: The file is about another audit, is none at all, or cannot be used.
    """

    def __init__(self, path: Path, about: About) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._found = self._read(about)
            self._write(_ABOUT.dump_json(about), *map(_line, self._found.values()), anew=True)
        except OSError as error:
            raise UsageError(f"cannot use {path}: {error.strerror}; name another file") from error

    def visits(self) -> Mapping[str, Visit]:
        """See Memory."""
        return self._found

    def keep(self, visit: Visit) -> None:
        """See Memory."""
        with self._lock:
            self._write(_line(visit))

    def _read(self, about: About) -> Mapping[str, Visit]:
        if not self._path.exists() or not self._path.stat().st_size:
            return {}
        first, *lines = self._path.read_bytes().split(b"\n")
        try:
            found = _ABOUT.validate_json(first)
        except ValidationError as error:
            raise UsageError(
                f"{self._path} does not hold the answers of accounts; name another file"
            ) from error
        if found.format != about.format:
            raise UsageError(
                f"{self._path} was written by another version of this program; name another file"
            )
        if found != about:
            raise UsageError(
                f"{self._path} is about role {found.role} in {_places(found)}, not about role "
                f"{about.role} in {_places(about)}; name another file"
            )
        visits = (self._visit(line) for line in lines)
        return {visit.account.account_id: visit for visit in visits if visit is not None}

    def _visit(self, line: bytes) -> Visit | None:
        """Return what *line* holds; nothing when it was cut off by the end of a process."""
        try:
            return visit_of(json.loads(line))
        except ValueError:
            return None

    def _write(self, *lines: bytes, anew: bool = False) -> None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
        with os.fdopen(os.open(self._path, flags, 0o600), "wb") as file:
            if anew:
                self._path.chmod(0o600)
            file.write(b"".join(line + b"\n" for line in lines))


def _places(about: About) -> str:
    return ", ".join(about.regions) or "all Regions"


def _line(visit: Visit) -> bytes:
    return json.dumps(parts(visit), ensure_ascii=True, separators=(",", ":")).encode()
