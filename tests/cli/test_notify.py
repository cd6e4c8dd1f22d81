"""`--notify` and `remind`: told when the result is known, and never a part of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.sns.models import sns_backends

from identity_reconciler.notify.notice import NoticeDocument
from identity_reconciler.notify.webhook import signature
from identity_reconciler.render.planfile import plan_bytes
from tests.command import Run, command, edit
from tests.documents import guide
from tests.github_service import GithubService
from tests.golden.samples import PLANS
from tests.webhook_service import PATH, SECRET, Received, WebhookService


@pytest.fixture
def service() -> Iterator[WebhookService]:
    with WebhookService() as running:
        yield running


def plan(here: Path, service: WebhookService, *options: str, **variables: str) -> Run:
    return command("plan", "--sandbox", *options, cwd=here, **service.variables, **variables)


def notice_of(service: WebhookService) -> NoticeDocument:
    """Return the one notice that was received, whose signature is right."""
    (request,) = service.received
    assert is_signed(request)
    return NoticeDocument.model_validate_json(request.body)


def is_signed(request: Received) -> bool:
    timestamp = request.headers["X-Identity-Reconciler-Timestamp"]
    signed = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + request.body, hashlib.sha256)
    return request.headers["X-Identity-Reconciler-Signature"] == f"v1={signed.hexdigest()}"


def undelivered(here: Path) -> list[Path]:
    return sorted((here / ".identity-reconciler").glob("undelivered/*"))


class TestTold:
    """What came of a command is told with its exit code, counts and addresses."""

    def test_a_plan(self, applied: Path, service: WebhookService) -> None:
        edit(applied, "groups/company.yaml", "      - paulo.santos\n", "")
        run = plan(applied, service, "--detailed-exitcode", CI_JOB_URL="https://example.com/job/1")
        assert run.code == 2, run.err
        found = notice_of(service)
        assert (found.event, found.exit_code, found.run) == ("plan", 2, "https://example.com/job/1")
        (instance,) = found.instances
        assert [(one.action, one.address, one.count) for one in instance.objects] == [
            ("delete", "membership/finance", 1)
        ]
        assert instance.sandbox
        assert found.text.splitlines()[0] == "plan of main (sandbox): 1 removed"
        assert service.received[0].path.startswith(PATH)

    def test_an_apply(self, applied: Path, service: WebhookService) -> None:
        edit(applied, "groups/company.yaml", "      - paulo.santos\n", "")
        arguments = ("apply", "--sandbox", "--auto-approve", "--json")
        run = command(*arguments, cwd=applied, **service.variables)
        assert (run.code, run.json()["exit_code"]) == (0, 0)
        found = notice_of(service)
        assert (found.event, found.exit_code) == ("apply", 0)
        assert found.instances[0].outcomes == {"applied": 1}

    def test_what_a_guard_refuses(self, applied: Path, service: WebhookService) -> None:
        members = ("li.juan", "mateo.jackson", "nikki.wolf", "saanvi.sarkar")
        old = "".join(f"      - {name}\n" for name in members)
        edit(applied, "groups/company.yaml", f"    members:\n{old}", "    members: []\n")
        run = plan(applied, service)
        assert run.code == 4, run.err
        found = notice_of(service)
        assert found.exit_code == 4
        assert found.meaning == "refused by a guard"
        assert found.instances[0].blocked

    def test_what_went_wrong(self, here: Path, service: WebhookService) -> None:
        path = here / "desired-state/groups/company.yaml"
        path.write_text(path.read_text() + "  - nmae: johndoe\n")
        run = plan(here, service)
        assert run.code == 3
        found = notice_of(service)
        assert (found.exit_code, found.instances) == (3, ())
        assert "johndoe" not in service.received[0].body.decode()

    def test_an_expiry(self, applied: Path, service: WebhookService) -> None:
        edit(applied, "groups/company.yaml", "expires: 2030-03-31", "expires: 2026-01-31")
        arguments = ("apply", "--sandbox", "--auto-approve", "--only-expired")
        run = command(*arguments, cwd=applied, **service.variables)
        assert run.code == 0, run.err
        found = notice_of(service)
        assert found.event == "expire"
        assert [one.address for one in found.instances[0].objects] == ["membership/auditors"]

    def test_drift(self, tmp_path: Path, service: WebhookService) -> None:
        (tmp_path / "plan.json").write_bytes(plan_bytes(PLANS["mixed"]()))
        with GithubService("example/identity") as github:
            variables = github.environment(issues="write") | service.variables
            run = command("github", "drift", "plan.json", cwd=tmp_path, **variables)
            assert run.code == 0, run.err
            found = notice_of(service)
            assert (found.event, found.run) == (
                "drift",
                "https://github.com/example/identity/actions/runs/7",
            )
            (tmp_path / "plan.json").write_bytes(plan_bytes(PLANS["nothing"]()))
            assert command("github", "drift", "plan.json", cwd=tmp_path, **variables).code == 0
        assert len(service.received) == 1

    def test_of_nothing_nobody_hears(self, applied: Path, service: WebhookService) -> None:
        assert plan(applied, service).code == 0
        arguments = ("apply", "--sandbox", "--auto-approve")
        assert command(*arguments, cwd=applied, **service.variables).code == 0
        assert service.received == []

    @pytest.mark.parametrize("shape", ["slack", "teams"])
    def test_as_others_take_it(self, here: Path, service: WebhookService, shape: str) -> None:
        run = plan(here, service, "--notify-as", shape)
        assert run.code == 0, run.err
        (request,) = service.received
        assert "plan of main (sandbox): 12 users" not in request.body.decode()
        assert "plan of main (sandbox): " in request.body.decode()


class TestPeople:
    """Names and addresses of people leave with `--notify-names` alone."""

    def test_of_everybody(self, here: Path, service: WebhookService) -> None:
        assert plan(here, service).code == 0
        text = "".join(path.read_text() for path in (here / "desired-state").rglob("*.yaml"))
        people = set(re.findall(r"user_name: (\S+)", text)) | set(re.findall(r"\S+@\S+", text))
        people |= set(re.findall(r"given_name: (\w+)", text))
        assert len(people) > 30
        body = service.received[0].body.decode()
        assert [one for one in people if one in body] == []
        assert plan(here, service, "--notify-names").code == 0
        assert "user/johndoe" in service.received[1].body.decode()


class TestResult:
    """Whatever the receiver does, the command ends as it would without."""

    def test_what_nobody_took_is_kept(self, here: Path, service: WebhookService) -> None:
        service.answers = [404]
        run = plan(here, service, "--detailed-exitcode")
        assert run.code == 2
        (path,) = undelivered(here)
        assert path.read_bytes() == service.received[0].body
        assert path.stat().st_mode & 0o777 == 0o600
        told = run.err.splitlines()[-1]
        kept = path.relative_to(here)
        assert (
            told
            == f"the notice was not delivered: http://127.0.0.1: answered 404; it is kept in {kept}"
        )
        assert "secret" not in run.err + run.out

    def test_that_it_cannot_be_kept(self, here: Path, service: WebhookService) -> None:
        service.answers = [404]
        (here / ".identity-reconciler").mkdir()
        (here / ".identity-reconciler/undelivered").write_text("in the way\n")
        run = plan(here, service)
        assert run.code == 0
        assert "nor could it be kept" in run.err.splitlines()[-1]

    def test_before_anything_is_done(self, here: Path, service: WebhookService) -> None:
        url = {"IDENTITY_RECONCILER_NOTIFY": service.url}
        arguments = ("apply", "--sandbox", "--auto-approve")
        run = command(*arguments, cwd=here, **url)
        assert (run.code, run.out) == (3, "")
        assert run.err.startswith(
            "error: notices are signed, and IDENTITY_RECONCILER_NOTIFY_SECRET"
        )
        run = command(*arguments, "--notify", "http://example.com/secret", cwd=here)
        assert run.code == 3
        assert run.err == (
            "error: --notify leads to http://example.com; expected https://, or http:// and "
            "localhost; better set IDENTITY_RECONCILER_NOTIFY than give it here\n"
        )
        assert not (here / ".identity-reconciler").exists()

    def test_an_empty_variable_is_none(self, here: Path) -> None:
        """As a workflow gives it where the secret is not set."""
        run = command("plan", "--sandbox", cwd=here, IDENTITY_RECONCILER_NOTIFY="")
        assert run.code == 0, run.err
        assert "notice" not in run.err


class TestRemind:
    """Owners are told 14 and 3 days before."""

    @pytest.fixture
    def here(self, here: Path) -> Path:
        """Return the example with an end in 3 days, and owners."""
        end = datetime.now(UTC).date() + timedelta(days=3)
        edit(here, "groups/company.yaml", "expires: 2030-03-31", f"expires: {end}")
        old = "    description: Read-only access for the yearly audit\n"
        owners = "    owners: [{group: finance}, martha.rivera]\n"
        edit(here, "groups/company.yaml", old, old + owners)
        return here

    def test_without_a_receiver_they_are_listed(self, here: Path) -> None:
        run = command("remind", cwd=here)
        end = datetime.now(UTC).date() + timedelta(days=3)
        assert (run.code, run.err) == (0, "")
        assert run.out == (
            f"{end}  membership/auditors/terry.whitlock  owned by group/finance, "
            "user/martha.rivera  groups/company.yaml:22\n"
        )

    def test_names_only_if_asked(self, here: Path, service: WebhookService) -> None:
        assert command("remind", cwd=here, **service.variables).code == 0
        (one,) = notice_of(service).reminders
        assert (one.address, one.days, one.owners) == ("group/auditors", 3, ("group/finance",))
        text = service.received[0].body.decode()
        assert not [name for name in ("whitlock", "martha", "@") if name in text]
        service.received.clear()
        assert command("remind", "--notify-names", cwd=here, **service.variables).code == 0
        (one,) = notice_of(service).reminders
        assert one.principals == ("user/terry.whitlock",)
        assert [each.user_name for each in one.recipients] == ["martha.rivera", "paulo.santos"]
        assert all(each.email for each in one.recipients)

    def test_not_on_other_days(self, here: Path, service: WebhookService) -> None:
        path = here / "desired-state/groups/company.yaml"
        day = datetime.now(UTC).date()
        text = path.read_text().replace(str(day + timedelta(days=3)), str(day + timedelta(days=2)))
        path.write_text(text)
        run = command("remind", cwd=here, **service.variables)
        assert (run.out, service.received) == ("nobody is to be reminded\n", [])
        yesterday = str(day - timedelta(days=1))
        run = command("remind", "--since", yesterday, cwd=here, **service.variables)
        assert run.code == 0
        assert len(notice_of(service).reminders) == 1

    @pytest.mark.parametrize("day", ["yesterday", "2999-01-01", "2020-01-01"])
    def test_wrong_days(self, here: Path, day: str) -> None:
        run = command("remind", "--since", day, cwd=here)
        assert run.code == 3
        assert run.err.startswith(f"error: --since {day}: expected a day from ")

    def test_is_kept(self, here: Path, service: WebhookService) -> None:
        service.answers = [410]
        run = command("remind", cwd=here, **service.variables)
        assert run.code == 0
        (path,) = undelivered(here)
        assert json.loads(path.read_bytes())["event"] == "reminder"


class TestGuide:
    """What a receiver is told to do takes our notices, and nobody else's."""

    def code(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for text in guide("notices").code("python"):
            exec(text, found)  # noqa: S102 - our own guide
        return found

    def test_genuine_is_what_we_sent(self, here: Path, service: WebhookService) -> None:
        assert command("plan", "--sandbox", cwd=here, **service.variables).code == 0
        (request,) = service.received
        is_genuine = self.code()["is_genuine"]
        headers = dict(request.headers)
        assert is_genuine(headers, request.body, SECRET)
        assert is_genuine({k.lower(): v for k, v in headers.items()}, request.body, SECRET)
        assert not is_genuine(headers, request.body + b" ", SECRET)
        assert not is_genuine(headers, request.body, SECRET + "x")
        assert not is_genuine({}, request.body, SECRET)
        timestamp = "X-Identity-Reconciler-Timestamp"
        for other in ("0", "", "-1", "9" * 30):
            stale = headers | {timestamp: other}
            assert not is_genuine(stale, request.body, SECRET)
            signed = hmac.new(SECRET.encode(), f"{other}.".encode() + request.body, hashlib.sha256)
            forged = {"X-Identity-Reconciler-Signature": f"v1={signed.hexdigest()}"}
            assert not is_genuine(stale | forged, request.body, SECRET)

    def test_sns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        body = json.dumps({"event": "drift", "text": "x"}).encode()
        timestamp = str(int(datetime.now(UTC).timestamp()))
        headers = {
            "x-identity-reconciler-timestamp": timestamp,
            "x-identity-reconciler-signature": signature(SECRET, timestamp, body),
        }
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("SECRET", SECRET)
        handler = self.code()["handler"]
        with mock_aws():
            topic = boto3.client("sns").create_topic(Name="identity")["TopicArn"]
            monkeypatch.setenv("TOPIC", topic)
            encoded = base64.b64encode(body).decode()
            event = {"headers": headers, "body": encoded, "isBase64Encoded": True}
            assert handler(event, None) == {"statusCode": 204}
            (backend,) = (one["eu-central-1"] for one in sns_backends.values())
            (sent,) = backend.topics[topic].sent_notifications
            assert json.loads(sent[1])["event"] == "drift"
            assert handler(event | {"body": "e30="}, None) == {"statusCode": 401}
            assert len(backend.topics[topic].sent_notifications) == 1
