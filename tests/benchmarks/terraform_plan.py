"""A no-op plan against `terraform plan` on the same objects, both against the served sandbox.

Needs terraform, and in IDENTITY_RECONCILER_TEST_TF_PLUGINS a filesystem mirror with hashicorp/aws,
as `terraform providers mirror DIR` makes it. The objects are made on a sandbox without limits; the
plans are measured on the same one with the quotas of AWS.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from tests.benchmarks.figure import Figure
from tests.benchmarks.worlds import Size, empty_sandbox, write_yaml
from tests.command import PROGRAM, environment
from tests.sandbox.serving import Served, serving

SIZE = Size(500, 50, 1_000, 10, 200)
_PLUGINS = "IDENTITY_RECONCILER_TEST_TF_PLUGINS"

_MAIN = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

locals {
  store       = "%(store)s"
  users       = jsondecode(file("users.json"))
  groups      = jsondecode(file("groups.json"))
  memberships = jsondecode(file("memberships.json"))
  assignments = jsondecode(file("assignments.json"))
}

resource "aws_identitystore_user" "all" {
  for_each          = local.users
  identity_store_id = local.store
  user_name         = each.key
  display_name      = each.value.display_name
  title             = "Engineer"
  name {
    given_name  = "User"
    family_name = each.value.family_name
  }
  emails {
    value   = "${each.key}@example.com"
    primary = true
  }
}

resource "aws_identitystore_group" "all" {
  for_each          = local.groups
  identity_store_id = local.store
  display_name      = each.key
}

resource "aws_identitystore_group_membership" "all" {
  for_each          = local.memberships
  identity_store_id = local.store
  group_id          = aws_identitystore_group.all[each.value.group].group_id
  member_id         = aws_identitystore_user.all[each.value.user].user_id
}

resource "aws_ssoadmin_application_assignment" "all" {
  for_each        = local.assignments
  application_arn = each.value.application
  principal_id    = aws_identitystore_group.all[each.value.group].group_id
  principal_type  = "GROUP"
}
"""


def missing() -> str | None:
    """Return why the comparison cannot be made here, or None."""
    if shutil.which("terraform") is None:
        return "skipped: terraform is not installed"
    if not os.environ.get(_PLUGINS):
        return f"skipped: {_PLUGINS} does not name a mirror with Terraform's AWS provider"
    return None


def measure() -> tuple[list[Figure], list[str]]:
    """Return the figures; none where Terraform is not there."""
    reason = missing()
    if reason is not None:
        return [], [f"against terraform plan: {reason}"]
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        arns = empty_sandbox(here / "sandbox.sqlite3", SIZE)
        configure(here, arns)
        write_yaml(here / "desired-state", SIZE)
        without_departments(here / "desired-state")
        with serving(here, "--state", "sandbox.sqlite3") as served:
            initialize(here, served)
            run(here, served, "terraform", "apply", "-auto-approve")
            unlimited = _compared(here, served)
        (here / "trouble.json").write_text('{"throttle": {"rate": 20, "burst": 20}}')
        quotas = ("--state", "sandbox.sqlite3", "--trouble", "trouble.json")
        with serving(here, *quotas) as served:
            limited = _compared(here, served)
    (_, ours), (_, theirs) = unlimited
    remark = f"without any quota: {ours:.1f} s, paced all the same; terraform plan {theirs:.1f} s"
    return _figures(*limited), [remark]


def _compared(here: Path, served: Served) -> tuple[tuple[int, float], tuple[int, float]]:
    """Return requests and seconds of our plan and of Terraform's."""
    plan = ("plan", "--endpoint-url", served.url, "--detailed-exitcode")
    return (
        timed(here, served, *PROGRAM, *plan),
        timed(here, served, "terraform", "plan", "-detailed-exitcode"),
    )


def _figures(ours: tuple[int, float], theirs: tuple[int, float]) -> list[Figure]:
    return [
        Figure(
            "requests of a no-op plan, against `terraform plan`",
            f"{ours[0]:,}",
            f"{theirs[0]:,}",
            theirs[0] / ours[0],
            15.0,
            at_least=True,
        ),
        Figure(
            "time of a no-op plan, against `terraform plan`",
            f"{ours[1]:.1f} s",
            f"{theirs[1]:.1f} s",
            theirs[1] / ours[1],
            10.0,
            at_least=True,
        ),
    ]


def configure(here: Path, arns: list[str]) -> None:
    """Write what Terraform is to make, in the applications *arns*, to *here*."""
    (here / "main.tf").write_text(_MAIN % {"store": InstanceDetails().identity_store_id})
    users = {
        SIZE.user(number): {"display_name": f"User {number:06}", "family_name": f"N{number:06}"}
        for number in range(SIZE.users)
    }
    memberships = {
        f"{SIZE.group(number)}/{user}": {"group": SIZE.group(number), "user": user}
        for number in range(SIZE.groups)
        for user in SIZE.members(number)
    }
    assignments = {
        f"{number}/{group}": {"application": arn, "group": group}
        for number, arn in enumerate(arns)
        for group in SIZE.assigned(number)
    }
    for name, content in (
        ("users", users),
        ("groups", {SIZE.group(number): {} for number in range(SIZE.groups)}),
        ("memberships", memberships),
        ("assignments", assignments),
    ):
        (here / f"{name}.json").write_text(json.dumps(content))


def without_departments(directory: Path) -> None:
    """Leave out the one attribute that Terraform's users do not have."""
    for path in directory.glob("users-*.yaml"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "department" not in line))


def initialize(here: Path, served: Served) -> None:
    """Let Terraform get ready for what `configure` has written to *here*."""
    run(here, served, "terraform", "init", f"-plugin-dir={os.environ[_PLUGINS]}")


def run(here: Path, served: Served, *command: str) -> None:
    """Run *command* in *here*, against what is *served*."""
    variables = {
        **environment(**served.exports),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run(
        command, cwd=here, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def timed(here: Path, served: Served, *command: str) -> tuple[int, float]:
    """Return how many requests *command* sends, and how many seconds it takes."""
    before = _requests(here, served)
    started = time.monotonic()
    run(here, served, *command)
    seconds = time.monotonic() - started
    # The question itself counts from the one time to the other.
    return _requests(here, served) - before - 1, seconds


def _requests(here: Path, served: Served) -> int:
    """Return the requests so far but for the last: the sandbox keeps count once a second."""
    time.sleep(1.5)
    served.client("sts").get_caller_identity()
    with Sandbox(here / "sandbox.sqlite3") as sandbox:
        return sandbox.statistics().total()
