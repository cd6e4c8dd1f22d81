"""The lease where it is kept: six who want it at once, lost answers, long runs, refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from identity_reconciler.cli.turns import Turn
from identity_reconciler.core.lease import (
    LEASE_GROUP,
    MARGIN,
    PERIOD,
    Generation,
    LeaseUnreadableError,
    lease_in,
)
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.errors import (
    AccessDeniedError,
    ExitCode,
    GatewayError,
    InvalidRequestError,
    LockHeldError,
    LockLostError,
)
from identity_reconciler.gateway.aws import connect
from identity_reconciler.gateway.wire.clients import make_clients
from identity_reconciler.gateway.wire.errors import ForbiddenRequestError
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.gateway.writing.leases import (
    GroupLease,
    Kept,
    LeaseStore,
    ObjectLease,
)
from identity_reconciler.runs.applier import Patience
from identity_reconciler.runs.lease import (
    Clocks,
    LeasedGateway,
    Means,
    Run,
    Tenure,
    take,
)
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble
from tests.sandbox.conftest import STORE
from tests.sandbox.gateway_world import INSTANCE, clients, gateway, group

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_s3 import S3Client

SERVED_BY_THE_SANDBOX = [r"https://(organizations|sts|sso|identitystore)\."]
LOCK = "s3://locks/identity/main.json"
CONTENDERS, ROUNDS = 6, 20


@dataclass
class Time:
    """The time of one machine: nobody waits for it."""

    date: datetime = datetime(2026, 3, 1, 9, tzinfo=UTC)
    passed: float = 1000.0
    told: list[str] = field(default_factory=list)

    def goes_on(self, by: timedelta) -> None:
        self.date += by
        self.passed += by.total_seconds()

    def means(self) -> Means:
        clocks = Clocks(lambda: self.date, lambda: self.passed)
        patience = Patience(lambda seconds: self.goes_on(timedelta(seconds=seconds)), attempts=4)
        return Means(clocks, patience, self.told.append)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["directory", LOCK])
def store(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Callable[[], LeaseStore]]:
    """Return what opens the store anew, as another process would."""
    if request.param == "directory":
        yield partial(opened, sandbox, "directory")
        return
    with mock_aws(config={"core": {"passthrough": {"urls": SERVED_BY_THE_SANDBOX}}}):
        ours, theirs = s3_clients()
        theirs.create_bucket(Bucket="locks")
        yield lambda: OneByOne(ours, "locks", "identity/main.json")


@cache
def s3_clients() -> tuple[S3Client, S3Client]:
    """Return a client as applies have it, and one of somebody else."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    made = make_clients(session, region="us-east-1", purpose=Purpose.APPLY)
    return made.late.s3, session.client("s3")


class OneByOne(ObjectLease):
    """Its requests are answered one after the other: moto's objects are not for several threads."""

    turn = threading.Lock()

    def read(self) -> Kept | None:
        with self.turn:
            return super().read()

    def write(self, text: str, seen: Kept | None) -> Kept:
        with self.turn:
            return super().write(text, seen)


def opened(sandbox: Sandbox, lock: str) -> LeaseStore:
    found = gateway(sandbox).lease_store(lock)
    assert found is not None
    return found


def run(number: int = 1, **others: object) -> Run:
    commit = str(number) * 40
    return Run(f"nonce{number}", f"run {number}", commit, **others)  # type: ignore[arg-type]


def generation(store: LeaseStore) -> Generation:
    kept = store.read()
    assert kept is not None
    return lease_in(kept.text).generation


class TestPlaces:
    """The setting says where it is."""

    def test_each(self, sandbox: Sandbox) -> None:
        assert opened(sandbox, LOCK).place == LOCK
        assert opened(sandbox, "directory").place == "the group identity-reconciler-lease"
        assert gateway(sandbox).lease_store("off") is None

    def test_what_is_gone_is_lost(self, store: Callable[[], LeaseStore], time: Time) -> None:
        """Somebody deleted it, so somebody may have taken a new one."""
        place = store()
        ours = take(place, run(1), time.means())
        remove(place)
        time.goes_on(PERIOD / 2)
        with pytest.raises(LockLostError):
            ours.require()
        assert take(store(), run(2), time.means()).generation == Generation()


def remove(place: LeaseStore) -> None:
    """Delete what keeps the lease, as somebody would in the console."""
    if isinstance(place, ObjectLease):
        s3_clients()[1].delete_object(Bucket="locks", Key="identity/main.json")
        return
    assert isinstance(place, GroupLease)
    client, store_id = place._client, place._store  # noqa: SLF001 - of this very sandbox
    (found,) = client.list_groups(IdentityStoreId=store_id)["Groups"]
    client.delete_group(IdentityStoreId=store_id, GroupId=found["GroupId"])


