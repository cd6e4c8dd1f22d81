"""The JSON Schemas: current, explained, and right about the files they are for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from identity_reconciler.desired.model.schema import (
    APPROVALS,
    DESIRED_STATE,
    INSTANCE,
    POLICIES,
    schemas,
)

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "invalid"
FILES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "desired-state").rglob("*.yaml")
)

# Cases of the corpus that an editor can see without reading another file.
SEEN_IN_EDITOR = (
    *("unknown-key-in-user", "unknown-section", "settings-in-data-file", "section-not-a-list"),
    *("entry-not-a-mapping", "wrong-types", "missing-keys", "members-entry", "photos-too-many"),
    *("null-where-required", "null-in-lists", "quoted-boolean", "state-unknown", "birthdate"),
    *("email-implausible", "user-name-too-long", "application-name-too-long", "expires"),
    *("user-name-characters", "yaml-long-text", "yaml-boolean-key", "application-selector"),
)


class EditorLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Reads scalars as editors do, after YAML 1.2: dates are text, `yes` is text."""


EditorLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", "true|false", "tf"),
    ("null", "null", "n"),
    ("int", "[-+]?[0-9]+", "-+0123456789"),
):
    EditorLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
    )


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return the validator of the schema called *name*."""
    return jsonschema.Draft202012Validator(json.loads(schemas()[name]))


def errors(path: Path) -> list[str]:
    """Return what the schema for *path* finds wrong with it."""
    special = {"instance.yaml": INSTANCE, "approvals.yaml": APPROVALS, "policies.yaml": POLICIES}
    name = special.get(path.name, DESIRED_STATE)
    document = yaml.load(path.read_text("utf-8"), Loader=EditorLoader)  # noqa: S506 (a safe loader)
    return [error.message for error in validator(name).iter_errors(document)]


def properties(schema: object, path: str = "") -> Iterator[tuple[str, dict[str, list[object]]]]:
    """Yield every key that *schema* describes, with its description."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "properties":
                yield from ((f"{path}/{key}", found) for key, found in value.items())
            yield from properties(value, f"{path}/{name}")


class TestSchemas:
    """What is checked in is what the models say."""

    @pytest.mark.parametrize("name", [APPROVALS, DESIRED_STATE, INSTANCE, POLICIES])
    def test_checked_in_files_are_current(self, name: str) -> None:
        assert (ROOT / "schemas" / name).read_text("utf-8") == schemas()[name]

    @pytest.mark.parametrize("name", [APPROVALS, DESIRED_STATE, INSTANCE])
    def test_they_are_schemas(self, name: str) -> None:
        schema = json.loads(schemas()[name])
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema.Draft202012Validator.check_schema(schema)

    @pytest.mark.parametrize("name", [APPROVALS, DESIRED_STATE, INSTANCE])
    def test_every_key_is_explained(self, name: str) -> None:
        found = dict(properties(json.loads(schemas()[name])))
        assert found
        for path, described in found.items():
            assert described.get("title"), path
            assert described.get("description"), path
            assert described.get("examples"), path

    @pytest.mark.parametrize("name", [APPROVALS, DESIRED_STATE, INSTANCE])
    def test_examples_are_valid(self, name: str) -> None:
        schema = json.loads(schemas()[name])
        for path, described in properties(schema):
            part = {"$defs": schema["$defs"], **described}
            for example in described["examples"]:
                assert not list(jsonschema.Draft202012Validator(part).iter_errors(example)), path


class TestFiles:
    """Editors draw no red line where there is nothing wrong, and draw it where they can see."""

    @pytest.mark.parametrize("file", FILES)
    def test_the_example_is_valid(self, file: str) -> None:
        assert not errors(ROOT / file)

    @pytest.mark.parametrize("case", SEEN_IN_EDITOR)
    def test_broken_files_are_not(self, case: str) -> None:
        assert errors(CORPUS / case / "data.yaml")

    @pytest.mark.parametrize(
        "case",
        [
            *("instance-values", "instance-keys", "instance-incomplete"),
            *("guards-values", "guards-keys", "guards-patterns"),
        ],
    )
    def test_broken_settings_are_not(self, case: str) -> None:
        assert errors(CORPUS / case / "instance.yaml")

    @pytest.mark.parametrize("case", ["approvals-values", "approvals-keys"])
    def test_broken_approvals_are_not(self, case: str) -> None:
        assert errors(CORPUS / case / "approvals.yaml")
