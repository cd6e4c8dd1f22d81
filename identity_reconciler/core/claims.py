"""The values that AWS lets only one live object have. Pure.

User names, e-mail addresses and group names are unique over everything that is live, managed or
not. Source: singlesignon userguide, users-groups-provisioning. Whether letter case tells two
apart is unknown, so it does not here: see `folded`.
"""

from __future__ import annotations

from enum import StrEnum

from identity_reconciler.core.state import Group, Resource, User, folded


class ValueKind(StrEnum):
    """What must be unique, in the words for people."""

    USER_NAME = "user name"
    ADDRESS = "e-mail address"
    GROUP_NAME = "name"


Claim = tuple[ValueKind, str]
"""A kind, and the value as it is compared."""


def claims(resource: Resource | None) -> frozenset[Claim]:
    """Return the values that nothing else can have while *resource* is live."""
    match resource:
        case User(user_name=name):
            own, address = (ValueKind.USER_NAME, folded(name)), address_of(resource)
            return frozenset({own} if address is None else {own, (ValueKind.ADDRESS, address)})
        case Group(name=name):
            return frozenset({(ValueKind.GROUP_NAME, folded(name))})
        case _:
            return frozenset()


def address_of(user: User) -> str | None:
    """Return the e-mail address of *user* as it is compared, or None."""
    return None if user.email is None else folded(user.email.value)
