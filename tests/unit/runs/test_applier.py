"""What the applier makes of a world that is not as the plan left it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.state import (
    Assignment,
    Email,
    Group,
    GroupKey,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    UserName,
)
from identity_reconciler.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    CredentialsError,
    GatewayError,
    IncompleteReadError,
    LockLostError,
    NotFoundError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.journal import JournalError
from tests.memory_gateway import MemoryGateway, Silent
from tests.strategies import APPLICATIONS

ANA = User(UserName("ana"), title="Engineer")
OPS = Group(GroupName("ops"), "Operations")
IN_OPS = Membership(OPS.name, ANA.user_name)
PAYROLL = Assignment(APPLICATIONS[0].arn, Principal(PrincipalKind.GROUP, "ops"))
WORLD = State(
    users={UserKey("ana"): ANA},
    groups={GroupKey("ops"): OPS},
    members={GroupKey("ops"): frozenset({UserKey("ana")})},
    applications={APPLICATIONS[0].arn: APPLICATIONS[0]},
    assignments={APPLICATIONS[0].arn: frozenset({PAYROLL.principal})},
)


@dataclass
class Failing(MemoryGateway):
    """A gateway whose next writes, and reads, end in given errors."""

    errors: list[GatewayError | None] = field(default_factory=list)
    read_error: GatewayError | None = None
    then: Callable[[], None] | None = None
    """Called once, after the first failed write: what somebody else does meanwhile."""

    def create(self, resource: Resource) -> None:
        self._fail()
        super().create(resource)

    def update(self, before: User | Group, after: User | Group) -> None:
        self._fail()
        super().update(before, after)

    def delete(self, resource: Resource) -> None:
        self._fail()
        super().delete(resource)

    def _fail(self) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            if self.then:
                self.then()
                self.then = None
            raise error

    def read_state(self, wanted: Wanted) -> State:
        if self.read_error:
            raise self.read_error
        return super().read_state(wanted)


def failing(world: State, *errors: GatewayError | None) -> Failing:
    base = MemoryGateway.holding(world)
    return Failing(
        base.users,
        base.groups,
        base.members,
        base.applications,
        base.assignments,
        errors=list(errors),
    )


def run(gateway: MemoryGateway, *changes: Change) -> list[Result]:
    return list(apply_plan(Plan(changes), gateway, Silent(), Patience(lambda _: None)))


def outcome(gateway: MemoryGateway, change: Change) -> tuple[Outcome, str]:
    (result,) = run(gateway, change)
    return result.outcome, result.detail


class TestAlreadyInPlace:
    """What is as it should be is done, whoever did it."""

    @pytest.mark.parametrize("resource", [ANA, OPS, IN_OPS, PAYROLL])
    def test_create_of_an_equal_object(self, resource: Resource) -> None:
        gateway = MemoryGateway.holding(WORLD)
        assert outcome(gateway, Create(resource)) == (Outcome.ALREADY_IN_PLACE, "")

    @pytest.mark.parametrize("resource", [ANA, OPS, IN_OPS, PAYROLL])
    def test_delete_of_something_gone(self, resource: Resource) -> None:
        gateway = MemoryGateway.holding(State(applications=WORLD.applications))
        assert outcome(gateway, Delete(resource)) == (Outcome.ALREADY_IN_PLACE, "")

    def test_update_that_somebody_else_made(self) -> None:
        gateway = MemoryGateway.holding(WORLD)
        change = Update(replace(ANA, title="Trainee"), ANA)
        assert outcome(gateway, change) == (Outcome.ALREADY_IN_PLACE, "")

    def test_rename_that_is_done(self) -> None:
        gateway = MemoryGateway.holding(WORLD)
        change = Rename(replace(OPS, name=GroupName("old")), OPS)
        assert outcome(gateway, change) == (Outcome.ALREADY_IN_PLACE, "")

    def test_create_whose_extra_attributes_were_not_declared(self) -> None:
        gateway = MemoryGateway.holding(WORLD)
        change = Create(User(UserName("ANA")))
        assert outcome(gateway, change)[0] is Outcome.ALREADY_IN_PLACE


class TestContradiction:
    """What is neither as before nor as wanted is never overwritten; the difference is named."""

    def test_create_of_a_different_object(self) -> None:
        gateway = MemoryGateway.holding(WORLD)
        assert outcome(gateway, Create(replace(ANA, title="Boss"))) == (
            Outcome.FAILED,
            "it is live already, but title is 'Engineer' and not 'Boss'",
        )
        assert gateway.state() == MemoryGateway.holding(WORLD).state()

    def test_create_of_an_object_that_is_foreign(self) -> None:
        world = replace(WORLD, users={UserKey("ana"): replace(ANA, foreign=True)})
        gateway = MemoryGateway.holding(world)
        result, detail = outcome(gateway, Create(ANA))
        assert result is Outcome.FAILED
        assert "external identity provider" in detail

    def test_create_whose_email_another_user_has(self) -> None:
        email = Email("a@example.com")
        world = replace(WORLD, users={UserKey("ana"): replace(ANA, email=email)})
        gateway = MemoryGateway.holding(world)
        blame = "its e-mail address is that of user/ana; plan again"
        change = Create(User(UserName("bob"), email=Email("A@example.com")))
        assert outcome(gateway, change) == (Outcome.FAILED, blame)
        zoe = User(UserName("zoe"))
        gateway.users[UserKey("zoe")] = zoe
        assert outcome(gateway, Update(zoe, replace(zoe, email=email))) == (Outcome.FAILED, blame)
        kim = replace(zoe, user_name=UserName("kim"), email=email)
        assert outcome(gateway, Rename(zoe, kim)) == (Outcome.FAILED, blame)

    @pytest.mark.parametrize("kind", ["user", "group"])
    def test_rename_to_a_name_that_another_has(self, kind: str) -> None:
        """It is not taken for done because the new name is live."""
        gateway = MemoryGateway.holding(WORLD)
        gateway.users[UserKey("bob")] = bob = User(UserName("bob"))
        gateway.groups[GroupKey("dev")] = dev = Group(GroupName("dev"))
        change = Rename(bob, ANA) if kind == "user" else Rename(dev, OPS)
        detail = f"another {kind} has the new name; plan again"
        assert outcome(gateway, change) == (Outcome.FAILED, detail)

    @pytest.mark.parametrize("kind", ["user", "group"])
    def test_rename_of_a_changed_object_to_a_name_that_another_has(self, kind: str) -> None:
        """Nor is it when what was to be renamed is not as it was: nobody is taken for another."""
        gateway = MemoryGateway.holding(WORLD)
        bob, dev = User(UserName("bob")), Group(GroupName("dev"))
        gateway.users[UserKey("bob")] = replace(bob, title="x")
        gateway.groups[GroupKey("dev")] = replace(dev, description="x")
        change = Rename(bob, ANA) if kind == "user" else Rename(dev, OPS)
        detail = f"another {kind} has the new name; plan again"
        assert outcome(gateway, change) == (Outcome.FAILED, detail)

    def test_update_of_a_changed_object(self) -> None:
        gateway = MemoryGateway.holding(WORLD)
        change = Update(replace(ANA, title="Trainee"), replace(ANA, title="Boss"))
        assert outcome(gateway, change) == (
            Outcome.FAILED,
            "it has changed since it was read: title is 'Engineer' and not 'Trainee'",
        )

    def test_update_of_an_object_that_is_gone(self) -> None:
        gateway = failing(State(), NotFoundError("gone"))
        change = Update(ANA, replace(ANA, title="Boss"))
        assert outcome(gateway, change) == (Outcome.FAILED, "it is no longer live")

    @pytest.mark.parametrize(
        "before", [replace(ANA, title="Trainee"), replace(OPS, description="x")]
    )
    def test_delete_of_a_changed_object(self, before: User | Group) -> None:
        gateway = MemoryGateway.holding(WORLD)
        result, detail = outcome(gateway, Delete(before))
        assert result is Outcome.FAILED
        assert detail.startswith("it has changed since it was read")


class TestWhatIsGivenUp:
    """When what gives up an address fails, who gets it is skipped, and nobody else."""

    @pytest.mark.parametrize("fails", ["update", "deletion"])
    def test_the_taker_is_skipped(self, fails: str) -> None:
        has = replace(ANA, email=Email("a@example.com"))
        gateway = failing(replace(WORLD, users={UserKey("ana"): has}), AccessDeniedError("denied"))
        giver: Change = Delete(has) if fails == "deletion" else Update(has, ANA)
        new = User(UserName("new"), email=Email("A@example.com"))
        member = Membership(OPS.name, new.user_name)
        other = Create(User(UserName("other")))
        results = run(gateway, giver, Create(new), other, Create(member))
        assert [(one.outcome, one.detail) for one in results] == [
            (Outcome.FAILED, "denied"),
            (Outcome.SKIPPED, "takes what user/ana was to give up, which has failed"),
            (Outcome.APPLIED, ""),
            (Outcome.SKIPPED, "needs user/new, which could not be made ready"),
        ]

    def test_a_leaver_goes_before_the_rename_of_the_manager(self) -> None:
        """Who has the name of then in the plan, and that of now where it is compared."""
        boss = User(UserName("boss"))
        leaver = User(UserName("zoe"), email=Email("z@example.com"), manager=boss.user_name)
        gateway = failing(State(users={UserKey("boss"): boss, UserKey("zoe"): leaver}))
        chief = replace(boss, user_name=UserName("chief"), email=leaver.email)
        results = run(
            gateway, Delete(replace(leaver, manager=chief.user_name)), Rename(boss, chief)
        )
        assert [one.outcome for one in results] == [Outcome.APPLIED, Outcome.APPLIED]

    def test_an_address_that_still_shows_as_taken_is_tried_again(self) -> None:
        """What was written a moment ago may not have reached every host."""
        has = replace(ANA, email=Email("a@example.com"))
        gateway = failing(
            replace(WORLD, users={UserKey("ana"): has}), None, AlreadyExistsError("taken")
        )
        new = User(UserName("new"), email=Email("A@example.com"))
        results = run(gateway, Update(has, ANA), Create(new))
        assert [one.outcome for one in results] == [Outcome.APPLIED, Outcome.APPLIED]


class TestDoubt:
    """A lost answer is settled by reading back, never by guessing."""

    def test_somebody_else_created_something_different_meanwhile(self) -> None:
        gateway = failing(State(), UnknownOutcomeError("lost"))
        gateway.then = lambda: gateway.users.update({UserKey("ana"): replace(ANA, title="Boss")})
        (result,) = run(gateway, Create(ANA))
        assert (result.outcome, result.may_have_written) == (Outcome.FAILED, True)
        assert "title is 'Boss' and not 'Engineer'" in result.detail

    def test_a_failed_read_back_leaves_it_unknown(self) -> None:
        """Nothing that needs it is begun."""
        gateway = failing(State(), UnknownOutcomeError("the answer was lost"))
        gateway.read_error = IncompleteReadError("no network")
        first, second = run(gateway, Create(ANA), Create(IN_OPS))
        assert (first.outcome, first.detail, first.may_have_written, first.is_met) == (
            Outcome.UNKNOWN,
            "the answer was lost; whether it was done could not be read back: no network",
            True,
            False,
        )
        assert second.outcome is Outcome.SKIPPED

    def test_what_was_refused_is_not_unknown(self) -> None:
        """Whatever is live, this run has not written it."""
        gateway = failing(WORLD, AlreadyExistsError("it is live already"))
        gateway.read_error = IncompleteReadError("no network")
        (result,) = run(gateway, Create(ANA))
        assert (result.outcome, result.may_have_written) == (Outcome.FAILED, False)

    def test_credentials_that_are_gone_by_the_read_back(self) -> None:
        gateway = failing(State(), UnknownOutcomeError("lost"))
        gateway.read_error = CredentialsError("expired")
        first, second = run(gateway, Create(ANA), Create(OPS))
        assert first.outcome is Outcome.UNKNOWN
        assert (second.outcome, second.detail) == (Outcome.SKIPPED, "expired")

    def test_it_gives_up_in_the_end(self) -> None:
        gateway = failing(State(), *[UnknownOutcomeError("lost")] * 100)
        (result,) = run(gateway, Create(ANA))
        assert (result.outcome, result.detail, result.may_have_written) == (
            Outcome.FAILED,
            "gave up; the last answer was: lost",
            True,
        )
        assert len(gateway.errors) == 92

    @pytest.mark.parametrize(
        ("landed", "expected"), [(False, Outcome.FAILED), (True, Outcome.APPLIED)]
    )
    def test_a_second_attempt_that_ends_otherwise(self, *, landed: bool, expected: Outcome) -> None:
        """What became of the first one is looked for, and it is not tried a third time."""
        errors = [UnknownOutcomeError("lost"), AccessDeniedError("denied"), AccessDeniedError("x")]
        gateway = failing(State(), *errors)
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if landed:
                gateway.users[UserKey("ana")] = ANA

        (result,) = apply_plan(Plan((Create(ANA),)), gateway, Silent(), Patience(wait))
        assert (result.outcome, result.may_have_written) == (expected, True)
        assert result.detail == ("" if landed else "denied")
        assert len(waits) == 1

    def test_a_second_attempt_whose_read_back_fails(self) -> None:
        gateway = failing(State(), UnknownOutcomeError("lost"), AccessDeniedError("denied"))

        def wait(_: float) -> None:
            gateway.read_error = AccessDeniedError("nor may it read")

        (result,) = apply_plan(Plan((Create(ANA),)), gateway, Silent(), Patience(wait))
        assert result.outcome is Outcome.UNKNOWN

    def test_a_refused_connection_is_tried_again(self) -> None:
        """Nothing was sent, so there is nothing to read back."""
        gateway = failing(State(), *[UnreachableError("no connection")] * 7)
        (result,) = run(gateway, Create(ANA))
        assert (result.outcome, gateway.reads) == (Outcome.APPLIED, 0)

    def test_when_nothing_can_be_reached_it_is_not_waited_for_with_every_change(self) -> None:
        away = UnreachableError("no connection")
        gateway = failing(State(), *[away] * 9, None, away, None)
        waits: list[float] = []
        dev, doc = (replace(OPS, name=GroupName(name)) for name in ("dev", "doc"))
        plan = Plan((Create(ANA), Create(OPS), Create(dev), Create(doc)))
        results = list(apply_plan(plan, gateway, Silent(), Patience(waits.append)))
        assert [(one.outcome, one.may_have_written) for one in results] == [
            (Outcome.FAILED, False),
            (Outcome.FAILED, False),
            (Outcome.APPLIED, True),
            (Outcome.APPLIED, True),
        ]
        assert results[0].detail == "gave up; the last answer was: no connection"
        assert len(waits) == 7 + 1

    def test_a_throttled_write_waits_as_long_as_aws_says(self) -> None:
        waits: list[float] = []
        errors = [ThrottledError("slow", retry_after=7.0), ThrottledError("slow"), None]
        gateway = failing(State(), *errors)
        results = list(apply_plan(Plan((Create(ANA),)), gateway, Silent(), Patience(waits.append)))
        assert [result.outcome for result in results] == [Outcome.APPLIED]
        assert waits == [7.0, 2.0]

    def test_what_was_just_created_may_take_a_while_to_show(self) -> None:
        gateway = failing(State(), None, None, NotFoundError("not yet"), NotFoundError("not yet"))
        results = run(gateway, Create(ANA), Create(OPS), Create(IN_OPS))
        assert [result.outcome for result in results] == [Outcome.APPLIED] * 3

    def test_a_link_that_was_just_removed_is_not_waited_for(self) -> None:
        gateway = failing(WORLD, None, NotFoundError("gone"))
        anna = Rename(ANA, replace(ANA, user_name=UserName("anna")))
        results = run(gateway, Delete(IN_OPS), anna)
        assert [one.outcome for one in results] == [Outcome.APPLIED, Outcome.FAILED]

    def test_what_was_there_before_is_not_waited_for(self) -> None:
        gateway = failing(WORLD, NotFoundError("gone"))
        gateway.members.clear()
        assert outcome(gateway, Create(IN_OPS)) == (Outcome.FAILED, "gone")


def managed(name: str, manager: str | None = None) -> User:
    return User(UserName(name), manager=UserName(manager) if manager else None)


BOBBY = Rename(managed("bob"), managed("bobby"))
MANAGED: dict[str, tuple[tuple[User, ...], tuple[Change, ...]]] = {
    "two who change places": (
        (managed("ana"), managed("bob", "ana")),
        (
            Rename(managed("ana"), managed("anna", "bobby")),
            Rename(managed("bob", "anna"), managed("bobby")),
        ),
    ),
    "three who do": (
        (managed("ana"), managed("bob", "ana"), managed("cat", "bob")),
        (
            Rename(managed("ana"), managed("anna", "cathy")),
            Rename(managed("bob", "anna"), managed("bobby")),
            Rename(managed("cat", "bobby"), managed("cathy", "bobby")),
        ),
    ),
    "an update": (
        (managed("bob"), managed("cat")),
        (Update(managed("cat"), managed("cat", "bobby")), BOBBY),
    ),
    "a creation": ((managed("bob"),), (Create(managed("dan", "bobby")), BOBBY)),
    "a manager who loses one": (
        (managed("ana"), managed("bob", "ana"), managed("cat")),
        (
            Update(managed("cat"), managed("cat", "bobby")),
            Rename(managed("bob", "ana"), managed("bobby")),
        ),
    ),
    "a name in other letters": (
        (managed("bob"), managed("cat", "bob")),
        (Rename(managed("bob"), managed("Bob")), Update(managed("cat", "Bob"), managed("cat"))),
    ),
}


class TestManagers:
    """A manager is whom the plan means, whether the rename that it goes by is done or not."""

    @pytest.mark.parametrize(("people", "changes"), MANAGED.values(), ids=MANAGED.keys())
    @pytest.mark.parametrize("backwards", [False, True])
    @pytest.mark.parametrize("lost", [False, True])
    def test_in_any_order(
        self, people: tuple[User, ...], changes: tuple[Change, ...], *, backwards: bool, lost: bool
    ) -> None:
        live = State(users={UserKey(one.key[1]): one for one in people})
        gateway = failing(live, UnknownOutcomeError("lost") if lost else None)
        ordered = changes[::-1] if backwards else changes
        assert run(gateway, *ordered) == [Result(one, Outcome.APPLIED) for one in ordered]
        found = gateway.state().users
        for change in changes:
            assert not isinstance(change, Delete)
            assert found[UserKey(change.after.key[1])] == change.after

    def test_who_still_has_the_name_is_somebody_else(self) -> None:
        """Bob becomes Bobby, Ana becomes Bob, and it is she who is meant."""
        gateway = MemoryGateway.holding(
            State(users={UserKey(name): managed(name) for name in ("ana", "bob", "cat")})
        )
        changes = (
            Update(managed("cat"), managed("cat", "bob")),
            BOBBY,
            Rename(managed("ana"), managed("bob")),
        )
        assert run(gateway, *changes) == [Result(one, Outcome.APPLIED) for one in changes]
        assert gateway.state().users[UserKey("cat")] == managed("cat", "bob")


class TestFailures:
    """One failure costs what depends on it, and nothing else."""

    def test_dependents_are_skipped_with_the_reason(self) -> None:
        gateway = failing(State(), AccessDeniedError("not allowed"))
        results = run(gateway, Create(ANA), Create(OPS), Create(IN_OPS))
        assert [(result.outcome, result.detail) for result in results] == [
            (Outcome.FAILED, "not allowed"),
            (Outcome.APPLIED, ""),
            (Outcome.SKIPPED, "needs user/ana, which could not be made ready"),
        ]

    def test_a_leaver_goes_while_something_else_fails(self) -> None:
        """And not while an assignment would be left behind."""
        wiki = Assignment(APPLICATIONS[0].arn, Principal(PrincipalKind.USER, "ana"))
        world = replace(WORLD, assignments={APPLICATIONS[0].arn: frozenset({wiki.principal})})
        denied = AccessDeniedError("denied")
        leaves = Delete(ANA, cascaded=(IN_OPS,))
        changes: tuple[Change, ...] = (Delete(wiki), Create(Group(GroupName("dev"))), leaves)
        results = run(failing(world, None, denied), *changes)
        assert [one.outcome for one in results] == [
            Outcome.APPLIED,
            Outcome.FAILED,
            Outcome.APPLIED,
        ]
        results = run(failing(world, denied), *changes)
        assert [one.outcome for one in results] == [
            Outcome.FAILED,
            Outcome.APPLIED,
            Outcome.SKIPPED,
        ]

    def test_a_group_stays_while_its_members_lack_what_replaces_it(self) -> None:
        new = Group(GroupName("new"))
        move = Membership(new.name, ANA.user_name)
        goes = Delete(OPS, cascaded=(IN_OPS,))
        gateway = failing(WORLD, AccessDeniedError("denied"))
        results = run(gateway, Create(new), Create(move), goes)
        assert [one.outcome for one in results] == [
            Outcome.FAILED,
            Outcome.SKIPPED,
            Outcome.SKIPPED,
        ]
        assert gateway.members[GroupKey("ops")] == {"ana"}

    def test_the_journal_fails_after_the_result_that_it_is_about(self) -> None:
        class Full(Silent):
            def finished(self, result: Result) -> None:
                raise JournalError(result.change.key[1])

        going = apply_plan(
            Plan((Create(ANA), Create(OPS))), MemoryGateway(), Full(), Patience(lambda _: None)
        )
        assert next(going) == Result(Create(ANA), Outcome.APPLIED)
        with pytest.raises(JournalError):
            next(going)

    def test_without_credentials_the_rest_is_skipped(self) -> None:
        gateway = failing(State(), CredentialsError("expired"))
        results = run(gateway, Create(ANA), Create(OPS))
        assert [(result.outcome, result.detail) for result in results] == [
            (Outcome.FAILED, "expired"),
            (Outcome.SKIPPED, "expired"),
        ]

    def test_without_the_lease_nothing_more_is_written(self) -> None:
        """Of the change whose answer was lost before, it is read back that it was not done."""
        lost = UnknownOutcomeError("lost")
        gateway = failing(State(), lost, LockLostError("somebody else applies"))
        results = run(gateway, Create(ANA), Create(OPS))
        assert [(one.outcome, one.detail, one.answer_lost) for one in results] == [
            (Outcome.FAILED, "somebody else applies", True),
            (Outcome.SKIPPED, "somebody else applies", False),
        ]
        assert gateway.users == {}
        assert gateway.groups == {}

    def test_a_stop_between_two_changes_begins_nothing_more(self) -> None:
        gateway = MemoryGateway()
        patience = Patience(lambda _: None, stop=lambda: gateway.writes.total() == 1)
        plan = Plan((Create(ANA), Create(OPS)))
        results = list(apply_plan(plan, gateway, Silent(), patience))
        assert [result.outcome for result in results] == [Outcome.APPLIED]
        assert gateway.groups == {}
