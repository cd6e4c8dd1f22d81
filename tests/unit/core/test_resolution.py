"""Binding a declaration to what is live: what can go wrong, and what each message says."""

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
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.plan import Delete, Reason, Rename, Withholding
from identity_reconciler.core.resolution import resolve
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    address,
)
from identity_reconciler.errors import Position
from tests.strategies import APPLICATIONS, HERE, INSTANCE, NOW

GROUP = PrincipalKind.GROUP
ANA = User(UserName("ana"))
SCIM = User(UserName("scim"), foreign=True)
LIVE = State(
    users={UserKey("ana"): ANA, UserKey("scim"): SCIM},
    groups={
        GroupKey("ops"): Group(GroupName("ops")),
        GroupKey("synced"): Group(GroupName("synced"), foreign=True),
    },
    members={GroupKey("ops"): frozenset({UserKey("ana")})},
    applications={one.arn: one for one in APPLICATIONS},
)
NOTHING = Declared(Settings(INSTANCE))


def at(line: int) -> Position:
    return Position("x.yaml", line, 3)


def user(name: str, presence: Presence = Presence.PRESENT, *previous: str) -> DeclaredUser:
    return DeclaredUser(User(UserName(name)), at(1), presence, previous)


def group(name: str, *members: str, presence: Presence = Presence.PRESENT) -> DeclaredGroup:
    listed = tuple(Listed(member, at(line)) for line, member in enumerate(members, start=5))
    return DeclaredGroup(Group(GroupName(name)), at(2), presence, listed or None)


def application(selector: ApplicationSelector, *groups: str) -> DeclaredApplication:
    return DeclaredApplication(
        selector, at(3), groups=tuple(Listed(name, at(4)) for name in groups)
    )


def problems(declared: Declared, live: State = LIVE) -> list[str]:
    return [str(one) for one in resolve(declared, live, NOW).unresolved]


class TestUnresolved:
    """Whatever cannot be bound is told with its line, what was found and what to do."""

    def test_foreign_objects_declared_as_ours(self) -> None:
        declared = replace(
            NOTHING, users=(user("scim"),), groups=(group("synced", presence=Presence.ABSENT),)
        )
        first, second = problems(declared)
        assert first.startswith('x.yaml:1:3: user "scim" is owned by an external identity provider')
        assert "`state: external`" in first
        assert second.startswith('x.yaml:2:3: group "synced" is owned by an external')

    def test_external_objects_that_are_not_live(self) -> None:
        declared = replace(NOTHING, users=(user("nobody", Presence.EXTERNAL),))
        (only,) = problems(declared)
        assert only.startswith('x.yaml:1:3: user "nobody" is only referred to here, but is not')

    def test_external_groups_that_are_not_live(self) -> None:
        declared = replace(NOTHING, groups=(group("nobody", presence=Presence.EXTERNAL),))
        (only,) = problems(declared)
        assert only.startswith('x.yaml:2:3: group "nobody" is only referred to here, but is not')

    def test_assignments_of_who_is_neither_declared_nor_live(self) -> None:
        entry = application(ApplicationSelector(name="Wiki"), "ops", "nobody")
        declared = replace(NOTHING, applications=(entry,))
        assert problems(declared) == ['x.yaml:4:3: group "nobody" is neither declared nor live']

    def test_every_application_that_is_not_live(self) -> None:
        names = ("first", "second")
        entries = tuple(application(ApplicationSelector(name=name)) for name in names)
        assert len(problems(replace(NOTHING, applications=entries))) == 2

    def test_an_application_that_is_selected_by_its_arn_or_provider_only(self) -> None:
        known = Application(ApplicationArn("arn:x"), "X", "arn:provider")
        live = replace(LIVE, applications={known.arn: known})
        for selector in (
            ApplicationSelector(arn=ApplicationArn("arn:other")),
            ApplicationSelector(provider="arn:provider"),
        ):
            (only,) = problems(replace(NOTHING, applications=(application(selector),)), live)
            assert only.endswith("is not live in this instance")

    def test_references_that_are_neither_declared_nor_live(self) -> None:
        settings = replace(NOTHING.settings, users=ManageObjects.REFERENCE)
        declared = replace(NOTHING, settings=settings, groups=(group("ops", "ana", "nobody"),))
        assert problems(declared) == ['x.yaml:6:3: user "nobody" is neither declared nor live']

    def test_an_application_that_is_not_live(self) -> None:
        selector = ApplicationSelector(name="Payrol")
        declared = replace(NOTHING, applications=(application(selector),))
        assert problems(declared) == [
            'x.yaml:3:3: application Payrol is not live in this instance; did you mean "Payroll"?'
        ]

    def test_an_application_that_is_not_unique(self) -> None:
        twin = Application(ApplicationArn("arn:twin"), "Payroll", "arn:provider", "1" * 12)
        live = replace(LIVE, applications={twin.arn: twin, **LIVE.applications})
        selector = ApplicationSelector(name="Payroll")
        (only,) = problems(replace(NOTHING, applications=(application(selector),)), live)
        assert "is not unique: arn:aws:sso" in only
        assert "arn:twin (provider arn:provider, account 111111111111)" in only
        assert "give its `arn`" in only
        unique = replace(selector, provider="arn:provider")
        resolve(replace(NOTHING, applications=(application(unique),)), live, NOW)

    def test_an_application_declared_twice(self) -> None:
        payroll = APPLICATIONS[0]
        declared = replace(
            NOTHING,
            applications=(
                application(ApplicationSelector(name=payroll.name)),
                DeclaredApplication(ApplicationSelector(arn=payroll.arn), at(9)),
            ),
        )
        (only,) = problems(declared)
        assert only.startswith("x.yaml:9:3: application arn ")
        assert "is the one that x.yaml:3:3 declares" in only
        taken = replace(LIVE, assignments={payroll.arn: frozenset({Principal(GROUP, "ops")})})
        assert compare(declared, taken, NOW).changes == ()

    def test_all_problems_together(self) -> None:
        declared = replace(
            NOTHING,
            users=(user("scim"), user("nobody", Presence.EXTERNAL)),
            applications=(application(ApplicationSelector(name="?")),),
        )
        assert len(problems(declared)) == 3


