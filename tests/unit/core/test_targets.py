"""What a change of the YAML touches, entry by entry, and what is left of a declaration then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
)
from identity_reconciler.core.targets import Targets, restricted, touched
from identity_reconciler.errors import Position
from tests.strategies import HERE, INSTANCE, NOW

WIKI = ApplicationSelector(name="Wiki")
PAYROLL = ApplicationSelector(name="Payroll")
OFF = Settings(INSTANCE, memberships=ManageLinks.OFF, assignments=ManageLinks.OFF)


def user(name: str, title: str | None = None, *previous: str) -> DeclaredUser:
    return DeclaredUser(User(UserName(name), title=title), HERE, previous_names=previous)


def group(name: str, *members: str, about: str | None = None) -> DeclaredGroup:
    return DeclaredGroup(Group(GroupName(name), about), HERE, members=listed(*members))


def listed(*names: str) -> tuple[Listed, ...]:
    return tuple(Listed(name, HERE) for name in names)


def wiki(*, users: tuple[Listed, ...] = (), groups: tuple[Listed, ...] = ()) -> DeclaredApplication:
    return DeclaredApplication(WIKI, HERE, users, groups)


def says(
    *entries: DeclaredUser | DeclaredGroup | DeclaredApplication, settings: Settings | None = None
) -> Declared:
    return Declared(
        settings or Settings(INSTANCE),
        tuple(one for one in entries if isinstance(one, DeclaredUser)),
        tuple(one for one in entries if isinstance(one, DeclaredGroup)),
        tuple(one for one in entries if isinstance(one, DeclaredApplication)),
    )


def users(*names: str) -> Targets:
    return Targets(users=frozenset(map(UserKey, names)))


def groups(*names: str) -> Targets:
    return Targets(groups=frozenset(map(GroupKey, names)))


def members(name: str, *users: str) -> Targets:
    return Targets(memberships=frozenset((GroupKey(name), UserKey(one)) for one in users))


def of_user(name: str) -> Principal:
    return Principal(PrincipalKind.USER, name)


def of_group(name: str) -> Principal:
    return Principal(PrincipalKind.GROUP, name)


def assigned(*principals: Principal) -> Targets:
    return Targets(assignments=frozenset((WIKI, one) for one in principals))


NOTHING = says()
UNMANAGED = replace(group("Ops"), members=None)
SOON = Listed("ana", HERE, NOW + timedelta(days=1))
LATER = Listed("ana", HERE, starts=NOW + timedelta(days=1))


class TestObjects:
    """An object is touched when its own entry says something else, comes or goes."""

    @pytest.mark.parametrize(
        ("old", "new", "targets"),
        [
            (NOTHING, says(user("Ana")), users("ana")),
            (says(user("Ana")), NOTHING, users("ana")),
            (says(user("Ana")), says(user("Ana", "Boss")), users("ana")),
            (says(user("Ana")), says(user("Ana", None, "anna")), users("ana")),
            (says(user("Ana")), says(replace(user("Ana"), presence=Presence.ABSENT)), users("ana")),
            (says(user("Ana"), user("Bob")), says(user("Ana"), user("Bob", "x")), users("bob")),
            (NOTHING, says(UNMANAGED), groups("ops")),
            (says(UNMANAGED), NOTHING, groups("ops")),
            (says(group("Ops")), says(group("Ops", about="x")), groups("ops")),
            (
                says(UNMANAGED),
                says(replace(UNMANAGED, previous_names=("devops",))),
                groups("ops"),
            ),
            (
                says(UNMANAGED),
                says(replace(UNMANAGED, presence=Presence.ABSENT)),
                groups("ops"),
            ),
            (
                says(user("Ana")),
                says(replace(user("Ana"), position=Position("b", 2, 3))),
                Targets(),
            ),
        ],
    )
    def test_touched(self, old: Declared, new: Declared, targets: Targets) -> None:
        assert touched(old, new) == targets


class TestMembers:
    """A membership is touched when the list of its group differs in it."""

    @pytest.mark.parametrize(
        ("old", "new", "targets"),
        [
            (group("Ops", "Ana"), group("Ops", "Ana", "Bob"), members("ops", "bob")),
            (group("Ops", "Ana", "Bob"), group("Ops", "Ana"), members("ops", "bob")),
            (group("Ops", "Ana"), group("Ops", "Bob"), members("ops", "ana", "bob")),
            (group("Ops", "ana"), replace(group("Ops"), members=(SOON,)), members("ops", "ana")),
            (group("Ops", "ana"), replace(group("Ops"), members=(LATER,)), members("ops", "ana")),
            (group("Ops", "Ana"), group("OPS", "ANA"), groups("ops")),
            (group("Ops", "Ana"), UNMANAGED, Targets()),
            (UNMANAGED, group("Ops", "Ana"), Targets(member_lists=frozenset({GroupKey("ops")}))),
            (
                replace(group("Ops"), presence=Presence.EXTERNAL),
                group("Ops", "Ana"),
                Targets(
                    groups=frozenset({GroupKey("ops")}), member_lists=frozenset({GroupKey("ops")})
                ),
            ),
            (
                group("Ops", "Ana"),
                replace(group("Ops"), presence=Presence.ABSENT),
                groups("ops"),
            ),
        ],
    )
    def test_touched(self, old: DeclaredGroup, new: DeclaredGroup, targets: Targets) -> None:
        assert touched(says(old), says(new)) == targets

    def test_of_a_new_group_the_whole_list(self) -> None:
        ops = frozenset({GroupKey("ops")})
        assert touched(NOTHING, says(group("Ops"))) == Targets(groups=ops, member_lists=ops)

    def test_of_several_groups(self) -> None:
        old = says(group("A", "ana"), UNMANAGED, group("B", "ana"))
        new = says(group("A"), UNMANAGED, group("B", "ana", "bob"))
        edges = {(GroupKey("a"), UserKey("ana")), (GroupKey("b"), UserKey("bob"))}
        assert touched(old, new) == Targets(memberships=frozenset(edges))

    def test_a_renamed_group_is_compared_with_what_it_was(self) -> None:
        new = replace(group("Devops", "ana", "bob"), previous_names=("Ops",))
        found = touched(says(group("Ops", "ana")), says(new))
        assert found.memberships == {("devops", "bob")}
        assert found.member_lists == frozenset()

    def test_not_where_none_are_managed(self) -> None:
        old, new = says(group("Ops"), settings=OFF), says(group("Ops", "ana"), settings=OFF)
        assert touched(old, new) == Targets()


class TestAssignments:
    """An assignment is touched when the list of its application differs in it."""

    @pytest.mark.parametrize(
        ("old", "new", "targets"),
        [
            (wiki(), wiki(users=listed("Ana")), assigned(of_user("ana"))),
            (wiki(), wiki(groups=listed("Ana")), assigned(of_group("ana"))),
            (wiki(users=listed("Ana")), wiki(groups=listed("Ops")), None),
            (wiki(users=listed("ana")), wiki(users=(SOON,)), assigned(of_user("ana"))),
            (wiki(groups=listed("ana")), wiki(groups=(SOON,)), assigned(of_group("ana"))),
            (wiki(users=listed("ana")), wiki(users=listed("ANA")), Targets()),
            (wiki(users=listed("ana")), replace(wiki(), managed=False), Targets()),
            (
                replace(wiki(), managed=False),
                wiki(users=listed("ana")),
                Targets(assignment_lists=frozenset({WIKI})),
            ),
        ],
    )
    def test_touched(
        self, old: DeclaredApplication, new: DeclaredApplication, targets: Targets | None
    ) -> None:
        expected = targets or assigned(of_user("ana"), of_group("ops"))
        assert touched(says(old), says(new)) == (Targets() if targets == Targets() else expected)

    def test_of_a_new_entry_the_whole_list(self) -> None:
        assert touched(NOTHING, says(wiki())) == Targets(assignment_lists=frozenset({WIKI}))

    @pytest.mark.parametrize("before", [None, False, True])
    @pytest.mark.parametrize("after", [None, False, True])
    def test_whether_an_assignment_is_required(
        self,
        before: bool | None,  # noqa: FBT001 - a parameter of the test
        after: bool | None,  # noqa: FBT001
    ) -> None:
        old, new = (replace(wiki(), assignment_required=one) for one in (before, after))
        targets = touched(says(old), says(new))
        is_new = after is not None and after is not before
        assert targets == Targets(required=frozenset({WIKI} if is_new else ()))
        assert len(targets) == is_new
        checked = restricted(says(new), targets, State()).applications
        assert checked == ((replace(new, managed=False),) if is_new else ())
        assert touched(says(old, settings=OFF), says(new, settings=OFF)) == Targets()

    def test_an_unmanaged_entry_hides_no_other(self) -> None:
        unmanaged = DeclaredApplication(PAYROLL, HERE, managed=False)
        new = says(unmanaged, wiki(users=listed("ana")))
        assert touched(says(unmanaged, wiki()), new) == assigned(of_user("ana"))

    def test_not_where_none_are_managed(self) -> None:
        old, new = says(wiki(), settings=OFF), says(wiki(users=listed("a")), settings=OFF)
        assert touched(old, new) == Targets()


class TestNumber:
    """Every touched resource counts as one, a whole list too."""

    def test_of_each_kind(self) -> None:
        each = Targets(
            users=frozenset(map(UserKey, "a")),
            groups=frozenset(map(GroupKey, "ab")),
            memberships=frozenset((GroupKey(one), UserKey("a")) for one in "abcd"),
            member_lists=frozenset(map(GroupKey, "abcdefgh")),
            assignments=frozenset((WIKI, of_user(str(n))) for n in range(16)),
            assignment_lists=frozenset(ApplicationSelector(str(n)) for n in range(32)),
        )
        assert len(each) == 63
        assert len(Targets()) == 0


LIVE = State(
    users={UserKey(name): User(UserName(name.title())) for name in ("ana", "bob", "old")},
    groups={GroupKey(name): Group(GroupName(name.title()), "live") for name in ("ops", "was")},
)


def external_users(declared: Declared) -> set[str]:
    return {one.name for one in declared.users if one.presence is Presence.EXTERNAL}


def external_groups(declared: Declared) -> set[str]:
    return {one.name for one in declared.groups if one.presence is Presence.EXTERNAL}


class TestRestricted:
    """Targets stand as declared, what else is live is only referred to, and the rest is gone."""

    def test_without_targets_everything_live_is_referred_to(self) -> None:
        declared = says(user("Ana", "Boss"), user("Eve"), group("Ops", "ana"), wiki())
        found = restricted(declared, Targets(), LIVE)
        assert external_users(found) == {"Ana", "Bob", "Old"}
        assert external_groups(found) == {"Ops", "Was"}
        assert (len(found.users), len(found.groups), found.applications) == (3, 2, ())

    def test_a_touched_user_stands_as_declared(self) -> None:
        ana, bob = user("ANA", "Boss"), user("bob", "Clerk")
        found = restricted(says(ana, bob), users("ana"), LIVE)
        assert found.users[0] == ana
        assert bob not in found.users
        assert external_users(found) == {"Bob", "Old"}

    def test_a_user_who_is_renamed_is_not_referred_to_under_the_old_name(self) -> None:
        new, untouched = user("new", None, "OLD"), user("carla", None, "Bob")
        found = restricted(says(untouched, new), users("new"), LIVE)
        assert found.users[0] == new
        assert external_users(found) == {"Ana", "Bob"}

    def test_a_touched_group_keeps_none_of_its_list(self) -> None:
        """What of the list is touched is told apart."""
        found = restricted(says(group("OPS", "ana")), groups("ops"), LIVE)
        assert found.groups[0] == replace(group("OPS"), members=None)
        assert external_groups(found) == {"Was"}

    def test_a_group_that_is_renamed_is_not_referred_to_under_the_old_name(self) -> None:
        new = replace(group("New"), members=None, previous_names=("WAS",))
        untouched = replace(group("Newer"), previous_names=("Ops",))
        found = restricted(says(untouched, new), groups("new"), LIVE)
        assert found.groups[0] == new
        assert external_groups(found) == {"Ops"}

    def test_of_a_list_only_what_is_touched(self) -> None:
        declared = says(group("Was", "Ana"), group("OPS", "Ana", "Bob", about="declared"))
        targets = replace(members("ops", "bob"), groups=frozenset({GroupKey("was")}))
        was, ops = restricted(declared, targets, LIVE).groups
        assert was == replace(group("Was"), members=None)
        assert ops == DeclaredGroup(Group(GroupName("OPS")), HERE, members=listed("Bob"))

    def test_a_member_is_only_touched_in_that_group(self) -> None:
        declared = says(group("Was", "Ana", "Bob"), group("Ops", "Ana", "Bob"))
        targets = Targets(
            memberships=frozenset(
                {(GroupKey("was"), UserKey("ana")), (GroupKey("ops"), UserKey("bob"))}
            )
        )
        was, ops = restricted(declared, targets, LIVE).groups
        assert (was.members, ops.members) == (listed("Ana"), listed("Bob"))

    def test_who_is_no_longer_listed_leaves_an_empty_list(self) -> None:
        found = restricted(says(group("Ops", "Ana")), members("ops", "bob"), LIVE)
        assert found.groups[0].members == ()

    def test_a_group_without_a_list_gets_none(self) -> None:
        found = restricted(says(UNMANAGED), members("ops", "bob"), LIVE)
        assert found.groups[0].members is None

    def test_a_whole_list(self) -> None:
        targets = Targets(member_lists=frozenset({GroupKey("ops")}))
        found = restricted(says(group("OPS", "Ana", "Bob")), targets, LIVE)
        assert found.groups[0].members == listed("Ana", "Bob")
        assert external_groups(found) == {"Was"}

    def test_of_assignments_only_what_is_touched(self) -> None:
        entry = wiki(users=listed("Ana", "Bob"), groups=listed("Ana", "Ops"))
        other = DeclaredApplication(PAYROLL, HERE, listed("Ana"))
        targets = assigned(of_user("ana"), of_group("ops"))
        found = restricted(says(other, entry), targets, LIVE)
        assert found.applications == (wiki(users=listed("Ana"), groups=listed("Ops")),)

    def test_a_whole_list_of_assignments(self) -> None:
        entry = wiki(users=listed("Ana"), groups=listed("Ops"))
        other = DeclaredApplication(PAYROLL, HERE, listed("Ana"))
        targets = Targets(assignment_lists=frozenset({WIKI}))
        assert restricted(says(other, entry), targets, LIVE).applications == (entry,)
