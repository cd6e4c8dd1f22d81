"""What a read is expected to take, from the sizes of what is declared."""

from __future__ import annotations

from dataclasses import replace

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.state import Group, GroupName, User, UserName
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.runs.survey import Outlook, outlook
from tests.strategies import HERE, INSTANCE

LISTED = tuple(Listed(f"user{number}", HERE) for number in range(101))
USERS = tuple(DeclaredUser(User(UserName(one.name)), HERE) for one in LISTED)
DECLARED = Declared(
    Settings(INSTANCE),
    users=USERS,
    groups=(
        *(DeclaredGroup(Group(GroupName(f"g{n}")), HERE, members=()) for n in range(38)),
        DeclaredGroup(Group(GroupName("long")), HERE, members=LISTED),
        DeclaredGroup(Group(GroupName("unmanaged")), HERE),
    ),
    applications=(DeclaredApplication(ApplicationSelector(name="Wiki"), HERE),),
)


class TestOutlook:
    """Counts every list, and takes as long as the busiest quota."""

    def test_requests_and_seconds(self) -> None:
        assert outlook(DECLARED, Rates()) == Outlook(2 + 1 + 40 + 3, 40 / 20)

    def test_a_slow_quota_is_the_busiest(self) -> None:
        assert outlook(DECLARED, Rates(sso_admin=0.5)).seconds == 3 / 0.5

    def test_members_that_are_not_managed_are_not_read(self) -> None:
        settings = replace(DECLARED.settings, memberships=ManageLinks.OFF)
        assert outlook(replace(DECLARED, settings=settings), Rates()).requests == 2 + 1 + 3

    def test_assignments_that_are_not_managed_are_not_read(self) -> None:
        settings = replace(DECLARED.settings, assignments=ManageLinks.OFF)
        assert outlook(replace(DECLARED, settings=settings), Rates()).requests == 2 + 1 + 40

    def test_few_users_are_asked_one_by_one_instead_of_many_groups(self) -> None:
        few = replace(DECLARED, users=USERS[:10])
        assert outlook(few, Rates()).requests == 1 + 1 + 10 + 3

    def test_what_hangs_on_leavers_is_asked_for_afterwards(self) -> None:
        gone = replace(USERS[0], presence=Presence.ABSENT)
        old = DeclaredGroup(Group(GroupName("old")), HERE, presence=Presence.ABSENT)
        leaving = replace(DECLARED, users=(gone, *USERS[1:]), groups=(*DECLARED.groups, old))
        # The members of a group that may be deleted are listed like those of a managed one.
        # Of the user the group that is not managed may be one; all applications are listed.
        assert outlook(leaving, Rates()) == Outlook(2 + 1 + 41 + 3 + 1, (41 + 1) / 20)
        unbound = replace(leaving, applications=())
        assert outlook(unbound, Rates()) == Outlook(2 + 1 + 41 + 1 + 2, (41 + 1) / 20)
        managed = (*(one for one in leaving.groups if one.name != "unmanaged"),)
        assert outlook(replace(leaving, groups=managed), Rates()).requests == 2 + 1 + 41 + 3

    def test_a_group_that_is_authoritatively_absent_is_not_counted_but_declared_ones_are(
        self,
    ) -> None:
        settings = replace(DECLARED.settings, groups=ManageObjects.AUTHORITATIVE)
        assert outlook(replace(DECLARED, settings=settings), Rates()) == outlook(DECLARED, Rates())
