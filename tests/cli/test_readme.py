"""Every block of the README is what the program does."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from identity_reconciler.desired.reading.loader import load
from tests.command import ROOT, command, edit, environment
from tests.conftest import Golden
from tests.workflows.policy import offences

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of *language*, without what indents them in a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def our_commands(text: str) -> list[list[str]]:
    """Return the arguments of every call of our program in a shell block."""
    lines = (line.rstrip(" &\\") for line in text.splitlines())
    split = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in split if line[:1] == ["identity-reconciler"]]


class TestFirstCommand:
    """The first block plans, applies, and then has nothing left to do."""

    def test_as_written(self, here: Path) -> None:
        calls = our_commands(blocks("sh")[0])
        assert [call[0] for call in calls] == ["plan", "apply", "plan"]
        runs = [command(*call, cwd=here) for call in calls]
        assert [run.code for run in runs] == [0, 0, 0]
        assert "No changes." in runs[-1].out


CHANGES = (
    ("users/data.yaml", "title: Data Engineer", "title: Senior Data Engineer"),
    ("groups/company.yaml", "      - li.juan\n", "      - johndoe\n"),
    (
        "groups/company.yaml",
        (
            "    description: Finance department\n"
            "    members:\n      - martha.rivera\n      - paulo.santos\n"
        ),
        "    state: absent\n",
    ),
    ("applications.yaml", "        - finance\n", ""),
)


class TestSample:
    """The plan that the README shows is the plan of the changes it names."""

    def test_is_current(self, applied: Path, golden: Golden) -> None:
        for file, old, new in CHANGES:
            path = applied / "desired-state" / file
            text = path.read_text()
            assert text.count(old) == 1
            path.write_text(text.replace(old, new))
        out = command("plan", "--sandbox", cwd=applied).out
        out = re.sub(r"config  [0-9a-f]{8}", "config  4f2c9e1a", out)
        out = re.sub(r"as of \S+", "as of 2026-03-01T09:00:00Z", out)
        out = re.sub(r"(last changed by .*) at \S+", r"\1 at 2026-02-27T16:30:00Z", out)
        out = re.sub(r"(\d+ requests), [\d.]+ s", r"\1, 0.1 s", out)
        golden.check(ROOT / "tests/golden/readme-plan.txt", out)
        assert out in blocks("text")


class TestYaml:
    """Every YAML block is valid together with its neighbours."""

    @pytest.mark.parametrize("numbers", [(0, 1), (2, 3, 4), (2, 3, 5), (2, 3, 5, 6)])
    def test_loads(self, tmp_path: Path, numbers: tuple[int, ...]) -> None:
        found = blocks("yaml")
        assert len(found) == 7
        for number in numbers:
            name, _, text = found[number].partition("\n")
            path = tmp_path / name.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert load(tmp_path / "desired-state").groups


class TestRecipes:
    """The pipelines of the README plan, apply, and refuse what was overtaken."""

    @pytest.fixture
    def clone(self, applied: Path) -> Path:
        """Return a checkout of a repository whose main changes one title."""
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
        (applied / ".gitignore").write_text(".identity-reconciler\nplan.*\n")
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        for arguments in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "--all"),
            ("commit", "--quiet", "--message", "x"),
            ("remote", "add", "origin", "."),
        ):
            subprocess.run(["git", *who, *arguments], cwd=applied, check=True)
        return applied

    def run(self, clone: Path, script: str, **variables: str) -> str:
        """Run *script* as the runner of a pipeline does; the sandbox stands for AWS."""
        program = f'identity-reconciler() {{ "{sys.executable}" -m identity_reconciler "$@"; }}'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{program}\n{script}"],
            cwd=clone,
            env=environment(IDENTITY_RECONCILER_SANDBOX="1", PYTHONPATH=str(ROOT), **variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_the_shell(self, clone: Path) -> None:
        (script,) = [text for text in blocks("sh") if "digest=" in text]
        assert "Verified: nothing is left to do." in self.run(clone, script)

    def test_gitlab(self, clone: Path) -> None:
        (text,) = [text for text in blocks("yml") if "gitlab" in text]
        # BaseLoader builds nothing but text.
        jobs = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
        scripts = {name: "\n".join(job["script"]) for name, job in jobs.items() if "script" in job}
        assert scripts.keys() == {"validate", "plan", "apply", "drift", "expire"}
        self.run(clone, scripts["validate"])
        self.run(clone, scripts["plan"])
        digest = (clone / "plan.env").read_text().strip().removeprefix("PLAN_DIGEST=")
        variables = {"PLAN_DIGEST": digest, "CI_DEFAULT_BRANCH": "main"}
        told = self.run(clone, scripts["apply"], **variables)
        assert "Verified: nothing is left to do." in told
        assert "No changes." in self.run(clone, scripts["drift"])
        self.run(clone, scripts["expire"])


class TestWorkflow:
    """The workflow that the README shows keeps to the policy of ours."""

    def test_of_the_audit(self) -> None:
        (text,) = [text for text in blocks("yml") if "audit.yml" in text]
        assert offences(text) == set()


class TestCommands:
    """The table of commands lists every command, and only those."""

    def test_is_complete(self, tmp_path: Path) -> None:
        rows = re.findall(
            r"^\| `identity-reconciler ([a-z -]+?)(?: [\[A-Z].*?)?` \|", README, re.MULTILINE
        )
        for row in rows:
            assert command(*row.split(), "--help", cwd=tmp_path).code == 0
        top = command("--help", cwd=tmp_path).out.partition("Commands:")[2].partition("Exit")[0]
        listed = re.findall(r"^  ([a-z-]+)  ", top, re.MULTILINE)
        assert {row.split()[0] for row in rows} == set(listed)


class TestExample:
    """The example of the repository is the one that the tests copy."""

    def test_has_the_seeds(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
        declared = load(tmp_path / "desired-state")
        members = {
            group.name: [one.name for one in group.members or ()] for group in declared.groups
        }
        assert "johndoe" in members["AWS_Data_Science"]
        assert "johndoe" in members["AWS_Applied_Scientists"]
        (redshift,) = [a for a in declared.applications if a.selector.name == "Amazon Redshift"]
        assert [one.name for one in redshift.groups] == ["engineering"]
