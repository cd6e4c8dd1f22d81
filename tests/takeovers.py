"""Worlds in which people get one another's e-mail addresses, and what can be done in them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from identity_reconciler.core.declared import DeclaredUser, ManageObjects, Presence
from identity_reconciler.core.state import Email, State, User
from tests.plain_world import Id, PlainWorld, intended, plain
from tests.strategies import NOW, World, worlds

ADDRESSES = tuple(f"{number}@example.com" for number in range(8))
"""More than people who are live, and fewer than people who may be in a world."""


@st.composite
def takeovers(draw: st.DrawFn) -> World:
    """Draw a world in which who has which address is shuffled, and another way in the YAML."""
    live, declared = draw(worlds())
    has = dict(zip(live.users, draw(st.permutations(ADDRESSES)), strict=False))
    none = draw(st.sampled_from([None, *live.users]))
    people = {
        key: replace(user, email=None if key == none else Email(has[key]))
        for key, user in live.users.items()
    }
    if declared.settings.users is ManageObjects.REFERENCE:
        return replace(live, users=people), declared
    gets = draw(st.permutations(ADDRESSES))
    silent = draw(st.sets(st.sampled_from(range(len(ADDRESSES))), max_size=4))
    entries = (
        one
        if one.presence is not Presence.PRESENT
        else _getting(one, gets[at], silent=at in silent)
        for at, one in enumerate(declared.users)
    )
    return replace(live, users=people), replace(declared, users=tuple(entries))


def _getting(entry: DeclaredUser, address: str, *, silent: bool) -> DeclaredUser:
    email = None if silent else Email(address.upper())
    cleared = entry.user.cleared - {"email"}
    return replace(entry, user=replace(entry.user, email=email, cleared=cleared))


def can_be_done(world: World) -> bool:
    """Return whether all that is declared can be had, address by address, with what is live.

    Found out by doing whatever can be done, until nothing can be any more: as everybody gets one
    address, what is done first makes no difference to what can be done in the end.
    """
    live, declared = world
    before, after = plain(live), intended(live, declared, NOW)
    has = {one: _address(live, one) for one in before.names if one[0] == "user"}
    wants = {
        one: _folded(after.attributes[one].get("email")) for one in after.names if one[0] == "user"
    }
    given = [address for address in wants.values() if address]
    if len(given) != len(set(given)):
        return False
    left = {one for one in has.keys() | wants.keys() if has.get(one) != wants.get(one)}
    left |= has.keys() ^ wants.keys()
    while left:
        possible = [one for one in left if _is_possible(one, has, wants, after)]
        if not possible:
            return False
        for one in possible:
            left.discard(one)
            if one in wants:
                has[one] = wants[one]
            else:
                del has[one]
    return True


def _is_possible(
    one: Id, has: dict[Id, str | None], wants: dict[Id, str | None], after: PlainWorld
) -> bool:
    """Return whether the change of *one* can be made while everybody has what *has* says."""
    address = wants.get(one)
    is_taken = address is not None and address in {has[other] for other in has.keys() - {one}}
    manager = after.attributes.get(one, {}).get("manager")
    return not is_taken and (manager in has or manager not in wants)


def _address(live: State, one: Id) -> str | None:
    users: dict[str, User] = {str(key): user for key, user in live.users.items()}
    return _folded(users[one[1]].email)


def _folded(email: object) -> str | None:
    return email.value.lower() if isinstance(email, Email) else None
