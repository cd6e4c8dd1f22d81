"""`edit`, as a process: the difference is exactly the intended lines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import ExitCode
from tests.command import Run, command, launcher

SETTINGS = """\
instance:
  name: main
  region: eu-central-1
  account_id: "111122223333"
  instance_arn: arn:aws:sso:::instance/ssoins-1234567890abcdef
  identity_store_id: d-1234567890
"""
BOB = "  - {user_name: bob, name: {given_name: Bob, family_name: Ray}, email: bob@example.com}"
COMMENTED = """\
# Who works here.
users:
  # The boss.
  - user_name: ann    # since 2019
    name: {given_name: Ann,   family_name: Lee}
    email: 'ann@example.com'

  # The other one.
{BOB}

  - user_name: carl
    name: {given_name: Carl, family_name: Fox}
    email: carl@example.com
# What they do.
groups:
  - name: "data"  # everything
    members:
      - ann # lead
      # from outside
      - {user: carl, expires: 2030-12-31}   # until then
  - name: ops
    description: >-
      Keeps it
      running
    members: [bob, carl] # two

  # Nobody yet.
  - name: idle
    members: []
applications:
  - name: Wiki
    assignments:
      groups: [data] # all
      users:
        - bob
  - {name: Ledger, assignments: {groups: [ops]}}
  - name: Empty
    assignments: {}
