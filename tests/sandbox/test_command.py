"""The commands of the sandbox, as processes: serve, seed, show, stats, reset."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.command import ROOT, command
from tests.sandbox.serving import INSTANCE, STORE, Served, serving

AWS = shutil.which("aws")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as running:
        yield running


class TestServe:
    """Serving prints the exports, answers on loopback only, and ends when it is told to."""

    def test_state_survives_the_end(self, tmp_path: Path) -> None:
        for expected in (0, 1):
            with serving(tmp_path) as running:
                client = running.client("identitystore")
                groups = client.list_groups(IdentityStoreId=STORE)["Groups"]
                assert len(groups) == expected
                if not groups:
                    client.create_group(IdentityStoreId=STORE, DisplayName="data")

    def test_a_kill_loses_nothing_that_was_answered(self, tmp_path: Path) -> None:
        with serving(tmp_path) as running:
            client = running.client("identitystore")
            for number in range(20):
                client.create_group(IdentityStoreId=STORE, DisplayName=f"group{number}")
            os.kill(running.process.pid, signal.SIGKILL)
            running.process.end()
        with serving(tmp_path) as again:
            client = again.client("identitystore")
            assert len(client.list_groups(IdentityStoreId=STORE)["Groups"]) == 20

    def test_trouble_by_file(self, tmp_path: Path) -> None:
        (tmp_path / "trouble.yaml").write_text(
            "faults: [{operation: CreateGroup, kind: exit-after}]"
        )
        with serving(tmp_path, "--trouble", "trouble.yaml") as running:
            client = running.client("identitystore")
            with pytest.raises(BotoCoreError):
                client.create_group(IdentityStoreId=STORE, DisplayName="data")
            assert running.process.end() == 70
        with serving(tmp_path) as again:
            listed = again.client("identitystore").list_groups(IdentityStoreId=STORE)
            assert len(listed["Groups"]) == 1

    def test_bad_trouble(self, tmp_path: Path) -> None:
        (tmp_path / "trouble.yaml").write_text("sead: 1")
        run = command("sandbox", "serve", "--trouble", "trouble.yaml", cwd=tmp_path)
        assert run.code == 3
        assert "sead" in run.err

    def test_loopback_only(self, served: Served) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        connection.request("POST", "/", "{}", {"Host": "evil.example.com"})
        assert connection.getresponse().status == 400
        connection.close()
        listening = [
            line.split()[1]
            for table in ("tcp", "tcp6")
            for line in _lines(Path("/proc/net") / table)
            if f":{served.port:04X}" in line.split()[1:2][0]
        ]
        assert all(address.startswith("0100007F:") for address in listening)


class TestContainer:
    """What a container serves, other containers reach by its name and start afresh."""

    def test_whole_walk(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
        (tmp_path / "trouble.yaml").write_text("faults: [{operation: ListUsers}]")
        options = ("--seed", "desired-state", "--trouble", "trouble.yaml")
        where = ("--host", "0.0.0.0", "--allowed-host", "sandbox")  # noqa: S104
        with serving(tmp_path, *where, *options) as running:
            assert running.url == f"http://sandbox:{running.port}"
            (tmp_path / "desired-state").rename(tmp_path / "moved")
            in_store = {"IdentityStoreId": STORE}
            for _ in range(2):
                # The trouble is the same again, and so is what is live.
                assert "__type" in _sent(running, "AWSIdentityStore.ListUsers", **in_store)
                assert len(_sent(running, "AWSIdentityStore.ListUsers", **in_store)["Users"]) == 12
                group = {"DisplayName": "new", **in_store}
                assert "GroupId" in _sent(running, "AWSIdentityStore.CreateGroup", **group)
                assert _sent(running, path="/_sandbox/reset") == {"status": "ok"}
            assert _sent(running, host="evil")["__type"] == "AccessDeniedException"

    @pytest.mark.parametrize(
        "arguments",
        [("--host", "sandbox"), ("--allowed-host", "*"), ("--allowed-host", "sandbox:80")],
    )
    def test_wrong_use(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        run = command("sandbox", "serve", *arguments, cwd=tmp_path)
        assert (run.code, run.out) == (3, "")
        assert repr(arguments[1]) in run.err


def _sent(
    served: Served, target: str = "", *, path: str = "/", host: str = "sandbox", **members: str
) -> Any:  # noqa: ANN401 - JSON
    """Return what the sandbox answers to a program that calls it by the name *host*."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    scope = (served.exports["AWS_ACCESS_KEY_ID"], "20260301", served.exports["AWS_REGION"])
    headers = {
        "Host": f"{host}:{served.port}",
        "X-Amz-Target": target,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={'/'.join(scope)}/any/aws4_request",
    }
    connection.request("POST", path, json.dumps(members), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:] if path.exists() else []


