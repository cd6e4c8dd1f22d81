"""Nothing leaves unchecked: an answer that breaks the service model is told from one that does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse
from identity_reconciler.sandbox.outputs import faults
from tests.sandbox.serving import serving
from tests.sandbox.test_model import SUCCESSES, Town, described, filled, service_of, town

__all__ = ["town"]

INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
ANSWERED = [one for one in SUCCESSES if described(one).output_shape]
ANYTHING = (r"[\S\s]*", r"[\s\S]*")
"""Patterns that every text satisfies."""


def spoiled(shape: Shape | None, value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """Yield what becomes of an answer when one thing in it is wrong."""
    if shape is None or getattr(shape, "is_document_type", False):
        return
    yield None
    yield {"a": []} if isinstance(value, str | int | float) else 7
    yield from broken(shape, value)
    if isinstance(shape, StructureShape):
        yield {**value, "Unheard": "of"}
        yield from ({k: v for k, v in value.items() if k != one} for one in shape.required_members)
        for name, item in value.items():
            yield from ({**value, name: one} for one in spoiled(shape.members[name], item))
    if isinstance(shape, ListShape) and value:
        yield from ([*value[:-1], one] for one in spoiled(shape.member, value[-1]))


def broken(shape: Shape, value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """Yield values that break a rule of a scalar."""
    if getattr(shape, "enum", None):
        yield "UNHEARD_OF"
    if isinstance(value, str) and shape.metadata.get("pattern", ANYTHING[0]) not in ANYTHING:
        yield "\0"
    if isinstance(value, str) and "max" in shape.metadata:
        yield "x" * (shape.metadata["max"] + 1)
    if shape.type_name == "boolean":
        yield 1
    if shape.type_name == "timestamp":
        yield "2026-01-01T00:00:00Z" if isinstance(value, float) else 1_800_000_000.0
        yield "2026-01-01"
        yield True


class TestSpoiledAnswers:
    """Whatever is wrong with an answer, and wherever, is found."""

    @pytest.mark.parametrize("operation", ANSWERED)
    def test_of(self, town: Town, operation: str) -> None:
        _, answer = town.call(operation, filled(town, SUCCESSES[operation]))
        model = described(operation)
        shape, status = model.output_shape, model.http.get("responseCode", 200)

        def found(body: object) -> list[str]:
            content = b"" if (status, body) == (204, {}) else json.dumps(body).encode()
            return faults(service_of(operation), model.name, HttpResponse(status, content))

        assert found(answer) == []
        wrong = list(spoiled(shape, answer))
        assert [one for one in wrong if not found(one)] == []

    def test_of_operations_without_an_answer(self) -> None:
        response = HttpResponse(200, b'{"Unheard": "of"}')
        assert faults("sso-admin", "DeletePermissionSet", response) == [".Unheard is unknown"]
        assert faults("sso-admin", "DeletePermissionSet", HttpResponse(200, b"")) != []

    @pytest.mark.parametrize(
        "answer",
        [
            {"__type": "InvalidToken", "Message": "x"},
            {"__type": "ConflictException", "Message": "x"},
            {"__type": "ValidationException", "Message": ""},
            {"__type": "ValidationException", "Message": "x", "Reason": "Unheard"},
            {"__type": "ValidationException", "Message": "x", "RequestId": "x"},
            {"Message": "x"},
        ],
    )
    def test_errors(self, answer: dict[str, str]) -> None:
        response = HttpResponse(400, json.dumps(answer).encode())
        assert faults("sso-admin", "ListPermissionSets", response) != []

    def test_modelled_error(self) -> None:
        for code in ("ValidationException", "SerializationException"):
            body = json.dumps({"__type": code, "Message": "x"}).encode()
            assert faults("sso-admin", "ListPermissionSets", HttpResponse(400, body)) == []


class TestAccountAccess:
    """The same for the one service that says with the HTTP status what became of a request."""

    @pytest.mark.parametrize(
        ("operation", "response"),
        [
            ("TagResource", HttpResponse(204, b"")),
            ("TagResource", HttpResponse(200, b"")),
            ("TagResource", HttpResponse(200, b"[]")),
            ("DeleteApplication", HttpResponse(200, b"{}")),
            ("DeleteApplication", HttpResponse(204, b"{}")),
            ("ListApplications", HttpResponse(200, b'{"applications": [{}]}')),
        ],
    )
    def test_spoiled_ones(self, operation: str, response: HttpResponse) -> None:
        assert faults("account-access", operation, response) != []

    @pytest.mark.parametrize(
        ("code", "status", "body"),
        [
            ("ThrottlingException", 400, {"message": "x"}),
            ("ValidationException", 404, {"message": "x"}),
            ("ConflictException", 409, {"message": "x"}),
            ("ValidationException", 400, {"message": ""}),
            ("ValidationException", 400, {"Message": "x"}),
            ("ValidationException", 400, {"message": "x", "reason": "x"}),
        ],
    )
    def test_spoiled_errors(self, code: str, status: int, body: dict[str, str]) -> None:
        response = HttpResponse(status, json.dumps(body).encode(), {"x-amzn-ErrorType": code})
        assert faults("account-access", "ListApplications", response) != []

    def test_good_ones(self) -> None:
        good = {"x-amzn-ErrorType": "ThrottlingException"}
        for operation, response in (
            ("TagResource", HttpResponse(200, b"{}")),
            ("DeleteApplication", HttpResponse(204, b"")),
            ("ListApplications", HttpResponse(429, b'{"message": "x"}', good)),
        ):
            assert faults("account-access", operation, response) == []


class TestSecurityTokenService:
    """The same for the one service that speaks XML."""

    def answer(self, sandbox: Sandbox, action: str) -> HttpResponse:
        """Return the answer to a request of STS."""
        role = "RoleArn=arn:aws:iam::222233334444:role/Audit&RoleSessionName=audit"
        body = f"Action={action}&Version=2011-06-15&{role}".encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return sandbox.responder.respond(HttpRequest("POST", "https://aws/", headers, body))

    def test_good_ones(self, sandbox: Sandbox) -> None:
        for action in ("AssumeRole", "GetCallerIdentity"):
            response = self.answer(sandbox, action)
            assert (response.status, faults("sts", action, response)) == (200, [])
        refused = self.answer(sandbox, "DecodeAuthorizationMessage")
        assert (refused.status, faults("sts", "DecodeAuthorizationMessage", refused)) == (400, [])

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"<SecretAccessKey>", b"<Secret>"),
            (b"<Expiration>", b"<Expiration/><Unheard>"),
            (b"AssumeRoleResult>", b"Result>"),
            (b"<AccessKeyId>", b"<AccessKeyId>!"),
            (b"</AssumeRoleResponse>", b""),
        ],
    )
    def test_spoiled_ones(self, sandbox: Sandbox, old: bytes, new: bytes) -> None:
        body = self.answer(sandbox, "AssumeRole").body
        assert old in body
        for other in (old.replace(b"<", b"</", 1), old):
            spoilt = body.replace(old, new).replace(other, new.replace(b"<", b"</", 1))
            assert faults("sts", "AssumeRole", HttpResponse(200, spoilt)) != []

    def test_errors(self) -> None:
        body = b"<R><Error><Code>%s</Code><Message>x</Message></Error></R>"
        for code, known in ((b"ExpiredTokenException", True), (b"Unheard", False)):
            response = HttpResponse(400, body % code)
            assert (faults("sts", "AssumeRole", response) == []) == known
        response = HttpResponse(400, b"<R><Error><Code>InvalidAction</Code></Error></R>")
        assert faults("sts", "AssumeRole", response) == ["the error has no Message"]


class TestStrictness:
    """A strict sandbox fails rather than answer what AWS could not; a lax one answers it."""

    @pytest.fixture
    def wrong(self) -> Iterator[Sandbox]:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            with sandbox.responder.world.store.transaction(write=True) as store:
                store.execute("UPDATE instances SET status = 'LOST'")
            yield sandbox

    def test_lax(self, wrong: Sandbox) -> None:
        wrong.responder.strict = False
        found: Any = wrong.session().client("sso-admin").list_instances()["Instances"]
        assert [one["Status"] for one in found] == ["LOST"]

    def test_strict(self, wrong: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
        wrong.responder.strict = True
        with pytest.raises(
            ClientError, match=r"breaks the service model: .*enum value set"
        ) as error:
            wrong.session().client("sso-admin").list_instances()
        assert error.value.response["Error"]["Code"] == "InternalServerException"
        assert "ListInstances breaks" in caplog.text
        assert "LOST" not in caplog.text

    def test_tests_are_strict(self) -> None:
        with Sandbox() as sandbox:
            assert sandbox.responder.strict

    def test_served(self, tmp_path: Path) -> None:
        with serving(tmp_path) as served:
            admin = served.client("sso-admin")
            assert len(admin.list_instances()["Instances"]) == 1
            path = tmp_path / ".identity-reconciler/sandbox.sqlite3"
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("UPDATE instances SET status = 'LOST'")
            with pytest.raises(ClientError, match="breaks the service model"):
                admin.list_instances()
