"""Hypothesis strategies for small worlds: few names, so that everything meets everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
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
APPLICATIONS = tuple(
    Application(ApplicationArn(f"arn:aws:sso::111122223333:application/ssoins-1/apl-{n}"), name)
    for n, name in enumerate(("Payroll", "Redshift", "Wiki"))
)


def _texts() -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(["x", "y"]))


@st.composite
def users(draw: st.DrawFn, name: str) -> User:
    """Draw a user called *name*, its e-mail address unique by its name."""
    email = draw(st.booleans())
    return User(
        UserName(name),
        display_name=draw(st.sampled_from(["One", "Two"])),
        given_name="G",
        family_name="F",
        title=draw(_texts()),
        department=draw(_texts()),
        email=Email(f"{user_key(name)}@example.com") if email else None,
    )


@st.composite
def _spellings(draw: st.DrawFn, name: str) -> str:
    return draw(st.sampled_from([name, name.upper(), name.lower()]))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Draw a state whose links all lead to users and groups it holds."""
    names = draw(st.sets(st.sampled_from(USER_NAMES)))
    people = _with_managers(draw, [draw(users(name)) for name in sorted(names)])
    groups = [
        Group(GroupName(name), description=draw(_texts()))
        for name in sorted(draw(st.sets(st.sampled_from(GROUP_NAMES))))
    ]
    user_keys = [user_key(user.user_name) for user in people]
    group_keys = [group_key(group.name) for group in groups]
    principals = [
        *(Principal(PrincipalKind.USER, key) for key in user_keys),
        *(Principal(PrincipalKind.GROUP, key) for key in group_keys),
    ]
    some_users = st.frozensets(st.sampled_from(user_keys)) if user_keys else st.just(frozenset())
    some = st.frozensets(st.sampled_from(principals)) if principals else st.just(frozenset())
    return State(
        users={user_key(user.user_name): user for user in people},
        groups={group_key(group.name): group for group in groups},
        members={key: draw(some_users) for key in group_keys},
        applications={one.arn: one for one in APPLICATIONS},
        assignments={one.arn: draw(some) for one in APPLICATIONS},
    )


def _with_managers(draw: st.DrawFn, people: list[User]) -> list[User]:
    """Give each of *people* a manager among those before it in a drawn order, or none."""
    order = draw(st.permutations(people))
    managed = []
    for number, user in enumerate(order):
        above = [one.user_name for one in order[:number]]
        manager = draw(st.sampled_from([None, *above]))
        managed.append(replace(user, manager=manager))
    return managed


@st.composite
def live_states(draw: st.DrawFn) -> State:
    """Draw a live state: some objects are foreign, some assignments orphaned."""
    state = draw(states())
    orphans = st.frozensets(st.just(Principal(PrincipalKind.USER, "gone-id", orphan=True)))
    return replace(
        state,
        users={key: replace(u, foreign=draw(st.booleans())) for key, u in state.users.items()},
        groups={key: replace(g, foreign=draw(st.booleans())) for key, g in state.groups.items()},
        assignments={arn: one | draw(orphans) for arn, one in state.assignments.items()},
    )


@st.composite
def declarations(draw: st.DrawFn, live: State) -> Declared:
    """Draw a declaration that can be bound to *live*: it names its foreign objects as external."""
    settings = Settings(
        INSTANCE,
        users=draw(st.sampled_from([ManageObjects.DECLARED, ManageObjects.AUTHORITATIVE])),
        groups=draw(st.sampled_from([ManageObjects.DECLARED, ManageObjects.AUTHORITATIVE])),
        memberships=draw(st.sampled_from(ManageLinks)),
        assignments=draw(st.sampled_from(ManageLinks)),
        ignore=Ignore(users=("IGNORED-*",), groups=("ignored-*",)),
    )
    people = []
    for name in sorted(draw(st.sets(st.sampled_from(USER_NAMES[:-1])))):
        found = live.users.get(user_key(name))
        if found and found.foreign:
            people.append(DeclaredUser(User(UserName(name)), HERE, Presence.EXTERNAL))
            continue
        presence = draw(st.sampled_from([Presence.PRESENT, Presence.PRESENT, Presence.ABSENT]))
        people.append(DeclaredUser(draw(users(draw(_spellings(name)))), HERE, presence))
    members = [one.user.user_name for one in people if one.presence is not Presence.ABSENT]
    groups = [
        draw(_groups(name, live, members))
        for name in sorted(draw(st.sets(st.sampled_from(GROUP_NAMES[:-1]))))
    ]
    named = [one.group.name for one in groups if one.presence is not Presence.ABSENT]
    applications = [
        DeclaredApplication(
            ApplicationSelector(name=one.name), HERE, draw(_listed(members)), draw(_listed(named))
        )
        for one in sorted(draw(st.sets(st.sampled_from(APPLICATIONS))), key=lambda one: one.arn)
    ]
    return Declared(settings, tuple(people), tuple(groups), tuple(applications))


@st.composite
def _groups(draw: st.DrawFn, name: str, live: State, members: list[UserName]) -> DeclaredGroup:
    found = live.groups.get(group_key(name))
    if found and found.foreign:
        return DeclaredGroup(Group(GroupName(name)), HERE, Presence.EXTERNAL)
    group = Group(GroupName(draw(_spellings(name))), description=draw(_texts()))
    if draw(st.integers(0, 3)) == 0:
        return DeclaredGroup(group, HERE, Presence.ABSENT)
    listed = draw(st.one_of(st.none(), _listed(members)))
    return DeclaredGroup(group, HERE, Presence.PRESENT, listed)


@st.composite
def _listed(draw: st.DrawFn, names: list[UserName] | list[GroupName]) -> tuple[Listed, ...]:
    chosen = sorted(draw(st.sets(st.sampled_from(names)))) if names else []
    expiries = st.sampled_from([None, NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
    return tuple(Listed(name, HERE, draw(expiries)) for name in chosen)
