"""Run `sandbox serve` as a process, and clients that know only what it printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3

from tests.command import Running, environment, running

INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
STORE = "d-1234567890"

Service = Literal["identitystore", "sso-admin", "sts"]


@dataclass(frozen=True)
class Served:
    """A sandbox that is being served."""

    process: Running
    exports: dict[str, str]
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that is to talk to it."""
        return environment(**self.exports)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.exports["AWS_ENDPOINT_URL_IDENTITYSTORE"]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return urlsplit(self.url).port or 0

    def client(self, service: Service) -> Any:  # noqa: ANN401 - one of three clients
        """Return a boto3 client as a script would make it from the exports, made once."""
        if service not in self._clients:
            session: Any = boto3.Session(
                self.exports["AWS_ACCESS_KEY_ID"],
                self.exports["AWS_SECRET_ACCESS_KEY"],
                region_name=self.exports["AWS_REGION"],
            )
            self._clients[service] = session.client(service, endpoint_url=self.url)
        return self._clients[service]


@contextmanager
def serving(cwd: Path, *arguments: str) -> Iterator[Served]:
    """Serve the sandbox in *cwd* until the end of the block."""
    with running("sandbox", "serve", "--strict", *arguments, cwd=cwd) as process:
        exports: dict[str, str] = {}
        while "AWS_EC2_METADATA_DISABLED" not in exports:
            line = process.out.readline()
            assert line, "it ended before it served"
            name, _, value = line.removeprefix("export ").strip().partition("=")
            exports[name] = value
        yield Served(process, exports)
