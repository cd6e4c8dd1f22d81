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
