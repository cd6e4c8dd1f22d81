"""What pre-commit runs of this program in other repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.command import ROOT, command

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
class TestHooks:
    """Each is a command of ours, and fails where the YAML is not as it should be."""

    def test_passes_what_is_right(self, here: Path, hook: dict[str, str]) -> None:
        program, *arguments = hook["entry"].split()
        assert (program, hook["language"]) == ("identity-reconciler", "python")
        assert command(*arguments, cwd=here).code == 0
        assert command(*arguments, "desired-state", cwd=here).code == 0

    def test_fails_what_is_wrong(self, here: Path, hook: dict[str, str]) -> None:
        (here / "desired-state/users/wrong.yaml").write_text("users:\n  - user_name: 007\n")
        run = command(*hook["entry"].split()[1:], cwd=here)
        assert (run.code, "users/wrong.yaml:2:" in run.err) == (3, True)
