"""`iam-policy`: the least that the roles of an audit, and of workflows, must be allowed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from identity_reconciler.sandbox import Sandbox
from tests.command import command, edit
from tests.fleet import fleet

READS = [
    "identitystore:DescribeGroup",
    "identitystore:DescribeUser",
    "identitystore:GetGroupId",
    "identitystore:GetUserId",
    "identitystore:ListGroupMemberships",
    "identitystore:ListGroupMembershipsForMember",
    "identitystore:ListGroups",
    "identitystore:ListUsers",
    "sso:GetApplicationAssignmentConfiguration",
    "sso:ListApplicationAssignments",
    "sso:ListApplicationAssignmentsForPrincipal",
    "sso:ListApplications",
    "sso:ListInstances",
]


class TestAudit:
    """One policy for the role that audits, one for the role that it assumes."""

    def test_of_the_role_in_each_account(self, tmp_path: Path) -> None:
        (statement,) = command("iam-policy", "audit", "--member", cwd=tmp_path).json()["Statement"]
        assert statement["Action"] == READS
        assert statement["Effect"] == "Allow"

    def test_of_the_role_that_audits(self, tmp_path: Path) -> None:
        run = command("iam-policy", "audit", "--role", "Reader", cwd=tmp_path)
        statements = {one["Sid"]: one for one in run.json()["Statement"]}
        assert statements["EnterAccounts"]["Resource"] == ["arn:aws:iam::*:role/Reader"]
        only = {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}
        assert statements["EnterAccounts"]["Condition"] == only
        assert statements["Accounts"]["Action"] == ["organizations:ListAccounts"]
        assert statements["ReadInstance"]["Action"] == READS

    @pytest.mark.parametrize("options", [(), ("--member", "--role", "Reader")])
    def test_one_of_the_two(self, tmp_path: Path, options: tuple[str, ...]) -> None:
        run = command("iam-policy", "audit", *options, cwd=tmp_path)
        assert run.code == 3
        assert "either --role NAME" in run.err
        assert run.out == ""


class TestRoles:
    """One policy and one trust for each role of the workflows, and a template of all."""

    def test_policies_are_about_the_instance(self, here: Path) -> None:
        plan = command("iam-policy", "plan", cwd=here)
        assert (plan.code, plan.err) == (0, "")
        found = {one["Sid"]: one for one in plan.json()["Statement"]}
        assert found["NeverWrite"]["Effect"] == "Deny"
        store = "arn:aws:identitystore::111122223333:identitystore/d-1234567890"
        assert found["Store"]["Resource"][0] == store
        apply = command("iam-policy", "apply", cwd=here).out
        expire = command("iam-policy", "apply", "--only-expired", cwd=here).out
        assert "identitystore:CreateUser" in apply
        assert "identitystore:CreateUser" not in expire

    def test_trust(self, here: Path) -> None:
        options = ("--trust", "--repository", "corp/identity", "--repository-id", "7")
        run = command("iam-policy", "apply", *options, "--environment", "prod", cwd=here)
        assert "repo:corp/identity:environment:prod" in run.out
        assert "corp/identity/.github/workflows/apply.yml@refs/heads/main" in run.out
        assert '"token.actions.githubusercontent.com:repository_id": "7"' in run.out
        assert "oidc-provider/token.actions.githubusercontent.com" in run.out

    def test_protected_groups_are_looked_up(self, applied: Path) -> None:
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards:\n  protected: {groups: [engin*, audi*]}\n")
        run = command("iam-policy", "apply", cwd=applied)
        assert "add --live to deny what touches: engin*, audi*" in run.err
        assert "HandsOffProtectedGroups" not in run.out
        run = command("iam-policy", "apply", "--live", "--sandbox", cwd=applied)
        found = {one["Sid"]: one for one in run.json()["Statement"]}
        assert len(found["HandsOffProtectedGroups"]["Resource"]) == 2

    def test_members_of_protected_groups_and_protected_users_are_looked_up(
        self, applied: Path
    ) -> None:
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards:\n  protected: {groups: [finance], users: [JOHN*, zoe*]}\n")
        run = command("iam-policy", "apply", "--live", "--sandbox", cwd=applied)
        found = {one["Sid"]: one for one in run.json()["Statement"]}
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            client = sandbox.session().client("identitystore")
            users = client.list_users(IdentityStoreId="d-1234567890")["Users"]
        wanted = {"johndoe", "martha.rivera", "paulo.santos"}
        assert found["HandsOffProtectedUsers"]["Resource"] == sorted(
            f"arn:aws:identitystore:::user/{one['UserId']}"
            for one in users
            if one["UserName"] in wanted
        )
        assert "protected user zoe*: no live user is called that" in run.err
        assert "JOHN*: no live" not in run.err

    def test_a_protected_group_that_is_not_there_is_told(self, applied: Path) -> None:
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards:\n  protected: {groups: [nobody*]}\n")
        run = command("iam-policy", "apply", "--live", "--sandbox", cwd=applied)
        assert "nobody*: no live group is called that" in run.err
        assert "HandsOffProtectedGroups" not in run.out

    def test_of_a_team(self, here: Path) -> None:
        old = "  - name: Grafana\n"
        edit(here, "applications.yaml", old, f"{old}    account: '444455556666'\n")
        run = command("iam-policy", "apply", "--application-account", "111122223333", cwd=here)
        assert (run.code, run.out) == (3, "")
        assert "application Grafana, account 444455556666 is of account 444455556666" in run.err
        assert "applications.yaml:" in run.err
        both = ("--application-account", "111122223333", "--application-account", "444455556666")
        run = command("iam-policy", "apply", *both, cwd=here)
        assert run.code == 0
        assert run.err == (
            "this role cannot write the users and groups that the YAML declares; give them "
            "state: external\n"
            "which group keeps the lease is known to AWS only, and not before the first apply: "
            "until then this role can rename and describe any group. Print it again with --live "
            "after that\n"
        )
        assert run.json()["Statement"][0]["Sid"] == "Discover"
        assert "identitystore:CreateUser" not in run.out.replace("sso-directory", "")
        assert '"sso:ApplicationAccount": [' in run.out

    def test_cfn_lint_has_nothing_to_say(self, applied: Path) -> None:
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards:\n  protected: {groups: [engineering]}\n")
        key = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
        templates: list[Path] = []
        for more in (
            (),
            ("--live", "--sandbox", "--kms-key", key),
            ("--live", "--sandbox", "--application-account", "111122223333"),
        ):
            named = ("--repository", "corp@1/identity@7")
            run = command("iam-policy", "cloudformation", *named, *more, cwd=applied)
            assert run.code == 0, run.err
            assert run.out.count("Type: AWS::IAM::Role") == 3
            assert ("HandsOffProtectedGroups" in run.out) == bool(more)
            templates.append(applied / f"roles-{len(templates)}.yaml")
            templates[-1].write_text(run.out)
        fleet(applied / "fleet", 3)
        run = command(
            *("iam-policy", "cloudformation", "fleet/desired-state", "--all"),
            *("--repository", "corp@1/identity@7"),
            cwd=applied,
        )
        assert run.code == 0, run.err
        templates.append(applied / "all.yaml")
        templates[-1].write_text(run.out)
        done = subprocess.run(
            [Path(sys.executable).with_name("cfn-lint"), *templates],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stdout

    def test_each_account_gets_the_roles_of_its_own_instance(self, tmp_path: Path) -> None:
        root = fleet(tmp_path, 2)
        named = ("--repository", "corp@1/identity@7")
        run = command("iam-policy", "cloudformation", "--all", *named, cwd=tmp_path)
        made = yaml.safe_load(run.out)
        roles = {name: one for name, one in made["Resources"].items() if name != "Provider"}
        purposes = ("Plan", "Apply", "Expire")
        assert list(roles) == [f"D12345678{n:02}{one}Role" for n in (0, 1) for one in purposes]
        assert made["Resources"]["Provider"]["Condition"] == "MakeProvider"
        for name, one in (*roles.items(), *made["Outputs"].items()):
            here = made["Conditions"][one["Condition"]]
            account = f"1111222233{name[9:11]}"
            assert here == {"Fn::Equals": [{"Ref": "AWS::AccountId"}, account]}
        trusted = json.dumps(roles["D1234567801ApplyRole"])
        assert "environment:identity-i01" in trusted
        assert "d-1234567801" in trusted
        assert "d-1234567800" not in trusted
        key = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
        wrong = command(
            "iam-policy", "cloudformation", "--all", *named, "--kms-key", key, cwd=tmp_path
        )
        assert (wrong.code, root.is_dir()) == (3, True)
        assert "are about one instance, not --all" in wrong.err

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("plan", "--trust"), "give --repository OWNER/NAME"),
            (("plan", "--trust", "--repository", "corp/*"), "corp/* is no repository"),
            (("plan", "--trust", "--repository", "corp/identity"), "as --repository-id"),
            (("cloudformation",), "give --repository OWNER/NAME"),
            (
                ("apply", "--trust", "--repository", "a@1/b@2", "--environment", "*"),
                "* cannot stand in a trust policy",
            ),
            (("plan", "nowhere"), "nowhere"),
            (("apply", "--application-account", "1234"), "expected the 12 digits of an account"),
            (("plan", "--kms-key", "arn:aws:kms:*"), "expected arn:aws:kms:REGION:ACCOUNT:key/ID"),
        ],
    )
    def test_wrong_use(self, here: Path, arguments: tuple[str, ...], told: str) -> None:
        run = command("iam-policy", *arguments, cwd=here)
        assert (run.code, run.out) == (3, "")
        assert told in run.err
