"""Every operation that roles are allowed is used, and every one that is used is allowed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from identity_reconciler.audit.collection import Collection, collect
from identity_reconciler.audit.report import EVERYTHING
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.core.declared import Instance
from identity_reconciler.gateway.organization import Organization, Reach
from identity_reconciler.gateway.wire.operations import Purpose, operations_for
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.iam.audit import member_policy, reading_policy
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.population import Member, Population
from tests.command import ROOT, command, edit
from tests.sandbox.account_world import Accounts

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


def used(here: Path) -> set[tuple[str, str]]:
    """Return the services and operations that the sandbox has been asked for."""
    rows = command("sandbox", "stats", "--format", "json", cwd=here).json()
    found = {(row["service"], row["operation"]) for row in rows}
    # What the test itself makes.
    made = {
        ("sso-admin", "CreatePermissionSet"),
        ("sso-admin", "CreateAccountAssignment"),
        ("account-access", "CreateApplication"),
    }
    return found - made


def names(purpose: Purpose) -> set[tuple[str, str]]:
    """Return the services and operations that are listed for *purpose*, but for those of S3.

    Where `lock` names an object, test_lease uses them.
    """
    return {(one.service, one.name) for one in operations_for(purpose) if one.service != "s3"}


def git(here: Path, *arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *arguments], cwd=here, check=True)


class TestOperations:
    """The lists from which the policies are made are what the program sends."""

    def test_are_those_that_are_listed(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
        assert command("sandbox", "seed", "desired-state", cwd=tmp_path).code == 0
        with (tmp_path / "desired-state/instance.yaml").open("a") as file:
            file.write(GUARDS)
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "add", "desired-state")
        git(tmp_path, "commit", "--quiet", "--message", "x")
        with Sandbox(tmp_path / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            (instance,) = sandbox.summary().instances
            (ledger,) = [one.arn for one in instance.applications if one.name == "Ledger"]
            sandbox.add_account("222233334444", "prod")
            place = Instance(
                "main", "eu-central-1", instance.account, instance.arn, instance.identity_store_id
            )
            Accounts(sandbox, place).give("group", "engineering", "Admin", "222233334444")
            session = sandbox.session(instance.account, "eu-central-1")
            session.client("account-access").create_application(
                identitySource={"identityCenter": {"instanceArn": instance.arn}}
            )
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
        settings = tmp_path / "desired-state/instance.yaml"
        written = settings.read_text()
        settings.write_text(f"{written}account_access: list\n")
        runs = [command("plan", "--sandbox", cwd=tmp_path)]
        settings.write_text(written)
        runs += [
            command("plan", "--sandbox", "--changed-since", "HEAD", cwd=tmp_path),
            command("plan", "--sandbox", "--out", "plan.json", cwd=tmp_path),
        ]
        assert [run.code for run in runs] == [0, 0, 0], [run.err for run in runs]
        planning = used(tmp_path)
        assert planning <= names(Purpose.PLAN)
        assert command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=tmp_path).code == 0
        git(tmp_path, "add", "desired-state")
        git(tmp_path, "commit", "--quiet", "--message", "y")
        edit(tmp_path, "applications.yaml", "FIN-204}", "FIN-204}\n        - engineering")
        run = command("plan", "--sandbox", "--changed-since", "HEAD", cwd=tmp_path)
        assert run.code == 0, run.err
        assert used(tmp_path) == names(Purpose.APPLY)


OWN = InstanceDetails(name="own")
OTHER = InstanceDetails(
    "222233334444",
    OWN.region,
    "arn:aws:sso:::instance/ssoins-2222222222222222",
    "d-2222222222",
    "other",
    organization=False,
)
ROLE = "AuditReader"
NO_PERMISSION_NEEDED = "sts:GetCallerIdentity"
TEMPLATES = ROOT / "identity_reconciler/templates"


def directory(groups: int, application: str, *hires: str) -> Population:
    """Return five users and the *hires*, all of them in each of *groups*, one of them assigned."""
    users = ["ana", "bob", "eva", "leo", "mia", *hires]
    names = [f"group-{number}" for number in range(groups)]
    return Population(
        users=[
            Member(
                {
                    "UserName": name,
                    "DisplayName": name,
                    "Name": {"GivenName": name, "FamilyName": name},
                }
            )
            for name in users
        ],
        groups=[Member({"DisplayName": name}) for name in names],
        memberships=[(group, user) for group in names for user in users],
        assignments=[(application, "USER", "ana"), (application, "GROUP", names[0])],
    )


def sent(groups: dict[str, int]) -> dict[str, set[str]]:
    """Return the IAM actions that audits of *groups* an account take, by account.

    One audit is of everything, the others of one user and of one group.

    Where there are few groups their members are listed by group, and somebody joins meanwhile.
    """
    with Sandbox() as sandbox:
        applications = {}
        for details in (OWN, OTHER):
            sandbox.ensure_instance(details)
            arn = details.instance_arn
            applications[arn] = sandbox.add_application("Payroll", instance_arn=arn)
            many = groups[details.account_id]
            sandbox.populate(directory(many, applications[arn]), arn)
        session = sandbox.session(OWN.account_id)
        fewest = min((OWN, OTHER), key=lambda details: groups[details.account_id])

        def join(**_: object) -> None:
            arn = fewest.instance_arn
            late = directory(groups[fewest.account_id], applications[arn], "zoe")
            sandbox.populate(late, arn)

        events: Any = session.events
        events.register("before-send.identitystore.ListGroupMemberships", join)
        way = Reach(ROLE, OWN.region, rates=Rates(100_000, 100_000))
        one_thing = (AccessQuestion(user="ana").wanted, AccessQuestion(group="group-0").wanted)
        for wanted in (EVERYTHING, *one_thing):
            inspection = collect(Organization(session, way), Collection(wanted, side_by_side=1))
            assert [visit.trouble for visit in inspection.visits] == ["", ""]
        found = defaultdict(set)
        for one in sandbox.requests.entries:
            found[one.account].add(f"{one.service.removesuffix('-admin')}:{one.operation}")
        return found


class _Template(yaml.SafeLoader):  # type: ignore[misc]  # It ships no types.
    """Reads CloudFormation's short functions as what they are given."""


