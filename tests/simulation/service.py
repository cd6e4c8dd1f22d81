"""AWS in memory: one store, requests with numbers, faults and edits of others at any of them.

`Client` is the gateway of one process to it, and knows what the real one knows: the objects that it
has read, by name, as they were then. A write goes to the identity that it has met, with the
revision that it has read. All time is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import NamedTuple, Protocol

from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
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
    ChangedError,
    CredentialsError,
    GatewayError,
    IncompleteReadError,
    InvalidRequestError,
    NotFoundError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from identity_reconciler.gateway import Wanted
from tests.answering import answer
from tests.memory_gateway import Killed
from tests.simulation.oracle import Fact, Id, Person, Store, Team, made
from tests.simulation.worlds import ARNS

APPLICATIONS = {
    ApplicationArn(arn): Application(ApplicationArn(arn), f"App {arn[-1]}", None, "111122223333")
    for arn in ARNS
}
_NOTHING = Wanted()
_WITNESS = "witness of "
_LATENCY = 0.05
"""Seconds that each request takes."""


class Fault(StrEnum):
    """What can go wrong with one request."""

    THROTTLED = "throttled"
    LOST_BEFORE = "lost-before"
    """Or an internal error: nothing is done, and nobody can know."""
    LOST_AFTER = "lost-after"
    """Or an internal error: it is done, and nobody can know."""
    DENIED = "denied"
    INVALID = "invalid"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    """The credentials; those of a later run are good again."""
    KILLED_BEFORE = "killed-before"
    KILLED_AFTER = "killed-after"


KILLS = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})
LOSSES = frozenset({Fault.LOST_BEFORE, Fault.LOST_AFTER})
_DONE = frozenset({Fault.LOST_AFTER, Fault.KILLED_AFTER})


class Editing(Protocol):
    """What somebody else does to the store."""

    def __call__(self, service: Service) -> None:
        """Do it."""
        ...


class Commit(NamedTuple):
    """Something that was written."""

    call: int
    fact: Fact


@dataclass(slots=True, eq=False)
class Service:
    """The directory of one organisation, and all that happens to it."""

    store: Store
    faults: Mapping[int, Fault] = field(default_factory=dict)
    """By the number of the request, as long as `troubled`."""
    edits: Mapping[int, Editing] = field(default_factory=dict)
    """Before the requests of these numbers, as `faults`."""
    lag: float = 0.0
    """Seconds until lists show what was written; what is looked up by name shows at once."""
    troubled: bool = False
    calls: int = 0
    now: float = 0.0
    log: list[Commit] = field(default_factory=list)
    """All that the product has written."""
    edited: int = 0
    """How many edits others have made."""
    struck: list[tuple[Fault, Fact | None]] = field(default_factory=list)
    """The faults that were met, and by which write; none: by a read."""
    revisions: dict[Id, int] = field(default_factory=dict)
    killed: bool = False
    """Whether the process that asks was killed: nothing of it arrives any more."""
    on_call: Callable[[int], None] | None = None
    """Asked before each request."""
    on_commit: Callable[[Fact], None] | None = None
    _state: State | None = None
    _history: list[tuple[float, State]] = field(default_factory=list)

    def state(self) -> State:
        """Return everything as the product sees it."""
        if self._state is None:
            self._state = state_of(self.store)
        return self._state

    def shown(self) -> State:
        """Return everything as lists show it now."""
        if not self.lag:
            return self.state()
        horizon = self.now - self.lag
        while self._history and self._history[0][0] <= horizon:
            self._history.pop(0)
        return self._history[0][1] if self._history else self.state()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def settle(self) -> None:
        """Let enough time pass for every list to show everything."""
        self.now += self.lag

    def touch(self) -> None:
        """Note that the store is about to be changed."""
        if self.lag:
            self._history.append((self.now, self.state()))
        self._state = None

    def commit(self, fact: Fact) -> None:
        """Note that the product has made *fact* so."""
        self.log.append(Commit(self.calls - 1, fact))
        if self.on_commit is not None:
            self.on_commit(fact)

    def bump(self, one: Id) -> None:
        """Give *one* its next revision."""
        self.revisions[one] = self.revisions.get(one, 0) + 1

    def new(self, kind: str, name: str) -> Id:
        """Return an identity that nothing had before."""
        one = made(self.store, kind, name)
        self.store.used.add(one)
        return one

    def begin(self, fact: Fact | None) -> Fault | None:
        """Begin a request, which is to make *fact* so or reads; return what goes wrong with it.

        Raises:
            Killed: The process is dead, perhaps since a moment ago.
        """
        number = self.calls
        self.calls += 1
        self.now += _LATENCY
        if self.on_call is not None and not self.killed:
            self.on_call(number)
        if self.killed:
            raise Killed
        if not self.troubled:
            return None
        edit = self.edits.get(number)
        if edit is not None:
            self.edited += 1
            edit(self)
        fault = self.faults.get(number)
        if fault is not None:
            self.struck.append((fault, fact))
        return fault


def given_name(name: str) -> str:
    """Return what everybody is called who has, or had, that user name: no two are taken for one."""
    return name.removeprefix("x-").removeprefix("new-")


@lru_cache(maxsize=1 << 16)
def _user(person: Person, manager: str | None, foreign: bool) -> User:  # noqa: FBT001 - cached
    return User(
        UserName(person.name),
        display_name=person.display_name,
        given_name=given_name(person.name),
        family_name="F",
        title=person.title,
        email=Email(person.email, primary=True) if person.email else None,
        manager=UserName(manager) if manager else None,
        foreign=foreign,
    )


@lru_cache(maxsize=1 << 12)
def _group(team: Team, foreign: bool) -> Group:  # noqa: FBT001 - cached
    return Group(GroupName(team.name), team.description, foreign=foreign)


@lru_cache(maxsize=1 << 12)
def _principal(kind: str, name: str, orphan: bool) -> Principal:  # noqa: FBT001 - cached
    kinds = {"u": PrincipalKind.USER, "g": PrincipalKind.GROUP}
    return Principal(kinds[kind], name, orphan)


def user_of(store: Store, one: Id) -> User:
    """Return a person as the product sees her."""
    person = store.people[one]
    manager = person.manager
    return _user(person, manager and store.name(manager), one in store.foreign)


def state_of(store: Store) -> State:
    """Return *store* as the product sees it."""
    people, teams = store.people, store.teams
    inside: dict[Id, list[UserKey]] = {team: [] for team in teams}
    for team, person in store.members:
        inside[team].append(UserKey(people[person].name))
    assigned: dict[ApplicationArn, list[Principal]] = {arn: [] for arn in APPLICATIONS}
    for arn, one in store.assignments:
        is_live = one in people or one in teams
        assigned[ApplicationArn(arn)].append(_principal(one[0], store.name(one), not is_live))
    return State(
        users={UserKey(is_.name): user_of(store, one) for one, is_ in people.items()},
        groups={
            GroupKey(is_.name): _group(is_, one in store.foreign) for one, is_ in teams.items()
        },
        members={GroupKey(teams[team].name): frozenset(some) for team, some in inside.items()},
        applications=APPLICATIONS,
        assignments={arn: frozenset(some) for arn, some in assigned.items()},
    )


def _nothing() -> None:
    """Do nothing."""


class _Record(NamedTuple):
    """What a client knows of an object."""

    one: Id
    value: User | Group
    revision: int


class Client:
    """See Gateway: one process that asks and writes."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._met: dict[tuple[str, str], _Record] = {}
        self._begin: Callable[[], None] = _nothing
        self._gone: dict[Id, str] = {}
        """What those were called whom this process has deleted."""
        self._recalled: dict[str, str] = {}

    def of(self, service: Service) -> Client:
        """Return a client of a copy of the service, which has read the same."""
        other = Client(service)
        other._met = dict(self._met)
        return other

    # Reading

    def read_state(self, wanted: Wanted) -> State:
        """See Gateway."""
        service = self.service
        fault = service.begin(None)
        if fault in KILLS:
            service.killed = True
            raise Killed
        if fault is not None:
            raise _UNREAD.get(fault, IncompleteReadError)(fault)
        found = self._lagging(wanted) if service.lag else answer(service.state(), wanted)
        if self._gone or self._recalled:
            users = {key: self._called(user) for key, user in found.users.items()}
            found = replace(found, users=users)
        for key in found.users:
            self._meet("u", key)
        for group in found.groups:
            self._meet("g", group)
        for link in wanted.named:
            self._meet_ends(link)
        return found

    def _lagging(self, wanted: Wanted) -> State:
        """Answer from lists that lag, and from look-ups that do not."""
        service = self.service
        alone = Wanted(named=wanted.named, mentioned=wanted.mentioned, addresses=wanted.addresses)
        hanging = replace(
            _NOTHING,
            principals=wanted.principals,
            memberships_of=wanted.memberships_of,
            assignments_to=wanted.assignments_to,
        )
        lists = replace(
            wanted,
            named=(),
            mentioned=(),
            addresses=(),
            principals=(),
            memberships_of=(),
            assignments_to=(),
        )
        shown = service.shown()
        found = answer(service.state(), alone).united(answer(shown, hanging))
        return answer(shown, lists).united(found)

    def _meet(self, kind: str, name: str) -> None:
        one = self.service.store.find(kind, name)
        if one is None:
            # It is in a list that lags.
            self._met.pop((kind, name), None)
            return
        store = self.service.store
        user = self._called(user_of(store, one)) if kind == "u" else None
        value = user or _group(store.teams[one], False)
        self._met[kind, name] = _Record(one, value, self.service.revisions.get(one, 0))

    def _called(self, user: User) -> User:
        """Return *user* with the name of a manager who is gone, if that is known."""
        name = self._gone.get(user.manager or "") or self._recalled.get(user.manager or "")
        return user if name is None else replace(user, manager=UserName(name))

    def _meet_ends(self, resource: Resource) -> None:
        """Look up what a link connects, unless that is known."""
        match resource:
            case Membership():
                ends = [("g", resource.key[1]), ("u", resource.key[2])]
            case Assignment(principal=principal) if not principal.orphan:
                ends = [(principal.kind[0], principal.name)]
            case _:
                ends = []
        for kind, name in ends:
            if (kind, name) not in self._met:
                self._meet(kind, name)

    def witnesses(self, principals: Iterable[Principal]) -> Mapping[Principal, str]:
        """See AwsGateway."""
        found = ((one, self._met.get((one.kind[0], one.name))) for one in principals)
        return {one: f"{_WITNESS}{record.one}" for one, record in found if record is not None}

    def recall(self, names: Mapping[str, UserName]) -> None:
        """See AwsGateway."""
        self._recalled.update({one.removeprefix(_WITNESS): name for one, name in names.items()})

    def _record(self, kind: str, name: str) -> _Record:
        """Return what is known under *name*, or what is found under it now."""
        if (kind, name) not in self._met:
            self._meet(kind, name)
        record = self._met.get((kind, name))
        if record is None:
            raise NotFoundError(f"{kind} {name} is not live")
        return record

    def _forget(self, kind: str, name: str) -> None:
        self._met.pop((kind, name), None)

    # Writing

    @contextmanager
    def announcing(self, begin: Callable[[], None]) -> Iterator[None]:
        """See Gateway."""
        before, self._begin = self._begin, begin
        try:
            yield
        finally:
            self._begin = before

    def create(self, resource: Resource) -> None:
        """See Gateway."""
        match resource:
            case User():
                self._create_user(resource)
            case Group():
                self._create_group(resource)
            case Membership():
                self._link("membership", self._edge(resource))
            case Assignment():
                self._link("assignment", self._assigned(resource))

    def delete(self, resource: Resource) -> None:
        """See Gateway."""
        match resource:
            case User():
                self._delete("u", resource.user_name)
            case Group():
                self._delete("g", resource.name)
            case Membership():
                self._unlink("membership", self._edge(resource))
            case Assignment():
                self._unlink("assignment", self._assigned(resource))

    def update(self, before: User | Group, after: User | Group) -> None:
        """See Gateway."""
        match before, after:
            case User(), User():
                self._update("u", before.user_name, before, after)
            case Group(), Group():
                self._update("g", before.name, before, after)
            case _:
                raise TypeError("a user cannot become a group")

    def _send(self, fact: Fact, write: Callable[[], None]) -> None:
        """Send a request which does *write*, or whatever the schedule has for it."""
        self._begin()
        fault = self.service.begin(fact)
        if fault is None or fault in _DONE:
            write()
            self.service.commit(fact)
        if fault in KILLS:
            self.service.killed = True
            raise Killed
        if fault is not None:
            raise _UNWRITTEN[fault](fault)

    def _person(self, user: User) -> Person:
        manager = self._record("u", user.manager).one if user.manager else None
        email = user.email.value if user.email else None
        return Person(user.user_name, user.display_name or "", user.title, email, manager)

    def _create_user(self, user: User) -> None:
        service, person = self.service, self._person(user)
        one = made(service.store, "u", user.user_name)

        def write() -> None:
            self._require_unique(person, None)
            if person.manager and person.manager not in service.store.people:
                raise NotFoundError("manager")
            service.touch()
            service.store.people[service.new("u", person.name)] = person
            self._meet("u", person.name)

        self._send(("+", "user", one), write)

    def _create_group(self, group: Group) -> None:
        service = self.service
        one = made(service.store, "g", group.name)

        def write() -> None:
            if service.store.team(group.name) is not None:
                raise AlreadyExistsError("group")
            service.touch()
            service.store.teams[service.new("g", group.name)] = Team(group.name, group.description)
            self._meet("g", group.name)

        self._send(("+", "group", one), write)

    def _require_unique(self, person: Person, itself: Id | None) -> None:
        for one, other in self.service.store.people.items():
            same_address = person.email is not None and person.email == other.email
            if one != itself and (other.name == person.name or same_address):
                raise AlreadyExistsError(one)

    def _update(self, kind: str, name: str, before: User | Group, after: User | Group) -> None:
        record = self._record(kind, name)
        if replace(record.value, foreign=False) != replace(before, foreign=False):
            raise ChangedError(f"{name} is not as it was read")
        service, one = self.service, record.one
        value = self._changed(record, before, after)

        def write() -> None:
            self._require_revision(record)
            if isinstance(value, Person):
                self._require_unique(value, one)
                service.touch()
                service.store.people[one] = value
            else:
                if service.store.team(value.name) not in {None, one}:
                    raise AlreadyExistsError("group")
                service.touch()
                service.store.teams[one] = value
            service.bump(one)
            self._forget(kind, name)
            self._meet(kind, value.name)

        self._send(("~", "user" if kind == "u" else "group", one), write)

    def _changed(self, record: _Record, before: User | Group, after: User | Group) -> Person | Team:
        """Return what becomes of an object: only what differs is sent."""
        if isinstance(after, Group):
            return Team(after.name, after.description)
        found = self.service.store.people.get(record.one)
        if isinstance(before, User) and before.manager == after.manager:
            manager = found.manager if found else None
            return self._person(replace(after, manager=None))._replace(manager=manager)
        return self._person(after)

    def _require_revision(self, record: _Record) -> None:
        store = self.service.store
        if record.one not in store.people and record.one not in store.teams:
            raise NotFoundError(f"{record.one} is gone")
        if self.service.revisions.get(record.one, 0) != record.revision:
            raise ChangedError(f"{record.one} has another revision")

    def _delete(self, kind: str, name: str) -> None:
        record = self._record(kind, name)

        def write() -> None:
            self._require_revision(record)
            self.service.touch()
            self.service.store.remove(record.one)
            self._forget(kind, name)
            self._gone[record.one] = name

        self._send(("-", "user" if kind == "u" else "group", record.one), write)

    def _edge(self, edge: Membership) -> tuple[Id, Id]:
        return self._record("g", edge.group).one, self._record("u", edge.user).one

    def _assigned(self, edge: Assignment) -> tuple[str, Id]:
        principal = edge.principal
        if principal.orphan:
            return edge.application, principal.name
        return edge.application, self._record(principal.kind[0], principal.name).one

    def _links(self, kind: str) -> set[tuple[str, str]]:
        store = self.service.store
        return store.members if kind == "membership" else store.assignments

    def _link(self, kind: str, link: tuple[str, str]) -> None:
        def write() -> None:
            store = self.service.store
            ends = link if kind == "membership" else link[1:]
            if not all(one in store.people or one in store.teams for one in ends):
                self._met.clear()
                raise NotFoundError("an end of the link")
            if link in self._links(kind):
                raise AlreadyExistsError(kind)
            self.service.touch()
            self._links(kind).add(link)

        self._send(("+", kind, *link), write)

    def _unlink(self, kind: str, link: tuple[str, str]) -> None:
        def write() -> None:
            if link not in self._links(kind):
                self._met.clear()
                raise NotFoundError(kind)
            self.service.touch()
            self._links(kind).remove(link)

        self._send(("-", kind, *link), write)


