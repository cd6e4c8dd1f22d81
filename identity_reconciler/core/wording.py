"""How messages show values and suggest what was meant. Pure: text in, text out."""

from __future__ import annotations

import difflib
import string
import unicodedata
from collections.abc import Collection, Iterator

SHOWN = 80
"""How many characters of a value a message shows at most."""

FEW = 500
"""Up to this many known words, all are compared; beyond it, only words one edit away."""

_RANGES = (
    (0x00AD, 0x00AD),  # Soft hyphen.
    (0x034F, 0x034F),  # Combining grapheme joiner.
    (0x061C, 0x061C),  # Arabic letter mark.
    (0x115F, 0x1160),  # Hangul fillers.
    (0x17B4, 0x17B5),  # Khmer inherent vowels.
    (0x180B, 0x180F),  # Mongolian variation selectors and vowel separator.
    (0x200B, 0x200F),  # Zero-width characters and marks of direction.
    (0x202A, 0x202E),  # Embeddings and overrides of direction.
    (0x2060, 0x206F),  # Word joiner, invisible operators, isolates, deprecated format characters.
    (0x2800, 0x2800),  # Braille pattern blank: no dots.
    (0x3164, 0x3164),  # Hangul filler.
    (0xFE00, 0xFE0F),  # Variation selectors.
    (0xFEFF, 0xFEFF),  # Byte order mark.
    (0xFFA0, 0xFFA0),  # Halfwidth Hangul filler.
    (0xFFF0, 0xFFF8),  # Unassigned.
    (0x1BCA0, 0x1BCA3),  # Shorthand format controls.
    (0x1D173, 0x1D17A),  # Musical beams, ties, slurs and phrases.
    (0xE0000, 0xE0FFF),  # Tags, and more variation selectors.
)
INVISIBLE = frozenset(chr(one) for first, last in _RANGES for one in range(first, last + 1))
"""What has no shape: Unicode's Default_Ignorable_Code_Point, and the one blank beside it."""

_LETTERS = string.ascii_lowercase + string.digits + "-_.@+ "


def shown(text: str, mark: str = '"') -> str:
    r"""Return *text* between two *mark*, on one line, harmless and at most `SHOWN` characters long.

    Control, bidirectional, zero-width and unusual space characters come as `\u{..}`: a value is
    anyone's choice and must not be able to draw on a terminal or forge a line of a log.
    """
    cut = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    return mark + "".join(_escaped(character, mark) for character in cut) + mark


def _escaped(character: str, mark: str) -> str:
    if character in {mark, "\\"}:
        return "\\" + character
    return visible(character)


def visible(character: str) -> str:
    r"""Return *character*, or `\u{..}` where it is invisible or steers what shows it."""
    if character == " " or (
        unicodedata.category(character)[0] not in "CZ" and character not in INVISIBLE
    ):
        return character
    return f"\\u{{{ord(character):x}}}"


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return `; did you mean "..."?` for the word of *known* nearest to *word*, or nothing."""
    close = nearest(word, known)
    return f"; did you mean {shown(close)}?" if close else ""


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return the word of *known* that *word* may be a slip of.

    A large *known* is looked up by folded words only.
    """
    if len(known) <= FEW:
        by_folded = {one.casefold(): one for one in sorted(known)}
        found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.7)
        return by_folded[found[0]] if found else None
    return next((edit for edit in _one_edit_away(word.lower()) if edit in known), None)


def _one_edit_away(word: str) -> Iterator[str]:
    """Yield every word that one swap, removal, replacement or insertion makes of *word*."""
    splits = [(word[:cut], word[cut:]) for cut in range(len(word) + 1)]
    for left, right in splits:
        if len(right) > 1:
            yield left + right[1] + right[0] + right[2:]
        if right:
            yield left + right[1:]
    for letter in _LETTERS:
        for left, right in splits:
            yield left + letter + right[1:]
            yield left + letter + right
