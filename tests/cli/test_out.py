"""What `--out` writes to: files whole and private, links, pipes, devices, and stdout."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.command import Run, command

PLAN = ("plan", "--sandbox", "--out")
AUDIT = ("audit", "access", "--sandbox", "--format", "json", "--out")
COMMANDS = [PLAN, AUDIT]


@pytest.mark.parametrize("words", COMMANDS, ids=["plan", "audit"])
class TestOut:
    """A regular file is replaced; everything else stays what it is."""

    def test_a_file(self, applied: Path, words: tuple[str, ...]) -> None:
        (applied / "out").write_text("old")
        assert _written(command(*words, "out", cwd=applied))
        assert stat.S_IMODE((applied / "out").stat().st_mode) == 0o600
        assert json.loads((applied / "out").read_text())

    def test_a_link(self, applied: Path, words: tuple[str, ...]) -> None:
        (applied / "out").symlink_to("file")
        assert _written(command(*words, "out", cwd=applied))
        assert (applied / "out").readlink() == Path("file")
        assert json.loads((applied / "file").read_text())

    def test_a_pipe(self, applied: Path, words: tuple[str, ...]) -> None:
        read: list[str] = []
        os.mkfifo(applied / "out")
        reader = threading.Thread(target=lambda: read.append((applied / "out").read_text()))
        reader.start()
        assert _written(command(*words, "out", cwd=applied))
        reader.join()
        assert json.loads(read[0])

    def test_a_device(self, applied: Path, words: tuple[str, ...]) -> None:
        assert _written(command(*words, os.devnull, cwd=applied))
        assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)

    def test_stdout(self, applied: Path, words: tuple[str, ...]) -> None:
        run = command(*words, "-", cwd=applied)
        assert run.code == 0
        assert run.json()
        assert not (applied / "-").exists()


def _written(run: Run) -> bool:
    return run.code == 0 and "Traceback" not in run.err


class TestPlanOnStdout:
    """What is for people goes to stderr, and the plan can be piped on."""

    def test_is_shown_on_stderr(self, applied: Path) -> None:
        run = command(*PLAN, "-", cwd=applied)
        assert "No changes." in run.err
        assert "Saved -   digest sha256:" in run.err
        (applied / "plan.json").write_text(run.out)
        assert command("show", "plan.json", cwd=applied).code == 0

    def test_does_not_go_with_github(self, applied: Path) -> None:
        files = {name: str(applied / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        run = command(*PLAN, "-", "--github", cwd=applied, **files)
        assert run.code == 3
        assert "save the plan to a file" in run.err


class TestShow:
    """Reads what can be read, and waits for nobody."""

    def test_a_pipe_without_a_writer(self, here: Path) -> None:
        os.mkfifo(here / "pipe")
        run = command("show", "pipe", cwd=here)
        assert run.code == 5
        assert run.err.startswith("error: pipe: ")

    def test_a_pipe_with_one(self, applied: Path) -> None:
        assert command(*PLAN, "plan.json", cwd=applied).code == 0
        os.mkfifo(applied / "pipe")
        # The reader's end is held open, so that all is in the pipe before `show` has begun.
        holder = os.open(applied / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        (applied / "pipe").write_bytes((applied / "plan.json").read_bytes())
        run = command("show", "pipe", cwd=applied)
        os.close(holder)
        assert (run.code, run.out.splitlines()[0]) == (
            0,
            command("show", "plan.json", cwd=applied).out.splitlines()[0],
        )

    def test_a_directory(self, here: Path) -> None:
        run = command("show", "desired-state", cwd=here)
        assert run.code == 3
        assert "Is a directory" in run.err


class TestWorkspace:
    """What runs leave behind is kept out of Git; where nothing can be left, one line says so."""

    def test_is_ignored(self, applied: Path) -> None:
        assert (applied / ".identity-reconciler" / ".gitignore").read_text() == "*\n"
        assert {one.name for one in (applied / ".identity-reconciler").iterdir()} >= {
            "journal",
            "sandbox.sqlite3",
        }

    def test_a_file_is_in_its_place(self, here: Path) -> None:
        (here / ".identity-reconciler").touch()
        for words in (("plan", "--sandbox"), ("sandbox", "seed", "desired-state")):
            run = command(*words, cwd=here)
            assert (run.code, run.err.count("\n")) == (3, 1)
            assert "cannot write to .identity-reconciler: File exists" in run.err
