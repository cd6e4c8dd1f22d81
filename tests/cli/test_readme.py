"""Every command of the README does what is said there, typed into a shell."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from identity_reconciler.desired.reading.loader import load
from identity_reconciler.sandbox import Sandbox
from tests.command import ROOT, command, edit, environment, launcher
from tests.documents import README
from tests.sandbox.account_world import Accounts

TRY, INSTALL, ADOPT, PEOPLE, TESTS = README.code("sh")
SET_UP = ".venv/bin/pip install"
PROD = "222233334444"


def typed(script: str, cwd: Path, *, answer: str = "", **variables: str) -> str:
    """Run *script* in *cwd* as if typed on a terminal, and return what it prints.

    *answer* is what the user types while it runs.
    """
    shown = f'identity-reconciler() {{ {shlex.join(launcher())} "$@"; }}'
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{shown}\n{script}"],
            cwd=cwd,
            env=environment(**variables),
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestTry:
    """The first block plans, applies, and then has nothing left to do."""

    def test_as_written(self, here: Path) -> None:
        set_up, _, rest = TRY.partition("\n")
        assert SET_UP in set_up
        out = typed(rest, here)
        first, _, last = out.partition("Verified: nothing is left to do.")
        assert re.search(r"Plan: \d+ users created,\s+5\s+groups\s+created", first)
        assert "No changes." in last


class TestInstall:
    """What is installed is called as this project is."""

    def test_the_name(self) -> None:
        assert INSTALL.split() == ["pip", "install", "identity-reconciler"]
        assert 'name = "identity-reconciler"' in (ROOT / "pyproject.toml").read_text()


class TestAdopt:
    """Five commands lead from a live instance to a first plan that is empty, and to workflows."""

    def test_as_written(self, applied: Path) -> None:
        for path in (applied / "desired-state").rglob("*.yaml"):
            path.unlink()
        assert ADOPT.count("identity-reconciler ") == len(ADOPT.splitlines()) == 5
        out = typed(ADOPT, applied, answer="\n" * 9, IDENTITY_RECONCILER_SANDBOX="1")
        assert "No changes." in out
        assert (applied / ".github/workflows/plan.yml").exists()
        assert "Resources:" in (applied / "roles.yaml").read_text()
        # What is no YAML stays as it was, also where YAML is written.
        beside = Path("desired-state/README.md")
        assert (applied / beside).read_bytes() == (ROOT / beside).read_bytes()


class TestPeople:
    """A joiner, a mover and a leaver: what the commands say comes true."""

    @pytest.fixture
    def done(self, applied: Path) -> Path:
        """Return a directory in which the block has been run."""
        out = typed(PEOPLE, applied, answer="yes\n", IDENTITY_RECONCILER_SANDBOX="1")
        assert "Verified: nothing is left to do." in out
        return applied

    def test_as_written(self, done: Path) -> None:
        def groups(user: str) -> set[str]:
            rows = command(
                "audit", "memberships", user, "--sandbox", "--format", "json", cwd=done
            ).json()["rows"]
            return {row["group"] for row in rows}

        assert groups("ana.silva") == {"engineering"}
        assert groups("li.juan") == {"AWS_Data_Science", "auditors"}
        gone = command("audit", "memberships", "paulo.santos", "--sandbox", cwd=done)
        assert 'there is no user "paulo.santos"' in gone.err


class TestSample:
    """The plan that the README shows is the plan of the changes it names."""

    def test_is_current(self, applied: Path) -> None:
        mover(applied)
        assert README.code("text") == [as_shown(command("plan", "--sandbox", cwd=applied).out)]


def mover(applied: Path) -> None:
    """Replace one member of a group that administrates an AWS account, and change one title."""
    declared = load(applied / "desired-state")
    with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        sandbox.add_account(PROD, "prod")
        accounts = Accounts(sandbox, declared.settings.instance)
        accounts.give("group", "engineering", "AdministratorAccess", PROD)
    edit(applied, "users/data.yaml", "title: Data Engineer", "title: Senior Data Engineer")
    edit(applied, "groups/company.yaml", "      - li.juan\n", "      - johndoe\n")


def as_shown(plan: str) -> str:
    """Return *plan* with the digest, the times and the duration that documents show."""
    for what, shown in (
        (r"config  [0-9a-f]{8}", "config  4f2c9e1a"),
        (r"as of \S+", "as of 2026-03-01T09:00:00Z"),
        (r"(?m)(?<!as of )\b20\d\d-\S+Z$", "2026-02-27T16:30:00Z"),
        (r"(\d+ requests), [\d.]+ s", r"\1, 0.1 s"),
    ):
        plan = re.sub(what, shown, plan)
    return plan
