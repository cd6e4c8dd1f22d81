"""What a probe finds: an answer that can be compared, and the words of the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from identity_reconciler.gateway.wire.errors import code_of

ACCEPTED = "accepted"
REFUSED = "refused"
DENIED = "denied"

_MEASURED = frozenset(
    {
        "ValidationException",
        "AlreadyCreatedException",
        "ConflictException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
    }
)
"""Refusals of the request itself. All others say something of permissions, load or support."""

FAILURES = (ClientError, BotoCoreError, ResponseParserError)
"""What a request can raise."""

_IDENTIFIERS = re.compile(
    r"arn:aws[\w-]*:\S+|\b(?:[0-9a-f]{10}-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\bd-[0-9a-f]{10}\b|\b\d{12}\b|\S*idrec-probe-\S*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """The answer to the question of a probe, at one place."""

    answer: str
    """One of a few words: accepted, refused, gone, stays, ..."""
    code: str = ""
    """Of a refusal: the exception, and its Reason where it has one."""
    message: str = field(default="", compare=False)
    """Of a refusal: the text of the service, without identifiers. Texts may differ."""

    def __str__(self) -> str:
        return f"{self.answer}: {self.code}" if self.code else self.answer


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Why there is no answer at one place."""

    reason: str

    def __str__(self) -> str:
        return f"not measured: {self.reason}"


class NotMeasuredError(Exception):
    """A probe cannot be carried out here; the text says why, without names or identifiers."""


def refusal(error: ClientError, *, denial: bool = False) -> Observation:
    """Return the observation that the service refuses a request.

    *denial*: AccessDeniedException is an answer too; otherwise a permission is missing.

    Raises:
        NotMeasuredError: The refusal is not about the request: a permission is missing, the
            operation is not there, or the service has trouble.
    """
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    denied = denial and code == "AccessDeniedException"
    if code not in _MEASURED and not denied:
        raise NotMeasuredError(words(error))
    if denied:
        # Its text names the caller.
        return Observation(DENIED)
    reason = error.response.get("Reason")
    text = _IDENTIFIERS.sub("...", message)
    return Observation(REFUSED, f"{code} {reason}" if reason else code, text)


def words(error: Exception) -> str:
    """Return what a failed request met; no text of the service, which may hold names."""
    if isinstance(error, ClientError):
        return f"{error.operation_name} was answered with {code_of(error) or 'an error'}"
    return f"there was no answer ({type(error).__name__})"


def is_missing(error: ClientError) -> bool:
    """Return whether the service says that what was asked for does not exist."""
    return code_of(error) == "ResourceNotFoundException"


def chosen(answers: Mapping[bool, str], measure: Callable[[], bool]) -> Observation:
    """Return the answer for what *measure* finds."""
    return Observation(answers[measure()])
