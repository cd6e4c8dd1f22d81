"""Writing through the gateway: one request each, and every outcome under its own name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from identity_reconciler.core.state import (
    Email,
    Group,
    PhoneNumber,
    Photo,
    PostalAddress,
    Principal,
    PrincipalKind,
    Role,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ChangedError,
    CredentialsError,
    GatewayError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    ThrottledError,
    UnknownOutcomeError,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.runs.journal import JournalError
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import FaultKind, Latency, Trouble
from tests.sandbox.gateway_world import (
    EVERYTHING,
    INSTANCE,
    asked,
    assigned,
    clients,
    gateway,
    group,
    member,
    trouble,
    user,
)

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP


@pytest.fixture
def application(sandbox: Sandbox) -> str:
    return sandbox.add_application("Wiki")


@pytest.fixture
def door(sandbox: Sandbox, application: str) -> AwsGateway:
    """Return a gateway that has read ana and bob, ana being in group a and assigned."""
    made = clients(sandbox)
    writer = connect(made, INSTANCE)
    for name in ("ana", "bob"):
        writer.create(user(name))
    writer.create(group("a", "first"))
    writer.create(member("a", "ana"))
    writer.create(assigned(application, USER, "ana"))
    reader = connect(made, INSTANCE)
    reader.read_state(EVERYTHING)
    return reader


FULL = User(
    UserName("zoe"),
    display_name="Zoë",
    given_name="Zoë",
    family_name="Ö",
    middle_name="M",
    honorific_prefix="Dr",
    honorific_suffix="II",
    formatted_name="Dr Zoë",
    nick_name="z",
    profile_url="https://example.com/z",
    email=Email("zoe@example.com", "work", primary=True),
    phone_number=PhoneNumber("+1 1", "work", primary=True),
    address=PostalAddress("Main 1", "X", "Y", "1", "DE", "all", "home", primary=True),
    user_type="employee",
    title="t",
    preferred_language="de",
    locale="de-DE",
    timezone="Europe/Berlin",
    website="https://example.com",
    birthdate="2000-01-01",
    photos=(Photo("https://example.com/1", "photo", "one", primary=True),),
    role=Role("r", "work", primary=True),
    employee_number="1",
    cost_center="2",
    organization="3",
    division="4",
    department="5",
    manager=UserName("ana"),
)


class TestCreate:
    """What is created is live, made with one request."""

    def test_every_attribute_arrives(self, door: AwsGateway) -> None:
        before = door.requests.total
        door.create(FULL)
        assert door.requests.total - before == 1
        assert door.read_state(Wanted(named=(FULL,))) == State(users={user_key("zoe"): FULL})

    def test_what_is_created_needs_no_look_up(self, door: AwsGateway, application: str) -> None:
        before = door.requests.total
        door.create(user("new"))
        door.create(group("new"))
        door.create(member("NEW", "New"))
        door.create(assigned(application, GROUP, "new"))
        door.delete(member("new", "new"))
        door.delete(group("New"))
        assert door.requests.total - before == 6

    @pytest.mark.parametrize("resource", [user("ANA"), group("A"), member("a", "ana")])
    def test_what_is_live_is_reported(self, door: AwsGateway, resource: User | Group) -> None:
        with pytest.raises(AlreadyExistsError, match=r"live already|its (user )?name .*taken"):
            door.create(resource)

    def test_an_address_of_someone_else_is_reported(self, door: AwsGateway) -> None:
        twin = replace(user("new"), email=Email("ana@example.com"))
        with pytest.raises(AlreadyExistsError):
            door.create(twin)

    @pytest.mark.parametrize(
        "resource",
        [user("new", manager="nobody"), member("a", "nobody"), member("nothing", "ana")],
    )
    def test_a_missing_end_is_reported(self, door: AwsGateway, resource: User) -> None:
        with pytest.raises(NotFoundError, match=r"nobody|nothing"):
            door.create(resource)

    def test_a_missing_principal_or_application_is_reported(
        self, door: AwsGateway, application: str
    ) -> None:
        with pytest.raises(NotFoundError, match="group/nothing"):
            door.create(assigned(application, GROUP, "nothing"))
        with pytest.raises(GatewayError):
            door.create(assigned(application[:-4] + "zzzz", USER, "ana"))

    def test_a_name_that_aws_refuses_is_invalid(self, door: AwsGateway) -> None:
        with pytest.raises(InvalidRequestError, match="user/Administrator"):
            door.create(user("Administrator"))

    def test_an_end_that_was_made_anew_is_found_at_the_next_attempt(
        self, sandbox: Sandbox, door: AwsGateway
    ) -> None:
        other = gateway(sandbox)
        other.delete(user("bob"))
        other.create(user("bob"))
        with pytest.raises(NotFoundError):
            door.create(member("a", "bob"))
        door.create(member("a", "bob"))


class TestUpdate:
    """An update changes what differs, if AWS still has what was read."""

    def test_every_attribute_can_be_set_and_removed(self, door: AwsGateway) -> None:
        bare = user("zoe")
        door.create(bare)
        door.update(bare, FULL)
        assert door.read_state(Wanted(named=(bare,))).users == {"zoe": FULL}
        door.update(FULL, bare)
        assert door.read_state(Wanted(named=(bare,))).users == {"zoe": bare}

    def test_it_is_one_request_and_none_when_nothing_differs(self, door: AwsGateway) -> None:
        before = door.requests.total
        door.update(group("a", "first"), group("a", "second"))
        door.update(group("a", "second"), group("a", "second"))
        assert door.requests.total - before == 1

    def test_one_update_after_another_needs_no_read_between(self, door: AwsGateway) -> None:
        before = door.requests.total
        door.update(group("a", "first"), group("b"))
        door.update(group("b"), group("b", "third"))
        assert door.requests.total - before == 2
        live = door.read_state(Wanted(named=(group("b"), member("b", "ana"))))
        assert live.groups[group_key("b")].description == "third"
        assert live.members == {"b": {"ana"}}

    def test_a_gateway_that_has_read_nothing_reads_first(
        self, sandbox: Sandbox, door: AwsGateway
    ) -> None:
        assert door.requests.total
        fresh = gateway(sandbox)
        fresh.update(group("a", "first"), group("a", "x"))
        fresh.update(user("bob"), user("bob", title="x"))
        assert asked(fresh) == {
            ("identitystore", "GetGroupId"): 1,
            ("identitystore", "DescribeGroup"): 1,
            ("identitystore", "UpdateGroup"): 1,
            ("identitystore", "GetUserId"): 1,
            ("identitystore", "DescribeUser"): 1,
            ("identitystore", "UpdateUser"): 1,
        }

    def test_what_was_read_otherwise_is_not_touched(self, door: AwsGateway) -> None:
        before = door.requests.total
        with pytest.raises(ChangedError, match="group/a"):
            door.update(group("a", "other"), group("a", "x"))
        assert door.requests.total == before

    def test_what_changed_after_the_read_is_not_touched(
        self, sandbox: Sandbox, door: AwsGateway
    ) -> None:
        other = gateway(sandbox)
        other.update(group("a", "first"), group("a", "theirs"))
        other.update(user("bob"), user("bob", title="theirs"))
        with pytest.raises(ChangedError, match="group/a"):
            door.update(group("a", "first"), group("a", "ours"))
        with pytest.raises(ChangedError, match="user/bob"):
            door.update(user("bob"), user("bob", title="ours"))
        with pytest.raises(ChangedError, match="user/bob"):
            door.delete(user("bob"))
        live = door.read_state(Wanted(named=(group("a"), user("bob"))))
        assert live.groups[group_key("a")].description == "theirs"
        assert live.users[user_key("bob")].title == "theirs"

    def test_a_taken_name_or_address_is_reported(self, door: AwsGateway) -> None:
        door.create(group("b"))
        with pytest.raises(AlreadyExistsError):
            door.update(group("b"), group("A"))
        with pytest.raises(AlreadyExistsError):
            door.update(
                user("bob"), replace(user("bob"), email=Email("ana@example.com", primary=True))
            )

    def test_what_is_gone_is_reported(self, sandbox: Sandbox, door: AwsGateway) -> None:
        gateway(sandbox).delete(group("a"))
        with pytest.raises(NotFoundError):
            door.update(group("a", "first"), group("a", "x"))
        with pytest.raises(NotFoundError):
            door.update(user("nobody"), user("nobody", title="x"))
        with pytest.raises(NotFoundError):
            door.update(user("bob"), user("bob", manager="nobody"))


class TestDelete:
    """What is deleted is gone, and what is gone already is reported."""

    def test_everything_can_be_deleted(
        self, sandbox: Sandbox, door: AwsGateway, application: str
    ) -> None:
        door.delete(assigned(application, USER, "ana"))
        door.delete(member("a", "ana"))
        door.delete(group("a"))
        for name in ("ana", "bob"):
            door.delete(user(name))
        live = gateway(sandbox, write=False).read_state(EVERYTHING)
        assert (live.users, live.groups) == ({}, {})
        assert not any(live.assignments.values())

    @pytest.mark.usefixtures("door")
    def test_a_gateway_that_has_read_nothing_looks_up(
        self, sandbox: Sandbox, application: str
    ) -> None:
        fresh = gateway(sandbox)
        fresh.delete(assigned(application, USER, "Ana"))
        fresh.delete(member("A", "Ana"))
        fresh.delete(group("A"))
        fresh.delete(user("Ana"))
        assert set(gateway(sandbox, write=False).read_state(EVERYTHING).users) == {"bob"}

    @pytest.mark.parametrize(
        "gone", [user("ana"), group("a"), member("a", "ana"), user("nobody"), group("nothing")]
    )
    def test_what_is_gone_is_reported(self, sandbox: Sandbox, door: AwsGateway, gone: User) -> None:
        other = gateway(sandbox)
        other.delete(member("a", "ana"))
        other.delete(group("a"))
        other.delete(user("ana"))
        with pytest.raises(NotFoundError):
            door.delete(gone)

    def test_a_missing_assignment_is_reported(self, door: AwsGateway, application: str) -> None:
        for name in ("bob", "nobody"):
            with pytest.raises(NotFoundError):
                door.delete(assigned(application, USER, name))

    def test_a_membership_made_anew_is_deleted_all_the_same(
        self, sandbox: Sandbox, door: AwsGateway
    ) -> None:
        other = gateway(sandbox)
        other.delete(member("a", "ana"))
        other.create(member("a", "ana"))
        door.delete(member("a", "ana"))
        assert (
            not gateway(sandbox, write=False)
            .read_state(Wanted(named=(member("a", "ana"),)))
            .members
        )


@dataclass(frozen=True, slots=True)
class Write:
    """One way to write, by the operation it sends."""

    operation: str
    run: Callable[[AwsGateway, str], None]


WRITES = [
    Write("CreateUser", lambda door, _: door.create(user("new"))),
    Write("CreateGroup", lambda door, _: door.create(group("new"))),
    Write("CreateGroupMembership", lambda door, _: door.create(member("a", "bob"))),
    Write("CreateApplicationAssignment", lambda door, arn: door.create(assigned(arn, USER, "bob"))),
    Write("UpdateUser", lambda door, _: door.update(user("bob"), user("bob", title="x"))),
    Write("UpdateGroup", lambda door, _: door.update(group("a", "first"), group("a", "x"))),
    Write("DeleteUser", lambda door, _: door.delete(user("bob"))),
    Write("DeleteGroup", lambda door, _: door.delete(group("a"))),
    Write("DeleteGroupMembership", lambda door, _: door.delete(member("a", "ana"))),
    Write("DeleteApplicationAssignment", lambda door, arn: door.delete(assigned(arn, USER, "ana"))),
]
each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.operation)
ANSWERS: dict[str, type[GatewayError]] = {
    "InternalServerException": UnknownOutcomeError,
    "ThrottlingException": ThrottledError,
    "AccessDeniedException": AccessDeniedError,
    "ValidationException": InvalidRequestError,
    "ServiceQuotaExceededException": QuotaExceededError,
    "ExpiredTokenException": CredentialsError,
}


class TestErrors:
    """Whatever goes wrong, a write is sent once, and its error says what is known."""

    @each_write
    def test_a_lost_answer_leaves_the_outcome_unknown(
        self, sandbox: Sandbox, door: AwsGateway, application: str, write: Write
    ) -> None:
        before = gateway(sandbox, write=False).read_state(EVERYTHING)
        for kind in (FaultKind.LOST_BEFORE, FaultKind.ERROR_AFTER):
            sandbox.make_trouble(trouble(write.operation, kind))
            sandbox.requests.clear()
            with pytest.raises(UnknownOutcomeError, match=f":{write.operation} for "):
                write.run(door, application)
            assert sandbox.requests.total == 1
            after = gateway(sandbox, write=False).read_state(EVERYTHING)
            assert (after == before) == (kind is FaultKind.LOST_BEFORE)

    @pytest.mark.parametrize("resource", [user("new"), group("new"), member("a", "bob")])
    def test_an_answer_lost_after_the_write_is_unknown_and_not_sent_again(
        self, sandbox: Sandbox, door: AwsGateway, resource: User
    ) -> None:
        sandbox.make_trouble(trouble("*", FaultKind.LOST_AFTER))
        sandbox.requests.clear()
        with pytest.raises(UnknownOutcomeError, match="answer was lost"):
            door.create(resource)
        assert sandbox.requests.total == 1
        assert door.read_state(Wanted(named=(resource,))) != State()

    @each_write
    def test_each_answer_has_its_error(
        self, sandbox: Sandbox, door: AwsGateway, application: str, write: Write
    ) -> None:
        for code, error in ANSWERS.items():
            sandbox.make_trouble(trouble(write.operation, FaultKind.ERROR, code))
            sandbox.requests.clear()
            with pytest.raises(error, match=f":{write.operation} for ") as caught:
                write.run(door, application)
            assert caught.type is error
            assert sandbox.requests.total == 1

    @each_write
    def test_a_conflict_means_what_its_service_means(
        self, sandbox: Sandbox, door: AwsGateway, application: str, write: Write
    ) -> None:
        of_sso_admin = "Application" in write.operation
        members = {} if of_sso_admin else {"Reason": "CONCURRENT_MODIFICATION"}
        sandbox.make_trouble(
            trouble(write.operation, FaultKind.ERROR, "ConflictException", **members)
        )
        unsettled = of_sso_admin or write.operation.startswith("Create")
        with pytest.raises(UnknownOutcomeError if unsettled else ChangedError):
            write.run(door, application)

    def test_the_time_to_wait_is_passed_on(self, sandbox: Sandbox, door: AwsGateway) -> None:
        sandbox.make_trouble(
            trouble("CreateGroup", FaultKind.ERROR, "ThrottlingException", RetryAfterSeconds=3)
        )
        with pytest.raises(ThrottledError) as caught:
            door.create(group("new"))
        assert caught.value.retry_after == 3


class Ticking:
    """A clock that runs only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class TestAnnouncing:
    """Whoever wants to hears of each write at the last moment, and can still keep it back."""

    def test_of_each_write_once(self, sandbox: Sandbox, door: AwsGateway, application: str) -> None:
        heard: list[int] = []
        # Links go before what they are of.
        for write in sorted(WRITES, key=lambda one: one.operation in {"DeleteUser", "DeleteGroup"}):
            sandbox.requests.clear()
            with door.announcing(lambda: heard.append(sandbox.requests.total)):
                write.run(door, application)
            assert sandbox.requests.total == 1
        assert heard == [0] * len(WRITES)
        door.create(group("other"))
        assert len(heard) == len(WRITES)

    def test_what_is_kept_back_is_not_sent(
        self, sandbox: Sandbox, door: AwsGateway, application: str
    ) -> None:
        def keep_back() -> None:
            raise JournalError("not now")

        sandbox.requests.clear()
        before = door.requests.total
        for write in WRITES:
            with pytest.raises(JournalError, match="not now"), door.announcing(keep_back):
                write.run(door, application)
        assert sandbox.requests.total == door.requests.total - before == 0
        door.create(group("other"))
        assert sandbox.requests.total == 1

    def test_not_of_what_is_read_for_it(self, sandbox: Sandbox, door: AwsGateway) -> None:
        assert door.requests.total
        fresh, heard = gateway(sandbox), Counter[tuple[str, str]]()
        with fresh.announcing(lambda: heard.update(asked(fresh))):
            fresh.create(member("a", "bob"))
        assert heard == {("identitystore", "GetUserId"): 1, ("identitystore", "GetGroupId"): 1}

    def test_once_the_turn_has_come(self, sandbox: Sandbox) -> None:
        clock = Ticking()
        paced = connect(clients(sandbox, rates=Rates(identity_store=1), clock=clock), INSTANCE)
        heard: list[float] = []
        with paced.announcing(lambda: heard.append(clock.now())):
            for name in ("a", "b", "c"):
                paced.create(group(name))
        assert heard == [0, pytest.approx(1, abs=0.2), pytest.approx(2, abs=0.2)]