# The end.
""".replace("{BOB}", BOB)
EDITS = {
    "add-user": (
        ("add-user", "dora", "--given-name", "Dora", "--family-name", "No", "--email", "d@x.org"),
        [
            "+",
            "+  - user_name: dora",
            '+    name: {given_name: Dora, family_name: "No"}',
            "+    email: d@x.org",
        ],
    ),
    "add-user in groups": (
        (
            *("add-user", "Bea", "--given-name", "B", "--family-name", "A", "--email", "b@x.org"),
            *("--group", "data", "--group", "idle", "--title", "Lead: ops", "--manager", "ann"),
        ),
        [
            "+",
            "+  - user_name: Bea",
            "+    name: {given_name: B, family_name: A}",
            "+    email: b@x.org",
            '+    title: "Lead: ops"',
            "+    enterprise: {manager: ann}",
            "+      - Bea",
            "-    members: []",
            "+    members: [Bea]",
        ],
    ),
    "remove-user": (
        ("remove-user", "CARL"),
        [
            "+    state: absent",
            "-      - {user: carl, expires: 2030-12-31}   # until then",
            "-    members: [bob, carl] # two",
            "+    members: [bob] # two",
        ],
    ),
    "remove-user forgotten": (
        ("remove-user", "bob", "--forget"),
        [
            "-",
            "-  # The other one.",
            f"-{BOB}",
            "-    members: [bob, carl] # two",
            "+    members: [carl] # two",
            "-      users:",
            "-        - bob",
            "+      users: []",
        ],
    ),
    "add-group": (
        ("add-group", "new team", "--description", "Fresh", "--member", "bob", "--member", "ann"),
        [
            "+",
            "+  - name: new team",
            "+    description: Fresh",
            "+    members:",
            "+      - ann",
            "+      - bob",
        ],
    ),
    "remove-group": (
        ("remove-group", "ops"),
        [
            "+    state: absent",
            "-    members: [bob, carl] # two",
            "-  - {name: Ledger, assignments: {groups: [ops]}}",
            "+  - {name: Ledger, assignments: {groups: []}}",
        ],
    ),
    "add-member": (
        ("add-member", "data", "bob", "--expires", "2030-01-31", "--reason", "T-1: help"),
        ['+      - {user: bob, expires: 2030-01-31, reason: "T-1: help"}'],
    ),
    "add-member that starts": (
        ("add-member", "data", "bob", "--expires", "2030-01-31", "--starts", "2030-01-31"),
        ["+      - {user: bob, starts: 2030-01-31, expires: 2030-01-31}"],
    ),
    "assign that starts": (
        ("assign", "Wiki", "--user", "carl", "--starts", "2030-01-31T08:00:00+01:00"),
        ['+        - {user: carl, starts: "2030-01-31T08:00:00+01:00"}'],
    ),
    "add-member in brackets": (
        ("add-member", "ops", "ann"),
        ["-    members: [bob, carl] # two", "+    members: [ann, bob, carl] # two"],
    ),
    "remove-member": (("remove-member", "data", "ann"), ["-      - ann # lead"]),
    "assign": (("assign", "Wiki", "--user", "carl"), ["+        - carl"]),
    "assign in brackets": (
        ("assign", "Wiki", "--group", "ops"),
        ["-      groups: [data] # all", "+      groups: [data, ops] # all"],
    ),
    "assign to a list that is not there": (
        ("assign", "Ledger", "--user", "ann"),
        [
            "-  - {name: Ledger, assignments: {groups: [ops]}}",
            "+  - {name: Ledger, assignments: {groups: [ops], users: [ann]}}",
        ],
    ),
    "assign as the first": (
        ("assign", "Empty", "--group", "idle"),
        ["-    assignments: {}", "+    assignments: {groups: [idle]}"],
    ),
    "assign to a new application": (
        ("assign", "New One", "--group", "idle", "--declare"),
        ["+  - name: New One", "+    assignments:", "+      groups:", "+        - idle"],
    ),
    "assign several to a new application": (
        ("assign", "New", "--group", "idle", "--user", "bob", "--group", "ops", "--declare"),
        [
            *("+  - name: New", "+    assignments:", "+      users:", "+        - bob"),
            *("+      groups:", "+        - idle", "+        - ops"),
        ],
    ),
    "unassign": (
        ("unassign", "Wiki", "--user", "bob"),
        ["-      users:", "-        - bob", "+      users: []"],
    ),
    "several": (
        ("add-member", "idle", "carl", "ann", "--reason", "T-1"),
        [
            "-    members: []",
            "+    members: [{user: ann, reason: T-1}, {user: carl, reason: T-1}]",
        ],
    ),
    "set-user": (
        ("set-user", "carl", "bob", "--title", "Lead", "--department", "", "--manager", "ann"),
        [
            f"-{BOB}",
            f"+{BOB[:-1]}, title: Lead, enterprise: {{department: null, manager: ann}}}}",
            "+    title: Lead",
            "+    enterprise: {department: null, manager: ann}",
        ],
    ),
    "move": (
        ("move", "carl", "--from", "ops", "--to", "idle", "--title", "Lead"),
        [
            "+    title: Lead",
            "-    members: [bob, carl] # two",
            "+    members: [bob] # two",
            "-    members: []",
            "+    members: [carl]",
        ],
    ),
    "leave": (
        ("leave", "bob", "--successor", "ann"),
        [
            f"-{BOB}",
            f"+{BOB[:19]}, state: absent{BOB[19:]}",
            "-    members: [bob, carl] # two",
            "+    members: [ann, carl] # two",
            "-        - bob",
            "+        - ann",
        ],
    ),
}
WRONG = {
    "no such user": (("remove-user", "carll"), 'is not declared; did you mean "carl"?'),
    "user twice": (
        ("add-user", "ANN", "--given-name", "A", "--family-name", "B"),
        "user/ANN is already declared at all.yaml:4:5",
    ),
    "no e-mail address": (
        ("add-user", "eve", "--given-name", "A", "--family-name", "B"),
        'user "eve" needs an e-mail address',
    ),
    "no names": (("add-user", "eve"), "--given-name"),
    "a name that cannot be": (
        ("add-user", "e ve", "--given-name", "A", "--family-name", "B", "--email", "e@x.org"),
        "contains a space",
    ),
    "no such group": (("add-member", "dat", "bob"), 'did you mean "data"?'),
    "member twice": (("add-member", "data", "Ann"), "ann is listed there already"),
    "no member": (("remove-member", "data", "bob"), "user/bob is not listed in group/data"),
    "bad day": (("add-member", "data", "bob", "--expires", "2030-02-30"), "--expires 2030-02-30"),
    "bad first day": (("add-member", "data", "bob", "--starts", "2030-02-30"), "--starts 2030"),
    "a start that is none": (
        ("add-member", "data", "bob", "--starts", "soon"),
        '--starts: "soon" is not a date',
    ),
    "a start after the end": (
        ("add-member", "data", "bob", "--expires", "2030-01-31", "--starts", "2030-02-01"),
        "--starts: this starts when it has expired",
    ),
    "a day that is over": (
        ("add-member", "data", "bob", "--expires", "2020-02-28"),
        "--expires 2020-02-28 is over, so it would give nothing; give a day to come",
    ),
    "a time that is over": (
        ("assign", "Wiki", "--user", "bob", "--expires", "2020-02-28T06:00:00Z"),
        "--expires 2020-02-28T06:00:00Z is over",
    ),
    "group twice": (("add-group", "Data"), "group/Data is already declared"),
    "unknown member": (("add-group", "x", "--member", "nobody"), "is not declared"),
    "no such application": (("assign", "Wikki", "--user", "ann"), 'did you mean "Wiki"?'),
    "neither": (("unassign", "Wiki"), "give --user or --group"),
    "not assigned": (("unassign", "Wiki", "--user", "ann"), "user/ann is not assigned"),
    "file elsewhere": (("add-group", "x", "--file", "../x.yaml"), "--file"),
    "settings file": (("add-group", "x", "--file", "instance.yaml"), "--file"),
    "one of several": (
        ("remove-member", "ops", "carl", "nobody", "ann"),
        '"ann": user/ann is not listed in group/ops\n"nobody": user/nobody is not listed',
    ),
    "nothing to set": (("set-user", "ann"), "give what is to change"),
    "nowhere to move": (("move", "ann"), "give --from, --to, or both"),
    "an argument and no line": (
        ("set-user", "ann", "--manager", "annn"),
        '--manager: manager: user "annn" is not declared; did you mean "ann"?',
    ),
    "no such heir": (("leave", "ann", "--reports-to", "carll"), 'did you mean "carl"?'),
    "no such CSV": (("add-users", "people.csv"), "people.csv cannot be read"),
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a directory with a heavily commented file."""
    directory = tmp_path / "desired-state"
    directory.mkdir()
    (directory / "instance.yaml").write_text(SETTINGS)
    (directory / "all.yaml").write_text(COMMENTED)
    return tmp_path


