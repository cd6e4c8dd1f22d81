"""The one place where errors of AWS and of its SDK become ours.

A message says which request failed, what AWS answered and what to do next. What AWS echoes of
the request is taken out of it: attribute values are personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from botocore import exceptions as sdk
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from identity_reconciler.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ChangedError,
    CredentialsError,
    GatewayError,
    IncompleteReadError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    ReconcilerError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)

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


_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429
_THROTTLES = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_CREDENTIAL_TROUBLE: tuple[type[BotoCoreError], ...] = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.NoAuthTokenError,
    sdk.MetadataRetrievalError,
    sdk.ProfileNotFound,
    sdk.SSOError,
    sdk.LoginError,
)
_MAYBE_SENT: tuple[type[Exception], ...] = (
    # Includes ReadTimeoutError, ConnectionClosedError and every error urllib3 has no class for.
    sdk.HTTPClientError,
    # A broken TLS connection may break after the request has gone out.
    sdk.SSLError,
    sdk.IncompleteReadError,
    ResponseParserError,
    # Older releases of urllib3 say so, too, when a connection through a proxy breaks later.
    sdk.ProxyConnectionError,
)
_NOT_SENT: tuple[type[Exception], ...] = (sdk.EndpointConnectionError, sdk.ConnectTimeoutError)
"""No connection was made. Source: botocore httpsession."""
_RENEW = (
    "renew the credentials (for IAM Identity Center: aws sso login --profile PROFILE; otherwise "
    "set AWS_PROFILE or the AWS_ACCESS_KEY_ID family) and check them with "
    "aws sts get-caller-identity"
)


class ForbiddenRequestError(ReconcilerError):
    """A request was about to be sent that its client must not send: an error in this program."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, as far as messages and the meaning of its errors depend on it."""

    service: str
    """As botocore spells it: "identitystore", "sso-admin" or "sts"."""
    operation: str
    """As in the API: "CreateUser"."""
    subject: str
    """What it is about, for people: "user/alice", "the list of users"."""
    writes: bool = False

    @property
    def permission(self) -> str:
        """The IAM action that allows it. Source: service-authorization reference."""
        return f"{self.service.removesuffix('-admin')}:{self.operation}"

    def __str__(self) -> str:
        return f"{self.permission} for {self.subject}"


@contextmanager
def translating(call: Call) -> Iterator[None]:
    """Turn every error of the SDK or of the service inside the block into one of ours.

    Raises:
        GatewayError: The subclass that says what is known about the outcome of *call*.
    """
    try:
        yield
    except ClientError as error:
        raise from_service(error, call) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise _from_sdk(error, call) from error
    except (KeyError, ValueError) as error:
        # A member that the model requires is missing, or has a value that it does not know:
        # botocore does not check answers.
        kind = UnknownOutcomeError if call.writes else IncompleteReadError
        raise kind(f"{call}: AWS answered without a usable {error}; run again") from error
    except (AttributeError, TypeError) as error:
        # A member is of another type than in the model: the SDK's parser or our reading stumbles.
        if call.writes:
            raise
        raise IncompleteReadError(
            f"{call}: AWS answered what cannot be read ({error}); run again"
        ) from error


