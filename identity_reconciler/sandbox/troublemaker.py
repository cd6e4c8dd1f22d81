"""Carries out the trouble that is asked for, around each request and in the order of lists."""

from __future__ import annotations

import fnmatch
import os
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

from identity_reconciler.sandbox.errors import LostResponseError, ServiceError
from identity_reconciler.sandbox.messages import (
    ACCOUNT_ACCESS,
    HttpRequest,
    HttpResponse,
    refused,
)
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Latency, Throttle, Trouble

_STORE_ID = re.compile(rb'"IdentityStoreId"\s*:\s*"([^"]+)"')
_THROTTLED = frozenset({"identitystore", "sso-admin", ACCOUNT_ACCESS})
_BEFORE = frozenset({FaultKind.ERROR, FaultKind.LOST_BEFORE, FaultKind.EXIT_BEFORE})


class Bucket:
    """One token bucket. Not safe to share; `Troublemaker` holds a lock."""

    def __init__(self, throttle: Throttle, now: float) -> None:
        self._throttle = throttle
        self._tokens = throttle.burst
        self._then = now

    def take(self, now: float) -> bool:
        """Take one token if there is one; *now* in seconds."""
        grown = self._tokens + (now - self._then) * self._throttle.rate
        self._tokens, self._then = min(self._throttle.burst, grown), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Troublemaker:
    """Makes the trouble of one sandbox. Safe to share between threads.

    With one thread the same seed makes the same trouble; with several, who meets which part of it
    depends on their order.
    """

    def __init__(
        self,
        trouble: Trouble,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        leave: Callable[[int], NoReturn] = os._exit,
    ) -> None:
        self.trouble = trouble
        self._clock = clock
        self._sleep = sleep
        self._leave = leave
        self._random = random.Random(trouble.seed)  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._calls: Counter[int] = Counter()

    def carry_out(
        self, service: str, operation: str, request: HttpRequest, work: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """Return the answer of *work*, or what the trouble makes of it.

        Raises:
            LostResponseError: The answer is to be lost.
        """
        with self._lock:
            delay = self._delay(self.trouble.latency)
            throttled = self._throttled(service, operation, request)
            fault = None if throttled else self._fault(service, operation, request)
        if delay:
            self._sleep(delay)
        if throttled:
            return refused(throttled, service)
        if fault is None:
            return work()
        if fault.kind in _BEFORE:
            return self._fail(fault, service)
        work()
        return self._fail(fault, service)

    def _delay(self, latency: Latency | None) -> float:
        return self._random.uniform(latency.least, latency.most) if latency else 0.0

    def _throttled(self, service: str, operation: str, request: HttpRequest) -> ServiceError | None:
        """Return the answer to a request over its quota.

        The quotas are documented: singlesignon userguide, limits, and IAM userguide, aam-quotas.
        """
        throttle = self.trouble.throttle
        if throttle is None or service not in _THROTTLED:
            return None
        key = service
        if service == "identitystore":
            store = _STORE_ID.search(request.body)
            key = f"{operation} {store.group(1).decode() if store else ''}"
        now = self._clock()
        if self._buckets.setdefault(key, Bucket(throttle, now)).take(now):
            return None
        after = throttle.retry_after if service == "identitystore" else None
        return ServiceError("ThrottlingException", "Rate exceeded", RetryAfterSeconds=after)

    def _fault(self, service: str, operation: str, request: HttpRequest) -> Fault | None:
        """Return the first fault of the schedule that meets this call; all of them count it."""
        met: Fault | None = None
        for number, fault in enumerate(self.trouble.faults):
            if not _matches(fault.operation, service, operation):
                continue
            if fault.containing.encode() not in request.body:
                continue
            self._calls[number] += 1
            if met is None and self._strikes(fault, self._calls[number]):
                met = fault
        return met

    def _strikes(self, fault: Fault, call: int) -> bool:
        if fault.chance is not None:
            return self._random.random() < fault.chance
        return fault.call <= call < fault.call + fault.times

    def _fail(self, fault: Fault, service: str) -> HttpResponse:
        if fault.kind in {FaultKind.EXIT_BEFORE, FaultKind.EXIT_AFTER}:
            self._leave(fault.exit_code)
        if fault.kind in {FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER}:
            raise LostResponseError(fault.kind)
        return refused(ServiceError(fault.code, fault.message, **fault.members), service)

    def page_size(self, limit: int) -> int:
        """Return how many items a page gets of the *limit* that was asked for."""
        least = 0 if self.trouble.empty_pages else 1
        if not self.trouble.short_pages and least:
            return limit
        with self._lock:
            return self._random.randint(least, limit)

    def backwards(self, scope: str) -> bool:
        """Return whether a list runs backwards: the same for all pages of one list."""
        if not self.trouble.shuffle:
            return False
        return random.Random(f"{self.trouble.seed} {scope}").random() < 0.5  # noqa: PLR2004, S311

    def shuffled(self, items: list[Row]) -> list[Row]:
        """Return the items of one page in the order to show them."""
        if self.trouble.shuffle:
            with self._lock:
                self._random.shuffle(items)
        return items


def _matches(pattern: str, service: str, operation: str) -> bool:
    name = f"{service}:{operation}" if ":" in pattern else operation
    return fnmatch.fnmatchcase(name, pattern)
