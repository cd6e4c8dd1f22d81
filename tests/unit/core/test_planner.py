"""What the planner does with one object, attribute by attribute."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from identity_reconciler.core.plan import Create, Delete, Plan, Reason, Rename, Update
from identity_reconciler.core.planner import build_plan, settled
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    GroupName,
    Membership,
    Photo,
    PostalAddress,
    Principal,
    PrincipalKind,
    Resource,
    Role,
    State,
    User,
    UserKey,
    UserName,
    address,
    user_key,
)

ANA = User(UserName("ana"), given_name="Ana", title="Engineer", email=Email("a@example.com"))


def of_users(*users: User) -> State:
    return State(users={user_key(user.user_name): user for user in users})


def updated(declared: User, live: User) -> User | None:
    """Return what the planner makes of *live*, or None when nothing is to change."""
    changes = build_plan(of_users(declared), of_users(live)).changes
    if not changes:
        return None
    (change,) = changes
    assert isinstance(change, Update)
    assert change.before == live
    assert isinstance(change.after, User)
    return change.after


class TestAttributes:
    """Only what differs, and only what is declared, is changed."""

    def test_an_undeclared_attribute_stays(self) -> None:
        assert updated(User(UserName("ana"), given_name="Ana"), ANA) is None

    def test_a_declared_one_is_set(self) -> None:
        assert updated(User(UserName("ana"), title="Boss"), ANA) == replace(ANA, title="Boss")

    def test_a_cleared_one_is_removed(self) -> None:
        declared = User(UserName("ana"), cleared=frozenset({"title"}))
        assert updated(declared, ANA) == replace(ANA, title=None)

    def test_clearing_what_has_no_value_is_nothing(self) -> None:
        assert updated(User(UserName("ana"), cleared=frozenset({"website"})), ANA) is None

    def test_the_live_spelling_of_the_name_stays(self) -> None:
        assert updated(replace(ANA, user_name=UserName("ANA")), ANA) is None

    def test_the_spelling_of_a_manager_is_no_change(self) -> None:
        live = replace(ANA, manager=UserName("Boss"))
        assert updated(replace(ANA, manager=UserName("bOSS")), live) is None

    def test_undeclared_parts_of_an_attribute_stay(self) -> None:
        live = replace(ANA, email=Email("a@example.com", "work", primary=True))
        assert updated(ANA, live) is None
        changed = updated(replace(ANA, email=Email("b@example.com")), live)
        assert changed == replace(ANA, email=Email("b@example.com", "work", primary=True))

    def test_a_part_that_differs_is_set(self) -> None:
        live = replace(ANA, address=PostalAddress(country="DE", locality="Berlin"))
        declared = replace(ANA, address=PostalAddress(locality="Bonn"))
        assert updated(declared, live) == replace(
            ANA, address=PostalAddress(country="DE", locality="Bonn")
        )

    def test_photos_are_compared_as_a_list(self) -> None:
        live = replace(ANA, photos=(Photo("a", primary=True),))
        assert updated(replace(ANA, photos=(Photo("a"),)), live) is None
        two = (Photo("a"), Photo("b"))
        assert updated(replace(ANA, photos=two), live) == replace(ANA, photos=two)

    def test_an_attribute_that_has_no_value_yet_is_set(self) -> None:
        role = Role("lead")
        assert updated(replace(ANA, role=role), ANA) == replace(ANA, role=role)

    def test_a_created_user_clears_nothing(self) -> None:
        declared = replace(ANA, cleared=frozenset({"website"}))
        assert build_plan(of_users(declared), State()).changes == (Create(ANA),)

    def test_a_created_user_has_a_display_name(self) -> None:
        new = replace(ANA, family_name="Lee")
        (change,) = build_plan(of_users(new), State()).changes
        assert change == Create(replace(new, display_name="Ana Lee"))

    def test_a_display_name_that_is_not_declared_stays(self) -> None:
        declared = replace(ANA, family_name="Lee")
        for live in (replace(declared, display_name="Annie"), declared):
            assert updated(declared, live) is None
            renamed = updated(replace(declared, family_name="Day"), live)
            assert renamed == replace(live, family_name="Day")

    def test_a_display_name_of_both_names_follows_them(self) -> None:
        live = replace(ANA, family_name="Lee", display_name="Ana Lee")
        assert updated(replace(ANA, family_name="Day"), live) == replace(
            live, family_name="Day", display_name="Ana Day"
        )
        alone = replace(ANA, family_name="Day", display_name="Ana Lee")
        assert updated(alone, live) == replace(live, family_name="Day")
        cleared = User(UserName("ana"), family_name="Day", cleared=frozenset({"display_name"}))
        assert updated(cleared, live) == replace(live, family_name="Day", display_name=None)

    def test_names_alone_make_no_display_name(self) -> None:
        declared = User(UserName("ana"), given_name="Ana", family_name="Lee")
        assert updated(declared, User(UserName("ana"))) == declared

    def test_what_aws_reports_besides_is_no_difference(self) -> None:
        assert updated(ANA, replace(ANA, website="https://example.com")) is None

    def test_of_a_group(self) -> None:
        live = Group(GroupName("Admins"), "Old")
        key = GroupKey("admins")
        for declared, after in (
            (Group(GroupName("ADMINS")), None),
            (Group(GroupName("admins"), "New"), Group(GroupName("Admins"), "New")),
            (
                Group(GroupName("admins"), cleared=frozenset({"description"})),
                Group(GroupName("Admins")),
            ),
        ):
            plan = build_plan(State(groups={key: declared}), State(groups={key: live}))
            assert plan.changes == (() if after is None else (Update(live, after),))


class TestRenames:
    """A live object filed under another key than its name's is renamed to what is declared."""

    def test_keeps_what_is_not_declared(self) -> None:
        declared = User(UserName("anna"), title="Boss")
        plan = build_plan(of_users(declared), State(users={UserKey("anna"): ANA}))
        assert plan.changes == (
            Rename(ANA, replace(ANA, user_name=UserName("anna"), title="Boss")),
        )

    def test_links_are_removed_under_the_old_name_and_made_under_the_new(self) -> None:
        group = GroupKey("new")
        live = State(
            users={UserKey("ana"): ANA},
            groups={group: Group(GroupName("Old"))},
            members={group: frozenset({UserKey("ana")})},
        )
        bob = User(UserName("Bob"))
        desired = State(
            users={UserKey("ana"): ANA, UserKey("bob"): bob},
            groups={group: Group(GroupName("New"))},
            members={group: frozenset({UserKey("bob")})},
        )
        assert [address(_subject(change)) for change in build_plan(desired, live).changes] == [
            "membership/Old/ana",
            "group/New",
            "user/Bob",
            "membership/New/Bob",
        ]


