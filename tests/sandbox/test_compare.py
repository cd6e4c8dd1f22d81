"""`sandbox compare` and `sandbox assume`, as processes, against a sandbox that is served."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from identity_reconciler.probing.asking import PREFIX
from identity_reconciler.probing.probes import PROBES
from identity_reconciler.sandbox.assuming import document_of
from identity_reconciler.sandbox.assumptions import Assumptions
from tests.command import ROOT, Run, command, running
from tests.sandbox.serving import STORE, Served, serving

NAME = "main"
"""Of the instance that the example is about."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Serve the example's instance."""
    shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
    with serving(tmp_path, "--seed", "desired-state") as sandbox:
        yield sandbox


def compare(served: Served, cwd: Path, *options: str) -> Run:
    """Compare with what is served."""
    arguments = ("sandbox", "compare", "--endpoint-url", served.url, *options)
    return command(*arguments, cwd=cwd, **served.exports)


def held(served: Served) -> list[str]:
    """Return the names of the users and groups that are live, the permission sets, and so on."""
    store, admin = served.client("identitystore"), served.client("sso-admin")
    instance = admin.list_instances()["Instances"][0]
    (arn, store_id) = instance["InstanceArn"], instance["IdentityStoreId"]
    return [
        *(one["UserName"] for one in store.list_users(IdentityStoreId=store_id)["Users"]),
        *(one["DisplayName"] for one in store.list_groups(IdentityStoreId=store_id)["Groups"]),
        *(one["Name"] for one in admin.list_applications(InstanceArn=arn)["Applications"]),
        *admin.list_permission_sets(InstanceArn=arn)["PermissionSets"],
    ]


def _alone(number: int) -> str:
    return f"{number} questions, {number} of them answered, by the sandbox alone"


class TestAlone:
    """Without another place, the sandbox answers alone, and no state file is made."""

    def test_table(self, tmp_path: Path) -> None:
        run = command("sandbox", "compare", "--out", "found.json", cwd=tmp_path)
        assert run.code == 0, run.err
        lines = run.out.splitlines()
        assert len(lines) == len(PROBES) + 3
        assert lines[-1] == _alone(len(PROBES))
        found = json.loads((tmp_path / "found.json").read_text())
        assert found["assumptions"] == document_of(Assumptions())
        assert [one.name for one in tmp_path.iterdir()] == ["found.json"]

    def test_some(self, tmp_path: Path) -> None:
        run = command("sandbox", "compare", "--only", "page-size", cwd=tmp_path)
        assert run.out.splitlines()[-1] == _alone(1)
        wrong = command("sandbox", "compare", "--only", "page-colour", cwd=tmp_path)
        assert wrong.code == ExitCode.INVALID_INPUT
        assert "--only page-colour: there is no such question" in wrong.err


class TestAnother:
    """Any stand-in is held against the same probes, and what is found sets the switches."""

    def test_the_switches_that_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "switches.json").write_text('{"unique_emails": false, "rename_users": false}')
        assumed = command("sandbox", "assume", "switches.json", cwd=tmp_path)
        assert assumed.out == "unique_emails: false\nrename_users: false\n"
        with serving(tmp_path) as other:
            before = held(other)
            only = ("address-twice", "user-renamed", "user-name-twice")
            options = (word for name in only for word in ("--only", name))
            run = compare(other, tmp_path, *options, "--out", "found.json")
            assert held(other) == before
        assert run.code == 0, run.err
        assert "\n  rename_users: false\n" in run.out
        assert "\n  unique_emails: false\n" in run.out
        assert "3 questions: 1 same, 2 differ (x), 0 not measured (?)" in run.out
        assert "no switch" not in run.out
        found = json.loads((tmp_path / "found.json").read_text())
        assert found["flipped"] == ["rename_users", "unique_emails"]
        again = command("sandbox", "assume", "found.json", "--state", "new", cwd=tmp_path)
        assert again.out == assumed.out
        back = command("sandbox", "assume", "--state", "new", cwd=tmp_path)
        assert (back.code, back.out) == (0, "")

    def test_reset_keeps_what_is_assumed(self, tmp_path: Path) -> None:
        (tmp_path / "switches.json").write_text('{"unique_emails": false}')
        command("sandbox", "assume", "switches.json", cwd=tmp_path)
        assert command("sandbox", "reset", cwd=tmp_path).code == 0
        with serving(tmp_path) as other:
            client = other.client("identitystore")
            for name in ("alice", "bob"):
                client.create_user(
                    IdentityStoreId=STORE,
                    UserName=name,
                    DisplayName=name,
                    Name={"GivenName": name, "FamilyName": name},
                    Emails=[{"Value": "one@example.com"}],
                )

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "cannot be read as JSON"),
            ("[]", "expected an object"),
            ('{"assumptions": 1}', "expected an object"),
            ('{"unique_mails": true}', "there is no switch unique_mails"),
            ('{"unique_emails": "no"}', "unique_emails is 'no', expected true or false"),
            ('{"unique_emails": 1}', "unique_emails is 1, expected true or false"),
            (
                '{"existing_assignment": true}',
                "existing_assignment is True, expected success or conflict",
            ),
        ],
    )
    def test_what_is_no_file_of_switches(self, tmp_path: Path, content: str, message: str) -> None:
        (tmp_path / "switches.json").write_text(content)
        run = command("sandbox", "assume", "switches.json", cwd=tmp_path)
        assert run.code == ExitCode.INVALID_INPUT
        assert message in run.err


