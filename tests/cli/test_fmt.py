"""`fmt`, as a process."""

from __future__ import annotations

from pathlib import Path

from identity_reconciler.errors import ExitCode
from tests.command import command

UNTIDY = """\
users:
- email: ann@example.com # work
  user_name:   'ann'

  name: {family_name: Lee,  given_name: Ann}
"""
TIDY = """\
users:
  - user_name: ann

    name: {given_name: Ann, family_name: Lee}
    email: ann@example.com # work
"""


class TestFmt:
    """Writes the one layout, or says what it would write."""

    def test_the_example_has_it_already(self, here: Path) -> None:
        run = command("fmt", "--check", cwd=here)
        assert (run.code, run.out) == (ExitCode.SUCCESS, "nothing to change\n")

    def test_check_changes_nothing(self, here: Path) -> None:
        path = here / "desired-state/users/more.yaml"
        path.write_text(UNTIDY)
        run = command("fmt", "--check", cwd=here)
        assert run.code == ExitCode.CHANGES
        assert run.out == "would change desired-state/users/more.yaml\n"
        assert path.read_text() == UNTIDY

    def test_changes_what_is_not_in_layout(self, here: Path) -> None:
        path = here / "desired-state/users/more.yaml"
        path.write_text(UNTIDY)
        path.chmod(0o600)
        run = command("fmt", cwd=here)
        assert (run.code, run.out) == (ExitCode.SUCCESS, "changed desired-state/users/more.yaml\n")
        assert path.read_text() == TIDY
        assert path.stat().st_mode & 0o777 == 0o600
        assert sorted(each.name for each in path.parent.iterdir()) == [
            *("data.yaml", "engineering.yaml", "finance.yaml", "more.yaml")
        ]
        assert command("fmt", "--check", cwd=here).code == ExitCode.SUCCESS

    def test_what_is_wrong_is_told_and_nothing_written(self, here: Path) -> None:
        path = here / "desired-state/users/more.yaml"
        path.write_text(UNTIDY.replace("ann@", "@"))
        run = command("fmt", cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert "users/more.yaml:2:10" in run.err
        assert "'ann'" in path.read_text()
