"""A directory of desired state is no Git repository of its own, and what is read is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.desired.reading.files import is_read, read_files

CONFIG = "[core]\nfsmonitor = ./program\n"


def _write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(CONFIG)


class TestRepositories:
    """What Git would take for a repository is refused, at its HEAD."""

    @pytest.mark.parametrize(
        ("paths", "place"),
        [
            (("HEAD", "config", "objects/.keep", "refs/.keep"), "HEAD"),
            (("head", "OBJECTS/.keep", "Refs/.keep"), "HEAD"),
            (("HEAD", "commondir", "config"), "HEAD"),
            (("teams/data/HEAD", "teams/data/objects/a", "teams/data/refs/b"), "teams/data/HEAD"),
        ],
    )
    def test_are_refused(self, tmp_path: Path, paths: tuple[str, ...], place: str) -> None:
        _write(tmp_path, "users.yaml", *paths)
        (problem,) = read_files(tmp_path).problems
        assert str(problem).startswith(f"{place}:1:1: with HEAD, objects and refs")
        assert str(problem).endswith("remove these files")

    @pytest.mark.parametrize(
        "paths", [("HEAD",), ("objects/a", "refs/b"), ("HEAD", "objects/a"), ("commondir",)]
    )
    def test_less_than_that_is_none(self, tmp_path: Path, paths: tuple[str, ...]) -> None:
        _write(tmp_path, *paths)
        assert read_files(tmp_path).problems == []


class TestIsRead:
    """Says by its name whether a file is read."""

    @pytest.mark.parametrize(
        ("path", "read"),
        [
            ("users.yaml", True),
            ("a/b/c.yaml", True),
            ("users.yml", False),
            ("users.YAML", False),
            ("README.md", False),
            (".hidden.yaml", False),
            (".hidden/users.yaml", False),
            ("a/.b/users.yaml", False),
        ],
    )
    def test_agrees_with_the_reader(self, tmp_path: Path, path: str, *, read: bool) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("users: []\n")
        assert is_read(path) is read
        assert (path in read_files(tmp_path).contents) is read
