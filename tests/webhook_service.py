"""A receiver of webhooks on this machine: takes them, refuses them, hangs, or leads elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SECRET = "a secret of a test, long enough"  # noqa: S105 - of a test
PATH = "/services/T0/B0/path-that-is-secret"


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Return the body, parsed."""
        return json.loads(self.body)


class WebhookService(AbstractContextManager["WebhookService"]):
    """Listens until its block ends."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        """Statuses to answer with, once each, before 204."""
        self.location = ""
        """Where a status from 300 to 399 leads."""
        self.hangs = False
        """Whether nothing is answered until the block ends."""
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """An address of it, which is a secret."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH}?token=also-secret"

    @property
    def variables(self) -> dict[str, str]:
        """The variables that lead to it."""
        return {
            "IDENTITY_RECONCILER_NOTIFY": self.url,
            "IDENTITY_RECONCILER_NOTIFY_SECRET": SECRET,
        }

    def take(self, request: Received) -> int | None:
        """Return the status to answer *request* with; None: nothing is answered."""
        self.received.append(request)
        if self.hangs:
            self._ended.wait()
            return None
        return self.answers.pop(0) if self.answers else 204


def _handler(service: WebhookService) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = service.take(Received(self.path, dict(self.headers), body))
            if status is None:
                return
            self.send_response(status)
            if service.location:
                self.send_header("Location", service.location)
            # A receiver may ask for a wait that nobody has time for.
            self.send_header("Retry-After", "3600")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            service.take(Received(self.path, dict(self.headers), b""))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
