"""Requests side by side: tasks that may start more tasks, until all are done or one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from heapq import heappop, heappush
from itertools import count
from types import TracebackType
from typing import Self


class Work:
    """A few pools of threads, one for each kind of request, and the first failure among them.

    Each kind has its own threads, because tasks that wait for their turn with one quota must not
    keep those of another from theirs. Leaving the block cancels what has not begun and waits for
    what is under way.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._waiting: dict[str, list[tuple[int, int, Callable[[], None]]]] = {}
        """By kind: weight below zero, number, and task, as a heap."""
        self._numbers = count()
        self._open = 0
        self._failure: BaseException | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._stopped = True
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def stopped(self) -> bool:
        """Whether there is no use in going on: something failed, or the caller has left."""
        return self._stopped

    def pool(self, kind: str, threads: int) -> None:
        """Set up the threads for *kind*."""
        self._pools[kind] = ThreadPoolExecutor(threads, thread_name_prefix=kind)
        self._waiting[kind] = []

    def start(self, kind: str, task: Callable[[], None], *, weight: int = 0) -> None:
        """Run *task* in a thread of *kind*: the heaviest first, then in the order of the calls."""
        with self._changed:
            if self._stopped:
                return
            self._open += 1
            heappush(self._waiting[kind], (-weight, next(self._numbers), task))
            future = self._pools[kind].submit(self._run_heaviest, kind)
        future.add_done_callback(self._done)

    def _run_heaviest(self, kind: str) -> None:
        with self._changed:
            task = heappop(self._waiting[kind])[2]
        task()

    def finish(self) -> None:
        """Return when every task is done; raise the first failure as soon as there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or not self._open)
            if self._failure is not None:
                raise self._failure

    def _done(self, future: Future[None]) -> None:
        failure = CancelledError() if future.cancelled() else future.exception()
        with self._changed:
            self._open -= 1
            if failure is not None and self._failure is None:
                self._failure = failure
                self._stopped = True
            self._changed.notify_all()
