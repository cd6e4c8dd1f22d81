"""Batches of events, as EventBridge and SQS hand them over, become one check on GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from identity_reconciler.core.object_ids import ObjectIds, parse_ids
from identity_reconciler.errors import UsageError
from identity_reconciler.events.aws_lambda import BatchAnswer, handled
from identity_reconciler.events.calls import WATCHED, MalformedEventError, Relevance, seen
from identity_reconciler.events.dispatch import MOST, EventSettings
from tests.github_service import GithubService

USER = "94e80458-9021-70ea-08fa-000000000001"
GROUP = "34887428-4081-7042-c3c6-000000000002"
LINK = "54887428-4081-7042-c3c6-000000000003"
ARN = "arn:aws:sso::123456789012:application/ssoins-1234567890abcdef/apl-1234567890abcdef"
OURS = "arn:aws:iam::123456789012:role/identity-apply"
THEIRS = "arn:aws:iam::123456789012:role/somebody"
ROLES = ("arn:aws:iam::123456789012:role/identity-*",)
STORE, SCIM, DIRECTORY, SSO = (
    "identitystore.amazonaws.com",
    "identitystore-scim.amazonaws.com",
    "sso-directory.amazonaws.com",
    "sso.amazonaws.com",
)
Json = dict[str, Any]


def record(
    source: str, name: str, given: Json | None, answer: Json | None = None, **more: object
) -> Json:
    """Return an event of EventBridge about a call that CloudTrail has recorded."""
    role = more.pop("role", THEIRS)
    issuer = {"type": "Role", "arn": role} if role else {}
    return {
        "version": "0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{source.partition('.')[0]}",
        "account": "123456789012",
        "detail": {
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "AssumedRole" if role else "Root",
                "sessionContext": {"sessionIssuer": issuer},
            },
            "eventSource": source,
            "eventName": name,
            "requestParameters": given and {"identityStoreId": "d-1234567890", **given},
            "responseElements": answer,
            **more,
        },
    }


HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
CALLS: list[tuple[str, str, Json, Json | None, ObjectIds | None]] = [
    (STORE, "CreateUser", {"userName": HIDDEN}, {"userId": USER}, ObjectIds(user=USER)),
    (STORE, "UpdateUser", {"userId": USER, "operations": []}, None, ObjectIds(user=USER)),
    (STORE, "DeleteGroup", {"groupId": GROUP}, None, ObjectIds(group=GROUP)),
    (
        STORE,
        "CreateGroupMembership",
        {"groupId": GROUP, "memberId": {"userId": USER}},
        {"membershipId": LINK},
        ObjectIds(group=GROUP, user=USER),
    ),
    (STORE, "DeleteGroupMembership", {"membershipId": LINK}, None, ObjectIds(membership=LINK)),
    (
        DIRECTORY,
        "AddMemberToGroup",
        {"groupId": GROUP, "member": {"memberId": USER}},
        None,
        ObjectIds(group=GROUP, user=USER),
    ),
    (
        DIRECTORY,
        "CreateGroup",
        {"displayName": HIDDEN},
        {"group": {"groupId": GROUP, "displayName": HIDDEN}},
        ObjectIds(group=GROUP),
    ),
    (DIRECTORY, "UpdateUser", {"userId": HIDDEN}, None, None),
    (SCIM, "PatchUser", {"httpBody": {"id": HIDDEN}}, None, None),
    (
        SSO,
        "CreateApplicationAssignment",
        {"applicationArn": ARN, "principalId": USER, "principalType": "USER"},
        None,
        ObjectIds(application=ARN, user=USER),
    ),
    (
        SSO,
        "DeleteApplicationAssignment",
        {"applicationArn": ARN, "principalId": GROUP, "principalType": "GROUP"},
        None,
        ObjectIds(application=ARN, group=GROUP),
    ),
    (SSO, "AssociateProfile", {"profileId": "p-1"}, None, None),
    (
        SSO,
        "PutApplicationAssignmentConfiguration",
        {"applicationArn": ARN, "assignmentRequired": False},
        None,
        ObjectIds(application=ARN),
    ),
]


class TestCalls:
    """An event says what it was about, or that is not known."""

    @pytest.mark.parametrize(
        ("source", "name", "given", "answer", "ids"),
        CALLS,
        ids=[f"{c[0][:8]}-{c[1]}" for c in CALLS],
    )
    def test_of_each_shape(
        self, source: str, name: str, given: Json, answer: Json | None, ids: ObjectIds | None
    ) -> None:
        call = seen(record(source, name, given, answer), ROLES)
        assert (call.relevance, call.ids) == (Relevance.WATCHED, ids)

    @pytest.mark.parametrize(
        ("event", "relevance"),
        [
            (record(STORE, "UpdateUser", {"userId": USER}, role=OURS), Relevance.OURS),
            (record(STORE, "UpdateUser", {"userId": USER}, role=""), Relevance.WATCHED),
            (
                record(STORE, "UpdateUser", {"userId": USER}, errorCode="AccessDenied"),
                Relevance.FAILED,
            ),
            (record(STORE, "DescribeUser", {"userId": USER}), Relevance.UNWATCHED),
            (record("s3.amazonaws.com", "DeleteUser", {"userId": USER}), Relevance.UNWATCHED),
        ],
    )
    def test_whose_and_what_came_of_it(self, event: Json, relevance: Relevance) -> None:
        assert seen(event, ROLES).relevance is relevance

    def test_a_role_of_another_account_is_not_ours(self) -> None:
        role = OURS.replace("123456789012", "210987654321")
        event = record(STORE, "UpdateUser", {"userId": USER}, role=role)
        assert seen(event, ROLES).relevance is Relevance.WATCHED

    @pytest.mark.parametrize(
        "event", [None, [], {}, {"detail-type": "AWS API Call via CloudTrail", "detail": {}}]
    )
    def test_no_event(self, event: object) -> None:
        with pytest.raises(MalformedEventError):
            seen(event, ROLES)


class Secrets:
    """One secret, and how often it was asked for."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.asked = 0

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - as boto3 has it
        assert SecretId.startswith("arn:")
        self.asked += 1
        return {"SecretString": f"{self.token}\n"}