class TestConfirmation:
    """Nothing is made in an instance of AWS before somebody has typed its name."""

    def test_without(self, served: Served, tmp_path: Path) -> None:
        before = held(served)
        run = compare(served, tmp_path, "--aws", "desired-state")
        assert run.code == ExitCode.INTERRUPTED
        assert "Type the name of the instance to go on" in run.err
        wrong = compare(served, tmp_path, "--aws", "desired-state", "--confirm", "yes")
        assert wrong.code == ExitCode.INVALID_INPUT
        assert f"expected the name of the instance, {NAME}; nothing was made" in wrong.err
        assert held(served) == before

    def test_the_wrong_instance(self, served: Served, tmp_path: Path) -> None:
        settings = tmp_path / "desired-state/instance.yaml"
        settings.write_text(settings.read_text().replace("111122223333", "444455556666"))
        run = compare(served, tmp_path, "--aws", "desired-state", "--confirm", NAME)
        assert run.code == ExitCode.STALE_PLAN
        assert "the credentials are for account 111122223333" in run.err

    def test_a_stand_in_elsewhere(self, tmp_path: Path) -> None:
        run = command(
            "sandbox", "compare", "--endpoint-url", "http://nowhere.invalid:1", cwd=tmp_path
        )
        assert run.code == ExitCode.UNEXPECTED


class TestCleaningUp:
    """What is made goes again, also after Ctrl-C; what a killed run left goes when asked."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_after_a_signal(self, served: Served, tmp_path: Path, number: int) -> None:
        before = held(served)
        options = ("--aws", "desired-state", "--confirm", NAME, "--endpoint-url", served.url)
        # At this rate what is made is there for long enough to be seen.
        words = ("sandbox", "compare", "--rate", "40", *options)
        with running(*words, cwd=tmp_path, **served.exports) as process:
            for _ in range(600):
                if any(name.startswith(PREFIX) for name in held(served)):
                    break
                time.sleep(0.1)
            process.send(number)
            assert process.end() == 128 + number
            assert "stopped; removing what was made" in process.err.read()
        assert held(served) == before

    def test_what_a_killed_run_left(self, served: Served, tmp_path: Path) -> None:
        before = held(served)
        store = served.client("identitystore")
        store.create_group(IdentityStoreId=STORE, DisplayName=f"{PREFIX}c0ffee-1")
        options = ("--aws", "desired-state", "--confirm", NAME, "--clean-up")
        run = compare(served, tmp_path, *options)
        assert (run.code, run.out) == (0, "")
        assert "nothing called idrec-probe-... is left" in run.err
        assert held(served) == before

    def test_where(self, tmp_path: Path) -> None:
        run = command("sandbox", "compare", "--clean-up", cwd=tmp_path)
        assert run.code == ExitCode.INVALID_INPUT
        assert "--clean-up needs --aws DIR or --endpoint-url URL" in run.err
