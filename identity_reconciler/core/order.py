"""The order of an apply: nobody locked out and nobody let in on the way. Pure.

After each request nobody has access, to an application or an AWS account, that they have neither
before nor after the plan, and nobody lacks what they have both before and after. Revocations come
as early as that allows.

The order is one of *waves*. With all of its grants and none of its revocations, nobody has in a
wave what they never have; with all of its revocations and none of its grants, everybody has what
they keep. As access only grows with each link, this holds for whatever of a wave is done, so that
its changes may be carried out in any interleaving in which each comes after what it needs.

Where nothing is safe any more, in a real exchange, the change that harms the fewest goes first, a
revocation before a grant; who is without access, or has too much, and for how many requests, is
told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import assert_never

from identity_reconciler.core.access import Effect, Impact, is_open
from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.needs import Need, Why, needs
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Rename,
    Update,
    ordered,
    preceding,
)
from identity_reconciler.core.renames import NO_RENAMES, Link, Renames
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)

Target = ApplicationArn | AccountRole
"""What access is to."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Somebody who lacks, in passing, what they keep, or has what they have at neither end."""

    effect: Effect
    """LOST: without it; GAINED: over-granted."""
    user: UserName
    """As spelled after the plan; before it for a deleted user."""
    target: Target
    requests: int
    """For how many requests at most."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """A plan in the order of its waves, and what no order can avoid."""

    plan: Plan
    exposures: tuple[Exposure, ...] = ()
    """In the order in which they begin."""


def in_waves(impact: Impact) -> Ordering:
    """Return the plan of *impact* in an order that keeps everybody's access, as far as any does.

    Of people and targets of which *impact* knows only in part, too much may be told to be lost in
    passing, and never too little. The same plan always comes in the same order.
    """
    listed = ordered(impact.plan.changes)
    builder = _Builder(impact, listed)
    waves = builder.waves()
    plan = replace(
        impact.plan,
        changes=tuple(change for wave in waves for change in wave),
        waves={change.key: number for number, wave in enumerate(waves) for change in wave},
    )
    return Ordering(plan, tuple(builder.exposures))


Pair = tuple[Target, UserKey]
"""What somebody has access to; people are named as after the plan."""
_Many = tuple[Target, AbstractSet[UserKey]]


class _Ways:
    """By which links people have access, in one state, as far as a plan concerns them.

    Everything is named as after the renames of the plan: what is called otherwise before is the
    same thing, and what takes over a name is another.
    """

    def __init__(self, state: State, renames: Renames, people: AbstractSet[UserKey]) -> None:
        self._members: dict[GroupKey, set[UserKey]] = {}
        self._groups: defaultdict[UserKey, frozenset[GroupKey]] = defaultdict(frozenset)
        self._assigned: defaultdict[Target, set[Principal]] = defaultdict(set)
        self._targets: defaultdict[Principal, set[Target]] = defaultdict(set)
        for group, members in state.members.items():
            later = renames.group(group)
            found = renames.members(members) & people
            self._members[later] = set(found)
            for user in found:
                self._groups[user] |= {later}
        for arn, principals in state.assignments.items():
            for principal in principals if not is_open(state, arn) else ():
                self._assign(arn, renames.principal(principal))
        for principal, roles in state.account_access.items():
            for role in roles:
                self._assign(role, renames.principal(principal))

    def _assign(self, target: Target, principal: Principal) -> None:
        if not principal.orphan:
            self._assigned[target].add(principal)
            self._targets[principal].add(target)

    def copy(self) -> _Ways:
        """Return another one that starts from the same."""
        other = _Ways(State(), NO_RENAMES, frozenset())
        other._members = {group: set(members) for group, members in self._members.items()}
        other._groups = defaultdict(frozenset, self._groups)
        other._assigned = defaultdict(set, {t: set(some) for t, some in self._assigned.items()})
        other._targets = defaultdict(set, {p: set(some) for p, some in self._targets.items()})
        return other

    def add(self, link: Link) -> None:
        """Take in *link*, named as after the renames."""
        match link:
            case Membership():
                group, user = group_key(link.group), user_key(link.user)
                self._members.setdefault(group, set()).add(user)
                self._groups[user] |= {group}
            case Assignment():
                self._assign(link.application, link.principal)
            case _:
                assert_never(link)

    def remove(self, link: Link) -> None:
        """Take *link* out, named as after the renames."""
        match link:
            case Membership():
                group, user = group_key(link.group), user_key(link.user)
                self._members.get(group, set()).discard(user)
                self._groups[user] -= {group}
            case Assignment(application=arn, principal=principal):
                self._assigned[arn].discard(principal)
                self._targets[principal].discard(arn)
            case _:
                assert_never(link)

    def reach(self, target: Target, user: UserKey, without: GroupKey | None = None) -> bool:
        """Return whether *user* has access to *target*, otherwise than through one group."""
        assigned = self._assigned.get(target)
        if not assigned:
            return False
        if Principal(PrincipalKind.USER, user) in assigned:
            return True
        return any(
            group != without and _group(group) in assigned for group in self._groups.get(user, ())
        )

    def who(self, principal: Principal) -> AbstractSet[UserKey]:
        """Return who has what *principal* is assigned to."""
        if principal.kind is PrincipalKind.USER:
            return {UserKey(principal.name)}
        return self._members.get(GroupKey(principal.name), set())

    def reached(
        self, target: Target, among: AbstractSet[UserKey], but_for: Principal | None = None
    ) -> AbstractSet[UserKey]:
        """Return those *among* people who have *target*, otherwise than by one assignment."""
        if len(among) <= _FEW and (but_for is None or but_for.kind is PrincipalKind.GROUP):
            group = None if but_for is None else GroupKey(but_for.name)
            return {user for user in among if self.reach(target, user, group)}
        found: set[UserKey] = set()
        for principal in self._assigned.get(target, ()):
            if principal != but_for:
                found |= self.who(principal) & among
        return found

    def lost_without(self, principal: Principal, target: Target) -> AbstractSet[UserKey]:
        """Return who has *target* by nothing but that *principal* is assigned to it."""
        users = self.who(principal)
        return users - self.reached(target, users, principal)

    def targets(self, principal: Principal) -> tuple[Target, ...]:
        """Return what *principal* is assigned to."""
        return tuple(self._targets.get(principal, ()))

    def has(self, target: Target, principal: Principal) -> bool:
        """Return whether *principal* is assigned to *target*."""
        return target in self._targets.get(principal, ())

    def is_member(self, group: GroupKey, user: UserKey) -> bool:
        """Return whether *user* is in *group*."""
        return user in self._members.get(group, ())


_FEW = 8
"""Up to so many people are looked at one by one, by their groups."""


def _group(key: GroupKey) -> Principal:
    return Principal(PrincipalKind.GROUP, key)


class _Builder:
    """Puts the changes of a plan into waves."""

    def __init__(self, impact: Impact, listed: tuple[Change, ...]) -> None:
        self.exposures: list[Exposure] = []
        self._impact, self._renames = impact, impact.renames
        self._left: dict[Key, Change] = {change.key: change for change in listed}
        self._needs, self._first = needs(listed), preceding(listed)
        self._before = _Ways(impact.before, impact.renames, self._people)
        self._after = _Ways(impact.after, NO_RENAMES, self._people)
        self._least, self._most = self._before.copy(), self._before.copy()
        """With the revocations of the wave and none of its grants, and the other way about."""
        self._open: dict[tuple[Effect, Pair], int] = {}
        """When what is exposed now began: how many changes there were before."""
        self._done = 0

    @cached_property
    def _people(self) -> frozenset[UserKey]:
        """Whose access a change may touch, by their names of after the plan."""
        live, later, found = self._impact.before, self._impact.after, set[UserKey]()
        back = self._renames.reversed()
        for change in self._left.values():
            for link in self._links(change):
                match link:
                    case Membership():
                        found.add(user_key(link.user))
                    case Assignment(principal=principal) if principal.kind is PrincipalKind.USER:
                        found.add(UserKey(principal.name))
                    case Assignment(principal=principal):
                        group = GroupKey(principal.name)
                        found |= later.members.get(group, frozenset())
                        members = live.members.get(back.group(group), frozenset())
                        found |= self._renames.members(members)
        return frozenset(found)

    def _links(self, change: Change) -> Iterator[Link]:
        """Yield what *change* makes or takes away, named as after the renames."""
        match change:
            case Create(after=Membership() | Assignment() as link):
                yield link
            case Delete(before=Membership() | Assignment() as link):
                yield self._renames.link(link)
            case Delete():
                yield from map(self._renames.membership, change.cascaded)
            case Create() | Update() | Rename():
                pass
            case _:
                assert_never(change)

    def waves(self) -> list[tuple[Change, ...]]:
        """Return all changes, in their waves."""
        found: list[tuple[Change, ...]] = []
        while self._left:
            wave = self._wave() or self._out_of_turn() or (self._least_harmful(),)
            found.append(wave)
            self._finish(wave)
        return found

    def _wave(self) -> tuple[Change, ...]:
        """Take every change that is safe and whose needs are met, by now or in this wave."""
        wave: list[Change] = []
        for change in tuple(self._left.values()):
            if self._is_ready(change) and not any(self._harm(change)):
                self._take(change)
                wave.append(change)
        return tuple(wave)

    def _is_ready(self, change: Change) -> bool:
        before = (*(one.key for one in self._needs_of(change)), *self._first.get(change.key, ()))
        return not any(key in self._left for key in before)

    def _needs_of(self, change: Change) -> tuple[Need, ...]:
        return self._needs.get(change.key, ())

    def _take(self, change: Change) -> None:
        del self._left[change.key]
        self._carry_out(change, grants=self._most, revocations=self._least)

    def _carry_out(self, change: Change, *, grants: _Ways, revocations: _Ways) -> None:
        """Do in *grants* what *change* gives, or in *revocations* what it takes away."""
        links = self._links(change)
        match change:
            case Create():
                for link in links:
                    grants.add(link)
            case Delete():
                # Who is deleted has no other links: those of groups, and what is assigned to them,
                # are changes of their own, and what is had in accounts is nobody's who is gone.
                for link in links:
                    revocations.remove(link)
            case Update() | Rename():
                pass
            case _:
                assert_never(change)

    def _finish(self, wave: Iterable[Change]) -> None:
        """Go on from after *wave*, and close what is no longer exposed."""
        for change in wave:
            self._done += 1
            self._carry_out(change, grants=self._least, revocations=self._most)
        for (effect, pair), since in tuple(self._open.items()):
            if self._least.reach(*pair) is (effect is Effect.LOST):
                del self._open[effect, pair]
                target, user = pair
                self.exposures.append(
                    Exposure(effect, self._name(user), target, self._done - since)
                )

    def _name(self, user: UserKey) -> UserName:
        later = self._impact.after
        if user in later.users:
            return later.user_name(user)
        return self._impact.before.user_name(self._renames.reversed().user(user))

    def _harm(self, change: Change) -> Iterator[_Many]:
        """Yield what is lost, by *change*, by whom, who keep it, or is got by who never has it."""
        if isinstance(change, Create):
            for target, users in self._opened(change):
                had, has = (ways.reached(target, users) for ways in (self._before, self._after))
                if harmed := users - had - has:
                    yield target, harmed
        elif isinstance(change, Delete):
            for target, users in self._closed(change):
                if harmed := self._after.reached(target, self._before.reached(target, users)):
                    yield target, harmed

    def _opened(self, change: Create) -> Iterator[_Many]:
        """Yield what *change* gives to whom, of those who do not have it in this wave."""
        ways = self._most
        match change.after:
            case Membership() as link:
                users = {user_key(link.user)}
                for target in ways.targets(_group(group_key(link.group))):
                    yield target, users - ways.reached(target, users)
            case Assignment(application=arn) as link if not is_open(self._impact.before, arn):
                users = set(ways.who(link.principal))
                yield arn, users - ways.reached(arn, users)
            case _:
                pass

    def _closed(self, change: Delete) -> Iterator[_Many]:
        """Yield what *change* takes from whom, of those who have it by nothing else in this wave.

        Nobody who is deleted keeps anything.
        """
        ways = self._least
        match change.before:
            case Membership() as link:
                later = self._renames.membership(link)
                group, user = group_key(later.group), user_key(later.user)
                for target in ways.targets(_group(group)) if ways.is_member(group, user) else ():
                    yield target, {user} - ways.reached(target, {user}, _group(group))
            case Assignment(application=arn) as link:
                principal = self._renames.principal(link.principal)
                if ways.has(arn, principal):
                    yield arn, ways.lost_without(principal, arn)
            case Group(name=name):
                principal = _group(group_key(name))
                for target in ways.targets(principal):
                    yield target, ways.lost_without(principal, target)
            case User():
                pass
            case _:
                assert_never(change.before)

    def _out_of_turn(self) -> tuple[Change, ...]:
        """Take a change that harms nobody before what it only goes after where that is possible.

        A user before a manager of theirs is renamed, and a rename before links of it are removed,
        which are then removed under the new name.
        """
        for change in self._left.values():
            links = {Why.LINKS} if isinstance(change, Rename) else set[Why]()
            others = (one.key for one in self._needs_of(change) if one.why not in links)
            if not any(key in self._left for key in others) and not any(self._harm(change)):
                self._take(change)
                return (change,)
        return ()

    def _least_harmful(self) -> Change:
        """Take the change that harms the fewest, and note whom it exposes."""
        ready = [change for change in self._left.values() if self._is_ready(change)]
        # Values that go round in a circle wait for each other for ever.
        candidates = ready or [next(iter(self._left.values()))]
        harms = {change.key: tuple(self._harm(change)) for change in candidates}

        def severity(change: Change) -> tuple[int, bool]:
            people = sum(len(users) for _, users in harms[change.key])
            return people, isinstance(change, Create)

        chosen = min(candidates, key=severity)
        effect = Effect.GAINED if isinstance(chosen, Create) else Effect.LOST
        for target, users in harms[chosen.key]:
            for user in sorted(users):
                self._open.setdefault((effect, (target, user)), self._done)
        self._take(chosen)
        return chosen
