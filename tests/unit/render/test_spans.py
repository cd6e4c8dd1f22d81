"""Code spans and fences: what GitHub's parser makes of them is the value, and nothing else."""

from __future__ import annotations

import html

import cmarkgfm
import pytest

from identity_reconciler.render.escape import safe
from identity_reconciler.render.spans import LONGEST, clipped, fence, name_span, value_span
from tests.hostile import PAYLOADS


def seen(markdown: str) -> str:
    """Return the HTML that GitHub's parser makes."""
    shown: str = cmarkgfm.github_flavored_markdown_to_html(markdown)
    return shown.removesuffix("\n")


class TestNames:
    """A name is one code span, and reads as it was written."""

    @pytest.mark.parametrize(
        ("name", "span"),
        [
            ("ana", "`ana`"),
            ("a`b", "``a`b``"),
            ("`a", "`` `a ``"),
            ("a``", "``` a`` ```"),
            (" a ", "`  a  `"),
            ("  ", "`  `"),
            ("", "(empty)"),
            ("a|b", "`a|b`"),
            ("a\nb", "`a\\u{a}b`"),
        ],
    )
    def test_spans(self, name: str, span: str) -> None:
        assert name_span(name) == span

    @pytest.mark.parametrize("name", [*PAYLOADS, " ", "` `", "a b"])
    def test_github_shows_the_name(self, name: str) -> None:
        inner = seen(f"x {name_span(name)} y")
        assert inner.startswith("<p>x <code>")
        assert inner.endswith("</code> y</p>")
        shown = html.unescape(inner.removeprefix("<p>x <code>").removesuffix("</code> y</p>"))
        wanted = clipped(safe(name))
        assert shown in {wanted, clipped(safe(name).replace("`", "\\u{60}"))}

    def test_long_names_say_how_long_they_are(self) -> None:
        assert name_span("a" * LONGEST) == f"`{'a' * LONGEST}`"
        longer = f"`{'a' * LONGEST}\N{HORIZONTAL ELLIPSIS} ({LONGEST + 1} characters)`"
        assert name_span("a" * (LONGEST + 1)) == longer


class TestValues:
    """The ends of a value can be seen."""

    @pytest.mark.parametrize(
        ("value", "span"), [("", '`""`'), (" ", '`" "`'), ('"', '`"\\""`'), ("`", '``"`"``')]
    )
    def test_spans(self, value: str, span: str) -> None:
        assert value_span(value) == span


class TestFences:
    """A fence ends where we end it."""

    @pytest.mark.parametrize("line", [*PAYLOADS, "~~~", "````"])
    def test_github_shows_one_block(self, line: str) -> None:
        shown = seen("\n".join([*fence([line, "last"], "yaml"), "after"]))
        assert shown.startswith('<pre lang="yaml"><code>')
        assert shown.endswith("last\n</code></pre>\n<p>after</p>")
        assert shown.count("<code>") == 1
