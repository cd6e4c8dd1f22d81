"""Tell on stderr that long work goes on: a spinner on a terminal, a line every 10 s elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from identity_reconciler.cli.options import Color
from identity_reconciler.cli.output import console, note

if TYPE_CHECKING:
    from identity_reconciler.gateway.expectation import Expected

_INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""
_LONG = 10.0
"""Seconds of an expected read from which on it is announced."""


def tell_of_long_read(outlook: Expected) -> None:
    """Say what *outlook* a read has, if it takes long enough to wonder."""
    if outlook.seconds >= _LONG:
        note(
            f"reading the live state will take about {outlook.requests} requests and "
            f"{outlook.seconds:.0f} s, more if more is live than declared"
        )


@contextmanager
def progress(doing: str, count: Callable[[], int], expected: int | None = None) -> Iterator[None]:
    """Show *doing* and the requests so far, from *count*, while the block runs.

    *expected* is how many there will be, about; None where that is not known.
    """

    def words() -> str:
        of = f" of about {expected}" if expected is not None and count() <= expected else ""
        return f"{count()}{of} requests"

    done = threading.Event()
    show = _spin if sys.stderr.isatty() else _lines
    teller = threading.Thread(target=show, args=(doing, words, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _spin(doing: str, words: Callable[[], str], done: threading.Event) -> None:
    with console(Color.AUTO, sys.stderr).status(doing) as status:
        while not done.wait(0.2):
            status.update(f"{doing} ({words()})")


def _lines(doing: str, words: Callable[[], str], done: threading.Event) -> None:
    started = time.monotonic()
    while not done.wait(_INTERVAL):
        note(f"{doing}: {words()}, {time.monotonic() - started:.0f} s so far")
