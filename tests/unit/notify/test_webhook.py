"""What reaches a receiver, what is tried again, and what is never said of its address."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from identity_reconciler.errors import UsageError
from identity_reconciler.notify.shapes import Shape, body_of
from identity_reconciler.notify.webhook import (
    Limits,
    NotDeliveredError,
    Webhook,
    deliver,
    webhook_of,
)
from tests.webhook_service import PATH, SECRET, WebhookService

BODY = b'{"text":"hello"}'
QUICK = Limits(overall=5, connect=1, read=1, pauses=(0, 0))
GIVEN = {"IDENTITY_RECONCILER_NOTIFY_SECRET": SECRET}


@pytest.fixture
def service() -> Iterator[WebhookService]:
    with WebhookService() as running:
        yield running


def to(service: WebhookService) -> Webhook:
    return webhook_of(service.url, GIVEN, Shape.JSON)


def failure(webhook: Webhook, limits: Limits = QUICK) -> str:
    with pytest.raises(NotDeliveredError) as caught:
        deliver(webhook, BODY, limits)
    return str(caught.value)


class TestSignature:
    """Who knows the secret can tell that the body is ours, and of now."""

    def test_is_over_timestamp_and_body(self, service: WebhookService) -> None:
        deliver(to(service), BODY, QUICK)
        (request,) = service.received
        timestamp = request.headers["X-Identity-Reconciler-Timestamp"]
        signed = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + BODY, hashlib.sha256)
        assert request.headers["X-Identity-Reconciler-Signature"] == f"v1={signed.hexdigest()}"
        assert abs(time.time() - int(timestamp)) < 60
        assert (request.body, request.path) == (BODY, f"{PATH}?token=also-secret")
        assert request.headers["Content-Type"] == "application/json"

    def test_without_a_secret_there_is_none(self, service: WebhookService) -> None:
        deliver(webhook_of(service.url, {}, Shape.SLACK), BODY, QUICK)
        (request,) = service.received
        assert not [name for name in request.headers if name.startswith("X-Identity")]


class TestAttempts:
    """A receiver that is down or busy is asked three times; one that refuses is asked once."""

    @pytest.mark.parametrize(
        ("answers", "requests"), [([503, 429], 3), ([500], 2), ([502, 503, 200], 3)]
    )
    def test_until_it_takes_it(
        self, service: WebhookService, answers: list[int], requests: int
    ) -> None:
        service.answers = answers
        deliver(to(service), BODY, QUICK)
        assert [one.body for one in service.received] == [BODY] * requests

    def test_no_longer_than_three_times(self, service: WebhookService) -> None:
        service.answers = [503] * 9
        assert failure(to(service)) == "http://127.0.0.1: answered 503"
        assert len(service.received) == 3

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_what_is_refused_is_not_repeated(self, service: WebhookService, status: int) -> None:
        service.answers = [status]
        assert failure(to(service)) == f"http://127.0.0.1: answered {status}"
        assert len(service.received) == 1

    def test_nobody_is_there(self) -> None:
        with WebhookService() as other:
            gone = to(other)
        assert failure(gone) == "http://127.0.0.1: NewConnectionError"

    def test_one_that_hangs_is_left(self, service: WebhookService) -> None:
        service.hangs = True
        told = failure(to(service), Limits(overall=0.1, connect=1, read=30, pauses=()))
        assert told == "http://127.0.0.1: no answer within 0.1 s"

    def test_one_that_is_slow_is_left(self, service: WebhookService) -> None:
        service.hangs = True
        told = failure(to(service), Limits(overall=5, connect=1, read=0.05, pauses=(0,)))
        assert told == "http://127.0.0.1: ReadTimeoutError"
        assert len(service.received) == 2

    def test_nothing_of_it_keeps_the_process(self, service: WebhookService) -> None:
        service.hangs = True
        failure(to(service), Limits(overall=0.05, connect=1, read=30, pauses=()))
        left = [one for one in threading.enumerate() if one.name == "notice"]
        assert left
        assert all(one.daemon for one in left)


class TestOnlyThere:
    """A notice goes to the address that was given and nowhere else."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirects_are_not_followed(self, service: WebhookService, status: int) -> None:
        with WebhookService() as other:
            service.answers, service.location = [status], other.url
            told = failure(to(service))
            assert told == f"http://127.0.0.1: answered {status}, a redirect, which is not followed"
            assert (len(service.received), other.received) == (1, [])

    def test_no_proxy_is_asked(
        self, service: WebhookService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with WebhookService() as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            deliver(to(service), BODY, QUICK)
            assert (len(service.received), proxy.received) == (1, [])


class TestAddress:
    """Only TLS, but for this machine; and what is wrong is told without the address."""

    @pytest.mark.parametrize(
        "url",
        [
            "https://hooks.example.com/services/secret",
            "https://hooks.example.com:8443/x?y",
            "http://localhost:8080/x",
            "http://127.0.0.1/x",
            "http://[::1]:80/x",
        ],
    )
    def test_taken(self, url: str) -> None:
        assert webhook_of(url, GIVEN, Shape.JSON).url == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.example.com/secret-path",
            "http://localhost.example.com/secret-path",
            "http://127.0.0.1@example.com/secret-path",
            "https://user:secret-path@example.com/",
            "https:///secret-path",
            "https://example.com:secret-path/",
            "https://[secret-path/",
            "ftp://example.com/secret-path",
            "hooks.example.com/secret-path",
            "file:///secret-path",
        ],
    )
    def test_refused(self, url: str) -> None:
        with pytest.raises(UsageError, match="--notify") as caught:
            webhook_of(url, GIVEN, Shape.JSON)
        assert "secret-path" not in str(caught.value)

    def test_is_in_no_text(self, service: WebhookService) -> None:
        webhook = to(service)
        assert SECRET not in repr(webhook)
        assert PATH not in repr(webhook)
        service.answers = [404]
        assert "secret" not in failure(webhook)

    @pytest.mark.parametrize("shape", [Shape.SLACK, Shape.TEAMS])
    def test_a_secret_is_needed_for_what_is_signed(self, shape: Shape) -> None:
        url = "https://hooks.example.com/"
        with pytest.raises(UsageError, match="IDENTITY_RECONCILER_NOTIFY_SECRET is not set"):
            webhook_of(url, {}, Shape.JSON)
        assert webhook_of(url, {}, shape).secret is None
        with pytest.raises(UsageError, match="has 5 characters; expected 16 or more"):
            webhook_of(url, {"IDENTITY_RECONCILER_NOTIFY_SECRET": "short"}, shape)


