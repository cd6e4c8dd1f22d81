"""`init`, as a process: from a live instance to a repository, and on with it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path, PurePosixPath

import jsonschema
import pytest
import yaml

from identity_reconciler.desired.model.schema import schemas
from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.seeding import Sizes, generate
from tests.command import ROOT, command, environment, launcher

SANDBOX = Path(".identity-reconciler/sandbox.sqlite3")
OWNED = """\
# The last line that matches counts.
/* @example/identity
/desired-state/ @example/identity
/desired-state/instance.yaml @example/security
/desired-state/approvals.yaml @example/security
/desired-state/policies.yaml @example/security
/.github/ @example/security
"""
GUARDS = """
# A whole group goes.
guards:
  wipe_from: 100
  budgets:
    memberships: {floor: 100, ceiling: 100}
    assignments: {floor: 10, ceiling: 10}
"""
EDITS = (
    ("add-user", "new.hire", "--given-name", "New", "--family-name", "Hire", "--email", "n@x.org"),
    ("add-group", "newcomers", "--member", "new.hire"),
    ("add-member", "group00001", "new.hire", "--expires", "2090-12-31", "--reason", "T-1"),
    ("remove-member", "group00000", "user000000"),
    ("assign", "Application 0000", "--user", "new.hire"),
    ("unassign", "Application 0001", "--group", "group00017"),
    ("remove-user", "user000400"),
    ("remove-group", "group00039"),
)


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    """Return a directory with a sandbox of 500 users, 40 groups and 25 applications.

    Ten users and two groups of it belong to an identity provider.
    """
    with Sandbox(tmp_path / SANDBOX) as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        generate(sandbox, Sizes(500, 40, 2000, 25, 100))
        session = sandbox.session()
        client = session.client("identitystore")
        store = sandbox.summary().instances[0].identity_store_id
        users = client.list_users(IdentityStoreId=store, MaxResults=100)["Users"]
        groups = client.list_groups(IdentityStoreId=store, MaxResults=100)["Groups"]
        owned = [one["UserId"] for one in users[20:30]] + [one["GroupId"] for one in groups[10:12]]
        for identifier in owned:
            sandbox.set_external_ids(identifier, [("https://idp.example.com", identifier)])
    return tmp_path


class TestTheWholeWay:
    """From a live instance through every kind of edit to the next empty plan."""

    def test_init_edit_plan_apply_plan(self, seeded: Path) -> None:
        owners = ("--owners", "@example/identity", "--approvers", "@example/security")
        run = command("init", "--sandbox", *owners, cwd=seeded)
        assert run.code == 0, run.err
        assert (seeded / ".github/CODEOWNERS").read_text() == OWNED
        text = (seeded / "desired-state/users.yaml").read_text()
        assert text.count("user_name:") == 500
        assert text.count("state: external") == 10
        assert run.out.splitlines() == [
            "new  desired-state/applications.yaml  25 applications, 100 assignments",
            "new  desired-state/groups.yaml        40 groups, 1,900 memberships",
            "new  desired-state/instance.yaml      settings",
            "new  desired-state/users.yaml         500 users",
        ]
        assert "next: `identity-reconciler plan --sandbox` finds nothing to change" in run.err
        assert command("fmt", "--check", cwd=seeded).code == 0
        assert "No changes." in command("plan", "--sandbox", cwd=seeded).out
        with (seeded / "desired-state/instance.yaml").open("a") as settings:
            settings.write(GUARDS)
        for arguments in EDITS:
            run = command("edit", *arguments, cwd=seeded)
            assert run.code == 0, run.err
        plan = command("plan", "--sandbox", "--format", "json", cwd=seeded)
        actions = {(action, address.split("/")[0]) for action, address in plan.changes()}
        assert actions >= {
            *(("create", kind) for kind in ("user", "group", "membership", "assignment")),
            *(("delete", kind) for kind in ("user", "group", "membership", "assignment")),
        }
        run = command("apply", "--sandbox", "--auto-approve", cwd=seeded)
        assert run.code == 0, run.err
        assert "No changes." in command("plan", "--sandbox", cwd=seeded).out


class TestInit:
    """Settings are found, not typed."""

    def test_a_new_sandbox(self, tmp_path: Path) -> None:
        run = command("init", "--sandbox", "--name", "corp", cwd=tmp_path)
        assert run.code == 0, run.err
        assert "no CODEOWNERS was written" in run.err
        assert "name: corp" in (tmp_path / "desired-state/instance.yaml").read_text()
        assert "No changes." in command("plan", "--sandbox", cwd=tmp_path).out

    def test_owners_in_the_yaml_become_lines_of_codeowners(self, here: Path) -> None:
        path = here / "desired-state/groups/data.yaml"
        owned = "    owners: [janedoe, {group: finance}]\n    description: "
        path.write_text(path.read_text().replace("    description: ", owned))
        company = here / "desired-state/groups/company.yaml"
        owned = "    owners: [janedoe]\n    description: Finance"
        company.write_text(company.read_text().replace("    description: Finance", owned))
        handles = ("--codeowner", "JaneDoe=@jane", "--codeowner", "group/finance=@example/money")
        tool = ("--repository", "example/identity", "--tool", f"example/tool@{'a' * 40}")
        run = command("init", "--github", *tool, *handles, cwd=here)
        assert run.code == 0, run.err
        lines = run.err.splitlines()
        at = lines.index(
            "add these lines to .github/CODEOWNERS, below that of the whole directory:"
        )
        assert lines[at + 1] == "/desired-state/groups/data.yaml @jane @example/money"
        assert lines[at + 2].startswith("no line for groups/company.yaml: not all in it has the")

    @pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"])
    def test_codeowners_that_are_there_stay(self, tmp_path: Path, place: str) -> None:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("* @me\n")
        run = command("init", "--sandbox", "--owners", "@a", "--approvers", "@b", cwd=tmp_path)
        assert f"{place} is there already" in run.err
        assert "/desired-state/approvals.yaml @b" in run.err
        assert "/.github/ @b" in run.err
        assert (tmp_path / place).read_text() == "* @me\n"
        assert len(list(tmp_path.rglob("CODEOWNERS"))) == 1

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (None, b".identity-reconciler/\nplan*.json\n"),
            (b"x", b"x\n.identity-reconciler/\nplan*.json\n"),
            (b"x\r\nplan*.json\r\n", b"x\r\nplan*.json\r\n.identity-reconciler/\r\n"),
            (b"plan*.json\n.identity-reconciler/", b"plan*.json\n.identity-reconciler/"),
            (b"# plan*.jsonx\n", b"# plan*.jsonx\n.identity-reconciler/\nplan*.json\n"),
            (b"\xff\n", b"\xff\n.identity-reconciler/\nplan*.json\n"),
        ],
    )
    def test_git_leaves_names_alone(
        self, tmp_path: Path, before: bytes | None, after: bytes
    ) -> None:
        if before is not None:
            (tmp_path / ".gitignore").write_bytes(before)
        run = command("init", "--sandbox", cwd=tmp_path)
        assert run.code == 0, run.err
        assert (tmp_path / ".gitignore").read_bytes() == after


class TestEditors:
    """An editor finds the schema of each file in the repository, by the file's first line."""

    def test_every_file_leads_to_its_schema(self, tmp_path: Path) -> None:
        run = command("init", "--sandbox", "--layout", "by-prefix", "corp/main", cwd=tmp_path)
        assert run.code == 0, run.err
        here = tmp_path / "corp/main"
        new = ("add-user", "ann", "--given-name", "A", "--family-name", "B", "--email", "a@x.org")
        where = ("-C", "corp/main", "--file", "users/a.yaml")
        run = command("edit", *new, *where, cwd=tmp_path)
        assert run.code == 0, run.err
        files = sorted(path.relative_to(here).as_posix() for path in here.rglob("*.yaml"))
        assert files == ["applications.yaml", "instance.yaml", "users/a.yaml"]
        for file in files:
            text = (here / file).read_text()
            schema = text.partition("$schema=")[2].split()[0]
            content = json.loads((here / file).parent.joinpath(schema).read_text())
            jsonschema.validate(yaml.load(text, Loader=yaml.BaseLoader), content)  # noqa: S506
            assert text.startswith("# yaml-language-server: ")
        assert command("fmt", "--check", "corp/main", cwd=tmp_path).code == 0

    def test_those_of_another_version_are_told(self, tmp_path: Path) -> None:
        assert command("init", "--sandbox", cwd=tmp_path).code == 0
        assert ".schemas" not in command("doctor", "--sandbox", cwd=tmp_path).out
        (tmp_path / "desired-state/.schemas/instance.schema.json").write_text("{}")
        told = command("doctor", "--sandbox", cwd=tmp_path).out
        assert "`identity-reconciler schema desired-state/.schemas` renews them" in told


class TestCatalog:
    """What a catalog of schemas says of ours leads from each file to its schema."""

    def test_every_file_is_of_one_schema(self, tmp_path: Path) -> None:
        address = "https://example.com/latest"
        run = command("schema", "made", "--address", f"{address}/", cwd=tmp_path)
        assert run.code == 0, run.err
        entries = json.loads((tmp_path / "made/catalog.json").read_text())
        assert {one["url"].rpartition("/")[2] for one in entries} == set(schemas())
        examples = ROOT / "desired-state"
        files = sorted(path for path in examples.rglob("*.yaml"))
        assert len(files) > 3
        for file in files:
            for place in ("desired-state", "desired-state/corp"):
                path = PurePosixPath("/a/repository", place, file.relative_to(examples))
                (entry,) = (
                    one
                    for one in entries
                    if any(path.match(each.removeprefix("**/")) for each in one["fileMatch"])
                )
                name = entry["url"].removeprefix(f"{address}/")
                schema = json.loads((tmp_path / "made" / name).read_text())
                assert schema["$id"] == entry["url"]
                content = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
                jsonschema.validate(content, schema)

    def test_is_told_what_is_no_address(self, tmp_path: Path) -> None:
        run = command("schema", "made", "--address", "example.com", cwd=tmp_path)
        assert (run.code, "does not begin with https://" in run.err) == (3, True)
        assert not (tmp_path / "made").exists()


