"""`import`, as a process, from the sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from tests.command import command

NOTHING = "No changes."
WRONG = {
    "unknown kind": (("--only", "membership/a/b"), "--only membership/a/b: expected user/NAME"),
    "no name": (("--only", "user/"), "--only user/: expected"),
    "unknown name": (("--only", "user/jane"), 'user "jane" is neither live nor declared; did you'),
    "unknown layout": (("--layout", "flat"), "flat"),
    "missing directory": (("nowhere",), "nowhere"),
    "both sandbox and URL": (("--endpoint-url", "http://127.0.0.1:1"), "exclude each other"),
}


@pytest.fixture
def adopted(applied: Path) -> Path:
    """Return a directory with the settings alone, and everything in its sandbox."""
    for name in ("users", "groups"):
        shutil.rmtree(applied / "desired-state" / name)
    (applied / "desired-state/applications.yaml").unlink()
    return applied


def plan(here: Path) -> str:
    """Return a plan against the sandbox."""
    run = command("plan", "--sandbox", cwd=here)
    assert run.code == 0, run.err
    return run.out


class TestImport:
    """What is imported has nothing to plan, and importing again changes nothing."""

    @pytest.mark.parametrize("layout", ["one-file", "by-kind", "by-prefix"])
    def test_into_nothing(self, adopted: Path, layout: str) -> None:
        checked = command("import", "--sandbox", "--check", "--layout", layout, cwd=adopted)
        assert checked.code == ExitCode.CHANGES
        assert list((adopted / "desired-state").rglob("*.yaml")) == [
            adopted / "desired-state/instance.yaml"
        ]
        run = command("import", "--sandbox", "--layout", layout, cwd=adopted)
        assert run.code == 0, run.err
        assert run.out == checked.out
        assert all(line.startswith("new  desired-state/") for line in run.out.splitlines())
        files = (adopted / "desired-state").rglob("*.yaml")
        assert sum(path.read_text().count("user_name: janedoe\n") for path in files) == 1
        assert NOTHING in plan(adopted)
        again = command("import", "--sandbox", "--check", cwd=adopted)
        assert (again.code, again.out) == (0, "")

    def test_into_what_is_there_already(self, applied: Path) -> None:
        run = command("import", "--sandbox", "--check", cwd=applied)
        assert run.code == ExitCode.CHANGES
        changed = [line for line in run.out.splitlines() if line[:1] == "-" and line[:3] != "---"]
        assert changed == []
        assert run.out.count("+++ ") == run.out.count("+++ desired-state/applications.yaml") == 1

    def test_drift_becomes_yaml_line_by_line(self, applied: Path) -> None:
        path = applied / "desired-state/users/data.yaml"
        before = path.read_text()
        path.write_text(before.replace("title: Head of Data", "title: Chief # of all"))
        run = command("import", "--sandbox", "--only", "user/janedoe", cwd=applied)
        assert run.code == 0, run.err
        lines = [line for line in run.out.splitlines() if line[0] in "+-" and line[1] == " "]
        assert lines == ["-    title: Chief # of all", "+    title: Head of Data # of all"]


class TestWrongUse:
    """Is told in one line; nothing is written."""

    @pytest.mark.parametrize("name", WRONG)
    def test_is_told(self, adopted: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = command("import", "--sandbox", *arguments, cwd=adopted)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert [path.name for path in (adopted / "desired-state").rglob("*.yaml")] == [
            "instance.yaml"
        ]
