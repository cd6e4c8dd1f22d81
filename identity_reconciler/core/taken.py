"""Find the e-mail addresses that a plan would give to a user while somebody else has them. Pure.

AWS takes each address once, over everything that is live, managed or not. Whoever is to get one
that the plan does not free first cannot be made, changed or renamed; and as the two may be one
person, whoever has it loses nothing for the time being. Names need no such search: an entry whose
name is live is what has the name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from identity_reconciler.core.claims import address_of
from identity_reconciler.core.declared import Declared, Presence
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update, awaited
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Key,
    Principal,
    State,
    User,
    UserKey,
    folded,
    principal_of,
)
from identity_reconciler.core.wording import shown


@dataclass(frozen=True, slots=True)
class Refusals:
    """Users who cannot get the address that is declared for them, and who has it."""

    troubles: Mapping[UserKey, str] = field(default_factory=dict)
    """Why not, in words that follow the user, by the names that are declared."""
    concerned: frozenset[Principal] = frozenset()
    """Who is to get one and who has it, by live names: nothing is taken from them meanwhile."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.troubles)

    def __or__(self, other: Refusals) -> Refusals:
        """Return both."""
        return Refusals({**self.troubles, **other.troubles}, self.concerned | other.concerned)


NO_REFUSALS = Refusals()


def refusals(plan: Plan, live: State, declared: Declared) -> Refusals:
    """Return which users of *plan* would get an address that somebody else still has then.

    The plan without these is another one, in which others may wait for them in vain. *plan* is
    the one for *declared*, and *live* is as it was read, under the names of before.
    """
    search = _Search(plan, live, declared)
    search.find_kept()
    while circle := search.circle():
        search.refuse(circle, _of_circle(search.names(circle)))
    return Refusals(search.troubles, frozenset(search.concerned))


@dataclass(frozen=True, slots=True)
class _Move:
    """What a change makes of a user; None: nobody."""

    key: Key
    before: User | None
    after: User | None

    @property
    def takes(self) -> str | None:
        """The address that the user gets and does not have, as it is compared."""
        address = _address(self.after)
        return None if address == _address(self.before) else address


def _address(user: User | None) -> str | None:
    return None if user is None else address_of(user)


def _moves(changes: Iterable[Change]) -> Iterator[_Move]:
    for change in changes:
        match change:
            case Create(after=User() as after):
                yield _Move(change.key, None, after)
            case Delete(before=User() as before):
                yield _Move(change.key, before, None)
            case Update(User() as before, User() as after) | Rename(
                User() as before, User() as after
            ):
                yield _Move(change.key, before, after)
            case _:
                pass


def address_given(change: Change) -> str | None:
    """Return the e-mail address, as spelled, that *change* gives a user who does not have it."""
    for move in _moves((change,)):
        if move.takes and move.after is not None and move.after.email is not None:
            return move.after.email.value
    return None


def holders(changes: Iterable[Change], live: State) -> Mapping[Key, User]:
    """Return who else in *live* has the address that a change gives a user, by its key."""
    taking: dict[str, list[_Move]] = defaultdict(list)
    for move in _moves(changes):
        if move.takes:
            taking[move.takes].append(move)
    found: dict[Key, User] = {}
    for user in live.users.values() if taking else ():
        for move in taking.get(address_of(user) or "", ()):
            if user.key not in {one.key for one in (move.before, move.after) if one is not None}:
                found[move.key] = user
    return found


