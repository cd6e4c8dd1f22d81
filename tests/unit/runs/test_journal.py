"""The journal in the hands of several threads: nothing torn, nothing late, and few waits."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from identity_reconciler.core.plan import Create
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.runs.applier import Outcome, Result
from identity_reconciler.runs.journal import JournalError, JournalFile

WAIT = 10
"""Seconds after which a thread that should have gone on has not."""


def change(number: int) -> Create:
    return Create(Group(GroupName(f"group{number}")))


class Disk:
    """Makes what was written durable, and can be held up while it does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.durable: list[bytes] = []
        """What there was each time."""
        self.reached = threading.Semaphore(0)
        self.released = threading.Semaphore(0)
        self.noted = threading.Semaphore(0)
        self.slow = False
        self.full = False

    def now(self) -> datetime:
        """Return the time, which is asked once for each line."""
        self.noted.release()
        return datetime(2026, 3, 1, 9, tzinfo=UTC)

    def sync(self, descriptor: int) -> None:
        self.reached.release()
        if self.slow:
            assert self.released.acquire(timeout=WAIT)
        if self.full:
            raise OSError(28, "No space left on device")
        os.fsync(descriptor)
        (path,) = self._path.iterdir()
        self.durable.append(path.read_bytes())

    def has(self, number: int, event: str) -> bool:
        """Return whether a line is durable."""
        lines = map(json.loads, self.durable[-1].splitlines())
        return any(
            (line["event"], line.get("key")) == (event, f"group/group{number}") for line in lines
        )


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "journal")


@pytest.fixture
def journal(disk: Disk, tmp_path: Path) -> Iterator[JournalFile]:
    header = {"plan": "sha256:0"}
    with JournalFile(tmp_path / "journal", disk.now, header, disk.sync) as opened:
        yield opened


class TestLines:
    """Each is one JSON object on a line of its own, and durable when the call returns."""

    def test_of_many_threads(self, disk: Disk, journal: JournalFile) -> None:
        def write(number: int) -> None:
            journal.starting(change(number))
            assert disk.has(number, "begin")
            journal.finished(Result(change(number), Outcome.APPLIED))
            assert disk.has(number, "end")

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(write, range(100)))
        journal.close("complete")
        lines = [json.loads(line) for line in journal.path.read_bytes().splitlines()]
        events = [line["event"] for line in lines]
        assert (events[0], events[-1], len(events)) == ("start", "stop", 202)
        keys = [(line["event"], line["key"]) for line in lines[1:-1]]
        assert len(set(keys)) == 200
        for number in range(100):
            key = f"group/group{number}"
            assert keys.index(("begin", key)) < keys.index(("end", key))
        assert len(disk.durable) <= 202

    def test_that_come_together_wait_once(self, disk: Disk, journal: JournalFile) -> None:
        """While one is being made durable the others gather; the next wait is for all of them."""
        for asked in (disk.reached, disk.noted, disk.noted):
            assert asked.acquire(timeout=WAIT), "for the name and the first line of the file"
        disk.slow = True
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(journal.starting, change(0))
            assert disk.reached.acquire(timeout=WAIT)
            assert disk.noted.acquire(timeout=WAIT)
            others = [pool.submit(journal.starting, change(n)) for n in range(1, 8)]
            for _ in others:
                assert disk.noted.acquire(timeout=WAIT)
            assert not any(one.done() for one in (first, *others))
            disk.released.release()
            assert disk.reached.acquire(timeout=WAIT)
            first.result(WAIT)
            assert not any(one.done() for one in others)
            disk.released.release()
            for one in others:
                one.result(WAIT)
        disk.slow = False
        assert len(disk.durable) == 3
        assert all(disk.has(number, "begin") for number in range(8))


class TestNames:
    """Two that begin in one moment, in threads of one process, have files of their own."""

    def test_of_two_threads(self, tmp_path: Path) -> None:
        both = threading.Barrier(2, timeout=WAIT)

        def begin(_: int) -> Path:
            both.wait()
            moment = datetime(2026, 3, 1, 9, tzinfo=UTC)
            with JournalFile(tmp_path / "j", lambda: moment, {}) as opened:
                both.wait()
                return opened.path

        with ThreadPoolExecutor(2) as pool:
            assert len(set(pool.map(begin, range(2)))) == 2


class TestFullDisk:
    """Whoever's line may not be on disk is told, and so is everybody after."""

    def test_of_lines_that_come_together(self, disk: Disk, journal: JournalFile) -> None:
        journal.starting(change(0))
        disk.full = True
        with ThreadPoolExecutor(8) as pool:
            noted = [pool.submit(journal.starting, change(n)) for n in range(1, 20)]
        for one in noted:
            assert isinstance(one.exception(WAIT), JournalError)
        with pytest.raises(JournalError, match="No space left on device; stopped before"):
            journal.finished(Result(change(0), Outcome.APPLIED))
        before = journal.path.read_bytes()
        journal.close("complete")
        assert journal.path.read_bytes() == before
