"""Names that people cannot tell apart."""

from __future__ import annotations

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.lookalikes import look_alikes, skeleton, strange
from identity_reconciler.core.wording import INVISIBLE, visible


class TestPairs:
    """What looks the same is found, unless every character that differs is of ASCII."""

    @pytest.mark.parametrize(
        ("genuine", "forged"),
        [
            ("alice", "\u0430lice"),
            ("alice", "alic\u0435"),
            ("admins", "\U0001d41admins"),
            ("admins", "\uff41dmins"),
            ("ADMINS", "\u0430dmins"),
            ("admins", "\u0410DMINS"),
            ("Human Resources", "\u041duman Resources"),
            ("Team - A", "Team \u2013 A"),
            ("alice", "al\u200bice"),
            ("alice", "alice\ufe0f"),
            ("alice", "alice\u2800"),
            ("alice", "a\u3164lice"),
            ("alice", "alice\U000e0061"),
            ("admin", "adm\u0131n"),
            ("\u0441o", "c\u043e"),
            ("\u0441\u043e\u0440", "cop"),
            ("Bj\u00f6rn", "Bj\u04e7rn"),
            ("IT-HELP", "IT-\u041dELP"),
        ],
    )
    def test_look_alike(self, genuine: str, forged: str) -> None:
        assert look_alikes([genuine, forged]) == {genuine: forged, forged: genuine}

    @pytest.mark.parametrize(
        "names",
        [
            ("l1", "ll"),
            ("rn", "m"),
            ("O0", "OO"),
            ("b\u00fccher1", "b\u00fccherl"),
            ("B\u00dccher1", "b\u00fccherl"),
            ("\u0438\u043c\u044f-rn", "\u0438\u043c\u044f-m"),
            ("kj\u00e6r", "kjaer"),
            ("c\u0153ur", "coeur"),
            ("m\u00fcller", "muller"),
            ("\u00d8rsted", "Orsted"),
            ("stra\u00dfe", "strabe"),
            ("\u30c7\u30fc\u30bf", "\u30c7\u30bf"),
        ],
    )
    def test_told_apart(self, names: tuple[str, str]) -> None:
        assert not look_alikes(names)

    @pytest.mark.parametrize(
        "names",
        [
            ("\u00c4", "\u00e4"),
            ("\u00e4", "a\u0308"),
            ("ss", "\u00df"),
            # Folding takes the letter apart, and the marks come in another order then.
            ("\u1e96\u0308", "H\u0331\u0308"),
            ("H\u0331\u0308", "\u1e96\u0308"),
        ],
    )
    def test_one_name_is_not_two(self, names: tuple[str, str]) -> None:
        assert not look_alikes(names)

    def test_the_first_other_is_the_one_in_ascii(self) -> None:
        found = look_alikes(["\u0430b", "ab", "a\u042c", "\uff41b"])
        assert found["\u0430b"] == found["\uff41b"] == "ab"
        assert found["ab"] == "a\u042c"
        assert look_alikes(["1l\u200b", "ll", "ll\u200b\u200b"])["ll\u200b\u200b"] == "ll"

    @given(st.lists(st.text(st.characters(max_codepoint=127)), max_size=20))
    def test_names_in_ascii_never_look_alike(self, names: list[str]) -> None:
        assert not look_alikes([*names, "\u65e5\u672c"])

    @given(st.lists(st.text("a1lI\u0430\u0435e\u200b\u00e4rnm", max_size=4), max_size=8))
    def test_it_is_mutual(self, names: list[str]) -> None:
        found = look_alikes(names)
        assert set(found.values()) <= set(found)
        assert all(name != other for name, other in found.items())


class TestSkeleton:
    """The skeleton is that of UTS 39; where normal forms tell the same, they are the oracle."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("\u0440\u0430y\u0440\u0430l", "paypal"),
            ("\U0001d52d\U0001d4b6y\U0001d561\U0001d552\u2113", "paypal"),
            ("scope", "scope"),
            ("1|Il", "llll"),
            ("\u00e0", "a\u0300"),
            ("\u2475", "(2)"),
            ("\u200b", ""),
        ],
    )
    def test_published_examples(self, text: str, expected: str) -> None:
        assert skeleton(text) == expected

    def test_mathematical_letters_look_like_what_they_are_made_of(self) -> None:
        letters = [
            one
            for one in map(chr, range(0x1D400, 0x1D6A4))
            if unicodedata.normalize("NFKD", one).isalpha()
        ]
        assert len(letters) > 600
        assert all(skeleton(one) == skeleton(unicodedata.normalize("NFKD", one)) for one in letters)

    @given(st.text())
    def test_it_is_stable(self, text: str) -> None:
        assert skeleton(skeleton(text)) == skeleton(text)


class TestStrange:
    """Characters that are not ASCII are named, each once, and not endlessly many."""

    def test_named(self) -> None:
        assert strange("\u0430lice\u0430\u00e9") == (
            "U+0430 CYRILLIC SMALL LETTER A, U+00E9 LATIN SMALL LETTER E WITH ACUTE"
        )
        assert strange("\x80") == "U+0080"
        assert strange("alice") == ""

    def test_counted(self) -> None:
        assert strange("".join(map(chr, range(0x430, 0x43A)))).endswith(" and 7 more")


class TestInvisible:
    """All that Unicode calls default-ignorable is invisible, and the blank of Braille; no more."""

    def test_the_property(self) -> None:
        # `regex` has a table of its own.
        ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}")
        published = {chr(one) for one in range(0x110000) if ignorable.match(chr(one))}
        assert published | {"\u2800"} == INVISIBLE

    @pytest.mark.parametrize("character", sorted(INVISIBLE)[::97])
    def test_it_is_shown_by_number(self, character: str) -> None:
        assert visible(character) == f"\\u{{{ord(character):x}}}"
