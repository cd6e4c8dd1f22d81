"""The served form: HTTP on the loopback interface, for programs that are not ours.

One thread for each connection, and the same responder as in process. Only this machine can reach
it, and only under a loopback name: a web page that makes a browser send requests here (DNS
rebinding) is refused by its Host header, and any other web page by its Origin header.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import ClassVar

from identity_reconciler.sandbox.accounts import access_key_of
from identity_reconciler.sandbox.errors import LostResponseError, SandboxError, ServiceError
from identity_reconciler.sandbox.messages import MAX_BODY, HttpRequest, HttpResponse, refused
from identity_reconciler.sandbox.responder import Responder

LOOPBACK = "127.0.0.1"
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_ENDPOINTS = ("IDENTITYSTORE", "SSO_ADMIN", "STS", "ORGANIZATIONS")
_IDLE = 60.0
"""Seconds after which a connection without a request is closed."""


class _Connection(BaseHTTPRequestHandler):
    """Reads the requests of one connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    server_version = "identity-reconciler-sandbox"
    sys_version = ""
    timeout = _IDLE
    # An answer goes out in two small pieces; waiting to join them costs 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1
    responder: ClassVar[Responder]

    def do_POST(self) -> None:
        """Answer an operation: every operation is a POST."""
        length = self.headers.get("Content-Length", "")
        if not _HOST.fullmatch(self.headers.get("Host", "")) or "Origin" in self.headers:
            self._refuse("AccessDeniedException", "The sandbox answers local programs only.")
        elif not (length.isascii() and length.isdigit()):
            self._refuse("SerializationException", "The request has no valid Content-Length.")
        elif int(length) > MAX_BODY:
            text = f"The request has more than {MAX_BODY} bytes."
            self._refuse("RequestEntityTooLargeException", text)
        else:
            self._respond(self.rfile.read(int(length)))

    def _respond(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = f"http://{self.headers['Host']}{self.path}"
        try:
            response = self.responder.respond(HttpRequest("POST", url, headers, body))
        except LostResponseError:
            self.close_connection = True
            # What the client sees is a connection that breaks off, not an empty answer.
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._write(response)

    def _refuse(self, code: str, message: str) -> None:
        # What is left of the request is not read, so the connection cannot be used again.
        self.close_connection = True
        self._write(refused(ServiceError(code, message), ""))

    def _write(self, response: HttpResponse) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in {"date", "server", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Write nothing: the responder logs, and stderr is the command's."""


class SandboxServer(ThreadingHTTPServer):
    """The sandbox on a loopback port. Port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, responder: Responder, port: int = 0) -> None:
        connection = type("Connection", (_Connection,), {"responder": responder})
        try:
            super().__init__((LOOPBACK, port), connection)
        except OSError as error:
            raise SandboxError(f"Cannot listen on {LOOPBACK} port {port}: {error}.") from error

    def server_bind(self) -> None:
        """Bind without looking up the name of the address, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.port

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return f"http://{LOOPBACK}:{self.port}"

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
