"""The served sandbox: the same answers over HTTP, and no answer to what is not a request."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, HTTPClientError

from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.server import LOOPBACK, Listening, SandboxServer, exports
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient

STORE = "d-1234567890"
TARGET = "AWSIdentityStore.ListGroups"


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[SandboxServer]:
    with SandboxServer(sandbox) as listening, listening.running():
        yield listening


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

    def test_packed_bodies(self, sandbox: Sandbox, server: SandboxServer) -> None:
        """Two requests on one connection: the first one ends where its last chunk does."""
        connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
        for name in ("data", "ops"):
            body = json.dumps({"IdentityStoreId": STORE, "DisplayName": name})
            packed = gzip.compress(body.encode())
            parts = (packed[start : start + 7] for start in range(0, len(packed), 7))
            headers = {"X-Amz-Target": "AWSIdentityStore.CreateGroup", "Content-Encoding": "gzip"}
            connection.request("POST", "/", parts, headers, encode_chunked=True)
            response = connection.getresponse()
            assert response.status == 200
            response.read()
        connection.close()
        groups = sandbox.session().client("identitystore").list_groups(IdentityStoreId=STORE)
        assert [one.get("DisplayName") for one in groups["Groups"]] == ["data", "ops"]

    def test_port_in_use(self, sandbox: Sandbox, server: SandboxServer) -> None:
        with pytest.raises(SandboxError, match=f"port {server.port}"):
            SandboxServer(sandbox, Listening(server.port))


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

    @pytest.mark.parametrize("chunked", [True, False])
    def test_sending_on_and_on(self, server: SandboxServer, *, chunked: bool) -> None:
        """The client that sends far too much gets the answer, and not a broken connection."""
        piece = bytes(100_000)
        body = (piece for _ in range(200)) if chunked else piece * 200
        connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
        connection.request("POST", "/", body, {"X-Amz-Target": TARGET}, encode_chunked=chunked)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert answer["__type"] == "RequestEntityTooLargeException"

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


def ask(
    server: SandboxServer, method: str, path: str, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Ask the served sandbox about itself."""
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
    try:
        connection.request(method, path, None, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class TestManagement:
    """A program that has nothing but the URL can wait for the sandbox, and start afresh."""

    OK = (200, {"status": "ok"})

    def test_health(self, sandbox: Sandbox, server: SandboxServer) -> None:
        assert ask(server, "GET", "/_sandbox/health") == self.OK
        assert sandbox.requests.total == 0

    def test_head(self, server: SandboxServer) -> None:
        """What some programs ask to find out whether a server is up: nothing but headers."""
        connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
        for path, status in (("/_sandbox/health", 200), ("/_sandbox/reset", 405), ("/", 501)):
            connection.request("HEAD", path)
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
        connection.close()

    def test_reset(
        self, sandbox: Sandbox, server: SandboxServer, remote: IdentityStoreClient
    ) -> None:
        remote.create_group(IdentityStoreId=STORE, DisplayName="data")
        assert ask(server, "POST", "/_sandbox/reset") == self.OK
        assert sandbox.requests.total == 0
        assert not sandbox.statistics()
        assert remote.list_groups(IdentityStoreId=STORE)["Groups"] == []
        assert len(sandbox.summary().instances[0].applications) > 5

    def test_resets_at_once(self, server: SandboxServer) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _: ask(server, "POST", "/_sandbox/reset"), range(24))
            assert all(answer == self.OK for answer in answers)

    def test_a_reset_that_fails(self, sandbox: Sandbox) -> None:
        def reset() -> None:
            raise SandboxError("There is no reason.")

        with SandboxServer(sandbox, reset=reset) as listening, listening.running():
            answer = ask(listening, "POST", "/_sandbox/reset")
        assert answer == (500, {"message": "There is no reason."})

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/_sandbox/reset", 405),
            ("POST", "/_sandbox/health", 405),
            ("GET", "/_sandbox/", 404),
            ("POST", "/_sandbox/resetting", 404),
            ("POST", "/_sandbox/../_sandbox/reset", 404),
        ],
    )
    def test_anything_else(
        self,
        remote: IdentityStoreClient,
        server: SandboxServer,
        method: str,
        path: str,
        status: int,
    ) -> None:
        remote.create_group(IdentityStoreId=STORE, DisplayName="data")
        found, answer = ask(server, method, path)
        assert (found, "/_sandbox/" in answer["message"]) == (status, True)
        assert len(remote.list_groups(IdentityStoreId=STORE)["Groups"]) == 1

    @pytest.mark.parametrize(
        "headers", [{"Host": "evil.example.com"}, {"Origin": "https://evil.example.com"}]
    )
    def test_web_pages(
        self, remote: IdentityStoreClient, server: SandboxServer, headers: dict[str, str]
    ) -> None:
        remote.create_group(IdentityStoreId=STORE, DisplayName="data")
        for method, path in (("POST", "/_sandbox/reset"), ("GET", "/_sandbox/health")):
            status, answer = ask(server, method, path, **headers)
            assert (status, answer["__type"]) == (400, "AccessDeniedException")
        assert len(remote.list_groups(IdentityStoreId=STORE)["Groups"]) == 1


