"""Every block of the README is what the program does."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from identity_reconciler.desired.loader import load
from tests.command import ROOT, command
from tests.conftest import Golden

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
