"""The journal of an apply: JSON lines that say what was begun and what became of it.

It is a record for people and auditors; nothing reads it to resume, because a new plan sees what
was done. It holds names, so only its owner may read it.
"""

from __future__ import annotations

import json
import os
import threading
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
    """One file per apply; every line is on disk before the call returns. Safe to share by threads.

    The first line says when and for which instance, and the last how the run ended. Between them
    every change that was written has two lines, however often it was tried: `begin`, on disk
    before the first request goes out, and `end`. Changes that are carried out side by side have
    theirs in between. A `begin` without `end` marks a write that was in flight when the process
    was killed; an `end` without `begin` a change for which nothing was sent.

    Lines that several threads write at once are made durable together: while one of them waits
    for the disk, the others' lines gather, and the next one takes them all.
    """

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], datetime],
        header: dict[str, str],
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._clock, self._sync = clock, sync
        # Of a thread, and not of its process: several instances may begin in one moment.
        name = f"{clock():%Y%m%dT%H%M%S.%fZ}-{threading.get_native_id()}.jsonl"
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
        self._gathering = threading.Lock()
        """Held while lines are added or taken; with `_writing`, it is the inner one."""
        self._lines: list[bytes] = []
        self._noted = 0
        """How many lines there have been."""
        self._writing = threading.Lock()
        """Held by whoever writes to the file."""
        self._durable = 0
        """How many lines are on disk."""
        self._broken: str | None = None
        """Why nothing can be written any more."""
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
        """Return when the line is on disk."""
        with self._gathering:
            line = {"at": f"{self._clock():%Y-%m-%dT%H:%M:%S.%fZ}", "event": event, **data}
            self._lines.append(f"{json.dumps(line)}\n".encode("ascii"))
            self._noted += 1
            number = self._noted
        with self._writing:
            if self._durable < number:
                self._write_gathered()

    def _write_gathered(self) -> None:
        """Write all lines that have gathered, and make them durable at once."""
        if self._broken is not None:
            raise JournalError(self._broken)
        with self._gathering:
            lines, self._lines = self._lines, []
            noted = self._noted
        left = memoryview(b"".join(lines))
        try:
            while left:
                left = left[self._file.write(left) :]
            self._sync(self._file.fileno())
        except OSError as error:
            # Its last line may be torn, and nothing is to come after that.
            self._file.close()
            self._broken = (
                f"cannot write the journal {self.path}: {error.strerror}; "
                "stopped before the next change, run the same command again when this is mended"
            )
            raise JournalError(self._broken) from error
        self._durable = noted
