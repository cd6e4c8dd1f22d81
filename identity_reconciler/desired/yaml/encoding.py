"""Bytes to text that every YAML parser reads alike, or the reasons why not.

YAML parsers disagree about some characters (U+0085 and U+2028 break lines for libyaml and not
for others; a byte order mark inside becomes part of a key), and others deceive the eye of a
reviewer. They are refused before a parser sees them, each with its place.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from identity_reconciler.core.wording import INVISIBLE
from identity_reconciler.desired.yaml.tree import START, Mark, Place, position
from identity_reconciler.errors import Problem

MAX_BYTES = 5_000_000
"""The largest file that is read."""

MAX_FINDINGS = 5
"""How many forbidden characters are reported per file; a binary file has thousands."""

# Control characters except LF, CR LF and tab; U+0085, U+2028, U+2029 (line breaks for some); what
# has no shape (see `INVISIBLE`); non-characters; surrogates.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufff9-\uffff\ud800-\udfff"
    f"\U0001fffe\U0001ffff{''.join(sorted(INVISIBLE))}]"
    "|\r(?!\n)"
)
_USUAL = bytes((0x0A, *range(0x20, 0x7F)))
# Tabs separate tokens for libyaml and not for the pure parser; in a comment line they are inert.
_TAB = re.compile(r"^(?! *#)[^\t\n]*\t", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7}|={7})(?= |\r?$)", re.MULTILINE)
_CONFLICT_MARKERS = ("<<<<<<<", ">>>>>>>", "|||||||", "=======")
_LFS = "version https://git-lfs.github.com/spec/"


def decode(data: bytes, file: str) -> tuple[str | None, list[Problem]]:
    """Return the text of *data* and what is wrong with it; no text when parsing is pointless."""
    if len(data) > MAX_BYTES:
        return None, [_whole(file, f"the file is larger than {MAX_BYTES:,} bytes; split it")]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, [_whole(file, "the file is UTF-16; save it as UTF-8")]
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [_undecodable(data, file, error)]
    problems = [
        Problem(position(file, mark), message)
        for mark, message in (*_forbidden(data, text), *_unusable(text))
    ]
    return (None if problems else text), problems


def _whole(file: str, message: str) -> Problem:
    return Problem(position(file, START), message)


def _undecodable(data: bytes, file: str, error: UnicodeDecodeError) -> Problem:
    before = data[: error.start].decode("utf-8")
    value = data[error.start]
    return Problem(
        position(file, _place(before, len(before))),
        f"byte 0x{value:02x} is not UTF-8; save the file as UTF-8",
    )


def _place(text: str, index: int) -> Place:
    """Return the place of the character at *index*."""
    return Place(text.count("\n", 0, index), index - text.rfind("\n", 0, index) - 1)


def _forbidden(data: bytes, text: str) -> Iterator[tuple[Mark, str]]:
    if _is_clean(data):
        return
    for number, match in enumerate(FORBIDDEN.finditer(text)):
        mark = _place(text, match.start())
        if match[0] == "\r":
            yield mark, "a carriage return without a line feed; save the file with LF line ends"
            return
        if number == MAX_FINDINGS:
            yield mark, "more such characters; is this a text file?"
            return
        yield mark, f"{forbidden_character(match[0])} is not allowed; remove it"


def _is_clean(data: bytes) -> bool:
    """Return whether *data* has no forbidden character, looking closely only at unusual bytes.

    Deleting what is surely allowed takes a twentieth of the time of the regular expression.
    """
    unusual = data.translate(None, _USUAL)
    if b"\r" in unusual:
        return False
    return FORBIDDEN.search(unusual.decode("utf-8")) is None


def forbidden_character(character: str) -> str:
    r"""Return how messages call *character*: its number and what sort of trouble it is."""
    name = "control" if ord(character) < 0xA0 else "invisible"  # noqa: PLR2004 (end of C1)
    return f"the {name} character U+{ord(character):04X}"


def _unusable(text: str) -> Iterator[tuple[Mark, str]]:
    if text.startswith(_LFS):
        yield START, "this is a Git LFS pointer, not YAML; fetch the file with `git lfs pull`"
        return
    if any(marker in text for marker in _CONFLICT_MARKERS):
        for match in _CONFLICT.finditer(text):
            yield _place(text, match.start()), "a merge conflict marker; resolve the conflict"
    if "\n%" in text or text.startswith("%"):
        for match in _DIRECTIVE.finditer(text):
            yield _place(text, match.start()), "a YAML directive (%...); remove the line"
    if "\t" in text and (tab := _TAB.search(text)):
        yield _place(text, tab.end() - 1), 'a tab; use spaces, and "\\t" in quotes inside a value'
    if text and text[-1] not in "\r\n":
        yield (
            _place(text, len(text)),
            "the last line does not end in a line break, so the file may be cut off; end it",
        )