class TestContenders:
    """Of all who want it at once exactly one gets it, round after round."""

    def test_one_winner_each(self, store: Callable[[], LeaseStore], time: Time) -> None:
        stores = [store() for _ in range(CONTENDERS)]
        barrier = threading.Barrier(CONTENDERS)

        def contend(number: int) -> Tenure | str:
            barrier.wait()
            try:
                return take(stores[number], run(number), time.means())
            except LockHeldError as error:
                return str(error)

        with ThreadPoolExecutor(CONTENDERS) as pool:
            for turn in range(ROUNDS):
                answers = list(pool.map(contend, range(CONTENDERS)))
                winners = [one for one in answers if isinstance(one, Tenure)]
                assert len(winners) == 1, answers
                (winner,) = winners
                number = answers.index(winner)
                assert all(
                    f"run {number} since" in one or "others were faster" in one
                    for one in answers
                    if isinstance(one, str)
                )
                winner.require()
                winner.release(wrote=True, done=True)
                after = generation(stores[0])
                assert after == Generation(turn + 1, str(number) * 40)


class TestHolding:
    """Who holds it keeps it as long as it is renewed, and writes nothing once it may be gone."""

    def test_a_killed_run_is_told_and_taken_over_when_its_time_is_over(
        self, store: Callable[[], LeaseStore], time: Time
    ) -> None:
        take(store(), run(1), time.means())
        time.goes_on(PERIOD)
        with pytest.raises(LockHeldError, match="run 1 since 2026-03-01T09:00:00Z"):
            take(store(), run(2), time.means())
        time.goes_on(MARGIN)
        ours = take(store(), run(2), time.means())
        assert ours.generation == Generation(1, "1" * 40)
        assert "took the lock over from run 1" in time.told[-1]

    def test_a_long_run_is_renewed(self, store: Callable[[], LeaseStore], time: Time) -> None:
        ours = take(store(), run(1), time.means())
        for _ in range(20):
            time.goes_on(PERIOD / 2)
            ours.require()
        with pytest.raises(LockHeldError):
            take(store(), run(2), time.means())
        ours.release(wrote=True, done=True)
        assert generation(store()) == Generation(1, "1" * 40)

    def test_it_is_not_renewed_before_every_write(self, sandbox: Sandbox, time: Time) -> None:
        door = gateway(sandbox)
        kept = door.lease_store("directory")
        assert kept is not None
        ours = take(kept, run(), time.means())
        before = door.requests.total
        for _ in range(50):
            ours.require()
        assert door.requests.total == before

    def test_what_was_taken_over_is_lost(self, store: Callable[[], LeaseStore], time: Time) -> None:
        ours = take(store(), run(1), time.means())
        time.goes_on(PERIOD + MARGIN)
        theirs = take(store(), run(2), time.means())
        with pytest.raises(LockLostError):
            ours.require()
        assert ours.is_lost
        ours.release(wrote=True, done=True)
        theirs.require()
        theirs.release(wrote=False, done=False)
        assert generation(store()) == Generation(1, "1" * 40)

    def test_a_paused_run_that_nobody_took_over_goes_on(
        self, store: Callable[[], LeaseStore], time: Time
    ) -> None:
        ours = take(store(), run(1), time.means())
        time.goes_on(10 * PERIOD)
        ours.require()
        with pytest.raises(LockHeldError):
            take(store(), run(2), time.means())

    def test_either_clock_is_enough(self, sandbox: Sandbox, time: Time) -> None:
        """The date was set back, or the machine slept and time did not pass."""
        for moved in ("date", "passed"):
            door = gateway(sandbox)
            kept = door.lease_store("directory")
            assert kept is not None
            ours = take(kept, run(), time.means())
            if moved == "date":
                time.date += PERIOD / 2
            else:
                time.passed += PERIOD.total_seconds() / 2
            before = door.requests.total
            ours.require()
            assert door.requests.total == before + 1
            ours.release(wrote=False, done=False)

    def test_a_renewal_that_fails_is_tried_again_until_time_is_short(
        self, sandbox: Sandbox, time: Time
    ) -> None:
        ours = take(opened(sandbox, "directory"), run(), time.means())
        sandbox.make_trouble(refusing("UpdateGroup", "InternalServerException", times=99))
        time.goes_on(PERIOD / 2)
        ours.require()
        time.goes_on(PERIOD / 2 - MARGIN)
        with pytest.raises(LockLostError, match="could not be renewed"):
            ours.require()

    def test_one_who_waits_gets_it(self, store: Callable[[], LeaseStore], time: Time) -> None:
        take(store(), run(1), time.means())
        wait = (PERIOD + 2 * MARGIN).total_seconds()
        ours = take(store(), run(2, wait=wait), time.means())
        assert "waiting up to" in time.told[0]
        ours.require()

    def test_nothing_kept_moves_when_nothing_was_done(
        self, store: Callable[[], LeaseStore], time: Time
    ) -> None:
        take(store(), run(1), time.means()).release(wrote=False, done=False)
        assert generation(store()) == Generation()
        take(store(), run(1), time.means()).release(wrote=False, done=True)
        assert generation(store()) == Generation(1, "1" * 40)
        take(store(), run(1), time.means()).release(wrote=False, done=True)
        assert generation(store()) == Generation(1, "1" * 40)
        expiry = run(2, only_expired=True)
        take(store(), expiry, time.means()).release(wrote=False, done=True)
        assert generation(store()) == Generation(1, "1" * 40)
        take(store(), expiry, time.means()).release(wrote=True, done=True)
        assert generation(store()) == Generation(2, "1" * 40)


