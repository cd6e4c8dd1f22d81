"""The time of `fmt` over ten times as many users: it grows no more than they do.

Files have comments, block texts and lists in brackets over several lines. Times are of the
processor, of whole processes.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from identity_reconciler.errors import ExitCode
from tests.benchmarks.figure import Figure
from tests.benchmarks.worlds import Size, write_yaml

USERS = (10_000, 30_000, 100_000)
_EXPONENT = 1.05
"""One, and what two runs on the same machine differ by."""
_SECONDS = 30.0


def measure(users: tuple[int, ...] = USERS) -> tuple[list[Figure], list[str]]:
    """Return the figures, and a line with the time for each number of *users*."""
    spent = {number: _check(number) for number in users}
    least, most = users[0], users[-1]
    exponent = math.log(spent[most] / spent[least], most / least)
    figures = [
        Figure(
            f"growth of fmt from {least:,} to {most:,} users",
            f"exponent {exponent:.2f}",
            f"exponent {_EXPONENT:g}",
            exponent / _EXPONENT,
            1.0,
        ),
        Figure(
            f"fmt --check of {most:,} users",
            f"{spent[most]:.1f} CPU s",
            f"{_SECONDS:g} s",
            spent[most] / _SECONDS,
            1.0,
        ),
    ]
    times = ", ".join(f"{number:,}: {seconds:.1f} CPU s" for number, seconds in spent.items())
    return figures, [f"fmt --check by users: {times}"]


def _check(users: int) -> float:
    """Return the processor seconds of `fmt --check` where something is to be changed."""
    size = Size(users, users // 10, users * 5, users // 200, users // 5)
    with tempfile.TemporaryDirectory() as name:
        write_yaml(Path(name), size, commented=True)
        before = _children()
        done = subprocess.run(
            [sys.executable, "-m", "identity_reconciler", "fmt", "--check", name],
            check=False,
            capture_output=True,
            text=True,
        )
        spent = _children() - before
    if done.returncode != ExitCode.CHANGES:
        raise RuntimeError(done.stderr)
    return spent


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
