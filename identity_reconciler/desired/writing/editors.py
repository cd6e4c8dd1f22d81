"""What an editor needs to complete and check the YAML: schemas beside it, and a line in each file.

The files are in the adopter's repository and found by relative paths, so nothing is fetched. The
folder begins with a dot, so that nothing in it is taken for desired state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from identity_reconciler.desired.model.schema import schemas

FOLDER = ".schemas"
"""Relative to the directory of an instance."""


def schema_files() -> Mapping[str, bytes]:
    """Return the schemas by path relative to the directory of an instance."""
    return {f"{FOLDER}/{name}": text.encode() for name, text in sorted(schemas().items())}


def stale_schemas(directory: Path) -> list[str]:
    """Return the names of the schemas in *directory* that are not those of this program."""
    return [
        name
        for name, data in schema_files().items()
        if (path := directory / name).is_file() and path.read_bytes() != data
    ]


def editor_line(file: str, schema: str) -> str:
    """Return the first line of *file*, which tells editors its *schema*.

    Source: redhat-developer/yaml-language-server, README, "Using inlined schema".
    """
    return f"# yaml-language-server: $schema={'../' * file.count('/')}{FOLDER}/{schema}"
