"""Every command that a guide shows runs, and every output that it shows is what is printed."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore import xform_name
from botocore.session import get_session

from identity_reconciler.sandbox import Sandbox
from tests.cli.test_import import held, state
from tests.cli.test_readme import as_shown, mover, typed
from tests.command import command, edit
from tests.documents import CONTRIBUTING, DOCUMENTS, README, guide
from tests.sandbox.account_world import Accounts
from tests.sandbox.serving import Served, serving
from tests.strategies import INSTANCE

NOT_RUN = {
    guide("auditing").path: {
        "git clone": "It is made up where this program is.",
        "git -C source": "The same.",
        "python3 -I -m pip": "It downloads what a function needs.",
        "cp -R source": "The same.",
        "(cd code && zip": "The same.",
        "aws s3api put-object": "It needs a bucket.",
    },
    guide("continuous-integration").path: {
        "aws cloudformation deploy": "It makes roles in an account of AWS.",
    },
    guide("events").path: {
        "aws cloudformation deploy": "It makes a function in an account of AWS.",
    },
    guide("performance").path: {
        "python -m tests.benchmarks": "It takes minutes.",
        "IDENTITY_RECONCILER_TEST_TF_PLUGINS=DIR": "It needs Terraform and its provider.",
    },
    guide("terraform").path: {
        "terraform show": "It needs Terraform; tests/sandbox/test_terraform.py runs it.",
    },
    guide("sandbox").path: {
        "identity-reconciler sandbox compare --aws": "It writes to AWS.",
        "identity-reconciler sandbox assume found.json": "It takes what the line before wrote.",
        "identity-reconciler sandbox compare --endpoint-url": "It needs another stand-in.",
    },
}
"""What is shown and not run: how the lines begin, and why."""
RUN_ELSEWHERE = {
    README.path: "test_readme.py",
    CONTRIBUTING.path: "test_documents.py",
    guide("adopting").path: "test_adopting.py",
    guide("people").path: "test_people.py",
    guide("reviews").path: "test_review.py",
    guide("teams").path: "test_teams.py",
}
GUIDES = [path for path in DOCUMENTS if path not in RUN_ELSEWHERE]


def lines(path: str) -> list[str]:
    """Return the lines of all shell blocks of a guide that are to be run one by one."""
    scripts = (text for text in DOCUMENTS[path].code("sh") if not is_script(text))
    shown = [line for text in scripts for line in text.splitlines() if line]
    skipped = tuple(NOT_RUN.get(path, {}))
    return [line for line in shown if not (skipped and line.startswith(skipped))]


def is_script(text: str) -> bool:
    """Return whether a shell block hands something from one line to another."""
    return "$(" in text


@pytest.fixture
def clone(applied: Path) -> Path:
    """Return a checkout of a repository whose main has just changed one title."""
    (applied / ".gitignore").write_text(".identity-reconciler\nplan.*\n")
    git(applied, "init", "--quiet", "--initial-branch=main")
    git(applied, "add", "--all")
    git(applied, "commit", "--quiet", "--message", "x")
    edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
    git(applied, "commit", "--quiet", "--all", "--message", "y")
    git(applied, "remote", "add", "origin", ".")
    return applied


def git(directory: Path, *arguments: str) -> None:
    """Run Git in *directory*."""
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *arguments], cwd=directory, check=True)


def managed_by_terraform(here: Path) -> None:
    """Write the state of Terraform that a guide is about, with a user and an assignment."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        accounts = Accounts(sandbox, INSTANCE)
        john = accounts.identifier("user", "johndoe")
        jane = accounts.identifier("user", "janedoe")
        found = accounts.admin.list_applications(InstanceArn=INSTANCE.instance_arn)
        arns = [str(one.get("ApplicationArn")) for one in found["Applications"]]
        listed = [accounts.admin.list_application_assignments(ApplicationArn=arn) for arn in arns]
    (one,) = [
        {"application_arn": arn, "principal_id": jane, "principal_type": "USER"}
        for arn, of_one in zip(arns, listed, strict=True)
        if jane in str(of_one)
    ]
    user = {"user_id": john, "user_name": "johndoe"}
    state(
        here,
        held("aws_identitystore_user", 'person["johndoe"]', **user),
        held("aws_ssoadmin_application_assignment", "data", **one),
    )


class TestLines:
    """Each line of a guide works where the lines before it have led."""

    @pytest.mark.parametrize("path", [path for path in GUIDES if lines(path)])
    def test_as_written(self, clone: Path, path: str) -> None:
        if path == guide("terraform").path:
            managed_by_terraform(clone)
        for line in lines(path):
            if not line.startswith("aws "):
                self.run(clone, line)

    def run(self, directory: Path, line: str) -> None:
        """Run a call of our program, with its output in a file if the line says so."""
        program, *arguments = shlex.split(line, comments=True)
        assert program == "identity-reconciler", line
        call, _, file = " ".join(map(shlex.quote, arguments)).partition(" '>' ")
        done = command(*shlex.split(call), cwd=directory, IDENTITY_RECONCILER_SANDBOX="1")
        assert done.code == 0, done.err
        if file:
            (directory / file).write_text(done.out)

    def test_what_is_not_run_is_there(self) -> None:
        for path, skipped in NOT_RUN.items():
            shown = "".join(DOCUMENTS[path].code("sh"))
            assert all(re.search(f"^{re.escape(line)}", shown, re.MULTILINE) for line in skipped)


