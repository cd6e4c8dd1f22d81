"""Links to lines: to the commit that was planned, or none at all."""

from __future__ import annotations

import pytest

from identity_reconciler.render.document import PositionDocument, SourceDocument
from identity_reconciler.render.links import NOWHERE, lines_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATH = "desired-state/groups/a%20b%281%29.yaml"
AT = PositionDocument(file="groups/a b(1).yaml", line=3, column=5)


def source(**more: str | None) -> SourceDocument:
    given = {"commit": COMMIT, "directory": "desired-state/", **more}
    return SourceDocument.model_validate({"digest": "0", "files": 1, **given})


class TestPages:
    """Where repository, commit and directory are known, a line has a page."""

    @pytest.mark.parametrize(
        ("environment", "page"),
        [
            (
                {"GITHUB_SERVER_URL": "https://ghe.example", "GITHUB_REPOSITORY": "acme/ids"},
                f"https://ghe.example/acme/ids/blob/{COMMIT}/{PATH}#L3-L9",
            ),
            (
                {"CI_PROJECT_URL": "https://gitlab.example/acme/ids"},
                f"https://gitlab.example/acme/ids/-/blob/{COMMIT}/{PATH}#L3-9",
            ),
        ],
    )
    def test_of_several_lines(self, environment: dict[str, str], page: str) -> None:
        lines = lines_of(environment)
        assert lines.page(source(), AT, 9) == page
        assert lines.page(source(), AT, 3) == page.rpartition("-")[0]

    @pytest.mark.parametrize(
        "more", [{"commit": None}, {"commit": f"{COMMIT}-dirty"}, {"directory": None}]
    )
    def test_of_files_that_are_not_as_committed(self, more: dict[str, None]) -> None:
        lines = lines_of({"GITHUB_REPOSITORY": "acme/ids"})
        assert lines.page(source(), AT, 3)
        assert lines.page(source(**more), AT, 3) == ""

    @pytest.mark.parametrize(
        "environment",
        [{}, {"GITHUB_REPOSITORY": "acme/x)[y](z"}, {"CI_PROJECT_URL": "javascript:alert"}],
    )
    def test_of_no_repository(self, environment: dict[str, str]) -> None:
        assert lines_of(environment) == NOWHERE
        assert NOWHERE.page(source(), AT, 3) == ""
