"""How long the HTML report takes to answer a search among 50,000 rows, in a real Chromium.

python tests/benchmarks/audit_page.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from identity_reconciler.audit.formats.html import page
from identity_reconciler.audit.report import Edition, Report
from identity_reconciler.audit.reports.access import ACCESS_COLUMNS
from tests.cli.browser import browser

ROWS, PRINTED = 50_000, 5_000
LIMIT = 200.0
"""Milliseconds for one search."""
SEARCHES = ("", "u", "user04", "user04 application", "group 01 enabled", "nothing like it")
_MEASURE = """
const [input, text] = [document.getElementById('search'), arguments[0]];
const started = performance.now();
input.value = text;
input.dispatchEvent(new Event('input', {bubbles: true}));
document.body.offsetHeight;
return [performance.now() - started, document.getElementById('count').textContent];
"""
_SORT = """
const button = document.querySelectorAll('thead button')[arguments[0]];
const started = performance.now();
button.click();
document.body.offsetHeight;
return performance.now() - started;
"""


def edition() -> Edition:
    """Return a report in which every row is another person or application."""
    rows = []
    for number in range(ROWS):
        user, application, group = f"user{number % 9_973:05}", number % 211, number % 97
        rows.append(
            (
                f"Company {number % 25:02}",
                user,
                f"Application {application:03}",
                f"through Group {group:02}",
                f"Group {group:02}",
                user.title(),
                f"{user}@example.com",
                "disabled" if number % 50 == 0 else "enabled",
                f"arn:aws:sso::111122223333:application/ssoins-1/apl-{application:03}",
                "111122223333",
            )
        )
    report = Report("access", "Access", ACCESS_COLUMNS, tuple(rows))
    return Edition(report, datetime(2026, 3, 1, tzinfo=UTC), "made up")


def main() -> int:
    """Print a table; return 1 when a search is too slow."""
    started = time.monotonic()
    everything = edition()
    rows = everything.report.rows
    text = page(everything)
    print(f"made {len(text) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        path = Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        started = time.monotonic()
        chromium.open(path)
        print(f"opened in {time.monotonic() - started:.1f} s")
        for search in SEARCHES:
            times, said = [], ""
            for _ in range(5):
                taken, said = chromium.run(_MEASURE, search)
                times.append(taken)
            slowest = max(slowest, *times)
            print(f"search {search!r:22} {statistics.median(times):6.1f} ms, {said}")
        for number, column in enumerate(ACCESS_COLUMNS):
            print(f"sort by {column.name:20} {chromium.run(_SORT, number):6.1f} ms")
        few = replace(everything, report=replace(everything.report, rows=rows[:PRINTED]))
        path.write_text(page(few), encoding="utf-8")
        chromium.open(path)
        started = time.monotonic()
        size = len(chromium.print())
        print(f"print {PRINTED} rows: {time.monotonic() - started:.1f} s, {size / 1e6:.1f} MB")
    print(f"slowest search {slowest:.1f} ms, limit {LIMIT:.0f} ms")
    return int(slowest > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