class TestAwsCli:
    """The sandbox answers what the guides ask with the AWS CLI, whose names are the API's."""

    def test_as_written(self, tmp_path: Path) -> None:
        asked = [line for path in GUIDES for line in lines(path) if line.startswith("aws ")]
        assert len(asked) == 3
        with serving(tmp_path) as served:
            for line in asked:
                self.ask(served, *shlex.split(line)[1:])

    def ask(self, served: Served, service: Any, operation: str, *options: str) -> None:  # noqa: ANN401
        """Send what `aws SERVICE OPERATION --name value ...` sends."""
        model = get_session().get_service_model(service)
        (shape,) = [
            model.operation_model(name).input_shape
            for name in model.operation_names
            if xform_name(name, "-") == operation
        ]
        assert shape is not None
        members = {f"--{xform_name(name, '-')}": name for name in shape.members}
        given = zip(options[::2], options[1::2], strict=True)
        request = {members[option]: value for option, value in given}
        getattr(served.client(service), operation.replace("-", "_"))(**request)


class TestScripts:
    """The pipelines that the guides show plan, apply, and refuse what was overtaken."""

    def test_the_shell(self, clone: Path) -> None:
        (script,) = [
            text for path in GUIDES for text in DOCUMENTS[path].code("sh") if is_script(text)
        ]
        out = typed(script, clone, IDENTITY_RECONCILER_SANDBOX="1")
        assert "Verified: nothing is left to do." in out

    def test_gitlab(self, clone: Path) -> None:
        text = next(
            text for text in guide("continuous-integration").code("yml") if "gitlab" in text
        )
        jobs = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds nothing but text
        scripts = {
            name: "\n".join(('run() { identity-reconciler "$@"; }', *job["script"]))
            for name, job in jobs.items()
            if "script" in job
        }
        assert scripts.keys() == {"validate", "plan", "apply", "drift", "expire"}

        def run(job: str, **variables: str) -> str:
            return typed(scripts[job], clone, IDENTITY_RECONCILER_SANDBOX="1", **variables)

        run("validate")
        run("plan")
        digest = (clone / "plan.env").read_text().strip().removeprefix("PLAN_DIGEST=")
        told = run("apply", PLAN_DIGEST=digest, CI_DEFAULT_BRANCH="main")
        assert "Verified: nothing is left to do." in told
        assert "No changes." in run("drift")
        run("expire")

    def test_the_audit(self, applied: Path) -> None:
        (text,) = guide("auditing").code("yml")
        install, step = yaml.safe_load(text)["jobs"]["audit"]["steps"]
        assert "/.github/actions/identity-reconciler@" in install["uses"]
        calls = re.findall(r"^audit ([a-z].*) \|\| code=\$\?$", step["run"], re.MULTILINE)
        (always,) = re.findall(r'identity_reconciler (audit) "\$@" (.*)', step["run"])
        (applied / "reports").mkdir()
        for call in calls:
            arguments = shlex.split(f"{always[0]} {call} {always[1]}")
            assert command(*arguments, "--sandbox", cwd=applied).code == 0
        assert len(list((applied / "reports").iterdir())) == len(calls) == 4


class TestOutput:
    """What a guide shows is printed."""

    def test_a_plan(self, applied: Path) -> None:
        mover(applied)
        edit(
            applied,
            "groups/company.yaml",
            "    description: Finance department\n"
            "    members:\n      - martha.rivera\n      - paulo.santos\n",
            "    state: absent\n",
        )
        edit(applied, "applications.yaml", "        - finance\n", "")
        out = as_shown(command("plan", "--sandbox", cwd=applied).out)
        assert guide("commands").code("text") == [out]

    def test_a_report(self, applied: Path) -> None:
        question = shlex.split(lines(guide("auditing").path)[0], comments=True)[1:]
        out = command(*question, "--sandbox", cwd=applied).out
        out = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "2026-03-01T09:00:00Z", out)
        assert guide("auditing").code("text") == [out]

    def test_what_terraform_has_to_forget(self, applied: Path) -> None:
        managed_by_terraform(applied)
        done = command("import", "--sandbox", "--from-state", "state.json", cwd=applied)
        (blocks,) = guide("terraform").code("hcl")
        assert done.out.endswith(blocks)

    def test_is_nowhere_else(self) -> None:
        showing = {path for path in DOCUMENTS if DOCUMENTS[path].code("text")}
        assert showing == {README.path, guide("commands").path, guide("auditing").path}
