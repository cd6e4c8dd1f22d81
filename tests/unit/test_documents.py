"""What the documents say is true as far as a test can tell; their commands run in `tests/cli`."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest
import typer
import yaml
from typer.core import TyperCommand, TyperGroup

from identity_reconciler.cli.app import app
from identity_reconciler.core.approvals import check_approvals
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.guard_settings import GuardId, Policies
from identity_reconciler.core.policies import policy_problems
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import EXIT_CODES
from tests.command import ROOT
from tests.documents import BLOCKS, CONTRIBUTING, DOCUMENTS, README, Block, Document, guide, read
from tests.workflows.policy import offences

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GUIDE_TO_YAML = DOCUMENTS["desired-state/README.md"]


class TestReading:
    """A document is read as GitHub shows it."""

    DOCUMENT = read(
        "x.md",
        "# One `two`, three!\n1. item\n\n   ```sh\n   a > b\n   ```\n\n"
        "[l](y.md#z) and `c`\n\n| h | i |\n|---|---|\n| `p\\|q` | r |\n\n    indented\n",
    )

    def test_code(self) -> None:
        assert self.DOCUMENT.blocks == (
            Block("x.md", "sh", "a > b\n"),
            Block("x.md", "", "indented\n"),
        )
        assert self.DOCUMENT.spans == ("two", "c", "p|q")
        assert self.DOCUMENT.code("sh") == ["a > b\n"]

    def test_the_rest(self) -> None:
        assert self.DOCUMENT.links == ("y.md#z",)
        assert self.DOCUMENT.anchors == {"one-two-three"}
        assert self.DOCUMENT.rows == (("h", "i"), ("p|q", "r"))


class TestLength:
    """The README is one page."""

    def test_lines(self) -> None:
        assert README.text.count("\n") <= 150

    def test_words(self) -> None:
        assert len(README.text.split()) <= 1000


class TestLinks:
    """Every link leads somewhere."""

    @staticmethod
    def broken(document: Document) -> Iterator[str]:
        """Yield the links of *document* that name no file, or no heading in it."""
        for link in document.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = ((ROOT / document.path).parent / parts.path).resolve()
            linked = DOCUMENTS.get(target.relative_to(ROOT).as_posix()) if parts.path else document
            anchors = linked.anchors if linked else frozenset[str]()
            if not target.exists() or (parts.fragment and parts.fragment not in anchors):
                yield link

    @pytest.mark.parametrize("path", DOCUMENTS)
    def test_none_is_broken(self, path: str) -> None:
        assert list(self.broken(DOCUMENTS[path])) == []

    @pytest.mark.parametrize("link", ["absent.md", "README.md#absent", "#absent", "LICENSE#a"])
    def test_a_broken_one_is_found(self, link: str) -> None:
        assert list(self.broken(read("x.md", f"# Here\n[a]({link}) [b](#here)"))) == [link]

    def test_every_document_can_be_reached(self) -> None:
        """From the README, link by link."""
        reached, left = set[str](), [README.path]
        while left:
            path = left.pop()
            if path in reached or path not in DOCUMENTS:
                continue
            reached.add(path)
            folder = (ROOT / path).parent
            targets = (folder / urlsplit(link).path for link in DOCUMENTS[path].links)
            left += [
                target.resolve().relative_to(ROOT).as_posix()
                for target in targets
                if target.exists()
            ]
        assert reached == set(DOCUMENTS)


class TestPackaging:
    """The source distribution, which has the tests, has the documents too."""

    @pytest.mark.parametrize("path", DOCUMENTS)
    def test_has(self, path: str) -> None:
        included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
        assert PurePosixPath(path).parts[0] in included

    def test_what_is_installed_exists(self) -> None:
        extras = PROJECT["project"]["optional-dependencies"]
        named = {
            extra
            for document in DOCUMENTS.values()
            for extra in re.findall(
                r"pip install .*'(?:\.|identity-reconciler)\[(.+?)\]'", document.text
            )
        }
        assert {"sandbox", "dev"} <= named <= set(extras)


class TestEveryBlock:
    """No block of code is there that nothing tests."""

    def test_has_a_language_that_is_tested(self) -> None:
        # A mermaid block is a picture: GitHub draws it, and nothing here can tell whether it does.
        tested = {"dockerfile", "hcl", "python", "sh", "sql", "yaml", "yml", "text"}
        assert {block.language for block in BLOCKS} == tested | {"mermaid"}


@dataclass(frozen=True)
class File:
    """A YAML block: a file with its name in the first line."""

    document: str
    name: str
    text: str

    def __str__(self) -> str:
        """Return what a test is called by."""
        return f"{self.document}: {self.name}"


def files(language: str) -> list[File]:
    """Return the blocks of *language*, each a file.

    Raises:
        ValueError: One does not begin with a comment that names it.
    """
    found = []
    for block in BLOCKS:
        if block.language == language:
            first, _, text = block.text.partition("\n")
            if not re.fullmatch(r"# \S+\.ya?ml", first):
                raise ValueError(f"{block} is not a file with its name in the first line")
            found.append(File(block.document, first.removeprefix("# "), text))
    return found


class TestYaml:
    """Every YAML block is valid, together with those around it."""

    @pytest.mark.parametrize("file", files("yaml"), ids=str)
    def test_loads(self, tmp_path: Path, file: File) -> None:
        around = [other for other in files("yaml") if other.document == file.document]
        for each in (*around, file):
            path = tmp_path / each.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(each.text, encoding="utf-8")
        (settings,) = tmp_path.rglob("instance.yaml")
        assert load(settings.parent).groups

    @pytest.fixture
    def declared(self, tmp_path: Path) -> Declared:
        """Return what the guide to the YAML declares."""
        for file in files("yaml"):
            if file.document == GUIDE_TO_YAML.path:
                (tmp_path / file.name).parent.mkdir(exist_ok=True)
                (tmp_path / file.name).write_text(file.text, encoding="utf-8")
        return load(tmp_path)

    def test_the_guide_shows_everything(self, declared: Declared) -> None:
        assert len(declared.files) == len(GUIDE_TO_YAML.code("yaml"))
        assert (len(declared.users), len(declared.groups), len(declared.applications)) == (4, 7, 2)
        assert declared.settings.guards.protected.groups == ("break-glass",)

    def test_the_approvals_are_in_order_on_their_day(self, declared: Declared) -> None:
        assert check_approvals(declared.approvals, datetime(2026, 3, 2, tzinfo=UTC)) == ()
        assert len(declared.approvals) == 2

    def test_the_policies_are_kept(self, declared: Declared) -> None:
        assert Policies() != declared.settings.guards.policies
        assert policy_problems(declared, datetime(2026, 3, 2, tzinfo=UTC)) == ()


class TestPipelines:
    """Every workflow keeps to the policy of ours; what is for GitLab is run in `tests/cli`."""

    @pytest.mark.parametrize("file", files("yml"), ids=str)
    def test_is_in_order(self, file: File) -> None:
        if file.name == ".gitlab-ci.yml":
            assert set(yaml.safe_load(file.text)["stages"]) == {"plan", "apply"}
        else:
            assert PurePosixPath(file.name).parent == PurePosixPath(".github/workflows")
            assert offences(file.text) == set()


class _Commands:
    """The commands of the program, as the command line has them."""

    def __init__(self) -> None:
        top = typer.main.get_group(app)
        self.options = {path: set(options) for path, options in self._walk((), top)}
        """The options of every command by its path, groups of commands without their commands'."""

    def _walk(
        self, path: tuple[str, ...], command: TyperGroup | TyperCommand
    ) -> Iterator[tuple[tuple[str, ...], list[str]]]:
        options = (
            name for given in command.params for name in (*given.opts, *given.secondary_opts)
        )
        yield path, ["--help", *options]
        if isinstance(command, TyperGroup):
            for name, below in command.commands.items():
                assert isinstance(below, TyperGroup | TyperCommand)
                yield from self._walk((*path, name), below)

    @property
    def leaves(self) -> set[tuple[str, ...]]:
        """The commands that do something."""
        return {
            path
            for path in self.options
            if not any(other[:-1] == path for other in self.options if other)
        }

    def objections(self, code: str) -> list[str]:
        """Return what no command knows in *code*, which may be about something else."""
        words = shlex.split(code.replace("\\|", "|"))
        ours = words[:1] == ["identity-reconciler"]
        words = words[1:] if ours else words
        path: tuple[str, ...] = ()
        while words and (*path, words[0]) in self.options:
            path = (*path, words.pop(0))
        if not path:
            return words[:1] if ours and not words[:1] <= ["--version"] else []
        known = self.options[path] | ({"--sandbox"} if path not in self.leaves else set())
        return [
            word for word in words if word.startswith("--") and word.partition("=")[0] not in known
        ]


