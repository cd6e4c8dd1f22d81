"""The shell completes names that the YAML declares, through the protocol of Typer's scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import command

COMPLETED = {
    "edit add-member fin": ["finance"],
    "edit add-member finance m": ["martha.rivera", "mateo.jackson"],
    "edit move li.juan --from e": ["engineering"],
    "edit set-user li.juan --manager mat": ["mateo.jackson"],
    "edit assign Gr": ["Grafana"],
    "explain u": ["user/"],
    "explain group/AWS_D": ["group/AWS_Data_Science"],
    "audit access --application Led": ["Ledger"],
    "audit memberships nobod": [],
    "edit leave -C nowhere p": [],
}


def completed(line: str, cwd: Path) -> list[str]:
    """Return what Bash would offer for the last word of *line*."""
    words = f"identity-reconciler {line}"
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    run = command(cwd=cwd, _IDENTITY_RECONCILER_COMPLETE="complete_bash", **asked)
    assert (run.code, run.err) == (0, "")
    return run.out.split()


class TestCompletion:
    """Names of the right kind, and never a word about what is wrong."""

    @pytest.mark.parametrize("line", COMPLETED)
    def test_offers(self, here: Path, line: str) -> None:
        assert completed(line, here) == COMPLETED[line]

    def test_broken_files_offer_nothing(self, here: Path) -> None:
        (here / "desired-state/groups/data.yaml").write_text("groups: [")
        assert completed("edit add-member fin", here) == []
