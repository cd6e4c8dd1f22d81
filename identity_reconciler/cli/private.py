"""Write files that hold personal data: whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from identity_reconciler.errors import UsageError


def write_private(content: bytes, path: Path) -> None:
    """Write *content* to *path* with mode 0600, in place of what was there.

    Raises:
        UsageError: *path* cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another file") from error
