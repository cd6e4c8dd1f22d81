"""Plans as people read them in a pull request, kept and compared character by character."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.render.links import lines_of
from identity_reconciler.render.markdown import plan_markdown
from identity_reconciler.render.planfile import plan_bytes, read_plan
from identity_reconciler.render.text import PageFormat, plan_text
from tests.conftest import Golden
from tests.golden.review import pull_request
from tests.golden.samples import PLANS

KEPT = Path(__file__).parent / "plans"


class TestPlans:
    """The Markdown of a plan changes only on purpose."""

    @pytest.mark.parametrize("name", PLANS)
    def test_markdown(self, name: str, golden: Golden) -> None:
        golden.check(KEPT / f"{name}.md", plan_markdown(PLANS[name]()))


class TestReview:
    """A realistic pull request: what a newcomer must be able to explain after one reading."""

    def test_it_has_some_thirty_changes(self) -> None:
        assert len(pull_request().changes) == 32

    def test_it_does_not_contradict_itself(self) -> None:
        assert read_plan(plan_bytes(pull_request())) == pull_request()

    @pytest.mark.parametrize("columns", [80, 120])
    def test_text(self, columns: int, golden: Golden) -> None:
        text = plan_text(pull_request(), PageFormat(columns))
        assert max(map(len, text.splitlines())) <= columns
        golden.check(KEPT / f"review-{columns}.txt", text)

    def test_markdown(self, golden: Golden) -> None:
        lines = lines_of({"GITHUB_REPOSITORY": "acme/identities"})
        golden.check(KEPT / "review.md", plan_markdown(pull_request(), lines=lines))