class TestThreads:
    """One gateway may be used by several threads."""

    def test_writes_side_by_side_all_arrive(self, door: AwsGateway) -> None:
        def work(number: int) -> None:
            name = f"user-{number}"
            door.create(user(name))
            door.create(member("a", name))
            if number % 2:
                door.delete(member("a", name))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(40)))
        live = door.read_state(EVERYTHING)
        assert len(live.users) == 42
        assert len(live.members[group_key("a")]) == 21

    def test_nobody_asks_what_another_is_asking(self, sandbox: Sandbox, door: AwsGateway) -> None:
        for number in range(8):
            door.create(user(f"user-{number}"))
        fresh = gateway(sandbox)
        sandbox.make_trouble(Trouble(latency=Latency(0.02, 0.02)))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: fresh.create(member("a", f"user-{n}")), range(8)))
        assert asked(fresh) == {
            ("identitystore", "GetGroupId"): 1,
            ("identitystore", "GetUserId"): 8,
            ("identitystore", "CreateGroupMembership"): 8,
        }


class TestManagers:
    """Whose manager has gone can still be changed by the plan that was made before."""

    def test_one_whom_this_gateway_has_deleted_is_called_as_before(self, door: AwsGateway) -> None:
        door.create(user("cleo", manager="ana"))
        door.delete(user("ana"))
        before = door.read_state(Wanted(named=(user("cleo"),))).users[user_key("cleo")]
        assert before.manager == "ana"
        door.update(before, replace(before, title="x", manager=UserName("bob")))
        after = door.read_state(Wanted(named=(user("cleo"),))).users[user_key("cleo")]
        assert (after.title, after.manager) == ("x", "bob")

    def test_one_whom_a_saved_plan_has_deleted_is_called_as_it_says(
        self, sandbox: Sandbox, door: AwsGateway
    ) -> None:
        door.create(user("cleo", manager="ana"))
        (witness,) = door.witnesses([Principal(USER, "ana")]).values()
        door.delete(user("ana"))
        for wanted in (EVERYTHING, Wanted(named=(user("cleo"),))):
            other = gateway(sandbox)
            other.recall({witness: UserName("ana")})
            assert other.read_state(wanted).users[user_key("cleo")].manager == "ana"
            assert (
                gateway(sandbox, write=False).read_state(wanted).users[user_key("cleo")].manager
                != "ana"
            )
