"""A gateway over plain dictionaries: the contract of `Gateway`, as strict as AWS, and no more.

Faults come from a schedule of write numbers, so that every failure can be placed at every write.
Several threads may use it at once: every read sees the state between two writes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self, TypeVar

from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.claims import address_of
from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.core.review import addresses_of, to_be_read, what_is_left
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    group_key,
    user_key,
)
from identity_reconciler.errors import (
    AlreadyExistsError,
    ChangedError,
    InvalidRequestError,
    NotFoundError,
    ThrottledError,
    UnknownOutcomeError,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.applier import Result
from tests.answering import answer


class Fault(StrEnum):
    """What can go wrong with one write."""

    LOST_BEFORE = "the request is lost"
    LOST_AFTER = "the answer is lost"
    THROTTLED = "throttled"
    REFUSED = "refused as invalid"
    KILLED_AFTER = "the process dies when the write is done"


class Silent:
    """A journal that keeps nothing."""

    def starting(self, change: Change) -> None: ...

    def finished(self, result: Result) -> None: ...


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@dataclass
class MemoryGateway:
    """One instance in memory."""

    users: dict[UserKey, User] = field(default_factory=dict)
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    members: dict[GroupKey, set[UserKey]] = field(default_factory=dict)
    applications: dict[ApplicationArn, Application] = field(default_factory=dict)
    assignments: dict[ApplicationArn, set[Principal]] = field(default_factory=dict)
    account_access: dict[Principal, frozenset[AccountRole]] = field(default_factory=dict)
    accounts_through_groups: bool = True
    """Whether it tells of a user what comes through groups, as AWS seems to."""
    faults: Mapping[int, Fault] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    before_write: Callable[[int], None] = lambda _: None
    """Called with the number of each write, while other threads may go on."""
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, kw_only=True)
    _begins: dict[int, Callable[[], None]] = field(default_factory=dict, repr=False, kw_only=True)
    """By thread: what to call before each of its writes."""

    @classmethod
    def holding(cls, state: State) -> Self:
        """Return a gateway to a copy of *state*."""
        return cls(
            users=dict(state.users),
            groups=dict(state.groups),
            members={key: set(members) for key, members in state.members.items()},
            applications=dict(state.applications),
            assignments={
                arn: {replace(principal, orphan=False) for principal in one}
                for arn, one in state.assignments.items()
            },
            account_access={
                replace(principal, orphan=False): roles
                for principal, roles in state.account_access.items()
            },
        )

    def state(self) -> State:
        """Return everything, as a read of all of it would."""
        return State(
            users=dict(self.users),
            groups=dict(self.groups),
            members={key: frozenset(self.members.get(key, ())) for key in self.groups},
            applications=dict(self.applications),
            assignments={
                arn: frozenset(map(self._as_found, self.assignments.get(arn, ())))
                for arn in self.applications
            },
            account_access={
                self._as_found(principal): roles for principal, roles in self.account_access.items()
            },
            accounts_through_groups=self.accounts_through_groups,
        )

    def _as_found(self, principal: Principal) -> Principal:
        return replace(principal, orphan=not self._is_live(principal))

    def _is_live(self, principal: Principal) -> bool:
        if principal.kind is PrincipalKind.USER:
            return UserKey(principal.name) in self.users
        return GroupKey(principal.name) in self.groups

    def read_state(self, wanted: Wanted) -> State:
        """See `Gateway`."""
        with self._lock:
            self.reads += 1
            return answer(self.state(), wanted)

    def witnesses(self, principals: Iterable[Principal]) -> Mapping[Principal, str]:
        """See Gateway; everything here has its name for good."""
        del principals
        return {}

    @contextmanager
    def announcing(self, begin: Callable[[], None]) -> Iterator[None]:
        """See `Gateway`."""
        self._begins[threading.get_ident()] = begin
        try:
            yield
        finally:
            del self._begins[threading.get_ident()]

    def create(self, resource: Resource) -> None:
        """See `Gateway`."""
        self._faulty("create", lambda: self._create(resource))

    def update(self, before: User | Group, after: User | Group) -> None:
        """See `Gateway`."""
        self._faulty("update", lambda: self._update(before, after))

    def delete(self, resource: Resource) -> None:
        """See `Gateway`."""
        self._faulty("delete", lambda: self._delete(resource))

    def _faulty(self, kind: str, write: Callable[[], None]) -> None:
        self._begins.get(threading.get_ident(), lambda: None)()
        with self._lock:
            number = self.writes.total()
            self.writes[kind] += 1
        self.before_write(number)
        with self._lock:
            self._end(self.faults.get(number), write)

    @staticmethod
    def _end(fault: Fault | None, write: Callable[[], None]) -> None:
        match fault:
            case Fault.LOST_BEFORE:
                raise UnknownOutcomeError("lost")
            case Fault.THROTTLED:
                raise ThrottledError("slow down", retry_after=0.5)
            case Fault.REFUSED:
                raise InvalidRequestError("refused")
            case Fault.LOST_AFTER:
                write()
                raise UnknownOutcomeError("lost")
            case Fault.KILLED_AFTER:
                write()
                raise Killed
            case None:
                write()

    def _create(self, resource: Resource) -> None:
        match resource:
            case User():
                self._refuse_twins(resource, None)
                self._require_manager(resource)
                self.users[user_key(resource.user_name)] = self._as_kept(resource)
            case Group():
                if group_key(resource.name) in self.groups:
                    raise AlreadyExistsError("group")
                self.groups[group_key(resource.name)] = resource
            case Membership():
                self._add_member(group_key(resource.group), user_key(resource.user))
            case Assignment():
                self._assign(resource)

    def _refuse_twins(self, user: User, itself: User | None) -> None:
        """AWS wants user names and e-mail addresses unique. Source: users-groups-provisioning."""
        for other in self.users.values():
            if other is itself:
                continue
            if user_key(other.user_name) == user_key(user.user_name):
                raise AlreadyExistsError("user name")
            if address_of(user) is not None and address_of(user) == address_of(other):
                raise AlreadyExistsError("e-mail")

    def _as_kept(self, user: User) -> User:
        """Return *user* with the manager as that one spells the name: AWS keeps an id."""
        manager = self.users.get(user_key(user.manager or ""))
        return replace(user, manager=manager.user_name) if manager else user

    def _require_manager(self, user: User) -> None:
        if user.manager and user_key(user.manager) not in self.users:
            raise NotFoundError("manager")

    def _add_member(self, group: GroupKey, user: UserKey) -> None:
        if group not in self.groups or user not in self.users:
            raise NotFoundError("group or user")
        if user in self.members.setdefault(group, set()):
            raise AlreadyExistsError("membership")
        self.members[group].add(user)

    def _assign(self, assignment: Assignment) -> None:
        if not self._is_live(assignment.principal):
            raise NotFoundError("principal")
        assigned = self.assignments.setdefault(assignment.application, set())
        if assignment.principal in assigned:
            raise AlreadyExistsError("assignment")
        assigned.add(assignment.principal)

    def _update(self, before: User | Group, after: User | Group) -> None:
        match before, after:
            case User(), User():
                old, new = user_key(before.user_name), user_key(after.user_name)
                if self.users.get(old) != before:
                    raise ChangedError("user")
                self._refuse_twins(after, self.users[old])
                if after.manager != before.manager:
                    self._require_manager(after)
                del self.users[old]
                self.users[new] = self._as_kept(after)
                self._rename(Principal(PrincipalKind.USER, old), new)
            case Group(), Group():
                old_group, new_group = group_key(before.name), group_key(after.name)
                if self.groups.get(old_group) != before:
                    raise ChangedError("group")
                if new_group != old_group and new_group in self.groups:
                    raise AlreadyExistsError("group")
                del self.groups[old_group]
                self.groups[new_group] = after
                self.members[new_group] = self.members.pop(old_group, set())
                self._rename(Principal(PrincipalKind.GROUP, old_group), new_group)
            case _:
                raise TypeError("a user cannot become a group")

    def _rename(self, old: Principal, name: str) -> None:
        """Names are only how the core sees ids, so everything that points at it follows."""
        if old.kind is PrincipalKind.USER:
            for members in self.members.values():
                if UserKey(old.name) in members:
                    members.remove(UserKey(old.name))
                    members.add(UserKey(name))
            new_name = self.users[UserKey(name)].user_name
            for key, user in self.users.items():
                if user.manager and user_key(user.manager) == old.name:
                    self.users[key] = replace(user, manager=new_name)
        for assigned in self.assignments.values():
            if old in assigned:
                assigned.remove(old)
                assigned.add(replace(old, name=name))
        self.account_access = {
            replace(one, name=name) if one == old else one: roles
            for one, roles in self.account_access.items()
        }

    def _delete(self, resource: Resource) -> None:
        match resource:
            case User():
                _take(self.users, user_key(resource.user_name), resource)
                for members in self.members.values():
                    members.discard(user_key(resource.user_name))
            case Group():
                _take(self.groups, group_key(resource.name), resource)
                self.members.pop(group_key(resource.name), None)
            case Membership():
                members = self.members.get(group_key(resource.group), set())
                _remove(members, user_key(resource.user))
            case Assignment():
                assigned = self.assignments.get(resource.application, set())
                _remove(assigned, replace(resource.principal, orphan=False))


_Key = TypeVar("_Key")
_Object = TypeVar("_Object")


def _take(objects: dict[_Key, _Object], key: _Key, wanted: _Object) -> None:
    if key not in objects:
        raise NotFoundError("no such object")
    if objects[key] != wanted:
        raise ChangedError("another revision")
    del objects[key]


def _remove(links: set[_Key], link: _Key) -> None:
    if link not in links:
        raise NotFoundError("no such link")
    links.remove(link)


def left(plan: Plan, gateway: MemoryGateway) -> Plan:
    """Return what is left of *plan*, read as `apply PLAN` reads it."""
    named, principals = to_be_read(plan)
    wanted = Wanted(named=named, principals=principals, addresses=addresses_of(plan))
    return what_is_left(plan, gateway.read_state(wanted))
