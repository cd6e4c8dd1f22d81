"""Fill an identity store at once, from any source of users, groups, memberships, assignments.

Loading replaces all users, groups and memberships of one store and the assignments of its
instance. Ids are made from store and names: a population has the same ids in every sandbox.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from identity_reconciler.sandbox.attributes import (
    GROUP,
    USER,
    AttributeForm,
    Document,
    check_document,
    email_of,
    fold,
    service_model,
)
from identity_reconciler.sandbox.errors import SandboxError, ServiceError
from identity_reconciler.sandbox.store import Row, Store
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import World

_NAMESPACE = uuid.UUID("6f0d4c0e-5a0e-4d3c-9a53-2b1f6f1f7a10")
_SEEDER = "sandbox seed"

ExternalIds = tuple[tuple[str, str], ...]
"""(issuer, id) each."""


@dataclass(frozen=True, slots=True)
class Member:
    """One user or group to load: its document as CreateUser spells it, and who else owns it."""

    document: Document
    external_ids: ExternalIds = ()


@dataclass(frozen=True, slots=True)
class Population:
    """Everything to load; names refer to each other. Each part is read once, in this order."""

    users: Iterable[Member] = ()
    groups: Iterable[Member] = ()
    memberships: Iterable[tuple[str, str]] = ()
    """(group name, user name)."""
    assignments: Iterable[tuple[str, str, str]] = ()
    """(application ARN, USER or GROUP, name)."""


def seeded_id(kind: AttributeForm, store_id: str, name: str) -> str:
    """Return the id that the user or group called *name* is loaded with."""
    return str(uuid.uuid5(_NAMESPACE, f"{store_id}/{kind.table}/{name.casefold()}"))


def load(world: World, instance: Row, population: Population) -> None:
    """Replace what is in the identity store of *instance* by *population*, all or nothing.

    To be called inside a write transaction.

    Raises:
        SandboxError: AWS would refuse part of it.
    """
    store, store_id = world.store, instance["store"]
    _empty(store, instance)
    loader = _Loader(world, store_id)
    try:
        for kind, members in ((USER, population.users), (GROUP, population.groups)):
            store.executemany(_insert(kind), loader.rows(kind, members))
            loader.keep_external_ids(kind)
            loader.keep_count(kind)
        store.executemany(
            "INSERT INTO memberships (store, id, group_id, user_id, created, created_by) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            loader.memberships(population.memberships),
        )
        store.executemany(
            "INSERT INTO assignments "
            "(instance, application, principal_type, principal_id, created) VALUES (?, ?, ?, ?, ?)",
            loader.assignments(instance["arn"], population.assignments),
        )
    except sqlite3.IntegrityError as error:
        raise SandboxError(f"The population has something twice: {error}.") from error


def _empty(store: Store, instance: Row) -> None:
    for table in ("users", "groups", "memberships", "external_ids"):
        store.execute(f"DELETE FROM {table} WHERE store = ?", (instance["store"],))  # noqa: S608
    store.execute("DELETE FROM assignments WHERE instance = ?", (instance["arn"],))


def _insert(kind: AttributeForm) -> str:
    email = ", email_key" if kind is USER else ""
    marks = ", ".join("?" * (10 if kind is USER else 9))
    return (
        f"INSERT INTO {kind.table} (store, id, name_key, revision, document, created, created_by, "  # noqa: S608
        f"updated, updated_by{email}) VALUES ({marks})"
    )


class _Loader:
    """Turns members into rows, and remembers who is there."""

    def __init__(self, world: World, store_id: str) -> None:
        self._world = world
        self._store_id = store_id
        self._now = world.clock()
        self._ids: dict[tuple[str, str], str] = {}
        self._external: list[tuple[str, ExternalIds]] = []

    def rows(self, kind: AttributeForm, members: Iterable[Member]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of users or groups."""
        store, assumptions = self._world.store, self._world.assumptions
        for member in members:
            document = dict(member.document)
            name = str(document.get(kind.name_member, ""))
            self._check(kind, name, document)
            identifier = seeded_id(kind, self._store_id, name)
            if member.external_ids:
                self._external.append((identifier, member.external_ids))
                document["ExternalIds"] = [
                    {"Issuer": issuer, "Id": one} for issuer, one in member.external_ids
                ]
            document |= {"UserStatus": "ENABLED"} if kind is USER else {}
            self._ids[kind.table, name.casefold()] = identifier
            email = email_of(document)
            key = (fold(email, assumptions) if email else None,) if kind is USER else ()
            yield (
                self._store_id,
                identifier,
                fold(name, assumptions),
                store.next_number("revision"),
                json.dumps(document),
                self._now,
                _SEEDER,
                self._now,
                _SEEDER,
                *key,
            )

    def _check(self, kind: AttributeForm, name: str, document: Document) -> None:
        operation = "CreateUser" if kind is USER else "CreateGroup"
        shape = service_model("identitystore").operation_model(operation).input_shape
        try:
            check(shape, {"IdentityStoreId": self._store_id, **document})
            check_document(kind, document, self._world.assumptions)
        except ServiceError as error:
            raise SandboxError(f"{kind.arn_type} {name}: {error.message}") from error

    def keep_external_ids(self, kind: AttributeForm) -> None:
        """Make the users or groups just loaded findable by their external ids."""
        for identifier, external_ids in self._external:
            for issuer, external_id in external_ids:
                self._world.store.execute(
                    "INSERT INTO external_ids SELECT ?, store, ?, ?, row "  # noqa: S608
                    f"FROM {kind.table} WHERE store = ? AND id = ?",
                    (kind.table, issuer, external_id, self._store_id, identifier),
                )
        self._external.clear()

    def keep_count(self, kind: AttributeForm) -> None:
        """Set the counter that the quota is checked against."""
        number = sum(table == kind.table for table, _ in self._ids)
        most = self._world.quotas.users if kind is USER else self._world.quotas.groups
        if number > most:
            raise SandboxError(f"The population has {number} {kind.table}, the quota is {most}.")
        name = f"{kind.table} of {self._store_id}"
        self._world.store.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, number))

    def memberships(self, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of memberships."""
        for group, user in pairs:
            group_id, user_id = self._id(GROUP, group), self._id(USER, user)
            identifier = str(uuid.uuid5(_NAMESPACE, f"{group_id}/{user_id}"))
            yield (self._store_id, identifier, group_id, user_id, self._now, _SEEDER)

    def assignments(
        self, instance_arn: str, triples: Iterable[tuple[str, str, str]]
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of assignments."""
        for arn, principal_type, name in triples:
            kind = USER if principal_type == "USER" else GROUP
            yield (instance_arn, arn, principal_type, self._id(kind, name), self._now)

    def _id(self, kind: AttributeForm, name: str) -> str:
        identifier = self._ids.get((kind.table, name.casefold()))
        if identifier is None:
            raise SandboxError(f"The population refers to a {kind.arn_type} {name} it has not got.")
        return identifier
