"""Plays our workflows: reads the YAML and runs each step as a runner of GitHub would.

Steps with `run:` are run as they stand, with the environment they declare. The actions of others
are replaced by what they are for: a checkout clones, artifacts are folders, and taking an AWS
role leads to one sandbox that all jobs share. Nothing is installed: `python -I -m venv` makes a
directory whose `python` runs the program that is under test, in forked processes. A workflow that
a job calls is played with the event and the variables of the caller.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.command import ROOT, environment, launcher
from tests.github_service import GithubService
from tests.workflows.expressions import filled, holds

_REPOSITORY = "example/identity"
_SANDBOX = Path(".identity-reconciler/sandbox.sqlite3")
_PYTHON = """#!/bin/sh
# Makes a "virtual environment" of the program under test.
test "$1 $2 $3" = "-I -m venv" || exit 64
mkdir -p "$4/bin" "$4/lib"
cp "{tools}/installed" "$4/bin/python"
"""
_INSTALLED = """#!/bin/sh
# The python of such an environment.
case "$1 $2 $3" in
"-I -m pip") echo "$*" >> "{tools}/pip.log" ;;
"-I -c "*) cd "$(dirname "$0")/../lib" && pwd ;;
"-I -m identity_reconciler") shift 3; exec {program} "$@" ;;
*) exit 64 ;;
esac
"""
_CALLED = "$/.github/workflows/"


def workflow(name: str, folder: Path = ROOT / ".github/workflows") -> dict[str, Any]:
    """Return a workflow as it is written; every scalar is text."""
    # BaseLoader knows no types, so nothing can be built by it, and `on` stays a text.
    text = (folder / name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    return loaded


@dataclass
class Played:
    """What became of one job."""

    result: str
    """success, failure, or skipped."""
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    codes: list[int] = field(default_factory=list)
    """The exit codes of its `run:` steps."""
    roles: list[str] = field(default_factory=list)
    """The AWS roles it took."""


@dataclass
class Repository:
    """A repository on a GitHub: its origin, its settings, its AWS, and the service behind it."""

    home: Path
    service: GithubService
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Those of every environment."""
    arrives: Callable[[str], None] = lambda _: None
    """Called with an environment before its job starts: what happens until reviewers approve."""
    artifacts: dict[str, Path] = field(default_factory=dict)
    """Those of the last run, by name."""
    runs: int = 0

    def __post_init__(self) -> None:
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin), at=ROOT)
        self.git("config", "uploadpack.allowAnySHA1InWant", "true", at=self.origin)
        self.work.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", at=self.work)
        self.git("remote", "add", "origin", self.origin.as_uri(), at=self.work)
        shutil.copytree(ROOT / "desired-state", self.work / "desired-state")
        tools = self.home / "tools"
        tools.mkdir()
        words = {"tools": tools, "program": shlex.join(launcher())}
        for name, text in (("python", _PYTHON), ("installed", _INSTALLED)):
            (tools / name).write_text(text.format(**words))
            (tools / name).chmod(0o755)

    @property
    def origin(self) -> Path:
        """The bare repository that jobs clone."""
        return self.home / "origin.git"

    @property
    def work(self) -> Path:
        """Where somebody edits the YAML."""
        return self.home / "work"

    @property
    def aws(self) -> Path:
        """The sandbox that every job with a role reaches."""
        return self.home / "aws.sqlite3"

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """Run Git, by default where somebody edits, and return what it prints."""
        program = shutil.which("git")
        assert program is not None
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        done = subprocess.run(
            [program, *who, *arguments],
            cwd=at or self.work,
            env=environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def push(self, ref: str) -> str:
        """Commit what was edited, push it to *ref*, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Edit")
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{ref}")
        return self.git("rev-parse", "HEAD")

    def play(self, path: str, event: Mapping[str, Any], ref: str, sha: str) -> dict[str, Played]:
        """Run a workflow for an event, job by job, and return what became of each."""
        self.runs += 1
        self.artifacts = {}
        run = _Run(self, dict(event), ref, sha, workflow(path))
        for job in run.text["jobs"]:
            run.play(job)
        return run.jobs


@dataclass
class _Run:
    repository: Repository
    event: dict[str, Any]
    ref: str
    sha: str
    text: dict[str, Any]
    within: str = ""
    """What the folders of its jobs begin with, to tell them from those of the caller."""
    jobs: dict[str, Played] = field(default_factory=dict)

    def play(self, name: str) -> None:
        """Run one job, or skip it; its needs stand above it in the file."""
        job = self.text["jobs"][name]
        needs = job.get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        before = {each: self.jobs[each] for each in needs}
        success = all(each.result == "success" for each in before.values())
        contexts = self.contexts(job) | {
            "needs": {
                each: {"result": played.result, "outputs": played.outputs}
                for each, played in before.items()
            }
        }
        if not holds(job.get("if"), contexts, success=success):
            self.jobs[name] = Played("skipped")
            return
        if environment_name := job.get("environment"):
            self.repository.arrives(environment_name)
        if "uses" in job:
            self.jobs[name] = self.called(job)
            return
        folder = self.repository.home / f"run{self.repository.runs}-{self.within}{name}"
        self.jobs[name] = _Job(self, job, contexts, folder).play()

    def called(self, job: dict[str, Any]) -> Played:
        """Run the jobs of the workflow that *job* calls, which may do no more than *job* may."""
        text = workflow(job["uses"].removeprefix(_CALLED))
        run = _Run(self.repository, self.event, self.ref, self.sha, text, within="called-")
        for name, inner in text["jobs"].items():
            assert inner["permissions"].items() <= job["permissions"].items()
            run.play(name)
        played = list(run.jobs.values())
        results = {one.result for one in played}
        outputs = {"jobs": {name: {"outputs": one.outputs} for name, one in run.jobs.items()}}
        return Played(
            next((one for one in ("failure", "success") if one in results), "skipped"),
            {
                key: filled(one["value"], outputs)
                for key, one in text["on"]["workflow_call"]["outputs"].items()
            },
            "".join(one.log for one in played),
            "".join(one.summary for one in played),
            [code for one in played for code in one.codes],
            [role for one in played for role in one.roles],
        )

    def contexts(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return what expressions of *job* can see; its token can do what it was granted."""
        token = self.repository.service.token(permissions=job["permissions"])
        github = {
            "event": self.event,
            "ref": self.ref,
            "sha": self.sha,
            "repository": _REPOSITORY,
            "run_id": str(self.repository.runs),
            "token": token,
        }
        # Outside of an environment they are not there.
        secrets = self.repository.secrets if job.get("environment") else {}
        return {"github": github, "vars": self.repository.variables, "secrets": secrets}


@dataclass
class _Job:
    run: _Run
    text: dict[str, Any]
    contexts: dict[str, Any]
    folder: Path
    played: Played = field(default_factory=lambda: Played("success"))
    steps: dict[str, Any] = field(default_factory=dict)
    aws: bool = False

    def play(self) -> Played:
        """Run the steps in their order."""
        for name in ("workspace", "temp"):
            (self.folder / name).mkdir(parents=True)
        declared = self.text.get("env", {})
        env = {key: filled(value, self.contexts) for key, value in declared.items()}
        self.contexts |= {"env": env, "steps": self.steps}
        for step in self.text["steps"]:
            self.step(step, self.contexts, self.steps)
        outputs = self.text.get("outputs", {})
        self.played.outputs = {key: filled(text, self.contexts) for key, text in outputs.items()}
        summary = self.folder / "summary"
        self.played.summary = summary.read_text("utf-8") if summary.exists() else ""
        return self.played

    def step(self, step: dict[str, Any], contexts: dict[str, Any], steps: dict[str, Any]) -> None:
        """Run one step, unless something failed before or its condition does not hold."""
        success = self.played.result == "success"
        if not holds(step.get("if"), contexts, success=success):
            return
        outputs: dict[str, str] = {}
        worked = self.used(step, contexts) if "uses" in step else self.ran(step, contexts, outputs)
        if "id" in step:
            steps[step["id"]] = {"outputs": outputs}
        if not worked and step.get("continue-on-error") != "true":
            self.played.result = "failure"

    def ran(self, step: dict[str, Any], contexts: dict[str, Any], outputs: dict[str, str]) -> bool:
        """Run the commands of a step as its shell does."""
        declared = step.get("env", {})
        env = {key: filled(value, contexts) for key, value in declared.items()}
        output = self.folder / "output"
        output.write_text("")
        shell = ["bash", "-eo", "pipefail"] if step.get("shell") == "bash" else ["bash", "-e"]
        done = subprocess.run(
            [*shell, "-c", step["run"]],
            cwd=self.folder / "workspace",
            env=self.environment(output) | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        self.played.log += done.stdout + done.stderr
        self.played.codes.append(done.returncode)
        outputs.update(_outputs(output.read_text("utf-8")))
        return done.returncode == 0

    def environment(self, output: Path) -> dict[str, str]:
        """Return the environment of every step of the job."""
        repository = self.run.repository
        declared = {key: str(value) for key, value in self.contexts["env"].items()}
        if self.aws:
            # Stands for credentials: from here on the job reaches the one AWS of the test.
            declared["IDENTITY_RECONCILER_SANDBOX"] = "1"
        return environment(
            PATH=f"{repository.home / 'tools'}:{os.environ['PATH']}",
            GITHUB_ACTIONS="true",
            GITHUB_ACTION_PATH=str(ROOT / ".github/actions/identity-reconciler"),
            GITHUB_API_URL=repository.service.url,
            GITHUB_OUTPUT=str(output),
            GITHUB_REPOSITORY=_REPOSITORY,
            GITHUB_RUN_ID=str(repository.runs),
            GITHUB_SERVER_URL="https://github.com",
            GITHUB_SHA=self.run.sha,
            GITHUB_STEP_SUMMARY=str(self.folder / "summary"),
            RUNNER_TEMP=str(self.folder / "temp"),
            **declared,
        )

    def used(self, step: dict[str, Any], contexts: dict[str, Any]) -> bool:
        """Do what an action is for."""
        action = step["uses"].partition("@")[0]
        inputs = {key: filled(text, contexts) for key, text in step.get("with", {}).items()}
        match action:
            case "actions/checkout":
                return self.check_out(inputs)
            case "actions/setup-python":
                return True
            case "actions/upload-artifact":
                return self.upload(inputs)
            case "actions/download-artifact":
                return self.download(inputs)
            case "aws-actions/configure-aws-credentials":
                return self.take_role(inputs)
            case "$/.github/actions/identity-reconciler":
                return self.composite()
            case _:
                raise AssertionError(f"nobody knows {action}")

    def check_out(self, inputs: dict[str, str]) -> bool:
        assert inputs["persist-credentials"] == "false"
        assert self.text["permissions"]["contents"] == "read"
        workspace = self.folder / "workspace"
        git, origin = self.run.repository.git, self.run.repository.origin.as_uri()
        git("init", "--quiet", at=workspace)
        depth, what = inputs.get("fetch-depth", "1"), inputs.get("ref", self.run.sha)
        # 0 is all of it. Source: actions/checkout, fetch-depth.
        shallow = () if depth == "0" else (f"--depth={depth}",)
        git("fetch", "--quiet", *shallow, origin, what, at=workspace)
        git("checkout", "--quiet", "FETCH_HEAD", at=workspace)
        return True

    def upload(self, inputs: dict[str, str]) -> bool:
        paths = [Path(one) for one in inputs["path"].split()]
        hidden = inputs.get("include-hidden-files") == "true"
        shown = [one for one in paths if hidden or not any(p.startswith(".") for p in one.parts)]
        found = [one for one in shown if (self.folder / "workspace" / one).exists()]
        if not found:
            return inputs.get("if-no-files-found") != "error"
        target = self.run.repository.home / f"artifact{self.run.repository.runs}-{inputs['name']}"
        for one in found:
            source = self.folder / "workspace" / one
            if source.is_dir():
                # Of several, what they have in common is left out. Source: actions/upload-artifact.
                shutil.copytree(source, target / one.name if len(paths) > 1 else target)
            else:
                target.mkdir()
                shutil.copy(source, target)
        self.run.repository.artifacts[inputs["name"]] = target
        return True

    def download(self, inputs: dict[str, str]) -> bool:
        if inputs["name"] not in self.run.repository.artifacts:
            return False
        target = self.folder / "workspace" / inputs["path"]
        shutil.copytree(self.run.repository.artifacts[inputs["name"]], target)
        return True

    def take_role(self, inputs: dict[str, str]) -> bool:
        assert self.text["permissions"]["id-token"] == "write"
        assert re.fullmatch(r"arn:aws:iam::\d{12}:role/\w+", inputs["role-to-assume"])
        assert inputs["aws-region"]
        self.played.roles.append(inputs["role-to-assume"].rpartition("/")[2])
        self.aws = True
        link = self.folder / "workspace" / _SANDBOX
        link.parent.mkdir()
        link.symlink_to(self.run.repository.aws)
        return True

    def composite(self) -> bool:
        action = workflow("action.yml", ROOT / ".github/actions/identity-reconciler")
        before, self.played.result = self.played.result, "success"
        for step in action["runs"]["steps"]:
            self.step(step, self.contexts, {})
        # The exit codes of a job are those of its own steps.
        self.played.codes.clear()
        worked, self.played.result = self.played.result == "success", before
        return worked


def _outputs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
