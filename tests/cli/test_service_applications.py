"""Applications that an AWS service owns: nobody starts to manage them by accident."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.catalogue import ACCESS_PROVIDER
from tests.command import command, edit

REDSHIFT = "  - name: Amazon Redshift\n    assignments:\n      groups: [engineering]\n"
BARE = "  - name: Amazon Redshift\n"
STORE = "d-1234567890"
OWNED = "# owned by the AWS service {}, whose console may assign people\n"


def withheld(here: Path) -> list[tuple[str, str]]:
    run = command("plan", "--sandbox", "--format", "json", cwd=here)
    assert run.code in {0, ExitCode.CHANGES}, run.err
    assert run.changes() == set()
    told = run.json()["withheld"]
    return sorted((one["address"], one["reason"]) for one in told if one["kind"] == "assignment")


class TestWriting:
    """They are written without `assignments`, and the comment says whose they are."""

    def test_init_and_import(self, applied: Path) -> None:
        shutil.rmtree(applied / "desired-state")
        run = command("init", "--sandbox", cwd=applied)
        assert run.code == 0, run.err
        text = (applied / "desired-state/applications.yaml").read_text()
        assert f"  - name: Amazon Redshift {OWNED.format('redshift')}" in text
        assert f"  - name: Amazon SageMaker Studio {OWNED.format('sagemaker')}" in text
        assert "  - name: Ledger\n    assignments:\n" in text
        assert text.count("assignments:") == 2
        assert command("fmt", "--check", cwd=applied).code == 0
        assert withheld(applied) == [
            ("assignment/Amazon Redshift/group/engineering", SERVICE),
            ("assignment/Amazon SageMaker Studio/group/AWS_Applied_Scientists", SERVICE),
            ("assignment/Amazon SageMaker Studio/group/AWS_Data_Science", SERVICE),
        ]
        assert command("import", "--sandbox", "--check", cwd=applied).code == 0
        only = ("--only", "application/Amazon Redshift")
        told = command("edit", "assign", only[1][12:], "--user", "janedoe", cwd=applied)
        assert told.code == ExitCode.INVALID_INPUT
        assert "with `--service-applications` if an AWS service owns it" in told.err
        run = command("import", "--sandbox", "--service-applications", *only, cwd=applied)
        assert run.code == 0, run.err
        assert "+    assignments:" in run.out
        assert "engineering" in run.out
        assert [one for one, _ in withheld(applied)] == [
            "assignment/Amazon SageMaker Studio/group/AWS_Applied_Scientists",
            "assignment/Amazon SageMaker Studio/group/AWS_Data_Science",
        ]

    def test_all_the_same(self, applied: Path) -> None:
        shutil.rmtree(applied / "desired-state")
        run = command("init", "--sandbox", "--service-applications", cwd=applied)
        assert run.code == 0, run.err
        text = (applied / "desired-state/applications.yaml").read_text()
        assert f"  - name: Amazon Redshift {OWNED.format('redshift')}    assignments:" in text
        assert withheld(applied) == []


SERVICE = "of an application that an AWS service owns"


class TestManaged:
    """Who writes `assignments` manages them, and sees whose application it is."""

    def test_a_removal_is_marked(self, applied: Path) -> None:
        edit(applied, "applications.yaml", REDSHIFT, REDSHIFT.replace("engineering", "finance"))
        run = command("plan", "--sandbox", "--format", "json", cwd=applied)
        marked = {one["address"]: one.get("owned_by") for one in run.json()["changes"]}
        assert marked == {
            "assignment/Amazon Redshift/group/engineering": "redshift",
            "assignment/Amazon Redshift/group/finance": None,
        }
        for kind in ("text", "markdown"):
            told = command("plan", "--sandbox", "--format", kind, cwd=applied).out
            assert "whose console may have assigned it" in " ".join(told.split())

    def test_what_is_left_to_the_service_goes_with_a_leaver(self, applied: Path) -> None:
        """AWS would keep it for good."""
        edit(applied, "applications.yaml", REDSHIFT, BARE)
        text = (applied / "desired-state/groups/company.yaml").read_text()
        start, end = text.index("    description: Everyone"), text.index("  - name: finance")
        edit(applied, "groups/company.yaml", text[start:end], "    state: absent\n\n")
        edit(applied, "applications.yaml", "      groups: [engineering]\n", "")
        run = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert ("delete", "assignment/Amazon Redshift/group/engineering") in run.changes()


class TestAssignmentRequired:
    """It is checked wherever it is declared, and never written."""

    @pytest.mark.parametrize("managed", [REDSHIFT, BARE])
    def test_is_told_where_it_is_otherwise(self, applied: Path, managed: str) -> None:
        edit(applied, "applications.yaml", REDSHIFT, f"{managed}    assignment_required: true\n")
        assert "Unresolved" not in command("plan", "--sandbox", cwd=applied).out
        edit(applied, "applications.yaml", "required: true", "required: false")
        run = command("plan", "--sandbox", "--format", "json", cwd=applied)
        (told,) = run.json()["unresolved"]
        assert told["message"] == (
            "application Amazon Redshift requires an assignment, and `assignment_required: false` "
            "is declared; this is only checked, so change one of them"
        )
        assert told["source"]["file"] == "applications.yaml"
        assert run.changes() == set()
        applying = command("apply", "--sandbox", "--auto-approve", cwd=applied)
        assert applying.code == ExitCode.PARTIAL_APPLY

    def test_of_an_application_whose_assignments_are_not_managed(self, applied: Path) -> None:
        text = (applied / "desired-state/applications.yaml").read_text()
        lists = text[text.rindex("  - name: Ledger\n") :]
        ledger = "  - name: Ledger\n    assignment_required: true\n"
        edit(applied, "applications.yaml", lists, ledger)
        run = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert (run.json()["unresolved"], run.json()["changes"]) == ([], [])

    def test_by_whoever_looks_at_a_change_alone(self, applied: Path) -> None:
        edit(applied, "applications.yaml", REDSHIFT, BARE)
        commit(applied)
        edit(applied, "applications.yaml", BARE, f"{BARE}    assignment_required: false\n")
        since = ("--changed-since", "HEAD", "--format", "json")
        run = command("plan", "--sandbox", *since, cwd=applied)
        assert [one["message"][:20] for one in run.json()["unresolved"]] == ["application Amazon R"]
        assert run.json()["withheld"] == []


def commit(here: Path) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for arguments in (("init", "--quiet"), ("add", "desired-state"), ("commit", "-qm", "x")):
        subprocess.run(["git", *identity, *arguments], cwd=here, check=True)


NIKKI = """\
    name: {given_name: Nikki, family_name: Wolf}
    profile_url: null # must have no value
    email: nikki.wolf@example.com
    title: Software Engineer
    enterprise: {department: Engineering, manager: mateo.jackson}
