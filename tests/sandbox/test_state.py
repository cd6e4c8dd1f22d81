"""The sandbox's state: files, threads, processes, and what may not be reached."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from identity_reconciler.errors import ReconcilerError
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import RefusedRequestError, SandboxError, StateFileError
from identity_reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient

STORE = "d-1234567890"


def names(store: IdentityStoreClient) -> list[str]:
    """Return the names of all groups, sorted."""
    pages = store.get_paginator("list_groups").paginate(IdentityStoreId=STORE)
    return sorted(one.get("DisplayName", "") for page in pages for one in page["Groups"])


class TestFile:
    """What was answered is in the file, which is ours alone."""

    def test_state_survives(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "sandbox.sqlite3"
        with Sandbox(path) as sandbox:
            sandbox.ensure_instance(InstanceDetails(region="eu-central-1"))
            client = sandbox.session().client("identitystore")
            client.create_group(IdentityStoreId=STORE, DisplayName="data")
        with Sandbox(path) as again:
            client = again.session().client("identitystore")
            assert client.meta.region_name == "eu-central-1"
            assert names(client) == ["data"]

    def test_two_open_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "sandbox.sqlite3"
        with Sandbox(path) as one, Sandbox(path) as other:
            one.ensure_instance(InstanceDetails())
            client = other.session().client("identitystore")
            client.create_group(IdentityStoreId=STORE, DisplayName="data")
            assert names(one.session().client("identitystore")) == ["data"]

    def test_nobody_else_can_read_it(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "sandbox.sqlite3"
        with Sandbox(path):
            pass
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_another_version(self, tmp_path: Path) -> None:
        path = tmp_path / "sandbox.sqlite3"
        with Sandbox(path):
            pass
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StateFileError, match="has version 99"):
            Sandbox(path)

    def test_not_a_state_file(self, tmp_path: Path) -> None:
        text, database = tmp_path / "notes.txt", tmp_path / "other.sqlite3"
        text.write_text("This is not a database, but it is long enough to look at." * 20)
        connection = sqlite3.connect(database)
        connection.execute("CREATE TABLE things (name)")
        connection.close()
        for path in (text, database, tmp_path):
            with pytest.raises(ReconcilerError, match="state file"):
                Sandbox(path)

    def test_reset(self, tmp_path: Path) -> None:
        with Sandbox(tmp_path / "sandbox.sqlite3") as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            sandbox.reset()
            assert sandbox.session().client("sso-admin").list_instances()["Instances"] == []
            sandbox.ensure_instance(InstanceDetails())
            assert names(sandbox.session().client("identitystore")) == []

    def test_contradicting_instance(self, sandbox: Sandbox) -> None:
        with pytest.raises(SandboxError, match="sandbox reset"):
            sandbox.ensure_instance(InstanceDetails(region="eu-west-1"))


class TestSecret:
    """What makes page tokens of one database worthless in others is its own, and stays."""

    def test_each_has_its_own(self, tmp_path: Path) -> None:
        def secret(path: Path | None) -> bytes:
            store = Store(path)
            found = store.secret("tokens")
            store.close()
            return found

        first, second = tmp_path / "first", tmp_path / "second"
        secrets = [secret(path) for path in (None, None, first, second)]
        assert len(set(secrets)) == 4
        assert {len(one) for one in secrets} == {16}
        assert [secret(path) for path in (first, second)] == secrets[2:]


class TestThreads:
    """Sixteen threads on one sandbox lose nothing and double nothing."""

    @pytest.mark.parametrize("in_memory", [True, False])
    def test_concurrent_writes(self, tmp_path: Path, *, in_memory: bool) -> None:
        path = None if in_memory else tmp_path / "sandbox.sqlite3"
        with Sandbox(path) as sandbox, ThreadPoolExecutor(16) as pool:
            sandbox.ensure_instance(InstanceDetails())
            client = sandbox.session().client("identitystore")

            def create(number: int) -> str:
                # Every name is tried twice; one of the two is refused.
                try:
                    client.create_group(IdentityStoreId=STORE, DisplayName=f"g{number // 2:03}")
                except client.exceptions.ConflictException:
                    return "conflict"
                return "created"

            outcomes = list(pool.map(create, range(200)))
            assert outcomes.count("created") == outcomes.count("conflict") == 100
            assert names(client) == [f"g{number:03}" for number in range(100)]
            revisions = {
                one["Revision"] for one in client.list_groups(IdentityStoreId=STORE)["Groups"]
            }
            assert len(revisions) == 100


class TestRequests:
    """Every request is counted, and none leaves the process."""

    def test_counts(self, sandbox: Sandbox) -> None:
        client = sandbox.session().client("identitystore")
        client.create_group(IdentityStoreId=STORE, DisplayName="data")
        client.list_groups(IdentityStoreId=STORE)
        with pytest.raises(client.exceptions.ConflictException):
            client.create_group(IdentityStoreId=STORE, DisplayName="data")
        assert sandbox.requests.counts["identitystore", "CreateGroup"] == 2
        assert sandbox.requests.outcomes["identitystore", "CreateGroup", "ConflictException"] == 1
        assert (sandbox.requests.total, sandbox.requests.writes) == (3, 2)
        sandbox.requests.clear()
        assert sandbox.requests.total == 0

    def test_assuming_a_role_is_no_write(self, sandbox: Sandbox) -> None:
        sandbox.session().client("sts").assume_role(
            RoleArn="arn:aws:iam::222233334444:role/Audit", RoleSessionName="audit"
        )
        assert (sandbox.requests.total, sandbox.requests.writes) == (1, 0)

    def test_oversized(self, sandbox: Sandbox) -> None:
        client = sandbox.session().client("identitystore")
        with pytest.raises(ClientError) as error:
            client.list_users(IdentityStoreId="d" * 2**20)
        assert error.value.response["Error"]["Code"] == "RequestEntityTooLargeException"

    def test_other_services_are_refused(self, sandbox: Sandbox) -> None:
        with pytest.raises(RefusedRequestError, match=r"s3\.amazonaws\.com"):
            sandbox.session().client("s3").list_buckets()

    @pytest.mark.parametrize("url", ["https://sso.example.com", "http://127.0.0.1:9"])
    def test_other_hosts_are_refused(self, sandbox: Sandbox, url: str) -> None:
        client = sandbox.session().client("sso-admin", endpoint_url=url)
        with pytest.raises(RefusedRequestError, match="not sent"):
            client.list_instances()

    def test_endpoints_from_the_environment_are_ignored(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
        monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
        assert names(sandbox.session().client("identitystore")) == []


class TestFormats:
    """An instance that AWS could not have made is refused."""

    @pytest.mark.parametrize(
        "details",
        [
            InstanceDetails(account_id="1"),
            InstanceDetails(region="Frankfurt"),
            InstanceDetails(instance_arn="ssoins-1234567890abcdef"),
            InstanceDetails(identity_store_id="d-uvwxyzuvwx"),
            InstanceDetails(name="Our company"),
        ],
    )
    def test_refused(self, details: InstanceDetails) -> None:
        with Sandbox() as sandbox, pytest.raises(SandboxError, match="is no"):
            sandbox.ensure_instance(details)