@pytest.fixture
def github() -> Iterator[GithubService]:
    with GithubService("example/identity") as service:
        yield service


def settings(service: GithubService) -> EventSettings:
    return EventSettings.from_environment(
        {
            "EVENTS_REPOSITORY": service.repository,
            "EVENTS_TOKEN_SECRET": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x",
            "EVENTS_OWN_ROLES": ", ".join(ROLES),
            "EVENTS_API": service.url,
        }
    )


def batch(*events: object) -> Json:
    """Return what SQS hands a function: messages `m0`, `m1` and so on."""
    return {
        "Records": [
            {"messageId": f"m{n}", "body": one if isinstance(one, str) else json.dumps(one)}
            for n, one in enumerate(events)
        ]
    }


def handle(service: GithubService, *events: object, actions: str = "write") -> BatchAnswer:
    secrets = Secrets(service.token({"actions": actions}))
    return handled(batch(*events), settings(service), secrets)


def failed(answer: BatchAnswer) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


class TestBatches:
    """A burst is one check; what could not be handed on is given again."""

    def test_a_burst(self, github: GithubService, capfd: pytest.CaptureFixture[str]) -> None:
        events = [record(*one[:4]) for one in CALLS] * 3
        assert failed(handle(github, *events)) == []
        (sent,) = github.dispatched
        assert (sent["workflow"], sent["ref"]) == ("drift.yml", "main")
        expected = {one[4] for one in CALLS if one[4] is not None}
        assert set(parse_ids(sent["inputs"]["ids"])) == expected
        told = json.loads(capfd.readouterr().out)
        assert told == {
            "check": "targeted", "objects": len(expected), "unknown": 9, "watched": 30,
        }  # fmt: skip

    def test_our_own_start_nothing(self, github: GithubService) -> None:
        event = record(STORE, "UpdateUser", {"userId": USER}, role=OURS)
        secrets = Secrets("not asked for")
        answer = handled(batch(event, event), settings(github), secrets)
        assert (failed(answer), github.asked, secrets.asked) == ([], [], 0)

    def test_too_many_are_everything(self, github: GithubService) -> None:
        events = [
            record(STORE, "UpdateUser", {"userId": f"{USER[:-6]}{n:06}"}) for n in range(MOST + 1)
        ]
        handle(github, *events[:-1])
        handle(github, *events)
        targeted, whole = (one["inputs"]["ids"] for one in github.dispatched)
        assert len(parse_ids(targeted)) == MOST
        assert whole == ""

    def test_what_is_no_event_fails_alone(self, github: GithubService) -> None:
        good = record(STORE, "UpdateUser", {"userId": USER})
        assert failed(handle(github, "{", good, {"detail-type": "x"})) == ["m0", "m2"]
        assert len(github.dispatched) == 1

    def test_github_is_down(self, github: GithubService, capfd: pytest.CaptureFixture[str]) -> None:
        """It is asked once; SQS gives the events again, as often as the queue says."""
        github.faults = [503]
        ours = record(STORE, "UpdateUser", {"userId": USER}, role=OURS)
        good = record(STORE, "UpdateUser", {"userId": USER})
        assert failed(handle(github, ours, good)) == ["m1"]
        assert len(github.asked) == 1
        out = capfd.readouterr().out
        assert "not started" in out
        assert USER not in out
        assert failed(handle(github, good)) == []
        assert len(github.dispatched) == 1

    def test_a_token_that_may_not(
        self, github: GithubService, capfd: pytest.CaptureFixture[str]
    ) -> None:
        good = record(STORE, "UpdateUser", {"userId": USER})
        assert failed(handle(github, good, actions="read")) == ["m0"]
        out = capfd.readouterr().out
        assert "`actions: write`" in out
        assert "ghs_" not in out

    def test_no_batch(self, github: GithubService) -> None:
        with pytest.raises(UsageError, match="no batch of SQS"):
            handled({}, settings(github), Secrets(""))


GOOD = {
    "EVENTS_REPOSITORY": "example/identity",
    "EVENTS_TOKEN_SECRET": "arn:x",
    "EVENTS_OWN_ROLES": OURS,
}


class TestSettings:
    """Are refused where they cannot be meant."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("EVENTS_REPOSITORY", ""),
            ("EVENTS_REPOSITORY", "example/identity/actions"),
            ("EVENTS_TOKEN_SECRET", ""),
            ("EVENTS_OWN_ROLES", ""),
            ("EVENTS_OWN_ROLES", "*"),
            ("EVENTS_OWN_ROLES", "arn:aws:iam::*:role/identity-apply"),
            ("EVENTS_WORKFLOW", "../x.yml"),
            ("EVENTS_API", "http://github.example.com"),
        ],
    )
    def test_refused(self, name: str, value: str) -> None:
        assert EventSettings.from_environment(GOOD).workflow == "drift.yml"
        with pytest.raises(UsageError, match=name):
            EventSettings.from_environment({**GOOD, name: value})


def test_every_watched_call_is_read() -> None:
    """None is named that would always be unknown."""
    everything = {
        "userId": USER, "groupId": GROUP, "applicationArn": ARN, "principalId": USER,
        "principalType": "USER",
    }  # fmt: skip
    for source, names in WATCHED.items():
        for name in names:
            assert seen(record(source, name, everything), ROLES).ids is not None, name
