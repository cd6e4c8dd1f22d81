"""What a read is expected to take, from the sizes of what is declared."""

from __future__ import annotations

from dataclasses import replace

from identity_reconciler.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    Listed,
    ManageLinks,
    Settings,
)
from identity_reconciler.gateway.expectation import Expected, expected
from identity_reconciler.gateway.pacing import Rates
from identity_reconciler.state import Group, GroupName
from tests.strategies import HERE, INSTANCE

LISTED = tuple(Listed(f"user{number}", HERE) for number in range(101))
DECLARED = Declared(
    Settings(INSTANCE),
    groups=(
        *(DeclaredGroup(Group(GroupName(f"g{n}")), HERE, members=()) for n in range(38)),
        DeclaredGroup(Group(GroupName("long")), HERE, members=LISTED),
        DeclaredGroup(Group(GroupName("unmanaged")), HERE),
    ),
    applications=(DeclaredApplication(ApplicationSelector(name="Wiki"), HERE),),
)


class TestExpected:
    """Counts every list, and takes as long as the busiest quota."""

    def test_requests_and_seconds(self) -> None:
        assert expected(DECLARED, Rates()) == Expected(1 + 1 + 40 + 3, 40 / 20)

    def test_a_slow_quota_is_the_busiest(self) -> None:
        assert expected(DECLARED, Rates(sso_admin=0.5)).seconds == 3 / 0.5

    def test_members_that_are_not_managed_are_not_read(self) -> None:
        settings = replace(DECLARED.settings, memberships=ManageLinks.OFF)
        assert expected(replace(DECLARED, settings=settings), Rates()).requests == 5

    def test_assignments_that_are_not_managed_are_not_read(self) -> None:
        settings = replace(DECLARED.settings, assignments=ManageLinks.OFF)
        assert expected(replace(DECLARED, settings=settings), Rates()).requests == 42