class TestListening:
    """It answers where and under which names it was told to, and by default on loopback alone."""

    def test_default(self) -> None:
        listening = Listening()
        assert listening.host == "127.0.0.1"
        assert listening.allowed == {"localhost", "127.0.0.1", "[::1]"}
        assert not listening.is_public

    def test_names(self, sandbox: Sandbox) -> None:
        listening = Listening(names=frozenset({"Sandbox", "aws.test"}))
        with SandboxServer(sandbox, listening) as server, server.running():
            answers = {
                host: ask(server, "GET", "/_sandbox/health", Host=host)[0]
                for host in (
                    *("sandbox", "SANDBOX:4566", "aws.test", "localhost", "[::1]:1"),
                    *("sandbox.evil.com", "aws-test", "xaws.test", "sandbox:x", "a@sandbox", ""),
                )
            }
        assert [host for host, status in answers.items() if status == 200] == [
            *("sandbox", "SANDBOX:4566", "aws.test", "localhost", "[::1]:1")
        ]

    def test_everywhere(self, sandbox: Sandbox) -> None:
        """What a container does. The names of the machine that it is on are still refused."""
        with SandboxServer(sandbox, Listening(host="0.0.0.0")) as server, server.running():  # noqa: S104
            assert server.url == f"http://127.0.0.1:{server.port}"
            assert ask(server, "GET", "/_sandbox/health") == TestManagement.OK
            assert ask(server, "GET", "/_sandbox/health", Host="0.0.0.0")[0] == 400  # noqa: S104
            assert ask(server, "GET", "/_sandbox/health", Host="192.168.7.7")[0] == 400

    @pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
    def test_ipv6(self, sandbox: Sandbox) -> None:
        listening = Listening(host="::1")
        assert not listening.is_public
        with SandboxServer(sandbox, listening) as server, server.running():
            assert server.url == f"http://[::1]:{server.port}"
            connection = http.client.HTTPConnection("::1", server.port, timeout=10)
            connection.request("GET", "/_sandbox/health")
            assert connection.getresponse().status == 200
            connection.close()

    def test_the_url_that_clients_get(self, sandbox: Sandbox) -> None:
        listening = Listening(host="0.0.0.0", names=frozenset({"sandbox"}))  # noqa: S104
        with SandboxServer(sandbox, listening) as server:
            assert server.url == f"http://sandbox:{server.port}"

    @pytest.mark.parametrize("host", ["", "localhost", "example.com", "127.0.0.1:80", "[::1]", "*"])
    def test_no_address(self, host: str) -> None:
        with pytest.raises(SandboxError, match="no address to listen on"):
            Listening(host=host)

    @pytest.mark.parametrize(
        "name", ["", "*", "*.test", "a:80", "http://a", "a b", "a/", "-a", "é"]
    )
    def test_no_name(self, name: str) -> None:
        with pytest.raises(SandboxError, match="no name of a host"):
            Listening(names=frozenset({name}))


class TestEnding:
    """The end waits for requests that are under way, and for nothing else."""

    def test_waiting_connections(self, sandbox: Sandbox) -> None:
        with SandboxServer(sandbox) as server:
            connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
            with server.running():
                connection.request("GET", "/_sandbox/health")
                connection.getresponse().read()
                silent = socket.create_connection((LOOPBACK, server.port))
                begun = time.monotonic()
            # Polling twice a second, or waiting for a connection, would take longer.
            assert time.monotonic() - begun < 0.3
            assert connection.sock.recv(1) == b""
            assert silent.recv(1) == b""
            connection.close()
            silent.close()
        assert not [one for one in threading.enumerate() if one.name == "sandbox"]

    def test_requests_under_way(self, sandbox: Sandbox) -> None:
        begun, done = threading.Event(), threading.Event()

        def reset() -> None:
            begun.set()
            time.sleep(0.2)
            done.set()

        with SandboxServer(sandbox, reset=reset) as server, ThreadPoolExecutor(1) as pool:
            with server.running():
                answer = pool.submit(ask, server, "POST", "/_sandbox/reset")
                assert begun.wait(10)
            assert done.is_set()
            assert answer.result() == TestManagement.OK