def refusing(operation: str, code: str, times: int = 1) -> Trouble:
    return Trouble(faults=(Fault(operation, FaultKind.ERROR, code=code, times=times),))


def losing(operation: str) -> Trouble:
    """Return the trouble of an answer that is lost after the request was carried out."""
    return Trouble(faults=(Fault(operation, FaultKind.LOST_AFTER),))


class TestTrouble:
    """A lost answer is read back; a throttled or refused one is not taken for a lost lease."""

    @pytest.mark.parametrize("operation", ["CreateGroup", "UpdateGroup"])
    def test_a_lost_answer(self, sandbox: Sandbox, time: Time, operation: str) -> None:
        sandbox.make_trouble(losing(operation))
        ours = take(opened(sandbox, "directory"), run(), time.means())
        ours.require()
        ours.release(wrote=True, done=True)
        assert not time.told
        assert generation(opened(sandbox, "directory")) == Generation(1, "1" * 40)

    def test_a_throttled_one(self, sandbox: Sandbox, time: Time) -> None:
        sandbox.make_trouble(refusing("CreateGroup", "ThrottlingException", times=2))
        take(opened(sandbox, "directory"), run(), time.means())

    def test_a_release_that_fails_is_told(self, sandbox: Sandbox, time: Time) -> None:
        ours = take(opened(sandbox, "directory"), run(), time.means())
        sandbox.make_trouble(refusing("UpdateGroup", "AccessDeniedException"))
        ours.release(wrote=True, done=True)
        assert "over by itself at 2026-03-01T09:16:00Z" in time.told[-1]

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("AccessDeniedException", AccessDeniedError),
            # What Active Directory as the identity source answers is not documented.
            ("UnknownOperationException", InvalidRequestError),
            ("ValidationException", InvalidRequestError),
        ],
    )
    def test_where_groups_cannot_be_written(
        self, sandbox: Sandbox, time: Time, code: str, kind: type[GatewayError]
    ) -> None:
        faults = tuple(
            Fault(operation, FaultKind.ERROR, code=of, times=9)
            for operation, of in {
                "GetGroupId": "UnknownOperationException",
                "CreateGroup": code,
            }.items()
        )
        sandbox.make_trouble(Trouble(faults=faults))
        with pytest.raises(kind, match=r"Active Directory; set lock: s3://bucket/key"):
            take(opened(sandbox, "directory"), run(), time.means())

    @pytest.mark.parametrize("description", [None, "On call this week", "{}"])
    def test_a_group_of_somebody_else_is_not_overwritten(
        self, sandbox: Sandbox, time: Time, description: str | None
    ) -> None:
        client: IdentityStoreClient = sandbox.session().client("identitystore")
        client.create_group(
            IdentityStoreId=STORE,
            DisplayName=LEASE_GROUP,
            **({"Description": description} if description else {}),
        )
        with pytest.raises(LeaseUnreadableError, match="does not hold the lock of this program"):
            take(opened(sandbox, "directory"), run(), time.means())
        (found,) = client.list_groups(IdentityStoreId=STORE)["Groups"]
        assert found.get("Description") == description


