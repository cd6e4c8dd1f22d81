"""`edit forget`, which asks what has become of the deletions."""

from __future__ import annotations

from pathlib import Path

from tests.command import command


class TestForget:
    """What is gone goes from the YAML too, and what is not, stays."""

    def test_after_the_deletion(self, applied: Path) -> None:
        path = applied / "desired-state/users/finance.yaml"
        entry = "  - user_name: paulo.santos\n    state: absent\n"
        assert command("edit", "leave", "paulo.santos", cwd=applied).code == 0
        assert command("edit", "add-group", "old", cwd=applied).code == 0
        assert command("edit", "remove-group", "old", cwd=applied).code == 0
        early = command("edit", "forget", "--sandbox", "--dry-run", cwd=applied)
        assert "finance.yaml:11:5: user/paulo.santos is still live; apply first" in early.err
        assert "-  - name: old\n-    state: absent" in early.out
        assert entry in path.read_text()
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        late = command("edit", "forget", "--sandbox", cwd=applied)
        assert (late.code, late.err.splitlines()[-1]) == (0, "2 files written")
        assert "paulo" not in path.read_text()
        again = command("edit", "forget", "--sandbox", cwd=applied)
        assert (again.out, again.err) == ("", "nothing to change\n")