_Template.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))
# Of the Lambda functions around the audit.
NOT_THE_AUDITS = {"KeepAnswers", "KeepList", "KeepReports", "Log", "TellMissing"}


def granted(name: str, *roles: str) -> list[dict[str, Any]]:
    """Return the statements of the policies that a template gives roles, for the audit itself."""
    template = yaml.load((TEMPLATES / name).read_text(), _Template)  # noqa: S506
    policies = [template["Resources"][role]["Properties"]["Policies"] for role in roles]
    statements = [one for (policy,) in policies for one in policy["PolicyDocument"]["Statement"]]
    return [one for one in statements if one["Sid"] not in NOT_THE_AUDITS]


def allowed(policy: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the actions that a policy allows."""
    assert {one["Effect"] for one in policy["Statement"]} == {"Allow"}
    return {action for one in policy["Statement"] for action in one["Action"]}


@pytest.fixture(scope="module")
def taken() -> dict[str, set[str]]:
    """Return what is sent with either few or many groups in either account."""
    found: dict[str, set[str]] = defaultdict(set)
    for own, other in ((2, 30), (30, 2)):
        ways = sent({OWN.account_id: own, OTHER.account_id: other})
        for account, actions in ways.items():
            found[account] |= actions - {NO_PERMISSION_NEEDED}
    return found


class TestAudit:
    """The roles of an audit are allowed what it sends in their accounts, and nothing else."""

    def test_the_policy_of_the_role_that_audits(self, taken: dict[str, set[str]]) -> None:
        assert allowed(reading_policy(ROLE)) == taken[OWN.account_id]

    def test_the_policy_of_the_role_in_each_account(self, taken: dict[str, set[str]]) -> None:
        assert allowed(member_policy()) == taken[OTHER.account_id]

    @pytest.mark.parametrize(
        ("name", "roles", "policy"),
        [
            ("audit-lambda.yaml", ("AuditRole",), reading_policy("${RoleName}")),
            ("audit-steps.yaml", ("ListRole", "CollectRole"), reading_policy("${RoleName}")),
            ("audit-role.yaml", ("Reader",), member_policy()),
        ],
    )
    def test_the_templates_repeat_the_policies(
        self,
        name: str,
        roles: tuple[str, ...],
        policy: Any,  # noqa: ANN401 - JSON
    ) -> None:
        derived = json.loads(
            json.dumps(policy["Statement"]).replace("arn:aws:", "arn:${AWS::Partition}:")
        )
        assert granted(name, *roles) == derived
