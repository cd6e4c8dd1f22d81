"""What one user or group has in AWS accounts, and why: for people, in lines."""

from __future__ import annotations

from collections.abc import Iterator

from identity_reconciler.audit.paths import account_ways
from identity_reconciler.core.accounts import AccountReading, GapReason
from identity_reconciler.core.state import (
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    folded,
)
from identity_reconciler.gateway import Gateway, Wanted


def account_access_of(gateway: Gateway, address: str, reading: AccountReading) -> Iterator[str]:
    """Yield what the user or group at *address* has in AWS accounts, by every path.

    One request for the groups of a user, and one for each of them and the user; see
    `Wanted.account_lists` for where all of it is listed. Of an application there is nothing.

    Raises:
        GatewayError: It could not be read.
    """
    kind, _, name = address.partition("/")
    if kind not in set(PrincipalKind):
        return
    if reading is AccountReading.OFF:
        yield "  access to AWS accounts is not read: `account_access: off` in instance.yaml"
        return
    principal = Principal(PrincipalKind(kind), folded(name))
    live = gateway.read_state(Wanted(principals=(principal,)))
    asked = {principal}
    if principal.kind is PrincipalKind.USER:
        asked |= {Principal(PrincipalKind.GROUP, group) for group in live.members}
    lists = reading is AccountReading.LIST
    found = gateway.read_state(Wanted(account_access=tuple(sorted(asked)), account_lists=lists))
    live = live.united(found)
    for gap in sorted(live.account_gaps):
        if gap.reason is GapReason.DENIED:
            yield f"  access to AWS accounts is not known whole: {gap.note}"
    yield from _lines(live, principal)


def _lines(live: State, principal: Principal) -> Iterator[str]:
    if principal.kind is PrincipalKind.USER:
        user = UserKey(principal.name)
        entries = (one for one in account_ways(live) if one.user == user)
        yield from sorted(f"  has {one.role} {one.path}" for one in entries)
    else:
        members = len(live.members.get(GroupKey(principal.name), ()))
        for role in sorted(live.account_access.get(principal, ())):
            yield f"  gives {role} to {members} live member{'s' if members != 1 else ''}"
