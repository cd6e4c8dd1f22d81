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
    if character == " " or unicodedata.category(character)[0] not in "CZ":
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
