"""Lines: safe for a terminal, and no command to the runner of a CI job."""

from __future__ import annotations

import pytest

from identity_reconciler.render.escape import safe_lines


class TestLines:
    """A line stays as it is unless it could be more than a line."""

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a\nb", "a\nb"),
            ("::error::x", "\\u{3a}:error::x"),
            ("a\n  ::error::x", "a\n  \\u{3a}:error::x"),
            ("a ::error::x", "a ::error::x"),
            ("a ##[error]x", "a ##\\u{5b}error]x"),
            ("\r::error::x", "\\u{d}::error::x"),
            ("# [a]", "# [a]"),
            ("group/a::b", "group/a::b"),
        ],
    )
    def test_lines(self, text: str, shown: str) -> None:
        assert safe_lines(text) == shown
