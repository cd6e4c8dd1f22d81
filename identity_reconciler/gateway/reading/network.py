"""From where AWS lets an instance and its identity store be reached at all.

Whoever asks from another place is refused with AccessDenied, whatever his permissions are. Source:
UpdateInstance, NetworkConfiguration; UpdateIdentityStore, NetworkConfiguration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.wire.errors import Call, translating


@dataclass(frozen=True, slots=True)
class NetworkControls:
    """From where something can be reached; from everywhere if nothing is set."""

    endpoint_required: bool = False
    """Whether only requests through a VPC endpoint, or from `addresses`, are let in."""
    vpcs: tuple[str, ...] = ()
    """The VPCs whose endpoints are let in, as ARNs or ids; none set: all."""
    addresses: tuple[str, ...] = ()
    """Addresses and ranges that are let in without an endpoint, in CIDR notation."""
    scim_addresses: tuple[str, ...] = ()
    """From where SCIM may provision."""


def controls_of_instance(connection: Connection) -> NetworkControls:
    """Return those of the instance; one request.

    Raises:
        GatewayError: They could not be read.
    """
    with translating(Call("sso-admin", "DescribeInstance", "the network controls")):
        answer: Mapping[str, Any] = connection.clients.sso_admin.describe_instance(
            InstanceArn=connection.instance.instance_arn
        )
    return _controls(answer.get("NetworkConfigurationDetails", {}), "")


def controls_of_store(connection: Connection) -> NetworkControls:
    """Return those of the identity store; one request.

    Raises:
        GatewayError: They could not be read.
    """
    with translating(Call("identitystore", "DescribeIdentityStore", "the network controls")):
        answer: Mapping[str, Any] = connection.clients.identity_store.describe_identity_store(
            IdentityStoreId=connection.store
        )
    return _controls(answer.get("NetworkConfiguration", {}), "Api")


def _controls(settings: Mapping[str, Any], prefix: str) -> NetworkControls:
    return NetworkControls(
        endpoint_required=settings.get("VpceAccessRequired", False),
        vpcs=tuple(settings.get(f"{prefix}RestrictSourceVpcs", ())),
        addresses=tuple(settings.get(f"{prefix}AllowSourceIps", ())),
        scim_addresses=tuple(settings.get("ScimAllowSourceIps", ())),
    )
