"""What a key of the YAML means, as its model says."""

from __future__ import annotations

import json
from collections.abc import Iterator

from identity_reconciler.desired.approval_documents import ApprovalsDocument
from identity_reconciler.desired.base import Document
from identity_reconciler.desired.documents import Declarations
from identity_reconciler.desired.findings import model_at, unknown_key
from identity_reconciler.desired.settings import SettingsDocument
from identity_reconciler.errors import UsageError

_FILES: tuple[type[Document], ...] = (Declarations, SettingsDocument, ApprovalsDocument)


def manual(path: str) -> Iterator[str]:
    """Yield lines about the key at *path*, its parts separated by dots, and the keys below it.

    Raises:
        UsageError: There is no such key.
    """
    parts = tuple(path.split("."))
    root = next((one for one in _FILES if parts[0] in one.model_fields), None)
    if root is None:
        known = ", ".join(key for one in _FILES for key in one.model_fields)
        raise UsageError(f"no key {parts[0]}; at the top are {known}")
    for depth in range(1, len(parts) + 1):
        if parts[depth - 1] not in model_at(root, parts[: depth - 1]).model_fields:
            raise UsageError(unknown_key(root, parts[:depth]))
    yield f"{path}: {_described(model_at(root, parts[:-1]), parts[-1])}"
    yield from _examples(model_at(root, parts[:-1]), parts[-1])
    below = model_at(root, parts)
    if below is not model_at(root, parts[:-1]):
        for key in below.model_fields:
            yield f"  {key}: {_described(below, key)}"


def _described(model: type[Document], key: str) -> str:
    return " ".join((model.model_fields[key].description or "").split())


def _examples(model: type[Document], key: str) -> Iterator[str]:
    for example in model.model_fields[key].examples or ():
        yield f"  for example {json.dumps(example, ensure_ascii=False)}"
