"""Drift as the body of an issue."""

from __future__ import annotations

from identity_reconciler.render.drift import drift_markdown
from tests.golden.samples import PAYROLL, PLANS, TWIN


class TestToKeepIt:
    """Each command names what it imports so that nothing else can be meant."""

    def test_applications_of_one_name(self) -> None:
        text = drift_markdown(PLANS["twins"]())
        for application in (PAYROLL, TWIN):
            assert f"identity-reconciler import --only application/{application.arn}\n" in text


class TestStarts:
    """What has started and is not granted is drift that an apply mends."""

    def test_a_start_that_is_due(self) -> None:
        text = drift_markdown(PLANS["expiring"]())
        assert "has not been applied, or what was to start has started." in text
        assert (
            "- `membership/contractors/eve` is declared and not live\n"
            "  - started 2026-03-01T00:00:00Z: `apply` grants it\n"
        ) in text

    def test_who_is_there_before(self) -> None:
        text = drift_markdown(PLANS["expiring"]())
        assert (
            "- `membership/contractors/ana` is live and not declared\n"
            "  - starts 2026-04-10T09:00:00Z, not before\n"
        ) in text

    def test_without_any(self) -> None:
        text = drift_markdown(PLANS["mixed"]())
        assert "has not been applied." in text
        assert "start" not in text
