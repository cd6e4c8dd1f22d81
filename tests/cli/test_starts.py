"""What is listed with a start, by the commands that plan, apply and tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.command import Run, command, edit

FILE = "groups/company.yaml"
JUAN = "      - li.juan\n"
ADDRESS = "membership/engineering/johndoe"


def day(ahead: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=ahead))


def john(starts: str) -> str:
    return f"      - {{user: johndoe, starts: {starts}, expires: 2090-12-31}}\n"


def plan(here: Path, *options: str) -> Run:
    return command("plan", "--sandbox", *options, cwd=here)


def apply(here: Path, *options: str) -> Run:
    return command("apply", "--sandbox", "--auto-approve", *options, cwd=here)


@pytest.fixture
def waiting(applied: Path) -> Path:
    """Return a directory in which somebody is to join next week."""
    edit(applied, FILE, JUAN, JUAN + john(day(7)))
    return applied


class TestBeforeTheStart:
    """It is told, and otherwise as if it were not listed."""

    def test_nothing_is_done_and_when_it_starts_is_told(self, waiting: Path) -> None:
        run = plan(waiting)
        assert run.code == 0
        assert "No changes" in run.out
        told = run.out.partition("Yet to start (1)\n")[2].split()
        assert told[0] == ADDRESS
        assert f"starts {day(7)}T00:00:00Z, until 2091-01-01T00:00:00Z" in " ".join(told)
        assert apply(waiting).code == 0
        assert plan(waiting, "--detailed-exitcode").code == 0

    def test_explain_says_so(self, waiting: Path) -> None:
        lines = command("explain", "user/johndoe", cwd=waiting).out.splitlines()
        until = f"starts {day(7)}T00:00:00Z, until 2091-01-01T00:00:00Z"
        assert f"  member of group/engineering ({FILE}:7:9, {until})" in lines
        assert not any("may open" in line and "engineering" in line for line in lines)

    def test_a_saved_plan_tells_it_again(self, waiting: Path) -> None:
        plan(waiting, "--out", "plan.json")
        assert f"starts {day(7)}" in command("show", "plan.json", cwd=waiting).out

    def test_who_is_there_already_goes_and_not_as_expired(self, applied: Path) -> None:
        edit(applied, FILE, JUAN, f"      - {{user: li.juan, starts: {day(7)}}}\n")
        assert apply(applied, "--only-expired").code == 0
        run = plan(applied, "--format", "json")
        assert run.changes() == {("delete", "membership/engineering/li.juan")}
        assert [one["reason"] for one in run.json()["changes"]] == ["not listed"]
        assert apply(applied).code == 0
        assert plan(applied, "--detailed-exitcode").code == 0


class TestFromTheStartOn:
    """An ordinary apply grants it, and nothing that was planned before."""

    def test_apply_grants_it(self, waiting: Path) -> None:
        edit(waiting, FILE, day(7), day(0))
        assert plan(waiting, "--only-expired", "--format", "json").changes() == set()
        run = plan(waiting)
        assert f"started {day(0)}T00:00:00Z" in run.out
        assert "Yet to start" not in run.out
        assert apply(waiting).code == 0
        assert plan(waiting, "--detailed-exitcode").code == 0

    def test_a_plan_saved_before_does_not_grant_it(self, waiting: Path) -> None:
        edit(waiting, FILE, "Finance department", "Finance")
        assert plan(waiting, "--out", "plan.json").code == 0
        edit(waiting, FILE, day(7), day(0))
        run = apply(waiting, "desired-state", "--approved", "plan.json")
        assert run.code == 5
        assert f"{ADDRESS} (create) would be done now, but it is not in the reviewed" in run.err
        assert apply(waiting, "plan.json").code == 0
        assert plan(waiting, "--format", "json").changes() == {("create", ADDRESS)}
