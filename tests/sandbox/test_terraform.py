"""Terraform's AWS provider works against the served sandbox as against AWS.

Part of the long programme, for it takes minutes:

    IDENTITY_RECONCILER_TEST_TF_PLUGINS=DIR pytest -m slow tests/sandbox/test_terraform.py

DIR is a filesystem mirror with hashicorp/aws, as `terraform providers mirror DIR` makes it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import Run, command
from tests.documents import guide
from tests.sandbox.serving import STORE, Served, serving

TERRAFORM = shutil.which("terraform")
PLUGINS = os.environ.get("IDENTITY_RECONCILER_TEST_TF_PLUGINS")

CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "application" { type = string }
variable "title" { type = string }
variable "department" { type = string }

data "aws_ssoadmin_instances" "all" {}

locals {
  store = tolist(data.aws_ssoadmin_instances.all.identity_store_ids)[0]
}

resource "aws_identitystore_user" "john" {
  identity_store_id = local.store
  display_name      = "John Doe"
  user_name         = "johndoe"
  title             = var.title
  name {
    given_name  = "John"
    family_name = "Doe"
  }
  emails {
    value   = "john.doe@example.com"
    primary = true
  }
}

resource "aws_identitystore_group" "data" {
  identity_store_id = local.store
  display_name      = "data"
  description       = var.department
}

resource "aws_identitystore_group_membership" "john" {
  identity_store_id = local.store
  group_id          = aws_identitystore_group.data.group_id
  member_id         = aws_identitystore_user.john.user_id
}

resource "aws_ssoadmin_application_assignment" "data" {
  application_arn = var.application
  principal_id    = aws_identitystore_group.data.group_id
  principal_type  = "GROUP"
}
"""


ACCOUNT_ACCESS = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "account" { type = string }
variable "description" { type = string }
variable "managed" { type = set(string) }
variable "action" { type = string }

data "aws_ssoadmin_instances" "all" {}

locals {
  instance = tolist(data.aws_ssoadmin_instances.all.arns)[0]
  store    = tolist(data.aws_ssoadmin_instances.all.identity_store_ids)[0]
}

resource "aws_identitystore_group" "data" {
  identity_store_id = local.store
  display_name      = "data"
}

resource "aws_ssoadmin_permission_set" "reader" {
  name             = "Reader"
  description      = var.description
  instance_arn     = local.instance
  session_duration = "PT2H"
  relay_state      = "https://console.aws.amazon.com/s3"
  tags             = { team = "data" }
}

resource "aws_ssoadmin_permission_set_inline_policy" "reader" {
  instance_arn       = local.instance
  permission_set_arn = aws_ssoadmin_permission_set.reader.arn
  inline_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.action, Resource = "*" }]
  })
}

