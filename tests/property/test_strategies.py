"""The worlds that the other properties are about: valid, and with everything in a fair share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
)
from identity_reconciler.core.resolution import resolve
from identity_reconciler.core.state import Group, PrincipalKind, State, User, group_key, user_key
from identity_reconciler.desired.reading.loader import declared_by
from tests.strategies import APPLICATIONS, GONE, HERE, NOW, World, edits, worlds

SHARE = 0.1
"""What counts as a fair share of all worlds."""
WORLDS = 300
RARE = {"a manager who is renamed": 0.02, "a former member is renamed": 0.02}
"""What takes two of these at once on the same person, and its share."""


def features(world: World) -> set[str]:
    """Return in words what there is in *world*."""
    live, declared = world
    terms = declared.settings
    entries: list[DeclaredUser | DeclaredGroup] = [*declared.users, *declared.groups]
    listed = list(all_listed(declared))
    return {
        f"users: {terms.users}",
        f"groups: {terms.groups}",
        f"memberships: {terms.memberships}",
        f"assignments: {terms.assignments}",
        *(f"{one.kind} {one.presence}" for one in entries),
        *(f"live {one.key[0]} is foreign" for one in objects(live) if one.foreign),
        *(f"{when} listed" for when in {expiry(one) for one in listed}),
        *chain.from_iterable(user_features(one, live) for one in declared.users),
        *chain.from_iterable(group_features(one, live) for one in declared.groups),
        *chain.from_iterable(application_features(one) for one in declared.applications),
        *chain.from_iterable(live_features(live)),
        *coincidences(world),
    }


def all_listed(declared: Declared) -> Iterator[Listed]:
    for group in declared.groups:
        yield from group.members or ()
    for application in declared.applications:
        yield from (*application.users, *application.groups)


def objects(live: State) -> list[User | Group]:
    return [*live.users.values(), *live.groups.values()]


def expiry(listed: Listed) -> str:
    if listed.starts is not None and listed.starts > NOW:
        return "from later"
    if listed.expires is None:
        return "for ever"
    if listed.expires == NOW:
        return "until now"
    return "until later" if listed.expires > NOW else "until earlier"


def user_features(entry: DeclaredUser, live: State) -> Iterator[str]:
    old = [one for one in entry.previous_names if user_key(one) in live.users]
    if old:
        yield "user is renamed"
    if len(entry.previous_names) > len(old):
        yield "user has a former name"
    if old and len(entry.previous_names) > 1:
        yield "user is renamed, with a chain of names"
    if entry.user.manager:
        yield "manager declared"
    if entry.user.cleared:
        yield "user attribute cleared"
    found = live.users.get(user_key(entry.name))
    if found and found.user_name != entry.name:
        yield "user in another case"


def group_features(entry: DeclaredGroup, live: State) -> Iterator[str]:
    old = [one for one in entry.previous_names if group_key(one) in live.groups]
    if old:
        yield "group is renamed"
    if len(entry.previous_names) > len(old):
        yield "group has a former name"
    if entry.presence is Presence.PRESENT:
        yield "group without members" if entry.members is None else "group with members"
    if entry.group.cleared:
        yield "group attribute cleared"
    found = live.groups.get(group_key(entry.name))
    if found and found.name != entry.name:
        yield "group in another case"


def application_features(entry: DeclaredApplication) -> Iterator[str]:
    yield "application managed" if entry.managed else "application not managed"
    yield "application by name" if entry.selector.name else "application by ARN"


def live_features(live: State) -> Iterator[Iterable[str]]:
    people = live.users.values()
    yield ("disabled user",) if any(not one.provenance.enabled for one in people) else ()  # type: ignore[union-attr]
    yield ("manager who is gone",) if any(one.manager == GONE for one in people) else ()
    yield ("ignored user",) if "ignored-frank" in live.users else ()
    yield ("ignored group",) if "ignored-deputies" in live.groups else ()
    for one in chain.from_iterable(live.assignments.values()):
        yield (f"orphaned {one.kind}",) if one.orphan else (f"assigned {one.kind}",)
    for application in live.applications.values():
        yield (f"assignment required: {application.assignment_required}",)


def coincidences(world: World) -> Iterator[str]:
    """Yield what only a few of the things above make together."""
    live, declared = world
    old_names = {
        user_key(old): one
        for one in declared.users
        for old in one.previous_names
        if user_key(old) in live.users
    }
    groups = {
        group_key(name): one for one in declared.groups for name in (one.name, *one.previous_names)
    }
    for key, members in live.members.items():
        entry = groups.get(key)
        if entry and entry.members is not None and members & old_names.keys():
            yield "a former member is renamed"
    for assigned in live.assignments.values():
        if any(one.kind is PrincipalKind.USER and one.name in old_names for one in assigned):
            yield "somebody assigned is renamed"
    for user in live.users.values():
        if user.manager and user_key(user.manager) in old_names:
            yield "a manager who is renamed"


EXPECTED = {
    *(f"{kind}: {mode}" for kind in ("users", "groups") for mode in ("declared", "authoritative")),
    *(f"{kind}: reference" for kind in ("users", "groups")),
    *(f"{kind}: {mode}" for kind in ("memberships", "assignments") for mode in ("off", "additive")),
    *(f"{kind}: authoritative" for kind in ("memberships", "assignments")),
    *(f"{kind} {presence}" for kind in ("user", "group") for presence in Presence),
    *(f"live {kind} is foreign" for kind in ("user", "group")),
    *(f"{when} listed" for when in ("for ever", "until now", "until later", "until earlier")),
    "from later listed",
    *("user is renamed", "user has a former name", "user is renamed, with a chain of names"),
    *("group is renamed", "group has a former name", "manager declared", "user in another case"),
    *("group in another case", "user attribute cleared", "group attribute cleared"),
    *("group without members", "group with members", "disabled user", "manager who is gone"),
    *("application managed", "application not managed", "application by name"),
    *("application by ARN", "ignored user", "ignored group", "orphaned user", "orphaned group"),
    *("assigned user", "assigned group", "assignment required: None"),
    *("assignment required: True", "assignment required: False"),
    *("somebody assigned is renamed", *RARE),
}


class TestShares:
    """Nothing that a world may have is so rare that no property would meet it."""

    def test_everything_is_in_a_fair_share_of_the_worlds(self) -> None:
        seen: Counter[str] = Counter()

        @settings(max_examples=WORLDS)
        @given(world=worlds())
        def look(world: World) -> None:
            seen.update({*features(world), "a world"})

        look()
        assert seen.keys() - {"a world"} == EXPECTED
        rare = {
            name: seen[name] / seen["a world"]
            for name in EXPECTED
            if seen[name] < RARE.get(name, SHARE) * seen["a world"]
        }
        assert rare == {}


class TestValidity:
    """Every declaration that is drawn is one that somebody might write, for the live state."""

    @given(world=worlds())
    def test_it_can_be_bound(self, world: World) -> None:
        live, declared = world
        resolve(declared, live, NOW)

    @given(world=worlds(), data=st.data())
    def test_what_it_may_be_changed_to_as_well(self, world: World, data: st.DataObject) -> None:
        live, old = world
        resolve(data.draw(edits(old, live)), live, NOW)

    @settings(max_examples=25)
    @given(world=worlds(), data=st.data())
    def test_the_loader_reads_it(self, world: World, data: st.DataObject) -> None:
        live, old = world
        for declared in (old, data.draw(edits(old, live))):
            found = declared_by(as_yaml(declared))
            assert without_places(found) == declared


ARNS = {
    one.arn: f"arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-{number:016}"
    for number, one in enumerate(APPLICATIONS)
}
"""ARNs as AWS makes them, for those of the small worlds."""


def without_places(declared: Declared) -> Declared:
    """Return *declared* as if it had not been read from files."""
    ours = {str(valid): ours for ours, valid in ARNS.items()}

    def nowhere(listed: Iterable[Listed]) -> tuple[Listed, ...]:
        return tuple(replace(one, position=HERE) for one in listed)

    return Declared(
        declared.settings,
        tuple(replace(one, position=HERE) for one in declared.users),
        tuple(
            replace(
                one, position=HERE, members=None if one.members is None else nowhere(one.members)
            )
            for one in declared.groups
        ),
        tuple(
            DeclaredApplication(
                replace(one.selector, arn=ours.get(str(one.selector.arn))),
                HERE,
                nowhere(one.users),
                nowhere(one.groups),
                one.managed,
            )
            for one in declared.applications
        ),
    )


def as_yaml(declared: Declared) -> dict[str, bytes]:
    """Return *declared* as files, by a way of our own."""
    terms = declared.settings
    instance = {
        "instance": {
            "name": terms.instance.name,
            "region": terms.instance.region,
            "account_id": terms.instance.account_id,
            "instance_arn": terms.instance.instance_arn,
            "identity_store_id": terms.instance.identity_store_id,
        },
        "manage": {
            "users": str(terms.users),
            "groups": str(terms.groups),
            "memberships": str(terms.memberships),
            "assignments": str(terms.assignments),
            "rename_users": terms.rename_users,
            "require_email": terms.require_email,
        },
        "ignore": {"users": list(terms.ignore.users), "groups": list(terms.ignore.groups)},
    }
    data = {
        "users": [user_as_yaml(one) for one in declared.users],
        "groups": [group_as_yaml(one) for one in declared.groups],
        "applications": [application_as_yaml(one) for one in declared.applications],
    }
    used = {key: value for key, value in data.items() if value}
    files = {"instance.yaml": instance, "users.yaml": used}
    # JSON is YAML in which every text is quoted.
    return {name: f"{json.dumps(one)}\n".encode() for name, one in files.items() if one}


def user_as_yaml(entry: DeclaredUser) -> dict[str, object]:
    user = entry.user
    found: dict[str, object] = {
        "user_name": user.user_name,
        "display_name": user.display_name,
        "title": user.title,
        "previous_user_names": list(entry.previous_names),
    }
    if user.given_name:
        found["name"] = {"given_name": user.given_name, "family_name": user.family_name}
    if user.email:
        found["email"] = user.email.value
    found["enterprise"] = present({"department": user.department, "manager": user.manager})
    return present(found) | dict.fromkeys(user.cleared) | state(entry)


def group_as_yaml(entry: DeclaredGroup) -> dict[str, object]:
    group = entry.group
    found: dict[str, object] = {
        "name": group.name,
        "description": group.description,
        "previous_names": list(entry.previous_names),
    }
    members = {} if entry.members is None else {"members": listed_as_yaml(entry.members, "user")}
    return present(found) | dict.fromkeys(group.cleared) | state(entry) | members


def application_as_yaml(entry: DeclaredApplication) -> dict[str, object]:
    arn = entry.selector.arn
    found: dict[str, object] = {"name": entry.selector.name, "arn": arn and ARNS[arn]}
    if entry.managed:
        found["assignments"] = {
            "users": listed_as_yaml(entry.users, "user"),
            "groups": listed_as_yaml(entry.groups, "group"),
        }
    return {key: value for key, value in found.items() if value is not None}


def listed_as_yaml(listed: Iterable[Listed], key: str) -> list[object]:
    return [
        one.name
        if one.expires is None and one.starts is None
        else {key: one.name} | dates_as_yaml(one)
        for one in listed
    ]


def dates_as_yaml(one: Listed) -> dict[str, str]:
    dates = {"starts": one.starts, "expires": one.expires}
    return {key: f"{when:%Y-%m-%dT%H:%M:%SZ}" for key, when in dates.items() if when is not None}


def state(entry: DeclaredUser | DeclaredGroup) -> dict[str, object]:
    return {} if entry.presence is Presence.PRESENT else {"state": str(entry.presence)}


def present(found: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in found.items() if value not in (None, [], {})}
