"""Fixtures for the tests of other projects: AWS IAM Identity Center, new for each test.

pytest imports this at every start of every project that has it installed. So it imports nothing
before a fixture is used: neither moto and botocore, which take a second, nor modules of ours, which
a measurement of coverage that begins later would miss.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from identity_reconciler.sandbox.sandbox import Sandbox

_MISLEADING = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
)
"""Variables that lead clients past the sandbox."""
_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


@dataclass(frozen=True)
class ServedSandbox:
    """A sandbox that listens on a port of this machine."""

    sandbox: Sandbox
    url: str
    """`http://127.0.0.1:PORT`."""
    environment: Mapping[str, str]
    """The variables that lead the AWS CLI, Terraform and SDKs to it."""


@pytest.fixture
def identity_center() -> Iterator[Sandbox]:
    """An IAM Identity Center of this test alone: an instance and applications, and nobody in it.

    `identity_center.session()` is a boto3 session whose clients are answered in this process.
    """
    try:
        from identity_reconciler.sandbox.sandbox import Sandbox  # noqa: PLC0415
    except ModuleNotFoundError as error:
        pytest.fail(
            f"the fixture needs the package {error.name}; "
            "install it with: pip install 'identity-reconciler[sandbox]'",
            pytrace=False,
        )
    with Sandbox() as sandbox:
        sandbox.furnish()
        yield sandbox


@pytest.fixture
def identity_center_server(identity_center: Sandbox) -> Iterator[ServedSandbox]:
    """What `identity_center` holds, over HTTP: for clients in other processes and languages."""
    from identity_reconciler.sandbox.server import SandboxServer, exports  # noqa: PLC0415

    first = identity_center.summary().instances[0]
    with SandboxServer(identity_center) as server, server.running():
        environment = exports(server.url, first.account, first.region)
        yield ServedSandbox(identity_center, server.url, environment)


@pytest.fixture
def identity_center_environment(
    identity_center_server: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> ServedSandbox:
    """`identity_center_server` for code that makes its own clients: they need no argument.

    For the length of the test, the environment of this process and of those that it starts leads to
    the sandbox, whatever profile, credentials, endpoints and proxies this machine is set up with.
    """
    import boto3  # noqa: PLC0415

    # `boto3.client()` keeps the credentials of the first call in a process.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in _MISLEADING:
        monkeypatch.delenv(name, raising=False)
    for name in _FILES:
        monkeypatch.setenv(name, os.devnull)
    for name, value in identity_center_server.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, ",".join(filter(None, (os.environ.get(name), "127.0.0.1"))))
    return identity_center_server
