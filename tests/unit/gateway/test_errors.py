"""Errors of AWS and of its SDK become ours, with what to do and without personal data."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.exceptions import ClientError
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
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from identity_reconciler.gateway.wire.errors import Call, is_missing, retry_after, translating

READ = Call("identitystore", "ListUsers", "the list of users")
CREATE = Call("identitystore", "CreateUser", "user/ana", writes=True)
UPDATE = Call("identitystore", "UpdateUser", "user/ana", writes=True)
ASSIGN = Call("sso-admin", "CreateApplicationAssignment", "assignment/wiki/user/ana", writes=True)
URL = "https://identitystore.us-east-1.amazonaws.com/"


def client_error(
    code: str, message: str = "", *, status: int = 400, **members: str | int
) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **members,
    }
    return ClientError(response, "Operation")


def translated(error: Exception, call: Call) -> GatewayError:
    with pytest.raises(GatewayError) as caught, translating(call):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


class TestService:
    """The code of an answer, its Reason and its service decide what it means."""

    @pytest.mark.parametrize(
        ("call", "reason", "expected"),
        [
            (CREATE, "UNIQUENESS_CONSTRAINT_VIOLATION", AlreadyExistsError),
            (CREATE, "CONCURRENT_MODIFICATION", UnknownOutcomeError),
            (CREATE, "", AlreadyExistsError),
            (UPDATE, "UNIQUENESS_CONSTRAINT_VIOLATION", AlreadyExistsError),
            (UPDATE, "CONCURRENT_MODIFICATION", ChangedError),
            (UPDATE, "", ChangedError),
            (ASSIGN, "", UnknownOutcomeError),
        ],
    )
    def test_conflicts(self, call: Call, reason: str, expected: type[GatewayError]) -> None:
        error = client_error("ConflictException", Reason=reason)
        assert type(translated(error, call)) is expected

    @pytest.mark.parametrize(
        ("code", "status", "read", "write"),
        [
            ("ThrottlingException", 400, IncompleteReadError, ThrottledError),
            ("SomethingNew", 429, IncompleteReadError, ThrottledError),
            ("ThrottlingException", 503, IncompleteReadError, ThrottledError),
            ("InternalServerException", 500, IncompleteReadError, UnknownOutcomeError),
            ("502", 502, IncompleteReadError, UnknownOutcomeError),
            ("ResourceNotFoundException", 400, IncompleteReadError, NotFoundError),
            ("SomethingNew", 400, IncompleteReadError, InvalidRequestError),
            ("AccessDenied", 403, AccessDeniedError, AccessDeniedError),
            ("ExpiredTokenException", 400, CredentialsError, CredentialsError),
            ("InvalidSignatureException", 403, CredentialsError, CredentialsError),
            (
                "com.amazonaws#ThrottlingException",
                400,
                IncompleteReadError,
                ThrottledError,
            ),
        ],
    )
    def test_codes(
        self, code: str, status: int, read: type[GatewayError], write: type[GatewayError]
    ) -> None:
        error = client_error(code, status=status)
        assert type(translated(error, READ)) is read
        assert type(translated(error, CREATE)) is write

    def test_a_missing_key_or_store_is_not_a_missing_user(self) -> None:
        missing = "ResourceNotFoundException"
        assert is_missing(client_error(missing, ResourceType="USER"))
        assert is_missing(client_error(missing))
        for error in (
            client_error(missing, Reason="KMS_KEY_NOT_FOUND"),
            client_error(missing, ResourceType="IDENTITY_STORE"),
        ):
            assert not is_missing(error)
            assert type(translated(error, UPDATE)) is InvalidRequestError

    def test_the_time_to_wait_is_read_from_the_body(self) -> None:
        error = translated(client_error("ThrottlingException", RetryAfterSeconds=4), CREATE)
        assert isinstance(error, ThrottledError)
        assert error.retry_after == 4
        assert retry_after({"RetryAfterSeconds": "soon"}) is None

    def test_messages_hold_no_echoed_values(self) -> None:
        text = "Value 'Ana Smith' at 'displayName' failed; ana.smith@example.com is taken"
        message = str(translated(client_error("ValidationException", text), CREATE))
        assert "Smith" not in message
        assert "example.com" not in message
        assert "displayName" in message


class TestDenial:
    """A missing permission is named, with the resource and the identity that lacks it."""

    def test_the_sentence_is_taken_apart(self) -> None:
        store = "arn:aws:identitystore::111122223333:identitystore/d-1234567890"
        text = (
            "User: arn:aws:sts::111122223333:assumed-role/plan/ci is not authorized to perform: "
            f"identitystore:ListUsers on resource: {store} because no identity-based policy allows "
            "the identitystore:ListUsers action"
        )
        message = str(translated(client_error("AccessDeniedException", text), READ))
        assert message == (
            "identitystore:ListUsers for the list of users: arn:aws:sts::111122223333:assumed-role/"
            f"plan/ci lacks identitystore:ListUsers on {store}. "
            "`identity-reconciler iam-policy plan` prints what these credentials need"
        )

    def test_without_a_sentence_the_request_names_it(self) -> None:
        message = str(translated(client_error("AccessDeniedException"), ASSIGN))
        assert "lack the permission sso:CreateApplicationAssignment" in message
        assert "iam-policy apply` prints what" in message

    def test_a_key_that_denies_is_told_apart(self) -> None:
        error = client_error("AccessDeniedException", Reason="KMS_ACCESS_DENIED")
        assert "kms:Decrypt" in str(translated(error, READ))


class TestSdk:
    """What the SDK raises by itself says whether something may have been sent."""

    @pytest.mark.parametrize(
        "error",
        [
            sdk.NoCredentialsError(),
            sdk.UnauthorizedSSOTokenError(),
            sdk.SSOTokenLoadError(error_msg="gone"),
            sdk.TokenRetrievalError(provider="sso", error_msg="expired"),
            sdk.CredentialRetrievalError(provider="process", error_msg="failed"),
            sdk.ProfileNotFound(profile="x"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_credentials(self, error: Exception) -> None:
        for call in (READ, CREATE):
            message = translated(error, call)
            assert type(message) is CredentialsError
            assert "aws sso login" in str(message)

    @pytest.mark.parametrize(
        "error",
        [
            sdk.ReadTimeoutError(endpoint_url=URL),
            sdk.ConnectionClosedError(endpoint_url=URL),
            sdk.HTTPClientError(error="reset"),
            sdk.SSLError(endpoint_url=URL, error=OSError("broken")),
            sdk.ResponseStreamingError(error="cut"),
            sdk.ProxyConnectionError(proxy_url="http://proxy"),
            ResponseParserError("not JSON"),
            KeyError("UserId"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_may_have_been_sent(self, error: Exception) -> None:
        assert type(translated(error, CREATE)) is UnknownOutcomeError
        assert type(translated(error, READ)) is IncompleteReadError

    @pytest.mark.parametrize(
        "error",
        [
            sdk.EndpointConnectionError(endpoint_url=URL, error="refused"),
            sdk.ConnectTimeoutError(endpoint_url=URL),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_was_not_sent(self, error: Exception) -> None:
        assert type(translated(error, CREATE)) is UnreachableError
        message = translated(error, READ)
        assert type(message) is IncompleteReadError
        assert "--endpoint-url" in str(message)

    def test_refused_parameters_are_named_without_their_values(self) -> None:
        report = (
            'Missing required parameter in input: "IdentityStoreId"\n'
            "Invalid type for parameter Emails[0].Value, value: ana@example.com, type: ..."
        )
        message = str(translated(sdk.ParamValidationError(report=report), CREATE))
        assert "IdentityStoreId, Emails[0].Value" in message
        assert "ana@example.com" not in message
