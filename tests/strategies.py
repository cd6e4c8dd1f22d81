"""Hypothesis strategies for small worlds: few names, so that everything meets everything.

What is drawn is valid by construction: the loader would accept every declaration, and it can be
bound to the live state it was drawn for. Few draws make a world, because drawing is what costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import TypeVar

from hypothesis import strategies as st

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Ignore,
    Instance,
    Listed,
    ManageLinks,
    ManageObjects,
    MembersRule,
    Presence,
    Settings,
)
from identity_reconciler.core.flattening import FlatList, flat_lists
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserName,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.errors import Position

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HERE = Position("users.yaml", 1, 1)
INSTANCE = Instance(
    name="main",
    region="eu-central-1",
    account_id="111122223333",
    instance_arn="arn:aws:sso:::instance/ssoins-1234567890abcdef",
    identity_store_id="d-1234567890",
)
USER_NAMES = ("ana", "Bob", "carla", "dédé", "eve", "ignored-frank")
GROUP_NAMES = ("admins", "Builders", "callers", "ignored-deputies")
_OUR_USERS = (*USER_NAMES[:-1], "zoe")
"""The users that may be declared: one of them is new, and none is ignored."""
_OUR_GROUPS = (*GROUP_NAMES[:-1], "newcomers")
APPLICATIONS = tuple(
    Application(ApplicationArn(f"arn:aws:sso::111122223333:application/ssoins-1/apl-{n}"), name)
    for n, name in enumerate(("Payroll", "Redshift", "Wiki"))
)
GONE = "11111111-2222-3333-4444-555555555555"
"""The identifier of somebody who is not live any more."""
World = tuple[State, Declared]
"""A live state, and a declaration that can be bound to it."""

_Item = TypeVar("_Item")


_BOOLEANS = st.booleans()


@cache
def _up_to(most: int) -> st.SearchStrategy[int]:
    """Draw a number from 0 to *most*. Made once: Hypothesis looks at each new strategy for long."""
    return st.integers(0, most)


def one_of(draw: st.DrawFn, items: Sequence[_Item]) -> _Item:
    """Draw one of *items*."""
    return items[draw(_up_to(len(items) - 1))]


def some_of(draw: st.DrawFn, items: Sequence[_Item]) -> list[_Item]:
    """Draw some of *items*, in their order, with one draw."""
    bits = draw(_up_to(2 ** len(items) - 1))
    return [item for number, item in enumerate(items) if bits >> number & 1]


@st.composite
def some(draw: st.DrawFn, items: Sequence[_Item]) -> list[_Item]:
    """Draw as `some_of` does."""
    return some_of(draw, items)


_TEXTS = (None, "x", "y")
_PROFILES = tuple(product(("One", "Two"), _TEXTS, _TEXTS, (False, True)))
"""Display name, title, department, and whether there is an e-mail address."""


def users(draw: st.DrawFn, name: str) -> User:
    """Draw a user called *name*, its e-mail address unique by its name."""
    display_name, title, department, email = one_of(draw, _PROFILES)
    return User(
        UserName(name),
        display_name=display_name,
        given_name="G",
        family_name="F",
        title=title,
        department=department,
        email=Email(f"{user_key(name)}@example.com", primary=True) if email else None,
    )


@st.composite
def states(draw: st.DrawFn) -> State:
    """Draw a state whose links all lead to users and groups it holds."""
    people = _with_managers(draw, [users(draw, name) for name in some_of(draw, USER_NAMES)])
    groups = [
        Group(GroupName(name), description=one_of(draw, _TEXTS))
        for name in some_of(draw, GROUP_NAMES)
    ]
    user_keys = [user_key(user.user_name) for user in people]
    group_keys = [group_key(group.name) for group in groups]
    principals = [
        *(Principal(PrincipalKind.USER, key) for key in user_keys),
        *(Principal(PrincipalKind.GROUP, key) for key in group_keys),
    ]
    return State(
        users={user_key(user.user_name): user for user in people},
        groups={group_key(group.name): group for group in groups},
        members={key: frozenset(some_of(draw, user_keys)) for key in group_keys},
        applications={one.arn: one for one in APPLICATIONS},
        assignments={one.arn: frozenset(some_of(draw, principals)) for one in APPLICATIONS},
    )


def _with_managers(draw: st.DrawFn, people: list[User]) -> list[User]:
    """Give some of *people* a manager among those before them, from the left or from the right."""
    order = people[:: one_of(draw, [1, -1])]
    managed = []
    for number, user in enumerate(order):
        above = [one.user_name for one in order[:number]]
        managed.append(replace(user, manager=one_of(draw, [None, *above])))
    return managed


ORPHANS = tuple(Principal(kind, GONE, orphan=True) for kind in PrincipalKind)


@st.composite
def live_states(draw: st.DrawFn) -> State:
    """Draw a live state: of some objects foreign, of some people disabled, with what is left over.

    Left over are assignments of principals, and managers of people, that are gone. Applications
    may be open to everyone, or not say whether they are.
    """
    state = draw(states())
    foreign_users = some_of(draw, some_of(draw, [*state.users]))
    foreign_groups = some_of(draw, some_of(draw, [*state.groups]))
    disabled, bereft = some_of(draw, [*state.users]), one_of(draw, [None, *state.users])
    people = {
        key: replace(
            user,
            foreign=key in foreign_users,
            manager=UserName(GONE) if key == bereft else user.manager,
            provenance=Provenance(enabled=key not in disabled),
        )
        for key, user in state.users.items()
    }
    required = one_of(draw, [*product((None, True, False), repeat=3)])
    orphans = some_of(draw, ORPHANS)
    return replace(
        state,
        users=people,
        groups={
            key: replace(group, foreign=key in foreign_groups)
            for key, group in state.groups.items()
        },
        applications={
            one.arn: replace(one, assignment_required=answer)
            for one, answer in zip(APPLICATIONS, required, strict=True)
        },
        assignments={
            arn: found | frozenset(some_of(draw, orphans)) if orphans else found
            for arn, found in state.assignments.items()
        },
    )


_OBJECTS = (*ManageObjects, ManageObjects.DECLARED, ManageObjects.AUTHORITATIVE)
_LINKS = (*ManageLinks, ManageLinks.AUTHORITATIVE)


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    """Draw how much is managed."""
    return Settings(
        INSTANCE,
        users=one_of(draw, _OBJECTS),
        groups=one_of(draw, _OBJECTS),
        memberships=one_of(draw, _LINKS),
        assignments=one_of(draw, _LINKS),
        ignore=Ignore(users=("IGNORED-*",), groups=("ignored-*",)),
        rename_users=True,
        require_email=False,
    )


@st.composite
def declarations(draw: st.DrawFn, live: State, chosen: Settings | None = None) -> Declared:
    """Draw a declaration that can be bound to *live*, with the settings *chosen* or any."""
    terms = draw(settings()) if chosen is None else chosen
    people = _users(draw, live, terms)
    groups = _groups(draw, live, terms, _listable_users(people, live, terms))
    principals = (
        _listable_users(people, live, terms),
        _listable_groups(groups, live, terms),
    )
    applications = [_application(draw, one, *principals) for one in some_of(draw, APPLICATIONS)]
    return Declared(terms, tuple(people), tuple(groups), tuple(applications))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a live state and a declaration that can be bound to it."""
    live = draw(live_states())
    return live, draw(declarations(live))


