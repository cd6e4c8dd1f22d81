"""The formats of reports. Apart from what writes them, because `--help` lists them."""

from __future__ import annotations

from enum import StrEnum


class ReportFormat(StrEnum):
    """How to write a report."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
