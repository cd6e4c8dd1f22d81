"""A plan: ordered changes from live to desired, as data. Pure: no callables, no flags, no I/O."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from identity_reconciler.core.claims import claims
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    Key,
    Membership,
    Principal,
    Resource,
    User,
    folded,
    user_key,
)
from identity_reconciler.errors import Position


class Reason(StrEnum):
    """Why something is removed."""

    ABSENT = "state: absent"
    UNDECLARED = "not declared"
    UNLISTED = "not listed"
    EXPIRED = "expired"
    PRINCIPAL_DELETED = "its principal is deleted"


@dataclass(frozen=True, slots=True)
class Create:
    """Make *after*, which is not live."""

    after: Resource

    @property
    def key(self) -> Key:
        """The key of what is created."""
        return self.after.key


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes in place; the name stays as it is live."""

    before: User | Group
    after: User | Group

    @property
    def key(self) -> Key:
        """The key of what is updated."""
        return self.after.key


@dataclass(frozen=True, slots=True)
class Rename:
    """Change the name in place, and attributes with it; memberships and assignments stay."""

    before: User | Group
    after: User | Group

    @property
    def key(self) -> Key:
        """The key under the new name."""
        return self.after.key


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove *before*, which is live."""

    before: Resource
    reason: Reason = Reason.UNDECLARED
    cascaded: tuple[Membership, ...] = ()
    """Memberships that vanish with a user or group, sorted by key; no request is made for them."""

    @property
    def key(self) -> Key:
        """The key of what is removed."""
        return self.before.key


Change = Create | Update | Rename | Delete


def before_of(change: Change) -> Resource | None:
    """Return what is live before *change*; None when it makes something."""
    return None if isinstance(change, Create) else change.before


def after_of(change: Change) -> Resource | None:
    """Return what is live after *change*; None when it removes something."""
    return None if isinstance(change, Delete) else change.after


def subject_of(change: Change) -> Resource:
    """Return what *change* is about: as it will be, or as it is when it is removed."""
    return change.before if isinstance(change, Delete) else change.after


class Withholding(StrEnum):
    """Why a removal is held back."""

    UNDECLARED = "live and not declared (manage: declared)"
    IGNORED = "matched by ignore"
    FOREIGN = "owned by an external identity provider"
    ADDITIVE = "live and not listed (manage: additive)"
    UNRESOLVED = "touched by what is unresolved"
    SERVICE = "of an application that an AWS service owns"


@dataclass(frozen=True, slots=True)
class Withheld:
    """A removal that the scope holds back: shown, never done."""

    resource: Resource
    reason: Withholding


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the desired state declares something, and from when until when it holds."""

    position: Position
    expires: datetime | None = None
    reason: str | None = None
    via: tuple[str, ...] = ()
    """See `Listed.via`."""
    starts: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something that cannot be bound to what is live now; what needs it is left as it is."""

    position: Position | None
    """Where the YAML says it; None for live objects that it does not name."""
    message: str
    """What was found, and what to do."""

    def __str__(self) -> str:
        return f"{self.position}: {self.message}" if self.position else self.message


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do, at most one change per key, in apply order."""

    changes: tuple[Change, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    """Sorted by key."""
    origins: Mapping[Key, Origin] = field(default_factory=dict)
    """For the changes that the YAML has a line for, by the key of the change."""
    applications: Mapping[ApplicationArn, Application] = field(default_factory=dict)
    """The applications that the changes mention."""
    unresolved: tuple[Unresolved, ...] = ()
    """What could not be planned; by file and line, what has none first."""
    witnesses: Mapping[Principal, str] = field(default_factory=dict)
    """What tells the live objects that it is for from others of their names; see `bindings`."""
    waves: Mapping[Key, int] = field(default_factory=dict)
    """The number of the wave of each change, by its key; rising along the changes.

    The changes of one wave may be carried out in any interleaving in which each comes after what
    it needs. A change that is missing here is a wave of its own.
    """

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.changes)