def _names(
    draw: st.DrawFn, all_names: tuple[str, ...], live: list[str]
) -> tuple[list[str], list[str]]:
    """Draw which names are declared; and return the rest of those *live*, to be renamed from.

    Every third time all that is live is declared, and every third time all but one, which is then
    to be renamed to something new.
    """
    names, turn = some_of(draw, all_names), draw(_up_to(2))
    if live and turn:
        renamed = {live[-1]} if turn == 1 else set()
        wanted = {*names, *live, all_names[-1]} if turn == 1 else {*names, *live}
        names = [name for name in all_names if name in wanted - renamed]
    return names, [name for name in live if name not in names]


_PRESENCES = (Presence.PRESENT, Presence.PRESENT, Presence.PRESENT, Presence.ABSENT)
_SPELLINGS: tuple[Callable[[str], str], ...] = (str, str.upper, str.lower)


def _presence(draw: st.DrawFn, *, live: bool, foreign: bool) -> Presence:
    """Draw the presence of an object that is or is not live; what is foreign is external."""
    if foreign:
        return Presence.EXTERNAL
    return one_of(draw, (*_PRESENCES, Presence.EXTERNAL) if live else _PRESENCES)


def _previous_names(draw: st.DrawFn, name: str, old_names: list[str], *, live: bool) -> list[str]:
    """Draw the previous names of an entry, and take them from *old_names*, which are live.

    What is live under its own name has no previous name that is live, others at most one.
    """
    former = f"former-{name}"
    chains = [[], [former]]
    if old_names and not live:
        old = old_names[-1]
        chains = [[old], [former, old], [old.upper(), former], [old], []]
    chosen = one_of(draw, chains)
    if old_names and any(one != former for one in chosen):
        old_names.pop()
    return chosen


