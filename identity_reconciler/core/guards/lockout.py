"""The guard that keeps the administrators able to undo a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from identity_reconciler.core.access import Effect
from identity_reconciler.core.guard_settings import GuardSettings, ResourceKind
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.identities import is_user
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.state import Membership, User


def lockout_self(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to take from an administrator the account, a group, or access to anything.

    Any group counts, whatever is known to hang on it. A rename takes nothing away.
    """
    patterns = settings.administrators
    concerned = tuple(sorted(_taken(evidence, patterns))) if patterns else ()
    if not concerned:
        return None
    return Objection(
        f"{len(concerned)} would be taken from the configured administrators",
        "administrators to keep their accounts, groups, applications and AWS accounts",
        concerned,
    )


def _taken(evidence: Evidence, patterns: tuple[str, ...]) -> Iterator[str]:
    for removal in evidence.removals:
        match removal.resource:
            case User(user_name=name) | Membership(user=name) if is_user(patterns, name, evidence):
                yield evidence.address(removal.resource)
            case _:
                pass
    for change in evidence.access:
        if change.effect is Effect.LOST and is_user(patterns, change.user, evidence):
            application = change.application_name or change.application
            yield f"{ResourceKind.ACCESS}/{change.user}/{application}"
    for one in evidence.accounts:
        if one.effect is Effect.LOST and is_user(patterns, one.user, evidence):
            yield f"{ResourceKind.ACCESS}/{one.user}/{one.role.account}/{one.role.access}"
