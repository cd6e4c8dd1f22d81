"""JSON Schemas of the YAML, made from the models, for editors: completion, hover, red lines.

They are looser than the models: a schema cannot know another file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from identity_reconciler.desired.model.approvals import ApprovalsDocument
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.entries import Declarations
from identity_reconciler.desired.model.findings import model_at, unknown_key
from identity_reconciler.desired.model.instance import SettingsDocument
from identity_reconciler.desired.model.policies import PoliciesDocument
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from pydantic import JsonValue
    from pydantic_core.core_schema import WithDefaultSchema


DESIRED_STATE = "desired-state.schema.json"
"""The schema of the files with users, groups and applications."""

APPROVALS = "approvals.schema.json"
"""The schema of `approvals.yaml`."""

INSTANCE = "instance.schema.json"
"""The schema of `instance.yaml`."""

POLICIES = "policies.schema.json"
"""The schema of `policies.yaml`."""


def schemas() -> dict[str, str]:
    """Return the text of each schema by the name of its file in `schemas/`."""
    return {
        APPROVALS: _text(ApprovalsDocument, "Approvals: exceptions to the guards"),
        DESIRED_STATE: _text(Declarations, "Desired state: users, groups and applications"),
        INSTANCE: _text(SettingsDocument, "Desired state: instance and settings"),
        POLICIES: _text(PoliciesDocument, "Policies: rules that hold"),
    }


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without the defaults that only stand for a key that is not there."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Keep a default that is a value one could write."""
        described = super().default_schema(schema)
        if described.get("default") in (None, "", [], {}):
            described.pop("default", None)
        return described


def _text(model: type[Document], title: str) -> str:
    body: dict[str, JsonValue] = model.model_json_schema(schema_generator=_Generator)
    head = {"$schema": _Generator.schema_dialect, "title": title}
    ordered = head | {key: value for key, value in _for_people(body).items() if key not in head}
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def _for_people(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return *schema* with a title for every key, and each description on one line.

    Pydantic leaves out the title of a key whose value is a mapping; editors wrap lines themselves.
    """
    changed: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            changed[key] = {name: _titled(name, found) for name, found in value.items()}
        elif isinstance(value, dict):
            changed[key] = _for_people(value)
        elif key == "description" and isinstance(value, str):
            changed[key] = " ".join(value.split())
        else:
            changed[key] = value
    return changed


def _titled(name: str, described: JsonValue) -> JsonValue:
    if not isinstance(described, dict):
        return described
    return {"title": name.replace("_", " ").capitalize()} | {
        key: value for key, value in _for_people(described).items() if key != "title"
    }


_FILES: tuple[type[Document], ...] = (
    Declarations,
    SettingsDocument,
    ApprovalsDocument,
    PoliciesDocument,
)


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
