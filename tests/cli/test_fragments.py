"""Fragments in `shared/`, which several instances include by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from identity_reconciler.cli.history import commit_of
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import ExitCode, InvalidInputError
from tests.command import command
from tests.fleet import committed, fleet


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the directory of three instances, of which two include the same people."""
    return fleet(tmp_path, 2, 1)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class TestLoading:
    """What an included fragment declares belongs to each instance that includes it."""

    def test_own_files_refer_to_it(self, root: Path) -> None:
        one = load(root / "i00")
        assert [str(user.position) for user in one.users] == [
            "../shared/people.yaml:2:5",
            "../shared/people.yaml:6:5",
        ]
        assert one.files == ("../shared/people.yaml", "data.yaml", "instance.yaml")

    def test_the_digest_covers_it(self, root: Path) -> None:
        before = [load(root / name).digest for name in ("i00", "i01", "i02")]
        change(root / "shared/people.yaml", "Ann,", "Anne,")
        after = [load(root / name).digest for name in ("i00", "i01", "i02")]
        assert [one != two for one, two in zip(before, after, strict=True)] == [True, True, False]

    def test_a_folder_is_one_with_all_its_files(self, root: Path) -> None:
        people = root / "shared/people.yaml"
        (root / "shared/people/north").mkdir(parents=True)
        people.rename(root / "shared/people/north/data.yaml")
        assert str(load(root / "i00").users[0].position) == "../shared/people/north/data.yaml:2:5"

    def test_one_that_nobody_includes_is_not_read(self, root: Path) -> None:
        (root / "shared/other.yaml").write_text("nonsense")
        assert load(root / "i00").users
        run = command("validate", cwd=root.parent)
        assert run.code == 0
        assert "note: shared/other.yaml: no instance includes it" in run.err
        assert "shared" not in command("validate", "desired-state/i00", cwd=root.parent).err

    def test_a_slip_in_its_name_is_told(self, root: Path) -> None:
        change(root / "i00/instance.yaml", "  - people", "  - poeple")
        with pytest.raises(InvalidInputError) as caught:
            load(root / "i00")
        (problem,) = caught.value.problems
        assert str(problem).startswith(
            'instance.yaml:9:5: there is no fragment "poeple"; did you mean "people"?; expected'
        )

    @pytest.mark.parametrize("link", ["shared", "shared/people.yaml", "shared/people"])
    def test_links_are_refused(self, root: Path, link: str) -> None:
        place = root / link
        if link == "shared/people":
            (root.parent / "outside").mkdir()
            place.symlink_to(root.parent / "outside")
        else:
            place.rename(root.parent / "outside")
            place.symlink_to(root.parent / "outside")
        with pytest.raises(InvalidInputError, match="symbolic link"):
            load(root / "i00")

    def test_it_declares_and_does_nothing_else(self, root: Path) -> None:
        change(root / "i00/instance.yaml", "  - people", "  - people\n  - approvals\n  - instance")
        (root / "shared/approvals.yaml").write_text("approvals: []\n")
        (root / "shared/instance.yaml").write_text((root / "i01/instance.yaml").read_text())
        with pytest.raises(InvalidInputError) as caught:
            load(root / "i00")
        files = [problem.position.file for problem in caught.value.problems]
        assert files == ["../shared/approvals.yaml", "../shared/instance.yaml"]


class TestProblems:
    """Stand where the fragment is, once, however many include it."""

    def test_of_all_instances(self, root: Path) -> None:
        change(root / "shared/people.yaml", "email: ann@example.com", "email: ann")
        run = command("validate", "--json", cwd=root.parent)
        assert run.code == ExitCode.INVALID_INPUT
        (problem,) = json.loads(run.out)["problems"]
        assert (problem["file"], problem["line"]) == ("desired-state/shared/people.yaml", 4)

    def test_of_one_in_a_repository(self, root: Path) -> None:
        committed(root.parent)
        change(root / "shared/people.yaml", "email: ann@example.com", "email: ann")
        run = command("validate", "desired-state/i00", "--format", "github", cwd=root.parent)
        assert "file=desired-state/shared/people.yaml,line=4" in run.out
        assert run.err.startswith("../shared/people.yaml:4:12: ")


