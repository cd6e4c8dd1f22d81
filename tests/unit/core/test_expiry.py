"""What a plan says of things that expire."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Settings,
)
from identity_reconciler.core.expiry import expiring, only_expired, starting
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    GroupName,
    State,
    User,
    UserKey,
    UserName,
)
from tests.strategies import HERE, INSTANCE, NOW


def declared(days: float) -> Declared:
    listed = (Listed("ana", HERE, NOW + timedelta(days=days)), Listed("bob", HERE))
    return Declared(
        Settings(INSTANCE),
        users=tuple(DeclaredUser(User(UserName(name)), HERE) for name in ("ana", "bob")),
        groups=(DeclaredGroup(Group(GroupName("ops")), HERE, members=listed),),
        applications=(
            DeclaredApplication(ApplicationSelector(name="Wiki"), HERE, users=listed[:1]),
        ),
    )


class TestExpiring:
    """What still holds and ends within two weeks is told, soonest first."""

    @pytest.mark.parametrize(
        ("days", "told"), [(-1, False), (0, False), (0.01, True), (14, True), (14.01, False)]
    )
    def test_at_the_boundaries(self, days: float, *, told: bool) -> None:
        addresses = [one.address for one in expiring(declared(days), NOW)]
        assert addresses == (["assignment/Wiki/user/ana", "membership/ops/ana"] if told else [])

    def test_of_every_list(self) -> None:
        wiki = declared(1).applications[0]
        groups = replace(wiki, users=(), groups=wiki.users)
        unmanaged = replace(declared(1).groups[0], members=None)
        said = replace(declared(1), groups=(unmanaged,), applications=(groups, wiki))
        assert [(one.address, one.position) for one in expiring(said, NOW)] == [
            ("assignment/Wiki/group/ana", HERE),
            ("assignment/Wiki/user/ana", HERE),
        ]

    def test_soonest_first(self) -> None:
        later = Listed("bob", HERE, NOW + timedelta(days=1))
        group = declared(2).groups[0]
        members = (*(group.members or ()), later)
        both = replace(declared(2), groups=(replace(group, members=members),))
        first, *_ = expiring(both, NOW)
        assert first.address == "membership/ops/bob"


class TestStarting:
    """What is yet to start is told, soonest first, and is not told to expire."""

    @pytest.mark.parametrize(("days", "told"), [(-1, False), (0, False), (0.01, True), (400, True)])
    def test_at_the_boundaries(self, days: float, *, told: bool) -> None:
        start = NOW + timedelta(days=days)
        waiting = Listed("ana", HERE, starts=start)
        said = replace(
            declared(0),
            groups=(replace(declared(0).groups[0], members=(waiting,)),),
            applications=(replace(declared(0).applications[0], groups=(waiting,)),),
        )
        found = [(one.address, one.starts, one.position) for one in starting(said, NOW)]
        addresses = ["assignment/Wiki/group/ana", "membership/ops/ana"] if told else []
        assert found == [(address, start, HERE) for address in addresses]

    def test_soonest_first(self) -> None:
        later, sooner = (
            Listed(name, HERE, NOW + timedelta(days=9), starts=NOW + timedelta(days=days))
            for name, days in (("ana", 2), ("bob", 1))
        )
        group = replace(declared(0).groups[0], members=(later, sooner))
        said = replace(declared(0), groups=(group,), applications=())
        assert [(one.address, one.expires) for one in starting(said, NOW)] == [
            ("membership/ops/bob", NOW + timedelta(days=9)),
            ("membership/ops/ana", NOW + timedelta(days=9)),
        ]
        assert expiring(said, NOW) == ()

    def test_what_has_expired_starts_no_more(self) -> None:
        """As when its review was due before it was to start."""
        over = Listed("ana", HERE, NOW, starts=NOW + timedelta(days=1))
        group = replace(declared(0).groups[0], members=(over,))
        assert starting(replace(declared(0), groups=(group,), applications=()), NOW) == ()


class TestOnlyExpired:
    """Of a plan with other changes, only the removals of what has expired are kept."""

    def test_drops_everything_else(self) -> None:
        ops, ana = GroupKey("ops"), UserKey("ana")
        live = State(
            users={ana: User(UserName("ana")), UserKey("eve"): User(UserName("eve"))},
            groups={ops: Group(GroupName("ops"))},
            members={ops: frozenset({ana, UserKey("eve")})},
        )
        plan = compare(replace(declared(-1), applications=()), live, NOW)
        assert len(plan.changes) > 1
        assert [change.key for change in only_expired(plan).changes] == [
            ("membership", "ops", "ana")
        ]
