"""By group or by user: the choice can never cost a request more."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.gateway.reading.pools import Work
from identity_reconciler.gateway.reading.records import Record
from identity_reconciler.gateway.reading.sides import Sides


class Choice:
    """What a `Sides` starts."""

    def __init__(self) -> None:
        self.by_group: list[str] = []
        self.by_user: list[list[str]] = []
        self.sides = Sides(
            lambda one: self.by_group.append(one.identifier),
            lambda groups: self.by_user.append([one.identifier for one in groups]),
        )

    def groups(self, number: int) -> None:
        for each in range(number):
            self.sides.choose(Record(f"{each}", Group(GroupName(f"g{each}")), None))


class TestSides:
    """Starts every chosen group once, by group, or all of them by user where that is less."""

    def test_few_users_in_many_groups_are_asked(self) -> None:
        choice = Choice()
        choice.groups(60)
        choice.sides.groups_seen(60)
        choice.sides.users_seen(40, complete=True)
        assert (choice.by_group, len(choice.by_user[0])) == ([], 60)

    def test_where_it_saves_little_they_are_not(self) -> None:
        choice = Choice()
        choice.groups(60)
        choice.sides.users_seen(41, complete=True)
        assert choice.by_group == []
        choice.sides.groups_seen(60)
        assert len(choice.by_group) == 60

    def test_the_first_page_of_many_users_starts_the_groups(self) -> None:
        choice = Choice()
        choice.groups(2)
        choice.sides.users_seen(99, complete=False)
        assert choice.by_group == []
        choice.sides.users_seen(100, complete=False)
        assert choice.by_group == ["0", "1"]
        choice.groups(1)
        assert choice.by_group == ["0", "1", "0"]

    @given(
        users=st.integers(0, 300),
        chosen=st.integers(0, 400),
        others=st.integers(0, 400),
        first=st.booleans(),
    )
    def test_never_costs_more(self, users: int, chosen: int, others: int, *, first: bool) -> None:
        choice = Choice()
        if first:
            choice.sides.users_seen(users, complete=True)
        choice.groups(chosen)
        choice.sides.groups_seen(chosen + others)
        if not first:
            choice.sides.users_seen(users, complete=True)
        assert len(choice.by_group) + sum(map(len, choice.by_user)) == chosen
        if choice.by_user:
            assert users * ceil((chosen + others) / 100) < chosen


class TestWeights:
    """The heaviest task that waits is the next to run."""

    def test_order(self) -> None:
        ran: list[int] = []
        with Work() as work:
            work.pool("one", 1)

            def begin() -> None:
                for weight in (1, 3, 2, 3):
                    work.start("one", lambda weight=weight: ran.append(weight), weight=weight)  # type: ignore[misc]

            work.start("one", begin)
            work.finish()
        assert ran == [3, 3, 2, 1]
