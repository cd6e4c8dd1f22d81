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


class Terraform:
    """Runs terraform in one directory against one sandbox."""

    def __init__(self, directory: Path, served: Served) -> None:
        self._directory = directory
        self._environment = {
            **served.environment,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": os.devnull,
        }
        (directory / "main.tf").write_text(CONFIGURATION)

    def __call__(self, *arguments: str, **variables: str) -> int:
        assert TERRAFORM is not None
        given = [f"-var={name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            [TERRAFORM, *arguments, "-no-color", *given],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 2}, done.stdout + done.stderr
        return done.returncode


@pytest.mark.slow
@pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")
@pytest.mark.skipif(PLUGINS is None, reason="IDENTITY_RECONCILER_TEST_TF_PLUGINS is not set")
class TestTerraform:
    """Apply, a clean plan, an update, a clean plan, destroy."""

    def test_life(self, tmp_path: Path) -> None:
        with serving(tmp_path) as served:
            store, admin = served.client("identitystore"), served.client("sso-admin")
            (instance,) = admin.list_instances()["Instances"]
            listed = admin.list_applications(InstanceArn=instance["InstanceArn"])
            application = listed["Applications"][0]["ApplicationArn"]
            terraform = Terraform(tmp_path, served)
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
