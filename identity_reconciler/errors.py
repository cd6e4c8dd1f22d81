"""Every error this program raises, and the exit code each one ends in.

Errors carry data; the text for people is made once, here. Pure: no I/O.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a finished command tells the shell. The guide to the commands has the table."""

    SUCCESS = 0
    UNEXPECTED = 1
    CHANGES = 2
    INVALID_INPUT = 3
    GUARD = 4
    STALE_PLAN = 5
    LOCKED = 6
    PARTIAL_APPLY = 7
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class ExitCodeRow:
    """One row of the table of exit codes."""

    code: ExitCode
    meaning: str
    written: str
    """Whether AWS may have been written to: "no", "maybe" or "yes"."""


EXIT_CODES: tuple[ExitCodeRow, ...] = (
    ExitCodeRow(ExitCode.SUCCESS, "success; a plan with or without changes", "maybe"),
    ExitCodeRow(
        ExitCode.UNEXPECTED,
        "unexpected error; AWS could not be read, or only in part, or refused all of an apply",
        "no",
    ),
    ExitCodeRow(
        ExitCode.CHANGES,
        "changes present, or references unresolved, only with --detailed-exitcode and --check",
        "no",
    ),
    ExitCodeRow(
        ExitCode.INVALID_INPUT, "invalid input: usage, YAML, schema, reference, policy", "no"
    ),
    ExitCodeRow(ExitCode.GUARD, "refused by a guard", "no"),
    ExitCodeRow(
        ExitCode.STALE_PLAN,
        "refused: the plan is stale, expired, changed, or for another instance, or the commit does "
        "not descend from the one applied last",
        "no",
    ),
    ExitCodeRow(ExitCode.LOCKED, "the lock is held by someone else, or was lost to them", "no"),
    ExitCodeRow(
        ExitCode.PARTIAL_APPLY,
        "partial: an apply that wrote something, or may have, while something failed, was skipped, "
        "or remains; one that did all but what is unresolved; one of several instances that did "
        "not all end well; or an audit that could not read every account",
        "maybe",
    ),
    ExitCodeRow(
        ExitCode.INTERRUPTED,
        "interrupted (Ctrl-C), after finishing the requests in flight",
        "maybe",
    ),
    ExitCodeRow(
        ExitCode.TERMINATED, "terminated (SIGTERM), after finishing the requests in flight", "maybe"
    ),
)


_BY_GRAVITY = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.PARTIAL_APPLY,
    ExitCode.UNEXPECTED,
    ExitCode.INVALID_INPUT,
    ExitCode.STALE_PLAN,
    ExitCode.GUARD,
    ExitCode.LOCKED,
    ExitCode.CHANGES,
    ExitCode.SUCCESS,
)


def gravest(codes: Iterable[ExitCode], *, written: bool = False) -> ExitCode:
    """Return what a command ends with whose work for several instances ended with *codes*.

    The gravest of them. Where something was *written* for one instance, though not everything
    was done for all, that is `PARTIAL_APPLY`: the code of a single refusal would deny it.
    """
    found = min(codes, key=_BY_GRAVITY.index, default=ExitCode.SUCCESS)
    refused = _BY_GRAVITY.index(found) > _BY_GRAVITY.index(ExitCode.PARTIAL_APPLY)
    is_partial = written and refused and found is not ExitCode.SUCCESS
    return ExitCode.PARTIAL_APPLY if is_partial else found


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something stands in the desired state."""

    file: str
    """Path relative to the desired-state directory, with forward slashes; or what has no lines,
    such as an argument."""
    line: int = 0
    """1 is the first line; 0: all of it."""
    column: int = 0
    """1 is the first character; 0: the whole line."""

    def __str__(self) -> str:
        return ":".join([self.file, *(str(one) for one in (self.line, self.column) if one)])


def file_below(prefix: str, file: str) -> str:
    """Return the path of the *file* of a position, seen from where *prefix* leads down from.

    *prefix* is empty or ends with a slash. A fragment is beside the directory, not below it.
    """
    path = f"{prefix}{file}"
    return posixpath.normpath(path) if file.startswith("../") else path


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the input: where, and what was found, expected and to be done."""

    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.message}"


class ReconcilerError(Exception):
    """The root of our errors: a message for people and the exit code the command ends with."""

    exit_code = ExitCode.UNEXPECTED


class InvalidInputError(ReconcilerError):
    """The YAML, a reference or the usage is wrong; carries every problem, not only the first."""

    exit_code = ExitCode.INVALID_INPUT

    def __init__(self, problems: tuple[Problem, ...] | list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(ReconcilerError):
    """The command was called in a way that cannot work."""

    exit_code = ExitCode.INVALID_INPUT


class WrongInstanceError(ReconcilerError):
    """The credentials or the service lead to another account or instance than the settings name."""

    exit_code = ExitCode.STALE_PLAN


class StalePlanError(ReconcilerError):
    """A saved plan is damaged, expired, for something else, or no longer what would be done."""

    exit_code = ExitCode.STALE_PLAN


class BlockedError(ReconcilerError):
    """A guard refuses the plan, and no approval covers it."""

    exit_code = ExitCode.GUARD


class LockHeldError(ReconcilerError):
    """Somebody else is applying; who it is stands in the message."""

    exit_code = ExitCode.LOCKED


class PartialApplyError(ReconcilerError):
    """An apply ended, after it had written something, by what no apply should end by."""

    exit_code = ExitCode.PARTIAL_APPLY


class GatewayError(ReconcilerError):
    """AWS could not do what was asked. Subclasses say what is known about the outcome."""


class IncompleteReadError(GatewayError):
    """Part of the live state could not be read, so there is no plan."""


class AlreadyExistsError(GatewayError):
    """A create met an object that already has the key."""


class NotFoundError(GatewayError):
    """The object, or something it requires, is not live."""


class ChangedError(GatewayError):
    """The live object is no longer what was read."""


class AccessDeniedError(GatewayError):
    """The credentials lack a permission; the message names it and the resource."""


class CredentialsError(GatewayError):
    """There are no credentials, or they have expired; every further request would fail."""


class LockLostError(GatewayError):
    """Somebody else may be applying by now, so nothing was sent, and nothing more is to be."""

    exit_code = ExitCode.LOCKED


class InvalidRequestError(GatewayError):
    """AWS refused the request as invalid or unsupported; sending it again cannot help."""


class QuotaExceededError(GatewayError):
    """A resource quota of the instance is used up."""


class ThrottledError(GatewayError):
    """AWS refused the request for its rate; nothing was done, and trying later helps."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds AWS asks to wait, where it says so."""


class UnreachableError(GatewayError):
    """No connection was made, so nothing was sent; trying later may help."""


class UnknownOutcomeError(GatewayError):
    """The answer was lost or unsettled: the write may or may not have happened; read back."""