class Step(StrEnum):
    """The steps of an apply; `ORDER` says in which order they run."""

    DELETE_ASSIGNMENTS = "delete assignments"
    DELETE_MEMBERSHIPS = "delete memberships"
    RENAME = "rename"
    UPDATE = "update"
    CREATE_USERS = "create users"
    CREATE_GROUPS = "create groups"
    CREATE_MEMBERSHIPS = "create memberships"
    CREATE_ASSIGNMENTS = "create assignments"
    DELETE_GROUPS = "delete groups"
    DELETE_USERS = "delete users"


ORDER: Mapping[Step, int] = {step: number for number, step in enumerate(Step)}


def step_of(change: Change) -> Step:
    """Return the step of the apply that *change* belongs to."""
    match change:
        case Create(after=resource):
            return _CREATES[type(resource)]
        case Delete(before=resource):
            return _DELETES[type(resource)]
        case Rename():
            return Step.RENAME
        case Update():
            return Step.UPDATE
        case _:
            assert_never(change)


_CREATES: Mapping[type, Step] = {
    User: Step.CREATE_USERS,
    Group: Step.CREATE_GROUPS,
    Membership: Step.CREATE_MEMBERSHIPS,
    Assignment: Step.CREATE_ASSIGNMENTS,
}
_DELETES: Mapping[type, Step] = {
    User: Step.DELETE_USERS,
    Group: Step.DELETE_GROUPS,
    Membership: Step.DELETE_MEMBERSHIPS,
    Assignment: Step.DELETE_ASSIGNMENTS,
}


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return *changes* in apply order.

    Revocations come first, so access never widens before it narrows. Assignments go before the
    principals they name, because AWS keeps an assignment whose principal is gone. Managers are
    created before the people they manage, who carry the manager's id, and created or renamed
    before an update or rename that names them. A name or e-mail address is given up before
    another change takes it. Users and groups are deleted last, so what they need to wait for is
    known by then, but for those whose name or address is taken: these go right before. Ties break
    on the key, so two runs print the same plan.
    """
    listed = tuple(changes)
    places = _places(listed)
    return tuple(
        sorted(
            listed,
            key=lambda change: (
                *places.get(change.key, (ORDER[step_of(change)], 0)),
                change.key,
            ),
        )
    )


def preceding(changes: Iterable[Change]) -> Mapping[Key, tuple[Key, ...]]:
    """Return, by the key of each change of a user or group, those that go before it.

    All but the renames of managers are needed, too; see `ordered`.
    """
    waiting = _Waiting(tuple(changes))
    return {key: tuple(waiting.for_(key)) for key in waiting.changes}


def awaited(changes: Iterable[Change]) -> Mapping[Key, tuple[Key, ...]]:
    """Return, by the key of each change that takes a unique value which others give up, theirs.

    What takes a value cannot succeed before, and cannot when the other has failed.
    """
    about = [one for one in changes if one.key[0] in {"user", "group"}]
    given = {
        claim: change.key
        for change in about
        if not isinstance(change, Create)
        for claim in claims(change.before) - claims(after_of(change))
    }
    found: dict[Key, list[Key]] = defaultdict(list)
    for change in about if given else ():
        for claim in sorted((claims(after_of(change)) - claims(before_of(change))) & given.keys()):
            if given[claim] != change.key:
                found[change.key].append(given[claim])
    return {key: tuple(dict.fromkeys(keys)) for key, keys in found.items()}


def _places(changes: tuple[Change, ...]) -> Mapping[Key, tuple[int, int]]:
    """Return the number of the step, and the place in it, of changes that wait for others."""
    waiting = _Waiting(changes)
    places: dict[Key, tuple[int, int]] = {}
    for start in waiting.changes:
        if start in places:
            continue
        # By hand and not by recursion, however long the line of managers is.
        trail = {start: None}
        while trail:
            key = next(reversed(trail))
            before = [one for one in waiting.for_(key) if one not in trail]
            unplaced = [one for one in before if one not in places]
            if unplaced:
                trail[unplaced[0]] = None
                continue
            later = [(step, place + 1) for step, place in (places[one] for one in before)]
            places[key] = max([(waiting.steps[key], 0), *later])
            del trail[key]
    return places


class _Waiting:
    """Which changes of users and groups wait for which.

    For one that gives up a unique value, and for the creation of a manager, because nothing else
    is possible; for the rename of a manager where that closes no circle, because the update or
    rename of a user starts from and leads to managers by the names that they then have.
    """

    def __init__(self, changes: tuple[Change, ...]) -> None:
        self._awaited = awaited(changes)
        managers = {
            change.key: change
            for change in changes
            if isinstance(change, Create | Rename) and isinstance(change.after, User)
        }
        self._above: dict[Key, tuple[Key, ...]] = {}
        self.steps: dict[Key, int] = {}
        """The number of the step of each of them."""
        for change in changes if managers or self._awaited else ():
            if change.key[0] in {"user", "group"}:
                self.steps[change.key] = ORDER[step_of(change)]
                above = tuple(key for key in managers_of(change) if key in managers)
                if above and not isinstance(change, Delete):
                    self._above[change.key] = above
        deleted = {change.key for change in changes if isinstance(change, Delete)}
        for key, keys in self._awaited.items():
            for giver in deleted.intersection(keys):
                # It does not wait until the end, as other deletions do.
                self.steps[giver] = min(self.steps[giver], self.steps[key])
        self._renamed = {key for key, one in managers.items() if isinstance(one, Rename)}

    @property
    def changes(self) -> Iterable[Key]:
        """The keys of all that may wait or be waited for, in the order of the plan."""
        return self.steps

    def for_(self, key: Key) -> Iterator[Key]:
        """Yield the keys of the changes that go before that of *key*."""
        yield from self._awaited.get(key, ())
        for manager in self._above.get(key, ()):
            if manager not in self._renamed or not self._waits(manager, key):
                yield manager

    def _waits(self, one: Key, other: Key) -> bool:
        """Return whether *one* waits for *other*, however far down the line."""
        seen, left = {one}, [one]
        while left:
            key = left.pop()
            for each in (*self._awaited.get(key, ()), *self._above.get(key, ())):
                if each == other:
                    return True
                if each not in seen:
                    seen.add(each)
                    left.append(each)
        return False


def managers_of(change: Change) -> Iterator[Key]:
    """Yield the managers that *change* starts from or leads to, by the names they will have."""
    for side in (before_of(change), after_of(change)):
        if isinstance(side, User) and side.manager:
            yield ("user", user_key(side.manager))


def requirements(change: Change) -> tuple[Key, ...]:
    """Return the keys of the users and groups that *change* needs to be live under their names.

    Which of them are yet to be made ready, and all else that it waits for, say the `needs`.
    """
    match change:
        case Create(after=Membership() as edge):
            return (("group", edge.key[1]), ("user", edge.key[2]))
        case Create(after=Assignment() as edge):
            return ((str(edge.principal.kind), edge.principal.name),)
        case Create(after=User(manager=str(manager))):
            return (("user", folded(manager)),)
        case (
            Update(before=User(manager=old), after=User(manager=str(manager)))
            | Rename(before=User(manager=old), after=User(manager=str(manager)))
        ) if old != manager:
            return (("user", folded(manager)),)
        case Create() | Update() | Rename() | Delete():
            return ()
        case _:
            assert_never(change)


def counts(plan: Plan) -> Counter[tuple[str, str]]:
    """Return how many resources each (kind, symbol) changes; symbols are `+`, `~`, `>`, `-`.

    Cascaded memberships count as removed.
    """
    symbols = {Create: "+", Update: "~", Rename: ">", Delete: "-"}
    counter = Counter((change.key[0], symbols[type(change)]) for change in plan.changes)
    counter["membership", "-"] += sum(
        len(change.cascaded) for change in plan.changes if isinstance(change, Delete)
    )
    return counter