class TestListsWithSomebodyMissing:
    """Others go on; who may be the missing one under another name stays."""

    def changes(self, *members: str, live: State) -> set[tuple[str, ...]]:
        settings = replace(NOTHING.settings, users=ManageObjects.REFERENCE)
        declared = replace(NOTHING, settings=settings, groups=(group("ops", *members),))
        return {change.key for change in compare(declared, live, NOW).changes}

    def live(self, *members: str) -> State:
        bob = User(UserName("bob"))
        users = {**LIVE.users, UserKey("bob"): bob}
        return replace(
            LIVE, users=users, members={GroupKey("ops"): frozenset(map(UserKey, members))}
        )

    def test_who_is_ours_and_not_listed_is_removed(self) -> None:
        live = self.live("bob")
        assert self.changes("gone", "ana", live=live) == {
            ("membership", "ops", "ana"),
            ("membership", "ops", "bob"),
        }

    def test_who_may_have_been_renamed_by_his_owner_stays(self) -> None:
        live = self.live("scim", "ana")
        assert self.changes("gone", "ana", live=live) == set()
        assert self.changes("ana", live=live) == {("membership", "ops", "scim")}

    def test_who_is_named_elsewhere_is_not_he(self) -> None:
        live = self.live("scim", "ana")
        declared = replace(
            NOTHING,
            users=(user("ana"), user("gone", Presence.EXTERNAL), user("scim", Presence.EXTERNAL)),
            groups=(group("ops", "gone", "ana"),),
        )
        (change,) = compare(declared, live, NOW).changes
        assert change.key == ("membership", "ops", "scim")

    def test_what_is_withheld_says_why(self) -> None:
        settings = replace(NOTHING.settings, users=ManageObjects.REFERENCE)
        declared = replace(NOTHING, settings=settings, groups=(group("ops", "gone", "ana"),))
        held = compare(declared, self.live("scim", "ana"), NOW).withheld
        assert ("membership/ops/scim", Withholding.UNRESOLVED) in [
            (address(one.resource), one.reason) for one in held
        ]


