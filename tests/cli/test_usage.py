"""Wrong use, bad input and help: one clear answer, the right exit code, nothing touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from identity_reconciler.errors import EXIT_CODES, ExitCode
from tests.command import command, environment

WRONG = {
    "unknown command": (("plam",), "No such command"),
    "unknown option": (("plan", "--sandbx"), "--sandbx"),
    "unknown format": (("plan", "--format", "yaml"), "yaml"),
    "too many arguments": (("plan", "one", "two"), "two"),
    "missing directory": (("validate", "nowhere"), "nowhere"),
    "both sandbox and URL": (
        ("plan", "--sandbox", "--endpoint-url", "http://127.0.0.1:1"),
        "exclude each other",
    ),
}


class TestWrongUse:
    """Ends with 3, never with Typer's own 2, which would say that there are changes."""

    @pytest.mark.parametrize("name", WRONG)
    def test_is_told(self, here: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = command(*arguments, cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert run.out == ""
        assert not (here / ".identity-reconciler").exists()


class TestBadInput:
    """Is refused before any request: not even the sandbox is opened."""

    @pytest.mark.parametrize("name", ["validate", "plan", "apply"])
    def test_every_problem_is_told(self, here: Path, name: str) -> None:
        users = here / "desired-state/users/data.yaml"
        users.write_text(
            users.read_text().replace("title: Head of Data", "tilte: Head of Data")
            + "  - user_name: 007\n"
        )
        options = {"validate": (), "plan": ("--sandbox",), "apply": ("--sandbox", "--auto-approve")}
        run = command(name, *options[name], cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert 'users/data.yaml:8:5: unknown key "tilte"' in run.err
        assert "007" in run.err
        assert "nothing was changed" in run.err
        assert not (here / ".identity-reconciler").exists()

    def test_another_account_is_refused(self, here: Path) -> None:
        assert command("plan", "--sandbox", cwd=here).code == 0
        path = here / "desired-state/instance.yaml"
        path.write_text(path.read_text().replace("111122223333", "999922223333"))
        run = command("plan", "--sandbox", cwd=here)
        assert run.code != 0
        assert "999922223333" in run.err

    def test_without_credentials_it_says_what_to_do(self, here: Path) -> None:
        run = command("plan", cwd=here)
        assert run.code == ExitCode.UNEXPECTED
        assert "credentials" in run.err


class TestHelp:
    """Is instant, complete, and agrees with the table of exit codes."""

    def test_lists_every_exit_code(self, here: Path) -> None:
        out = " ".join(command("--help", cwd=here).out.split())
        for row in EXIT_CODES:
            assert f"{row.code.value} {row.meaning}" in out

    @pytest.mark.parametrize("arguments", [["--help"], ["validate"], ["plan", "--help"]])
    def test_needs_no_aws_libraries(self, here: Path, arguments: list[str]) -> None:
        script = (
            "import sys; from identity_reconciler.cli.app import run; "
            f"code = run({arguments!r}); "
            "print(sorted({'boto3', 'botocore', 'moto', 'deepdiff'} & set(sys.modules)), code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=here,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("[] 0\n")

    def test_version(self, here: Path) -> None:
        assert command("--version", cwd=here).out.startswith("identity-reconciler 0.")
