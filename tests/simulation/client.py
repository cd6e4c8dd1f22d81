"""The gateway of one process to AWS in memory.

It knows what the real one knows: the objects that it has read, by name, as they were then. A write
goes to the identity that it has met, with the revision that it has read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from identity_reconciler.core.state import (
    Assignment,
    Group,
    Membership,
    Principal,
    Resource,
    State,
    User,
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
from tests.simulation.oracle import Fact, Id, Person, Team, made
from tests.simulation.service import DONE, KILLS, Fault, Service
from tests.simulation.states import group_of, user_of

_NOTHING = Wanted()
_WITNESS = "witness of "


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
        value = user or group_of(store.teams[one], False)
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
        if fault is None or fault in DONE:
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
