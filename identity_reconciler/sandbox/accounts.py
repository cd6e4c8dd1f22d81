"""Who is calling: the accounts behind access keys."""

from __future__ import annotations

import re

from moto.utilities.utils import get_partition

from identity_reconciler.sandbox.messages import CredentialScope
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.world import Caller

DEFAULT_ACCOUNT = "123456789012"
"""The account of unknown credentials as long as there is no instance."""
DEFAULT_REGION = "us-east-1"

_KEY_OF_ACCOUNT = re.compile(r"(?:A[KS]IASBOX)?(\d{12})")


def access_key_of(account: str) -> str:
    """Return the access key id of an account in the sandbox."""
    return f"AKIASBOX{account}"


def partition_of(region: str) -> str:
    """Return the partition of a Region, the second part of every ARN."""
    return str(get_partition(region))


def identify(store: Store, scope: CredentialScope | None) -> Caller:
    """Return who made a request: an assumed role, the account in the access key, or the owner.

    Any credentials do: signatures are not verified.
    """
    access_key = scope.access_key if scope else ""
    region = scope.region if scope else DEFAULT_REGION
    row = store.one("SELECT * FROM credentials WHERE access_key = ?", (access_key,))
    if row is not None:
        return Caller(row["account"], region, row["arn"], row["user_id"], access_key)
    match = _KEY_OF_ACCOUNT.fullmatch(access_key)
    account = match.group(1) if match else owner(store)
    arn = f"arn:{partition_of(region)}:iam::{account}:user/sandbox"
    return Caller(account, region, arn, "AIDASANDBOXSANDBOX123", access_key)


def owner(store: Store) -> str:
    """Return the account that owns the organisation's instance: its management account."""
    row = store.one("SELECT account FROM instances ORDER BY organization DESC, row LIMIT 1")
    return str(row["account"]) if row else DEFAULT_ACCOUNT
