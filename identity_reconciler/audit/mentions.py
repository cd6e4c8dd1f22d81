"""Whom a cell of a list may name, however it was copied there. Pure: text in, text out.

What is told apart stays apart: `j+aws@example.com` is not `j@example.com`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from identity_reconciler.core.wording import INVISIBLE

_PIECES = re.compile(r"[;\u061b\u037e|\n\r\t\v\f\x1c-\x1e\x85\u2028\u2029]+")
_NAMED = re.compile(r"([^<>]*)<([^<>]*)>")
"""A display name, and the address that it is for. Source: RFC 5322, 3.4 (name-addr)."""
_WORDS = re.compile(r"[\s,\u060c\u3001<>()\[\]{}\"\u201c-\u201f\u00ab\u00bb\u2039\u203a]+")
_AROUND = "'`\u00b4\u2018-\u201b.:!?*"
_EDGES = re.compile(f"^[{_AROUND}]+|[{_AROUND}]+$")
_LINK = re.compile(r"(?i)(?<![\w.+-])(mailto|smtp|sip|upn|e-?mail)\s*:\s*(?://)?([^\s,;<>]*)")
"""An address with its scheme, and what may follow it. Source: RFC 6068 (mailto)."""
_LETTER = re.compile(r"[^\W_]")
_LOST = "\ufffd"
"""What stands where a character could not be decoded."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """What one cell says, as `identifier` spells it."""

    whole: str
    """All of it, for names that have spaces, commas or brackets themselves."""
    words: tuple[str, ...]
    """User names and addresses, each of which has to be somebody's."""
    asides: tuple[str, ...] = ()
    """What stands before a comma in a display name: a surname, or somebody else."""


def mentions(cell: str) -> Mentions:
    """Return whom *cell* names.

    Several are separated by semicolons, commas, spaces or lines. Of `Doe, J <j@example.com>` only
    the address counts; a display name without such brackets is taken for names.
    """
    text = _LINK.sub(_address, unicodedata.normalize("NFKC", _seen(cell)))
    words: list[str] = []
    asides: list[str] = []
    for piece in _PIECES.split(text):
        rest = piece
        for found in _NAMED.finditer(piece):
            display, inside = _words(found[1]), _words(found[2])
            words += inside or display
            if inside:
                words += [word for word in display if "@" in word]
                alone = map(_words, found[1].split(",")[:-1])
                asides += [part[0] for part in alone if len(part) == 1]
            rest = piece[found.end() :]
        words += _words(rest)
    return Mentions(identifier(cell), tuple(dict.fromkeys(words)), tuple(asides))


def identifier(value: str) -> str:
    """Return *value* without what is invisible, and without letter case and Unicode forms.

    See `normalized`.
    """
    return normalized(_seen(value))


def is_possible(word: str) -> bool:
    """Return whether *word* may be a user name or an e-mail address at all."""
    if _LOST in word or not _LETTER.search(word):
        return False
    local, at, domain = word.partition("@")
    return not at or bool(local and domain and "@" not in domain)


def normalized(value: str) -> str:
    """Return what is left of *value* without letter case, width, ligatures and other forms.

    Decomposed before folding, because some characters fold only in parts, and composed after it.
    Source: Unicode standard, 3.13 (compatibility caseless match).
    """
    folded = unicodedata.normalize("NFKD", value).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def _seen(text: str) -> str:
    """Return *text* without characters that have no shape; what separates lines stays."""
    return "".join(
        one
        for one in text
        if one not in INVISIBLE and (unicodedata.category(one) not in {"Cc", "Cf"} or one.isspace())
    )


def _words(text: str) -> list[str]:
    found = (_word(word) for word in _WORDS.split(text))
    return [word for word in found if word]


def _word(text: str) -> str:
    return identifier(_EDGES.sub("", text))


def _address(link: re.Match[str]) -> str:
    return " " + unquote(link[2].partition("?")[0])
