"""Changes side by side: what waits for what, how fast it goes, and how it ends early."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update, ordered
from identity_reconciler.core.state import (
    Assignment,
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
from identity_reconciler.errors import CredentialsError, UnreachableError
from identity_reconciler.gateway.wire.pacing import Pacer, Rates
from identity_reconciler.runs.applier import Manner, Outcome, Patience, apply_plan
from identity_reconciler.runs.journal import JournalError
from identity_reconciler.runs.lanes import Lanes, Threads, waves
from tests.memory_gateway import Fault, MemoryGateway, Silent
from tests.side_by_side import Slow, apply_side_by_side
from tests.simulated_time import SimulatedClock, SimulatedWorkers
from tests.strategies import APPLICATIONS
from tests.unit.runs.test_applier import MANAGED, managed

SEEDS = range(8)


def in_one_wave(changes: Iterable[Change]) -> Plan:
    listed = tuple(changes)
    return Plan(listed, waves={change.key: 0 for change in listed})


def groups(count: int) -> tuple[Create, ...]:
    return tuple(Create(Group(GroupName(f"group{number:03}"))) for number in range(count))


def creation(users: int, teams: int, links: int, assigned: int) -> Plan:
    """Return a plan, of one wave, that creates so many of each."""
    people: list[User] = [User(UserName(f"user{number:04}")) for number in range(users)]
    made = [Group(GroupName(f"group{number:03}")) for number in range(teams)]
    memberships = [
        Membership(group.name, people[(place * 31 + step) % users].user_name)
        for place, group in enumerate(made)
        for step in range(links // teams)
    ]
    assignments = [
        Assignment(
            APPLICATIONS[number % 3].arn,
            Principal(PrincipalKind.USER, people[number % users].user_name),
        )
        for number in range(assigned)
    ]
    everything: list[list[Resource]] = [[*people], [*made], [*memberships], [*assignments]]
    return in_one_wave(ordered(Create(one) for some in everything for one in some))


class TestWaves:
    """They are runs of equal numbers; a change without one stands alone."""

    def test_of_a_plan(self) -> None:
        changes = groups(7)
        numbers = (0, 0, None, None, 3, 4, 4)
        plan = Plan(
            changes,
            waves={
                change.key: number
                for change, number in zip(changes, numbers, strict=True)
                if number is not None
            },
        )
        assert [len(wave) for wave in waves(plan)] == [2, 1, 1, 1, 2]
        assert tuple(change for wave in waves(plan) for change in wave) == changes
        assert list(waves(Plan())) == []


class TestManagers:
    """A manager who is renamed meanwhile is whom the plan means, at whatever moment."""

    @pytest.mark.parametrize(("people", "changes"), MANAGED.values(), ids=MANAGED.keys())
    @pytest.mark.parametrize("backwards", [False, True])
    def test_in_any_interleaving(
        self, people: tuple[User, ...], changes: tuple[Change, ...], *, backwards: bool
    ) -> None:
        live = State(users={UserKey(one.key[1]): one for one in people})
        plan = in_one_wave(changes[::-1] if backwards else changes)
        for seed in SEEDS:
            gateway = Slow.from_seed(live, seed)
            gateway.faults = {0: Fault.LOST_AFTER} if seed % 2 else {}
            results = apply_side_by_side(plan, gateway, width=4).results
            assert {one.outcome for one in results} == {Outcome.APPLIED}
            assert gateway.writes.total() == len(changes)

    def test_who_goes_is_named_until_then(self) -> None:
        """Bob gets another manager before his old one goes, though the answer is lost."""
        live = State(users={UserKey(one): managed(one) for one in ("ana", "cat")})
        live = State(users={**live.users, UserKey("bob"): managed("bob", "ana")})
        plan = in_one_wave(
            (
                Update(managed("bob", "ana"), managed("bob", "cat")),
                Delete(managed("ana")),
            )
        )
        for seed in SEEDS:
            ran = apply_side_by_side(plan, Slow.from_seed(live, seed), width=4)
            assert [one.change for one in ran.results] == list(plan.changes)
            assert ran.place("end", ("user", "bob")) == 1


class TestLinks:
    """A link is removed under the names that what it is of has at that moment."""

    def test_beside_renames(self) -> None:
        ana, ops = User(UserName("ana")), Group(GroupName("ops"))
        link = Membership(ops.name, ana.user_name)
        wiki = Assignment(APPLICATIONS[0].arn, Principal(PrincipalKind.USER, "ana"))
        live = State(
            users={UserKey("ana"): ana},
            groups={GroupKey("ops"): ops},
            members={GroupKey("ops"): frozenset({UserKey("ana")})},
            applications={APPLICATIONS[0].arn: APPLICATIONS[0]},
            assignments={APPLICATIONS[0].arn: frozenset({wiki.principal})},
        )
        renames = (
            Rename(ana, User(UserName("anna"))),
            Rename(ops, Group(GroupName("operators"))),
        )
        for seed in SEEDS:
            gateway = Slow.from_seed(live, seed)
            plan = in_one_wave((*renames, Delete(link), Delete(wiki)))
            results = apply_side_by_side(plan, gateway).results
            assert {one.outcome for one in results} == {Outcome.APPLIED}
            assert gateway.writes.total() == 4


@dataclass
class Paced(MemoryGateway):
    """A gateway with the quotas of AWS, whose answers take a while."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    latency: float = 0.05
    at_once: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.pacer = Pacer(Rates(), self.clock)
        self.before_write = lambda _: self.clock.sleep(self.latency)

    def create(self, resource: Resource) -> None:
        kind = type(resource).__name__
        self.at_once[kind] += 1
        self.most_at_once[kind] = max(self.most_at_once[kind], self.at_once[kind])
        self.pacer.wait("sso-admin" if kind == "Assignment" else "identitystore", kind)
        super().create(resource)
        self.at_once[kind] -= 1