COMMANDS = _Commands()


class TestCommands:
    """What is said of commands agrees with the command line."""

    ROWS = tuple(row for row in guide("commands").rows if row[0].startswith("identity-reconciler "))

    def path(self, cell: str) -> tuple[str, ...]:
        return tuple(re.findall(r"(?<= )[a-z][a-z-]+(?= |$)", cell))

    def test_every_command_has_a_row(self) -> None:
        assert {self.path(row[0]) for row in self.ROWS} == COMMANDS.leaves

    def test_the_options_in_a_row_are_those_of_its_command(self) -> None:
        for command, _, said in self.ROWS:
            unknown = set(re.findall(r"--[a-z-]+", said)) - COMMANDS.options[self.path(command)]
            assert unknown == set(), command

    def test_the_readme_names_ten(self) -> None:
        rows = [row for row in README.rows if (row[1],) in COMMANDS.options]
        assert len(rows) == 10
        assert [row[0] for row in rows if row[0]] == ["author", "review and apply", "look"]

    @pytest.mark.parametrize("path", DOCUMENTS)
    def test_no_command_or_option_is_made_up(self, path: str) -> None:
        objections = {
            span: unknown
            for span in DOCUMENTS[path].spans
            if (unknown := COMMANDS.objections(span))
        }
        assert objections == {}

    @pytest.mark.parametrize(
        ("code", "unknown"),
        [
            ("identity-reconciler paln", ["paln"]),
            ("identity-reconciler plan --basis x", ["--basis"]),
            ("plan --basis x --base=y", ["--basis"]),
            ("edit add-user x --group y --grup z", ["--grup"]),
            ("aws sso login --profile x", []),
        ],
    )
    def test_what_is_made_up_is_found(self, code: str, unknown: list[str]) -> None:
        assert COMMANDS.objections(code) == unknown


