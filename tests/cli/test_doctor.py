"""`doctor`, as a process."""

from __future__ import annotations

from pathlib import Path

from identity_reconciler.errors import ExitCode
from tests.command import command


class TestDoctor:
    """Says what works, and how to mend what does not."""

    def test_all_is_well(self, applied: Path) -> None:
        run = command("doctor", "--sandbox", cwd=applied)
        assert run.code == 0, run.err
        lines = run.out.splitlines()
        assert all(line.startswith("ok ") for line in lines)
        assert "ok      identity source: none of 12 users is foreign" in lines
        assert "ok      members of a group can be read" in lines
        assert "ok      assignments of an application can be read" in lines

    def test_no_credentials(self, here: Path) -> None:
        run = command("doctor", cwd=here)
        assert run.code == ExitCode.UNEXPECTED
        assert "PROBLEM" in run.out
        assert "credentials" in run.out

    def test_another_instance(self, applied: Path) -> None:
        path = applied / "desired-state/instance.yaml"
        path.write_text(path.read_text().replace("d-1234567890", "d-1234567899"))
        run = command("doctor", "--sandbox", cwd=applied)
        assert run.code != 0
        assert "d-123456789" in run.out + run.err

    def test_wrong_use(self, here: Path) -> None:
        run = command("doctor", "--sandbox", "nowhere", cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert "nowhere" in run.err
        assert run.out == ""
