"""How messages show a value, and what they suggest instead of it."""

from __future__ import annotations

import pytest

from identity_reconciler.core.wording import FEW, SHOWN, did_you_mean, nearest, shown

MANY = frozenset(f"name-{n:04}" for n in range(FEW))


class TestShown:
    """A value is shown on one line, harmless, quoted and not too long."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", '""'),
            ("Data science", '"Data science"'),
            ("é😀", '"é😀"'),
            ('say "x"', '"say \\"x\\""'),
            ("a\\b", '"a\\\\b"'),
            ("a`b", '"a`b"'),
            ("a\nb", '"a\\u{a}b"'),
            ("a\u202eb", '"a\\u{202e}b"'),
            ("a\u200bb", '"a\\u{200b}b"'),
            ("a\u00a0b", '"a\\u{a0}b"'),
            ("a\ud800", '"a\\u{d800}"'),
        ],
    )
    def test_in_quotes(self, text: str, expected: str) -> None:
        assert shown(text) == expected

    def test_in_other_marks(self) -> None:
        assert shown('a`"b', "`") == '`a\\`"b`'

    def test_a_long_one_is_cut(self) -> None:
        assert shown("x" * SHOWN) == f'"{"x" * SHOWN}"'
        assert shown("x" * (SHOWN + 1)) == f'"{"x" * (SHOWN - 1)}…"'
        assert SHOWN == 80


class TestNearest:
    """The word that is meant is one a slip away, in any case; far ones are not suggested."""

    @pytest.mark.parametrize(
        ("word", "known", "expected"),
        [
            ("payrol", ["Wiki", "Payroll"], "Payroll"),
            ("PAYROL", ["Wiki", "Payroll"], "Payroll"),
            ("abcdefg", ["abcdxxx"], None),
            ("abcdefghij", ["abcdefgxyz"], "abcdefgxyz"),
            ("abcdefghij", ["abcdefwxyz"], None),
            ("x", [], None),
        ],
    )
    def test_of_few(self, word: str, known: list[str], expected: str | None) -> None:
        assert nearest(word, known) == expected

    def test_of_words_alike_in_any_case_the_last_is_meant(self) -> None:
        assert nearest("ops", ["Ops", "OPS"]) == "Ops"

    @pytest.mark.parametrize(
        "slip",
        [
            "neme-0x",  # Another letter for one.
            "nmae-0x",  # Two exchanged.
            "nae-0x",  # One missing.
            "naame-0x",  # One too many.
            "ame-0x",
            "name-0",
            "xname-0x",
            "name-0xx",
            "name-x0",
            "NAMME-0X",
            "name_0x",
            "name0x",
        ],
    )
    def test_of_many_one_slip_away(self, slip: str) -> None:
        assert nearest(slip, {*MANY, "name-0x"}) == "name-0x"

    @pytest.mark.parametrize("slip", ["nmae-x0", "nme-0xx", "nxxe-0x"])
    def test_of_many_not_two(self, slip: str) -> None:
        assert nearest(slip, {*MANY, "name-0x"}) is None

    def test_where_many_begin(self) -> None:
        """Two slips are forgiven among few only."""
        assert FEW == 500
        two_slips = "nmae-x0"
        assert nearest(two_slips, [*sorted(MANY)[1:], "name-0x"]) is not None
        assert nearest(two_slips, [*MANY, "name-0x"]) is None

    def test_every_letter_of_a_name(self) -> None:
        for letter in "az09-_.@+ ":
            assert nearest("bc", {*MANY, f"b{letter}c"}) == f"b{letter}c"

    def test_in_words(self) -> None:
        assert did_you_mean("payrol", ["Payroll"]) == '; did you mean "Payroll"?'
        assert did_you_mean("payrol", ["Wiki"]) == ""
