"""Write a file whole: whoever reads it finds either the old or the new, never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from identity_reconciler.errors import UsageError

_PRIVATE, _PUBLIC = 0o600, 0o644


def replace_file(path: Path, data: bytes, *, private: bool = False, parents: bool = False) -> None:
    """Let the file at *path* hold *data*, with the mode that it has; a new one gets 0644.

    With *parents* the directories above it are made, else they have to be there.

    A *private* file gets mode 0600 whatever it had: it holds personal data. Where *path* is a
    link, the file that it leads to is replaced and the link stays. A device or a pipe is written
    to as it is.

    Raises:
        UsageError: It cannot be written; what was there is there still.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path.resolve(), data, private=private)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another file") from error


def _replace(path: Path, data: bytes, *, private: bool) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else _PUBLIC
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_PRIVATE if private else mode)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
