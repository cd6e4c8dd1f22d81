"""Work for several instances side by side: what each of them says stays together, in their order.

Work with the same key is done one after the other: it shares what AWS counts requests by.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Generic, TextIO, TypeVar, cast

if TYPE_CHECKING:
    from typing import Any

Result = TypeVar("Result")


@dataclass(slots=True)
class Halt:
    """The signal that asks all that is done side by side to stop; only a main thread gets it."""

    number: int | None = None
    _listeners: list[Callable[[int], None]] = field(default_factory=list)

    def reach(self, number: int, _frame: FrameType | None = None) -> None:
        """Tell everybody who listens of the signal *number*."""
        self.number = number
        for listener in tuple(self._listeners):
            listener(number)

    @contextmanager
    def heard_by(self, listener: Callable[[int], None]) -> Iterator[None]:
        """Let *listener* hear of a signal in the block, or of one that came before it."""
        self._listeners.append(listener)
        if self.number is not None:
            listener(self.number)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @contextmanager
    def catching_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM in the block."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self.reach) for number in numbers}
        try:
            yield
        finally:
            for number, action in previous.items():
                signal.signal(number, action)


@dataclass(frozen=True, slots=True)
class Task(Generic[Result]):
    """What is to be done for one instance."""

    key: Hashable
    """Two with the same are never under way together."""
    work: Callable[[], Result]


def results(tasks: Sequence[Task[Result]], jobs: int) -> Generator[Result, None, None]:
    """Yield what comes of *tasks*, in their order, *jobs* of them under way at once.

    With one job each is done in this very thread, and what it says is said at once; with more,
    before its result is yielded. What one raises is raised here, and no other begins after that.
    """
    if jobs == 1:
        for task in tasks:
            yield task.work()
        return
    rows: dict[Hashable, list[_Aside[Result]]] = {}
    asides = [_Aside(task) for task in tasks]
    for one in asides:
        rows.setdefault(one.task.key, []).append(one)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        stack.callback(lambda: [one.future.cancel() for one in asides])
        stack.enter_context(redirect_stdout(cast("TextIO", _Stream(sys.stdout))))
        stack.enter_context(redirect_stderr(cast("TextIO", _Stream(sys.stderr))))
        for row in rows.values():
            pool.submit(_do_all, row)
        for one in asides:
            result = one.future.result()
            one.tell()
            yield result


def is_aside() -> bool:
    """Return whether what this thread says is kept until its work is done."""
    return _said() is not None


_kept = threading.local()


def _said() -> list[tuple[TextIO, str]] | None:
    return getattr(_kept, "said", None)


def _do_all(row: Sequence[_Aside[Result]]) -> None:
    for one in row:
        one.do()


@dataclass(slots=True)
class _Aside(Generic[Result]):
    """A task that is done in a thread of its own."""

    task: Task[Result]
    future: Future[Result] = field(default_factory=Future)
    said: list[tuple[TextIO, str]] = field(default_factory=list)
    """What it wrote, and where to, in the order in which it did."""

    def do(self) -> None:
        """Do it, unless that is not wanted any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        _kept.said = self.said
        try:
            result = self.task.work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            self.future.set_exception(error)
        else:
            self.future.set_result(result)
        finally:
            del _kept.said

    def tell(self) -> None:
        """Write what it wrote."""
        for stream, text in self.said:
            stream.write(text)


class _Stream:
    """Takes what is written aside where a thread's words are kept; otherwise it is *real*."""

    def __init__(self, real: TextIO) -> None:
        self._real = real

    def write(self, text: str) -> int:
        said = _said()
        if said is None:
            return self._real.write(text)
        said.append((self._real, text))
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        return getattr(self._real, name)