def _users(draw: st.DrawFn, live: State, terms: Settings) -> list[DeclaredUser]:
    if terms.users is ManageObjects.REFERENCE:
        ours = [one.user_name for one in live.users.values() if one.user_name in _OUR_USERS]
        presence = one_of(draw, [Presence.PRESENT, Presence.EXTERNAL])
        return [DeclaredUser(User(name), HERE, presence) for name in some_of(draw, ours)]
    ours = [one.user_name for one in live.users.values() if not one.foreign]
    names, old_names = _names(draw, _OUR_USERS, [name for name in ours if name in _OUR_USERS])
    people = []
    for name in names:
        found = live.users.get(user_key(name))
        spelled = one_of(draw, _SPELLINGS)(name)
        presence = _presence(draw, live=bool(found), foreign=bool(found and found.foreign))
        if presence is not Presence.PRESENT:
            people.append(DeclaredUser(User(UserName(spelled)), HERE, presence))
            continue
        previous = _previous_names(draw, name, old_names, live=bool(found))
        user = users(draw, spelled)
        if user.email and previous and draw(_BOOLEANS):
            user = replace(user, email=Email(f"{user_key(previous[-1])}@example.com", primary=True))
        if user.title is None and draw(_up_to(2)):
            user = replace(user, cleared=frozenset({"title"}))
        people.append(DeclaredUser(user, HERE, presence, tuple(previous)))
    return _managed(draw, people)


def _managed(draw: st.DrawFn, people: list[DeclaredUser]) -> list[DeclaredUser]:
    """Declare managers of some present users, in one direction, so that there is no circle."""
    possible = [one for one in people if one.presence is not Presence.ABSENT]
    order = possible[:: one_of(draw, [1, -1])]
    managers: dict[str, str | None] = {
        folded(one.name): one_of(draw, [None, *(above.name for above in order[:number])])
        for number, one in enumerate(order)
        if one.presence is Presence.PRESENT
    }
    return [
        replace(one, user=replace(one.user, manager=UserName(manager)))
        if (manager := managers.get(folded(one.name)))
        else one
        for one in people
    ]


def _groups(
    draw: st.DrawFn, live: State, terms: Settings, members: list[str]
) -> list[DeclaredGroup]:
    if terms.groups is ManageObjects.REFERENCE:
        ours = [one.name for one in live.groups.values() if one.name in _OUR_GROUPS]
        presence = one_of(draw, [Presence.PRESENT, Presence.EXTERNAL])
        return [DeclaredGroup(Group(name), HERE, presence) for name in some_of(draw, ours)]
    ours = [one.name for one in live.groups.values() if not one.foreign]
    names, old_names = _names(draw, _OUR_GROUPS, [name for name in ours if name in _OUR_GROUPS])
    groups = []
    for name in names:
        found = live.groups.get(group_key(name))
        spelled = GroupName(one_of(draw, _SPELLINGS)(name))
        presence = _presence(draw, live=bool(found), foreign=bool(found and found.foreign))
        if presence is not Presence.PRESENT:
            groups.append(DeclaredGroup(Group(spelled), HERE, presence))
            continue
        previous = _previous_names(draw, name, old_names, live=bool(found))
        description = one_of(draw, [*_TEXTS, ""])
        group = Group(spelled, description or None, frozenset(["description"][: description == ""]))
        managed = draw(_up_to(3))
        listed = _listed(draw, members) if managed else None
        groups.append(DeclaredGroup(group, HERE, presence, listed, tuple(previous)))
    return groups


