"""Write a report in any format."""

from __future__ import annotations

from typing import assert_never

from identity_reconciler.audit.formats.data import csv_text, json_text
from identity_reconciler.audit.formats.html import page
from identity_reconciler.audit.formats.shown import markdown, plain
from identity_reconciler.audit.report import Edition, ReportFormat


def written(edition: Edition, report_format: ReportFormat) -> str:
    """Return *edition* as text in that format; a table as plain text."""
    match report_format:
        case ReportFormat.TABLE:
            return plain(edition)
        case ReportFormat.CSV:
            return csv_text(edition)
        case ReportFormat.JSON:
            return json_text(edition)
        case ReportFormat.MARKDOWN:
            return markdown(edition)
        case ReportFormat.HTML:
            return page(edition)
        case _:
            assert_never(report_format)
