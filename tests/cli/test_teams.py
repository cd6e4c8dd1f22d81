"""The company of teams that a guide shows, from its first apply to a review."""

from __future__ import annotations

import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.command import Run, command
from tests.documents import guide

GUIDE = guide("teams")


@pytest.fixture
def teams(tmp_path: Path) -> Path:
    """Return a directory with the files that the guide shows."""
    place = tmp_path / "desired-state"
    place.mkdir()
    for text in GUIDE.code("yaml"):
        name = text.partition("\n")[0].removeprefix("# ")
        (place / name).write_text(text)
    return place


def approve(place: Path, plan: Run, reason: str) -> None:
    """Put the approval that *plan* prints into `approvals.yaml`."""
    lines = plan.out.partition("add to approvals.yaml:\n")[2].partition("\n\n")[0]
    entry = lines.replace('reason: ""', f"reason: {reason}").replace("\n  ", "\n")[2:]
    (place / "approvals.yaml").write_text(f"approvals:\n{entry}\n")


class TestTheCompany:
    """Each line does what the guide says of it."""

    def play(self, place: Path, line: str) -> Run:
        if line.startswith("sed "):
            subprocess.run(["sh", "-c", line], cwd=place, check=True)
            return Run(0, "", "")
        program, *arguments = shlex.split(line)
        assert program == "identity-reconciler"
        found = [str(one.relative_to(place)) for one in place.glob("reviews/*-oncall.md")]
        arguments = [*(found[0] if "*" in one else one for one in arguments)]
        return command(*arguments, cwd=place, COLUMNS="80")

    def test_as_written(self, teams: Path) -> None:
        lines = [line for text in GUIDE.code("sh") for line in text.splitlines()]
        runs: list[Run] = []
        for line in lines:
            runs.append(self.play(teams, line))
            if len(runs) == 2:
                approve(teams, runs[-1], "The first people on call")
        codes = [one.code for one in runs]
        assert codes == [0, 4, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0, 0, 0, 0, 0, 0]
        planned = " ".join(runs[1].out.replace("\n+", "\n").split())
        assert "gains Grafana through engineering via platform > members_where ben" in planned
        assert "dan.search, hana.search: join engineering, search gain Grafana" in planned
        assert "shop gains Grafana through engineering via shop Touches" in planned
        (applied, group, person, _, moved, _, clash, _, told, *_, plan) = runs[2:]
        assert "Verified: nothing is left to do." in applied.out
        assert "has member user/ben.platform" in group.out
        assert "via platform > members_where" in group.out
        assert re.search(r"group/engineering \(.*via shop, until 2030-07-01", person.out)
        assert "- membership/search/dan.search" in moved.out
        assert re.search(r"\+ membership/shop/dan.search +via members_where", moved.out)
        assert "engineering/dan" not in moved.out
        assert "finn.payments has both group payments-submit" in clash.err
        assert "via platform > members_where (teams.yaml:5:20)" in told.err
        assert "- membership/oncall/ben.platform" in plan.out
        text = (teams / "teams.yaml").read_text()
        assert "exclude: [ada.platform, ben.platform]" in text
        assert f"reviewed: {{day: {datetime.now(UTC).date()}, by: ada.platform}}" in text.replace(
            "\n      ", " "
        )
