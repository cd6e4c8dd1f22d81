"""Where the time of a command went: its own, by phase, and that of its requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from identity_reconciler.gateway.tally import Tally

_HEADINGS = ("operation", "requests", "waited s", "throttled", "failed")


class Timings:
    """A stopwatch for the phases of one command; phases of the same name add up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.phases: dict[str, float] = {}
        """Seconds, by phase, in the order in which they first began."""
        self.tallies: list[Tally] = []
        """The requests of each gateway that was opened."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block towards *name*."""
        self.phases.setdefault(name, 0.0)
        started = self._clock()
        try:
            yield
        finally:
            self.phases[name] += self._clock() - started


def timings_text(timings: Timings) -> str:
    """Return a table, a line per operation and instance, and a line with the phases.

    What was waited is summed over all threads, so it can be more than the time of the phases.
    """
    rows = [
        (
            f"{one.service}:{one.operation}",
            f"{one.requests}",
            f"{one.waited:.1f}",
            f"{one.throttled}",
            f"{one.failed}",
        )
        for tally in timings.tallies
        for one in tally.totals()
    ]
    table = [_HEADINGS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    spent = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in timings.phases.items())
    return "\n".join([*lines, f"time  {spent}"])
