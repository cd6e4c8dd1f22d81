"""How much of everything one instance may have. Documented: singlesignon userguide, limits."""

from __future__ import annotations

from dataclasses import dataclass

from identity_reconciler.sandbox.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Quotas:
    """The defaults, which AWS raises on request unless noted."""

    users: int = 200_000
    """Per identity store."""
    groups: int = 100_000
    """Per identity store."""
    applications: int = 7_000
    """Per instance."""
    groups_per_application: int = 100
    """Not raised on request. That assigning one more is this error is assumed."""
    groups_per_permission_set: int = 100
    """Assigned with one permission set in one account; not raised on request."""
    groups_per_role: int = 20
    """Entitled to one IAM role. Documented: IAM userguide, aam-quotas."""
    policies_per_permission_set: int = 20
    """AWS managed and customer managed ones together."""
    tags: int = 50
    """Per resource: the limit of tagging in all services."""


def check_quota(number: int, most: int, of_what: str) -> None:
    """Refuse the *number*-th of something of which there may be *most*. The text is assumed."""
    if number > most:
        raise ServiceError(
            "ServiceQuotaExceededException", f"You have reached the limit of {most} {of_what}."
        )
