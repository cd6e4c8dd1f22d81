"""A report as one HTML page that needs nothing else: no network, no server, no other file.

The page is a template; all that comes from AWS goes into it as escaped text or as JSON, from
which a script of ours makes text nodes. Its policy lets nothing run but that script, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from string import Template

from identity_reconciler.audit.report import Edition, Report
from identity_reconciler.render.escape import safe

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""So that no value ends the block it stands in, nor begins a comment there. JSON reads the same."""


def page(edition: Edition) -> str:
    """Return *edition* as a page."""
    style, script = _part("page.css"), _part("page.js")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src '{_digest(script)}'; style-src '{_digest(style)}'"
    )
    return Template(_part("page.html")).substitute(
        policy=escape(policy, quote=True).replace("&#x27;", "'"),
        title=_text(edition.report.title),
        made=_text(edition.made),
        remarks="".join(f"<li>{_text(remark)}</li>" for remark in edition.remarks),
        style=style,
        data=data_block(edition.report),
        script=script,
    )


def data_block(report: Report) -> str:
    """Return columns and rows as JSON that may stand inside a script element.

    Each column has its distinct values once, and each row a number for each column: pages of
    50,000 rows stay small, and a search looks at each value once.
    """
    values: list[list[str]] = []
    cells: list[list[int]] = []
    for number in range(len(report.columns)):
        places: dict[str, int] = {}
        cells.append([places.setdefault(row[number], len(places)) for row in report.rows])
        values.append([safe(value) for value in places])
    columns = [
        {
            "name": one.name,
            "description": one.description,
            "facet": one.facet,
            "detail": one.detail,
        }
        for one in report.columns
    ]
    data = {"columns": columns, "values": values, "cells": cells}
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).translate(_ESCAPES)


def _text(value: str) -> str:
    return escape(safe(value), quote=True)


def _part(name: str) -> str:
    return (files("identity_reconciler.audit") / "page" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the source expression for an inline element. Source: CSP level 3, hash-source."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
