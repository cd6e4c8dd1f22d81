"""What the gateway knows about the identifiers behind names. Nothing of it leaves the gateway."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from identity_reconciler.core.state import Group, User, folded, name_of
from identity_reconciler.gateway.reading.records import Record

_Value = TypeVar("_Value", User, Group)


class Register(Generic[_Value]):
    """The records of one kind, by folded name and by identifier. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, Record[_Value]] = {}
        self._by_identifier: dict[str, Record[_Value]] = {}
        self._found: dict[str, str] = {}
        self._former: dict[str, str] = {}
        self._shared: frozenset[str] = frozenset()
        """The folded names that several of the last complete list have."""
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def asking(self, name: str) -> threading.Lock:
        """Return what to hold while AWS is asked about *name*, so that no two threads ask."""
        with self._lock:
            return self._asking[folded(name)]

    def find(self, name: str) -> Record[_Value] | None:
        """Return what was last read or written under *name*, or None."""
        return self._by_name.get(folded(name))

    def values(self) -> list[_Value]:
        """Return what was last read or written, in no order."""
        with self._lock:
            return [record.value for record in self._by_identifier.values()]

    def identifier(self, name: str) -> str | None:
        """Return the identifier of what was last read, written or found under *name*, or None."""
        record = self.find(name)
        return record.identifier if record else self._found.get(folded(name))

    def found(self, name: str, identifier: str | None) -> None:
        """Remember that *name* leads to *identifier*, of which nothing else is known; or to none.

        What is known of either by a record counts for more.
        """
        with self._lock:
            if identifier is None or identifier in self._by_identifier:
                self._found.pop(folded(name), None)
            else:
                self._found[folded(name)] = identifier

    def known(self, identifier: str) -> Record[_Value] | None:
        """Return what was last read or written under *identifier*, or None."""
        return self._by_identifier.get(identifier)

    def former_name(self, identifier: str) -> str | None:
        """Return what was called that had *identifier* and was forgotten, or None."""
        return self._former.get(identifier)

    def put(self, record: Record[_Value]) -> None:
        """Remember *record* in place of what had its identifier or its name."""
        with self._lock:
            self._drop(self._by_identifier.get(record.identifier))
            self._drop(self._by_name.get(record.value.key[1]))
            self._found.pop(record.value.key[1], None)
            self._by_identifier[record.identifier] = record
            self._by_name[record.value.key[1]] = record

    def replace_all(self, records: Iterable[Record[_Value]]) -> None:
        """Remember *records*, a complete list, and nothing else.

        A name that several of them have leads to none: AWS knows which one is spelled just so.
        """
        by_identifier = {record.identifier: record for record in records}
        times = Counter(record.value.key[1] for record in by_identifier.values())
        by_name = {
            key: record
            for record in by_identifier.values()
            if times[key := record.value.key[1]] == 1
        }
        with self._lock:
            self._by_identifier, self._by_name, self._found = by_identifier, by_name, {}
            self._shared = frozenset(times.keys() - by_name.keys())

    def is_shared(self, name: str) -> bool:
        """Return whether several of the last complete list have *name*."""
        return folded(name) in self._shared

    def forget(self, identifier: str) -> None:
        """Forget what has *identifier*: it is not live any more."""
        with self._lock:
            record = self._by_identifier.get(identifier)
            if record is not None:
                self._former[identifier] = name_of(record.value)
            self._drop(record)
            for name in [name for name, one in self._found.items() if one == identifier]:
                del self._found[name]

    def _drop(self, record: Record[_Value] | None) -> None:
        if record is None:
            return
        self._by_identifier.pop(record.identifier, None)
        if self._by_name.get(record.value.key[1]) is record:
            del self._by_name[record.value.key[1]]


class Directory:
    """Users, groups and memberships that were read or written, with their identifiers."""

    def __init__(self) -> None:
        self.users: Register[User] = Register()
        self.groups: Register[Group] = Register()
        self.recalled: dict[str, str] = {}
        """By witness, what users are called who may be gone."""
        self._lock = threading.Lock()
        self._memberships: dict[str, dict[str, str]] = {}

    def membership(self, group_id: str, user_id: str) -> str | None:
        """Return the MembershipId of the user in the group, or None where it is not known."""
        return self._memberships.get(group_id, {}).get(user_id)

    def put_membership(self, group_id: str, user_id: str, membership_id: str) -> None:
        """Remember one membership."""
        with self._lock:
            self._memberships.setdefault(group_id, {})[user_id] = membership_id

    def replace_memberships(self, group_id: str, members: Mapping[str, str]) -> None:
        """Remember *members*, MembershipIds by UserId, as all there are in the group."""
        with self._lock:
            self._memberships[group_id] = dict(members)

    def forget_membership(self, group_id: str, user_id: str) -> None:
        """Forget one membership, which is not live any more."""
        with self._lock:
            self._memberships.get(group_id, {}).pop(user_id, None)
