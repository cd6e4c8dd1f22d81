"""The patterns of the service's models: which texts they let through."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.validation import check_at, compiled
from tests.sandbox.test_model import SERVICES, model

ACCENTED, COMBINED, HAN, EMOJI, HALF = "é", "e\u0301", "王", "😀", "½"
HARD_SPACE, WIDE_SPACE, THIN_SPACE = "\u00a0", "\u3000", "\u2009"
ZERO_WIDTH, OVERRIDE, PRIVATE, UNASSIGNED = "\u200b", "\u202e", "\ue000", "\U000e0fff"
ARABIC_DIGIT = "\u0663"


def lets_through(service: str, name: str, text: str) -> bool:
    """Return whether *text* breaks no rule of the shape."""
    try:
        check_at("value", model(service).shape_for(name), text)
    except ServiceError:
        return False
    return True


class TestExamples:
    """What a pattern is for goes through, what looks like it does not."""

    @pytest.mark.parametrize(
        ("service", "name", "accepted", "refused"),
        [
            (  # [\p{L}\p{M}\p{S}\p{N}\p{P}]+
                "identitystore",
                "UserName",
                ["ana", "ana@example.com", ACCENTED, COMBINED, HAN, EMOJI, HALF, "€", "«", "$^+"],
                ["a b", HARD_SPACE, WIDE_SPACE, "a\tb", "a\n", ZERO_WIDTH, OVERRIDE, PRIVATE],
            ),
            (  # [\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r \u00a0\u3000]+
                "identitystore",
                "GroupDisplayName",
                ["Data Science", f"a{HARD_SPACE}{WIDE_SPACE}b", "a\tb\r\n", f"{HAN} {EMOJI}"],
                [THIN_SPACE, "\x0b", "\x00", ZERO_WIDTH, OVERRIDE, PRIVATE, UNASSIGNED],
            ),
            (  # [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*
                "sso-admin",
                "PermissionSetDescription",
                ["Reads", "Möchte lesen", "ÿ", "a\tb\r\n"],
                [HARD_SPACE, "\x7f", "\u0100", HAN, EMOJI, ZERO_WIDTH],
            ),
            (  # [\w+=,.@-]+
                "sso-admin",
                "PermissionSetName",
                ["Reader", "a_b+c=d,e.f@g-h"],
                ["a b", ACCENTED, HAN, "a:b", "a\n"],
            ),
            ("sso-admin", "AccountId", ["111122223333"], [ARABIC_DIGIT * 12, "111122223333\n"]),
            (  # ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$
                "organizations",
                "TagKey",
                ["team", f"{HAN}{THIN_SPACE}{HALF}", "a:b/c"],
                [],
            ),
        ],
    )
    def test_of(self, service: str, name: str, accepted: list[str], refused: list[str]) -> None:
        assert [text for text in accepted if not lets_through(service, name, text)] == []
        assert [text for text in refused if lets_through(service, name, text)] == []


class TestCategories:
    """A class of categories holds the characters of those categories, and no others."""

    @given(character=st.characters(exclude_categories=["Cs", "Cn"]))
    @example(character=COMBINED[1])
    @example(character=ARABIC_DIGIT)
    @example(character=ZERO_WIDTH)
    def test_names(self, character: str) -> None:
        wanted = unicodedata.category(character)[0] in "LMSNP"
        pattern = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+"
        assert bool(compiled(pattern).fullmatch(character)) == wanted

    @given(character=st.characters(exclude_categories=["Cs"]))
    @example(character=ACCENTED)
    @example(character=ARABIC_DIGIT)
    @example(character=HARD_SPACE)
    def test_short_classes_are_of_ascii(self, character: str) -> None:
        # Source: java.util.regex.Pattern, predefined character classes.
        for short in (r"\w", r"\d", r"\s"):
            if compiled(short).fullmatch(character):
                assert character.isascii()


class TestModels:
    """Every pattern of the models can be used."""

    @pytest.mark.parametrize("service", [*SERVICES, "sts"])
    def test_none_has_categories_and_short_classes(self, service: str) -> None:
        known = model(service)
        shapes = (known.shape_for(name) for name in known.shape_names)
        patterns = {one.metadata["pattern"] for one in shapes if "pattern" in one.metadata}
        assert patterns
        for pattern in patterns:
            compiled(pattern)
            assert not (r"\p{" in pattern and re.search(r"\\[wWdDsSbB]", pattern)), pattern