class _Search:
    """What is found out about those who are to get an address."""

    def __init__(self, plan: Plan, live: State, declared: Declared) -> None:
        self.troubles: dict[UserKey, str] = {}
        self.concerned: set[Principal] = set()
        self._declared = declared
        self._moves = {move.key: move for move in _moves(plan.changes)}
        self._of_live = {move.before.key: move for move in self._moves.values() if move.before}
        self._takers = {
            key: address for key, move in self._moves.items() if (address := move.takes)
        }
        self._holders: dict[str, list[User]] = defaultdict(list)
        wanted = frozenset(self._takers.values())
        for user in live.users.values() if wanted else ():
            address = address_of(user)
            if address in wanted:
                self._holders[address].append(user)
        self._awaited = awaited(plan.changes) if self._holders else {}

    def find_kept(self) -> None:
        """Refuse the takers of what its holder keeps."""
        for key in self._takers:
            holder = self._keeper(key)
            if holder is not None:
                self.concerned.add(principal_of(holder))
                name, standing = shown(holder.user_name), self._standing(holder)
                self.refuse([key], f"would get the e-mail address of user {name}, {standing}")

    def _keeper(self, key: Key) -> User | None:
        """Return somebody else who has, after the plan, the address that the taker *key* gets."""
        address, before = self._takers[key], self._moves[key].before
        for holder in self._holders.get(address, ()):
            if before is None or holder.key != before.key:
                giving = self._of_live.get(holder.key)
                gives = giving is not None and _address(giving.after) != address
                if not gives:
                    return holder
        return None

    def refuse(self, keys: Iterable[Key], trouble: str) -> None:
        """Note that the takers among *keys* cannot have what they are to get."""
        for key in self._takers.keys() & set(keys):
            self.troubles[UserKey(key[1])] = trouble
            before = self._moves[key].before
            if before is not None:
                self.concerned.add(principal_of(before))

    def circle(self) -> tuple[Key, ...]:
        """Return changes each of which waits for the next, and the last for the first, if any do.

        For an address that the other gives up, or for a manager whom it makes.
        """
        if not self._awaited:
            return ()
        waits = {key: self._before(key) for key in self._moves}
        left = _never_ready(waits)
        if not left:
            return ()
        # Whatever is left waits for something that is left, so this leads round.
        trail, key = list[Key](), min(left)
        while key not in trail:
            trail.append(key)
            key = min(left.intersection(waits[key]))
        return tuple(trail[trail.index(key) :])

    def names(self, keys: Iterable[Key]) -> list[str]:
        """Return what the users of *keys* will be called, sorted."""
        users = (self._moves[key].after for key in keys)
        return sorted(user.user_name for user in users if user is not None)

    def _before(self, key: Key) -> tuple[Key, ...]:
        """Return the keys of the changes of users without which that of *key* cannot be made."""
        move = self._moves[key]
        if UserKey(key[1]) in self.troubles or move.after is None:
            return ()
        manager = ("user", folded(move.after.manager or ""))
        is_made = manager in self._moves and self._moves[manager].before is None
        return (*self._awaited.get(key, ()), *([manager] if is_made else []))

    def _standing(self, holder: User) -> str:
        """Return why *holder* keeps the address, and what to do."""
        if holder.foreign:
            return (
                "who is live and owned by an external identity provider; change it there first, "
                "or declare another address here"
            )
        if matches_any(self._declared.settings.ignore.users, holder.user_name):
            return "who is live and matched by `ignore`; declare another address here"
        for entry in self._declared.users:
            if folded(holder.user_name) in map(folded, entry.names):
                is_ours = entry.presence is Presence.PRESENT
                where = "for either of them" if is_ours else "here"
                return f"who keeps it ({entry.position}); declare another one {where}"
        return (
            "who is live and not declared; if they are one person, add the old name to "
            "`previous_user_names` here, else declare that user as well, with another address or "
            "with `state: absent`"
        )


def _never_ready(waits: Mapping[Key, tuple[Key, ...]]) -> set[Key]:
    """Return what waits for itself, by way of whatever, or for something that does."""
    needed: dict[Key, list[Key]] = defaultdict(list)
    for key, others in waits.items():
        for other in others:
            needed[other].append(key)
    pending = {key: len(others) for key, others in waits.items()}
    ready = [key for key, number in pending.items() if not number]
    while ready:
        done = ready.pop()
        del pending[done]
        for key in needed[done]:
            pending[key] -= 1
            if not pending[key]:
                ready.append(key)
    return set(pending)


_FEW = 3
"""Up to this many users of a circle are named."""


def _of_circle(names: list[str]) -> str:
    """Return what is wrong with each of the users called *names*."""
    named = ", ".join(map(shown, names[:_FEW])) + (" and others" if len(names) > _FEW else "")
    return (
        f"is one of a circle of users ({named}) of whom each waits for an e-mail address that the "
        "next one gives up, and AWS takes each address once; this takes two steps: declare an "
        "address that nobody has for one of them and apply that, then declare them as here"
    )