_UNREAD: Mapping[Fault, type[GatewayError]] = {
    Fault.DENIED: AccessDeniedError,
    Fault.EXPIRED: CredentialsError,
}
_UNWRITTEN: Mapping[Fault, type[GatewayError]] = {
    Fault.THROTTLED: ThrottledError,
    Fault.LOST_BEFORE: UnknownOutcomeError,
    Fault.LOST_AFTER: UnknownOutcomeError,
    Fault.DENIED: AccessDeniedError,
    Fault.INVALID: InvalidRequestError,
    Fault.UNREACHABLE: UnreachableError,
    Fault.EXPIRED: CredentialsError,
}


class Shuffled:
    """See Workers: one thread, in which each task has its turn some time, also within another's.

    That is when the other one sends a request, so that requests meet in every order.
    """

    def __init__(self, service: Service, random: Random) -> None:
        self._service = service
        self._random = random
        self._tasks: list[Callable[[], None]] = []
        self._ended = 0
        service.on_call = self._meanwhile

    def start(self, lane: str, task: Callable[[], None]) -> None:
        """See Workers."""
        del lane
        self._tasks.append(task)

    def wait(self) -> None:
        """See Workers."""
        while not self._ended:
            self._run()
        self._ended -= 1

    def close(self) -> None:
        """See Workers."""
        while self._tasks:
            self._run()
        self._service.on_call = None

    def _run(self) -> None:
        task = self._tasks.pop(self._random.randrange(len(self._tasks)))
        task()
        self._ended += 1

    def _meanwhile(self, _: int) -> None:
        if self._tasks and self._random.random() < 0.3:
            self._run()
