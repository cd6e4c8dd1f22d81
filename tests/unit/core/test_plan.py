"""The order of a plan, what each change needs, and how changes are counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest

from identity_reconciler.core.plan import (
    ORDER,
    Change,
    Create,
    Delete,
    Plan,
    Reason,
    Rename,
    Step,
    Update,
    awaited,
    counts,
    ordered,
    requirements,
    step_of,
)
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Email,
    Group,
    GroupName,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
)

ANA, OPS = User(UserName("Ana")), Group(GroupName("Ops"))
LINK = Membership(GroupName("Ops"), UserName("Ana"))
ASSIGNMENT = Assignment(ApplicationArn("arn:wiki"), Principal(PrincipalKind.GROUP, "ops"))
OF_ANA = Assignment(ApplicationArn("arn:wiki"), Principal(PrincipalKind.USER, "ana"))
ANNA = replace(ANA, user_name=UserName("Anna"))


def managed(name: str, manager: str | None) -> User:
    return User(UserName(name), manager=None if manager is None else UserName(manager))


IN_ORDER: tuple[tuple[Step, Change], ...] = (
    (Step.DELETE_ASSIGNMENTS, Delete(ASSIGNMENT)),
    (Step.DELETE_MEMBERSHIPS, Delete(LINK)),
    (Step.RENAME, Rename(ANA, ANNA)),
    (Step.UPDATE, Update(OPS, replace(OPS, description="x"))),
    (Step.CREATE_USERS, Create(User(UserName("new")))),
    (Step.CREATE_GROUPS, Create(Group(GroupName("new")))),
    (Step.CREATE_MEMBERSHIPS, Create(Membership(GroupName("new"), UserName("new")))),
    (Step.CREATE_ASSIGNMENTS, Create(OF_ANA)),
    (Step.DELETE_GROUPS, Delete(Group(GroupName("old")))),
    (Step.DELETE_USERS, Delete(User(UserName("old")))),
)


class TestOrder:
    """Revocations first, then names, then what is made by what it needs, deletions last."""

    def test_of_the_steps(self) -> None:
        assert [step for step, _ in IN_ORDER] == list(Step) == sorted(Step, key=ORDER.__getitem__)
        assert [ORDER[step] for step, _ in IN_ORDER] == list(range(len(Step)))

    @pytest.mark.parametrize(("step", "change"), IN_ORDER)
    def test_step_of(self, step: Step, change: Change) -> None:
        assert step_of(change) is step

    def test_of_any_input(self) -> None:
        changes = tuple(change for _, change in IN_ORDER)
        assert ordered(reversed(changes)) == changes
        assert ordered(iter(changes)) == changes

    def test_ties_break_on_the_key(self) -> None:
        users = tuple(Create(User(UserName(name))) for name in ("a", "B", "c"))
        for drawn in permutations(users):
            assert ordered(drawn) == users


class TestManagers:
    """A manager who is created comes before everyone whose change names him."""

    def test_a_chain(self) -> None:
        chain = (
            Create(managed("z", None)),
            Create(managed("y", "Z")),
            Create(managed("x", "Y")),
            Create(managed("w", "X")),
        )
        for drawn in permutations(chain):
            assert ordered(drawn) == chain

    def test_a_live_manager_is_no_reason_to_wait(self) -> None:
        changes = (Create(managed("a", "live")), Create(managed("b", None)))
        assert ordered(reversed(changes)) == changes

    @pytest.mark.parametrize(
        "change",
        [
            Update(managed("a", None), managed("a", "boss")),
            Update(managed("a", "old"), managed("a", "boss")),
            Rename(managed("a", None), managed("b", "boss")),
        ],
    )
    def test_an_update_waits_for_a_new_manager(self, change: Change) -> None:
        boss = Create(managed("boss", None))
        assert ordered((change, boss)) == (boss, change)

    def test_an_update_of_something_else_does_not(self) -> None:
        update = Update(managed("a", "boss"), replace(managed("a", "boss"), title="x"))
        create = Create(managed("other", None))
        assert ordered((create, update)) == (update, create)

    def test_an_update_comes_after_the_chain_above_it(self) -> None:
        changes = (
            Create(managed("z", None)),
            Create(managed("y", "z")),
            Update(managed("a", None), managed("a", "y")),
            Create(managed("x", "y")),
        )
        assert ordered(reversed(changes)) == changes

    def test_those_who_wait_for_the_same_manager_are_in_the_order_of_their_keys(self) -> None:
        boss: Change = Create(managed("boss", None))
        waiting = tuple(Update(managed(n, None), managed(n, "boss")) for n in ("a", "b", "c"))
        for drawn in permutations((boss, *waiting)):
            assert ordered(drawn) == (boss, *waiting)

    def test_a_live_manager_who_waits_for_his_own_is_no_reason_to_wait(self) -> None:
        changes = (
            Create(managed("a", "m")),
            Create(managed("z", None)),
            Update(managed("m", None), managed("m", "z")),
        )
        assert ordered(reversed(changes)) == changes

    def test_a_circle_ends(self) -> None:
        """It is refused where it is read; here it must not go on for ever."""
        circle = tuple(Create(managed(*pair)) for pair in (("a", "b"), ("b", "c"), ("c", "a")))
        below = Create(managed("0", "a"))
        *first, last = ordered((below, *circle))
        assert last is below
        assert {change.key for change in first} == {change.key for change in circle}

    def test_a_membership_has_no_manager(self) -> None:
        link = Create(Membership(GroupName("new"), UserName("z")))
        changes = (Create(managed("z", None)), Create(Group(GroupName("new"))), link)
        assert ordered(reversed(changes)) == changes


def addressed(name: str, address: str | None, manager: str | None = None) -> User:
    email = None if address is None else Email(address)
    return replace(managed(name, manager), email=email)


class TestAddresses:
    """Whoever gives up a name or an address goes before who gets it."""

    def test_a_leaver_goes_right_before(self) -> None:
        leaver, other = Delete(addressed("old", "A@x")), Delete(User(UserName("other")))
        new = Create(addressed("new", "a@x"))
        others: tuple[Change, ...] = (
            Update(ANA, replace(ANA, title="x")),
            Delete(ASSIGNMENT),
            Create(LINK),
        )
        update, assignment, link = others
        expected = (assignment, update, leaver, new, link, other)
        users: tuple[Change, ...] = (leaver, new, other)
        for drawn in permutations(users):
            assert ordered((*others, *drawn)) == expected
        assert awaited(expected) == {new.key: (leaver.key,)}

    def test_a_chain_ends_with_who_gets_the_first(self) -> None:
        chain: tuple[Change, ...] = (
            Update(addressed("c", "3"), addressed("c", None)),
            Rename(addressed("b", "2"), addressed("bb", "3")),
            Create(addressed("a", "2")),
        )
        for drawn in permutations(chain):
            assert ordered(drawn) == chain

    def test_a_deletion_for_an_update_goes_among_the_updates(self) -> None:
        leaver = Delete(addressed("z", "1"))
        taker = Update(addressed("a", None), addressed("a", "1"))
        new = Create(User(UserName("new")))
        assert ordered((new, taker, leaver)) == (leaver, taker, new)

    def test_a_name_is_given_on(self) -> None:
        for kind in (lambda name: User(UserName(name)), lambda name: Group(GroupName(name))):
            renames = (Rename(kind("b"), kind("c")), Rename(kind("a"), kind("b")))
            assert ordered(reversed(renames)) == renames
            assert awaited(renames) == {renames[1].key: (renames[0].key,)}

    def test_an_address_counts_more_than_the_name_of_a_manager(self) -> None:
        """The rename of a manager need not come first."""
        update = Update(addressed("x", "1", "new"), addressed("x", "2", "new"))
        rename = Rename(addressed("old", None), addressed("new", "1"))
        both: tuple[Change, ...] = (update, rename)
        for drawn in permutations(both):
            assert ordered(drawn) == (update, rename)

    def test_whatever_waits_for_itself_is_in_some_order(self) -> None:
        """As in a saved plan that somebody wrote."""
        swap = (
            Update(addressed("a", "1"), addressed("a", "2")),
            Update(addressed("b", "2"), addressed("b", "1")),
        )
        assert set(ordered(swap)) == set(swap)

    def test_nothing_waits_for_what_nobody_gives_up(self) -> None:
        assert awaited((Create(addressed("a", "1")), Delete(LINK))) == {}
        same = Rename(addressed("a", "1"), addressed("b", "1"))
        assert awaited((same,)) == {}


class TestRequirements:
    """A change needs the users and groups that it names."""

    @pytest.mark.parametrize(
        ("change", "keys"),
        [
            (Create(LINK), (("group", "ops"), ("user", "ana"))),
            (Create(ASSIGNMENT), (("group", "ops"),)),
            (Create(OF_ANA), (("user", "ana"),)),
            (Create(managed("a", "Boss")), (("user", "boss"),)),
            (Create(managed("a", None)), ()),
            (Create(OPS), ()),
            (Update(managed("a", None), managed("a", "Boss")), (("user", "boss"),)),
            (Update(managed("a", "Boss"), managed("a", "Boss")), ()),
            (Update(managed("a", "Boss"), managed("a", None)), ()),
            (Rename(managed("a", None), managed("b", "Boss")), (("user", "boss"),)),
            (Rename(managed("a", "Boss"), managed("b", "Boss")), ()),
            (Update(OPS, OPS), ()),
            (Delete(LINK), ()),
            (Delete(managed("a", "Boss")), ()),
        ],
    )
    def test_of_each_change(self, change: Change, keys: tuple[Key, ...]) -> None:
        assert requirements(change) == keys


class TestReasons:
    """Saved plans hold these words."""

    def test_words(self) -> None:
        assert [str(one) for one in Reason] == [
            "state: absent",
            "not declared",
            "not listed",
            "expired",
            "its principal is deleted",
        ]


class TestCounts:
    """Changes count by kind and symbol, and cascades as memberships removed."""

    def test_of_a_plan(self) -> None:
        link = Membership(GroupName("x"), UserName("y"))
        plan = Plan(
            (
                Delete(LINK),
                Delete(ANA, cascaded=(LINK, link)),
                Delete(OPS, cascaded=(link,)),
                Create(OPS),
                Create(Group(GroupName("x"))),
                Update(ANA, ANA),
                Rename(ANA, ANNA),
            )
        )
        assert counts(plan) == Counter(
            {
                ("membership", "-"): 4,
                ("user", "-"): 1,
                ("group", "-"): 1,
                ("group", "+"): 2,
                ("user", "~"): 1,
                ("user", ">"): 1,
            }
        )
        assert sum(counts(Plan()).values()) == 0

    def test_a_plan_is_true_when_there_is_something_to_do(self) -> None:
        assert Plan((Delete(LINK),))
        assert not Plan()