def _listable_users(people: Iterable[DeclaredUser], live: State, terms: Settings) -> list[str]:
    """Return who may be listed: who is declared, and who is live where users are referred to."""
    names = {user_key(one.name): one.name for one in people if one.presence is not Presence.ABSENT}
    if terms.users is ManageObjects.REFERENCE:
        names = {key: one.user_name for key, one in live.users.items()} | names
    return list(names.values())


def _listable_groups(groups: Iterable[DeclaredGroup], live: State, terms: Settings) -> list[str]:
    """Return what may be listed; see `_listable_users`."""
    names = {group_key(one.name): one.name for one in groups if one.presence is not Presence.ABSENT}
    if terms.groups is ManageObjects.REFERENCE:
        names = {key: one.name for key, one in live.groups.items()} | names
    return list(names.values())


def _application(
    draw: st.DrawFn, application: Application, people: list[str], groups: list[str]
) -> DeclaredApplication:
    by_name = ApplicationSelector(name=application.name)
    by_arn = ApplicationSelector(arn=application.arn)
    selector = one_of(draw, [by_name, by_name, by_arn])
    if draw(_up_to(3)) == 0:
        return DeclaredApplication(selector, HERE, managed=False)
    return DeclaredApplication(selector, HERE, _listed(draw, people), _listed(draw, groups))


_DAY = timedelta(days=1)
_PERIODS: tuple[tuple[datetime | None, datetime | None] | None, ...] = (
    None,
    None,
    (None, None),
    (None, NOW - _DAY),
    (None, NOW),
    (NOW, NOW + _DAY),
    (NOW + _DAY, None),
)
"""From when until when somebody is listed; None: not at all."""


def _listed(draw: st.DrawFn, names: list[str]) -> tuple[Listed, ...]:
    """Draw who of *names* is listed, and whether and when that starts and expires."""
    drawn = ((name, one_of(draw, _PERIODS)) for name in names)
    return tuple(
        Listed(name, HERE, period[1], starts=period[0])
        for name, period in drawn
        if period is not None
    )


_RULES = tuple(
    MembersRule(conditions, HERE)
    for conditions in (
        (("title", ("X",)),),
        (("department", ("x", "y")),),
        (("title", ("x", "y")), ("department", ("y",))),
    )
)


@st.composite
def nestings(draw: st.DrawFn, declared: Declared, live: State) -> Declared:
    """Draw *declared* with groups that include others and exclude people, and with rules.

    A group includes only what comes after it by name, so there is no circle.
    """
    if declared.settings.groups is ManageObjects.REFERENCE:
        return declared
    groups = _listable_groups(declared.groups, live, declared.settings)
    people = _listable_users(declared.users, live, declared.settings)
    found = replace(
        declared, groups=tuple(_nested(draw, one, groups, people) for one in declared.groups)
    )
    lists = flat_lists(found, None)
    return replace(found, groups=tuple(_needed(one, lists) for one in found.groups))


def _needed(entry: DeclaredGroup, lists: Mapping[GroupKey, FlatList]) -> DeclaredGroup:
    """Return *entry* without what it excludes for nothing; the loader refuses that."""
    flat = lists.get(group_key(entry.name))
    idle = () if flat is None or flat.unknown else flat.idle
    return replace(entry, exclude=tuple(one for one in entry.exclude if one not in idle))


def _nested(
    draw: st.DrawFn, entry: DeclaredGroup, groups: list[str], people: list[str]
) -> DeclaredGroup:
    if entry.presence is not Presence.PRESENT or not draw(_up_to(3)):
        return replace(entry, include=(), exclude=(), rule=None)
    later = [name for name in groups if folded(name) > folded(entry.name)]
    include, rule = _listed(draw, later), one_of(draw, (None, None, *_RULES))
    own = {folded(one.name) for one in entry.members or ()}
    others = [name for name in people if folded(name) not in own]
    exclude = some_of(draw, some_of(draw, others)) if include or rule else []
    return replace(
        entry,
        include=include,
        exclude=tuple(Listed(name, HERE) for name in exclude),
        rule=rule,
    )