class TestWriting:
    """A gateway writes for who holds the lease, and knows whether it may have."""

    def test_nothing_is_sent_without_it(self, sandbox: Sandbox, time: Time) -> None:
        door = gateway(sandbox)
        kept = door.lease_store("directory")
        assert kept is not None
        ours = take(kept, run(1), time.means())
        leased = LeasedGateway(door, ours)
        time.goes_on(PERIOD + MARGIN)
        take(opened(sandbox, "directory"), run(2), time.means())
        writes: list[Callable[[], None]] = [
            lambda: leased.create(group("a")),
            lambda: leased.update(group("a"), group("a", "b")),
            lambda: leased.delete(group("a")),
        ]
        for write in writes:
            with pytest.raises(LockLostError):
                write()
        assert not leased.may_have_written
        assert sandbox.requests.counts["identitystore", "CreateGroup"] == 1

    @pytest.mark.parametrize(
        ("trouble", "may_have"),
        [
            (None, True),
            (losing("CreateGroup"), True),
            (refusing("CreateGroup", "AccessDeniedException"), False),
            (refusing("CreateGroup", "ThrottlingException"), False),
        ],
    )
    def test_it_knows_whether_it_may_have_written(
        self, sandbox: Sandbox, time: Time, trouble: Trouble | None, *, may_have: bool
    ) -> None:
        ours = take(opened(sandbox, "directory"), run(1), time.means())
        leased = LeasedGateway(gateway(sandbox), ours)
        sandbox.make_trouble(trouble)
        try:
            leased.create(group("a"))
        except GatewayError:
            assert trouble is not None
        assert leased.may_have_written is may_have

    def test_a_renewal_is_not_announced_as_a_change(self, sandbox: Sandbox, time: Time) -> None:
        door = gateway(sandbox)
        kept = door.lease_store("directory")
        assert kept is not None
        leased = LeasedGateway(door, take(kept, run(1), time.means()))
        begun: list[int] = []
        time.goes_on(PERIOD)
        with leased.announcing(lambda: begun.append(door.requests.total)):
            leased.create(group("a"))
        assert begun == [door.requests.total - 1], "once, right before the last request"

    def test_what_waited_too_long_for_its_turn_is_not_sent(
        self, sandbox: Sandbox, time: Time
    ) -> None:
        door = gateway(sandbox)
        kept = door.lease_store("directory")
        assert kept is not None
        ours = take(kept, run(1), time.means())
        leased = LeasedGateway(door, ours)
        begun: list[int] = []
        ours.require()
        time.goes_on(PERIOD)
        with leased.announcing(lambda: begun.append(1)), pytest.raises(LockLostError):
            door.create(group("a"))
        assert not begun
        assert door.requests.counts()["identitystore", "CreateGroup"] == 1, "that of the lease"

    def test_its_own_group_is_nobody_elses_to_write(self, sandbox: Sandbox) -> None:
        door = gateway(sandbox)
        lease = Group(GroupName(LEASE_GROUP.upper()))
        writes: list[Callable[[], None]] = [
            lambda: door.create(lease),
            lambda: door.update(lease, group("a")),
            lambda: door.update(group("a"), lease),
            lambda: door.delete(lease),
        ]
        for write in writes:
            with pytest.raises(InvalidRequestError, match="not to be managed"):
                write()


class TestEnding:
    """An apply that lost the lease before it wrote ends with 6, and has applied nothing."""

    @pytest.mark.parametrize("lost", [True, False])
    def test_exit_codes(self, sandbox: Sandbox, time: Time, *, lost: bool) -> None:
        ours = take(opened(sandbox, "directory"), run(1), time.means())
        if lost:
            time.goes_on(PERIOD + MARGIN)
            take(opened(sandbox, "directory"), run(2), time.means())
            with pytest.raises(LockLostError):
                ours.require()
        turn = Turn(gateway(sandbox), "directory", ours)
        assert turn.ended(ExitCode.UNEXPECTED) == (ExitCode.LOCKED if lost else 1)
        assert turn.ended(ExitCode.PARTIAL_APPLY) is ExitCode.PARTIAL_APPLY
        assert not turn.done
        assert turn.ended(ExitCode.SUCCESS) is ExitCode.SUCCESS
        assert turn.done


class TestReadingClients:
    """Who only reads cannot take it, whatever its role allows."""

    def test_is_refused(self, sandbox: Sandbox, time: Time) -> None:
        door = connect(clients(sandbox, write=False), INSTANCE)
        kept = door.lease_store("directory")
        assert kept is not None
        with pytest.raises(ForbiddenRequestError):
            take(kept, run(), time.means())