class TestPace:
    """A wave takes as long as the busiest quota, however long answers take."""

    @pytest.mark.parametrize("latency", [0.05, 0.5])
    def test_of_a_creation(self, latency: float) -> None:
        gateway = Paced(latency=latency)
        plan = creation(users=100, teams=10, links=200, assigned=40)
        lanes = Lanes(20, lambda _: SimulatedWorkers(gateway.clock))
        outcomes: list[Outcome] = []

        def apply() -> None:
            patience = Patience(gateway.clock.sleep)
            for one in apply_plan(plan, gateway, Silent(), patience, Manner(lanes=lanes)):
                outcomes.append(one.outcome)  # noqa: PERF401 - one after the other

        seconds = gateway.clock.run([apply])
        assert outcomes == [Outcome.APPLIED] * 350
        # Before the first membership come a user and a group, and after the last turn its answer.
        assert seconds <= 200 / 20 + 3 * latency + 0.1
        assert gateway.most_at_once["Membership"] == 20

    def test_links_start_as_soon_as_their_ends_are_there(self) -> None:
        gateway = Paced()
        plan = creation(users=60, teams=1, links=60, assigned=0)
        lanes = Lanes(20, lambda _: SimulatedWorkers(gateway.clock))
        ends: dict[str, float] = {}

        def apply() -> None:
            patience = Patience(gateway.clock.sleep)
            for one in apply_plan(plan, gateway, Silent(), patience, Manner(lanes=lanes)):
                ends.setdefault(one.change.key[0], gateway.clock.now())

        seconds = gateway.clock.run([apply])
        assert ends["membership"] < 0.3
        assert seconds < 60 / 20 + 0.3


class TestThreads:
    """A lane has no more threads than it has work, nor than it may have."""

    def test_many_changes(self) -> None:
        threads: defaultdict[str, set[str]] = defaultdict(set)
        together = threading.Barrier(4)

        class Watched(MemoryGateway):
            def create(self, resource: Resource) -> None:
                name = threading.current_thread().name
                threads[resource.key[0]].add(name)
                if isinstance(resource, Membership):
                    together.wait(10)
                super().create(resource)

        gateway = Watched()
        plan = creation(users=40, teams=2, links=80, assigned=0)
        results = list(
            apply_plan(
                plan, gateway, Silent(), Patience(lambda _: None), Manner(lanes=Lanes(4, Threads))
            )
        )
        assert Counter(one.outcome for one in results) == {Outcome.APPLIED: 122}
        assert len(threads["membership"]) == 4
        assert len(threads["group"]) <= 2
        assert threads["user"].isdisjoint(threads["membership"])
        assert not any(
            thread.name in set().union(*threads.values()) for thread in threading.enumerate()
        )

    @pytest.mark.parametrize("plan", [Plan(groups(3)), in_one_wave(groups(1))])
    def test_what_is_alone_has_none(self, plan: Plan) -> None:
        class Watched(MemoryGateway):
            def create(self, resource: Resource) -> None:
                assert threading.current_thread() is threading.main_thread()
                super().create(resource)

        manner = Manner(lanes=Lanes(8))
        results = apply_plan(plan, Watched(), Silent(), Patience(lambda _: None), manner)
        assert {one.outcome for one in results} == {Outcome.APPLIED}


