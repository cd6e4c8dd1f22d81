"""A real instance is adopted as the guide says: step by step, and in a company of 500 people."""

from __future__ import annotations

import shutil
from pathlib import Path

from identity_reconciler.core.declared import Declared
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.sandbox import Sandbox
from tests.cli.test_readme import typed
from tests.command import command
from tests.documents import guide
from tests.sandbox.account_world import Accounts

BEGIN, CHANGE, FIRST, REVIEW, CONSOLE, LEAVERS = guide("adopting").code("sh")
LEFT = {f"user{number:06}" for number in range(0, 500, 50)}
"""As many as may leave at once."""


def ran(script: str, here: Path) -> str:
    """Run a block of the guide, leaving open what it asks, and return what it prints."""
    return typed(script, here, answer="\n" * 9, IDENTITY_RECONCILER_SANDBOX="1")


def declared(here: Path) -> Declared:
    """Return what the YAML says by now."""
    return load(here / "desired-state")


def links(found: Declared) -> set[tuple[str, str]]:
    """Return who is in which group."""
    return {(group.name, one.name) for group in found.groups for one in group.members or ()}


def one_too_many(here: Path, users: set[str]) -> None:
    """See that a plan that lets *users* go is refused."""
    shutil.copytree(here / "desired-state", here / "elsewhere")
    assert command("edit", "leave", *users, "-C", "elsewhere", cwd=here).code == 0
    refused = command("plan", "elsewhere", "--sandbox", cwd=here)
    assert refused.code == 4
    assert "budget.users" in refused.out
    shutil.rmtree(here / "elsewhere")


class TestSteps:
    """From a live instance to YAML with an empty plan, and to a first change."""

    def test_as_written(self, applied: Path) -> None:
        (applied / "desired-state").rename(applied / "elsewhere")
        assert "No changes." in ran(BEGIN, applied)
        ran(CHANGE, applied)
        assert ("auditors", "johndoe") in links(declared(applied))


class TestTheFirstDay:
    """Five hundred people: nothing is lost, and only who is said to leave goes."""

    def test_as_written(self, tmp_path: Path) -> None:
        out = ran(FIRST, tmp_path)
        assert "500 users, 40 groups, 1500 memberships" in out
        assert "No changes." in out
        before = declared(tmp_path)
        everybody = {user.name for user in before.users}
        assert (len(everybody), len(links(before))) == (500, 1500)

        assert "\n0 rows\n" in ran(REVIEW, tmp_path)
        assert (tmp_path / "access.csv").read_text().count("\n") > len(everybody)

        group, user = min(
            (group.name, user)
            for group in before.groups
            for user in everybody - LEFT
            if (group.name, user) not in links(before)
        )
        with Sandbox(tmp_path / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            Accounts(sandbox, before.settings.instance).join(group, user)
        assert "No changes." in ran(CONSOLE, tmp_path)
        assert links(declared(tmp_path)) == links(before) | {(group, user)}

        one_too_many(tmp_path, {*LEFT, user})

        (tmp_path / "exports").mkdir()
        rows = "".join(f"{name},{name}@example.com\n" for name in sorted(everybody - LEFT))
        (tmp_path / "exports/everybody.csv").write_text(f"user_name,email\n{rows}")
        out = ran(LEAVERS, tmp_path)
        assert f"{len(LEFT)} users removed" in out
        assert "Verified: nothing is left to do." in out
        after = declared(tmp_path)
        assert {one.name for one in after.users} == everybody - LEFT
        stay = {(group, user) for group, user in links(before) if user not in LEFT}
        assert links(after) == stay | {(group, user)}
