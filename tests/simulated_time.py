"""Threads in simulated time: real code under real locks, in no time and always the same way.

One thread runs at a time. When it sleeps, the one that has to wake first runs next and the clock
jumps to that moment.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Iterable


class SimulatedClock:
    """See Clock in the gateway's pacing."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        woken = self._enqueue(self._now + seconds)
        self._wake_next()
        woken.wait()

    def run(self, bodies: Iterable[Callable[[], None]]) -> float:
        """Run *bodies* side by side; return the simulated seconds they took together."""
        started = self._now
        threads = [
            threading.Thread(target=self._run, args=(body, self._enqueue(self._now)))
            for body in bodies
        ]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()
        return self._now - started

    def start(self, body: Callable[[], None]) -> None:
        """Run *body* beside the caller, which one of the clock's threads is."""
        threading.Thread(target=self._run, args=(body, self._enqueue(self._now))).start()

    def pause(self, until: threading.Event) -> None:
        """Return when another thread has called `wake`."""
        self._wake_next()
        until.wait()

    def wake(self, paused: threading.Event) -> None:
        """Let who pauses until *paused* go on at this moment, when its turn comes."""
        self._enqueue(self._now, paused)

    def _run(self, body: Callable[[], None], woken: threading.Event) -> None:
        woken.wait()
        try:
            body()
        finally:
            self._wake_next()

    def _enqueue(self, moment: float, woken: threading.Event | None = None) -> threading.Event:
        woken = woken or threading.Event()
        with self._lock:
            self._count += 1
            heapq.heappush(self._sleepers, (moment, self._count, woken))
        return woken

    def _wake_next(self) -> None:
        with self._lock:
            if self._sleepers:
                moment, _, woken = heapq.heappop(self._sleepers)
                self._now = max(self._now, moment)
                woken.set()


class SimulatedWorkers:
    """See Workers in `runs.lanes`. The caller is one of the clock's threads."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._under_way = 0
        self._ended = 0
        self._waiting: threading.Event | None = None

    def start(self, lane: str, task: Callable[[], None]) -> None:
        del lane
        self._under_way += 1
        self._clock.start(lambda: self._run(task))

    def _run(self, task: Callable[[], None]) -> None:
        task()
        self._under_way -= 1
        self._ended += 1
        if self._waiting is not None:
            self._clock.wake(self._waiting)
            self._waiting = None

    def wait(self) -> None:
        if not self._ended:
            self._waiting = threading.Event()
            self._clock.pause(self._waiting)
        self._ended -= 1

    def close(self) -> None:
        while self._under_way:
            self.wait()


class TokenBucket:
    """A quota as AWS keeps it: a steady rate, and a little saved up for bursts."""

    def __init__(
        self, clock: SimulatedClock, rate: Callable[[float], float], capacity: float
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._capacity = capacity
        self._tokens = capacity
        self._seen = 0.0
        self.refused: list[float] = []
        """When requests were throttled."""
        self.accepted: list[float] = []

    def take(self) -> bool:
        """Return whether a request that arrives now is within the quota."""
        now = self._clock.now()
        self._tokens += (now - self._seen) * self._rate(now)
        self._tokens = min(self._capacity, self._tokens)
        self._seen = now
        if self._tokens < 1:
            self.refused.append(now)
            return False
        self._tokens -= 1
        self.accepted.append(now)
        return True


class Latency:
    """Answers that take between *shortest* and *longest* seconds, the same ones every time."""

    def __init__(self, shortest: float = 0.03, longest: float = 0.08) -> None:
        self._random = random.Random(7)  # noqa: S311 - the same numbers in every run
        self._bounds = (shortest, longest)

    def __call__(self) -> float:
        return self._random.uniform(*self._bounds)