class TestShapes:
    """What people read says the same everywhere, and no name in it is more than text."""

    NOTICE: ClassVar[dict[str, str]] = {
        "text": "plan of main: 1 created\ncreate group/<!channel> & *b* [x](https://evil.example)",
        "run": "https://github.com/example/identity/actions/runs/7",
    }

    def test_json(self) -> None:
        assert json.loads(body_of(self.NOTICE, Shape.JSON)) == self.NOTICE

    def test_slack(self) -> None:
        body = json.loads(body_of(self.NOTICE, Shape.SLACK))
        assert body["mrkdwn"] is False
        assert body["text"].splitlines() == [
            "plan of main: 1 created",
            "create group/&lt;!channel&gt; &amp; *b* [x](https://evil.example)",
            "https://github.com/example/identity/actions/runs/7",
        ]

    def test_teams(self) -> None:
        body = json.loads(body_of(self.NOTICE, Shape.TEAMS))
        (attachment,) = body["attachments"]
        assert body["type"] == "message"
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        blocks = attachment["content"]["body"]
        assert {one["type"] for one in blocks} == {"RichTextBlock"}
        runs = [one for block in blocks for one in block["inlines"]]
        assert {one["type"] for one in runs} == {"TextRun"}
        told = [one["text"] for one in runs]
        assert told == [*self.NOTICE["text"].splitlines(), self.NOTICE["run"]]