def edit(work: Path, *arguments: str) -> Run:
    """Run `edit`."""
    return command("edit", *arguments, cwd=work)


def changed(run: Run) -> list[str]:
    """Return the lines of a unified diff that are added or removed."""
    lines = run.out.splitlines()
    return [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


class TestEdits:
    """The difference is exactly the intended lines, and the result is valid."""

    @pytest.mark.parametrize("name", EDITS)
    def test_difference(self, work: Path, name: str) -> None:
        arguments, lines = EDITS[name]
        run = edit(work, *arguments)
        assert run.code == 0, run.err
        assert changed(run) == lines
        path = work / "desired-state/all.yaml"
        before, after = COMMENTED.splitlines(), path.read_text().splitlines()
        assert len(after) - len(before) == sum(1 if line[0] == "+" else -1 for line in lines)
        load(work / "desired-state")

    def test_a_dry_run_writes_nothing(self, work: Path) -> None:
        run = edit(work, "remove-member", "data", "ann", "--dry-run")
        assert (run.code, changed(run)) == (0, ["-      - ann # lead"])
        assert (work / "desired-state/all.yaml").read_text() == COMMENTED

    def test_another_file(self, work: Path) -> None:
        assert edit(work, "add-group", "x", "--file", "groups/x.yaml").code == 0
        text = (work / "desired-state/groups/x.yaml").read_text()
        assert text == "groups:\n  - name: x\n    members: []\n"

    def test_authoritative_means_that_the_entry_goes(self, work: Path) -> None:
        (work / "desired-state/instance.yaml").write_text(
            SETTINGS + "manage: {groups: authoritative}\n"
        )
        run = edit(work, "remove-group", "idle")
        assert changed(run) == ["-", "-  # Nobody yet.", "-  - name: idle", "-    members: []"]


class TestPatches:
    """What is printed is a patch that Git takes, wherever the directory is in the repository."""

    @pytest.mark.parametrize("line_break", ["\n", "\r\n"])
    @pytest.mark.parametrize("folder", ["", "a b/\u00fc"])
    def test_git_applies_it(self, work: Path, folder: str, line_break: str) -> None:
        here = work / folder
        here.mkdir(parents=True, exist_ok=True)
        if folder:
            (work / "desired-state").rename(here / "desired-state")
        text = COMMENTED.replace("\n", line_break)
        (here / "desired-state/all.yaml").write_bytes(text.encode())
        (here / "desired-state/more.yaml").write_bytes(
            b"groups:\n  - name: more\n    members: []\n"
        )
        subprocess.run(["git", "init", "--quiet", work], check=True)
        person = ("--given-name", "D", "--family-name", "N", "--email", "d@x.org")
        arguments = ("add-user", "dora", *person, "--group", "more", "--file", "new/people.yaml")
        words = (*launcher(), "edit", *arguments, "--group", "data")

        def patch(*more: str) -> bytes:
            return subprocess.run([*words, *more], cwd=here, capture_output=True, check=True).stdout

        shown = patch("--dry-run")
        take = ["git", "apply", "--whitespace=nowarn", "-"]
        subprocess.run(take, cwd=here / "desired-state", input=shown, check=True)
        taken = {path: path.read_bytes() for path in here.rglob("*.yaml")}
        subprocess.run([*take, "--reverse"], cwd=here, input=shown, check=True)
        assert not (here / "desired-state/new").exists()
        assert patch() == shown
        assert {path: path.read_bytes() for path in here.rglob("*.yaml")} == taken


HEADS = "user_name,given_name,family_name,email\n"
TEXTS = """\
users:
  - user_name: ann
    name: {given_name: Ann, family_name: Lee}
    email: ann@example.com
groups:
  - name: data
    description: |+ # long
      All of it.

      # And this.

    members:
      - user: ann
        reason: >-
          For a while,
          they said

  - name: ops
    description: >+
      Keeps it running

    members: [ann]

applications: []
"""


class TestBlockTexts:
    """Neither they nor what stands around them becomes anything else."""

    @pytest.mark.parametrize(
        ("arguments", "lines"),
        [
            (
                ("remove-group", "data"),
                [
                    *("+    state: absent", "-", "-    members:", "-      - user: ann"),
                    *("-        reason: >-", "-          For a while,", "-          they said"),
                ],
            ),
            (
                ("remove-group", "ops", "--forget"),
                [
                    *("-  - name: ops", "-    description: >+", "-      Keeps it running", "-"),
                    *("-    members: [ann]", "-"),
                ],
            ),
            (
                ("remove-group", "ops"),
                ["+    state: absent", "-    members: [ann]", "-"],
            ),
            (
                ("remove-member", "data", "ann"),
                [
                    *("-    members:", "-      - user: ann", "-        reason: >-"),
                    *("-          For a while,", "-          they said", "+    members: []"),
                ],
            ),
        ],
    )
    def test_difference(self, work: Path, arguments: tuple[str, ...], lines: list[str]) -> None:
        path = work / "desired-state/all.yaml"
        path.write_text(TEXTS)
        run = edit(work, *arguments)
        assert run.code == 0, run.err
        assert changed(run) == lines
        before = {one["name"]: one["description"] for one in yaml.safe_load(TEXTS)["groups"]}
        for group in yaml.safe_load(path.read_text())["groups"]:
            assert group["description"] == before[group["name"]]


class TestMany:
    """All users of a CSV file, or none."""

    def test_all(self, work: Path) -> None:
        (work / "people.csv").write_text(
            "user_name,given_name,family_name,email,groups,department\n"
            "eve,Eve,Hill,eve@x.org,data;idle,\n"
            "dan,Dan,Hill,dan@x.org,data,Sales\n"
        )
        run = edit(work, "add-users", "people.csv")
        assert run.code == 0, run.err
        declared = load(work / "desired-state")
        assert [one.name for one in declared.users][-2:] == ["eve", "dan"]
        members = {one.name: [each.name for each in one.members or ()] for one in declared.groups}
        assert members["data"] == ["ann", "carl", "dan", "eve"]
        assert members["idle"] == ["eve"]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                f"{HEADS}eve,E,H,e@x.org\nann,A,B,a@x.org\n",
                "people.csv:3: user/ann",
            ),
            (f"{HEADS}eve,E,H,e@x.org\nEve,A,B,a@x.org\n", "twice"),
            (
                f"{HEADS}eve,E,H,e@x.org\ndan,D,H,nope\n",
                'people.csv:3: "nope"',
            ),
            ("user_name,name\neve,Eve\n", 'not taken from people.csv: "name"'),
            ("users,name\neve,Eve\n", "people.csv:1: no column gives the user name"),
            ("user_name,title\neve,Boss,more\n", "people.csv:2: more fields"),
            ("user_name,title\n,Boss\n", "people.csv:2: no user name"),
            ("user_name,groups\neve,nope\n", 'group "nope" is not declared'),
        ],
    )
    def test_or_none(self, work: Path, text: str, told: str) -> None:
        (work / "people.csv").write_text(text)
        run = edit(work, "add-users", "people.csv")
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert (work / "desired-state/all.yaml").read_text() == COMMENTED


class TestWrongUse:
    """Is told in one line; nothing is written."""

    @pytest.mark.parametrize("name", WRONG)
    def test_is_told(self, work: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = edit(work, *arguments)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert run.out == ""
        assert (work / "desired-state/all.yaml").read_text() == COMMENTED
        assert len(list((work / "desired-state").iterdir())) == 2
