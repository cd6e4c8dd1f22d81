"""`plan --base REF`: what this change does, apart from what was pending or has drifted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.command import command, edit


def git(here: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


@pytest.fixture
def drifted(applied: Path) -> Path:
    """Return a repository whose HEAD is ahead of what is live, and whose files are ahead of it."""
    git(applied, "init", "-q")
    edit(applied, "users/data.yaml", "title: Head of Data", "title: Chief of Data")
    git(applied, "add", "desired-state")
    git(applied, "commit", "-qm", "x")
    edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
    return applied


class TestBase:
    """One live read tells apart the change under review and everything else."""

    def test_tells_new_from_pending(self, drifted: Path) -> None:
        run = command("plan", "--sandbox", "--base", "HEAD", "--format", "json", cwd=drifted)
        pending = {one["address"]: one["pending"] for one in run.json()["changes"]}
        assert pending == {"user/johndoe": False, "user/janedoe": True}

    def test_costs_no_more_requests(self, drifted: Path) -> None:
        plain = command("plan", "--sandbox", "--format", "json", cwd=drifted).json()
        based = command("plan", "--sandbox", "--base", "HEAD", "--format", "json", cwd=drifted)
        assert based.json()["live"]["requests"] == plain["live"]["requests"]
        assert "pending" not in plain["changes"][0]

    def test_the_same_object_changed_further_is_new(self, drifted: Path) -> None:
        edit(drifted, "users/data.yaml", "title: Chief of Data", "title: Queen of Data")
        run = command("plan", "--sandbox", "--base", "HEAD", "--format", "json", cwd=drifted)
        assert {one["pending"] for one in run.json()["changes"]} == {False}

    @pytest.mark.parametrize("option", ["--base", "--changed-since"])
    def test_tells_them_apart_where_the_settings_change_too(
        self, drifted: Path, option: str
    ) -> None:
        """Then all that is live is read, whichever of the two is asked."""
        edit(drifted, "instance.yaml", "  users: declared #", "  users: authoritative #")
        edit(drifted, "groups/company.yaml", "      - saanvi.sarkar\n", "")
        run = command("plan", "--sandbox", option, "HEAD", "--format", "json", cwd=drifted)
        pending = {one["address"]: one["pending"] for one in run.json()["changes"]}
        removed = {"membership/engineering/saanvi.sarkar": False}
        assert pending == {"user/johndoe": False, "user/janedoe": True} | removed

    @pytest.mark.parametrize("option", ["--base", "--changed-since"])
    def test_what_guards_name_is_marked(self, applied: Path, option: str) -> None:
        settings = applied / "desired-state/instance.yaml"
        settings.write_text(
            f"{settings.read_text()}guards: {{privileged: {{groups: [auditors]}}}}\n"
        )
        git(applied, "init", "-q")
        git(applied, "add", "desired-state")
        git(applied, "commit", "-qm", "x")
        edit(applied, "groups/company.yaml", "      - martha.rivera\n      - user", "      - user")
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
        run = command("plan", "--sandbox", option, "HEAD", "--format", "json", cwd=applied)
        guarded = {one["address"]: one.get("guarded") for one in run.json()["changes"]}
        assert guarded == {"user/johndoe": None, "membership/auditors/martha.rivera": True}
        # Nor does it help to drop the guards in the same change.
        settings.write_text(settings.read_text().partition("guards:")[0])
        run = command("plan", "--sandbox", option, "HEAD", "--format", "json", cwd=applied)
        assert {one["address"]: one.get("guarded") for one in run.json()["changes"]} == guarded

    def test_an_unknown_revision_is_told(self, drifted: Path) -> None:
        run = command("plan", "--sandbox", "--base", "nonsense", cwd=drifted)
        assert run.code == 3
        assert "nonsense" in run.err