class TestPlainClient:
    """A script written for AWS, with paginators and typed exceptions, works as it is."""

    def test_script(self, served: Served) -> None:
        store, admin = served.client("identitystore"), served.client("sso-admin")
        assert served.client("sts").get_caller_identity()["Account"] == "123456789012"
        (instance,) = admin.list_instances()["Instances"]
        store_id = instance["IdentityStoreId"]
        group_id = store.create_group(IdentityStoreId=store_id, DisplayName="data")["GroupId"]
        for number in range(130):
            name: dict[str, Any] = {"GivenName": "User", "FamilyName": str(number)}
            user_id = store.create_user(
                IdentityStoreId=store_id,
                UserName=f"user{number}",
                DisplayName=f"User {number}",
                Name=name,
            )["UserId"]
            store.create_group_membership(
                IdentityStoreId=store_id, GroupId=group_id, MemberId={"UserId": user_id}
            )
        pages = store.get_paginator("list_group_memberships").paginate(
            IdentityStoreId=store_id, GroupId=group_id
        )
        assert sum(len(page["GroupMemberships"]) for page in pages) == 130
        with pytest.raises(store.exceptions.ConflictException):
            store.create_group(IdentityStoreId=store_id, DisplayName="data")
        with pytest.raises(store.exceptions.ResourceNotFoundException):
            store.describe_group(
                IdentityStoreId=store_id, GroupId="00000000-0000-4000-8000-000000000000"
            )


class TestSeed:
    """Seeding makes a plan empty; the numbers are told."""

    def test_a_seeded_sandbox_needs_nothing(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
        seeded = command("sandbox", "seed", "desired-state", cwd=tmp_path)
        assert seeded.code == 0, seeded.err
        assert "12 users, 5 groups" in seeded.out
        plan = command("plan", "--sandbox", "--detailed-exitcode", cwd=tmp_path)
        assert "No changes" in plan.out
        assert plan.code == 0
        shown = command("sandbox", "show", "--format", "json", cwd=tmp_path).json()
        assert shown["instances"][0]["users"] == 12
        counted = command("sandbox", "stats", cwd=tmp_path)
        assert "ListUsers  ok" in counted.out
        assert not any(
            row["operation"].startswith(("Create", "Update", "Delete"))
            for row in command("sandbox", "stats", "--format", "json", cwd=tmp_path).json()
        )
        assert command("sandbox", "reset", cwd=tmp_path).code == 0
        assert "accounts: 0" in command("sandbox", "show", cwd=tmp_path).out

    def test_serve_a_seeded_sandbox(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
        with serving(tmp_path, "--seed", "desired-state") as running:
            users = running.client("identitystore").get_paginator("list_users")
            store_id = running.client("sso-admin").list_instances()["Instances"][0][
                "IdentityStoreId"
            ]
            assert len(next(iter(users.paginate(IdentityStoreId=store_id)))["Users"]) == 12

    def test_made_up(self, tmp_path: Path) -> None:
        run = command("sandbox", "seed", "--generate", "30,4,60", cwd=tmp_path)
        assert "30 users, 4 groups, 60 memberships" in run.out

    @pytest.mark.parametrize(
        "arguments", [(), ("--generate", "many"), ("--generate", "1,2"), ("--generate", "1,1,2")]
    )
    def test_wrong_use(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        assert command("sandbox", "seed", *arguments, cwd=tmp_path).code == 3

    def test_nothing_there(self, tmp_path: Path) -> None:
        for name in ("show", "stats"):
            assert command("sandbox", name, cwd=tmp_path).code == 3


@pytest.mark.skipif(AWS is None, reason="the AWS CLI is not installed")
class TestAwsCli:
    """The AWS CLI makes everything with nothing but the printed exports.

    That it gets an answer to each other operation is part of the long programme (`test_aws_cli`).
    """

    def test_walk(self, served: Served) -> None:
        def aws(*arguments: str) -> Any:  # noqa: ANN401 - whatever it prints
            return _aws(served.environment, *arguments)

        (instance,) = aws("sso-admin", "list-instances")["Instances"]
        assert instance["InstanceArn"] == INSTANCE
        in_store = ("--identity-store-id", instance["IdentityStoreId"])
        user = aws(
            *("identitystore", "create-user", *in_store, "--user-name", "johndoe"),
            *("--display-name", "John Doe", "--name", "GivenName=John,FamilyName=Doe"),
            *("--emails", "Value=john.doe@example.com,Type=work"),
        )["UserId"]
        group = aws("identitystore", "create-group", *in_store, "--display-name", "data")
        aws(
            *("identitystore", "create-group-membership", *in_store),
            *("--group-id", group["GroupId"], "--member-id", f"UserId={user}"),
        )
        listed = aws("sso-admin", "list-applications", "--instance-arn", INSTANCE)
        application = listed["Applications"][0]["ApplicationArn"]
        assignment = (
            *("--application-arn", application),
            *("--principal-id", group["GroupId"], "--principal-type", "GROUP"),
        )
        aws("sso-admin", "create-application-assignment", *assignment)
        assigned = aws(
            "sso-admin", "list-application-assignments", "--application-arn", application
        )
        assert [one["PrincipalId"] for one in assigned["ApplicationAssignments"]] == [
            group["GroupId"]
        ]
        in_group = (*in_store, "--group-id", group["GroupId"])
        members = aws("identitystore", "list-group-memberships", *in_group)
        assert [one["MemberId"]["UserId"] for one in members["GroupMemberships"]] == [user]


def _aws(environment: Mapping[str, str], *arguments: str) -> Any:  # noqa: ANN401 - JSON
    assert AWS is not None
    done = subprocess.run(
        [AWS, *arguments, "--output", "json"],
        env={**environment, "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")