resource "aws_ssoadmin_managed_policy_attachment" "reader" {
  for_each           = var.managed
  depends_on         = [aws_ssoadmin_account_assignment.data]
  instance_arn       = local.instance
  permission_set_arn = aws_ssoadmin_permission_set.reader.arn
  managed_policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

resource "aws_ssoadmin_customer_managed_policy_attachment" "reader" {
  instance_arn       = local.instance
  permission_set_arn = aws_ssoadmin_permission_set.reader.arn
  customer_managed_policy_reference {
    name = "Ours"
    path = "/team/"
  }
}

resource "aws_ssoadmin_permissions_boundary_attachment" "reader" {
  instance_arn       = local.instance
  permission_set_arn = aws_ssoadmin_permission_set.reader.arn
  permissions_boundary {
    managed_policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  }
}

resource "aws_ssoadmin_account_assignment" "data" {
  instance_arn       = local.instance
  permission_set_arn = aws_ssoadmin_permission_set.reader.arn
  principal_id       = aws_identitystore_group.data.group_id
  principal_type     = "GROUP"
  target_id          = var.account
  target_type        = "AWS_ACCOUNT"
}
"""


TO_LEAVE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "application" { type = string }

data "aws_ssoadmin_instances" "all" {}

locals {
  store = tolist(data.aws_ssoadmin_instances.all.identity_store_ids)[0]
}

resource "aws_identitystore_user" "person" {
  for_each          = toset(["ana", "bob"])
  identity_store_id = local.store
  display_name      = "${each.key} Doe"
  user_name         = each.key
  title             = "Engineer"
  nickname          = "x"
  name {
    given_name  = each.key
    family_name = "Doe"
  }
  emails {
    value   = "${each.key}@example.com"
    type    = "work"
    primary = true
  }
  addresses {
    country = "DE"
    primary = false
  }
}

module "data" {
  source  = "./group"
  for_each = toset(["data"])
  store   = local.store
  name    = each.key
  members = values(aws_identitystore_user.person)[*].user_id
}

resource "aws_ssoadmin_application_assignment" "data" {
  application_arn = var.application
  principal_id    = module.data["data"].id
  principal_type  = "GROUP"
}
"""

GROUP = """
variable "store" { type = string }
variable "name" { type = string }
variable "members" { type = list(string) }

resource "aws_identitystore_group" "this" {
  identity_store_id = var.store
  display_name      = var.name
}

resource "aws_identitystore_group_membership" "this" {
  count             = 2
  identity_store_id = var.store
  group_id          = aws_identitystore_group.this.group_id
  member_id         = var.members[count.index]
}

output "id" { value = aws_identitystore_group.this.group_id }
"""

INSTANCE_YAML = """
instance:
  name: main
  region: {region}
  account_id: "{account}"
  instance_arn: {arn}
  identity_store_id: {store}
"""


class Terraform:
    """Runs terraform in one directory against one sandbox."""

    def __init__(self, directory: Path, served: Served, configuration: str) -> None:
        self._directory = directory
        self._environment = {
            **served.environment,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": os.devnull,
        }
        (directory / "main.tf").write_text(configuration)

    def __call__(self, *arguments: str, **variables: str) -> int:
        return self.run(*arguments, **variables).returncode

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Return what became of one call, which must not have failed."""
        assert TERRAFORM is not None
        given = {f"TF_VAR_{name}": value for name, value in variables.items()}
        done = subprocess.run(
            [TERRAFORM, *arguments, "-no-color"],
            cwd=self._directory,
            env=self._environment | given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 2}, done.stdout + done.stderr
        return done


@pytest.mark.slow
@pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")
@pytest.mark.skipif(PLUGINS is None, reason="IDENTITY_RECONCILER_TEST_TF_PLUGINS is not set")
class TestTerraform:
    """Apply, a clean plan, an update, a clean plan, import, destroy."""

    def test_life(self, tmp_path: Path) -> None:
        with serving(tmp_path) as served:
            store, admin = served.client("identitystore"), served.client("sso-admin")
            (instance,) = admin.list_instances()["Instances"]
            listed = admin.list_applications(InstanceArn=instance["InstanceArn"])
            application = listed["Applications"][0]["ApplicationArn"]
            terraform = Terraform(tmp_path, served, CONFIGURATION)
            terraform("init", f"-plugin-dir={PLUGINS}")
            values: dict[str, str] = {}
            for title, department in (("Engineer", "Data"), ("Lead", "Data Science")):
                values = {"application": application, "title": title, "department": department}
                terraform("apply", "-auto-approve", **values)
                assert terraform("plan", "-detailed-exitcode", **values) == 0
                (user,) = store.list_users(IdentityStoreId=STORE)["Users"]
                (group,) = store.list_groups(IdentityStoreId=STORE)["Groups"]
                assert (user["Title"], group["Description"]) == (title, department)
                assigned = admin.list_application_assignments(ApplicationArn=application)
                assert len(assigned["ApplicationAssignments"]) == 1
            terraform("destroy", "-auto-approve", **values)
            assert store.list_users(IdentityStoreId=STORE)["Users"] == []
            assert store.list_groups(IdentityStoreId=STORE)["Groups"] == []
            assigned = admin.list_application_assignments(ApplicationArn=application)
            assert assigned["ApplicationAssignments"] == []

    def test_what_it_manages_is_taken_over(self, tmp_path: Path) -> None:
        """The YAML has all of it, nothing is left to plan, and Terraform only forgets."""
        (tmp_path / "group").mkdir()
        (tmp_path / "group/main.tf").write_text(GROUP)
        with serving(tmp_path) as served:
            admin, store = served.client("sso-admin"), served.client("identitystore")
            (instance,) = admin.list_instances()["Instances"]
            listed = admin.list_applications(InstanceArn=instance["InstanceArn"])
            values = {"application": listed["Applications"][0]["ApplicationArn"]}
            terraform = Terraform(tmp_path, served, TO_LEAVE)
            terraform("init", f"-plugin-dir={PLUGINS}")
            terraform("apply", "-auto-approve", **values)
            store.create_user(
                IdentityStoreId=STORE,
                UserName="apart",
                DisplayName="A Part",
                Name={"GivenName": "A", "FamilyName": "Part"},
            )
            (tmp_path / "state.json").write_text(terraform.run("show", "-json").stdout)

            settings = tmp_path / "desired-state/instance.yaml"
            settings.parent.mkdir()
            settings.write_text(
                INSTANCE_YAML.format(
                    region=served.exports["AWS_REGION"],
                    account=instance["OwnerAccountId"],
                    arn=instance["InstanceArn"],
                    store=STORE,
                )
            )

            def ours(*arguments: str) -> Run:
                done = command(
                    *arguments, "--endpoint-url", served.url, cwd=tmp_path, **served.exports
                )
                assert done.code == 0, done.err
                return done

            taken = ours("import", "--from-state", "state.json", "--service-applications")
            assert "than in the state" not in taken.err
            assert "No changes." in ours("plan").out
            written = "".join(one.read_text() for one in settings.parent.rglob("*.yaml"))
            assert written.count("user_name:") == 2
            blocks = taken.out[taken.out.index("removed {") :]
            assert blocks.count("removed {") == 4
            (shown,) = guide("terraform").code("hcl")
            assert blocks.startswith(shown)
            (tmp_path / "main.tf").write_text(TO_LEAVE[: TO_LEAVE.index("variable")] + blocks)
            forgetting = terraform.run("plan", "-out", "plan", "-detailed-exitcode")
            assert forgetting.stdout.count("will no longer be managed by Terraform, but") == 6
            assert "Plan: 0 to add, 0 to change, 0 to destroy." in forgetting.stdout
            terraform("apply", "plan")
            assert terraform.run("state", "list").stdout == ""
            assert len(store.list_users(IdentityStoreId=STORE)["Users"]) == 3
            assert "No changes." in ours("plan").out

    def test_account_access(self, tmp_path: Path) -> None:
        with serving(tmp_path) as served:
            admin = served.client("sso-admin")
            (instance,) = admin.list_instances()["Instances"]
            arn, account = instance["InstanceArn"], instance["OwnerAccountId"]
            terraform = Terraform(tmp_path, served, ACCOUNT_ACCESS)
            terraform("init", f"-plugin-dir={PLUGINS}")
            values, listed = {"account": account}, ""
            for description, managed, action in (
                ("Reads", '["ReadOnlyAccess", "job-function/ViewOnlyAccess"]', "s3:Get*"),
                ("Reads more", '["job-function/ViewOnlyAccess"]', "s3:*"),
            ):
                values |= {"description": description, "managed": managed, "action": action}
                terraform("apply", "-auto-approve", **values)
                assert terraform("plan", "-detailed-exitcode", **values) == 0
                (listed,) = admin.list_permission_sets(InstanceArn=arn)["PermissionSets"]
                in_set = {"InstanceArn": arn, "PermissionSetArn": listed}
                shown = admin.describe_permission_set(**in_set)["PermissionSet"]
                assert (shown["Description"], shown["SessionDuration"]) == (description, "PT2H")
                policies = admin.list_managed_policies_in_permission_set(**in_set)
                assert len(policies["AttachedManagedPolicies"]) == managed.count('"') / 2
                provisioned = admin.list_accounts_for_provisioned_permission_set(
                    **in_set, ProvisioningStatus="LATEST_PERMISSION_SET_PROVISIONED"
                )
                assert provisioned["AccountIds"] == [account]
            terraform("state", "rm", "aws_ssoadmin_permission_set.reader")
            terraform("import", "aws_ssoadmin_permission_set.reader", f"{listed},{arn}", **values)
            assert terraform("plan", "-detailed-exitcode", **values) == 0
            terraform("destroy", "-auto-approve", **values)
            assert admin.list_permission_sets(InstanceArn=arn)["PermissionSets"] == []