@st.composite
def edits(draw: st.DrawFn, old: Declared, live: State) -> Declared:
    """Draw what *old* may be changed to, with the same settings, so that it can be bound to *live*.

    Entries, and lists of members, are as in *old* or as in another declaration for *live*.
    """
    other = draw(declarations(live, old.settings))
    people = _consistent_users(_mixed(draw, old.users, other.users))
    groups = _unclaimed(_mixed(draw, old.groups, other.groups))
    lists = {folded(one.name): one.members for one in other.groups}
    relisted = {folded(one.name) for one in some_of(draw, groups)}
    members = {folded(name) for name in _listable_users(people, live, old.settings)}
    named = {folded(name) for name in _listable_groups(groups, live, old.settings)}
    return Declared(
        old.settings,
        tuple(people),
        tuple(
            replace(one, members=_kept(_members(one, lists, relisted), members)) for one in groups
        ),
        tuple(
            replace(one, users=_kept(one.users, members), groups=_kept(one.groups, named))
            for one in _mixed(draw, old.applications, other.applications)
        ),
    )


_Entry = TypeVar("_Entry", DeclaredUser, DeclaredGroup, DeclaredApplication)


def _identity(entry: DeclaredUser | DeclaredGroup | DeclaredApplication) -> str:
    """Return what at most one entry of a declaration has."""
    if not isinstance(entry, DeclaredApplication):
        return folded(entry.name)
    return next(one.arn for one in APPLICATIONS if entry.selector.matches(one))


def _mixed(draw: st.DrawFn, old: Sequence[_Entry], new: Sequence[_Entry]) -> list[_Entry]:
    """Draw a mixture of two lists of entries: of each name what the one or the other has."""
    before, after = ({_identity(one): one for one in entries} for entries in (old, new))
    names = sorted(before.keys() | after.keys())
    changed = some_of(draw, names)
    found = ((after if name in changed else before).get(name) for name in names)
    return [one for one in found if one is not None]


_Principal = TypeVar("_Principal", DeclaredUser, DeclaredGroup)


def _unclaimed(entries: list[_Principal]) -> list[_Principal]:
    """Return *entries* without previous names that another entry has, now or previously."""
    taken = {folded(one.name) for one in entries}
    kept = []
    for one in entries:
        free = tuple(name for name in one.previous_names if folded(name) not in taken)
        taken |= set(map(folded, free))
        kept.append(replace(one, previous_names=free))
    return kept


def _consistent_users(people: list[DeclaredUser]) -> list[DeclaredUser]:
    """Return *people* with e-mail addresses of their own, and managers who are there, not circling.

    The address of somebody who is renamed may be that of another entry, and goes.
    """
    people = [
        replace(one, user=replace(one.user, email=None))
        if one.user.email
        and any(
            one.user.email.value == f"{folded(other.name)}@example.com"
            for other in people
            if other is not one
        )
        else one
        for one in _unclaimed(people)
    ]
    above: dict[str, str] = {}
    there = {folded(one.name) for one in people if one.presence is not Presence.ABSENT}
    for one in people:
        name = folded(one.user.manager or "")
        chain = name
        while chain in above:
            chain = above[chain]
        if name in there and chain != folded(one.name):
            above[folded(one.name)] = name
    return [
        one if folded(one.name) in above else replace(one, user=replace(one.user, manager=None))
        for one in people
    ]


def _members(
    one: DeclaredGroup, lists: dict[str, tuple[Listed, ...] | None], relisted: set[str]
) -> tuple[Listed, ...] | None:
    key = folded(one.name)
    wanted = key in relisted and key in lists and one.presence is Presence.PRESENT
    return lists[key] if wanted else one.members


_Links = TypeVar("_Links", tuple[Listed, ...], tuple[Listed, ...] | None)


def _kept(listed: _Links, names: set[str]) -> _Links:
    """Return the part of a list that may be listed."""
    if listed is None:
        return listed
    return tuple(one for one in listed if folded(one.name) in names)