class TestHistory:
    """A fragment is part of what Git is asked about."""

    def test_a_commit_is_dirty_where_an_included_fragment_is(self, root: Path) -> None:
        committed(root.parent)
        assert "dirty" not in str(commit_of(root / "i00"))
        change(root / "shared/people.yaml", "Ann,", "Anne,")
        (root / "shared/other.yaml").write_text("users: []\n")
        dirty = [str(commit_of(root / name)).endswith("-dirty") for name in ("i00", "i02")]
        assert dirty == [True, False]

    @pytest.mark.parametrize("option", ["--base", "--changed-since"])
    def test_a_plan_of_one_instance_knows_how_it_stood(self, root: Path, option: str) -> None:
        committed(root.parent)
        where = ("desired-state/i00", "--sandbox")
        assert command("apply", *where, "--auto-approve", cwd=root.parent).code == 0
        change(root / "shared/people.yaml", "Ann,", "Anne,")
        run = command("plan", *where, option, "HEAD", "--format", "json", cwd=root.parent)
        assert run.changes() == {("update", "user/ann")}
        assert "planning everything" not in run.err
        assert run.json()["changes"][0]["source"]["file"] == "../shared/people.yaml"


class TestFormatting:
    """Each file is formatted once."""

    def test_a_fragment(self, root: Path) -> None:
        change(root / "shared/people.yaml", "    email: ann", "    email:   ann")
        run = command("fmt", "--check", cwd=root.parent)
        assert (run.code, run.out) == (
            ExitCode.CHANGES,
            "would change desired-state/shared/people.yaml\n",
        )
        run = command("fmt", cwd=root.parent)
        assert run.out == "changed desired-state/shared/people.yaml\n"
        assert "email: ann" in (root / "shared/people.yaml").read_text()


class TestEditing:
    """Changes an entry where it stands, and minds the others who include it."""

    def edit(self, root: Path, *arguments: str) -> tuple[int, str, str]:
        run = command("edit", *arguments, "-C", "desired-state/i00", cwd=root.parent)
        return run.code, run.out, run.err

    def test_tells_who_else_is_changed(self, root: Path) -> None:
        code, out, err = self.edit(root, "set-user", "ann", "--title", "Head")
        assert code == 0, err
        assert "note: what is shared changes for other instances, too: i01\n" in err
        assert "+++ b/desired-state/shared/people.yaml\n" in out
        assert "title: Head" in (root / "shared/people.yaml").read_text()

    def test_what_would_break_another_instance_is_refused(self, root: Path) -> None:
        before = (root / "shared/people.yaml").read_text()
        code, _, err = self.edit(root, "remove-user", "bob", "--forget")
        assert code == ExitCode.INVALID_INPUT
        assert err.startswith("../i01/data.yaml:3:20: ")
        assert (root / "shared/people.yaml").read_text() == before

    def test_what_is_new_is_for_this_instance(self, root: Path) -> None:
        person = ("--email", "cy@example.com", "--given-name", "Cy", "--family-name", "Po")
        code, _, err = self.edit(root, "add-user", "cy", *person)
        assert code == 0, err
        assert "cy" in (root / "i00/users.yaml").read_text()

    def test_unless_somebody_says_otherwise(self, root: Path) -> None:
        person = ("--email", "cy@example.com", "--given-name", "Cy", "--family-name", "Po")
        file = ("--file", "../shared/people.yaml")
        assert self.edit(root, "add-user", "cy", *person, *file)[0] == 0
        assert [user.name for user in load(root / "i01").users] == ["ann", "bob", "cy"]
        file = ("--file", "../shared/other.yaml")
        assert self.edit(root, "add-user", "dy", *person, *file)[0] == ExitCode.INVALID_INPUT
