"""Answers that cannot be trusted never become a state."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.errors import IncompleteReadError, UnknownOutcomeError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.wire.clients import make_clients
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.gateway.wire.pacing import Rates
from tests.canned_service import Answer, canned_session, ok, refused

INSTANCE = Instance(
    name="main",
    region="us-east-1",
    account_id="111122223333",
    instance_arn="arn:aws:sso:::instance/ssoins-1234567890abcdef",
    identity_store_id="d-1234567890",
)
GROUPS = Wanted(groups=True)


def gateway(answer: Answer) -> AwsGateway:
    rates = Rates(sso_admin=10_000, identity_store=10_000)
    clients = make_clients(
        canned_session(answer), region="us-east-1", purpose=Purpose.APPLY, rates=rates
    )
    return AwsGateway(Connection(clients, INSTANCE))


def group(name: str) -> dict[str, str]:
    return {"GroupId": f"id-{name}", "DisplayName": name, "Revision": "1"}


class TestPages:
    """A list is read to its end, once round."""

    def test_pages_that_go_round_in_a_circle_are_an_error(self) -> None:
        following = {None: "one", "one": "two", "two": "one"}

        def answer(_: str, members: dict[str, Any]) -> tuple[int, bytes]:
            return ok(Groups=[], NextToken=following[members.get("NextToken")])

        with pytest.raises(IncompleteReadError, match="repeats the same page"):
            gateway(answer).read_state(GROUPS)

    def test_a_token_that_comes_twice_in_a_row_is_an_error(self) -> None:
        with pytest.raises(IncompleteReadError, match="repeats the same page"):
            gateway(lambda *_: ok(Groups=[], NextToken="same")).read_state(GROUPS)

    def test_an_expired_token_begins_the_list_again_once(self) -> None:
        asked: list[str | None] = []

        def answer(_: str, members: dict[str, Any]) -> tuple[int, bytes]:
            asked.append(members.get("NextToken"))
            if members.get("NextToken") is None:
                return ok(Groups=[group("a")], NextToken="next")
            if len(asked) == 2:
                return refused("ValidationException", Message="token expired")
            return ok(Groups=[group("b"), group("a")])

        assert set(gateway(answer).read_state(GROUPS).groups) == {"a", "b"}
        assert asked == [None, "next", None, "next"]

    def test_a_token_that_keeps_expiring_is_an_error(self) -> None:
        def answer(_: str, members: dict[str, Any]) -> tuple[int, bytes]:
            if members.get("NextToken") is None:
                return ok(Groups=[], NextToken="next")
            return refused("ValidationException")

        with pytest.raises(IncompleteReadError, match="ValidationException"):
            gateway(answer).read_state(GROUPS)

    def test_a_page_without_a_list_is_not_an_empty_list(self) -> None:
        with pytest.raises(IncompleteReadError, match="without Groups"):
            gateway(lambda *_: ok()).read_state(GROUPS)

    @pytest.mark.parametrize("body", [b'{"Groups": [', b"<html>", b'{"Applications'])
    def test_a_body_that_is_cut_off_is_not_an_empty_list(self, body: bytes) -> None:
        wanted = Wanted(groups=True, applications=True)
        with pytest.raises(IncompleteReadError):
            gateway(lambda *_: (200, body)).read_state(wanted)
        with pytest.raises(IncompleteReadError):
            gateway(lambda *_: (200, body)).read_state(Wanted(applications=True))

    def test_an_item_without_its_id_is_an_error(self) -> None:
        with pytest.raises(IncompleteReadError, match="usable 'GroupId'"):
            gateway(lambda *_: ok(Groups=[{"DisplayName": "a"}])).read_state(GROUPS)

    def test_a_member_of_no_known_kind_is_an_error(self) -> None:
        def answer(operation: str, _: dict[str, Any]) -> tuple[int, bytes]:
            if operation == "ListGroups":
                return ok(Groups=[group("a")])
            return ok(GroupMemberships=[{"MembershipId": "1", "MemberId": {"DeviceId": "2"}}])

        with pytest.raises(IncompleteReadError):
            gateway(answer).read_state(Wanted(groups=True, members_of=lambda _: True))


class TestFailure:
    """The first failure ends the read, and what has not begun is not begun."""

    def test_outstanding_lists_are_abandoned(self) -> None:
        asked: list[str] = []

        def answer(operation: str, _: dict[str, Any]) -> tuple[int, bytes]:
            asked.append(operation)
            if operation == "ListGroups":
                return ok(Groups=[group(f"g{number}") for number in range(500)])
            return refused("AccessDeniedException")

        with pytest.raises(Exception, match="lack the permission"):
            gateway(answer).read_state(Wanted(groups=True, members_of=lambda _: True))
        # How many were under way when the first one failed is the scheduler's to say.
        assert len(asked) < 500


class TestRetries:
    """Reads are sent again, writes are not."""

    def test_a_storm_of_throttled_answers_is_waited_out(self) -> None:
        left = iter(range(30))

        def answer(*_: object) -> tuple[int, bytes]:
            if next(left, None) is not None:
                return refused("ThrottlingException", RetryAfterSeconds=0)
            return ok(Groups=[group("a")])

        door = gateway(answer)
        assert set(door.read_state(GROUPS).groups) == {"a"}
        (totals,) = door.requests.totals()
        assert (totals.requests, totals.throttled, totals.failed) == (31, 30, 0)
        assert totals.waited >= 0

    def test_throttling_without_end_is_an_error(self) -> None:
        door = gateway(lambda *_: refused("ThrottlingException"))
        with pytest.raises(IncompleteReadError, match="rate"):
            door.read_state(GROUPS)
        assert door.requests.total == 50

    def test_a_write_whose_answer_times_out_is_sent_once(self) -> None:
        sent: list[str] = []

        def answer(operation: str, _: dict[str, Any]) -> tuple[int, bytes]:
            sent.append(operation)
            raise ReadTimeoutError(endpoint_url="https://example.com")

        with pytest.raises(UnknownOutcomeError):
            gateway(answer).create(Group(GroupName("a")))
        assert sent == ["CreateGroup"]

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"GroupId'])
    def test_a_create_without_an_id_in_its_answer_is_unknown(self, body: bytes) -> None:
        with pytest.raises(UnknownOutcomeError):
            gateway(lambda *_: (200, body)).create(Group(GroupName("a")))
