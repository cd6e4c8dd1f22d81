"""Problems as SARIF and JSON: for programs, which read every value as text."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from identity_reconciler import __version__
from identity_reconciler.errors import Position, Problem
from identity_reconciler.render.problems import problems_json, problems_sarif
from tests.hostile import PAYLOADS

PROBLEMS = (
    Problem(Position("users/a b.yaml", 3, 5), "first"),
    Problem(Position("groups.yaml", 7, 1), "second"),
)


def sarif(*problems: Problem) -> dict[str, Any]:
    """Return the only run of the log of *problems*."""
    log = json.loads(problems_sarif(problems, "desired-state/"))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    found: dict[str, Any] = run
    return found


class TestSarif:
    """The log has what the standard asks for, and what code scanning shows."""

    def test_driver(self) -> None:
        driver = sarif()["tool"]["driver"]
        assert (driver["name"], driver["version"]) == ("identity-reconciler", __version__)
        assert [rule["id"] for rule in driver["rules"]] == ["invalid-desired-state"]
        assert driver["rules"][0]["shortDescription"]["text"]

    def test_no_problems_are_an_empty_list(self) -> None:
        assert sarif()["results"] == []

    def test_results(self) -> None:
        run = sarif(*PROBLEMS)
        assert run["columnKind"] == "unicodeCodePoints"
        first, second = run["results"]
        assert first == {
            "ruleId": "invalid-desired-state",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": "first"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {
                            "uri": "desired-state/users/a%20b.yaml",
                            "uriBaseId": "%SRCROOT%",
                        },
                        "region": {"startLine": 3, "startColumn": 5},
                    }
                }
            ],
        }
        assert second["message"]["text"] == "second"

    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_a_message_is_one_line_without_links(self, payload: str) -> None:
        problem = Problem(Position(payload, 1, 1), payload)
        result = sarif(problem)["results"][0]
        assert result["message"]["text"].isprintable()
        assert "](" not in result["message"]["text"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote(uri, errors="surrogatepass") == f"desired-state/{payload}"
        assert ":" not in uri


class TestJson:
    """Every problem, in order, with the number of them."""

    def test_problems(self) -> None:
        found = json.loads(problems_json(PROBLEMS, "x/"))
        assert found == {
            "format": "identity-reconciler/problems",
            "format_version": "1.0",
            "valid": False,
            "count": 2,
            "problems": [
                {"file": "x/users/a b.yaml", "line": 3, "column": 5, "message": "first"},
                {"file": "x/groups.yaml", "line": 7, "column": 1, "message": "second"},
            ],
        }

    def test_none(self) -> None:
        found = json.loads(problems_json((), ""))
        assert (found["valid"], found["count"], found["problems"]) == (True, 0, [])
