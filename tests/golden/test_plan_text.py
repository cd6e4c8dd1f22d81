"""Plans as people read them on a terminal, kept and compared character by character."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.core.comparison import compare
from identity_reconciler.render.planfile import plan_bytes, plan_of, read_plan
from identity_reconciler.render.text import plan_text, result_line
from tests.conftest import Golden
from tests.golden.samples import LIVE, PLANS, mixed
from tests.strategies import NOW

KEPT = Path(__file__).parent / "plans"


class TestPlans:
    """The text and the JSON of a plan change only on purpose."""

    @pytest.mark.parametrize("name", PLANS)
    def test_text(self, name: str, golden: Golden) -> None:
        golden.check(KEPT / f"{name}.txt", plan_text(PLANS[name]()))

    def test_json(self, golden: Golden) -> None:
        golden.check(KEPT / "mixed.json", plan_bytes(PLANS["mixed"]()).decode())

    @pytest.mark.parametrize("name", PLANS)
    def test_json_is_read_back_equal(self, name: str) -> None:
        plan = PLANS[name]()
        again = read_plan(plan_bytes(plan))
        assert again == plan
        assert len(plan_of(again).changes) == len(plan.changes)

    def test_every_line_is_printable(self) -> None:
        text = plan_text(PLANS["hostile"]())
        assert all(line.isprintable() for line in text.split("\n"))

    def test_results(self, golden: Golden) -> None:
        plan = compare(mixed(), LIVE, NOW)
        lines = [result_line(change, "failed", "why\nnot") for change in plan.changes]
        golden.check(KEPT / "results.txt", "\n".join(lines) + "\n")
