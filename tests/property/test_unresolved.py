"""What cannot be resolved takes out what it touches, and nothing else, in any small world.

The oracle makes the same world without the odd things: their entries, the lines that name them,
and everything live that belongs to them. Whatever that world's plan does not touch of them is
what the plan of the odd world has to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.expiry import only_expired
from identity_reconciler.core.plan import Change, Delete, Plan
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    folded,
)
from tests.strategies import GONE, HERE, NOW, World, some, worlds

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP
NOBODY = "nobody"
"""A name that is neither declared nor live."""


@dataclass
class Odd:
    """A world into which oddities are put, and what they are."""

    live: State
    declared: Declared
    twins: set[Principal] = field(default_factory=set)
    formers: set[Principal] = field(default_factory=set)
    """Live under a previous name of what is live under its own."""
    missing: set[Principal] = field(default_factory=set)
    """Referred to, and not live."""
    taken_over: set[Principal] = field(default_factory=set)
    """Declared as ours, and owned by an external identity provider."""
    applications: set[str] = field(default_factory=set)
    """Names that no live application has, or two have."""

    def __bool__(self) -> bool:
        parts = (self.twins, self.formers, self.missing, self.taken_over, self.applications)
        return any(parts)


@st.composite
def odd_worlds(draw: st.DrawFn) -> Odd:
    """Draw a world and put some oddities into it."""
    live, declared = draw(worlds())
    odd = Odd(live, declared)
    for put in draw(some(_ODDITIES)):
        put(draw, odd)
    return odd


def _entries(odd: Odd, kind: PrincipalKind) -> tuple[DeclaredUser | DeclaredGroup, ...]:
    return odd.declared.users if kind is USER else odd.declared.groups


def _live(odd: Odd, kind: PrincipalKind) -> list[str]:
    """Return the folded names of what is live and not odd yet."""
    names: Iterable[str] = odd.live.users if kind is USER else odd.live.groups
    strange = odd.twins | odd.formers | odd.missing | odd.taken_over
    return [name for name in names if Principal(kind, name) not in strange]


def _pick(draw: st.DrawFn, principals: list[Principal]) -> Principal | None:
    return draw(st.sampled_from(principals)) if principals else None


def _put_twins(draw: st.DrawFn, odd: Odd) -> None:
    """Somebody makes a second user or group of a live name."""
    kind = draw(st.sampled_from([USER, GROUP]))
    one = _pick(draw, [Principal(kind, name) for name in _live(odd, kind)])
    if one is not None:
        odd.twins.add(one)
        odd.live = replace(
            odd.live,
            users={k: v for k, v in odd.live.users.items() if (USER, k) != (kind, one.name)},
            groups={k: v for k, v in odd.live.groups.items() if (GROUP, k) != (kind, one.name)},
            twins={**odd.live.twins, one: (one.name.upper(), one.name)},
        )


def _put_missing(draw: st.DrawFn, odd: Odd) -> None:
    """The owner of somebody who is only referred to deletes him."""
    found = [
        Principal(kind, folded(one.name))
        for kind in (USER, GROUP)
        for one in _entries(odd, kind)
        if _is_external(odd.declared, one) and folded(one.name) in _live(odd, kind)
    ]
    one = _pick(draw, found)
    if one is not None:
        odd.missing.add(one)
        odd.live = _deleted(odd.live, one)


def _is_external(declared: Declared, entry: DeclaredUser | DeclaredGroup) -> bool:
    settings = declared.settings
    mode = settings.users if isinstance(entry, DeclaredUser) else settings.groups
    return entry.presence is Presence.EXTERNAL or mode is ManageObjects.REFERENCE


def _deleted(live: State, gone: Principal) -> State:
    """Return what AWS leaves of *live* when somebody deletes *gone*: orphaned assignments."""
    left = replace(gone, name=GONE, orphan=True)
    return replace(
        live,
        users={k: v for k, v in live.users.items() if (USER, k) != (gone.kind, gone.name)},
        groups={k: v for k, v in live.groups.items() if (GROUP, k) != (gone.kind, gone.name)},
        members={
            group: members - {UserKey(gone.name)} if gone.kind is USER else members
            for group, members in live.members.items()
            if (GROUP, group) != (gone.kind, gone.name)
        },
        assignments={
            arn: (assigned - {gone}) | {left} if gone in assigned else assigned
            for arn, assigned in live.assignments.items()
        },
    )


def _put_nobody(draw: st.DrawFn, odd: Odd) -> None:
    """Somebody who is neither declared nor live is listed, or is a manager."""
    odd.missing |= {Principal(USER, NOBODY), Principal(GROUP, NOBODY)}
    nobody = (Listed(NOBODY, HERE),)
    groups, applications = draw(st.booleans()), draw(st.booleans())
    managed = draw(st.booleans())
    declared = odd.declared
    odd.declared = replace(
        declared,
        users=tuple(
            replace(one, user=replace(one.user, manager=UserName(NOBODY)))
            if managed and one.presence is Presence.PRESENT
            else one
            for one in declared.users
        ),
        groups=tuple(
            replace(one, members=(*one.members, *nobody)) if groups and one.members else one
            for one in declared.groups
        ),
        applications=tuple(
            replace(one, users=(*one.users, *nobody), groups=(*one.groups, *nobody))
            if applications and one.managed
            else one
            for one in declared.applications
        ),
    )


def _put_takeover(draw: st.DrawFn, odd: Odd) -> None:
    """An external identity provider takes over what is declared as ours."""
    found = [
        Principal(kind, folded(one.name))
        for kind in (USER, GROUP)
        for one in _entries(odd, kind)
        if not _is_external(odd.declared, one) and folded(one.name) in _live(odd, kind)
    ]
    one = _pick(draw, found)
    if one is not None:
        odd.taken_over.add(one)
        odd.live = replace(
            odd.live,
            users={
                k: replace(v, foreign=v.foreign or (USER, k) == (one.kind, one.name))
                for k, v in odd.live.users.items()
            },
            groups={
                k: replace(v, foreign=v.foreign or (GROUP, k) == (one.kind, one.name))
                for k, v in odd.live.groups.items()
            },
        )


def _put_former(draw: st.DrawFn, odd: Odd) -> None:
    """Somebody makes a user or group of a previous name, and puts it everywhere."""
    found = [
        Principal(kind, folded(name))
        for kind in (USER, GROUP)
        for one in _entries(odd, kind)
        if folded(one.name) in _live(odd, kind)
        for name in one.previous_names
    ]
    one = _pick(draw, found)
    if one is None:
        return
    odd.formers.add(one)
    live, foreign = odd.live, draw(st.booleans())
    if one.kind is USER:
        user = User(UserName(one.name), foreign=foreign)
        live = replace(
            live,
            users={**live.users, UserKey(one.name): user},
            members={group: some | {UserKey(one.name)} for group, some in live.members.items()},
        )
    else:
        group = Group(GroupName(one.name), foreign=foreign)
        live = replace(
            live,
            groups={**live.groups, GroupKey(one.name): group},
            members={**live.members, GroupKey(one.name): frozenset(live.users)},
        )
    assignments = {arn: some | {one} for arn, some in live.assignments.items()}
    odd.live = replace(live, assignments=assignments)


def _put_application(draw: st.DrawFn, odd: Odd) -> None:
    """Somebody deletes an application, or makes another one of its name."""
    arn = draw(st.sampled_from(sorted(odd.live.applications)))
    found = odd.live.applications[arn]
    if draw(st.booleans()):
        other = Application(ApplicationArn(f"{arn}-2"), found.name)
        applications = {**odd.live.applications, other.arn: other}
        assignments = odd.live.assignments
        chosen = {found.name}
    else:
        applications = {k: v for k, v in odd.live.applications.items() if k != arn}
        assignments = {k: v for k, v in odd.live.assignments.items() if k != arn}
        chosen = {found.name, arn}
    odd.applications |= chosen
    odd.live = replace(odd.live, applications=applications, assignments=assignments)


_ODDITIES = (
    _put_application,
    _put_nobody,
    _put_former,
    _put_takeover,
    _put_missing,
    _put_twins,
)


def untouchable(odd: Odd) -> frozenset[Principal]:
    """Return who cannot be told: twins, and what was to be renamed to or from the name of one."""
    found = odd.twins | odd.formers
    for kind in (USER, GROUP):
        for one in _entries(odd, kind):
            own, *older = (Principal(kind, folded(name)) for name in one.names)
            live = {Principal(kind, name) for name in (*odd.live.users, *odd.live.groups)}
            if own in odd.twins:
                found |= live.intersection(older)
            elif own not in live and odd.twins.intersection(older):
                found.add(own)
    return frozenset(found)


def without(odd: Odd, strange: frozenset[Principal]) -> World:
    """Return the world without its oddities."""
    hidden = strange | odd.missing
    live = odd.live
    clean = replace(
        live,
        twins={},
        users={k: v for k, v in live.users.items() if Principal(USER, k) not in strange},
        groups={k: v for k, v in live.groups.items() if Principal(GROUP, k) not in strange},
        members={
            group: frozenset(one for one in some if Principal(USER, one) not in strange)
            for group, some in live.members.items()
            if Principal(GROUP, group) not in strange
        },
        assignments={arn: some - strange for arn, some in live.assignments.items()},
    )
    declared = odd.declared
    return clean, replace(
        declared,
        users=tuple(_clean_users(odd, hidden)),
        groups=tuple(_clean_groups(odd, hidden)),
        applications=tuple(
            replace(
                one,
                users=_clean(one.users, USER, hidden),
                groups=_clean(one.groups, GROUP, hidden),
            )
            for one in declared.applications
            if not {one.selector.name, one.selector.arn} & odd.applications
        ),
    )


def _clean_users(odd: Odd, hidden: frozenset[Principal]) -> Iterator[DeclaredUser]:
    for one in odd.declared.users:
        own = Principal(USER, folded(one.name))
        manager = one.user.manager
        lost = manager is not None and Principal(USER, folded(manager)) in hidden
        user = replace(one.user, manager=None) if lost else one.user
        presence = Presence.EXTERNAL if own in odd.taken_over else one.presence
        if own not in hidden:
            yield replace(one, user=user, presence=presence)


def _clean_groups(odd: Odd, hidden: frozenset[Principal]) -> Iterator[DeclaredGroup]:
    for one in odd.declared.groups:
        own = Principal(GROUP, folded(one.name))
        members = None if one.members is None else _clean(one.members, USER, hidden)
        if own in odd.taken_over:
            yield replace(one, presence=Presence.EXTERNAL)
        elif own not in hidden:
            yield replace(one, members=members)


def _clean(
    listed: tuple[Listed, ...], kind: PrincipalKind, hidden: frozenset[Principal]
) -> tuple[Listed, ...]:
    return tuple(one for one in listed if Principal(kind, folded(one.name)) not in hidden)


def touched(odd: Odd, change: Change) -> bool:
    """Return whether *change* takes from a list who may be the one in it that is missing."""
    match change:
        case Delete(before=Membership() as link):
            lists = [one.members or () for one in odd.declared.groups if _is(one, link.group)]
            one = Principal(USER, folded(link.user))
        case Delete(before=Assignment() as link):
            entries = [one for one in odd.declared.applications if _selects(odd, one, link)]
            kind = link.principal.kind
            lists = [one.users if kind is USER else one.groups for one in entries]
            one = link.principal
        case _:
            return False
    lacking = any(
        Principal(one.kind, folded(listed.name)) in odd.missing
        and (listed.expires is None or listed.expires > NOW)
        and (listed.starts is None or listed.starts <= NOW)
        for listed in (each for some in lists for each in some)
    )
    return lacking and (one.orphan or (_is_foreign(odd.live, one) and not _is_named(odd, one)))


def _is(entry: DeclaredGroup, group: str) -> bool:
    return folded(group) in map(folded, entry.names)


def _selects(odd: Odd, entry: DeclaredApplication, link: Assignment) -> bool:
    return entry.managed and entry.selector.matches(odd.live.applications[link.application])


def _is_foreign(live: State, one: Principal) -> bool:
    if one.kind is USER:
        return UserKey(one.name) in live.users and live.users[UserKey(one.name)].foreign
    return GroupKey(one.name) in live.groups and live.groups[GroupKey(one.name)].foreign


def _is_named(odd: Odd, one: Principal) -> bool:
    lists = [
        *((USER, group.members or ()) for group in odd.declared.groups),
        *((USER, application.users) for application in odd.declared.applications),
        *((GROUP, application.groups) for application in odd.declared.applications),
    ]
    return any(folded(entry.name) == one.name for entry in _entries(odd, one.kind)) or any(
        kind is one.kind and folded(listed.name) == one.name
        for kind, some in lists
        for listed in some
    )


def comparable(changes: Iterable[Change], strange: frozenset[Principal]) -> dict[object, Change]:
    """Return *changes* by key, without the memberships of odd ones that vanish with somebody."""
    found: dict[object, Change] = {}
    for change in changes:
        if isinstance(change, Delete):
            kept = tuple(
                one
                for one in change.cascaded
                if Principal(GROUP, one.key[1]) not in strange
                and Principal(USER, one.key[2]) not in strange
            )
            found[change.key] = replace(change, cascaded=kept)
        else:
            found[change.key] = change
    return found


def principals_of(change: Change) -> Iterator[Principal]:
    """Yield the users and groups that *change* makes, changes, removes or links."""
    for side in (getattr(change, "before", None), getattr(change, "after", None)):
        match side:
            case User():
                yield Principal(USER, side.key[1])
            case Group():
                yield Principal(GROUP, side.key[1])
            case Membership():
                yield Principal(GROUP, side.key[1])
                yield Principal(USER, side.key[2])
            case Assignment():
                yield side.principal
            case _:
                pass


class TestWhatIsUnresolved:
    """It is told and left alone; everything else is as if it were not there."""

    @given(odd=odd_worlds())
    def test_the_plan_is_that_of_the_world_without_it(self, odd: Odd) -> None:
        strange = untouchable(odd)
        plan = compare(odd.declared, odd.live, NOW)
        clean, declared = without(odd, strange)
        wanted = compare(declared, clean, NOW)
        assert wanted.unresolved == ()
        expected = [one for one in wanted.changes if not touched(odd, one)]
        assert comparable(plan.changes, strange) == comparable(expected, strange)

    @given(odd=odd_worlds())
    def test_nothing_of_it_is_touched(self, odd: Odd) -> None:
        strange = untouchable(odd) | odd.missing
        for change in compare(odd.declared, odd.live, NOW).changes:
            assert strange.isdisjoint(principals_of(change))

    @given(odd=odd_worlds())
    def test_what_has_expired_goes(self, odd: Odd) -> None:
        strange = untouchable(odd)
        clean, declared = without(odd, strange)
        wanted = only_expired(compare(declared, clean, NOW))
        plan = only_expired(compare(odd.declared, odd.live, NOW))
        expected = [one for one in wanted.changes if not touched(odd, one)]
        assert comparable(plan.changes, strange) == comparable(expected, strange)
        assert plan.unresolved == compare(odd.declared, odd.live, NOW).unresolved

    @given(odd=odd_worlds())
    def test_what_is_odd_is_told(self, odd: Odd) -> None:
        told = compare(odd.declared, odd.live, NOW).unresolved
        text = "\n".join(map(str, told))
        # Of an entry that cannot be told apart nothing else is said.
        unsaid = {
            Principal(kind, folded(name))
            for kind, entries in ((USER, odd.declared.users), (GROUP, odd.declared.groups))
            for entry in entries
            if Principal(kind, folded(entry.name)) in odd.twins
            for name in entry.previous_names
        }
        for one in odd.twins | (odd.formers - unsaid) | odd.taken_over:
            assert one.name.startswith("ignored-") or one.name in folded(text)
        if not odd:
            assert told == ()

    @given(world=worlds())
    def test_a_world_without_oddities_has_nothing_unresolved(self, world: World) -> None:
        live, declared = world
        plan: Plan = compare(declared, live, NOW)
        assert plan.unresolved == ()
