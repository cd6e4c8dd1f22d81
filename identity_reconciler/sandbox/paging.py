"""Pages of a list and the tokens between them.

A token is opaque and names the last row that was given out, so it survives deletes, restarts and
other processes; it belongs to one list of one state file. What the service says of a token that
it did not give is assumed: ValidationException.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from identity_reconciler.sandbox.errors import validation
from identity_reconciler.sandbox.lag import TABLES, as_of
from identity_reconciler.sandbox.store import Row, Store
from identity_reconciler.sandbox.troublemaker import Troublemaker
from identity_reconciler.sandbox.world import World

_END = 2**62
"""Beyond the last row."""
_MARK = 12
"""Bytes of the token that tie it to its list and its state file."""


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, and the token for the next one if there may be more."""

    rows: Sequence[Row]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Query:
    """A list: which rows, of which table, for which request."""

    table: str
    where: str
    """SQL with `?`; the caller's values are in `values`."""
    values: tuple[Any, ...]
    scope: str
    """What the token is good for: operation and subject."""
    parts: Sequence[tuple[Any, ...]] = ((),)
    """Values for the last `?` of `where`, once for each part of the list; no row is in two."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the caller asks for, and how much the service is willing to give."""

    token: str | None
    limit: int


def read_page(world: World, query: Query, request: PageRequest) -> Page:
    """Return the page of *query* that *request* asks for: in row order, if there is no trouble."""
    store, maker = world.store, world.troublemaker
    source, limit, backwards = query.table, request.limit, False
    if maker is not None:
        limit, backwards = maker.page_size(limit), maker.backwards(query.scope)
        source = _lagging(world, query.table, maker.trouble.visibility_lag)
    if request.token:
        start = _decode(store, query.scope, request.token)
    else:
        start = _END if backwards else 0
    beyond, order = ("<", "DESC") if backwards else (">", "ASC")
    statement = (
        f"SELECT * FROM {source} WHERE {query.where} AND row {beyond} ? "  # noqa: S608 - our code
        f"ORDER BY row {order} LIMIT ?"
    )
    # Each part comes in order from an index, and no more of it than a page; together, SQLite would
    # read and sort all of them for every page.
    rows: list[Row] = []
    for part in query.parts:
        rows += store.execute(statement, (*query.values, *part, start, limit + 1))
    rows.sort(key=itemgetter("row"), reverse=backwards)
    if len(rows) <= limit:
        return Page(_ordered(maker, rows), None)
    del rows[limit:]
    last = int(rows[-1]["row"]) if rows else start
    return Page(_ordered(maker, rows), _encode(store, query.scope, last))


def _lagging(world: World, table: str, lag: float) -> str:
    """Return what to select from: the table, or what it was *lag* seconds ago."""
    return as_of(world.store, table, world.clock() - lag) if lag and table in TABLES else table


def _ordered(maker: Troublemaker | None, rows: list[Row]) -> list[Row]:
    return maker.shuffled(rows) if maker else rows


def _mark(store: Store, scope: str, row: bytes) -> bytes:
    key = store.secret("tokens")
    return hashlib.blake2b(scope.encode() + row, key=key, digest_size=_MARK).digest()


def _encode(store: Store, scope: str, row: int) -> str:
    packed = struct.pack(">Q", row)
    # Only `-a-zA-Z0-9_` may be in a token of both services. Documented: model patterns.
    return base64.urlsafe_b64encode(packed + _mark(store, scope, packed)).decode().rstrip("=")


def _decode(store: Store, scope: str, token: str) -> int:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        packed, mark = raw[:8], raw[8:]
        (row,) = struct.unpack(">Q", packed)
    except (ValueError, struct.error):
        raise validation("The provided nextToken is not valid.") from None
    if mark != _mark(store, scope, packed):
        raise validation("The provided nextToken is not valid.")
    return int(row)