"""


class TestAccountAccessManager:
    """Its application is never managed: entitlements say who uses it."""

    @pytest.fixture
    def here(self, applied: Path) -> Path:
        """Return a directory whose sandbox has that application, with somebody assigned to it."""
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            arn = sandbox.add_application("Accounts", ACCESS_PROVIDER.arn)
            users = sandbox.session().client("identitystore").list_users(IdentityStoreId=STORE)
            nikki = next(one for one in users["Users"] if one["UserName"] == "nikki.wolf")
            sandbox.session().client("sso-admin").create_application_assignment(
                ApplicationArn=arn, PrincipalId=nikki["UserId"], PrincipalType="USER"
            )
        return applied

    def test_cannot_be_declared(self, here: Path) -> None:
        with (here / "desired-state/applications.yaml").open("a") as file:
            file.write("\n  - name: Accounts\n    assignments:\n      groups: [finance]\n")
        run = command("plan", "--sandbox", "--format", "json", cwd=here)
        (told,) = run.json()["unresolved"]
        assert told["message"].startswith("application Accounts is that of account access manager")
        assert run.changes() == set()
        assert [one["address"] for one in run.json()["withheld"]] == [HELD]

    def test_is_imported_without_assignments(self, here: Path) -> None:
        only = ("--only", "application/Accounts", "--service-applications")
        run = command("import", "--sandbox", *only, cwd=here)
        assert run.code == 0, run.err
        assert f"+  - name: Accounts {OWNED.format('account-access')}" in run.out
        assert "+    assignments:" not in run.out
        assert command("import", "--sandbox", "--check", *only, cwd=here).code == 0

    def test_is_left_alone_by_whoever_deletes_a_user(self, here: Path) -> None:
        edit(here, "groups/company.yaml", "      - nikki.wolf\n", "")
        edit(here, "users/engineering.yaml", NIKKI, "    state: absent\n")
        run = command("plan", "--sandbox", "--out", "plan.json", cwd=here)
        assert run.code == 0, run.err
        saved = json.loads((here / "plan.json").read_text())
        assert HELD in {one["address"] for one in saved["withheld"]}
        assert "assignment" not in {one["kind"] for one in saved["changes"]}
        run = command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=here)
        assert run.code == 0, run.err


HELD = "assignment/Accounts/user/nikki.wolf"
