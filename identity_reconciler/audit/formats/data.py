"""Reports for other programs: CSV and JSON. Pure."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from io import StringIO
from typing import Literal, TextIO

from pydantic import BaseModel, ConfigDict

from identity_reconciler import __version__
from identity_reconciler.audit.report import Column, Edition, Row
from identity_reconciler.render.escape import safe

FORMAT_VERSION = "1.0"
"""A minor step adds what a reader may ignore; a reader refuses another major."""
SCHEMA_FILE = "audit-report.schema.json"

_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""First characters that spreadsheets take for a formula, also in their full-width forms.

Source: OWASP, CSV injection. Tabs, carriage returns and zeros are made visible before.
"""
_CALCULATED = re.compile(f'(^|;)(?=[ "]*[{_FORMULA}])')
"""Before what begins a cell: of a value, and of what follows a semicolon in it.

Where the decimal sign is a comma, spreadsheets split at semicolons, and quotes in the middle of a
cell do not hold them off: quoting cannot help, since it is the comma that it is made for.
"""

_REMEMBERED = 100_000
"""Values whose harmless form is kept at hand."""


def csv_text(edition: Edition) -> str:
    r"""Return the report as CSV by RFC 4180, with a header and all columns.

    What a spreadsheet would calculate gets an apostrophe in front, whether it splits lines at
    commas or at semicolons: at the beginning of a value, and after a semicolon in it. Characters
    that are invisible or steer are written as `\\u{..}`, so that no cell shows other than what it
    holds.
    """
    text = StringIO(newline="")
    CsvLines(text, edition.report.columns).write(edition.report.rows)
    return text.getvalue()


class CsvLines:
    """The lines of `csv_text`, written as the rows come."""

    def __init__(self, file: TextIO, columns: Iterable[Column]) -> None:
        """Begin *file*, which is open without translation of line ends, with the header."""
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._writer.writerow([column.name for column in columns])
        # Most values stand in many rows.
        self._defused = lru_cache(_REMEMBERED)(defused)

    def write(self, rows: Iterable[Row]) -> None:
        """Write a line for each of *rows*."""
        self._writer.writerows(map(self._defused, row) for row in rows)


def defused(value: str) -> str:
    """Return *value* as no spreadsheet will calculate it."""
    return _CALCULATED.sub(r"\1'", safe(value))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnDocument(_Part):
    """One column: every row has a value for it."""

    name: str
    description: str


class ReportDocument(_Part):
    """One report."""

    format: Literal["identity-reconciler/audit-report"] = "identity-reconciler/audit-report"
    format_version: str = FORMAT_VERSION
    tool_version: str = __version__
    report: str
    """The command that makes it, such as "access"."""
    title: str
    as_of: datetime
    """The moment the reading began."""
    basis: str
    """What it was made from."""
    complete: bool
    """False: `gaps` names accounts that could not be looked into."""
    gaps: tuple[str, ...]
    notes: tuple[str, ...]
    alarms: int
    """How many rows or sets somebody has to look into; 0 for reports that only inform."""
    columns: tuple[ColumnDocument, ...]
    rows: tuple[dict[str, str], ...]
    """Values by the name of the column; an empty value says that there is nothing to say."""


def document(edition: Edition) -> ReportDocument:
    """Return the report as a document."""
    report = edition.report
    names = [column.name for column in report.columns]
    return ReportDocument(
        report=report.name,
        title=report.title,
        as_of=edition.as_of,
        basis=edition.basis,
        complete=not edition.gaps,
        gaps=edition.gaps,
        notes=report.notes,
        alarms=report.alarms,
        columns=tuple(
            ColumnDocument(name=column.name, description=column.description)
            for column in report.columns
        ),
        rows=tuple(dict(zip(names, row, strict=True)) for row in report.rows),
    )


def json_text(edition: Edition) -> str:
    """Return the report as JSON in ASCII; `schema_text` describes it."""
    data = document(edition).model_dump(mode="json")
    return json.dumps(data, indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """Return the JSON Schema of `json_text`."""
    schema = ReportDocument.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Audit report: the output of audit --format json",
    }
    body = {name: value for name, value in schema.items() if name not in head}
    return json.dumps(head | body, indent=2, ensure_ascii=True) + "\n"
