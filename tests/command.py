"""Run the installed command as a user would: as a process, in a directory of its own.

`command` is for nearly all tests, and `launcher` where a shell, a pipe or a terminal calls the
program. Their processes are forked from one that has imported everything (`tests/preloaded.py`),
which takes a fifth of the processor time of new ones. `real_command` and `PROGRAM` are for what
only a new process shows: what is imported when, what a start takes, variables that the interpreter
reads at its start, and signals and kills.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tests.handover import exit_code, handed_over, process_of

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-m", "identity_reconciler")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment without anything that leads to AWS, and with *variables*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    credentials = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nowhere, **credentials, **variables}


@dataclass(frozen=True)
class Run:
    """A finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        """Return stdout, parsed."""
        return json.loads(self.out)

    def changes(self) -> set[tuple[str, str]]:
        """Return action and address of every change of a plan printed as JSON."""
        return {(change["action"], change["address"]) for change in self.json()["changes"]}


def command(*arguments: str, cwd: Path, **variables: str) -> Run:
    """Run identity-reconciler with *arguments* in *cwd*, in a process that is forked."""
    given = {os.fsencode(k): os.fsencode(v) for k, v in environment(**variables).items()}
    with (
        Path(os.devnull).open() as nothing,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        files = [file.fileno() for file in (nothing, out, err)]
        with handed_over(preloaded(), arguments, str(cwd), given, files) as server:
            process_of(server)
            code = exit_code(server)
        out.seek(0)
        err.seek(0)
        return _finished(code, out.read(), err.read())


@dataclass(frozen=True)
class Running:
    """A command that is under way, in a process that is forked."""

    pid: int
    out: TextIO
    end: Callable[[], int]
    """Waits for it, and returns its exit code, negative for a signal."""


@contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[Running]:
    """Run a command that does not end by itself until the end of the block."""
    given = {os.fsencode(k): os.fsencode(v) for k, v in environment().items()}
    reading, writing = os.pipe()
    with os.fdopen(reading) as out, Path(os.devnull).open("r+") as nothing:
        files = [nothing.fileno(), writing, nothing.fileno()]
        with handed_over(preloaded(), arguments, str(cwd), given, files) as server:
            os.close(writing)
            process = Running(process_of(server), out, functools.cache(lambda: exit_code(server)))
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
                process.end()


def real_command(*arguments: str, cwd: Path, **variables: str) -> Run:
    """Run identity-reconciler with *arguments* in *cwd*, in a process of its own."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return _finished(done.returncode, done.stdout, done.stderr)


def _finished(code: int, out: str, err: str) -> Run:
    assert "Traceback" not in err, err
    return Run(code, out, err)


@functools.cache
def preloaded() -> str:
    """Return the socket of the process that commands are forked from, which is started once."""
    path = str(Path(tempfile.mkdtemp(prefix="preloaded-"), "socket"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.preloaded", path],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline(), "the process that runs commands did not start"
    # Waits for it: only then its processor time is counted as ours.
    atexit.register(process.communicate)
    return path


def launcher() -> tuple[str, ...]:
    """Return the words that stand for `identity-reconciler` and run it in a forked process.

    A signal ends the launcher and not the command.
    """
    return (sys.executable, "-I", "-S", str(ROOT / "tests/handover.py"), preloaded())


def edit(here: Path, file: str, old: str, new: str) -> None:
    """Replace *old*, which stands once in a file of the desired state in *here*, by *new*."""
    path = here / "desired-state" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
