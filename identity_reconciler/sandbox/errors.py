"""Errors of the sandbox: those our program raises, and those the stand-in sends over the wire."""

from __future__ import annotations

from collections.abc import Mapping

from identity_reconciler.errors import ExitCode, ReconcilerError


class SandboxError(ReconcilerError):
    """The sandbox cannot do what was asked of it; AWS has no part in this."""

    exit_code = ExitCode.INVALID_INPUT


class StateFileError(SandboxError):
    """The state file cannot be opened, is not ours, or has another version."""


class RefusedRequestError(SandboxError):
    """A request was for a service that the sandbox does not stand in for; it was not sent."""


class TroubleFileError(SandboxError):
    """The description of the trouble to make is not valid."""


class LostResponseError(Exception):
    """The answer to a request gets lost on the way: the connection just closes."""


class ServiceError(Exception):
    """What the service answers instead of a result.

    Client errors have HTTP status 400, InternalServerException 500, in both services. Documented:
    IdentityStoreAPIReference and singlesignon APIReference, "Errors" of every operation.
    """

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members: Mapping[str, object] = {
            name: value for name, value in members.items() if value is not None
        }
        """Members of the modelled exception besides Message: Reason, ResourceType, ..."""

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return 500 if self.code == "InternalServerException" else 400


def validation(message: str) -> ServiceError:
    """Return the answer to an input that the service refuses."""
    return ServiceError("ValidationException", message)


def not_found(
    message: str, resource_type: str | None = None, resource_id: str | None = None
) -> ServiceError:
    """Return the answer for something that does not exist.

    The type and id are members of the exception in identitystore only. Documented: botocore model.
    """
    return ServiceError(
        "ResourceNotFoundException", message, ResourceType=resource_type, ResourceId=resource_id
    )


def duplicate(message: str) -> ServiceError:
    """Return the answer of the Identity Store to a second object with a unique attribute."""
    return ServiceError("ConflictException", message, Reason="UNIQUENESS_CONSTRAINT_VIOLATION")


def changed_meanwhile() -> ServiceError:
    """Return the answer of the Identity Store to a Revision that is no longer current.

    That it is a ConflictException is documented (API_UpdateGroup); this Reason and the text are
    assumed.
    """
    return ServiceError(
        "ConflictException",
        "The resource was changed since the revision was read.",
        Reason="CONCURRENT_MODIFICATION",
    )


def denied(caller_arn: str, action: str, resource: str) -> ServiceError:
    """Return the answer to a caller without the permission.

    The text is observed: an AccessDenied log in binbashar/le-tf-infra-aws pull request 874.
    """
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action",
    )
