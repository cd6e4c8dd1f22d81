"""What the planner does with one object, attribute by attribute."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from identity_reconciler.core.plan import Create, Delete, Plan, Reason, Rename, Update
from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.state import (
    Email,
    Group,
    GroupKey,
    GroupName,
    Membership,
    Photo,
    PostalAddress,
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
    """Memberships of a deleted user or group are counted once, and never deleted by request."""

    @pytest.fixture
    def live(self) -> State:
        one, two = GroupKey("one"), GroupKey("two")
        return State(
            users={UserKey("ana"): ANA},
            groups={one: Group(GroupName("One")), two: Group(GroupName("Two"))},
            members={key: frozenset({UserKey("ana")}) for key in (one, two)},
        )

    def test_with_the_user(self, live: State) -> None:
        desired = replace(live, users={}, members={})
        assert build_plan(desired, live).changes == (
            Delete(
                ANA,
                Reason.UNDECLARED,
                (
                    Membership(GroupName("One"), UserName("ana")),
                    Membership(GroupName("Two"), UserName("ana")),
                ),
            ),
        )

    def test_with_both_it_counts_with_the_group(self, live: State) -> None:
        one = GroupKey("one")
        desired = replace(live, users={}, groups={GroupKey("two"): live.groups[GroupKey("two")]})
        plan: Plan = build_plan(replace(desired, members={}), live)
        assert plan.changes == (
            Delete(
                live.groups[one],
                Reason.UNDECLARED,
                (Membership(GroupName("One"), UserName("ana")),),
            ),
            Delete(ANA, Reason.UNDECLARED, (Membership(GroupName("Two"), UserName("ana")),)),
        )
