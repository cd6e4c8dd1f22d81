"""Rules of renames: what they do to names, against ids that stay, and back again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access import Impact
from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser, Settings
from identity_reconciler.core.plan import Plan, Rename
from identity_reconciler.core.renames import NO_RENAMES, Renames
from identity_reconciler.core.state import (
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from tests.strategies import HERE, INSTANCE, live_states

NEW_USERS = ("Zoe", "yann", "Émile", "XAVER", "walt", "Vera")
NEW_GROUPS = ("Zoologists", "yodlers", "xenia", "WEAVERS")


FEWER = settings(max_examples=25)
"""For rules that any few worlds would show to be broken."""


@st.composite
def cases(draw: st.DrawFn) -> tuple[State, tuple[Rename, ...]]:
    """Draw a state, and renames of some of its users and groups: to new names, or in case only.

    As in a plan, users to be renamed have managers by the names that these will have.
    """
    live = draw(live_states())
    names = _new_names(draw, [one.user_name for one in live.users.values()], NEW_USERS)
    group_names = _new_names(draw, [one.name for one in live.groups.values()], NEW_GROUPS)
    renames: list[Rename] = []
    for user in live.users.values():
        if user.user_name in names:
            manager = user.manager and UserName(names.get(user.manager, user.manager))
            before = replace(user, manager=manager)
            after = replace(before, user_name=UserName(names[user.user_name]))
            renames.append(Rename(before, after))
    renames.extend(
        Rename(group, replace(group, name=GroupName(group_names[group.name])))
        for group in live.groups.values()
        if group.name in group_names
    )
    return live, tuple(draw(st.permutations(renames)))


def _new_names(draw: st.DrawFn, names: Sequence[str], new: tuple[str, ...]) -> dict[str, str]:
    """Draw for some of *names* one of *new*, or the name itself with its case flipped."""
    free = iter(draw(st.permutations(new)))
    return {
        name: name.swapcase() if draw(st.booleans()) else next(free)
        for name in names
        if draw(st.booleans())
    }


def renames_of(changes: tuple[Rename, ...]) -> Renames:
    return Renames.in_plan(Plan(changes))


@dataclass
class Directory:
    """Users and groups with ids, as AWS has them: a rename touches one name and nothing else."""

    names: dict[str, str]
    """By id, which begins with the kind."""
    managers: dict[str, str]
    """The ids of managers; of one who is gone, what is left of it."""
    members: dict[str, set[str]]
    assigned: dict[str, set[str]]

    @classmethod
    def of(cls, state: State) -> Directory:
        users = {str(key): f"user-{n}" for n, key in enumerate(sorted(state.users))}
        groups = {str(key): f"group-{n}" for n, key in enumerate(sorted(state.groups))}
        names: dict[str, str] = {users[key]: one.user_name for key, one in state.users.items()}
        names |= {groups[key]: group.name for key, group in state.groups.items()}
        ids = {PrincipalKind.USER: users, PrincipalKind.GROUP: groups}
        return cls(
            dict(names),
            {
                users[key]: users.get(user_key(user.manager), user.manager)
                for key, user in state.users.items()
                if user.manager
            },
            {groups[key]: {users[user] for user in some} for key, some in state.members.items()},
            {
                arn: {one.name if one.orphan else ids[one.kind][one.name] for one in some}
                for arn, some in state.assignments.items()
            },
        )

    def rename(self, change: Rename) -> None:
        kind = "user" if isinstance(change.before, User) else "group"
        name = _name(change.before)
        (found,) = (i for i, old in self.names.items() if old == name and i.startswith(kind))
        self.names[found] = _name(change.after)

    def told(self) -> object:
        """Return all of it by names."""
        return (
            {(key.split("-")[0], name) for key, name in self.names.items()},
            {
                (self.names[user], self.names.get(manager, manager))
                for user, manager in self.managers.items()
            },
            {
                (_folded(self.names[group]), frozenset(_folded(self.names[one]) for one in some))
                for group, some in self.members.items()
            },
            {
                arn: {
                    (one[:4], _folded(self.names[one])) if one in self.names else ("gone", one)
                    for one in some
                }
                for arn, some in self.assigned.items()
            },
        )


def _name(resource: User | Group) -> str:
    return resource.user_name if isinstance(resource, User) else resource.name


def _folded(name: str) -> str:
    return name.casefold()


def told(state: State) -> object:
    """Return *state* as `Directory.told` does."""
    users = {("user", user.user_name) for user in state.users.values()}
    return (
        users | {("group", group.name) for group in state.groups.values()},
        {(user.user_name, user.manager) for user in state.users.values() if user.manager},
        {(_folded(group), frozenset(map(_folded, some))) for group, some in state.members.items()},
        {
            arn: {("gone" if one.orphan else str(one.kind)[:4], _folded(one.name)) for one in some}
            for arn, some in state.assignments.items()
        },
    )


class TestForwards:
    """Renamed, everything that pointed at somebody still does, by the new name."""

    @given(case=cases())
    def test_is_what_the_renames_do_one_by_one(
        self, case: tuple[State, tuple[Rename, ...]]
    ) -> None:
        live, changes = case
        directory = Directory.of(live)
        for change in changes:
            directory.rename(change)
        assert told(Impact.of(Plan(changes), live).after) == directory.told()

    @given(case=cases())
    def test_files_users_and_groups_as_they_are(
        self, case: tuple[State, tuple[Rename, ...]]
    ) -> None:
        live, changes = case
        filed, after = renames_of(changes).state(live), Impact.of(Plan(changes), live).after
        assert filed.users.keys() == after.users.keys()
        assert filed.groups.keys() == after.groups.keys()
        assert (filed.members, filed.assignments) == (after.members, after.assignments)
        assert set(map(_name, filed.users.values())) == set(map(_name, live.users.values()))
        assert set(map(id, filed.groups.values())) == set(map(id, live.groups.values()))
        for key, user in filed.users.items():
            assert user.manager == after.users[key].manager or user.manager is None

    @FEWER
    @given(case=cases())
    def test_of_a_link_agrees_with_that_of_the_state(
        self, case: tuple[State, tuple[Rename, ...]]
    ) -> None:
        live, changes = case
        renames, after = renames_of(changes), Impact.of(Plan(changes), live).after
        for group, members in live.members.items():
            new = {renames.membership(live.membership(group, user)) for user in members}
            key = renames.group(group)
            assert new == {after.membership(key, user) for user in after.members[key]}
        for arn, principals in live.assignments.items():
            links = {_spelled(renames.assignment(live.assignment(arn, one))) for one in principals}
            kept = {_spelled(after.assignment(arn, one)) for one in after.assignments[arn]}
            assert links == kept


def _spelled(link: Assignment) -> tuple[Principal, str]:
    return link.principal, link.principal_name


class TestBackwards:
    """Renamed and renamed back, nothing has changed."""

    @given(case=cases())
    def test_a_state_is_itself_again(self, case: tuple[State, tuple[Rename, ...]]) -> None:
        live, changes = case
        renames = renames_of(changes)
        assert renames.reversed().state(renames.state(_as_spelled(live))) == _as_spelled(live)
        assert renames.reversed().reversed() == renames

    @FEWER
    @given(case=cases())
    def test_a_link_is_itself_again(self, case: tuple[State, tuple[Rename, ...]]) -> None:
        live, changes = case
        renames = renames_of(changes)
        back = renames.reversed()
        for group, members in live.members.items():
            for user in members:
                link = live.membership(group, user)
                assert back.membership(renames.membership(link)) == link
                assert back.link(renames.link(link)) == link
        for arn, principals in live.assignments.items():
            for one in principals:
                link_to = live.assignment(arn, one)
                again = back.assignment(renames.assignment(link_to))
                assert _spelled(again) == _spelled(link_to)
                assert back.principal(renames.principal(one)) == one


def _as_spelled(live: State) -> State:
    """Return *live* with managers as they spell themselves, which is all that AWS can tell."""
    return replace(
        live,
        users={
            key: replace(user, manager=live.user_name(user_key(user.manager)))
            if user.manager
            else user
            for key, user in live.users.items()
        },
    )


class TestNobody:
    """Without renames everything stays, and is not even copied."""

    @FEWER
    @given(live=live_states())
    def test_is_the_same_object(self, live: State) -> None:
        assert NO_RENAMES.state(live) is live
        for members in live.members.values():
            assert NO_RENAMES.members(members) is members
        assert not NO_RENAMES
        assert Renames.in_plan(Plan()) == NO_RENAMES


class TestCase:
    """Names are told apart whatever their case is."""

    def test_flipped_leads_to_the_same_links_newly_spelled(self) -> None:
        bob, ops = User(UserName("Bob")), Group(GroupName("ops"))
        renames = Renames.of(
            ((bob, User(UserName("BOB"))), (ops, Group(GroupName("Ops")))),
        )
        assert renames.user(user_key("bob")) == "bob"
        assert renames.group(group_key("ops")) == "ops"
        of_ops = Principal(PrincipalKind.GROUP, "ops")
        assert renames.principal(of_ops) == of_ops
        link = renames.membership(Membership(ops.name, bob.user_name))
        assert link == Membership(GroupName("Ops"), UserName("BOB"))
        assert renames.managed(User(UserName("ana"), manager=bob.user_name)).manager == "BOB"

    def test_a_new_name_that_is_live_in_another_spelling_is_no_rename(self) -> None:
        bob, ops = User(UserName("bob")), Group(GroupName("ops"))
        rob, dev = User(UserName("rob")), Group(GroupName("dev"))
        live = State(
            users={user_key(one.user_name): one for one in (bob, rob)},
            groups={group_key(one.name): one for one in (ops, dev)},
        )
        users = (DeclaredUser(User(UserName("Rob")), HERE, previous_names=("Bob",)),)
        groups = (DeclaredGroup(Group(GroupName("Dev")), HERE, previous_names=("Ops",)),)
        declared = Declared(Settings(INSTANCE), users, groups)
        assert Renames.to_be(declared, live) == NO_RENAMES
        without = State(users={user_key("bob"): bob}, groups={group_key("ops"): ops})
        assert Renames.to_be(declared, without) == Renames.of(
            ((bob, users[0].user), (ops, groups[0].group))
        )

    def test_a_user_cannot_become_a_group(self) -> None:
        with pytest.raises(TypeError, match="a user cannot become a group"):
            Renames.of(((User(UserName("bob")), Group(GroupName("bob"))),))
