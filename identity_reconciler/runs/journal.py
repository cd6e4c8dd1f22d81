"""The journal of an apply: JSON lines that say what was begun and what became of it.

It is a record for people and auditors; nothing reads it to resume, because a new plan sees what
was done. It holds names, so only its owner may read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType

from identity_reconciler.core.plan import Change, step_of
from identity_reconciler.errors import ReconcilerError
from identity_reconciler.runs.applier import Result


class JournalError(ReconcilerError):
    """The journal could not be written, so nothing more is written to AWS."""


class JournalFile(AbstractContextManager["JournalFile"]):
    """One file per apply; every line is on disk before the call returns.

    The first line says when and for which instance, then come two lines a change (`begin`,
    `end`), and last how the run ended. A `begin` without `end` marks a write that was in flight
    when the process was killed.
    """

    def __init__(
        self, directory: Path, clock: Callable[[], datetime], header: dict[str, str]
    ) -> None:
        self._clock = clock
        name = f"{clock():%Y%m%dT%H%M%S.%fZ}-{os.getpid()}.jsonl"
        self.path = directory / name
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise JournalError(
                f"cannot create the journal {self.path}: {error.strerror}; "
                "make its directory writable, nothing was changed"
            ) from error
        # Without a buffer: what could not be written must not come up again when it is closed.
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._write("start", header)

    def starting(self, change: Change) -> None:
        """Note that *change* is about to be written."""
        self._write("begin", {"step": step_of(change), "key": "/".join(change.key)})

    def finished(self, result: Result) -> None:
        """Note what became of it."""
        key = "/".join(result.change.key)
        self._write("end", {"key": key, "outcome": result.outcome, "detail": result.detail})

    def close(self, ending: str) -> None:
        """Write how the run ended and close the file."""
        if not self._file.closed:
            self._write("stop", {"ending": ending})
            self._file.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file, whatever ended the run."""
        self.close("complete" if kind is None else kind.__name__)

    def _write(self, event: str, data: dict[str, str]) -> None:
        line = {"at": f"{self._clock():%Y-%m-%dT%H:%M:%S.%fZ}", "event": event, **data}
        left = memoryview(f"{json.dumps(line)}\n".encode("ascii"))
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            # Its last line may be torn, and nothing is to come after that.
            self._file.close()
            raise JournalError(
                f"cannot write the journal {self.path}: {error.strerror}; "
                "stopped before the next change, run the same command again when this is mended"
            ) from error
