"""Commands in the tests' own process and in forked ones do what those in new processes do."""

from __future__ import annotations

import logging
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.command import PROGRAM, ROOT, Run, command, edit, environment, launcher, real_command


@dataclass(frozen=True)
class Case:
    """A command, and what precedes it."""

    arguments: str
    variables: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Path], object] = lambda _: None


def broken(here: Path) -> None:
    edit(here, "users/data.yaml", "title: Head of Data", "tilte: 007")


def foreign(here: Path) -> None:
    edit(here, "users/data.yaml", "Head of Data", "Généralissime 数据 \U0001f469\u200d\U0001f52c")


CASES = {
    "wrong use in a narrow terminal": Case("plan --sandbx", {"COLUMNS": "50"}),
    "no credentials": Case("plan"),
    "problems on GitHub": Case("validate --format github", {"GITHUB_ACTIONS": "true"}, broken),
    "plan in colour": Case(
        "plan --color always", {"TERM": "xterm", "IDENTITY_RECONCILER_SANDBOX": "1"}, foreign
    ),
    "apply": Case("apply --sandbox --auto-approve"),
    "page": Case("audit access --desired --format html", {"TERM": "dumb"}, foreign),
}


def settled(run: Run) -> Run:
    """Return *run* without what differs from one moment or process to the next."""
    moment = r"\d{4}-\d\d-\d\dT[\d:]+Z|[\d.]+ s\b|\d{8}T[\d.]+Z-\d+|sha256:\w+"
    # Changes that wait for none of the others end in any order.
    out = re.sub(r"(?m)(^\+ applied .*\n)+", _sorted, run.out)
    return Run(run.code, re.sub(moment, "now", out), re.sub(moment, "now", run.err))


def _sorted(lines: re.Match[str]) -> str:
    return "".join(sorted(lines[0].splitlines(keepends=True)))


def forked_command(*arguments: str, cwd: Path, **variables: str) -> Run:
    """Run identity-reconciler as scripts do that the tests run."""
    done = subprocess.run(
        [*launcher(), *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


class TestSameAsReal:
    """Output, errors, exit code and files are those of a new process."""

    @pytest.mark.parametrize("name", CASES)
    def test_command(self, here: Path, tmp_path: Path, name: str) -> None:
        case = CASES[name]
        case.before(here)
        runs, names = [], []
        for way in (command, forked_command, real_command):
            cwd = tmp_path / way.__name__
            shutil.copytree(here / "desired-state", cwd / "desired-state")
            runs.append(settled(way(*case.arguments.split(), cwd=cwd, **case.variables)))
            paths = (str(path.relative_to(cwd)) for path in cwd.rglob("*"))
            names.append(sorted(re.sub(r"\d{8}T.*", "", path) for path in paths))
        assert runs[0] == runs[1] == runs[2]
        assert names[0] == names[1] == names[2]

    def test_a_reader_that_has_gone(self, here: Path) -> None:
        ends = []
        for words in (launcher(), PROGRAM):
            ours, theirs = os.pipe()
            os.close(ours)
            done = subprocess.run(
                [*words, "schema"],
                cwd=here,
                env=environment(),
                stdout=theirs,
                stderr=subprocess.PIPE,
                check=False,
            )
            os.close(theirs)
            ends.append((done.returncode, done.stderr))
        assert ends[0] == ends[1]
        assert ends[0][0] == 1

    @pytest.mark.parametrize("arguments", ["apply --sandbox", "audit access --desired"])
    def test_a_terminal(self, here: Path, arguments: str) -> None:
        """The plan is shown before the question although the two are different files."""
        shown = []
        # The first apply of all makes the group of the lease, which is a request less.
        for words in (launcher(), launcher(), PROGRAM):
            ours, theirs = pty.openpty()
            os.write(ours, b"no\n")
            with subprocess.Popen(
                [*words, *arguments.split()],
                cwd=here,
                env=environment(TERM="xterm"),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            ) as process:
                os.close(theirs)
                text = _read(ours)
            os.close(ours)
            without_spinner = re.sub(r"\x1b\[\?25l.*?\x1b\[\?25h", "", text, flags=re.DOTALL)
            shown.append(settled(Run(process.returncode, without_spinner, "")))
        assert shown[1] == shown[2]
        assert shown[0].code == 0


def _read(terminal: int) -> str:
    """Return what is written to a terminal until nobody holds its other side."""
    read = b""
    while True:
        try:
            read += os.read(terminal, 100_000)
        except OSError:
            # What Linux has in place of an end.
            return read.decode()


class TestNothingIsLeft:
    """A command in the tests' own process leaves it as it was."""

    @pytest.mark.parametrize("arguments", ["apply --sandbox --auto-approve", "plan --sandbx"])
    def test_surroundings(self, here: Path, arguments: str) -> None:
        def surroundings() -> list[object]:
            handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
            root = logging.getLogger()
            streams = [sys.stdin, sys.stdout, sys.stderr]
            return [Path.cwd(), dict(os.environ), *streams, *root.handlers, root.level, *handlers]

        before = surroundings()
        command(*arguments.split(), cwd=here, TZ="Asia/Tokyo", AWS_REGION="eu-west-1")
        assert surroundings() == before
        zone = time.tzname
        time.tzset()
        assert time.tzname == zone


class TestLimits:
    """What a forked process cannot have is refused; none outlives the tests."""

    @pytest.mark.parametrize(
        "variables", [{"PYTHONHASHSEED": "1"}, {"PYTHONPATH": "x"}, {"LC_ALL": "de_DE.UTF-8"}]
    )
    def test_what_only_a_start_reads(self, tmp_path: Path, variables: dict[str, str]) -> None:
        with pytest.raises(AssertionError, match="real_command"):
            command("--version", cwd=tmp_path, **variables)
        refused = forked_command("--version", cwd=tmp_path, **variables)
        assert "real_command" in refused.err

    def test_takes_nothing_from_the_tests_and_ends_with_them(self, tmp_path: Path) -> None:
        """Those of another process, which has a variable that leads to a sandbox, and is killed."""
        script = "from tests.command import launcher; print(*launcher(), sep='\\n', flush=True)"
        with subprocess.Popen(
            [sys.executable, "-c", f"{script}; input()"],
            cwd=ROOT,
            env=environment(IDENTITY_RECONCILER_SANDBOX="1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as tests:
            assert tests.stdout is not None
            words = [tests.stdout.readline().strip() for _ in launcher()]
            shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
            planned = subprocess.run(
                [*words, "plan"], cwd=tmp_path, env=environment(), capture_output=True, check=False
            )
            assert b"credentials" in planned.stderr
            with subprocess.Popen(
                [*words, "sandbox", "serve"],
                cwd=tmp_path,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as serving:
                assert serving.stdout is not None
                assert serving.stdout.readline().startswith("export")
                tests.send_signal(signal.SIGKILL)
                # Ends when the last process does that can write to it.
                serving.stdout.read()
        assert serving.returncode == 1
        assert not Path(words[-1]).parent.exists()
