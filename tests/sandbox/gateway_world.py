"""A sandbox behind the gateway, for the tests of the gateway."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Email,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
    folded,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.clients import Clients, make_clients
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.gateway.wire.pacing import Clock, Rates
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble

if TYPE_CHECKING:
    import boto3

DETAILS = InstanceDetails()
INSTANCE = Instance(
    name="main",
    region=DETAILS.region,
    account_id=DETAILS.account_id,
    instance_arn=DETAILS.instance_arn,
    identity_store_id=DETAILS.identity_store_id,
)
UNPACED = Rates(sso_admin=100_000, identity_store=100_000, account_access=100_000)
EVERYTHING = Wanted(
    users=True,
    groups=True,
    applications=True,
    members_of=lambda _: True,
    assignments_of=lambda _: True,
)


@lru_cache(maxsize=1)
def _session(sandbox: Sandbox) -> boto3.Session:
    """Return one session for all clients of a test, so that models are loaded once."""
    return sandbox.session()


def clients(
    sandbox: Sandbox, *, write: bool = True, rates: Rates = UNPACED, clock: Clock | None = None
) -> Clients:
    """Return clients that talk to *sandbox*."""
    purpose = Purpose.APPLY if write else Purpose.PLAN
    session, region = _session(sandbox), INSTANCE.region
    return make_clients(session, region=region, purpose=purpose, rates=rates, clock=clock)


def gateway(sandbox: Sandbox, *, write: bool = True) -> AwsGateway:
    """Return a gateway to *sandbox* that knows nothing yet and has counted nothing.

    One that does not *write* is made in half the time.
    """
    return connect(clients(sandbox, write=write), INSTANCE)


def user(name: str, **attributes: str | None) -> User:
    """Return a user that AWS would accept."""
    declared = User(
        UserName(name),
        display_name=name.title(),
        given_name="Given",
        family_name="Family",
        email=Email(f"{folded(name)}@example.com", primary=True),
    )
    texts: dict[str, str | None] = attributes
    return replace(declared, **texts)  # type: ignore[arg-type]  # Only fields that are strings.


def group(name: str, description: str | None = None) -> Group:
    return Group(GroupName(name), description)


def member(group_name: str, user_name: str) -> Membership:
    return Membership(GroupName(group_name), UserName(user_name))


def assigned(arn: str, kind: PrincipalKind, name: str, *, orphan: bool = False) -> Assignment:
    principal = Principal(kind, name if orphan else folded(name), orphan)
    return Assignment(ApplicationArn(arn), principal, principal_name=name)


def trouble(operation: str, kind: FaultKind, code: str = "", **members: str | int) -> Trouble:
    """Return trouble with the first call of *operation*."""
    fault = Fault(operation, kind, code=code or "InternalServerException", members=members)
    return Trouble(faults=(fault,))


def asked(of: AwsGateway) -> Counter[tuple[str, str]]:
    """Return the requests of a gateway without the two that connected it."""
    counts = of.requests.counts()
    del counts["sts", "GetCallerIdentity"], counts["sso-admin", "ListInstances"]
    return counts
