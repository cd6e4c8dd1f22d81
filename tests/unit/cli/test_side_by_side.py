"""Work side by side: what takes turns, what is said, and what ends it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from identity_reconciler.cli.side_by_side import Halt, Task, is_aside, results


def test_the_same_key_takes_turns_and_others_do_not() -> None:
    """Two of other keys wait for each other; two of one key would find each other at work."""
    meeting = threading.Barrier(2, timeout=20)
    at_work: set[str] = set()

    def work(key: str) -> Callable[[], bool]:
        def do() -> bool:
            alone = key not in at_work
            at_work.add(key)
            meeting.wait()
            at_work.discard(key)
            return alone

        return do

    tasks = [Task(key, work(key)) for key in ("a", "a", "a", "b", "b", "b")]
    assert list(results(tasks, 6)) == [True] * 6


def test_what_is_said_stays_together_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    second_is_done = threading.Event()

    def first() -> bool:
        sys.stdout.write("first ")
        second_is_done.wait(20)
        sys.stderr.write("trouble\n")
        sys.stdout.write("ends\n")
        return is_aside()

    def second() -> bool:
        sys.stdout.write("second\n")
        second_is_done.set()
        return is_aside()

    found = results([Task("a", first), Task("b", second)], 2)
    assert next(found)
    assert capsys.readouterr() == ("first ends\n", "trouble\n")
    assert list(found) == [True]
    assert capsys.readouterr().out == "second\n"
    assert not is_aside()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_raised(jobs: int) -> None:
    def fail() -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        list(results([Task("a", fail)], jobs))
    assert not is_aside()


def test_who_comes_late_hears_of_the_signal_too() -> None:
    halt, heard = Halt(), list[int]()
    with halt.heard_by(heard.append):
        halt.reach(15)
    with halt.heard_by(lambda number: heard.append(-number)):
        pass
    halt.reach(2)
    assert heard == [15, -15]
