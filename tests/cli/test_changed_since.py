"""`plan --changed-since`: only what a change of the YAML touches is read, and it says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from tests.command import Run, command, edit


def git(here: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


@pytest.fixture
def committed(applied: Path) -> Path:
    """Return a directory whose example is applied, and committed to Git."""
    git(applied, "init", "--quiet")
    git(applied, "add", "desired-state")
    git(applied, "commit", "--quiet", "--message", "first")
    return applied


def plan(here: Path, *arguments: str, since: str = "HEAD") -> Run:
    return command("plan", "--sandbox", "--changed-since", since, *arguments, cwd=here)


class TestChangedSince:
    """Finds the same changes as a whole plan, with a few requests."""

    def test_nothing_changed(self, committed: Path) -> None:
        run = plan(committed)
        assert run.code == 0
        assert "what the change since HEAD touches" in run.out
        assert "guards  have not judged it" in run.out
        markdown = plan(committed, "--format", "markdown").out
        assert "No changes to what was looked at." in markdown
        assert "No changes to what was looked at." in run.out
        assert "read    2 requests" in run.out

    def test_an_attribute_and_a_member(self, committed: Path) -> None:
        edit(committed, "users/data.yaml", "title: Data Engineer", "title: Senior Data Engineer")
        edit(committed, "groups/company.yaml", "      - li.juan\n", "")
        found = plan(committed, "--format", "json")
        full = command("plan", "--sandbox", "--format", "json", cwd=committed)
        assert found.changes() == full.changes()
        assert found.changes() == {
            ("update", "user/johndoe"),
            ("delete", "membership/engineering/li.juan"),
        }
        assert found.json()["source"]["changed_since"] == "HEAD"
        assert "**No guard has judged this plan**" in plan(committed, "--format", "markdown").out
        assert "changed_since" not in full.json()["source"]

    def test_is_not_for_apply(self, committed: Path) -> None:
        """Guards judge whole plans, so a part of one must not get around them."""
        edit(committed, "users/data.yaml", "title: Data Engineer", "title: Senior Data Engineer")
        assert "--out saves a plan for apply" in plan(committed, "--out", "plan.json").err
        assert not (committed / "plan.json").exists()
        (committed / "plan.json").write_text(plan(committed, "--format", "json").out)
        run = command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=committed)
        assert run.code == ExitCode.STALE_PLAN
        assert "covers only what changed since HEAD" in run.err

    def test_an_older_revision_and_deleted_files(self, committed: Path) -> None:
        (committed / "desired-state/applications.yaml").unlink()
        git(committed, "add", "--all", "desired-state")
        git(committed, "commit", "--quiet", "--message", "second")
        assert "No changes" in plan(committed, since="HEAD~1").out


class TestWhereOnlyAWholePlanCanTell:
    """Says so and makes one."""

    def test_the_settings_changed(self, committed: Path) -> None:
        path = committed / "desired-state/instance.yaml"
        path.write_text(path.read_text() + "# edited\n")
        assert "planning everything" not in plan(committed).err
        path.write_text(path.read_text().replace("ignore:", "ignore:\n  users: [nobody-*]"))
        run = plan(committed)
        assert "instance.yaml, which touches everything, differs from HEAD" in run.err
        assert "what the change since" not in run.out

    def test_there_was_nothing_yet(self, committed: Path) -> None:
        (committed / "desired-state").rename(committed / "elsewhere")
        run = command("plan", "elsewhere", "--sandbox", "--changed-since", "HEAD", cwd=committed)
        assert run.code == 0
        assert "planning everything" in run.err


class TestWrongRevision:
    """Is refused before any request, whatever it looks like."""

    @pytest.mark.parametrize("since", ["no-such-branch", "--output=x", "-1"])
    def test_is_told(self, committed: Path, since: str) -> None:
        run = plan(committed, since=since)
        assert run.code == ExitCode.INVALID_INPUT
        assert "no such commit" in run.err
        assert not (committed / "x").exists()

    def test_outside_of_git(self, here: Path) -> None:
        run = plan(here)
        assert run.code == ExitCode.INVALID_INPUT
        assert "no such commit" in run.err
