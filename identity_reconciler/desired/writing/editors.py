"""What an editor needs to complete and check the YAML: schemas beside it, and a line in each file.

The files are in the adopter's repository and found by relative paths, so nothing is fetched. The
folder begins with a dot, so that nothing in it is taken for desired state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from identity_reconciler.desired.model.schema import (
    APPROVALS,
    DESIRED_STATE,
    INSTANCE,
    POLICIES,
    schemas,
)
from identity_reconciler.desired.reading.files import APPROVALS_FILE, POLICIES_FILE, SETTINGS_FILE

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


_PLACES = {
    INSTANCE: (SETTINGS_FILE,),
    APPROVALS: (APPROVALS_FILE,),
    POLICIES: (POLICIES_FILE,),
    DESIRED_STATE: (
        "applications.yaml",
        "users.yaml",
        "groups.yaml",
        "users/*.yaml",
        "groups/*.yaml",
    ),
}
"""Where each kind of file is, relative to the directory of an instance, as `init` lays them out."""


def catalog(address: str) -> list[dict[str, object]]:
    """Return an entry of the catalog of SchemaStore for each schema of YAML in *address*.

    They match what is in a `desired-state/`, or in the directory of an instance below it. Source:
    SchemaStore, CONTRIBUTING, "How to add a JSON Schema that's self-hosted".
    """
    return [
        {
            "name": f"identity-reconciler {name.partition('.')[0]}",
            "description": "Desired state of AWS IAM Identity Center for identity-reconciler",
            "fileMatch": [
                f"**/desired-state/{below}{place}" for place in places for below in ("", "*/")
            ],
            "url": f"{address}/{name}",
        }
        for name, places in _PLACES.items()
    ]
