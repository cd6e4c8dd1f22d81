"""A report as a table for terminals, which may be narrow and take colour."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from identity_reconciler.audit.formats.shown import shown_columns
from identity_reconciler.audit.report import Edition, number_of
from identity_reconciler.render.escape import safe

_STYLES = {"disabled": "red", "deleted": "red", "expired": "red", "access": "red"}
"""Colour for words that should catch the eye; the words themselves carry the meaning."""


def table(edition: Edition) -> Group:
    """Return the report as a table with its title, notes and gaps."""
    report = edition.report
    chosen = shown_columns(report)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number in chosen:
        shown.add_column(report.columns[number].name, overflow="fold")
    for row in report.rows:
        shown.add_row(*(_cell(row[number]) for number in chosen))
    return Group(
        Text(safe(report.title), style="bold"),
        Text(safe(edition.made), style="dim"),
        shown,
        Text(number_of(len(report.rows), "row")),
        *(Text(safe(remark)) for remark in edition.remarks),
    )


def _cell(value: str) -> Text:
    return Text(safe(value), style=_STYLES.get(value, ""))
