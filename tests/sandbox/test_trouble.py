"""Trouble on demand: each sort of it happens when asked for, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import LostResponseError, TroubleFileError
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.trouble import (
    Fault,
    FaultKind,
    Latency,
    Throttle,
    Trouble,
    read_trouble,
)
from identity_reconciler.sandbox.troublemaker import Troublemaker
from identity_reconciler.sandbox.world import World

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient

STORE = "d-1234567890"
ONCE = Config(retries={"total_max_attempts": 1})


class Time:
    """A clock that only moves when it is told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def timed(time: Time) -> Iterator[Sandbox]:
    with Sandbox(world=World(Store(None), clock=time, sleep=time.sleep)) as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        yield sandbox


@pytest.fixture
def groups(timed: Sandbox) -> IdentityStoreClient:
    return timed.session().client("identitystore", config=ONCE)


def names(client: IdentityStoreClient) -> list[str]:
    """Return the names of all groups as they are listed."""
    pages = client.get_paginator("list_groups").paginate(IdentityStoreId=STORE)
    return [one.get("DisplayName", "") for page in pages for one in page["Groups"]]


def create(client: IdentityStoreClient, name: str) -> dict[str, Any]:
    """Create a group."""
    return dict(client.create_group(IdentityStoreId=STORE, DisplayName=name))


class TestThrottle:
    """Each operation of identitystore has its own quota, sso-admin one for all of it."""

    def test_own_quota_for_each_operation(
        self, timed: Sandbox, groups: IdentityStoreClient, time: Time
    ) -> None:
        timed.make_trouble(Trouble(throttle=Throttle(rate=2, burst=2)))
        names(groups)
        names(groups)
        with pytest.raises(groups.exceptions.ThrottlingException) as error:
            names(groups)
        answer: dict[str, Any] = dict(error.value.response)
        assert answer["RetryAfterSeconds"] == 1
        groups.list_users(IdentityStoreId=STORE)
        time.now += 0.5
        names(groups)

    def test_one_quota_for_sso_admin(self, timed: Sandbox) -> None:
        timed.make_trouble(Trouble(throttle=Throttle(rate=2, burst=2)))
        admin = timed.session().client("sso-admin", config=ONCE)
        admin.list_instances()
        admin.list_application_providers()
        with pytest.raises(admin.exceptions.ThrottlingException) as error:
            admin.list_instances()
        assert "RetryAfterSeconds" not in set(error.value.response)

    def test_other_services_have_no_quota_here(self, timed: Sandbox) -> None:
        timed.make_trouble(Trouble(throttle=Throttle(rate=1, burst=1)))
        sts = timed.session().client("sts", config=ONCE)
        for _ in range(3):
            sts.get_caller_identity()


class TestFaults:
    """A fault meets the calls it names; what was committed before it stays."""

    def test_only_what_contains_a_text(self, timed: Sandbox, groups: IdentityStoreClient) -> None:
        fault = Fault("CreateGroup", call=2, times=9, containing='"b')
        timed.make_trouble(Trouble(faults=(fault,)))
        for name in ("a", "b1", "a2", "a3"):
            create(groups, name)
        with pytest.raises(ClientError):
            create(groups, "b2")

    @pytest.mark.parametrize(
        ("kind", "expected", "kept"),
        [
            (FaultKind.ERROR, ClientError, False),
            (FaultKind.ERROR_AFTER, ClientError, True),
            (FaultKind.LOST_BEFORE, ConnectionClosedError, False),
            (FaultKind.LOST_AFTER, ConnectionClosedError, True),
        ],
    )
    def test_before_and_after_the_commit(
        self,
        timed: Sandbox,
        groups: IdentityStoreClient,
        kind: FaultKind,
        expected: type[Exception],
        *,
        kept: bool,
    ) -> None:
        timed.make_trouble(Trouble(faults=(Fault("CreateGroup", kind, call=2),)))
        create(groups, "first")
        with pytest.raises(expected):
            create(groups, "second")
        create(groups, "third")
        assert names(groups) == ["first", *(["second"] if kept else []), "third"]

    def test_any_error_with_its_members(self, timed: Sandbox, groups: IdentityStoreClient) -> None:
        fault = Fault(
            "identitystore:*", code="AccessDeniedException", members={"Reason": "KMS_ACCESS_DENIED"}
        )
        timed.make_trouble(Trouble(faults=(fault,)))
        with pytest.raises(groups.exceptions.AccessDeniedException) as error:
            names(groups)
        answer: dict[str, Any] = dict(error.value.response)
        assert answer["Reason"] == "KMS_ACCESS_DENIED"

    def test_the_end_of_the_process(self, groups: IdentityStoreClient) -> None:
        left: list[int] = []

        def leave(code: int) -> NoReturn:
            left.append(code)
            raise LostResponseError("gone")

        def work() -> HttpResponse:
            create(groups, "first")
            return HttpResponse(200, b"{}")

        fault = Fault("CreateGroup", FaultKind.EXIT_AFTER, exit_code=9)
        maker = Troublemaker(
            Trouble(faults=(fault,)), clock=Time(), sleep=Time().sleep, leave=leave
        )
        with pytest.raises(LostResponseError):
            maker.carry_out("identitystore", "CreateGroup", HttpRequest("POST", "", {}, b""), work)
        assert left == [9]
        assert names(groups) == ["first"]

    def test_the_same_seed_makes_the_same_trouble(self) -> None:
        def outcomes(seed: int) -> list[str]:
            with Sandbox() as sandbox:
                sandbox.ensure_instance(InstanceDetails())
                sandbox.make_trouble(Trouble(seed=seed, faults=(Fault("*", chance=0.5),)))
                client = sandbox.session().client("identitystore", config=ONCE)
                for _ in range(40):
                    try:
                        names(client)
                    except client.exceptions.InternalServerException:
                        continue
                return [entry.outcome for entry in sandbox.requests.entries]

        assert outcomes(1) == outcomes(1)
        assert outcomes(1) != outcomes(2)
        assert 5 < outcomes(1).count("ok") < 35