def _subject(change: Create | Update | Rename | Delete) -> Resource:
    return change.before if isinstance(change, Delete) else change.after


class TestManagers:
    """A manager is created before the people managed, however the names sort."""

    def test_order(self) -> None:
        chain = [
            User(UserName("a"), manager=UserName("M")),
            User(UserName("m"), manager=UserName("z")),
            User(UserName("z")),
            User(UserName("b"), manager=UserName("live")),
        ]
        live = User(UserName("live"))
        plan = build_plan(of_users(*chain, live), of_users(live))
        assert [change.key[1] for change in plan.changes] == ["b", "z", "m", "a"]

    def test_who_is_renamed_comes_before_the_people_managed_who_are_renamed(self) -> None:
        """What AWS then has is what their own rename starts from."""
        boss, clerk = User(UserName("boss")), User(UserName("clerk"), manager=UserName("zoe"))
        live = State(users={UserKey("zoe"): boss, UserKey("ann"): clerk})
        desired = of_users(User(UserName("zoe")), User(UserName("ann"), manager=UserName("zoe")))
        assert [change.key[1] for change in build_plan(desired, live).changes] == ["zoe", "ann"]

    def test_who_is_renamed_and_gets_a_new_manager_comes_after_that_one(self) -> None:
        live = State(users={UserKey("zoe"): User(UserName("boss"))})
        desired = of_users(
            User(UserName("new")),
            User(UserName("zoe"), manager=UserName("new")),
        )
        assert [change.key[1] for change in build_plan(desired, live).changes] == ["new", "zoe"]

    def test_managers_in_a_circle_have_an_order_all_the_same(self) -> None:
        one, two = (User(UserName(a), manager=UserName(b)) for a, b in ("ab", "ba"))
        assert len(build_plan(of_users(one, two), State()).changes) == 2

    def test_a_long_line_of_managers(self) -> None:
        names = [f"{number:05}" for number in range(5_000)]
        line = [User(UserName(name), manager=UserName(above)) for name, above in pairwise(names)]
        plan = build_plan(of_users(*line, User(UserName(names[-1]))), State())
        assert [change.key[1] for change in plan.changes] == names[::-1]


