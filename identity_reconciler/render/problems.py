"""Problems of the desired state as JSON, and as SARIF for code scanning."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from identity_reconciler import __version__
from identity_reconciler.errors import Problem, file_below
from identity_reconciler.render.escape import safe

_SARIF = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_RULE = "invalid-desired-state"


_MOST = 50
"""Problems that are printed one by one; of a directory copied into itself there are thousands."""
_MOST_KINDS = 10
_PARTICULAR = re.compile(r'"[^"]*"|[^\s:]+:\d+:\d+|\d+')
"""What tells one problem from others of its kind: names in quotes, places, numbers."""


def problems_text(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield the first of *problems*, one a line, and how many more of which kind there are."""
    yield from map(str, problems[:_MOST])
    more = Counter(_PARTICULAR.sub("...", one.message) for one in problems[_MOST:])
    if more:
        number = sum(more.values())
        yield f"and {number} more {'problem' if number == 1 else 'problems'}:"
    ranked = sorted(more.items(), key=lambda item: (-item[1], item[0]))
    for kind, count in ranked[:_MOST_KINDS]:
        yield f"{count:>6}  {kind}"
    if len(ranked) > _MOST_KINDS:
        yield f"{sum(count for _, count in ranked[_MOST_KINDS:]):>6}  of other kinds"


def problems_json(problems: Sequence[Problem], prefix: str) -> str:
    """Return *problems* as one JSON object; files are below *prefix*, as for annotations."""
    listed = [
        {
            "file": file_below(prefix, one.position.file),
            "line": one.position.line,
            "column": one.position.column,
            "message": one.message,
        }
        for one in problems
    ]
    return _json(
        {
            "format": "identity-reconciler/problems",
            "format_version": "1.0",
            "valid": not problems,
            "count": len(problems),
            "problems": listed,
        }
    )


def problems_sarif(problems: Sequence[Problem], prefix: str) -> str:
    """Return *problems* as a SARIF 2.1.0 log of one run; files are below *prefix*."""
    rule = {
        "id": _RULE,
        "name": "InvalidDesiredState",
        "shortDescription": {"text": "The desired state is not valid"},
        "fullDescription": {
            "text": "Syntax, schema, references and policies of the YAML, as checked by validate."
        },
        "defaultConfiguration": {"level": "error"},
    }
    driver = {"name": "identity-reconciler", "version": __version__, "rules": [rule]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, prefix) for one in problems],
    }
    return _json({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


def _result(problem: Problem, prefix: str) -> dict[str, object]:
    at = problem.position
    uri = quote(file_below(prefix, at.file), errors="surrogatepass")
    return {
        "ruleId": _RULE,
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": _plain(problem.message)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": at.line, "startColumn": at.column},
                }
            }
        ],
    }


def _plain(message: str) -> str:
    """Return *message* without links: `[text](target)` is one even in a plain SARIF message."""
    return re.sub(r"\](?=\()", "] ", safe(message))


def _json(data: dict[str, object]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=True) + "\n"
