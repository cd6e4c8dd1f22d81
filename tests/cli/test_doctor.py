"""`doctor`, as a process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import Sandbox
from tests.command import ROOT, command
from tests.sandbox.serving import serving


class TestDoctor:
    """Says what works, and how to mend what does not."""

    def test_all_is_well(self, applied: Path) -> None:
        run = command("doctor", "--sandbox", cwd=applied)
        assert run.code == 0, run.err
        lines = run.out.splitlines()
        assert all(line.startswith("ok ") for line in lines)
        assert "ok      identity source: none of 12 users is foreign" in lines
        assert "ok      members of a group can be read" in lines
        assert "ok      assignments of an application can be read" in lines

    def test_an_address_that_is_not_primary_is_told_and_mended(self, applied: Path) -> None:
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            store = sandbox.summary().instances[0].identity_store_id
            client = sandbox.session().client("identitystore")
            (john,) = (
                one
                for one in client.list_users(IdentityStoreId=store)["Users"]
                if one["UserName"] == "johndoe"
            )
            address: Any = [{"Value": john["Emails"][0]["Value"], "Type": "work"}]
            client.update_user(
                IdentityStoreId=store,
                UserId=john["UserId"],
                Operations=[{"AttributePath": "emails", "AttributeValue": address}],
            )
        told = command("doctor", "--sandbox", cwd=applied).out
        assert "1 of 12 users have one that is not marked as primary" in told
        assert "(johndoe)" in told
        plan = command("plan", "--sandbox", cwd=applied).out
        assert "primary" in plan
        assert "Plan: 1 user updated" in plan
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        assert "not marked" not in command("doctor", "--sandbox", cwd=applied).out
        assert "No changes." in command("plan", "--sandbox", cwd=applied).out

    def test_network_controls(self, applied: Path) -> None:
        """Where they are set, and where the credentials may not ask for them."""
        told = command("doctor", "--sandbox", cwd=applied).out
        for what in ("instance", "identity store"):
            assert f"controls of the {what}: none, it is reached from anywhere" in told
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            instance = sandbox.summary().instances[0]
            settings: Any = {"VpceAccessRequired": True, "AllowSourceIps": ["192.0.2.0/24"]}
            admin: Any = sandbox.session().client("sso-admin")
            admin.update_instance(InstanceArn=instance.arn, NetworkConfiguration=settings)
            vpcs = [f"vpc-{n:08x}" for n in range(7)]
            of_store: Any = {
                "VpceAccessRequired": True,
                "ApiRestrictSourceVpcs": vpcs,
                "ScimAllowSourceIps": ["198.51.100.7"],
            }
            sandbox.session().client("identitystore").update_identity_store(
                IdentityStoreId=instance.identity_store_id, NetworkConfiguration=of_store
            )
        told = command("doctor", "--sandbox", cwd=applied).out
        assert (
            "network controls of the instance: reached through a VPC endpoint or from "
            "192.0.2.0/24 only; any other place is refused with AccessDenied" in told
        )
        assert f"a VPC endpoint of {', '.join(vpcs[:5])} and 2 more only;" in told
        assert "provisioned by SCIM from 198.51.100.7 only" in told

    @pytest.mark.parametrize(
        ("operation", "told"),
        [
            ("DescribeIdentityStore", "network controls of the identity store are not known"),
            ("ListInstances", "network controls of the instance may shut this place out"),
        ],
    )
    def test_what_may_not_be_asked(self, applied: Path, operation: str, told: str) -> None:
        fault = {"operation": operation, "code": "AccessDeniedException", "times": 9}
        (applied / "trouble.json").write_text(json.dumps({"faults": [fault]}))
        state = ".identity-reconciler/sandbox.sqlite3"
        with serving(applied, "--state", state, "--trouble", "trouble.json") as served:
            run = command("doctor", "--endpoint-url", served.url, cwd=applied, **served.exports)
        assert told in run.out

    def test_no_credentials(self, here: Path) -> None:
        run = command("doctor", cwd=here)
        assert run.code == ExitCode.UNEXPECTED
        assert "PROBLEM" in run.out
        assert "credentials" in run.out

    def test_another_instance(self, applied: Path) -> None:
        path = applied / "desired-state/instance.yaml"
        path.write_text(path.read_text().replace("d-1234567890", "d-1234567899"))
        run = command("doctor", "--sandbox", cwd=applied)
        assert run.code != 0
        assert "d-123456789" in run.out + run.err

    def test_wrong_use(self, here: Path) -> None:
        run = command("doctor", "--sandbox", "nowhere", cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert "nowhere" in run.err
        assert run.out == ""


class TestReviews:
    """Files that decide about access and have no owner are named."""

    OURS = "/* @a\n/desired-state/ @a\n/.github/ @b\n"

    @pytest.fixture
    def hosted(self, applied: Path) -> Path:
        """Return a repository with workflows."""
        (applied / ".git").mkdir()
        shutil.copytree(ROOT / ".github/workflows", applied / ".github/workflows")
        return applied

    def reviews(self, here: Path, text: str | None) -> str:
        """Return what is said, and that its tone is right."""
        if text is not None:
            (here / ".github/CODEOWNERS").write_text(text)
        run = command("doctor", "--sandbox", cwd=here)
        (line,) = (line for line in run.out.splitlines() if "reviews: " in line)
        assert (run.code == 0) == line.startswith("ok ")
        return line

    def test_all_are_owned(self, hosted: Path) -> None:
        assert "names owners of all that jobs read" in self.reviews(hosted, self.OURS)

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("/desired-state/ @a\n/desired-state/approvals.yaml @b\n", ".gitattributes, .github/"),
            ("/* @a\n/desired-state/ @a\n", ".github/CODEOWNERS, .github/actions/new.yaml, "),
            (f"{OURS}/desired-state/approvals.yaml\n", "approvals.yaml (because of line 4)"),
            (f"{OURS}*.yml\n", ".github/workflows/apply.yml (because of line 4)"),
            (f"{OURS}/.github/CODEOWNERS\n", ".github/CODEOWNERS (because of line 4)"),
            ("/* @a\n/desired-state/* @a\n/.github/ @b\n", "desired-state/groups/company.yaml"),
            (
                "/* @a\n/desired-state/*/* @a\n/.github/ @b\n",
                (
                    "desired-state/applications.yaml, desired-state/approvals.yaml, "
                    "desired-state/instance.yaml, desired-state/new.yaml, "
                    "desired-state/policies.yaml; whoever"
                ),
            ),
            ("", " and "),
        ],
    )
    def test_what_is_not_is_named(self, hosted: Path, text: str, named: str) -> None:
        line = self.reviews(hosted, text)
        assert "names no owner of" in line
        assert named in line

    def test_nobody_owns_anything(self, hosted: Path) -> None:
        assert "there is no .github/CODEOWNERS" in self.reviews(hosted, None)

    def test_nothing_is_said_where_github_is_not_used(self, applied: Path) -> None:
        (applied / ".git").mkdir()
        run = command("doctor", "--sandbox", cwd=applied)
        assert (run.code, "reviews" in run.out) == (0, False)