class TestCascades:
    """Memberships of a deleted group go with it; who is deleted leaves each group before."""

    @pytest.fixture
    def live(self) -> State:
        one, two = GroupKey("one"), GroupKey("two")
        return State(
            users={UserKey("ana"): ANA},
            groups={one: Group(GroupName("One")), two: Group(GroupName("Two"))},
            members={key: frozenset({UserKey("ana")}) for key in (one, two)},
        )

    def test_a_user_leaves_by_changes_of_their_own(self, live: State) -> None:
        desired = replace(live, users={}, members={})
        assert build_plan(desired, live).changes == (
            Delete(Membership(GroupName("One"), UserName("ana")), Reason.PRINCIPAL_DELETED),
            Delete(Membership(GroupName("Two"), UserName("ana")), Reason.PRINCIPAL_DELETED),
            Delete(ANA, Reason.UNDECLARED),
        )

    def test_of_what_is_not_to_be_touched_they_vanish_with_the_user(self, live: State) -> None:
        desired = replace(live, users={}, members={})
        plan = build_plan(desired, live, untouched={GroupKey("two")})
        assert plan.changes == (
            Delete(Membership(GroupName("One"), UserName("ana")), Reason.PRINCIPAL_DELETED),
            Delete(ANA, Reason.UNDECLARED, (Membership(GroupName("Two"), UserName("ana")),)),
        )

    def test_with_a_group_in_the_order_of_their_keys(self, live: State) -> None:
        names = [f"U{n}" for n in range(9, -1, -1)]
        users = {UserKey(name.lower()): User(UserName(name)) for name in names}
        one = GroupKey("one")
        live = replace(live, users=users, members={one: frozenset(users)})
        desired = replace(live, groups={GroupKey("two"): live.groups[GroupKey("two")]}, members={})
        (change,) = build_plan(desired, live).changes
        assert isinstance(change, Delete)
        assert [link.user for link in change.cascaded] == sorted(names)

    def test_with_both_who_leaves_does_so_first(self, live: State) -> None:
        one = GroupKey("one")
        desired = replace(live, users={}, groups={GroupKey("two"): live.groups[GroupKey("two")]})
        plan: Plan = build_plan(replace(desired, members={}), live)
        assert plan.changes == (
            Delete(Membership(GroupName("One"), UserName("ana")), Reason.PRINCIPAL_DELETED),
            Delete(Membership(GroupName("Two"), UserName("ana")), Reason.PRINCIPAL_DELETED),
            Delete(live.groups[one], Reason.UNDECLARED),
            Delete(ANA, Reason.UNDECLARED),
        )


