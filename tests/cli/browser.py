"""A real Chromium, without a window, spoken to in the protocol of WebDriver."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1400,900",
)


class Browser:
    """One browser with one page."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session = ""
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": CHROMIUM, "args": list(_OPTIONS)},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self._ask("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/{answer['sessionId']}"

    def _ask(self, method: str, path: str, data: object = None) -> Any:  # noqa: ANN401 - JSON
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            body = None if data is None else json.dumps(data)
            connection.request(method, f"/session{self._session}{path}", body)
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        assert not (isinstance(value, dict) and "error" in value), value
        return value

    def open(self, page: Path) -> None:
        """Show a file."""
        self._ask("POST", "/url", {"url": page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever it returns
        """Return what *script*, the body of a function, returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def type(self, selector: str, text: str) -> None:
        """Type *text* into the element, as with a keyboard."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        (identifier,) = found.values()
        self._ask("POST", f"/element/{identifier}/value", {"text": text})

    def click(self, selector: str) -> None:
        """Click on the element, as with a mouse."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        (identifier,) = found.values()
        self._ask("POST", f"/element/{identifier}/click", {})

    def complaints(self) -> list[str]:
        """Return what the console said since the last call: errors, and breaches of the policy."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path: Path) -> None:
        """Write a picture of the page."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def print(self) -> bytes:
        """Return the page as a PDF, on paper as the page asks for it."""
        asked = {"cmd": "Page.printToPDF", "params": {"preferCSSPageSize": True}}
        return base64.b64decode(self._ask("POST", "/goog/cdp/execute", asked)["data"])

    def resize(self, width: int, height: int) -> None:
        """Show the page in a window of that size, as on a phone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        asked = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self._ask("POST", "/goog/cdp/execute", asked)

    def close(self) -> None:
        """End the browser."""
        self._ask("DELETE", "")


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert DRIVER is not None
    with subprocess.Popen(
        [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        try:
            _await(port)
            opened = Browser(port)
            try:
                yield opened
            finally:
                opened.close()
        finally:
            driver.terminate()


def _await(port: int) -> None:
    """Return when something listens on *port*."""
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the driver of Chromium does not listen")
