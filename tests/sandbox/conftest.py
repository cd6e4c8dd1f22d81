"""What the tests of the sandbox share: an open sandbox and boto3 clients that talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.responder import Responder

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"

# Every answer in the tests is checked against the service model.
Responder.strict = True


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker of the long programme known."""
    config.addinivalue_line("markers", "slow: part of the long programme; run it with `-m slow`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long programme out unless it is asked for."""
    if "slow" in config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        opened.ensure_instance(InstanceDetails())
        yield opened


@pytest.fixture
def store(sandbox: Sandbox) -> IdentityStoreClient:
    return sandbox.session().client("identitystore")


@pytest.fixture
def admin(sandbox: Sandbox) -> SSOAdminClient:
    return sandbox.session().client("sso-admin")