def code_of(error: ClientError) -> str:
    """Return the error code, without the namespace that some services put before it."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def is_throttle(response: Mapping[str, Any]) -> bool:
    """Return whether a parsed *response* refuses the request for its rate."""
    code = str(response.get("Error", {}).get("Code", "")).rpartition("#")[2]
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return code in _THROTTLES or status == _TOO_MANY_REQUESTS


def retry_after(response: Mapping[str, Any]) -> float | None:
    """Return the seconds a throttled *response* asks to wait, or None.

    Only identitystore says so, as RetryAfterSeconds in the body, which botocore itself ignores.
    Source: botocore models and retries.
    """
    seconds = response.get("RetryAfterSeconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def is_missing(error: ClientError) -> bool:
    """Return whether *error* says that what was asked about is not live.

    A missing encryption key or store answers with the same code and is something else. Source:
    ResourceNotFoundException in the identitystore and sso-admin models.
    """
    kind = str(error.response.get("ResourceType", ""))
    reason = str(error.response.get("Reason", ""))
    return (
        code_of(error) == "ResourceNotFoundException"
        and kind != "IDENTITY_STORE"
        and not reason.startswith("KMS")
    )


def from_service(error: ClientError, call: Call) -> GatewayError:
    """Return our error for an error that AWS answered."""
    response: Mapping[str, Any] = error.response
    code = code_of(error)
    if code in _BAD_CREDENTIALS:
        return CredentialsError(f"{call}: AWS does not accept the credentials ({code}); {_RENEW}")
    if code in _DENIALS:
        return AccessDeniedError(denial(_text(error), str(response.get("Reason", "")), call))
    if not call.writes:
        return _unread(error, call)
    if is_throttle(response):
        return ThrottledError(
            f"{call}: AWS refused the request for its rate; nothing was done, try again later",
            retry_after=retry_after(response),
        )
    if response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR:
        return UnknownOutcomeError(
            f"{call}: AWS had an internal error ({code}); whether it was done is unknown"
        )
    return _refused(error, code, call)


def _unread(error: ClientError, call: Call) -> IncompleteReadError:
    if is_throttle(error.response):
        advice = "the rate stays refused; lower the rates or try again when AWS is less busy"
    elif code_of(error) in {"ValidationException", "ResourceNotFoundException"}:
        advice = "check what it names, and instance_arn and identity_store_id in instance.yaml"
    else:
        advice = "run again; if it stays, see the AWS Health Dashboard"
    return IncompleteReadError(
        f"{call}: AWS answered {_answer(error)}, so the live state is not known; {advice}"
    )


def _refused(error: ClientError, code: str, call: Call) -> GatewayError:
    """Return our error for a write that AWS decided not to do."""
    answer = _answer(error)
    match code:
        case "ConflictException":
            return _conflict(error, call)
        case "ResourceNotFoundException" if is_missing(error):
            kind = str(error.response.get("ResourceType", "")).lower().replace("_", " ")
            return NotFoundError(f"{call}: {kind or 'something it requires'} is not live")
        case "PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey":
            # The object of S3 is not the one that was read. Source: PutObject, If-Match.
            return ChangedError(f"{call}: it has been changed since it was read")
        case "ServiceQuotaExceededException":
            return QuotaExceededError(
                f"{call}: a quota is used up ({answer}); ask for more in Service Quotas, or remove "
                "what is no longer needed"
            )
        case _:
            return InvalidRequestError(
                f"{call}: AWS refused it: {answer}; correct the desired state, sending it again "
                "does not help"
            )


_TAKEN: Mapping[str, str] = {
    "CreateUser": "its user name or its e-mail address is taken",
    "UpdateUser": "its new user name or its new e-mail address is taken",
    "CreateGroup": "its name is taken",
    "UpdateGroup": "its new name is taken",
}
"""What a value that must be unique may be; the answer does not say which one it is."""


def _conflict(error: ClientError, call: Call) -> GatewayError:
    """Return what a ConflictException means, which differs between the two services.

    identitystore: a duplicate, or a concurrent change, told apart by Reason; a missing Reason is
    read as what the operation makes likely. sso-admin: an earlier write has not reached the host
    that answered, so the outcome is open. Source: API_UpdateGroup and
    API_CreateApplicationAssignment, errors.
    """
    reason = str(error.response.get("Reason", ""))
    creates = call.operation.startswith("Create")
    if call.service == "sso-admin":
        return UnknownOutcomeError(f"{call}: an earlier write is still on its way inside AWS")
    if reason == "UNIQUENESS_CONSTRAINT_VIOLATION" or (creates and not reason):
        return AlreadyExistsError(f"{call}: {_TAKEN.get(call.operation, 'it is live already')}")
    if creates:
        return UnknownOutcomeError(f"{call}: another change ran at the same moment")
    return ChangedError(f"{call}: it has been changed since it was read; plan again")


def _from_sdk(error: BotoCoreError | ResponseParserError, call: Call) -> GatewayError:
    """Return our error for a request that got no answer, or none that can be read."""
    if isinstance(error, _CREDENTIAL_TROUBLE):
        found = _first_line(error)
        return CredentialsError(f"{call}: no usable credentials ({found}); {_RENEW}")
    if isinstance(error, sdk.ParamValidationError):
        found = _parameters(error)
        return InvalidRequestError(f"{call}: the SDK refuses {found}; nothing was sent")
    if isinstance(error, sdk.PaginationError):
        return IncompleteReadError(f"{call}: AWS repeats the same page; run again")
    name = type(error).__name__
    if call.writes and isinstance(error, _MAYBE_SENT):
        return UnknownOutcomeError(f"{call}: the answer was lost ({name})")
    not_sent = UnreachableError if isinstance(error, _NOT_SENT) else GatewayError
    kind = not_sent if call.writes else IncompleteReadError
    return kind(
        f"{call}: AWS could not be reached ({name}: {_endpoint(error)}); check region, network, "
        "proxy and --endpoint-url"
    )


def _endpoint(error: Exception) -> str:
    """Return the address that was tried, or the kind of trouble where there is none."""
    details = getattr(error, "kwargs", {})
    return str(details.get("endpoint_url") or details.get("proxy_url") or "no connection")


def _parameters(error: sdk.ParamValidationError) -> str:
    """Return the names of the refused parameters; the report itself holds their values."""
    report = str(error)
    missing = re.findall(r'Missing required parameter in \w+: "(\w+)"', report)
    named = re.findall(r"parameter ([\w.\[\]]+),", report)
    return ", ".join(dict.fromkeys([*missing, *named])) or "the request"


def _text(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def _answer(error: ClientError) -> str:
    """Return code, reason and message of *error*, without the values it echoes."""
    reason = str(error.response.get("Reason", ""))
    label = f"{code_of(error)} ({reason})" if reason else code_of(error)
    text = re.sub(r"Value '.*?' at", "Value at", _text(error))
    text = re.sub(r"[^\s'\"<>,;]+@[^\s'\"<>,;]+", "[e-mail address]", text).strip()
    return f"{label}: {text}" if text else label


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
