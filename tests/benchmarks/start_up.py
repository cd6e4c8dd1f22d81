"""`--help` against the `--help` of a two-command hello-world Typer program."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.figure import Figure
from tests.command import PROGRAM

TIMES = 15
_HELLO = '''\
import typer

app = typer.Typer({options})


@app.command()
def hello(name: str) -> None:
    """Say hello."""
    typer.echo(f"hello {{name}}")


@app.command()
def goodbye(name: str) -> None:
    """Say goodbye."""
    typer.echo(f"goodbye {{name}}")


app()
'''


def measure() -> tuple[list[Figure], list[str]]:
    """Return the figure, and how a program without rich markup fares."""
    with tempfile.TemporaryDirectory() as name:
        plain, frugal = Path(name, "plain.py"), Path(name, "frugal.py")
        plain.write_text(_HELLO.format(options=""))
        frugal.write_text(_HELLO.format(options="rich_markup_mode=None"))
        commands = ((*PROGRAM, "--help"), *((sys.executable, p, "--help") for p in (plain, frugal)))
        took: list[list[float]] = [[], [], []]
        # Side by side, so that other work on the machine meets all three alike.
        for _ in range(TIMES):
            for command, times in zip(commands, took, strict=True):
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                times.append(time.perf_counter() - started)
    ours, plain_help, frugal_help = map(statistics.median, took)
    figure = Figure(
        "`--help`",
        f"{ours * 1e3:.0f} ms",
        f"{plain_help * 1e3:.0f} ms of a hello-world Typer program",
        ours / plain_help,
        1.3,
    )
    frugal_words = f"the hello-world program takes {frugal_help * 1e3:.0f} ms without rich markup"
    return [figure], [f"{frugal_words}, which ours does without as well"]