class TestLists:
    """Lists come late, in any order and in pieces, but complete."""

    def test_lag(self, timed: Sandbox, groups: IdentityStoreClient, time: Time) -> None:
        old = create(groups, "old")
        time.now += 10
        timed.make_trouble(Trouble(visibility_lag=5))
        new = create(groups, "new")
        groups.delete_group(IdentityStoreId=STORE, GroupId=old["GroupId"])
        assert names(groups) == ["old"]
        assert groups.describe_group(IdentityStoreId=STORE, GroupId=new["GroupId"])
        time.now += 6
        assert names(groups) == ["new"]

    def test_lagging_attributes(
        self, timed: Sandbox, groups: IdentityStoreClient, time: Time
    ) -> None:
        created = create(groups, "old")
        time.now += 10
        timed.make_trouble(Trouble(visibility_lag=5))
        for name in ("newer", "newest"):
            time.now += 1
            operation: Any = {"AttributePath": "displayName", "AttributeValue": name}
            groups.update_group(
                IdentityStoreId=STORE, GroupId=created["GroupId"], Operations=[operation]
            )
        assert names(groups) == ["old"]
        time.now += 4.5
        assert names(groups) == ["newer"]
        time.now += 1
        assert names(groups) == ["newest"]

    @pytest.mark.parametrize("seed", range(6))
    def test_shuffled_and_short_pages_are_complete(
        self, timed: Sandbox, groups: IdentityStoreClient, seed: int
    ) -> None:
        expected = [f"group{number:03}" for number in range(120)]
        for name in expected:
            create(groups, name)
        timed.make_trouble(
            Trouble(seed=seed, shuffle=True, short_pages=True, empty_pages=bool(seed % 2))
        )
        listed = names(groups)
        assert listed != expected
        assert sorted(listed) == expected

    def test_latency(self, timed: Sandbox, groups: IdentityStoreClient, time: Time) -> None:
        timed.make_trouble(Trouble(latency=Latency(least=0.1, most=0.2)))
        names(groups)
        assert len(time.slept) == 1
        assert 0.1 <= time.slept[0] <= 0.2

    def test_none_after_none(self, timed: Sandbox, groups: IdentityStoreClient) -> None:
        timed.make_trouble(Trouble(faults=(Fault("*", times=1000),)))
        timed.make_trouble(None)
        assert names(groups) == []


class TestFile:
    """A file of trouble is read strictly."""

    def test_yaml(self, tmp_path: Path) -> None:
        path = tmp_path / "trouble.yaml"
        path.write_text(
            "seed: 7\n"
            "throttle: {rate: 5}\n"
            "latency: {most: 0.5}\n"
            "faults:\n"
            "  - {operation: CreateUser, call: 3, kind: lost-after}\n"
        )
        assert read_trouble(path) == Trouble(
            seed=7,
            throttle=Throttle(rate=5),
            latency=Latency(most=0.5),
            faults=(Fault("CreateUser", FaultKind.LOST_AFTER, call=3),),
        )

    def test_json(self, tmp_path: Path) -> None:
        path = tmp_path / "trouble.json"
        path.write_text('{"shuffle": true, "faults": []}')
        assert read_trouble(path) == Trouble(shuffle=True)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("sead: 7", "sead: Unexpected keyword argument"),
            ("faults: [{kind: explode, operation: x}]", "faults.0.kind: Input should be"),
            ("faults: [{operation: x, call: 0}]", "faults.0.call: Input should be greater"),
            ("throttle: {rate: .inf}", "throttle.rate: Input should be a finite number"),
            ("[1, 2", "cannot be read"),
            ("- a list", "the file: "),
        ],
    )
    def test_refused(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "trouble.yaml"
        path.write_text(text)
        with pytest.raises(TroubleFileError, match=message):
            read_trouble(path)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(TroubleFileError, match="cannot be read"):
            read_trouble(tmp_path / "none.yaml")
