"""The JSON Schemas of a saved plan and its like, made from the documents, for other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from identity_reconciler.render.document import PlanDocument

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue
    from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

PLAN = "plan.schema.json"
"""The name of its file in `schemas/`."""
_DIGEST: dict[str, JsonValue] = {
    "description": "SHA-256 over the canonical bytes of everything else; it comes last.",
    "type": "string",
    "pattern": "^sha256:[0-9a-f]{64}$",
}


def plan_schema() -> str:
    """Return the text of the schema. It takes plans of newer minor versions as well."""
    schema = schema_of(PlanDocument, "A saved plan of identity-reconciler")
    properties, required = schema["properties"], schema["required"]
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise TypeError("a model has become something else than an object with properties")
    properties["digest"] = _DIGEST
    # What has a default is always written, and without it the file would not be a plan.
    required += ["digest", "format", "format_version"]
    return schema_text(schema)


def schema_of(model: type[BaseModel], title: str) -> dict[str, JsonValue]:
    """Return the schema of what is written of a *model*."""
    body: dict[str, JsonValue] = model.model_json_schema(schema_generator=_Generator)
    head: dict[str, JsonValue] = {"$schema": _Generator.schema_dialect, "title": title}
    return head | {key: value for key, value in _tidy(body).items() if key != "title"}


def schema_text(schema: dict[str, JsonValue]) -> str:
    """Return *schema* as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Pydantic's generator for what is written: no value is a key that is not there."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        """Describe the value; null is never written."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Describe the value; what it would be in our program otherwise is of no use to others."""
        return self.generate_inner(schema["schema"])


def _tidy(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return *schema* with each description on one line, and without the titles of its keys."""
    changed: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key in {"properties", "$defs"} and isinstance(value, dict):
            changed[key] = {
                name: _tidy(found) if isinstance(found, dict) else found
                for name, found in value.items()
            }
        elif key == "description" and isinstance(value, str):
            changed[key] = " ".join(value.split())
        elif key != "title":
            changed[key] = _tidy(value) if isinstance(value, dict) else value
    return changed
