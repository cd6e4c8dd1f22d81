"""Tell objects apart by more than their names, without letting their identifiers out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from identity_reconciler.core.state import Principal, PrincipalKind
from identity_reconciler.gateway.reading.connection import Connection

_LENGTH = 32
"""Hexadecimal digits: 128 bits, more than an identifier itself has of chance."""


def witnesses(connection: Connection, principals: Iterable[Principal]) -> Mapping[Principal, str]:
    """Return the witness of each of *principals* that was read, written or looked up; asks nothing.

    A digest of the identifier: the same as long as the object lives, whatever it is called, and
    another one for what is made anew under its name. Orphans are ids already, and have none.
    """
    directory, found = connection.directory, {}
    for one in principals:
        if one.orphan:
            continue
        register = directory.users if one.kind is PrincipalKind.USER else directory.groups
        identifier = register.identifier(one.name)
        if identifier is not None:
            found[one] = witness(connection.store, one.kind, identifier)
    return found


def former_name(connection: Connection, identifier: str) -> str | None:
    """Return what the user was called that had *identifier* and is gone; None: that is not known.

    It was met and deleted since, or a plan says so; see `AwsGateway.recall`.
    """
    directory = connection.directory
    met = directory.users.former_name(identifier)
    if met is not None or not directory.recalled:
        return met
    return directory.recalled.get(witness(connection.store, PrincipalKind.USER, identifier))


def witness(store: str, kind: PrincipalKind, identifier: str) -> str:
    """Return the witness of the user or group with *identifier* in the identity store *store*."""
    parts = ("identity-reconciler/witness", store, str(kind), identifier)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_LENGTH]
