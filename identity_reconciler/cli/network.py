"""What `doctor` says of network controls."""

from __future__ import annotations

from collections.abc import Callable

from identity_reconciler.errors import AccessDeniedError, GatewayError
from identity_reconciler.gateway.reading.network import NetworkControls

_SHOWN = 5
"""Addresses that are named; of more there is the number."""


def told(what: str, ask: Callable[[], NetworkControls]) -> str:
    """Return from where *what* can be reached, in a line for people."""
    try:
        found = ask()
    except AccessDeniedError as error:
        return (
            f"network controls of {what} are not known ({error}); where they shut this place out, "
            "every request is refused in the same way"
        )
    except GatewayError as error:
        return f"network controls of {what} are not known: {error}"
    texts = []
    if found.endpoint_required:
        texts.append(f"reached {_ways(found)} only; any other place is refused with AccessDenied")
    if found.scim_addresses:
        texts.append(f"provisioned by SCIM from {_some(found.scim_addresses)} only")
    return f"network controls of {what}: {'; '.join(texts) or 'none, it is reached from anywhere'}"


def _ways(found: NetworkControls) -> str:
    of = f" of {_some(found.vpcs)}" if found.vpcs else ""
    ways = [f"through a VPC endpoint{of}"]
    if found.addresses:
        ways.append(f"from {_some(found.addresses)}")
    return " or ".join(ways)


def _some(texts: tuple[str, ...]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"{', '.join(texts[:_SHOWN])}{more}"
