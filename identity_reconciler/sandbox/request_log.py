"""What was asked of the sandbox: counts per operation, for tests and for `sandbox stats`."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from identity_reconciler.sandbox.services import is_write

_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request. Attribute values are personal data and not kept."""

    service: str
    operation: str
    outcome: str
    """"ok", or the code of the error."""
    account: str
    region: str


class RequestLog:
    """The requests since the sandbox was opened, or since `clear`. Safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._fresh: Counter[tuple[str, str, str]] = Counter()
        self._entries: deque[LoggedRequest] = deque(maxlen=_KEPT)

    def add(self, entry: LoggedRequest) -> None:
        """Count one request."""
        with self._lock:
            key = (entry.service, entry.operation, entry.outcome)
            self._counts[key] += 1
            self._fresh[key] += 1
            self._entries.append(entry)

    def take_fresh(self) -> Counter[tuple[str, str, str]]:
        """Return the outcomes since the last call of this method."""
        with self._lock:
            fresh = self._fresh
            self._fresh = Counter()
            return fresh

    def clear(self) -> None:
        """Start counting afresh."""
        with self._lock:
            self._counts.clear()
            self._entries.clear()

    @property
    def outcomes(self) -> Counter[tuple[str, str, str]]:
        """How many requests there were by (service, operation, outcome)."""
        with self._lock:
            return Counter(self._counts)

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """How many requests there were by (service, operation)."""
        counts: Counter[tuple[str, str]] = Counter()
        for (service, operation, _), number in self.outcomes.items():
            counts[service, operation] += number
        return counts

    @property
    def entries(self) -> tuple[LoggedRequest, ...]:
        """The last 10,000 requests, oldest first."""
        with self._lock:
            return tuple(self._entries)

    @property
    def total(self) -> int:
        """How many requests there were."""
        return self.counts.total()

    @property
    def writes(self) -> int:
        """How many requests were for operations that change something, successful or not.

        STS is not counted: it changes nothing that is reconciled.
        """
        return sum(
            number
            for (service, operation), number in self.counts.items()
            if service != "sts" and is_write(operation)
        )
