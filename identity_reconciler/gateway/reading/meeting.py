"""The users and groups behind many identifiers, from lists or one by one: whichever takes less.

How long a list is shows only at its end. So a list is read page by page as long as it may still
save requests: until as many pages are read as there are identifiers left, which are then asked
for one by one. That takes never twice the fewest requests, and less than the list alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from identity_reconciler.core.attributes import ENTERPRISE
from identity_reconciler.core.state import Group, User
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.directory import Register
from identity_reconciler.gateway.reading.listing import Item, pages
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.gateway.reading.pools import Work
from identity_reconciler.gateway.reading.records import Record, group_record, user_record
from identity_reconciler.gateway.wire.errors import Call, translating

_Value = TypeVar("_Value", User, Group)
_POOL = "meeting"


def met_users(connection: Connection, identifiers: Iterable[str]) -> Mapping[str, User]:
    """Return the users with these UserIds, as last read or written, or else as they are now.

    Those that are not live are missing. Managers are not asked for, and left out.

    Raises:
        IncompleteReadError: AWS did not answer.
        AccessDeniedError: A permission is missing.
        CredentialsError: There are none, or they have expired.
    """
    register = connection.directory.users
    listed = partial(_listed, connection, "ListUsers", user_record, Extensions=[ENTERPRISE])
    found = _met(connection, register, identifiers, listed, Lookup(connection).met_user)
    return {one: replace(user, manager=None) for one, user in found.items()}


def met_groups(connection: Connection, identifiers: Iterable[str]) -> Mapping[str, Group]:
    """Return the groups with these GroupIds; see `met_users`."""
    register = connection.directory.groups
    listed = partial(_listed, connection, "ListGroups", group_record)
    return _met(connection, register, identifiers, listed, Lookup(connection).group_with_id)


def _met(
    connection: Connection,
    register: Register[_Value],
    identifiers: Iterable[str],
    listed: Callable[[], Generator[list[Record[_Value]]]],
    ask: Callable[[str], Record[_Value] | None],
) -> Mapping[str, _Value]:
    known = {one: register.known(one) for one in identifiers}
    found = {one: record for one, record in known.items() if record is not None}
    missing = known.keys() - found.keys()
    if len(missing) > 1:
        with closing(listed()) as answers:
            for read, page in enumerate(answers, start=1):
                met = {one.identifier: one for one in page if one.identifier in missing}
                found |= met
                missing -= met.keys()
                for record in met.values():
                    register.put(record)
                if read + 1 >= len(missing):
                    break

    def describe(identifier: str) -> None:
        record = ask(identifier)
        if record is not None:
            found[identifier] = record

    clients = connection.clients
    with Work() as work:
        work.pool(_POOL, clients.threads(clients.rates.identity_store))
        for identifier in sorted(missing):
            work.start(_POOL, partial(describe, identifier))
        work.finish()
    return {one: record.value for one, record in found.items()}


def _listed(
    connection: Connection,
    operation: str,
    read: Callable[[Item], Record[_Value]],
    **request: Any,  # noqa: ANN401 - what the operation takes
) -> Generator[list[Record[_Value]]]:
    call = Call("identitystore", operation, "those that are in lists of memberships")
    request["IdentityStoreId"] = connection.store
    with translating(call):
        for page in pages(connection.clients.identity_store, call, request):
            yield list(map(read, page))
