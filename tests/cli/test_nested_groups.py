"""`edit`, `explain`, `review` and plans where groups include others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from identity_reconciler.desired.reading.loader import load
from identity_reconciler.sandbox import Sandbox
from tests.cli.test_base import git
from tests.cli.test_edit import SETTINGS, changed, edit
from tests.command import command

FILE = """\
users:
  - {user_name: ann, name: {given_name: A, family_name: B}, email: a@example.com}
  - {user_name: bob, name: {given_name: A, family_name: B}, email: b@example.com}
  - {user_name: eve, name: {given_name: A, family_name: B}, email: e@example.com}
groups:
  - name: core
    members: [ann, bob] # two
  - name: all
    include:
      - core # whoever
    exclude: [bob]
    members: [eve]
  - name: both
    include: [core, other]
    members: [ann]
  - name: other
    state: external
  - name: only
    include: [core]
    exclude: [ann]
"""
EDITS = {
    "a member who is included": (
        ("remove-member", "all", "ann", "--exclude"),
        ["-    exclude: [bob]", "+    exclude: [ann, bob]"],
        "",
    ),
    "a member who is listed and included": (
        ("remove-member", "both", "ann"),
        ["-    members: [ann]", "+    members: []"],
        "note: user/ann stays in group/both via core (all.yaml:7:15); `edit remove-member",
    ),
    "and that too": (
        ("remove-member", "both", "ann", "--exclude"),
        ["-    members: [ann]", "+    members: []", "+    exclude:", "+      - ann"],
        "",
    ),
    "who may be in it by what only AWS knows": (
        ("remove-member", "both", "eve", "--exclude"),
        ["+    exclude:", "+      - eve"],
        "",
    ),
    "a member who is excluded": (
        ("add-member", "all", "bob"),
        ["-    exclude: [bob]"],
        "note: user/bob was excluded, and is in group/all via core (all.yaml:7:20) from now on",
    ),
    "a member who is included already": (
        ("add-member", "all", "ann", "--reason", "T-1"),
        ["-    members: [eve]", "+    members: [{user: ann, reason: T-1}, eve]"],
        "note: user/ann is in group/all already, via core (all.yaml:7:15); listed, they stay",
    ),
    "the first who is listed": (
        ("add-member", "only", "eve"),
        ["+    members:", "+      - eve"],
        "",
    ),
    "a group that others include": (
        ("remove-group", "core"),
        [
            "-    members: [ann, bob] # two",
            "+    state: absent",
            "-    include:",
            "-      - core # whoever",
            "-    exclude: [bob]",
            "-    include: [core, other]",
            "+    include: [other]",
            "-    include: [core]",
            "-    exclude: [ann]",
            "+    members: []",
        ],
        "",
    ),
    "a group that includes": (
        ("remove-group", "all"),
        [
            "-    include:",
            "-      - core # whoever",
            "-    exclude: [bob]",
            "-    members: [eve]",
            "+    state: absent",
        ],
        "",
    ),
}
REFUSED = {
    ("remove-member", "all", "ann"): (
        "user/ann is not listed in group/all, and is in it via core (all.yaml:7:15): take them out "
        "there, or leave them out of this group alone with --exclude"
    ),
    ("remove-member", "both", "eve"): (
        "user/eve is not listed in group/both, unless by what only AWS knows; then --exclude "
        "leaves them out"
    ),
    ("remove-member", "only", "eve", "--exclude"): (
        "user/eve is not in group/only, so nothing is to exclude"
    ),
    ("remove-member", "core", "eve"): "user/eve is not listed in group/core\n",
    ("remove-member", "all", "bob", "--exclude"): (
        "user/bob is not in group/all, so nothing is to exclude"
    ),
}


def by_other_hands(database: Path) -> None:
    """Make the group `other` with ida in it, past the YAML."""
    with Sandbox(database) as sandbox:
        store = sandbox.session().client("identitystore")
        user = store.create_user(
            IdentityStoreId="d-1234567890",
            UserName="ida",
            DisplayName="Ida",
            Name={"GivenName": "I", "FamilyName": "D"},
            Emails=[{"Value": "i@example.com", "Primary": True}],
        )["UserId"]
        group = store.create_group(IdentityStoreId="d-1234567890", DisplayName="other")
        store.create_group_membership(
            IdentityStoreId="d-1234567890",
            GroupId=group["GroupId"],
            MemberId={"UserId": user},
        )


@pytest.fixture
def work(tmp_path: Path) -> Path:
    directory = tmp_path / "desired-state"
    directory.mkdir()
    (directory / "instance.yaml").write_text(SETTINGS)
    (directory / "all.yaml").write_text(FILE)
    return tmp_path


class TestEdits:
    """What is changed is where somebody comes from, and where else they do is said."""

    @pytest.mark.parametrize("name", EDITS)
    def test_difference(self, work: Path, name: str) -> None:
        arguments, lines, note = EDITS[name]
        run = edit(work, *arguments)
        assert run.code == 0, run.err
        assert changed(run) == lines
        assert note in run.err
        assert ("note:" in run.err) == bool(note)
        load(work / "desired-state")

    @pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
    def test_refused(self, work: Path, arguments: tuple[str, ...]) -> None:
        run = edit(work, *arguments)
        assert (run.code, run.out) == (3, "")
        assert REFUSED[arguments] in run.err

    def test_who_leaves_is_excluded_nowhere(self, work: Path) -> None:
        run = edit(work, "leave", "bob")
        assert run.code == 0, run.err
        assert "-    exclude: [bob]" in changed(run)
        load(work / "desired-state")


class TestLooking:
    """Where members come from is told wherever they are."""

    def test_explain(self, work: Path) -> None:
        run = command("explain", "group/all", cwd=work)
        assert run.out.splitlines() == [
            "group/all is declared at all.yaml:8:5, to be there",
            "  includes group/core (all.yaml:10:9)",
            "  excludes user/bob (all.yaml:11:15)",
            "  has member user/eve (all.yaml:12:15)",
            "  has member user/ann (all.yaml:7:15, via core)",
        ]
        core = command("explain", "group/core", cwd=work).out
        assert "  included in group/both (all.yaml:14:15)\n" in core
        assert "user/ann (all.yaml:7:15, via core)" not in core
        both = command("explain", "group/both", cwd=work).out
        told = 'has more members, perhaps: who is in group "other", only AWS knows (all.yaml:14:21)'
        assert told in both

    @pytest.mark.parametrize(
        ("arguments", "name", "expected"),
        [
            (("members", "all"), "user_name", {"ann": "core", "eve": ""}),
            (("memberships", "ann"), "group", {"all": "core", "both": "", "core": ""}),
        ],
    )
    def test_an_audit(
        self, work: Path, arguments: tuple[str, ...], name: str, expected: dict[str, str]
    ) -> None:
        run = command("audit", *arguments, "--desired", "--format", "csv", cwd=work)
        rows = csv.DictReader(run.out.splitlines())
        assert {row[name]: row["via"] for row in rows} == expected

    def test_a_plan_with_what_only_aws_knows(self, work: Path) -> None:
        """Its members are read; where it is not there, nobody is taken out for that."""
        database = work / ".identity-reconciler/sandbox.sqlite3"
        first = command("plan", "--sandbox", "--format", "json", cwd=work)
        (missing, told) = first.json()["unresolved"]
        assert 'group "other" is unresolved' in missing["message"]
        assert 'group "other" is only referred to here' in told["message"]
        by_other_hands(database)
        plan = command("plan", "--sandbox", "--format", "json", cwd=work).json()
        (link,) = [one for one in plan["changes"] if one["address"] == "membership/both/ida"]
        assert (link["action"], link["via"]) == ("create", ["other"])
        assert link["source"]["line"] == 14

    @pytest.mark.parametrize("option", ["--base", "--changed-since"])
    def test_what_is_included_no_more_is_not_pending(self, work: Path, option: str) -> None:
        """Who was in the group that was included is read, though it is none of ours any more."""
        database = work / ".identity-reconciler/sandbox.sqlite3"
        command("plan", "--sandbox", cwd=work)
        by_other_hands(database)
        assert command("apply", "--sandbox", "--auto-approve", cwd=work).code == 0
        git(work, "init", "-q")
        git(work, "add", "desired-state")
        git(work, "commit", "-qm", "x")
        path = work / "desired-state/all.yaml"
        path.write_text(FILE.replace("include: [core, other]", "include: [core]"))
        run = command("plan", "--sandbox", option, "HEAD", "--format", "json", cwd=work)
        why = "who is to be in a group that is touched is known only with all that is live"
        assert (why in run.err) == (option == "--changed-since")
        plan = run.json()
        (gone,) = plan["changes"]
        assert (gone["address"], gone["action"]) == ("membership/both/ida", "delete")
        assert gone["pending"] is False

    def test_a_review_tells_the_way_and_excludes(self, work: Path) -> None:
        path = work / "desired-state/all.yaml"
        terms = "    owners: [ann]\n    review: {every: 1 year}\n"
        path.write_text(FILE.replace("  - name: only\n", f"  - name: only\n{terms}"))
        run = command("review", "start", "only", cwd=work)
        sheet = work / run.out.strip()
        text = sheet.read_text()
        assert "## `user/bob`\n\nin it via `core`\n" in text
        assert "user/ann`\n" not in text.partition("## ")[2]
        sheet.write_text(text.replace("[ ] remove", "[x] remove"))
        run = command("review", "finish", run.out.strip(), "--by", "ann", cwd=work)
        assert run.code == 0, run.err
        assert "    exclude: [ann, bob]\n" in path.read_text()
