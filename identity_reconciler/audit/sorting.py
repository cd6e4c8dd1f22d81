"""Any number of rows in reading order, in little memory: what is too much goes to the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from itertools import chain

from identity_reconciler.audit.report import Row, ordered
from identity_reconciler.core.state import folded

IN_MEMORY = 200_000
"""Rows that are sorted in memory, which then takes about 0.2 GiB."""
_END, _NULL = b"\0\0", b"\0\1"
"""What ends a cell, and what stands for a null in one: the end comes before whatever goes on."""
_REMEMBERED = 100_000


def sorted_rows(rows: Iterable[Row], in_memory: int = IN_MEMORY) -> Iterator[Row]:
    """Yield the distinct *rows* in the order of `ordered`; at most *in_memory* are held at once."""
    coming = iter(rows)
    held: set[Row] = set()
    for row in coming:
        held.add(row)
        if len(held) > in_memory:
            yield from _sorted_on_disk(chain(held, coming))
            return
    yield from ordered(held)


def _sorted_on_disk(rows: Iterable[Row]) -> Iterator[Row]:
    fold = lru_cache(_REMEMBERED)(_folded)
    with on_disk() as database:
        database.execute("CREATE TABLE rows (key BLOB)")
        database.executemany(
            "INSERT INTO rows VALUES (?)",
            ((_END.join((*map(fold, row), *map(_bytes, row))),) for row in rows),
        )
        last = b""
        for (key,) in database.execute("SELECT key FROM rows ORDER BY key"):
            if key != last:
                cells = key.split(_END)
                yield tuple(map(_cell, cells[len(cells) // 2 :]))
                last = key


@contextmanager
def on_disk() -> Iterator[sqlite3.Connection]:
    """Yield a database in a file that has no name and ends with it, where temporary files go.

    Source: SQLite, "Temporary Databases" and "Temporary Files Used By SQLite".
    """
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -65536")
        database.execute("BEGIN")
        yield database


def _folded(cell: str) -> bytes:
    return _bytes(folded(cell))


def _bytes(cell: str) -> bytes:
    # UTF-8 sorts as its characters do, halves of surrogate pairs too. Source: RFC 3629, 1.
    return cell.encode("utf-8", "surrogatepass").replace(b"\0", _NULL)


def _cell(held: bytes) -> str:
    return held.replace(_NULL, b"\0").decode("utf-8", "surrogatepass")
