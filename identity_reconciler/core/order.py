"""The order of an apply: nobody locked out and nobody let in on the way. Pure.

After each request nobody has access, to an application or an AWS account, that they have neither
before nor after the plan, and nobody lacks what they have both before and after. Revocations come
as early as that allows.

The order is one of *waves*. With all of its grants and none of its revocations, nobody has in a
wave what they never have; with all of its revocations and none of its grants, everybody has what
they keep. As access only grows with each link, this holds for whatever of a wave is done, so that
its changes may be carried out in any interleaving in which each comes after what it needs.

Nor has anybody two duties at once that are kept apart, and that they do not have together before
or after: who changes from one to the other leaves the one first.

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
from identity_reconciler.core.duties import Duty, KeptApart, kept_apart
from identity_reconciler.core.guard_settings import SeparatedDuties
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
from identity_reconciler.core.renames import NO_RENAMES, Link
from identity_reconciler.core.state import (
    Assignment,
    Group,
    GroupKey,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.core.ways import Target, Ways, of_group


@dataclass(frozen=True, slots=True)
class Exposure:
    """Somebody who lacks, in passing, what they keep, or has what they have at neither end."""

    effect: Effect
    """LOST: without it; GAINED: over-granted, or with both of what is kept apart."""
    user: UserName
    """As spelled after the plan; before it for a deleted user."""
    target: Target | KeptApart
    requests: int
    """For how many requests at most."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """A plan in the order of its waves, and what no order can avoid."""

    plan: Plan
    exposures: tuple[Exposure, ...] = ()
    """In the order in which they begin."""


def in_waves(impact: Impact, apart: Iterable[SeparatedDuties] = ()) -> Ordering:
    """Return the plan of *impact* in an order that keeps everybody's access, as far as any does.

    On the way nobody has two of what *apart* keeps apart, which names groups as after the plan.
    Of people and targets of which *impact* knows only in part, too much may be told to be lost in
    passing, and never too little. The same plan always comes in the same order.
    """
    listed = ordered(impact.plan.changes)
    builder = _Builder(impact, listed, apart)
    waves = builder.waves()
    plan = replace(
        impact.plan,
        changes=tuple(change for wave in waves for change in wave),
        waves={change.key: number for number, wave in enumerate(waves) for change in wave},
    )
    return Ordering(plan, tuple(builder.exposures))


Pair = tuple[Target | KeptApart, UserKey]
"""What somebody has access to, or both of; people are named as after the plan."""
_Many = tuple[Target, AbstractSet[UserKey]]
_Harm = tuple[Target | KeptApart, AbstractSet[UserKey]]


class _Builder:
    """Puts the changes of a plan into waves."""

    def __init__(
        self, impact: Impact, listed: tuple[Change, ...], apart: Iterable[SeparatedDuties]
    ) -> None:
        self.exposures: list[Exposure] = []
        self._impact, self._renames = impact, impact.renames
        self._left: dict[Key, Change] = {change.key: change for change in listed}
        self._needs, self._first = needs(listed), preceding(listed)
        self._before = Ways(impact.before, impact.renames, self._people)
        self._after = Ways(impact.after, NO_RENAMES, self._people)
        self._least, self._most = self._before.copy(), self._before.copy()
        """With the revocations of the wave and none of its grants, and the other way about."""
        self._open: dict[tuple[Effect, Pair], int] = {}
        """When what is exposed now began: how many changes there were before."""
        self._done = 0
        self._apart: defaultdict[Principal | Target, list[KeptApart]] = defaultdict(list)
        """What is kept apart from being in a group, or from having access to an application."""
        for two in kept_apart(apart, impact.before, impact.after):
            for duty in (two.first, two.second):
                for thing in _things(duty):
                    self._apart[thing].append(two)

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

    def _carry_out(self, change: Change, *, grants: Ways, revocations: Ways) -> None:
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
            target, user = pair
            if self._has(self._least, target, user) is (effect is Effect.LOST):
                del self._open[effect, pair]
                self.exposures.append(
                    Exposure(effect, self._name(user), target, self._done - since)
                )

    def _name(self, user: UserKey) -> UserName:
        later = self._impact.after
        if user in later.users:
            return later.user_name(user)
        return self._impact.before.user_name(self._renames.reversed().user(user))

    def _has(self, ways: Ways, target: Target | KeptApart, user: UserKey) -> bool:
        if isinstance(target, KeptApart):
            return all(self._is_on(ways, duty, user) for duty in (target.first, target.second))
        return ways.reach(target, user)

    def _is_on(self, ways: Ways, duty: Duty, user: UserKey) -> bool:
        """Return whether *user* has *duty* by a link.

        What requires no assignment everybody has, before and after: it comes together with nothing
        in passing that would not be told anyhow, for that is had at neither end.
        """
        if duty.group is not None:
            return ways.is_member(duty.group, user)
        return any(ways.reach(arn, user) for arn in duty.applications)

    def _harm(self, change: Change) -> Iterator[_Harm]:
        """Yield what is lost, by *change*, by whom, who keep it, or is got by who never has it."""
        if isinstance(change, Create):
            for target, users in self._opened(change):
                had, has = (ways.reached(target, users) for ways in (self._before, self._after))
                if harmed := users - had - has:
                    yield target, harmed
            yield from self._together(change) if self._apart else ()
        elif isinstance(change, Delete):
            for target, users in self._closed(change):
                if harmed := self._after.reached(target, self._before.reached(target, users)):
                    yield target, harmed

    def _together(self, change: Create) -> Iterator[_Harm]:
        """Yield what is kept apart and would be had together, by whom, who never have both."""
        given: dict[Principal | Target, AbstractSet[UserKey]] = dict(self._opened(change))
        if isinstance(change.after, Membership):
            group = of_group(group_key(change.after.group))
            given[group] = {user_key(change.after.user)}
        found = dict.fromkeys(two for thing in given for two in self._apart.get(thing, ()))
        for two in found:
            first, second = (
                {user for thing in _things(duty) for user in given.get(thing, ())}
                for duty in (two.first, two.second)
            )
            harmed = {
                user
                for user in first | second
                if (user in first or self._is_on(self._most, two.first, user))
                and (user in second or self._is_on(self._most, two.second, user))
                and not self._has(self._before, two, user)
                and not self._has(self._after, two, user)
            }
            if harmed:
                yield two, harmed

    def _opened(self, change: Create) -> Iterator[_Many]:
        """Yield what *change* gives to whom, of those who do not have it in this wave."""
        ways = self._most
        match change.after:
            case Membership() as link:
                users = {user_key(link.user)}
                for target in ways.targets(of_group(group_key(link.group))):
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
                for target in ways.targets(of_group(group)) if ways.is_member(group, user) else ():
                    yield target, {user} - ways.reached(target, {user}, of_group(group))
            case Assignment(application=arn) as link:
                principal = self._renames.principal(link.principal)
                if ways.has(arn, principal):
                    yield arn, ways.lost_without(principal, arn)
            case Group(name=name):
                principal = of_group(group_key(name))
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


def _things(duty: Duty) -> Iterable[Principal | Target]:
    """Return what *duty* is: to be in that group, or to have access to one of these."""
    return duty.applications if duty.group is None else (of_group(duty.group),)