WIKI, PAYROLL = (Application(ApplicationArn(f"arn:{n}"), n.title()) for n in ("wiki", "payroll"))


def of_user(name: str) -> Principal:
    return Principal(PrincipalKind.USER, name)


def of_group(name: str) -> Principal:
    return Principal(PrincipalKind.GROUP, name)


def world(members: str, assigned: frozenset[Principal] = frozenset()) -> State:
    """Return Ana, Bob and Ops with these members, and these principals of the Wiki."""
    names = ("Ana", "Bob")
    return State(
        users={user_key(name): User(UserName(name)) for name in names},
        groups={GroupKey("ops"): Group(GroupName("Ops"))},
        members={GroupKey("ops"): frozenset(map(UserKey, members.split()))},
        applications={WIKI.arn: WIKI, PAYROLL.arn: PAYROLL},
        assignments={WIKI.arn: assigned, PAYROLL.arn: frozenset({of_user("ana")})},
    )


class TestLinks:
    """Links that differ are made and removed, named as people spell them."""

    def test_memberships(self) -> None:
        assert build_plan(world("bob"), world("ana")).changes == (
            Delete(Membership(GroupName("Ops"), UserName("Ana")), Reason.UNLISTED),
            Create(Membership(GroupName("Ops"), UserName("Bob"))),
        )
        assert build_plan(world("ana"), world("ana")) == Plan()

    def test_where_nothing_is_live_all_is_made(self) -> None:
        live = replace(world(""), members={}, assignments={})
        assert [change.key for change in build_plan(world("ana"), live).changes] == [
            ("membership", "ops", "ana"),
            ("assignment", PAYROLL.arn, "user", "ana"),
        ]

    def test_of_a_new_group(self) -> None:
        live = replace(world(""), groups={}, members={})
        assert [change.key for change in build_plan(world("ana"), live).changes] == [
            ("group", "ops"),
            ("membership", "ops", "ana"),
        ]

    def test_where_no_list_is_desired_what_is_managed_live_goes(self) -> None:
        desired = replace(world(""), members={}, assignments={})
        live = world("ana", frozenset({of_group("ops")}))
        assert [change.key for change in build_plan(desired, live).changes] == [
            ("assignment", PAYROLL.arn, "user", "ana"),
            ("assignment", WIKI.arn, "group", "ops"),
            ("membership", "ops", "ana"),
        ]

    def test_assignments(self) -> None:
        desired = world("", frozenset({of_user("bob"), of_group("ops")}))
        live = world("", frozenset({of_user("ana"), of_group("ops")}))
        plan = build_plan(desired, live)
        before, after = (change for change in plan.changes)
        assert isinstance(before, Delete)
        assert isinstance(after, Create)
        assert [address(before.before), address(after.after)] == [
            "assignment/Wiki/user/Ana",
            "assignment/Wiki/user/Bob",
        ]
        assert before.reason is Reason.UNLISTED
        assert plan.applications == {WIKI.arn: WIKI}

    def test_an_assignment_goes_with_its_principal(self) -> None:
        live = world("", frozenset({of_user("bob"), of_group("ops")}))
        bare = replace(world(""), groups={}, members={})
        desired = replace(bare, users={UserKey("ana"): bare.users[UserKey("ana")]})
        reasons = {
            c.key: c.reason for c in build_plan(desired, live).changes if isinstance(c, Delete)
        }
        assert reasons == {
            ("assignment", WIKI.arn, "group", "ops"): Reason.PRINCIPAL_DELETED,
            ("assignment", WIKI.arn, "user", "bob"): Reason.PRINCIPAL_DELETED,
            ("group", "ops"): Reason.UNDECLARED,
            ("user", "bob"): Reason.UNDECLARED,
        }

    def test_an_orphan_is_unlisted(self) -> None:
        orphan = replace(of_user("9067-X"), orphan=True)
        (change,) = build_plan(world(""), world("", frozenset({orphan}))).changes
        assert isinstance(change, Delete)
        assert (change.key[2:], change.reason) == (("orphaned-user", "9067-X"), Reason.UNLISTED)

    def test_names_that_the_scope_leaves_out_are_spelled_as_in_the_directory(self) -> None:
        directory = world("ana", frozenset({of_group("ops"), of_user("bob")}))
        live = replace(directory, users={}, groups={}, applications={})
        desired = replace(world(""), users={}, groups={}, applications={})
        plan = build_plan(desired, live, directory)
        assert [address(_subject(change)) for change in plan.changes] == [
            "assignment/Wiki/group/Ops",
            "assignment/Wiki/user/Bob",
            "membership/Ops/Ana",
        ]
        (create,) = build_plan(
            replace(desired, assignments=directory.assignments), desired, directory
        ).changes[:1]
        assert address(_subject(create)).startswith("assignment/Wiki/")

    def test_cascades_are_spelled_as_in_the_directory(self) -> None:
        directory = world("ana bob")
        live = replace(directory, groups={}, assignments={})
        desired = replace(live, users={UserKey("bob"): directory.users[UserKey("bob")]})
        ana = Membership(GroupName("Ops"), UserName("Ana"))
        change = build_plan(replace(desired, members={}), live, directory).changes[0]
        assert change == Delete(ana, Reason.PRINCIPAL_DELETED)
        off_limits = {GroupKey("ops")}
        plan = build_plan(replace(desired, members={}), live, directory, untouched=off_limits)
        change = plan.changes[-1]
        assert isinstance(change, Delete)
        assert change.cascaded == (ana,)


