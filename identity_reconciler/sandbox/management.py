"""What a served sandbox is asked about itself: whether it is up, and to start afresh.

Paths below `/_sandbox/` are no part of AWS.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable

from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.messages import HttpResponse
from identity_reconciler.sandbox.world import World

PREFIX = "/_sandbox/"
_METHODS = {"health": "GET", "reset": "POST"}
_KNOWN = "; ".join(f"{method} {PREFIX}{name}" for name, method in _METHODS.items())

_LOG = logging.getLogger(__name__)


class Management:
    """Answers the requests below `PREFIX`."""

    def __init__(self, world: World, reset: Callable[[], None]) -> None:
        self._world = world
        self._reset = reset
        self._lock = threading.Lock()

    def respond(self, method: str, path: str) -> HttpResponse:
        """Return the answer to *method* on *path*, as JSON."""
        name = path.removeprefix(PREFIX)
        if name not in _METHODS:
            return _answer(404, f"There is no {path}; there are {_KNOWN}.")
        # A HEAD is a GET whose answer is sent without its body.
        if method.replace("HEAD", "GET") != _METHODS[name]:
            return _answer(405, f"{path} takes {_METHODS[name]}.")
        return self._health() if name == "health" else self._start_afresh()

    def _health(self) -> HttpResponse:
        with self._world.store.transaction(write=False) as store:
            store.one("SELECT 1 FROM instances")
        return _answer(200, "ok")

    def _start_afresh(self) -> HttpResponse:
        try:
            # One after the other: two at once would leave a mixture.
            with self._lock:
                self._reset()
        except SandboxError as error:
            _LOG.exception("The sandbox could not start afresh")
            return _answer(500, str(error))
        return _answer(200, "ok")


def _answer(status: int, text: str) -> HttpResponse:
    body = json.dumps({"status" if status == 200 else "message": text})  # noqa: PLR2004 - HTTP
    return HttpResponse(status, body.encode(), {"Content-Type": "application/json"})
