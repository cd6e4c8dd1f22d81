"""Two repositories manage one instance: each its own, and what both would is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from identity_reconciler.core.lease import LEASE_GROUP, lease_in
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit
from tests.sandbox.account_world import Accounts
from tests.strategies import INSTANCE

TEAM = """
repository:
  name: payments
  owns: {applications: [Led*]}
"""
LEDGER = """
applications:
  - name: Ledger
    assignments: {users: [martha.rivera], groups: [auditors, finance]}
groups:
  - {name: auditors, state: external}
  - {name: finance, state: external}
users:
  - user_name: martha.rivera
    state: external
"""
IN_THE_MAIN_ONE = """  - name: Ledger
    assignments:
      groups:
        - {group: auditors, expires: 2030-03-31, reason: FIN-204}
        - finance
"""


@pytest.fixture
def main(applied: Path) -> Path:
    """Return the example, applied, as one of several repositories."""
    with (applied / "desired-state/instance.yaml").open("a") as settings:
        settings.write("repository: {name: main}\n")
    assert apply(applied).code == 0
    return applied


@pytest.fixture
def team(main: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository of a team, which reaches the same instance."""
    here = tmp_path_factory.mktemp("team")
    (here / "desired-state").mkdir()
    settings = (main / "desired-state/instance.yaml").read_text().partition("repository:")[0]
    shutil.copy(main / "desired-state/instance.yaml", here / "desired-state")
    (here / "desired-state/instance.yaml").write_text(settings + TEAM)
    (here / "desired-state/ledger.yaml").write_text(LEDGER)
    link = here / ".identity-reconciler/sandbox.sqlite3"
    link.parent.mkdir()
    link.symlink_to(main / ".identity-reconciler/sandbox.sqlite3")
    return here


def apply(here: Path, *options: str) -> Run:
    return command("apply", "--sandbox", "--auto-approve", *options, cwd=here)


def plan(here: Path) -> Run:
    return command("plan", "--sandbox", "--detailed-exitcode", cwd=here)


def hand_over(main: Path) -> None:
    """Let the main repository leave the application to the team."""
    edit(main, "applications.yaml", IN_THE_MAIN_ONE, "")
    settings = main / "desired-state/instance.yaml"
    text = settings.read_text()
    assert "ignore:\n" in text
    settings.write_text(text.replace("ignore:\n", "ignore:\n  applications: [Ledger]\n"))


def leases(main: Path) -> dict[str, str]:
    with Sandbox(main / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        store = INSTANCE.identity_store_id
        groups = Accounts(sandbox, INSTANCE).store.list_groups(IdentityStoreId=store)["Groups"]
    return {
        one["DisplayName"]: one["Description"]
        for one in groups
        if one["DisplayName"].startswith(LEASE_GROUP)
    }


class TestOneOwner:
    """What one leaves the other has, and neither undoes what the other does."""

    def test_each_applies_its_own(self, main: Path, team: Path) -> None:
        hand_over(main)
        assert apply(main).code == 0
        shown = plan(team)
        assert shown.code == 2, shown.out
        assert "assignment/Ledger/user/martha.rivera" in shown.out
        done = apply(team)
        assert done.code == 0, done.out + done.err
        for here in (main, team, main):
            assert (plan(here).code, apply(here).code) == (0, 0)
        found = leases(main)
        assert found.keys() == {
            LEASE_GROUP,
            f"{LEASE_GROUP}-main",
            f"{LEASE_GROUP}-payments",
        }
        claims = lease_in(found[f"{LEASE_GROUP}-payments"]).claims
        assert claims is not None
        assert claims.owns.applications == ("Led*",)
        assert "there is payments" in command("doctor", "--sandbox", cwd=main).out

    def test_no_plan_and_no_audit_sees_their_leases(self, main: Path, team: Path) -> None:
        hand_over(main)
        apply(main)
        apply(team)
        edit(main, "instance.yaml", "groups: declared", "groups: authoritative")
        assert LEASE_GROUP not in plan(main).out
        assert LEASE_GROUP not in command("audit", "orphans", "--sandbox", cwd=main).out


class TestTwoOwners:
    """What both would change, neither changes; each names it, and whose it is."""

    def test_the_team_is_refused_what_the_main_one_has_not_left(self, team: Path) -> None:
        shown = plan(team)
        assert shown.code == 4
        assert "x repository.claimed" in shown.out
        assert "application/Ledger, of main" in " ".join(shown.out.split())
        assert apply(team).code == 4

    def test_so_is_the_main_one_once_the_team_has_it(self, main: Path, team: Path) -> None:
        hand_over(main)
        assert apply(main).code == 0
        assert apply(team).code == 0
        edit(main, "instance.yaml", "  applications: [Ledger]\n", "")
        with (main / "desired-state/applications.yaml").open("a") as file:
            file.write(IN_THE_MAIN_ONE)
        shown = plan(main)
        assert shown.code == 4
        assert "application/Ledger, of payments" in " ".join(shown.out.split())
        told = command("doctor", "--sandbox", cwd=main).out
        assert "application/Ledger is owned by payments as well" in told

    def test_a_saved_plan_tells_what_is_owned(self, main: Path, team: Path) -> None:
        hand_over(main)
        assert apply(main).code == 0
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=team).code == 0
        generation = json.loads((team / "plan.json").read_text())["generation"]
        assert generation["lock"] == "directory/payments"
        done = command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=team)
        assert done.code == 0, done.err
        claims = lease_in(leases(main)[f"{LEASE_GROUP}-payments"]).claims
        assert claims is not None
        assert claims.owns.applications == ("Led*",)
