"""The comment for several instances: all have a line, and what is folded fits."""

from __future__ import annotations

import pytest

from identity_reconciler.render.fitting import SizeLimit, characters
from identity_reconciler.render.fleet import fleet_markdown
from identity_reconciler.render.markdown import COMMENT
from tests.golden.samples import PLANS


class TestFleetMarkdown:
    """However many there are and however much is in them."""

    @pytest.mark.parametrize("limit", [30_000, 60_000])
    def test_fits_and_names_everybody(self, limit: int) -> None:
        names = [f"instance-{number:03}" for number in range(200)]
        large = PLANS["many-people"]()
        plans = {name: large if number % 2 else None for number, name in enumerate(names)}
        text = fleet_markdown(plans, SizeLimit(limit, characters))
        assert len(text) <= limit
        assert all(f"- `{name}`: " in text for name in names)
        assert text.count("<details><summary>") > 0
        assert "more did not fit: they are in the artifacts" in text

    def test_the_refused_come_first(self) -> None:
        plans = {"a": PLANS["nothing"](), "b": PLANS["many-people"](), "c": PLANS["blocked"]()}
        text = fleet_markdown(plans, COMMENT)
        lines = [line for line in text.splitlines() if line.startswith("- `")][:3]
        assert [line[3] for line in lines] == ["c", "b", "a"]
        assert lines[0].startswith("- `c`: **blocked by ")
        assert text.index("<summary>c<") < text.index("<summary>b<")
        assert "identity-reconciler plan:" not in text
        assert text.count("<details") == text.count("</details>")
