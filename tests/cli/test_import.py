"""`import`, as a process, from the sandbox."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import Sandbox
from tests.cli.test_account_access import INSTANCE
from tests.command import command, edit
from tests.sandbox.account_world import Accounts

NOTHING = "No changes."
WRONG = {
    "unknown kind": (("--only", "membership/a/b"), "--only membership/a/b: expected user/NAME"),
    "no name": (("--only", "user/"), "--only user/: expected"),
    "unknown name": (("--only", "user/jane"), 'user "jane" is neither live nor declared; did you'),
    "unknown layout": (("--layout", "flat"), "flat"),
    "only and a state": (("--only", "user/x", "--from-state", "x"), "exclude each other"),
    "missing directory": (("nowhere",), "nowhere"),
    "both sandbox and URL": (("--endpoint-url", "http://127.0.0.1:1"), "exclude each other"),
}


@pytest.fixture
def adopted(applied: Path) -> Path:
    """Return a directory with the settings alone, and everything in its sandbox."""
    for name in ("users", "groups"):
        shutil.rmtree(applied / "desired-state" / name)
    (applied / "desired-state/applications.yaml").unlink()
    return applied


def plan(here: Path) -> str:
    """Return a plan against the sandbox."""
    run = command("plan", "--sandbox", cwd=here)
    assert run.code == 0, run.err
    return run.out


class TestImport:
    """What is imported has nothing to plan, and importing again changes nothing."""

    @pytest.mark.parametrize("layout", ["one-file", "by-kind", "by-prefix"])
    def test_into_nothing(self, adopted: Path, layout: str) -> None:
        checked = command("import", "--sandbox", "--check", "--layout", layout, cwd=adopted)
        assert checked.code == ExitCode.CHANGES
        assert list((adopted / "desired-state").rglob("*.yaml")) == [
            adopted / "desired-state/instance.yaml"
        ]
        run = command("import", "--sandbox", "--layout", layout, cwd=adopted)
        assert run.code == 0, run.err
        assert run.out == checked.out
        assert all(line.startswith("new  desired-state/") for line in run.out.splitlines())
        files = (adopted / "desired-state").rglob("*.yaml")
        assert sum(path.read_text().count("user_name: janedoe\n") for path in files) == 1
        assert NOTHING in plan(adopted)
        again = command("import", "--sandbox", "--check", cwd=adopted)
        assert (again.code, again.out) == (0, "")

    def test_into_what_is_there_already(self, applied: Path) -> None:
        run = command("import", "--sandbox", "--check", cwd=applied)
        assert run.code == ExitCode.CHANGES
        changed = [line for line in run.out.splitlines() if line[:1] == "-" and line[:3] != "---"]
        assert changed == []
        assert run.out.count("+++ ") == run.out.count("+++ b/desired-state/applications.yaml") == 1

    def test_drift_becomes_yaml_line_by_line(self, applied: Path) -> None:
        path = applied / "desired-state/users/data.yaml"
        before = path.read_text()
        path.write_text(before.replace("title: Head of Data", "title: Chief # of all"))
        run = command("import", "--sandbox", "--only", "user/janedoe", cwd=applied)
        assert run.code == 0, run.err
        lines = [line for line in run.out.splitlines() if line[0] in "+-" and line[1] == " "]
        assert lines == ["-    title: Chief # of all", "+    title: Head of Data # of all"]


def held(kind: str, name: str, **values: str) -> dict[str, object]:
    """Return a resource as `terraform show -json` prints it."""
    of_store = {} if "application_arn" in values else {"identity_store_id": "d-1234567890"}
    about = {"mode": "managed", "type": kind, "address": f"{kind}.{name}"}
    return about | {"values": of_store | values}


def state(here: Path, *resources: dict[str, object]) -> None:
    """Write a state of Terraform that manages *resources*."""
    found = {"format_version": "1.0", "values": {"root_module": {"resources": resources}}}
    (here / "state.json").write_text(json.dumps(found))


class TestFromState:
    """What Terraform manages is taken in as it is live, and leaves Terraform."""

    def managed(self, here: Path) -> list[dict[str, object]]:
        """Return a membership of a group, the group, an assignment, and somebody who is gone."""
        with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            accounts = Accounts(sandbox, INSTANCE)
            group = accounts.identifier("group", "finance")
            martha = accounts.identifier("user", "martha.rivera")
            found = accounts.admin.list_applications(InstanceArn=accounts.instance.instance_arn)
            (ledger,) = [one for one in found["Applications"] if one.get("Name") == "Ledger"]
        arn = str(ledger.get("ApplicationArn"))
        principal = {"principal_id": group, "principal_type": "GROUP"}
        return [
            held("aws_identitystore_group", "f[0]", group_id=group, display_name="Money"),
            held("aws_identitystore_group_membership", "m", group_id=group, member_id=martha),
            held("aws_ssoadmin_application_assignment", "a", application_arn=arn, **principal),
            held("aws_identitystore_user", "z", user_id="1", user_name="zoe"),
        ]

    def test_just_those_and_whom_they_name(self, adopted: Path) -> None:
        state(adopted, *self.managed(adopted))
        options = ("import", "--sandbox", "--from-state", "state.json")
        checked = command(*options, "--check", cwd=adopted)
        assert checked.code == ExitCode.CHANGES
        assert len(list((adopted / "desired-state").rglob("*.yaml"))) == 1
        run = command(*options, cwd=adopted)
        assert (run.code, run.out) == (0, checked.out)
        assert 'aws_identitystore_user.z: "user/zoe" is gone from AWS' in run.err
        assert '"Money" is called "finance" in AWS' in run.err
        assert "as well, for lists name them: group/auditors, user/" in run.err
        blocks = run.out[run.out.index("removed {") :]
        assert blocks.startswith(
            "removed {\n  from = aws_identitystore_group.f\n"
            "  lifecycle {\n    destroy = false\n  }\n}\nremoved {\n"
        )
        assert blocks.count("removed {") == 4
        written = "".join(one.read_text() for one in (adopted / "desired-state").rglob("*.yaml"))
        assert "zoe" not in written
        named = set(re.findall("user_name: (.*)", written))
        assert named > {"martha.rivera", "paulo.santos"}
        assert not named & {"janedoe", "johndoe"}
        assert NOTHING in plan(adopted)

    def test_what_is_ignored_stays(self, adopted: Path) -> None:
        edit(adopted, "instance.yaml", "  groups:\n    - ", "  groups:\n    - finance\n    - ")
        state(adopted, *self.managed(adopted))
        run = command("import", "--sandbox", "--from-state", "state.json", cwd=adopted)
        assert run.code == 0
        assert "note: aws_identitystore_group.f stays with Terraform: not all of it" in run.err
        assert "from = aws_identitystore_group" not in run.out

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (None, "cannot read state.json as UTF-8"),
            ('{"format_version": "1.2", "planned_values": {}}', "is a plan of Terraform"),
        ],
    )
    def test_what_is_no_state_is_told(self, adopted: Path, text: str | None, told: str) -> None:
        if text is not None:
            (adopted / "state.json").write_text(text)
        run = command("import", "--sandbox", "--from-state", "state.json", cwd=adopted)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert run.err.count("\n") == 1

    def test_another_identity_store_is_told(self, adopted: Path) -> None:
        away = held("aws_identitystore_user", "z", user_id="1", user_name="zoe")
        away["values"] = {"user_id": "1", "user_name": "zoe", "identity_store_id": "d-9"}
        state(adopted, away)
        run = command("import", "--sandbox", "--from-state", "state.json", cwd=adopted)
        assert run.code == ExitCode.INVALID_INPUT
        assert 'aws_identitystore_user.z has identity_store_id "d-9"; name the dir' in run.err
        assert run.err.count("\n") == 2, "the first line names the sandbox"


class TestWrongUse:
    """Is told in one line; nothing is written."""

    @pytest.mark.parametrize("name", WRONG)
    def test_is_told(self, adopted: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = command("import", "--sandbox", *arguments, cwd=adopted)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert [path.name for path in (adopted / "desired-state").rglob("*.yaml")] == [
            "instance.yaml"
        ]
