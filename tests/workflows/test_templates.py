"""What `init --github` writes is what this repository runs, fitted to another one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from identity_reconciler import __version__
from identity_reconciler.errors import UsageError
from identity_reconciler.github.workflow_files import Destination, Tool, workflow_files
from tests.command import ROOT, command
from tests.documents import guide
from tests.workflows.policy import offences
from tests.workflows.runner import workflow

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOOL = Tool("corp/tool", COMMIT)
PLACE = Destination(Path("desired-state"), "corp/identity", TOOL)
WRITTEN = workflow_files(PLACE, reviewers=True)
OPTIONS = ("--github", "--repository", "corp/identity", "--tool", f"corp/tool@{COMMIT}")
ACTION = ROOT / ".github/actions/identity-reconciler"
LOCKS = {
    "action": ACTION / "requirements.txt",
    "parquet": ACTION / "parquet.txt",
    "ci": ROOT / ".ci/requirements.txt",
}
LOCKED = {"action": "sandbox", "parquet": "parquet", "ci": "dev"}
"""The extra that each of them is for."""


def pinned(lock: str) -> dict[str, str]:
    """Return what a lock installs: versions by name."""
    text = LOCKS[lock].read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+) (?:; .*)?\\$", text, re.MULTILINE))


class TestEquality:
    """The files are the same, but for where the tool and the called workflow are."""

    @pytest.mark.parametrize("path", sorted(WRITTEN))
    def test_with_ours(self, path: Path) -> None:
        action = f"corp/tool/.github/actions/identity-reconciler@{COMMIT} # v{__version__}"
        called = "corp/identity/.github/workflows/plan-pull-request.yml@main"
        written = (
            WRITTEN[path]
            .decode()
            .replace(action, "$/.github/actions/identity-reconciler")
            .replace(
                f"{called} # zizmor: ignore[unpinned-uses]",
                "$/.github/workflows/plan-pull-request.yml",
            )
        )
        assert written == (ROOT / path).read_text(encoding="utf-8")

    def test_the_variant_replaces_one_file(self) -> None:
        approved = workflow_files(PLACE, reviewers=False)
        differing = {path for path, text in approved.items() if WRITTEN[path] != text}
        assert WRITTEN.keys() == approved.keys()
        assert differing == {Path(".github/workflows/apply.yml")}


class TestWritten:
    """What is written keeps to the policy, and runs nothing of the repository it is written to."""

    @pytest.mark.parametrize("reviewers", [True, False])
    def test_policy(self, *, reviewers: bool) -> None:
        for path, text in workflow_files(PLACE, reviewers=reviewers).items():
            assert offences(text.decode()) == set(), path
            assert "$/" not in text.decode(), path

    def test_zizmor_has_nothing_to_say(self, tmp_path: Path) -> None:
        for reviewers in (True, False):
            for path, text in workflow_files(PLACE, reviewers=reviewers).items():
                (tmp_path / str(reviewers) / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / str(reviewers) / path).write_bytes(text)
        program = Path(sys.executable).with_name("zizmor")
        done = subprocess.run(
            [program, "--offline", "--persona=auditor", "--quiet", tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


class TestTool:
    """Jobs get the tool by the hash of a commit, which nobody can move."""

    @pytest.mark.parametrize(
        "text",
        ["corp/tool", "corp/tool@v1", f"tool@{COMMIT}", f"corp/tool@{COMMIT[:-1]}", "@", "a b/c@"],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="names no commit of this tool"):
            Tool.parsed(text)

    def test_what_pip_recorded_is_read(self) -> None:
        pinned = f'"vcs_info": {{"commit_id": "{COMMIT}"}}'
        record = f'{{"url": "https://github.com/corp/tool.git", {pinned}}}'
        assert Tool.recorded(record) == TOOL
        for other in (
            "{}",
            record.replace("github.com", "example.com"),
            record.replace(COMMIT, "main"),
            '{"url": "file:///src", "dir_info": {"editable": true}}',
        ):
            assert Tool.recorded(other) is None


class TestLocks:
    """Everything that is installed is pinned by hash, and is enough."""

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_line_has_a_hash(self, lock: str) -> None:
        entries = LOCKS[lock].read_text("utf-8").split("\n    --hash=sha256:")
        assert len(pinned(lock)) > 20
        assert all(re.match(r"[0-9a-f]{64}( \\)?(\n|$)", entry) for entry in entries[1:])

    @pytest.mark.parametrize(("lock", "extra"), LOCKED.items())
    def test_it_satisfies_what_we_require(self, lock: str, extra: str) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        extras = project["project"]["optional-dependencies"]
        wanted = [*project["project"]["dependencies"], *extras[extra]]
        if lock == "ci":
            wanted += [
                *extras["sandbox"], *extras["parquet"], *project["build-system"]["requires"]
            ]  # fmt: skip
        for text in wanted:
            required = Requirement(text)
            name = canonicalize_name(required.name)
            if name != "identity-reconciler":
                assert required.specifier.contains(pinned(lock)[name]), text

    @pytest.mark.parametrize("lock", ["action", "parquet"])
    def test_what_is_tested_is_what_is_installed(self, lock: str) -> None:
        tested = pinned("ci")
        assert {name: tested[name] for name in pinned(lock)} == pinned(lock)


class TestHostileCheckout:
    """A checkout is full of modules that are called like what jobs run; none of them is loaded."""

    NAMES = ("venv", "pip", "ensurepip", "sysconfig", "json", "sitecustomize", "usercustomize")

    def test_nothing_of_it_runs(self, tmp_path: Path) -> None:
        """The step that installs, as it stands, but without anything to download."""
        workspace, temp, tool = (tmp_path / name for name in ("workspace", "temp", "tool"))
        folder = tool / ".github/actions/identity-reconciler"
        for made in (workspace, temp, folder, tool / "identity_reconciler"):
            made.mkdir(parents=True)
        for name in (*self.NAMES, "identity_reconciler"):
            (workspace / f"{name}.py").write_text(f"raise SystemExit('{name} was loaded')\n")
        (workspace / "pip.conf").write_text("[install]\nindex-url = https://example.com\n")
        (tool / "identity_reconciler/__init__.py").touch()
        (tool / "identity_reconciler/__main__.py").write_text("print('ours')\n")
        (folder / "requirements.txt").touch()
        (step,) = (
            step
            for step in workflow("action.yml", ACTION)["runs"]["steps"]
            if step.get("name") == "Install"
        )
        run = '"$RUNNER_TEMP/tool/bin/python" -I -m identity_reconciler'
        assert run in (ROOT / ".github/workflows/plan.yml").read_text("utf-8")
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", f"{step['run']}\ncd '{workspace}'\n{run}"],
            cwd=workspace,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(workspace),
                "PYTHONPATH": str(workspace),
                "PIP_CONFIG_FILE": str(workspace / "pip.conf"),
                "RUNNER_TEMP": str(temp),
                "GITHUB_ACTION_PATH": str(folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "ours\n"), done.stderr


class TestGuide:
    """Who follows the guide leaves no door open on the way."""

    def test_environments_come_before_roles(self) -> None:
        """A branch could make an environment that is not there yet, and take its role."""
        text = guide("continuous-integration").text
        steps = ("Protect `main`", "Make the environments", "Deploy the three roles")
        places = [text.index(step) for step in steps]
        assert places == sorted(places)


class TestInit:
    """`init --github` writes them, for the directory that it is given, and overwrites nothing."""

    def test_workflows_of_another_directory(self, tmp_path: Path) -> None:
        (tmp_path / ".github/workflows").mkdir(parents=True)
        (tmp_path / ".github/workflows/drift.yml").write_text("mine\n")
        run = command("init", "teams/identity", "--sandbox", *OPTIONS, cwd=tmp_path)
        assert run.code == 0, run.err
        assert ".github/workflows/drift.yml is there already and differs" in run.err
        assert (tmp_path / ".github/workflows/drift.yml").read_text() == "mine\n"
        text = (tmp_path / ".github/workflows/plan-pull-request.yml").read_text()
        assert "plan teams/identity --base HEAD^1" in text
        assert "desired-state" not in text
        assert offences(text) == set()
        assert "IDENTITY_PLAN_ROLE_ARN" in run.err
        environments, roles = (
            run.err.index("make the environments"),
            run.err.index("cloudformation"),
        )
        assert environments < roles

    def test_later_on_it_writes_nothing_else(self, tmp_path: Path) -> None:
        here = Path(shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")).parent
        before = {path: path.read_bytes() for path in here.rglob("*.yaml")}
        run = command("init", *OPTIONS, "--no-reviewers", cwd=here)
        assert run.code == 0, run.err
        assert "--approved approved/plan.json" in (here / ".github/workflows/apply.yml").read_text()
        assert {path: path.read_bytes() for path in here.rglob("*.yaml")} == before

    @pytest.mark.parametrize("name", ["../there", "with space", "a;b", "$(x)"])
    def test_a_directory_that_cannot_stand_in_a_workflow(self, tmp_path: Path, name: str) -> None:
        run = command("init", name, "--sandbox", *OPTIONS, cwd=tmp_path)
        assert (run.code, run.out) == (3, "")
        assert "cannot stand in a workflow" in run.err
        assert not (tmp_path / ".github").exists()

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (OPTIONS[:3], "give --tool OWNER/NAME@COMMIT"),
            ((OPTIONS[0], *OPTIONS[3:]), "give --repository OWNER/NAME"),
            ((*OPTIONS[:2], "identity", *OPTIONS[3:]), "identity is no repository"),
            ((*OPTIONS[:4], "corp/tool@main"), "a tag or a branch may be moved"),
        ],
    )
    def test_what_has_to_be_known(
        self, tmp_path: Path, options: tuple[str, ...], told: str
    ) -> None:
        run = command("init", "--sandbox", *options, cwd=tmp_path)
        assert (run.code, run.out) == (3, "")
        assert told in run.err
        assert not list(tmp_path.iterdir())
