"""Git answers about the enclosing work tree, and runs nothing that a commit or its config names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from identity_reconciler.cli.history import ancestry, commit_of, head_of, repository_prefix, tree_at
from identity_reconciler.errors import UsageError

YAML = b"users: []\n"


def git(top: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=top, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class World:
    """A repository with one committed YAML file, and a program that leaves a mark when it runs."""

    def __init__(self, top: Path) -> None:
        self.top = top / "work tree"
        self.directory = self.top / "desired-state"
        self.mark = top / "mark"
        self.program = top / "program"
        self.directory.mkdir(parents=True)
        (self.directory / "users.yaml").write_bytes(YAML)
        self.program.write_text(f"#!/bin/sh\ntouch '{self.mark}'\n")
        self.program.chmod(0o755)
        git(self.top, "init", "-q", "-b", "main")
        self.commit()

    def commit(self) -> None:
        git(self.top, "add", "--all", "--force")
        git(self.top, "commit", "-q", "--no-verify", "-m", "x")

    @property
    def head(self) -> str:
        return git(self.top, "rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _read(directory: Path) -> dict[str, bytes]:
    with tree_at(directory, "HEAD") as tree:
        return {
            str(path.relative_to(tree)): path.read_bytes()
            for path in tree.rglob("*")
            if path.is_file()
        }


def embedded_repository(world: World) -> None:
    world.write("HEAD", "ref: refs/heads/main\n")
    settings = f"[core]\nfsmonitor = {world.program}\nbare = false\nworktree = .\n"
    world.write("config", settings)
    world.write("objects/.keep", "")
    world.write("refs/.keep", "")
    world.commit()


def embedded_common_directory(world: World) -> None:
    world.write("HEAD", "ref: refs/heads/main\n")
    world.write("commondir", "store\n")
    world.write("store/objects/.keep", "")
    world.write("store/refs/.keep", "")
    world.write("store/config", f"[core]\nfsmonitor = {world.program}\nbare = false\n")
    world.commit()


def filters(world: World) -> None:
    world.write(".gitattributes", "*.yaml filter=x diff=x\n")
    world.commit()
    for key in ("filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv"):
        git(world.top, "config", key, str(world.program))
    git(world.top, "config", "diff.x.command", str(world.program))
    (world.directory / "users.yaml").touch()


def programs_of_the_config(world: World) -> None:
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.sshCommand", "core.editor"):
        git(world.top, "config", key, str(world.program))
    (world.directory / "users.yaml").touch()


def hooks(world: World) -> None:
    for name in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor"):
        hook = world.top / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(world.program.read_text())
        hook.chmod(0o755)
    (world.directory / "users.yaml").touch()


def git_in_the_work_tree(world: World) -> None:
    (world.top / "bin").mkdir()
    (world.top / "bin" / "git").write_text(world.program.read_text())
    (world.top / "bin" / "git").chmod(0o755)
    world.commit()


ATTACKS = [
    embedded_repository,
    embedded_common_directory,
    filters,
    programs_of_the_config,
    hooks,
    git_in_the_work_tree,
]


@pytest.mark.parametrize("attack", ATTACKS)
class TestPrograms:
    """Nothing that the repository names is run, and the answers are those of the work tree."""

    def test_are_not_run(
        self, world: World, attack: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attack(world)
        world.mark.unlink(missing_ok=True)
        paths = [str(world.top / "bin"), "bin", ".", os.environ["PATH"]]
        monkeypatch.setenv("PATH", os.pathsep.join(paths))
        monkeypatch.chdir(world.top)
        answers = (
            commit_of(world.directory),
            head_of(world.directory),
            repository_prefix(world.directory),
            _read(world.directory)["users.yaml"],
        )
        assert not world.mark.exists()
        monkeypatch.undo()
        assert answers == (world.head, world.head, "desired-state/", YAML)


class TestFetching:
    """What is missing is not fetched by a program that the config names; it is told."""

    def test_a_partial_clone(self, world: World) -> None:
        missing = git(world.top, "rev-parse", "HEAD:desired-state/users.yaml")
        (world.top / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
        for key, value in {
            "core.repositoryFormatVersion": "1",
            "extensions.partialClone": "origin",
            "remote.origin.url": str(world.top / "elsewhere"),
            "remote.origin.promisor": "true",
            "remote.origin.uploadpack": str(world.program),
        }.items():
            git(world.top, "config", key, value)
        with pytest.raises(UsageError, match="fetch the whole history"):
            _read(world.directory)
        assert not world.mark.exists()


class TestEnvironment:
    """No variable leads Git elsewhere."""

    def test_another_repository(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = World(tmp_path / "other")
        (other.directory / "users.yaml").write_text("other")
        other.commit()
        monkeypatch.setenv("GIT_DIR", str(other.top / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(other.top))
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(world.program))
        answers = (commit_of(world.directory), _read(world.directory))
        monkeypatch.undo()
        assert answers == (world.head, {"users.yaml": YAML})
        assert not world.mark.exists()

    def test_replaced_objects_are_not_what_was_committed(self, world: World) -> None:
        was = world.head
        (world.directory / "users.yaml").write_text("forged")
        world.commit()
        git(world.top, "replace", "--force", was, world.head)
        with tree_at(world.directory, was) as tree:
            assert (tree / "users.yaml").read_bytes() == YAML


class TestCommit:
    """Is dirty exactly when a YAML file is not as committed."""

    def test_as_committed(self, world: World) -> None:
        assert commit_of(world.directory) == world.head

    def test_changed(self, world: World) -> None:
        world.write("users.yaml", "users: [x]\n")
        assert commit_of(world.directory) == f"{world.head}-dirty"

    def test_new(self, world: World) -> None:
        world.write("teams/new.yaml", "groups: []\n")
        assert commit_of(world.directory) == f"{world.head}-dirty"

    def test_new_and_ignored_by_git(self, world: World) -> None:
        world.write(".gitignore", "*.yaml\n")
        world.write("new.yaml", "groups: []\n")
        assert commit_of(world.directory) == f"{world.head}-dirty"

    def test_missing(self, world: World) -> None:
        (world.directory / "users.yaml").unlink()
        assert commit_of(world.directory) == f"{world.head}-dirty"

    def test_what_is_not_read_does_not_count(self, world: World) -> None:
        world.write("README.md", "changed")
        world.write(".hidden/new.yaml", "changed")
        (world.top / "elsewhere.yaml").write_text("changed")
        assert commit_of(world.directory) == world.head

    def test_line_ends_of_another_system(self, world: World) -> None:
        (world.directory / "users.yaml").write_bytes(YAML.replace(b"\n", b"\r\n"))
        assert commit_of(world.directory) == world.head

    def test_a_subdirectory_with_a_name_that_git_could_take_for_a_pattern(
        self, world: World
    ) -> None:
        world.write("*/users.yaml", "users: []\n")
        world.write("a/users.yaml", "users: []\n")
        world.commit()
        assert commit_of(world.directory / "*") == world.head
        world.write("a/users.yaml", "users: [x]\n")
        assert commit_of(world.directory / "*") == world.head

    def test_objects_named_by_sha256(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_bytes(YAML)
        git(tmp_path, "init", "-q", "--object-format=sha256")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-qm", "x")
        assert commit_of(tmp_path) == git(tmp_path, "rev-parse", "HEAD")

    def test_a_linked_work_tree(self, world: World, tmp_path: Path) -> None:
        git(world.top, "worktree", "add", "-q", str(tmp_path / "linked"))
        assert commit_of(tmp_path / "linked" / "desired-state") == world.head

    def test_the_top_itself(self, world: World) -> None:
        assert commit_of(world.top) == world.head
        assert repository_prefix(world.top) == ""
        assert _read(world.top) == {"desired-state/users.yaml": YAML}


class TestNoRepository:
    """Nothing is guessed where there is none."""

    def test_no_git_around(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert (commit_of(tmp_path), head_of(tmp_path), repository_prefix(tmp_path)) == (
            None,
            None,
            "",
        )
        with pytest.raises(UsageError, match="Git knows no such commit"):
            _read(tmp_path)

    def test_a_bare_repository_is_none(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "-q", "--bare")
        assert head_of(tmp_path) is None

    def test_a_broken_one_does_not_lead_to_one_further_up(self, world: World) -> None:
        (world.directory / ".git").mkdir()
        assert head_of(world.directory) is None


class TestAncestry:
    """Git says what descends from what, and not what it cannot know."""

    def test_of_two_that_are_here(self, world: World) -> None:
        first = world.head
        git(world.top, "commit", "-q", "--allow-empty", "-m", "y")
        second = world.head
        git(world.top, "checkout", "-q", "-b", "side", first)
        git(world.top, "commit", "-q", "--allow-empty", "-m", "z")
        side = world.head
        git(world.top, "merge", "-q", "--no-edit", second)
        descends = ancestry(world.directory)
        assert descends(first, second) is descends(side, world.head) is True
        assert descends(second, world.head) is descends(first, first) is True
        assert descends(second, first) is descends(second, side) is False

    @pytest.mark.parametrize("other", ["0" * 40, "HEAD", "main", "--all", "", "HEAD~0"])
    def test_of_what_is_no_commit_here(self, world: World, other: str) -> None:
        descends = ancestry(world.directory)
        assert descends(other, world.head) is None
        assert descends(world.head, other) is None

    def test_where_history_ends_too_early(self, world: World, tmp_path: Path) -> None:
        """Both are here, and what is between them is not."""
        first = world.head
        for _ in range(3):
            git(world.top, "commit", "-q", "--allow-empty", "-m", "y")
        head, origin = world.head, world.top.as_uri()
        shallow = tmp_path / "shallow"
        shallow.mkdir()
        git(shallow, "init", "-q")
        git(world.top, "config", "uploadpack.allowAnySHA1InWant", "true")
        for one in (first, head):
            git(shallow, "fetch", "-q", "--depth=1", origin, one)
        assert ancestry(shallow)(first, head) is None
        git(shallow, "fetch", "-q", "--unshallow", origin, head)
        assert ancestry(shallow)(first, head) is True

    def test_without_git(self, tmp_path: Path) -> None:
        assert ancestry(tmp_path)("0" * 40, "1" * 40) is None
