"""The guide to the YAML: its examples are valid, together and as they stand."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from identity_reconciler.core.approvals import check_approvals
from identity_reconciler.core.declared import Declared
from identity_reconciler.desired.reading.loader import load

GUIDE = (Path(__file__).parents[3] / "desired-state/README.md").read_text("utf-8")


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    """Return what the examples declare."""
    for name, text in re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, "utf-8")
    return load(tmp_path)


class TestGuide:
    """What it shows can be copied."""

    def test_examples_load(self, declared: Declared) -> None:
        assert len(declared.files) == GUIDE.count("```yaml") == 5
        assert (len(declared.users), len(declared.groups), len(declared.applications)) == (4, 3, 1)
        assert declared.settings.guards.protected.groups == ("break-glass",)

    def test_the_approval_is_in_order_on_its_day(self, declared: Declared) -> None:
        assert check_approvals(declared.approvals, datetime(2026, 3, 2, tzinfo=UTC)) == ()
        assert len(declared.approvals) == 1