class TestTables:
    """Tables that repeat what the program knows agree with it."""

    def test_exit_codes(self) -> None:
        expected = [(str(row.code.value), row.meaning, row.written) for row in EXIT_CODES]
        assert [row for row in guide("commands").rows if row[0].isdecimal()] == expected

    def test_guards(self) -> None:
        named = [name for row in GUIDE_TO_YAML.rows for name in row[0].split(", ")]
        assert set(named) >= {guard.value for guard in GuardId}


class TestWhereIsWhat:
    """A newcomer is sent to what is there."""

    PACKAGE = ROOT / "identity_reconciler"

    def test_paths_exist(self) -> None:
        paths = [
            span for span in CONTRIBUTING.spans if re.fullmatch(r"[\w.-]*/[\w./-]*|\w+\.py", span)
        ]
        assert len(paths) > 50
        gone = [p for p in paths if not (ROOT / p).exists() and not (self.PACKAGE / p).exists()]
        assert gone == []

    def test_every_package_is_told(self) -> None:
        there = {
            path.name for path in self.PACKAGE.iterdir() if not path.name.startswith(("_", "py"))
        }
        assert {row[0].rstrip("/") for row in CONTRIBUTING.rows} >= there


class TestDevelopment:
    """What a developer is told to run is what CI runs."""

    CI = tuple(
        # CI also says what the tests cost.
        line.removeprefix("time ").removesuffix(" --durations=15")
        for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    )

    def test_the_commands_while_working(self) -> None:
        make, lines = CONTRIBUTING.code("sh")[0], CONTRIBUTING.code("sh")[1].splitlines()
        assert make.splitlines()[-1] == ".ci/run"
        assert [line for line in self.CI if line in lines] == lines

    def test_the_command_of_the_readme(self) -> None:
        tests = README.code("sh")[-1].rpartition(".venv/bin/")[2].strip()
        assert tests == self.CI[-1]
