"""The schema of saved plans: current, explained, and right about the plans that are saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from identity_reconciler.render.plan_schema import PLAN, plan_schema
from identity_reconciler.render.planfile import plan_bytes
from tests.golden.review import pull_request
from tests.golden.samples import PLANS

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads(plan_schema())


def errors(data: object) -> list[str]:
    """Return what the schema finds wrong with *data*."""
    validator = jsonschema.Draft202012Validator(
        SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in validator.iter_errors(data)]


def saved() -> dict[str, Any]:
    """Return a saved plan, parsed."""
    data: dict[str, Any] = json.loads(plan_bytes(pull_request()))
    return data


def nodes(schema: object) -> Iterator[dict[str, object]]:
    """Yield every part of *schema* that is an object."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)


class TestSchema:
    """What is checked in is what the document says."""

    def test_is_current(self) -> None:
        assert (ROOT / "schemas" / PLAN).read_text(encoding="utf-8") == plan_schema()

    def test_is_a_schema(self) -> None:
        assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_every_object_is_explained(self) -> None:
        assert all(one.get("description") for one in SCHEMA["$defs"].values())
        top = SCHEMA["properties"]
        unexplained = [
            name for name, one in top.items() if "$ref" not in one and not one.get("description")
        ]
        assert unexplained == ["format", "format_version"]

    def test_nothing_is_ever_null(self) -> None:
        assert all(one.get("type") != "null" for one in nodes(SCHEMA))


class TestPlans:
    """What `plan --out` writes is valid, and what it would never write is not."""

    @pytest.mark.parametrize("name", PLANS)
    def test_saved_plans_are_valid(self, name: str) -> None:
        assert errors(json.loads(plan_bytes(PLANS[name]()))) == []

    def test_a_newer_minor_version_is_valid(self) -> None:
        assert errors(saved() | {"format_version": "1.9", "new": {"a": 1}}) == []

    @pytest.mark.parametrize("key", sorted(saved()))
    def test_nothing_at_the_top_can_have_another_type(self, key: str) -> None:
        assert errors(saved() | {key: None})

    @pytest.mark.parametrize("key", ["format", "format_version", "digest", "instance", "changes"])
    def test_what_matters_must_be_there(self, key: str) -> None:
        data = saved()
        del data[key]
        assert errors(data)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("action", "replace"), ("kind", "role"), ("before", {}), ("source", {"file": "a"})],
    )
    def test_changes_are_looked_at(self, key: str, value: object) -> None:
        data = saved()
        data["changes"][0][key] = value
        assert errors(data)

    def test_a_digest_is_a_digest(self) -> None:
        assert errors(saved() | {"digest": "sha256:0"})
