"""`plan --matrix`: which instances a change touches, told without AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from tests.command import command
from tests.fleet import committed, fleet


def matrix(root: Path, *arguments: str) -> list[str]:
    """Return the names of the instances that are printed."""
    run = command("plan", "--matrix", *arguments, cwd=root.parent)
    assert run.code == 0, run.err
    return [one["instance"] for one in json.loads(run.out)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return three instances, of which two include the same people, as committed."""
    root = fleet(tmp_path, 2, 1)
    committed(tmp_path)
    return root


class TestMatrix:
    """Names the instances whose own files or included fragments are others than before."""

    def test_without_a_revision_all(self, root: Path) -> None:
        run = command("plan", "--matrix", cwd=root.parent)
        assert run.out.count("\n") == 1
        assert json.loads(run.out)[0] == {"instance": "i00", "directory": "desired-state/i00"}
        assert matrix(root) == ["i00", "i01", "i02"]

    @pytest.mark.parametrize("option", ["--changed-since", "--base"])
    def test_a_fragment_touches_who_includes_it(self, root: Path, option: str) -> None:
        assert matrix(root, option, "HEAD") == []
        people = root / "shared/people.yaml"
        people.write_text(people.read_text().replace("Ann,", "Anne,"))
        assert matrix(root, option, "HEAD") == ["i00", "i01"]
        assert matrix(root, option, "HEAD", "desired-state/i02") == []
        assert matrix(root, option, "HEAD", "desired-state/i01") == ["i01"]

    def test_own_files_touch_one(self, root: Path) -> None:
        (root / "i02/more.yaml").write_text("users: []\n")
        (root / "i01/README.md").write_text("nothing that is read")
        (root / "shared/other.yaml").write_text("users: []\n")
        assert matrix(root, "--changed-since", "HEAD") == ["i02"]

    def test_a_fragment_becomes_a_folder_or_goes(self, root: Path) -> None:
        (root / "shared/people").mkdir()
        (root / "shared/people/more.yaml").write_text("users: []\n")
        assert matrix(root, "--changed-since", "HEAD") == ["i00", "i01"]
        committed(root.parent)
        (root / "shared/people/more.yaml").unlink()
        assert matrix(root, "--changed-since", "HEAD") == ["i00", "i01"]

    def test_what_is_broken_is_for_its_own_job(self, root: Path) -> None:
        (root / "i02/instance.yaml").write_text("nonsense")
        assert matrix(root, "--changed-since", "HEAD") == ["i02"]

    def test_new_and_gone(self, root: Path) -> None:
        (root / "i02").rename(root / "i03")
        run = command("plan", "--matrix", "--changed-since", "HEAD", cwd=root.parent)
        assert [one["instance"] for one in json.loads(run.out)] == ["i03"]
        assert 'note: "i02" was an instance at HEAD and is none now' in run.err

    def test_a_name_that_could_steer_a_workflow_is_refused(self, root: Path) -> None:
        (root / "i02").rename(root / "$(id)")
        run = command("plan", "--matrix", cwd=root.parent)
        assert run.code == ExitCode.INVALID_INPUT
        assert 'error: "$(id)" is to be the name of jobs' in run.err

    def test_an_unknown_revision(self, root: Path) -> None:
        run = command("plan", "--matrix", "--base", "nowhere", cwd=root.parent)
        assert run.code == ExitCode.INVALID_INPUT
        assert "nowhere: Git knows no such commit" in run.err
