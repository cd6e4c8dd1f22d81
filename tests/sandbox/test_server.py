"""The served sandbox: the same answers over HTTP, and no answer to what is not a request."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, HTTPClientError

from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.server import LOOPBACK, SandboxServer, exports
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient

STORE = "d-1234567890"
TARGET = "AWSIdentityStore.ListGroups"


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[SandboxServer]:
    with SandboxServer(sandbox.responder) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def remote(server: SandboxServer) -> Iterator[IdentityStoreClient]:
    client = boto3.Session("AKIASBOX123456789012", "sandbox", region_name="us-east-1").client(
        "identitystore",
        endpoint_url=server.url,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16),
    )
    yield client
    client.close()


def post(
    server: SandboxServer, body: bytes | str, target: str = TARGET, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Send a request as no SDK would, and return status and answer."""
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
    try:
        connection.request("POST", "/", body, {"X-Amz-Target": target} | headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class TestClients:
    """A program that knows nothing of the sandbox gets what it would get in process."""

    def test_same_answers(self, sandbox: Sandbox, remote: IdentityStoreClient) -> None:
        created = remote.create_group(IdentityStoreId=STORE, DisplayName="Żółć")
        local = sandbox.session().client("identitystore")
        found = local.describe_group(IdentityStoreId=STORE, GroupId=created["GroupId"])
        assert found.get("DisplayName") == "Żółć"
        with pytest.raises(remote.exceptions.ConflictException):
            remote.create_group(IdentityStoreId=STORE, DisplayName="ŻÓŁĆ")

    def test_many_at_once(self, remote: IdentityStoreClient) -> None:
        def create(number: int) -> str:
            answer = remote.create_group(IdentityStoreId=STORE, DisplayName=f"group{number}")
            return answer["GroupId"]

        with ThreadPoolExecutor(16) as pool:
            ids = set(pool.map(create, range(100)))
        listed = remote.list_groups(IdentityStoreId=STORE)["Groups"]
        assert {one["GroupId"] for one in listed} == ids

    def test_lost_answers(self, sandbox: Sandbox, remote: IdentityStoreClient) -> None:
        sandbox.make_trouble(Trouble(faults=(Fault("CreateGroup", FaultKind.LOST_AFTER),)))
        with pytest.raises((ConnectionClosedError, HTTPClientError)):
            remote.create_group(IdentityStoreId=STORE, DisplayName="data")
        assert len(remote.list_groups(IdentityStoreId=STORE)["Groups"]) == 1

    def test_exports(self, server: SandboxServer) -> None:
        environment = exports(server.url, "111122223333", "eu-central-1")
        assert environment["AWS_ENDPOINT_URL_SSO_ADMIN"] == server.url
        assert environment["AWS_REGION"] == "eu-central-1"

    def test_port_in_use(self, sandbox: Sandbox, server: SandboxServer) -> None:
        with pytest.raises(SandboxError, match=f"port {server.port}"):
            SandboxServer(sandbox.responder, server.port)


class TestBadInput:
    """What is no proper request gets the service's error, and changes nothing."""

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ("{", "SerializationException"),
            ("", "ValidationException"),
            ("[]", "SerializationException"),
            ("null", "SerializationException"),
            ("7", "SerializationException"),
            (b"\xff\xfe", "SerializationException"),
            ('{"IdentityStoreId": NaN}', "SerializationException"),
            ('{"IdentityStoreId": 7}', "SerializationException"),
            ('{"IdentityStoreId": true}', "SerializationException"),
            ('{"IdentityStoreId": ["d-1234567890"]}', "SerializationException"),
            ('{"IdentityStoreId": "d-1234567890", "MaxResults": "1"}', "SerializationException"),
            ('{"IdentityStoreId": "d-1234567890", "MaxResults": true}', "SerializationException"),
            ('{"IdentityStoreId": "d-1234567890", "MaxResults": 1.5}', "SerializationException"),
            ('{"IdentityStoreId": "d-1234567890", "MaxResults": 0}', "ValidationException"),
            (
                '{"IdentityStoreId": "d-1234567890", "NextToken": "\\ud800"}',
                "SerializationException",
            ),
            ('{"IdentityStoreId": "../../etc/passwd"}', "ValidationException"),
            ('{"IdentityStoreId": "d-1234567890\' OR 1=1 --"}', "ValidationException"),
            ("[" * 100_000, "SerializationException"),
        ],
    )
    def test_bodies(self, server: SandboxServer, body: bytes | str, code: str) -> None:
        status, answer = post(server, body)
        assert (status, answer["__type"]) == (400, code)

    @pytest.mark.parametrize(
        "target",
        [
            "AWSIdentityStore.Explode",
            "AWSIdentityStore.",
            "AWSIdentityStore.__init__",
            "AWSIdentityStore.create_user",
            "SWBExternalService.load",
            "SWBExternalService.CreateTrustedTokenIssuer",
            "AWSOrganizationsV20161128.CloseAccount",
            "AWSOrganizationsV20161128.DescribeAccount",
            "DynamoDB_20120810.PutItem",
            "",
            "AWSIdentityStore.ListGroups.ListGroups",
        ],
    )
    def test_targets(self, server: SandboxServer, target: str) -> None:
        status, answer = post(server, "{}", target)
        assert status == 400
        assert answer["__type"].endswith("Exception")

    def test_oversized(self, server: SandboxServer) -> None:
        status, answer = post(server, b"{}", **{"Content-Length": str(10**9)})
        assert (status, answer["__type"]) == (400, "RequestEntityTooLargeException")

    @pytest.mark.parametrize("length", ["-1", "x", "1e3"])
    def test_lengths(self, server: SandboxServer, length: str) -> None:
        status, answer = post(server, b"{}", **{"Content-Length": length})
        assert (status, answer["__type"]) == (400, "SerializationException")

    @pytest.mark.parametrize(
        "host", ["evil.example.com", "169.254.169.254", "localhost.evil.example.com:80", ""]
    )
    def test_foreign_hosts(self, server: SandboxServer, host: str) -> None:
        status, answer = post(server, b"{}", Host=host)
        assert (status, answer["__type"]) == (400, "AccessDeniedException")

    def test_web_pages(self, server: SandboxServer) -> None:
        status, answer = post(server, b"{}", Origin="https://evil.example.com")
        assert (status, answer["__type"]) == (400, "AccessDeniedException")

    def test_other_methods(self, server: SandboxServer) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 501
        connection.close()

    def test_nothing_changed(self, sandbox: Sandbox, server: SandboxServer) -> None:
        for body in (
            '{"IdentityStoreId": "d-1234567890"}',
            '{"IdentityStoreId": "d-1234567890", "DisplayName": {"a": 1}}',
            '{"IdentityStoreId": "d-1234567890", "DisplayName": "\\u0000"}',
            '{"IdentityStoreId": "d-1234567890", "DisplayName": "a", "Description": ""}',
        ):
            status, _ = post(server, body, "AWSIdentityStore.CreateGroup")
            assert status == 400
        local = sandbox.session().client("identitystore")
        assert local.list_groups(IdentityStoreId=STORE)["Groups"] == []
