"""What an AccessDeniedException says: who lacks which permission on what, and what to do."""

from __future__ import annotations

import re
from typing import Protocol

# One sentence per missing resource, as seen in logs of callers. Source: binbashar/le-tf-infra-aws
# pull request 874.
_SENTENCE = re.compile(
    r"User: (?P<identity>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: (?P<resource>\S+))?"
)


class _Denied(Protocol):
    @property
    def permission(self) -> str: ...

    @property
    def writes(self) -> bool: ...


def denial(message: str, reason: str, call: _Denied) -> str:
    """Return the text for people about a refused *call*, from what AWS says as *message*."""
    command = "apply" if call.writes else "plan"
    hint = f"`identity-reconciler iam-policy {command}` prints what these credentials need"
    if reason.upper().startswith("KMS"):
        return (
            f"{call}: the customer managed key of the instance does not let these credentials in "
            f"({reason}); allow kms:Decrypt on the key for them. {hint}"
        )
    found = list(_SENTENCE.finditer(message))
    if not found:
        return f"{call}: the credentials lack the permission {call.permission}. {hint}"
    missing = [
        f"{match['action']} on {(match['resource'] or '*').rstrip('.,;')}" for match in found
    ]
    return f"{call}: {found[0]['identity']} lacks {'; '.join(dict.fromkeys(missing))}. {hint}"
