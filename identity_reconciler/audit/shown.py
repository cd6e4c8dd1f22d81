"""Reports for people to read line by line: aligned text, and Markdown. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from identity_reconciler.audit.edition import Edition
from identity_reconciler.audit.report import Column, Facet, Report, Row, number_of
from identity_reconciler.render.escape import safe

MARKDOWN_ROWS = 2_000
"""Rows in a Markdown table; browsers and GitHub refuse to show much more."""


def shown_columns(report: Report) -> tuple[int, ...]:
    """Return the numbers of the columns for people: no details, and no instance if all agree."""
    return tuple(
        number for number, column in enumerate(report.columns) if _is_shown(report, number, column)
    )


def _is_shown(report: Report, number: int, column: Column) -> bool:
    if column.facet is Facet.INSTANCE and report.name != "instances":
        return len({row[number] for row in report.rows} - {""}) > 1
    return not column.detail


def plain(edition: Edition) -> str:
    """Return the report as aligned columns without any control characters."""
    report = edition.report
    chosen = shown_columns(report)
    header = tuple(report.columns[number].name for number in chosen)
    rows = [tuple(safe(row[number]) for number in chosen) for row in report.rows]
    lines = [safe(report.title), f"  {safe(edition.made)}", ""]
    lines += _aligned((header, *rows)) if rows else ["(nothing)"]
    lines += ["", number_of(len(rows), "row"), *map(safe, edition.remarks)]
    return "\n".join(lines) + "\n"


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Return how many columns a terminal takes for *text*: two for wide East Asian characters."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def markdown(edition: Edition) -> str:
    """Return the report as a table in GitHub's Markdown, values as code, at most 2,000 rows."""
    report = edition.report
    chosen = shown_columns(report)
    names = [report.columns[number].name for number in chosen]
    lines = [f"## {code(report.title)}", "", f"{code(edition.made)}", ""]
    if report.rows:
        lines += [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
        lines += [
            f"| {' | '.join(code(row[number]) for number in chosen)} |"
            for row in report.rows[:MARKDOWN_ROWS]
        ]
    else:
        lines.append("(nothing)")
    lines += ["", f"{number_of(len(report.rows), 'row')}."]
    if len(report.rows) > MARKDOWN_ROWS:
        lines.append(f"Only the first {MARKDOWN_ROWS} are shown; the CSV has all of them.")
    lines += [f"* {code(remark)}" for remark in edition.remarks]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return *text* as a code span that nothing inside can end, on one line; empty stays empty."""
    inner = safe(text)
    if not inner.strip():
        return ""
    longest = max(map(len, re.findall("`+", inner)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if inner[0] in "` " or inner[-1] in "` " else ""
    # In a table a bar ends the cell even inside a code span. Source: GFM, tables.
    return f"{fence}{padding}{inner}{padding}{fence}".replace("|", "\\|")
