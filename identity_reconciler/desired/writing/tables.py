"""A list of people as bytes to a table: its encoding, what parts its columns, its rows. Pure.

Nothing is guessed silently: what was taken where there was a choice is told, and where it cannot
be told apart, it is asked for.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO

from identity_reconciler.core.wording import shown
from identity_reconciler.errors import InvalidInputError, Position, Problem

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How XLSX and XLS files begin."""
_WESTERN = frozenset(
    [
        *(chr(code) for code in range(0xC0, 0x100) if chr(code).isalpha()),
        *"ŠŽŒŸšžœ€",
        *"\u2018\u2019\u201c\u201d\u2013\u2014",
    ]
)
"""What of Windows-1252 beyond ASCII is likely among names, titles and departments."""
_MOST_LETTERS = 2
"""As many of them in a row are a word of a Western language; more are of another alphabet."""
_ODD_CASE = re.compile(r"[a-zß-öø-ÿ][ÀÁ-ÖØ-ÞŠŽŒŸ]")
_LINES = re.compile(r"\s*[\r\n]\s*")
_WORDS = re.compile(r"[^\s,;\"]+")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
"""What may part columns, by name."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header line and the rows below it, without blank ones; every cell on one line."""

    file: str
    line: int
    """Of the header."""
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """Each with the line that it begins in, and as long as the header."""
    notes: tuple[str, ...]
    """What was taken where there was a choice."""


def read_table(
    data: bytes,
    file: str,
    is_known: Callable[[str], bool],
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """Return the table in *data*; *file* is only for messages.

    *is_known* says whether a heading is one, which tells what parts the columns. *delimiter* is a
    key of `DELIMITERS`.

    Raises:
        InvalidInputError: It is no table, or how it is written cannot be told.
    """
    text, notes = _decoded(data, file, encoding)
    text = unicodedata.normalize("NFC", text)
    lines = text.splitlines()
    first = next((at for at, line in enumerate(lines) if not _is_preamble(line)), len(lines))
    if first == len(lines):
        raise _invalid(file, 1, "there is no header line; expected one that names the columns")
    sign = DELIMITERS[delimiter] if delimiter else _sign(lines, first, file, is_known)
    body = "".join(text.splitlines(keepends=True)[first:])
    records = _records(body, sign, file, first)
    line, heads = next(records)
    width = max((at for at, head in enumerate(heads, 1) if head), default=0)
    header = tuple(heads[:width])
    rows = []
    for number, cells in records:
        if any(cells[width:]):
            raise _invalid(file, number, f"more fields than the {width} of the header line")
        if any(cells):
            rows.append((number, (*cells, *[""] * width)[:width]))
    return Table(file, line, header, tuple(rows), tuple(notes))


def _decoded(data: bytes, file: str, encoding: str | None) -> tuple[str, list[str]]:
    if data.startswith(_WORKBOOKS):
        raise _invalid(file, 0, "this is a workbook; save the sheet as CSV (UTF-8) and give that")
    if encoding is not None:
        return _by_name(data, file, encoding), []
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _by_name(data, file, name), []
    if b"\0" in data:
        raise _invalid(
            file,
            0,
            "bytes of zero and no mark, as of UTF-16; say --encoding utf-16-le or utf-16-be",
        )
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    text = data.decode("cp1252", errors="replace")
    if why := _not_western(text):
        raise _invalid(
            file,
            line,
            f"this is not UTF-8, and as Windows-1252 it would read {shown(why)}; say which it is, "
            "such as --encoding cp1252, iso-8859-2, cp1251, mac-roman or shift-jis",
        )
    sample = shown(next(one[0] for one in _WORDS.finditer(text) if not one[0].isascii()))
    note = (
        f"{file} is not UTF-8, so it is read as Windows-1252, in which line {line} makes sense "
        f"(it has {sample}); --encoding says otherwise"
    )
    return text, [note]


def _by_name(data: bytes, file: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except LookupError:
        message = f"--encoding {encoding}: there is no such encoding; expected one such as cp1252"
    except UnicodeDecodeError as error:
        message = f"this is not {encoding}: {error.reason} at byte {error.start}; say another one"
    raise _invalid(file, 0, message)


def _not_western(text: str) -> str | None:
    """Return a piece of *text* that hardly anybody wrote in Windows-1252, if there is one."""
    for found in _WORDS.finditer(text):
        word = found[0]
        strange = [one for one in word if not one.isascii() and one not in _WESTERN]
        runs = re.findall(r"[^\x00-\x7f]+", word)
        if strange or _ODD_CASE.search(word) or any(len(run) > _MOST_LETTERS for run in runs):
            return word
    return None


def _is_preamble(line: str) -> bool:
    """Return whether *line* stands above the header: blank, Excel's `sep=`, Entra's version."""
    bare = line.strip(' ,;\t"').casefold()
    return not bare or bare.startswith(("sep=", "version:"))


def _sign(lines: list[str], first: int, file: str, is_known: Callable[[str], bool]) -> str:
    """Return what parts the columns: what the file says, or makes most of the header known."""
    for line in lines[:first]:
        said = line.strip().casefold().removeprefix("sep=")
        if line.strip().casefold().startswith("sep=") and said in DELIMITERS.values():
            return said
    known = {}
    for sign in DELIMITERS.values():
        try:
            heads = next(csv.reader([lines[first]], delimiter=sign))
        except csv.Error:
            continue
        known[sign] = (sum(is_known(head.strip()) for head in heads), len(heads))
    ranked = sorted(known, key=lambda sign: known[sign], reverse=True)
    if len(ranked) > 1 and known[ranked[0]] == known[ranked[1]] and known[ranked[0]][1] > 1:
        message = f"what parts the columns is not clear; say --delimiter {'|'.join(DELIMITERS)}"
        raise _invalid(file, first + 1, message)
    return ranked[0] if ranked else ","


def _records(body: str, sign: str, file: str, above: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line that it begins in."""
    reader = csv.reader(StringIO(body, newline=""), delimiter=sign, strict=True)
    start = 0
    try:
        for cells in reader:
            yield above + start + 1, [_LINES.sub(" ", cell.strip()) for cell in cells]
            start = reader.line_num
    except csv.Error as error:
        raise _invalid(file, above + start + 1, f"this is not CSV: {error}") from error


def _invalid(file: str, line: int, message: str) -> InvalidInputError:
    return InvalidInputError([Problem(Position(file, line), message)])
