"""Which unquoted scalars are text to every YAML parser, and which are not. Pure.

YAML 1.1 (PyYAML, libyaml's usual companions) and 1.2 read different words as booleans and
numbers. Other tools read the same files, so what either version would not read as text counts.
Sources: yaml.org/type (1.1), YAML 1.2.2 section 10.3.
"""

from __future__ import annotations

import re

from identity_reconciler.desired.yaml.tree import Plain, PlainKind

WORDS: dict[str, PlainKind] = {
    **dict.fromkeys(("true", "false", "yes", "no", "on", "off", "y", "n"), PlainKind.BOOLEAN),
    **dict.fromkeys(("null", "~", ""), PlainKind.NULL),
    **dict.fromkeys(("=", "<<"), PlainKind.OTHER),
}
"""The words that are more than text, in lower case; `FIRST` begins everything else that is."""

LONGEST_WORD = max(map(len, WORDS))

FIRST = "0123456789+-.~=<"
"""What such a word, a number or a date starts with."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?")
_NUMBER = re.compile(
    r"[-+]?(?:"
    r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|[0-9_.:]*[0-9][0-9_.:]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF|nan|NaN|NAN)"
    r")"
)


def plain_kind(text: str) -> PlainKind | None:
    """Return what *text*, unquoted, may be read as besides text; None when it is only text."""
    if len(text) <= LONGEST_WORD and (kind := WORDS.get(text.lower())):
        return kind
    if text[0] not in FIRST:
        return None
    if _DATE.fullmatch(text):
        return PlainKind.DATE
    if _NUMBER.fullmatch(text):
        return PlainKind.NUMBER
    return None


def resolved(text: str) -> str | Plain | None:
    """Return what *text*, unquoted, is to us: text, a `Plain`, or None for the word `null`."""
    if text == "null":
        return None
    kind = plain_kind(text)
    return text if kind is None else Plain(text, kind)