class TestInterview:
    """On a terminal, what the options leave open is asked."""

    def interview(self, here: Path, answers: str) -> tuple[int, str]:
        """Return the exit code, and what is told on stderr."""
        terminal, stdin = pty.openpty()
        process = subprocess.Popen(
            [*launcher(), "init", "--sandbox"],
            cwd=here,
            env=environment(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(stdin)
        os.write(terminal, answers.encode())
        _, told = process.communicate(timeout=60)
        os.close(terminal)
        return process.returncode, told

    def test_answers_are_not_lost(self, tmp_path: Path) -> None:
        answers = "corp\n@example/identity\n@example/security\n"
        (tmp_path / ".github").write_text("in the way")
        code, told = self.interview(tmp_path, answers)
        assert code == ExitCode.INVALID_INPUT
        assert "cannot write .github/CODEOWNERS" in told
        (again,) = re.findall("to go on with your answers: identity-reconciler (.*)", told)
        assert not (tmp_path / "desired-state").exists()
        (tmp_path / ".github").unlink()
        run = command(*again.split(), cwd=tmp_path)
        assert run.code == 0, run.err
        assert "name: corp" in (tmp_path / "desired-state/instance.yaml").read_text()
        assert (tmp_path / ".github/CODEOWNERS").read_text() == OWNED

    def test_answers_are_taken(self, tmp_path: Path) -> None:
        code, told = self.interview(
            tmp_path, "my corp\ncorp\n@example/identity\n@example/security\n"
        )
        assert code == 0, told
        assert '"my corp" is not a name' in told
        assert "What do you call this instance?" in told
        assert "name: corp" in (tmp_path / "desired-state/instance.yaml").read_text()
        assert (tmp_path / ".github/CODEOWNERS").read_text() == OWNED


WRONG = {
    "another instance": (("--sandbox", "--instance-arn", "arn:aws:x"), "give --instance-arn, one"),
    "owners alone": (("--sandbox", "--owners", "@a"), "both --owners and --approvers"),
    "a handle that is none": (
        ("--sandbox", "--codeowner", "janedoe=jane"),
        "--codeowner janedoe=jane: expected NAME=@HANDLE",
    ),
    "a handle for nobody": (("--sandbox", "--codeowner", "=@jane"), "expected NAME=@HANDLE"),
    "handles where there are no owners yet": (
        ("--sandbox", "--codeowner", "janedoe=@jane"),
        "--codeowner goes with --github, where YAML is there",
    ),
    "a bad name": (("--sandbox", "--name", "my instance"), '"my instance" is not a name'),
    "no region": ((), "give --region"),
    "unknown layout": (("--sandbox", "--layout", "flat"), "flat"),
}


class TestWrongUse:
    """Is told in one line; nothing is written."""

    @pytest.mark.parametrize("name", WRONG)
    def test_is_told(self, tmp_path: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = command("init", *arguments, cwd=tmp_path)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert not (tmp_path / "desired-state").exists()

    def test_a_second_time(self, here: Path) -> None:
        run = command("init", "--sandbox", cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert "instance.yaml is there already" in run.err
