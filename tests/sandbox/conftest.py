"""What the tests of the sandbox share: an open sandbox and boto3 clients that talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from identity_reconciler.sandbox import InstanceDetails, Sandbox

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"


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