class TestEarlyEnds:
    """What has been begun is finished and noted; nothing more is begun."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_by_a_stop(self, seed: int) -> None:
        gateway = Slow.from_seed(State(), seed)
        ran = apply_side_by_side(
            in_one_wave(groups(30)), gateway, 5, stop=lambda: gateway.writes.total() >= 3
        )
        begun = {key for event, key in ran.lines if event == "begin"}
        assert len(begun) == 3
        assert {key for event, key in ran.lines if event == "end"} == begun
        assert {one.change.key for one in ran.results} == begun
        assert len(gateway.groups) == len(begun)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_without_credentials(self, seed: int) -> None:
        gateway = Slow.from_seed(State(), seed)
        begun: list[int] = []

        def expire(number: int) -> None:
            gateway.pass_time()
            if number == 5:
                begun.append(gateway.writes.total())
                raise CredentialsError("expired")

        gateway.before_write = expire
        ran = apply_side_by_side(in_one_wave(groups(30)), gateway, 5)
        outcomes = Counter(one.outcome for one in ran.results)
        assert outcomes.total() == 30
        assert outcomes[Outcome.FAILED] == 1
        assert outcomes[Outcome.SKIPPED] == 30 - begun[0]
        skipped = {one.change.key: one for one in ran.results if one.outcome is Outcome.SKIPPED}
        assert {one.detail for one in skipped.values()} == {"expired"}
        assert skipped.keys().isdisjoint(key for _, key in ran.lines)

    @pytest.mark.parametrize("room", range(8, 14))
    def test_by_the_journal(self, room: int) -> None:
        """What may have been written is told, and what is not noted is not written."""
        gateway = Slow.from_seed(State(), room)
        ran = apply_side_by_side(in_one_wave(groups(30)), gateway, 5, room=room)
        assert isinstance(ran.error, JournalError)
        begun = {key for event, key in ran.lines if event == "begin"}
        assert (
            {one.change.key for one in ran.results}
            == begun
            == {one.key for one in gateway.groups.values()}
        )

    def test_by_an_error_of_ours(self) -> None:
        gateway = Slow.from_seed(State(), 3)

        def fail(number: int) -> None:
            gateway.pass_time()
            if number == 5:
                raise KeyError("broken")

        gateway.before_write = fail
        ran = apply_side_by_side(in_one_wave(groups(30)), gateway, 5)
        assert isinstance(ran.error, KeyError)
        assert 5 <= len(gateway.groups) == len(ran.results) <= 6 + 5

    @pytest.mark.parametrize("seed", SEEDS)
    def test_by_a_caller_who_has_enough(self, seed: int) -> None:
        """When the iteration is closed, nothing is under way any more, nor will be."""
        gateway = Slow.from_seed(State(), seed)
        lanes = Lanes(5, lambda _: SimulatedWorkers(gateway.clock))
        patience = Patience(gateway.clock.sleep)
        going = apply_plan(
            in_one_wave(groups(20)), gateway, Silent(), patience, Manner(lanes=lanes)
        )

        def apply() -> None:
            next(going)
            begun = gateway.writes.total()
            going.close()
            assert gateway.writes.total() == len(gateway.groups) == begun

        gateway.clock.run([apply])

    def test_of_threads(self) -> None:
        """The last of them has ended when they are closed."""
        threads = Threads(4)
        ended: list[bool] = []
        released = threading.Event()
        for _ in range(4):
            threads.start("lane", lambda: ended.append(released.wait(10)))
        threading.Timer(0.01, released.set).start()
        threads.close()
        assert ended == [True] * 4


class TestUnreachable:
    """What cannot be reached for as long as one change is tried is not waited for with each."""

    def test_for_good(self) -> None:
        class Away(Slow):
            def create(self, resource: Resource) -> None:
                self.pass_time()
                raise UnreachableError(f"no connection for {resource.key[1]}")

        gateway = Away.from_seed(State(), 2)
        ran = apply_side_by_side(in_one_wave(groups(40)), gateway, 5)
        assert {one.outcome for one in ran.results} == {Outcome.FAILED}
        # As long as one of them takes, and then each a request.
        assert gateway.clock.now() < 2 * (1 + 2 + 4 + 8 + 16 + 30 + 30) + 40

    def test_for_a_moment(self) -> None:
        """One that meets it does not cost the others their patience."""

        class Flickering(Slow):
            def create(self, resource: Resource) -> None:
                self.pass_time()
                if 1 < self.clock.now() < 4:
                    raise UnreachableError("no connection")
                super().create(resource)

        gateway = Flickering.from_seed(State(), 2)
        ran = apply_side_by_side(in_one_wave(groups(40)), gateway, 5)
        assert {one.outcome for one in ran.results} == {Outcome.APPLIED}