class TestRenames:
    """Only a live previous name and a new name that is not live make a rename."""

    def test_a_group(self) -> None:
        declared = replace(
            NOTHING,
            groups=(replace(group("operators", "ana"), previous_names=("OPS",)),),
            users=(user("ana"),),
        )
        (change,) = compare(declared, LIVE, NOW).changes
        assert isinstance(change, Rename)
        assert address(change.after) == "group/operators"

    def test_done_already_is_nothing(self) -> None:
        declared = replace(NOTHING, groups=(replace(group("ops"), previous_names=("older",)),))
        assert compare(declared, LIVE, NOW).changes == ()

    def test_both_live(self) -> None:
        live = replace(LIVE, groups={**LIVE.groups, GroupKey("new"): Group(GroupName("new"))})
        declared = replace(NOTHING, groups=(replace(group("new"), previous_names=("ops",)),))
        (only,) = problems(declared, live)
        assert 'group "new" and its previous name "ops" are both live' in only

    def test_two_previous_names_live(self) -> None:
        live = replace(LIVE, groups={**LIVE.groups, GroupKey("new"): Group(GroupName("new"))})
        declared = replace(NOTHING, groups=(replace(group("x"), previous_names=("ops", "new")),))
        (only,) = problems(declared, live)
        assert "2 previous names that are live" in only

    def test_a_user_only_when_it_is_allowed(self) -> None:
        declared = replace(NOTHING, users=(user("anna", Presence.PRESENT, "ana"),))
        (only,) = problems(declared)
        assert "rename_users: true" in only
        allowed = replace(declared, settings=replace(declared.settings, rename_users=True))
        (change,) = compare(allowed, LIVE, NOW).changes
        assert isinstance(change, Rename)

    def test_the_new_name_of_a_manager_is_no_change_of_those_managed(self) -> None:
        bob = User(UserName("bob"), manager=UserName("ana"))
        live = replace(LIVE, users={**LIVE.users, UserKey("bob"): bob})
        declared = Declared(
            replace(NOTHING.settings, rename_users=True),
            users=(
                user("anna", Presence.PRESENT, "ana"),
                DeclaredUser(replace(bob, manager=UserName("anna")), HERE),
            ),
        )
        (change,) = compare(declared, live, NOW).changes
        assert isinstance(change, Rename)


class TestExpiry:
    """A member holds until the instant it expires, judged by the plan's own time."""

    @pytest.mark.parametrize(("seconds", "removed"), [(-1, True), (0, True), (1, False)])
    def test_at_the_boundary(self, seconds: int, *, removed: bool) -> None:
        listed = Listed("ana", at(5), NOW + timedelta(seconds=seconds))
        ops = replace(group("ops"), members=(listed,))
        declared = replace(NOTHING, users=(user("ana"),), groups=(ops,))
        changes = compare(declared, LIVE, NOW).changes
        assert bool(changes) is removed
        if removed:
            (change,) = changes
            assert isinstance(change, Delete)
            assert change.reason is Reason.EXPIRED


class TestScope:
    """What is not managed stays, and is listed."""

    def test_a_group_without_the_key_members_keeps_them(self) -> None:
        declared = replace(NOTHING, groups=(group("ops"),))
        assert compare(declared, LIVE, NOW).changes == ()

    def test_what_is_not_declared_is_withheld(self) -> None:
        held = compare(NOTHING, LIVE, NOW).withheld
        assert [(address(one.resource), one.reason) for one in held] == [
            ("group/ops", Withholding.UNDECLARED),
            ("group/synced", Withholding.FOREIGN),
            ("user/ana", Withholding.UNDECLARED),
            ("user/scim", Withholding.FOREIGN),
        ]

    def test_a_foreign_user_may_be_a_member(self) -> None:
        declared = replace(
            NOTHING,
            users=(user("ana"), user("scim", Presence.EXTERNAL)),
            groups=(group("ops", "ana", "scim"),),
        )
        (change,) = compare(declared, LIVE, NOW).changes
        assert change.key == ("membership", "ops", "scim")

    def test_who_is_only_referred_to_stands_as_live(self) -> None:
        """The members of such a group are not ours."""
        about = Group(GroupName("Synced"), "theirs", foreign=True)
        scim = User(UserName("SCIM"), title="theirs", foreign=True)
        live = replace(LIVE, users={UserKey("scim"): scim}, groups={GroupKey("synced"): about})
        entries = group("synced", "scim", presence=Presence.EXTERNAL)
        declared = replace(NOTHING, users=(user("scim", Presence.EXTERNAL),), groups=(entries,))
        desired = resolve(declared, live, NOW).desired
        assert desired.users == {UserKey("scim"): scim}
        assert desired.groups == {GroupKey("synced"): about}
        assert desired.members == {}

    def test_a_stranger_in_a_managed_group_is_removed(self) -> None:
        live = replace(LIVE, members={GroupKey("ops"): frozenset(LIVE.users)})
        declared = replace(NOTHING, users=(user("ana"),), groups=(group("ops", "ana"),))
        (change,) = compare(declared, live, NOW).changes
        assert change.key == ("membership", "ops", "scim")