class TestWhole:
    """Objects come and go as a whole; what is the same is no change."""

    def test_users(self) -> None:
        bob = User(UserName("Bob"), cleared=frozenset({"title"}))
        assert build_plan(of_users(bob), of_users(ANA)).changes == (
            Create(User(UserName("Bob"))),
            Delete(ANA),
        )
        assert build_plan(of_users(ANA), of_users(ANA)) == Plan()

    def test_groups(self) -> None:
        ops, data = Group(GroupName("Ops")), Group(GroupName("Data"), cleared=frozenset({"x"}))
        plan = build_plan(State(groups={GroupKey("d"): data}), State(groups={GroupKey("o"): ops}))
        assert plan.changes == (Create(Group(GroupName("Data"))), Delete(ops))

    def test_a_user_and_a_group_have_nothing_in_common(self) -> None:
        with pytest.raises(TypeError):
            settled(ANA, Group(GroupName("Ops")))

    def test_a_cleared_description_beats_a_declared_one(self) -> None:
        live = Group(GroupName("Ops"), "old")
        declared = Group(GroupName("Ops"), cleared=frozenset({"description"}))
        assert settled(declared, live) == Group(GroupName("Ops"))
        assert settled(declared, Group(GroupName("Ops"))) == Group(GroupName("Ops"))

    def test_photos_keep_their_undeclared_parts_one_by_one(self) -> None:
        live = replace(ANA, photos=(Photo("a", "x", primary=True), Photo("b", "y")))
        declared = replace(ANA, photos=(Photo("a"), Photo("c")))
        assert settled(declared, live) == replace(
            ANA, photos=(Photo("a", "x", primary=True), Photo("c", "y"))
        )
        assert settled(declared, ANA) == replace(ANA, photos=declared.photos)

    def test_another_manager_is_a_change(self) -> None:
        live = replace(ANA, manager=UserName("Boss"))
        declared = replace(ANA, manager=UserName("Chief"))
        assert settled(declared, live) == declared
        assert settled(declared, ANA) == declared
        assert settled(live, live) is live

    def test_the_spelling_of_anything_else_is_a_change(self) -> None:
        assert settled(replace(ANA, title="BOSS"), replace(ANA, title="boss")).title == "BOSS"  # type: ignore[union-attr]
