"""Every operation that roles are allowed is used, and every one that is used is allowed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from identity_reconciler.gateway.wire.wiring import READS, WRITES
from identity_reconciler.sandbox import Sandbox
from tests.command import ROOT, command, edit

EXTRA = """\
users:
  - user_name: new.hire
    name: {given_name: New, family_name: Hire}
    email: new.hire@example.com
groups:
  - name: newcomers
    members: [new.hire]
"""
GUARDS = """
guards:
  wipe_from: 100
  budgets:
    memberships: {floor: 100, ceiling: 100}
    assignments: {floor: 10, ceiling: 10}
"""
JUAN = """\
    name: {given_name: Juan, family_name: Li}
    email: li.juan@example.com
    title: Software Engineer
    enterprise: {department: Engineering, manager: mateo.jackson}
"""
FINANCE = """\
    description: Finance department
    members:
      - martha.rivera
      - paulo.santos
"""


def used(here: Path) -> set[str]:
    """Return the operations that the sandbox has been asked for."""
    rows = command("sandbox", "stats", "--format", "json", cwd=here).json()
    return {row["operation"] for row in rows}


def git(here: Path, *arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *arguments], cwd=here, check=True)


class TestOperations:
    """The lists from which the policies are made are what the program sends."""

    def test_are_those_that_are_listed(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
        assert command("sandbox", "seed", "desired-state", cwd=tmp_path).code == 0
        with (tmp_path / "desired-state/instance.yaml").open("a") as settings:
            settings.write(GUARDS)
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "add", "desired-state")
        git(tmp_path, "commit", "--quiet", "--message", "x")
        with Sandbox(tmp_path / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            (instance,) = sandbox.summary().instances
            (ledger,) = [one.arn for one in instance.applications if one.name == "Ledger"]
        edit(tmp_path, "applications.yaml", "name: Ledger", f"arn: {ledger}")
        edit(tmp_path, "applications.yaml", "        - finance\n", "")
        edit(tmp_path, "applications.yaml", "{group: auditors,", "{group: reviewers,")
        edit(tmp_path, "applications.yaml", "users: [janedoe]", "users: [johndoe]")
        edit(tmp_path, "users/data.yaml", "title: Data Engineer", "title: Lead")
        edit(tmp_path, "users/engineering.yaml", JUAN, "    state: absent\n")
        edit(tmp_path, "groups/company.yaml", "      - li.juan\n", "      - johndoe\n")
        edit(tmp_path, "groups/company.yaml", "      - nikki.wolf\n", "")
        edit(tmp_path, "groups/company.yaml", FINANCE, "    state: absent\n")
        renamed = "name: reviewers\n    previous_names: [auditors]"
        edit(tmp_path, "groups/company.yaml", "name: auditors", renamed)
        (tmp_path / "desired-state/extra.yaml").write_text(EXTRA)
        runs = [
            command("plan", "--sandbox", "--changed-since", "HEAD", cwd=tmp_path),
            command("plan", "--sandbox", "--out", "plan.json", cwd=tmp_path),
        ]
        assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
        planning = used(tmp_path)
        assert planning <= READS
        assert command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=tmp_path).code == 0
        git(tmp_path, "add", "desired-state")
        git(tmp_path, "commit", "--quiet", "--message", "y")
        edit(tmp_path, "applications.yaml", "FIN-204}", "FIN-204}\n        - engineering")
        run = command("plan", "--sandbox", "--changed-since", "HEAD", cwd=tmp_path)
        assert run.code == 0, run.err
        assert used(tmp_path) == READS | WRITES
