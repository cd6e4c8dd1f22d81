"""Tell on stderr that long work goes on: a spinner on a terminal, a line every 10 s elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from identity_reconciler.cli.options import Color
from identity_reconciler.cli.output import console, note

_INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def progress(doing: str, count: Callable[[], int]) -> Iterator[None]:
    """Show *doing* and the number of requests from *count* while the block runs."""
    done = threading.Event()
    show = _spin if sys.stderr.isatty() else _lines
    teller = threading.Thread(target=show, args=(doing, count, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _spin(doing: str, count: Callable[[], int], done: threading.Event) -> None:
    with console(Color.AUTO, sys.stderr).status(doing) as status:
        while not done.wait(0.2):
            status.update(f"{doing} ({count()} requests)")


def _lines(doing: str, count: Callable[[], int], done: threading.Event) -> None:
    started = time.monotonic()
    while not done.wait(_INTERVAL):
        note(f"{doing}: {count()} requests, {time.monotonic() - started:.0f} s so far")
