"""Fitting: ranks decide what is cut, and every list says how much of it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from identity_reconciler.render.fitting import Section, SizeLimit, characters, fit, octets


def section(rank: int, name: str, count: int) -> Section:
    """Return a list of entries that are called after it."""
    entries = (f"- {name}{number}" for number in range(count))
    return Section(rank, f"# {name}", entries, count, rest="- and {} more", tail=f"end of {name}")


class TestFit:
    """What is not a list is whole; the others share what is left, the lowest rank first."""

    def test_everything(self) -> None:
        text = fit(["top", section(0, "a", 2), "bottom"], SizeLimit(1_000, len))
        assert text == "top\n\n# a\n\n- a0\n- a1\n\nend of a\n\nbottom\n"

    def test_the_highest_rank_is_cut_first(self) -> None:
        parts = (section(2, "late", 9), section(1, "early", 9))
        text = fit(parts, SizeLimit(160, len))
        assert text.count("- early") == 9
        assert "# late\n\n- and 9 more\n\nend of late" in text

    def test_entries_without_room_are_counted(self) -> None:
        text = fit([section(0, "a", 1_000)], SizeLimit(100, len))
        shown = text.count("- a") - text.count("- and")
        assert f"- and {1_000 - shown} more" in text
        assert 85 <= len(text) <= 100

    @pytest.mark.parametrize("limit", range(80, 400, 7))
    def test_the_limit_holds(self, limit: int) -> None:
        parts = ("top", section(0, "a", 30), section(1, "b", 30))
        assert len(fit(parts, SizeLimit(limit, len))) <= limit

    def test_what_does_not_fit_is_not_even_made(self) -> None:
        made = 0

        def entries() -> Iterator[str]:
            nonlocal made
            for number in range(1_000_000):
                made += 1
                yield f"- {number}"

        fit([Section(0, "# a", entries(), 1_000_000)], SizeLimit(1_000, len))
        assert made < 1_000

    def test_an_optional_part_goes_without_a_word(self) -> None:
        picture = Section(0, "", ["x" * 100], 1, rest="")
        assert fit(["top", picture, "bottom"], SizeLimit(50, len)) == "top\n\nbottom\n"
        assert fit(["top", picture, "bottom"], SizeLimit(200, len)).count("x") == 100


class TestSizes:
    """Nobody counts more characters than we do."""

    def test_characters_beyond_16_bits_count_twice(self) -> None:
        assert (characters("a\u00e9\U0001f600"), octets("a\u00e9\U0001f600")) == (4, 7)
