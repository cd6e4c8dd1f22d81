"""Reports for people to read line by line: aligned text, and Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from identity_reconciler.audit.report import Column, Edition, Facet, Report, Row, number_of
from identity_reconciler.core.state import told_by
from identity_reconciler.render.escape import safe
from identity_reconciler.render.spans import cell, whole_span
from identity_reconciler.render.widths import padded, width

MARKDOWN_ROWS = 2_000
"""Rows in a Markdown table; browsers and GitHub refuse to show much more."""


def shown_columns(report: Report) -> tuple[int, ...]:
    """Return the numbers of the columns for people: no instance if all agree, and no details.

    A detail that tells apart what else would look the same is shown.
    """
    return tuple(
        number for number, column in enumerate(report.columns) if _is_shown(report, number, column)
    )


def _is_shown(report: Report, number: int, column: Column) -> bool:
    if column.facet is Facet.INSTANCE and report.name != "instances":
        return len({row[number] for row in report.rows} - {""}) > 1
    return not column.detail or _is_needed(report, number, column.tells_apart)


def _is_needed(report: Report, number: int, other: str) -> bool:
    """Return whether values of the column *other* are the same where those of *number* differ."""
    names = [column.name for column in report.columns]
    if other not in names:
        return False
    told = names.index(other)
    first: dict[str, str] = {}
    return any(
        first.setdefault(told_by(row[told]), row[number]) != row[number] for row in report.rows
    )


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
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(padded, row, widths)).rstrip()


def markdown(edition: Edition) -> str:
    """Return the report as a table in GitHub's Markdown, values as code, at most 2,000 rows."""
    report = edition.report
    chosen = shown_columns(report)
    names = [report.columns[number].name for number in chosen]
    lines = [f"## {whole_span(report.title)}", "", f"{whole_span(edition.made)}", ""]
    if report.rows:
        lines += [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
        lines += [
            f"| {' | '.join(cell(row[number]) for number in chosen)} |"
            for row in report.rows[:MARKDOWN_ROWS]
        ]
    else:
        lines.append("(nothing)")
    lines += ["", f"{number_of(len(report.rows), 'row')}."]
    if len(report.rows) > MARKDOWN_ROWS:
        lines.append(f"Only the first {MARKDOWN_ROWS} are shown; the CSV has all of them.")
    lines += [f"* {whole_span(remark)}" for remark in edition.remarks]
    return "\n".join(lines) + "\n"
