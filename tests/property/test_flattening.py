"""Groups of groups and members by rule, against a walk over each person, group and instant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.flattening import circles, flattened
from identity_reconciler.core.plan import Delete, Plan
from identity_reconciler.core.resolution import with_all_members
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Group,
    GroupName,
    State,
    User,
    UserName,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.core.targets import rests_on_live
from identity_reconciler.runs.targeted_survey import plan_touched
from tests.memory_gateway import MemoryGateway
from tests.strategies import HERE, INSTANCE, NOW, World, edits, nestings, worlds

MOMENTS = tuple(NOW + timedelta(hours=hours) for hours in (-25, 0, 1, 25))
"""One before, between and after each of the starts and ends that are drawn."""


class Walk:
    """Who is in which group, found out by asking for one person, group and instant at a time."""

    def __init__(self, declared: Declared, live: State) -> None:
        self.declared, self.live = declared, live
        self.groups = {folded(one.name): one for one in declared.groups}
        self.users = {folded(one.name): one for one in declared.users}
        self.settings = declared.settings

    def live_names(self, kind: str, name: str) -> list[str]:
        """Return what is live of a declared name: itself, or else what is to be renamed."""
        known = self.live.users if kind == "user" else self.live.groups
        entry = (self.users if kind == "user" else self.groups).get(name)
        if name in known:
            return [name]
        return [old for old in map(folded, entry.previous_names) if old in known] if entry else []

    def holds(self, group: str, user: str, at: datetime) -> bool:
        """Return whether *user* is to be in *group*; folded names of after the renames."""
        entry = self.groups.get(group)
        if entry is None or entry.presence is not Presence.PRESENT or not self.has_lists(entry):
            return self.is_live(group, user)
        if _lists(entry.members or (), user, at):
            return True
        if _lists(entry.exclude, user, at):
            return False
        return self.fits(entry, user) or any(
            _lists(entry.include, folded(one.name), at) and self.holds(folded(one.name), user, at)
            for one in entry.include
        )

    def has_lists(self, entry: DeclaredGroup) -> bool:
        return entry.members is not None or bool(entry.include) or entry.rule is not None

    def is_live(self, group: str, user: str) -> bool:
        """Return whether *user* is one of the live members of a group that is not managed."""
        found = {
            one
            for name in self.live_names("group", group)
            for one in self.live.members.get(name, ())  # type: ignore[call-overload]
        }
        if not found & {*self.live_names("user", user)}:
            return False
        entry = self.users.get(user)
        if entry is not None:
            return entry.presence is not Presence.ABSENT
        if matches_any(self.settings.ignore.users, user):
            return False
        is_theirs = self.live.users[user].foreign  # type: ignore[index]
        return is_theirs or self.settings.users is not ManageObjects.AUTHORITATIVE

    def fits(self, entry: DeclaredGroup, user: str) -> bool:
        found = self.described(user) if entry.rule else None
        return found is not None and all(
            folded(getattr(found, key) or "") in map(folded, values)
            for key, values in entry.rule.conditions  # type: ignore[union-attr]
        )

    def described(self, user: str) -> User | None:
        """Return what a rule goes by; None: it does not look at them."""
        entry, names = self.users.get(user), self.live_names("user", user)
        found = self.live.users[names[0]] if names else None  # type: ignore[index]
        only_referred = self.settings.users is ManageObjects.REFERENCE
        if entry is not None and entry.presence is Presence.ABSENT:
            return None
        if entry is not None:
            is_ours = entry.presence is Presence.PRESENT and not only_referred
            return entry.user if is_ours else found
        is_theirs = found is not None and (found.foreign or only_referred)
        return found if is_theirs and not matches_any(self.settings.ignore.users, user) else None

    def people(self) -> set[str]:
        renamed = {old for name in self.users for old in self.live_names("user", name)}
        return {*self.users, *({*self.live.users} - renamed)}

    def plain(self) -> Declared:
        """Return what is declared with nothing but lists, of those who are listed now."""

        def with_list(entry: DeclaredGroup) -> DeclaredGroup:
            if not (entry.include or entry.rule) or entry.presence is not Presence.PRESENT:
                return entry
            group = folded(entry.name)
            members = [one for one in sorted(self.people()) if self.holds(group, one, NOW)]
            listed = tuple(Listed(one, HERE) for one in members)
            return replace(entry, members=listed, include=(), exclude=(), rule=None)

        return replace(self.declared, groups=tuple(map(with_list, self.declared.groups)))


def _lists(listed: Iterable[Listed], name: str, at: datetime) -> bool:
    return any(
        folded(one.name) == name
        and (one.starts is None or one.starts <= at)
        and (one.expires is None or one.expires > at)
        for one in listed
    )


def done(plan: Plan) -> list[object]:
    """Return what *plan* does, and not why."""
    return [(type(one), one.key, isinstance(one, Delete) and one.cascaded) for one in plan.changes]


class TestFlattening:
    """A group has at any instant exactly those whom the walk finds in it then."""

    @given(world=worlds(), data=st.data())
    def test_is_the_walk(self, world: World, data: st.DataObject) -> None:
        live, plain = world
        declared = data.draw(nestings(plain, live))
        walk = Walk(declared, live)
        for at in MOMENTS:
            for entry in with_all_members(declared, live, at).groups:
                if entry.derives and entry.presence is Presence.PRESENT and not entry.unknown:
                    group = folded(entry.name)
                    now = {one for one in walk.people() if walk.holds(group, one, at)}
                    assert {one for one in now | _all(entry) if _in(entry, one, at)} == now

    @given(world=worlds(), data=st.data())
    def test_the_plan_is_that_of_plain_lists(self, world: World, data: st.DataObject) -> None:
        live, plain = world
        declared = data.draw(nestings(plain, live))
        assert done(compare(declared, live, NOW)) == done(
            compare(Walk(declared, live).plain(), live, NOW)
        )

    @given(world=worlds(), data=st.data())
    def test_so_is_the_plan_for_what_is_touched(self, world: World, data: st.DataObject) -> None:
        live, plain = world
        before = flattened(data.draw(nestings(plain, live)))
        after = flattened(data.draw(nestings(data.draw(edits(plain, live)), live)))
        if rests_on_live(before, after):
            return
        plans = [
            plan_touched(*pair, MemoryGateway.holding(live), NOW).plan
            for pair in (
                (before, after),
                (_listed_only(before), _listed_only(after)),
            )
        ]
        assert done(plans[0]) == done(plans[1])


class TestWaysThatChange:
    """What is touched is found by the way that counts now, though another one lasts longer."""

    @staticmethod
    def declared(expires: datetime) -> Declared:
        def group(name: str, **lists: tuple[Listed, ...]) -> DeclaredGroup:
            return DeclaredGroup(Group(GroupName(name)), HERE, **lists)  # type: ignore[arg-type]

        groups = (
            group("crew", members=(Listed("bob", HERE, starts=NOW + timedelta(days=9)),)),
            group("team", members=(Listed("bob", HERE, expires),)),
            group("staff", include=(Listed("crew", HERE), Listed("team", HERE))),
        )
        users = (DeclaredUser(User(UserName("bob")), HERE),)
        return flattened(Declared(Settings(INSTANCE), users, groups))

    def test_an_end_that_is_moved(self) -> None:
        bob = frozenset({user_key("bob")})
        live = State(
            users={user_key("bob"): User(UserName("bob"))},
            groups={group_key(one): Group(GroupName(one)) for one in ("crew", "team", "staff")},
            members={group_key(one): bob for one in ("team", "staff")},
        )
        old, new = self.declared(NOW + timedelta(days=1)), self.declared(NOW)
        assert compare(old, live, NOW).changes == ()
        whole = {one.key for one in compare(new, live, NOW).changes}
        assert whole == {("membership", one, "bob") for one in ("team", "staff")}
        found = plan_touched(old, new, MemoryGateway.holding(live), NOW)
        assert {one.key for one in found.plan.changes} == whole


def _all(entry: DeclaredGroup) -> set[str]:
    return {folded(one.name) for one in entry.members or ()}


def _in(entry: DeclaredGroup, user: str, at: datetime) -> bool:
    return _lists(entry.members or (), user, at)


def _listed_only(declared: Declared) -> Declared:
    """Return *declared*, flat already, as if nobody included anybody."""
    groups = (replace(one, include=(), exclude=(), rule=None) for one in declared.groups)
    return replace(declared, groups=tuple(groups))


class TestCircles:
    """A circle of includes is told, and what has none is not."""

    @given(data=st.data())
    def test_are_where_a_group_comes_back_to_itself(self, data: st.DataObject) -> None:
        names = ("a", "b", "c", "d")
        edges = {name: data.draw(st.sets(st.sampled_from(names), max_size=3)) for name in names}
        groups = [
            DeclaredGroup(
                Group(GroupName(name)), HERE, include=tuple(Listed(one, HERE) for one in inner)
            )
            for name, inner in edges.items()
        ]
        found = list(circles(groups))
        assert bool(found) == any(_reaches(edges, one, one) for one in names)
        for circle in found:
            ends = [circle[-1].name, *(one.name for one in circle)]
            assert all(inner in edges[outer] for outer, inner in pairwise(ends))


def _reaches(edges: dict[str, set[str]], start: str, end: str) -> bool:
    seen, left = set[str](), [*edges[start]]
    while left:
        one = left.pop()
        if one == end:
            return True
        if one not in seen:
            seen.add(one)
            left += edges[one]
    return False
