"""Create, change and delete users and groups.

Changes and deletions carry the revision of the last read, so AWS refuses them when the object
has changed since. Source: UpdateUser and DeleteUser, Revision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from identity_reconciler.core.lease import is_lease
from identity_reconciler.core.state import Group, User, address
from identity_reconciler.errors import ChangedError, InvalidRequestError, NotFoundError
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.gateway.reading.records import (
    Record,
    create_group_request,
    create_user_request,
)
from identity_reconciler.gateway.wire.errors import Call, translating
from identity_reconciler.gateway.writing.operations import group_operations, user_operations

_Value = TypeVar("_Value", User, Group)


class UserWriter:
    """Writes users."""

    def __init__(self, connection: Connection) -> None:
        self._store = connection.store
        self._client = connection.clients.identity_store_writer
        self._register = connection.directory.users
        self._lookup = Lookup(connection)

    def create(self, user: User) -> None:
        """See Gateway."""
        manager_id = self._manager_id(user)
        with translating(Call("identitystore", "CreateUser", address(user), writes=True)):
            answer = self._client.create_user(**create_user_request(self._store, user, manager_id))
            self._register.put(
                Record(answer["UserId"], user, answer.get("Revision"), manager_id=manager_id)
            )

    def update(self, before: User, after: User) -> None:
        """See Gateway."""
        record = _as_read(self._register.find(before.user_name), before)
        record = record or _as_read(self._lookup.user(before.user_name), before)
        if record is None:
            raise NotFoundError(f"{address(before)} is not live")
        manager_id = record.manager_id
        if before.manager != after.manager:
            manager_id = self._manager_id(after)
        operations = user_operations(before, after, manager_id)
        if not operations:
            return
        with translating(Call("identitystore", "UpdateUser", address(before), writes=True)):
            answer = self._client.update_user(
                IdentityStoreId=self._store,
                UserId=record.identifier,
                Operations=operations,
                **({"Revision": record.revision} if record.revision else {}),
            )
            value = replace(after, provenance=record.value.provenance)
            self._register.put(
                Record(record.identifier, value, answer.get("Revision"), manager_id=manager_id)
            )

    def delete(self, user: User) -> None:
        """See Gateway."""
        record = self._register.find(user.user_name) or self._lookup.user(user.user_name)
        if record is None:
            raise NotFoundError(f"{address(user)} is not live")
        with translating(Call("identitystore", "DeleteUser", address(user), writes=True)):
            self._client.delete_user(
                IdentityStoreId=self._store,
                UserId=record.identifier,
                **({"Revision": record.revision} if record.revision else {}),
            )
        self._register.forget(record.identifier)

    def _manager_id(self, user: User) -> str | None:
        if user.manager is None:
            return None
        identifier = self._lookup.user_id(user.manager)
        if identifier is None:
            raise NotFoundError(f"{address(user)}: the manager, user/{user.manager}, is not live")
        return identifier


class GroupWriter:
    """Writes groups."""

    def __init__(self, connection: Connection) -> None:
        self._store = connection.store
        self._client = connection.clients.identity_store_writer
        self._register = connection.directory.groups
        self._lookup = Lookup(connection)

    def create(self, group: Group) -> None:
        """See Gateway."""
        _require_manageable(group)
        with translating(Call("identitystore", "CreateGroup", address(group), writes=True)):
            answer = self._client.create_group(**create_group_request(self._store, group))
            self._register.put(Record(answer["GroupId"], group, answer.get("Revision")))

    def update(self, before: Group, after: Group) -> None:
        """See Gateway."""
        _require_manageable(before, after)
        record = _as_read(self._register.find(before.name), before)
        record = record or _as_read(self._lookup.group(before.name), before)
        if record is None:
            raise NotFoundError(f"{address(before)} is not live")
        operations = group_operations(before, after)
        if not operations:
            return
        with translating(Call("identitystore", "UpdateGroup", address(before), writes=True)):
            answer = self._client.update_group(
                IdentityStoreId=self._store,
                GroupId=record.identifier,
                Operations=operations,
                **({"Revision": record.revision} if record.revision else {}),
            )
            value = replace(after, provenance=record.value.provenance)
            self._register.put(Record(record.identifier, value, answer.get("Revision")))

    def delete(self, group: Group) -> None:
        """See Gateway."""
        _require_manageable(group)
        record = self._register.find(group.name) or self._lookup.group(group.name)
        if record is None:
            raise NotFoundError(f"{address(group)} is not live")
        with translating(Call("identitystore", "DeleteGroup", address(group), writes=True)):
            self._client.delete_group(
                IdentityStoreId=self._store,
                GroupId=record.identifier,
                **({"Revision": record.revision} if record.revision else {}),
            )
        self._register.forget(record.identifier)


def _require_manageable(*groups: Group) -> None:
    """Refuse to change the group that keeps the lease: no plan that was made here is about it."""
    for group in groups:
        if is_lease(group.name):
            raise InvalidRequestError(f"{address(group)} is not to be managed; nothing was sent")


def _as_read(record: Record[_Value] | None, before: _Value) -> Record[_Value] | None:
    """Return *record* if it holds *before*, as far as the desired state can declare it.

    Raises:
        ChangedError: It holds something else.
    """
    if record is None:
        return None
    if _declarable(record.value) != _declarable(before):
        raise ChangedError(f"{address(before)} is no longer as it was read; plan again")
    return record


def _declarable(value: _Value) -> _Value:
    return replace(value, cleared=frozenset(), foreign=False)
