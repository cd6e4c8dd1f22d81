"""Put names in the place of identifiers: lists become a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from identity_reconciler.core.lease import is_lease
from identity_reconciler.core.state import (
    Application,
    Group,
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import GatewayError, IncompleteReadError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.gateway.reading.pools import Work
from identity_reconciler.gateway.reading.reader import Lists
from identity_reconciler.gateway.reading.records import Record
from identity_reconciler.gateway.reading.witnesses import former_name


def assemble(connection: Connection, wanted: Wanted, lists: Lists) -> State:
    """Return *lists* as a state, and put their identifiers into the directory.

    Members who are not in the list of users, because they were created while it was read, are
    looked up one by one and added to it.

    Raises:
        IncompleteReadError: Such a member cannot be read.
        GatewayError: Two users, or two groups, have names that differ only in case, and *wanted*
            does not ask for twins.
    """
    users = _with_managers(connection, lists.users)
    _remember(connection, wanted, users, lists)
    members = _members_by_id(connection, users, lists.members)
    if wanted.users:
        users = {**users, **members}
    twins = {
        **_twins(PrincipalKind.USER, users.values()),
        **_twins(PrincipalKind.GROUP, lists.groups.values()),
    }
    if twins and not wanted.twins:
        raise GatewayError(_indistinct(twins))
    names = {identifier: user_key(member.value.user_name) for identifier, member in members.items()}
    principals = _Principals(connection, wanted, users, lists.groups)
    listed = State(
        users={user_key(user.value.user_name): user.value for user in users.values()},
        groups={
            group_key(group.value.name): group.value
            for group in lists.groups.values()
            if not is_lease(group.value.name)
        },
        members=_members(names, lists),
        applications={
            arn: _with_configuration(found, lists) for arn, found in lists.applications.items()
        },
        assignments={
            arn: frozenset(principals.principal(kind, identifier) for kind, identifier in found)
            for arn, found in lists.assignments.items()
        },
    )
    return State(twins=twins).united(listed) if twins else listed


def _members(names: Mapping[str, UserKey], lists: Lists) -> Mapping[GroupKey, frozenset[UserKey]]:
    """Return the members by group; those of groups with one key together."""
    found: dict[GroupKey, frozenset[UserKey]] = {}
    for identifier, members in lists.members.items():
        key = group_key(lists.groups[identifier].value.name)
        keys = frozenset(names[member] for member in members)
        found[key] = found[key] | keys if key in found else keys
    return found


def _with_managers(
    connection: Connection, users: Mapping[str, Record[User]]
) -> dict[str, Record[User]]:
    """Return *users* with the names of their managers, who may be gone; else with bare ids."""

    def resolved(user: Record[User]) -> Record[User]:
        if user.manager_id is None:
            return user
        manager = users.get(user.manager_id)
        name = manager.value.user_name if manager else former_name(connection, user.manager_id)
        if name is None:
            return user
        return replace(user, value=replace(user.value, manager=UserName(name)))

    return {identifier: resolved(user) for identifier, user in users.items()}


def _remember(
    connection: Connection, wanted: Wanted, users: Mapping[str, Record[User]], lists: Lists
) -> None:
    directory = connection.directory
    if wanted.users:
        directory.users.replace_all(users.values())
    if wanted.groups:
        directory.groups.replace_all(lists.groups.values())
    for group_id, members in lists.members.items():
        directory.replace_memberships(group_id, members)


def _members_by_id(
    connection: Connection,
    users: Mapping[str, Record[User]],
    members: Mapping[str, Mapping[str, str]],
) -> dict[str, Record[User]]:
    """Return the record of every member, looked up where it is neither listed nor known."""
    found: dict[str, Record[User]] = {}
    missing: list[str] = []
    for identifier in dict.fromkeys(each for group in members.values() for each in group):
        user = users.get(identifier) or connection.directory.users.known(identifier)
        if user is None:
            missing.append(identifier)
        else:
            found[identifier] = user
    if missing:
        found |= _looked_up(connection, missing)
    return found


def _looked_up(connection: Connection, missing: Iterable[str]) -> dict[str, Record[User]]:
    lookup = Lookup(connection)
    found: dict[str, Record[User]] = {}

    def ask(identifier: str) -> None:
        user = lookup.user_with_id(identifier)
        if user is None:
            raise IncompleteReadError(
                "identitystore:ListGroupMemberships names a user that is not live any more; the "
                "directory changed while it was read, run again"
            )
        found[identifier] = user

    clients = connection.clients
    with Work() as work:
        work.pool("members", clients.threads(clients.rates.identity_store))
        for identifier in missing:
            work.start("members", partial(ask, identifier))
        work.finish()
    return found


def _twins(
    kind: PrincipalKind, records: Iterable[Record[User]] | Iterable[Record[Group]]
) -> Mapping[Principal, tuple[str, ...]]:
    """Return the names of *records* of which more than one has the same key, by what they are."""
    first: dict[str, Record[User] | Record[Group]] = {}
    doubled: dict[str, dict[str, str]] = {}
    for record in records:
        key = record.value.key[1]
        other = first.setdefault(key, record)
        if other.identifier != record.identifier:
            named = {one.identifier: _name(one.value) for one in (other, record)}
            doubled.setdefault(key, {}).update(named)
    return {Principal(kind, key): tuple(sorted(names.values())) for key, names in doubled.items()}


def _indistinct(twins: Mapping[Principal, tuple[str, ...]]) -> str:
    kind, names = min((f"{one.kind}s", names) for one, names in twins.items())
    return (
        f"two live {kind} have names that differ only in case or Unicode form: {names[0]!r} and "
        f"{names[1]!r}; rename or delete one of them in AWS, then run again"
    )


def _name(value: User | Group) -> str:
    return value.user_name if isinstance(value, User) else value.name


def _with_configuration(application: Application, lists: Lists) -> Application:
    return replace(application, assignment_required=lists.required.get(application.arn))


class _Principals:
    """Names of the principals of assignments."""

    def __init__(
        self,
        connection: Connection,
        wanted: Wanted,
        users: Mapping[str, Record[User]],
        groups: Mapping[str, Record[Group]],
    ) -> None:
        self._directory = connection.directory
        self._lookup = Lookup(connection)
        self._wanted = wanted
        self._users = users
        self._groups = groups

    def principal(self, kind: PrincipalKind, identifier: str) -> Principal:
        """Return the principal with that id; one that is not listed, or not live, is an orphan."""
        record = self._user(identifier) if kind is PrincipalKind.USER else self._group(identifier)
        if record is None:
            return Principal(kind, identifier, orphan=True)
        return Principal(kind, record.value.key[1])

    def _user(self, identifier: str) -> Record[User] | None:
        if self._wanted.users:
            return self._users.get(identifier)
        return self._directory.users.known(identifier) or self._lookup.user_with_id(identifier)

    def _group(self, identifier: str) -> Record[Group] | None:
        if self._wanted.groups:
            return self._groups.get(identifier)
        return self._directory.groups.known(identifier) or self._lookup.group_with_id(identifier)
