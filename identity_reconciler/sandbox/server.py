"""The served form: HTTP, for programs that are not ours.

One thread for each connection, and the same responder as in process. Unless it is told otherwise,
only this machine can reach it, and only under a loopback name: a web page that makes a browser send
requests here (DNS rebinding) is refused by its Host header, and any other web page by its Origin
header.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, ClassVar

from identity_reconciler.sandbox.accounts import access_key_of
from identity_reconciler.sandbox.bodies import read_body
from identity_reconciler.sandbox.errors import LostResponseError, SandboxError, ServiceError
from identity_reconciler.sandbox.management import PREFIX, Management
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse, refused
from identity_reconciler.sandbox.sandbox import Sandbox

LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_HOST = re.compile(rf"({_NAME.pattern})(:\d{{1,5}})?")
_ENDPOINTS = ("IDENTITYSTORE", "SSO_ADMIN", "STS", "ORGANIZATIONS", "ACCOUNT_ACCESS")
_IDLE = 60.0
"""Seconds after which a connection without a request is closed."""
_LINGER = 2.0
"""Seconds for which the rest of a refused request is taken and thrown away."""
_PIECE = 64 * 1024
_NOT_LOCAL = (
    "The sandbox answers programs, not web pages, and under names that it knows: those of this "
    "machine, and what `identity-reconciler sandbox serve --allowed-host NAME` adds."
)
_PATIENCE = 5.0
"""Seconds that requests under way get to finish when the server ends."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and under which names it answers."""

    port: int = 0
    """0 takes a free one."""
    host: str = LOOPBACK
    """An IP address; any but a loopback one can be reached from other machines."""
    names: frozenset[str] = frozenset()
    """What may stand in the Host header besides the loopback names and *host*."""

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            raise SandboxError(
                f"{self.host!r} is no address to listen on: give an IP address, {LOOPBACK} for "
                "this machine alone or 0.0.0.0 for a container."
            ) from None
        for name in sorted(self.names):
            if not _NAME.fullmatch(name.lower()):
                raise SandboxError(
                    f"{name!r} is no name of a host: give it as in a URL, without port and "
                    "wildcards."
                )

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach it."""
        return not ipaddress.ip_address(self.host).is_loopback

    @property
    def allowed(self) -> frozenset[str]:
        """Every name that it answers under, in lower case."""
        given = {name.lower() for name in self.names}
        # All addresses at once are nobody's name.
        own = set() if self._is_everywhere else {_in_url(self.host)}
        return _LOOPBACK_NAMES | given | own

    @property
    def name(self) -> str:
        """The name that clients are told."""
        if self.names:
            return min(self.names)
        return LOOPBACK if self._is_everywhere else _in_url(self.host)

    @property
    def _is_everywhere(self) -> bool:
        return ipaddress.ip_address(self.host).is_unspecified


def _in_url(address: str) -> str:
    return f"[{address.lower()}]" if ":" in address else address


class _Connection(BaseHTTPRequestHandler):
    """Reads the requests of one connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    server_version = "identity-reconciler-sandbox"
    sys_version = ""
    timeout = _IDLE
    # An answer goes out in two small pieces; waiting to join them costs 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1
    respond: ClassVar[Callable[[HttpRequest], HttpResponse]]
    management: ClassVar[Management]
    allowed: ClassVar[frozenset[str]]

    def do_GET(self) -> None:
        """Answer whether the sandbox is up, or an operation that has a path."""
        if self.path.startswith(PREFIX) or (self.path != "/" and self.command != "HEAD"):
            self._answer()
        else:
            self.send_error(501, f"Unsupported method ({self.command!r})")

    do_HEAD = do_DELETE = do_GET  # noqa: N815 - as `http.server` spells them

    def do_POST(self) -> None:
        """Answer an operation: most of them are a POST."""
        self._answer()

    def _answer(self) -> None:
        host = _HOST.fullmatch(self.headers.get("Host", "").lower())
        if host is None or host.group(1) not in self.allowed or "Origin" in self.headers:
            self._refuse(ServiceError("AccessDeniedException", _NOT_LOCAL))
            return
        try:
            body = read_body(self.headers, self.rfile)
        except ServiceError as error:
            self._refuse(error)
            return
        if self.path.startswith(PREFIX):
            self._write(self.management.respond(self.command, self.path))
        else:
            self._respond(body)

    def _respond(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = f"http://{self.headers['Host']}{self.path}"
        try:
            response = type(self).respond(HttpRequest(self.command, url, headers, body))
        except LostResponseError:
            self.close_connection = True
            # What the client sees is a connection that breaks off, not an empty answer.
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._write(response)

    def _refuse(self, error: ServiceError) -> None:
        # The request may have no clear end, so the connection cannot be used again.
        self.close_connection = True
        self._write(refused(error, ""))
        # Whoever still sends would see a connection that breaks, and not the answer.
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER)
            end = time.monotonic() + _LINGER
            while self.rfile.read1(_PIECE) and time.monotonic() < end:
                pass

    def _write(self, response: HttpResponse) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in {"date", "server", "content-length"}:
                self.send_header(name, value)
        if response.status != HTTPStatus.NO_CONTENT:
            # Documented: RFC 9110, section 8.6.
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Write nothing: the responder logs, and stderr is the command's."""


