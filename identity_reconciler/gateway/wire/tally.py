"""Counts of the requests sent: for progress while they run and for timings afterwards."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

Operation = tuple[str, str]
"""A service and one of its operations, such as `("identitystore", "ListUsers")`."""


@dataclass(frozen=True, slots=True)
class OperationTotals:
    """What was sent for one operation."""

    service: str
    operation: str
    requests: int
    """Every attempt counts, also those that were throttled or failed."""
    throttled: int
    failed: int
    """Attempts with any other error as the answer, or with none."""
    waited: float
    """Seconds spent waiting for a turn, summed over all threads."""


class Tally:
    """Counts every attempt of every request of one pair of clients. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Operation] = Counter()
        self._throttled: Counter[Operation] = Counter()
        self._failed: Counter[Operation] = Counter()
        self._waited: dict[Operation, float] = {}
        self._watchers: list[Callable[[str, str], None]] = []

    def watch(self, watcher: Callable[[str, str], None]) -> None:
        """Call *watcher* with service and operation at every attempt, in the sending thread."""
        self._watchers.append(watcher)

    def sent(self, service: str, operation: str, *, waited: float) -> None:
        """Count an attempt that is about to be sent after *waited* seconds."""
        key = (service, operation)
        with self._lock:
            self._requests[key] += 1
            self._waited[key] = self._waited.get(key, 0.0) + waited
        for watcher in self._watchers:
            watcher(service, operation)

    def throttled(self, service: str, operation: str) -> None:
        """Count a throttled answer."""
        with self._lock:
            self._throttled[service, operation] += 1

    def failed(self, service: str, operation: str) -> None:
        """Count an attempt that failed in another way."""
        with self._lock:
            self._failed[service, operation] += 1

    def counts(self) -> Counter[Operation]:
        """Return the attempts so far per operation."""
        with self._lock:
            return Counter(self._requests)

    @property
    def total(self) -> int:
        """All attempts so far."""
        with self._lock:
            return self._requests.total()

    def totals(self) -> tuple[OperationTotals, ...]:
        """Return one row per operation, sorted by service and operation."""
        with self._lock:
            return tuple(
                OperationTotals(
                    service=key[0],
                    operation=key[1],
                    requests=self._requests[key],
                    throttled=self._throttled[key],
                    failed=self._failed[key],
                    waited=self._waited.get(key, 0.0),
                )
                for key in sorted(self._requests)
            )
