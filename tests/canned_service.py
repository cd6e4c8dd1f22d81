"""boto3 clients whose requests are answered by a function, in the wire format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

Answer = Callable[[str, dict[str, Any]], tuple[int, bytes]]
"""From an operation and the members of a request to a status and a body."""


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content


def canned_session(answer: Answer) -> boto3.Session:
    """Return a session whose clients are answered by *answer* and never reach the network."""
    session = boto3.Session(
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="example",  # noqa: S106 - nobody verifies it
        region_name="us-east-1",
    )

    def respond(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        target: Any = request.headers.get("X-Amz-Target", b"")
        operation = target.decode().rpartition(".")[2]
        body: Any = request.body or b"{}"
        status, content = answer(operation, json.loads(body) if operation else {})
        headers: Any = {"Content-Type": "application/x-amz-json-1.1"}
        return AWSResponse(request.url, status, headers, _Body(content))

    events: Any = session.events
    events.register("before-send", respond)
    return session


def ok(**members: object) -> tuple[int, bytes]:
    """Return an answer that holds *members*."""
    return 200, json.dumps(members).encode()


def refused(code: str, status: int = 400, **members: object) -> tuple[int, bytes]:
    """Return the answer of an error."""
    return status, json.dumps({"__type": code, **members}).encode()