class SandboxServer(ThreadingHTTPServer):
    """A sandbox that listens.

    *reset* is what `/_sandbox/reset` does; by default it leaves what a new sandbox is furnished
    with.

    Raises:
        SandboxError: It cannot listen there.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        sandbox: Sandbox,
        listening: Listening | None = None,
        *,
        reset: Callable[[], None] | None = None,
    ) -> None:
        self._listening = listening or Listening()
        self.address_family = self._listening.family
        self._connections: set[Any] = set()
        self._none_open = threading.Condition()
        members = {
            "respond": staticmethod(sandbox.responder.respond),
            "management": Management(sandbox.responder.world, reset or sandbox.start_afresh),
            "allowed": self._listening.allowed,
        }
        address = (self._listening.host, self._listening.port)
        try:
            super().__init__(address, type("Connection", (_Connection,), members))
        except (OSError, OverflowError) as error:
            raise SandboxError(
                f"Cannot listen on {address[0]} port {address[1]}: {error}."
            ) from error

    def server_bind(self) -> None:
        """Bind without looking up the name of the address, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self._listening.name, self.port

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return f"http://{self._listening.name}:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in a thread until the end of the block.

        The end takes no longer than the requests that are under way: nothing polls, and
        connections that only wait are closed.
        """
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                self.handle_request()

        thread = threading.Thread(target=accept, name="sandbox", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            # A connection wakes the thread that waits for one.
            with suppress(OSError):
                socket.create_connection((self._listening.host, self.port), _PATIENCE).close()
            thread.join(_PATIENCE)
            self._close_connections()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - sockets
        """Answer a connection in a thread of its own; see `ThreadingMixIn`."""
        with self._none_open:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as above
        """Close a connection; see `TCPServer`."""
        super().shutdown_request(request)
        with self._none_open:
            self._connections.discard(request)
            self._none_open.notify_all()

    def _close_connections(self) -> None:
        """Let requests under way be answered, and no further one begin."""
        with self._none_open:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._none_open.wait_for(lambda: not self._connections, _PATIENCE)

    def handle_error(self, *_: object) -> None:
        """Ignore a connection that broke: the client has gone, and the data is safe."""


def exports(url: str, account: str, region: str) -> Mapping[str, str]:
    """Return the environment that leads the AWS CLI, Terraform and SDKs to the sandbox."""
    return {
        **{f"AWS_ENDPOINT_URL_{name}": url for name in _ENDPOINTS},
        "AWS_ACCESS_KEY_ID": access_key_of(account),
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
