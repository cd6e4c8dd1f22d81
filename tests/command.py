"""Run the command as a user would, in a directory and with an environment of its own.

`command` is for nearly all tests: it runs in the process of the tests, which takes a third of the
processor time of one that is forked, and a tenth of that of a new one. `launcher` is for where a
shell, a pipe or a terminal calls the program, and `running` for what does not end by itself; their
processes are forked from one that has imported everything (`tests/preloaded.py`). `real_command`
and `PROGRAM` are for what only a new process shows: what is imported when, what a start takes,
variables that the interpreter reads at its start, and signals and kills. That all of them do the
same is tested in `tests/cli/test_preloaded.py`.
"""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from identity_reconciler.cli.app import run
from tests.handover import exit_code, handed_over, process_of

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-m", "identity_reconciler")
READ_AT_START = ("LANG", "LC_", "PYTHON")
"""How the names of variables begin that the interpreter reads at its start."""


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
    """Run identity-reconciler with *arguments* in *cwd*, in this process.

    A thread that outlives the command and would keep a process from ending fails the test.
    """
    _checked_strictly()
    threads = set(threading.enumerate())
    with (
        Path(os.devnull).open() as nothing,
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as err,
        _variables(environment(**variables)),
        _no_log(),
        chdir(cwd),
    ):
        with _standard_input(nothing), redirect_stdout(out), redirect_stderr(err):
            try:
                code = run(list(arguments))
            except SystemExit as end:
                # As completion does.
                code = int(end.code or 0)
        out.seek(0)
        err.seek(0)
        finished = _finished(code, out.read(), err.read())
    left = [thread for thread in set(threading.enumerate()) - threads if not thread.daemon]
    assert not left, f"{left} would keep a process from ending"
    return finished


@functools.cache
def _checked_strictly() -> None:
    """Let every answer of the sandbox be checked against the service model."""
    from identity_reconciler.sandbox.responder import Responder  # noqa: PLC0415

    Responder.strict = True


@contextmanager
def _variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """Run the block with *wanted* as the environment."""
    kept = dict(os.environ)
    _change_environment(wanted)
    try:
        yield
    finally:
        _change_environment(kept)


def _change_environment(wanted: Mapping[str, str]) -> None:
    changed = {name for name, _ in os.environ.items() ^ wanted.items()}
    refused = sorted(name for name in changed if name.startswith(READ_AT_START))
    assert not refused, f"only a real process reads {refused}: use real_command"
    for name in changed:
        if name in wanted:
            os.environ[name] = wanted[name]
        else:
            del os.environ[name]
    if "TZ" in changed:
        time.tzset()


@contextmanager
def _no_log() -> Iterator[None]:
    """Keep from the logs of pytest what a process of its own would log to stderr."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = kept


@contextmanager
def _standard_input(file: TextIO) -> Iterator[None]:
    kept, sys.stdin = sys.stdin, file
    try:
        yield
    finally:
        sys.stdin = kept


@dataclass(frozen=True)
class Running:
    """A command that is under way, in a process that is forked."""

    pid: int
    out: TextIO
    err: TextIO
    """What it has written there by now can be read, and does not fill up."""
    end: Callable[[], int]
    """Waits for it, and returns its exit code, negative for a signal."""

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


@contextmanager
def running(*arguments: str, cwd: Path, **variables: str) -> Iterator[Running]:
    """Run a command that does not end by itself, or not at once, until the end of the block."""
    given = {os.fsencode(k): os.fsencode(v) for k, v in environment(**variables).items()}
    reading, writing = os.pipe()
    with (
        os.fdopen(reading) as out,
        Path(os.devnull).open() as nothing,
        tempfile.NamedTemporaryFile("w") as written,
        Path(written.name).open() as err,
    ):
        files = [nothing.fileno(), writing, written.fileno()]
        with handed_over(preloaded(), arguments, str(cwd), given, files) as server:
            os.close(writing)
            end = functools.cache(lambda: exit_code(server))
            process = Running(process_of(server), out, err, end)
            try:
                yield process
            finally:
                # Of one that has ended, the number may be another's by now.
                if not end.cache_info().currsize:
                    with suppress(ProcessLookupError):
                        process.send(signal.SIGTERM)
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
