"""What `init --github` writes is what this repository runs."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from identity_reconciler import __version__
from identity_reconciler.cli.init import github_files
from tests.command import ROOT, command
from tests.workflows.policy import offences

LOCK = ROOT / "identity_reconciler/templates/github/actions/identity-reconciler/requirements.txt"
OURS = ".github/actions/identity-reconciler/action.yml"
HERE = "    default: .\n"
RELEASED = f"    default: identity-reconciler=={__version__}\n"


def pinned() -> dict[str, str]:
    """Return what the lock installs: versions by name."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+) \\$", LOCK.read_text("utf-8"), re.MULTILINE))


class TestEquality:
    """The files are the same, but for what the action installs: here this very checkout."""

    @pytest.mark.parametrize("path", sorted(github_files(Path("desired-state"), reviewers=True)))
    def test_with_ours(self, path: Path) -> None:
        written = github_files(Path("desired-state"), reviewers=True)[path].decode()
        ours = (ROOT / path).read_text(encoding="utf-8")
        if str(path) == OURS:
            assert ours.count(HERE) == 1
            ours = ours.replace(HERE, RELEASED)
        assert written == ours

    def test_the_variant_replaces_one_file(self) -> None:
        reviewed = github_files(Path("desired-state"), reviewers=True)
        approved = github_files(Path("desired-state"), reviewers=False)
        differing = {path for path, text in approved.items() if reviewed[path] != text}
        assert reviewed.keys() == approved.keys()
        assert differing == {Path(".github/workflows/apply.yml")}

    def test_the_templates_name_this_version(self) -> None:
        texts = [text.decode() for text in github_files(Path("x"), reviewers=False).values()]
        named = set(re.findall(r"identity-reconciler==(\S+)", "".join(texts)))
        assert named == {__version__}


class TestLock:
    """Everything that is installed beside the tool is pinned by hash, and is enough for it."""

    def test_every_line_has_a_hash(self) -> None:
        entries = LOCK.read_text("utf-8").split("\n    --hash=sha256:")
        assert len(pinned()) > 20
        assert all(re.match(r"[0-9a-f]{64}( \\)?(\n|$)", entry) for entry in entries[1:])

    def test_it_satisfies_what_we_require(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        extras = project["optional-dependencies"]
        for text in [*project["dependencies"], *extras["sandbox"]]:
            required = Requirement(text)
            assert required.specifier.contains(pinned()[canonicalize_name(required.name)]), text


class TestInit:
    """`init --github` writes them, for the directory that it is given, and overwrites nothing."""

    def test_workflows_of_another_directory(self, tmp_path: Path) -> None:
        (tmp_path / ".github/workflows").mkdir(parents=True)
        (tmp_path / ".github/workflows/drift.yml").write_text("mine\n")
        run = command("init", "teams/identity", "--sandbox", "--github", cwd=tmp_path)
        assert run.code == 0, run.err
        assert ".github/workflows/drift.yml is there already and differs" in run.err
        assert (tmp_path / ".github/workflows/drift.yml").read_text() == "mine\n"
        text = (tmp_path / ".github/workflows/plan.yml").read_text()
        assert "command: plan teams/identity --base HEAD^1" in text
        assert "desired-state" not in text
        assert offences(text) == set()
        assert "IDENTITY_PLAN_ROLE_ARN" in run.err

    def test_later_on_it_writes_nothing_else(self, tmp_path: Path) -> None:
        here = Path(shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")).parent
        before = {path: path.read_bytes() for path in here.rglob("*.yaml")}
        run = command("init", "--github", "--no-reviewers", cwd=here)
        assert run.code == 0, run.err
        assert "--approved approved/plan.json" in (here / ".github/workflows/apply.yml").read_text()
        assert {path: path.read_bytes() for path in here.rglob("*.yaml")} == before

    @pytest.mark.parametrize("name", ["../there", "with space", "a;b", "$(x)"])
    def test_a_directory_that_cannot_stand_in_a_workflow(self, tmp_path: Path, name: str) -> None:
        run = command("init", name, "--sandbox", "--github", cwd=tmp_path)
        assert (run.code, run.out) == (3, "")
        assert "cannot stand in a workflow" in run.err
        assert not (tmp_path / ".github").exists()
