"""Binding a declaration to what is live: what can go wrong, and what each message says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from identity_reconciler.core.comparison import compare
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
from identity_reconciler.core.plan import Create, Delete, Origin, Reason, Rename, Withholding
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

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP
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


class TestBound:
    """Whatever is declared is found under folded names, with the line that says it."""

    ANN = User(UserName("Ann"), title="declared")
    OPS = Group(GroupName("OPS"), "declared")
    DECLARED = replace(
        NOTHING,
        users=(DeclaredUser(ANN, at(1)), user("Bob", Presence.ABSENT)),
        groups=(
            DeclaredGroup(OPS, at(2), members=(Listed("ANN", at(3)), Listed("Scim", at(4), NOW))),
            group("Gone", presence=Presence.ABSENT),
        ),
        applications=(
            DeclaredApplication(
                ApplicationSelector(name="Payroll"),
                at(5),
                users=(Listed("ANN", at(6)), Listed("SCIM", at(7), reason="for now")),
                groups=(Listed("ops", at(8)), Listed("Synced", at(9))),
            ),
        ),
    )

    def test_desired(self) -> None:
        arn, live = APPLICATIONS[0].arn, {UserKey("ann"): User(UserName("ann")), **LIVE.users}
        desired = resolve(self.DECLARED, replace(LIVE, users=live), NOW).desired
        assert desired.users == {UserKey("ann"): self.ANN, UserKey("scim"): SCIM}
        synced = LIVE.groups[GroupKey("synced")]
        assert desired.groups == {GroupKey("ops"): self.OPS, GroupKey("synced"): synced}
        assert desired.members == {GroupKey("ops"): frozenset({UserKey("ann")})}
        kinds = {USER: ("ann", "scim"), GROUP: ("ops", "synced")}
        everyone = {Principal(kind, name) for kind, names in kinds.items() for name in names}
        assert desired.assignments == {arn: frozenset(everyone)}

    def test_what_must_be_absent(self) -> None:
        scope = resolve(self.DECLARED, LIVE, NOW).scope
        assert scope.absent_users == {UserKey("bob")}
        assert scope.absent_groups == {GroupKey("gone")}

    def test_where_it_is_declared(self) -> None:
        resolution, arn = resolve(self.DECLARED, LIVE, NOW), APPLICATIONS[0].arn
        assert resolution.origins == {
            ("user", "ann"): Origin(at(1)),
            ("user", "bob"): Origin(at(1)),
            ("group", "ops"): Origin(at(2)),
            ("group", "gone"): Origin(at(2)),
            ("membership", "ops", "ann"): Origin(at(3)),
            ("membership", "ops", "scim"): Origin(at(4), NOW),
            ("application", arn): Origin(at(5)),
            ("assignment", arn, "user", "ann"): Origin(at(6)),
            ("assignment", arn, "user", "scim"): Origin(at(7), None, "for now"),
            ("assignment", arn, "group", "ops"): Origin(at(8)),
            ("assignment", arn, "group", "synced"): Origin(at(9)),
        }
        assert resolution.expired == {("membership", "ops", "scim")}


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
        assert problems(replace(NOTHING, applications=(application(unique),)), live) == []

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
        plan = compare(declared, self.live("scim", "ana"), NOW)
        assert [str(one) for one in plan.unresolved] == [
            'x.yaml:5:3: user "gone" is neither declared nor live'
        ]
        held = plan.withheld
        assert ("membership/ops/scim", Withholding.UNRESOLVED) in [
            (address(one.resource), one.reason) for one in held
        ]

    def test_who_stands_in_another_list_is_not_he(self) -> None:
        listed = (Listed("SCIM", at(7)),)
        wiki = DeclaredApplication(ApplicationSelector(name="Wiki"), at(3), users=listed)
        team = replace(group("team"), members=listed)
        ops = group("ops", "gone", "ana")
        plain = group("plain")
        for more in ({"groups": (ops, plain, team)}, {"groups": (ops,), "applications": (wiki,)}):
            declared = replace(NOTHING, users=(user("ana"),), **more)
            changes = compare(declared, self.live("scim", "ana"), NOW).changes
            assert ("membership", "ops", "scim") in {change.key for change in changes}

    def test_who_is_in_no_directory_is_not_he(self) -> None:
        assert self.changes("gone", "ana", live=self.live("ghost", "ana")) == {
            ("membership", "ops", "ghost")
        }

    def test_of_one_kind_hold_nobody_of_the_other(self) -> None:
        payroll = APPLICATIONS[0].arn
        orphans = [Principal(kind, f"{kind}-id", orphan=True) for kind in PrincipalKind]
        assigned = (*orphans, Principal(USER, "scim"), Principal(GROUP, "synced"))
        live = replace(LIVE, assignments={payroll: frozenset(assigned)})
        selector = ApplicationSelector(name="Payroll")
        missing = (Listed("gone", at(5)),)
        found = {}
        for kind in PrincipalKind:
            entry = DeclaredApplication(selector, at(3), **{f"{kind}s": missing})  # type: ignore[arg-type]
            declared = replace(NOTHING, applications=(entry,))
            found[kind] = {change.key[2:] for change in compare(declared, live, NOW).changes}
        users = {("user", "scim"), ("orphaned-user", "user-id")}
        groups = {("group", "synced"), ("orphaned-group", "group-id")}
        assert found == {USER: groups, GROUP: users}

    def test_a_group_that_stands_in_another_list_is_not_the_missing_one(self) -> None:
        payroll = APPLICATIONS[0].arn
        live = replace(LIVE, assignments={payroll: frozenset({Principal(GROUP, "synced")})})
        entries = (
            application(ApplicationSelector(name="Payroll"), "gone"),
            application(ApplicationSelector(name="Wiki"), "SYNCED"),
        )
        for number, changes in ((1, 0), (2, 2)):
            declared = replace(NOTHING, applications=entries[:number])
            assert len(compare(declared, live, NOW).changes) == changes


class TestLinksOfWhoIsOdd:
    """They stay, listed or not, expired or not; everything else in the list goes on."""

    LIVE = replace(
        LIVE,
        members={GroupKey("ops"): frozenset(map(UserKey, ("ana", "bob")))},
        assignments={
            APPLICATIONS[0].arn: frozenset({Principal(USER, "bob"), Principal(USER, "ana")})
        },
        twins={Principal(USER, "bob"): ("BOB", "Bob")},
    )

    @pytest.mark.parametrize("expires", [None, NOW])
    @pytest.mark.parametrize("names", [(), ("bob",)])
    def test_members(self, names: tuple[str, ...], expires: datetime | None) -> None:
        listed = tuple(Listed(name, at(5), expires) for name in names)
        declared = replace(NOTHING, groups=(replace(group("ops"), members=listed),))
        (change,) = compare(declared, self.LIVE, NOW).changes
        assert change.key == ("membership", "ops", "ana")
        said = 'x.yaml:5:3: user "bob" is unresolved, so this is left as it is'
        assert problems(declared, self.LIVE)[1:] == [said] * len(names)
        assert resolve(declared, self.LIVE, NOW).expired == frozenset()

    @pytest.mark.parametrize("names", [(), ("bob",)])
    def test_assignments(self, names: tuple[str, ...]) -> None:
        users = tuple(Listed(name, at(5)) for name in names)
        entry = DeclaredApplication(ApplicationSelector(name="Payroll"), at(3), users=users)
        (change,) = compare(replace(NOTHING, applications=(entry,)), self.LIVE, NOW).changes
        assert change.key[2:] == ("user", "ana")

    def test_who_is_not_odd_is_bound_beside_them(self) -> None:
        declared = replace(NOTHING, groups=(group("ops", "bob", "ana", "scim"),))
        (change,) = compare(declared, self.LIVE, NOW).changes
        assert change.key == ("membership", "ops", "scim")

    @pytest.mark.parametrize("names", [("bob", "gone", "ana"), ("gone", "bob", "ana")])
    def test_beside_who_is_missing(self, names: tuple[str, ...]) -> None:
        members = frozenset(map(UserKey, ("scim", "ana", "bob")))
        live = replace(self.LIVE, members={GroupKey("ops"): members})
        assert compare(replace(NOTHING, groups=(group("ops", *names),)), live, NOW).changes == ()

    def test_who_is_live_and_perhaps_the_former_self_of_another(self) -> None:
        live = replace(LIVE, users={**LIVE.users, UserKey("new"): User(UserName("new"))})
        boss = DeclaredUser(User(UserName("boss"), manager=UserName("ana")), at(8))
        declared = replace(
            NOTHING,
            users=(user("new", Presence.PRESENT, "ana"), boss),
            groups=(group("ops", "ana"),),
        )
        said = 'user "ana" is unresolved, so this is left as it is'
        assert problems(declared, live)[1:] == [
            f"x.yaml:5:3: {said}",
            f'x.yaml:8:3: the manager of user "boss": {said}',
        ]
        (change,) = compare(declared, live, NOW).changes
        assert change.key == ("user", "boss")

    @pytest.mark.parametrize("kind", PrincipalKind)
    def test_they_are_not_deleted_either(self, kind: PrincipalKind) -> None:
        """But something of the other kind is, though it has the same name."""
        names = ("new", "old")
        live = State(
            {UserKey(name): User(UserName(name)) for name in names},
            {GroupKey(name): Group(GroupName(name)) for name in names},
        )
        previous = ("old",)
        declared = Declared(
            replace(
                NOTHING.settings,
                users=ManageObjects.AUTHORITATIVE,
                groups=ManageObjects.AUTHORITATIVE,
            ),
            (user("new", Presence.PRESENT, *previous * (kind is USER)),),
            (replace(group("new"), previous_names=previous * (kind is GROUP)),),
        )
        plan = compare(declared, live, NOW)
        (change,) = plan.changes
        assert change.key == ("group" if kind is USER else "user", "old")
        assert [(address(one.resource), one.reason) for one in plan.withheld] == [
            (f"{kind}/old", Withholding.UNRESOLVED)
        ]

    def test_nobody_else_is_held_for_it(self) -> None:
        """Who is odd is live, so nobody may be that one under another name."""
        live = replace(self.LIVE, members={GroupKey("ops"): frozenset(map(UserKey, ("scim",)))})
        declared = replace(NOTHING, groups=(group("ops", "bob"),))
        (change,) = compare(declared, live, NOW).changes
        assert change.key == ("membership", "ops", "scim")


class TestManagers:
    """A manager who is neither declared nor live, or odd, is told and left as it is."""

    def managed(self, *managers: str | None) -> Declared:
        users = tuple(
            DeclaredUser(User(UserName(f"User{n}"), manager=UserName(one) if one else None), at(n))
            for n, one in enumerate(managers, start=1)
        )
        return replace(NOTHING, users=users)

    def test_who_is_declared_or_live(self) -> None:
        declared = self.managed(None, "USER1", "ANA", "Scim")
        resolution = resolve(declared, LIVE, NOW)
        assert resolution.unresolved == ()
        found = [resolution.desired.users[UserKey(f"user{n}")].manager for n in range(1, 5)]
        assert found == [None, "USER1", "ANA", "Scim"]

    def test_who_is_neither(self) -> None:
        declared = self.managed(None, "scin", "ops")
        resolution = resolve(declared, LIVE, NOW)
        assert list(map(str, resolution.unresolved)) == [
            (
                'x.yaml:2:3: the manager of user "User2": user "scin" is neither declared nor '
                'live; did you mean "scim"?'
            ),
            'x.yaml:3:3: the manager of user "User3": user "ops" is neither declared nor live',
        ]
        assert {one.manager for one in resolution.desired.users.values()} == {None}

    def test_who_is_odd(self) -> None:
        live = replace(LIVE, twins={Principal(USER, "bob"): ("BOB", "Bob")})
        resolution = resolve(self.managed("bob"), live, NOW)
        assert 'the manager of user "User1": user "bob" is unresolved' in str(
            resolution.unresolved[1]
        )
        assert resolution.desired.users[UserKey("user1")].manager is None

    def test_of_whom_we_do_not_manage(self) -> None:
        settings = replace(NOTHING.settings, users=ManageObjects.REFERENCE)
        declared = replace(self.managed("nobody"), settings=settings)
        live = replace(LIVE, users={UserKey("user1"): User(UserName("user1"))})
        assert problems(declared, live) == []
        foreign = replace(LIVE, users={UserKey("user1"): User(UserName("user1"), foreign=True)})
        (only,) = problems(self.managed("nobody"), foreign)
        assert "is owned by an external identity provider" in only


class TestOrder:
    """What has no line comes first, then each by file and line, told once."""

    def test_of_what_is_unresolved(self) -> None:
        live = replace(LIVE, twins={Principal(USER, "zoe"): ("ZOE", "Zoe")})
        first = replace(user("y", Presence.EXTERNAL), position=Position("A.yaml", 2, 1))
        declared = replace(
            NOTHING,
            users=(user("z", Presence.EXTERNAL), user("x", Presence.EXTERNAL), first),
            groups=(group("g", "nobody"), group("h", "nobody")),
        )
        assert [one.partition(" is ")[0] for one in problems(declared, live)[1:]] == [
            'A.yaml:2:1: user "y"',
            'x.yaml:1:3: user "x"',
            'x.yaml:1:3: user "z"',
            'x.yaml:5:3: user "nobody"',
        ]
        assert problems(declared, live)[0].startswith("2 live users have names that differ")


class TestMoreLinks:
    """Links that are read later are taken in under the new names."""

    def test_are_united(self) -> None:
        wiki = APPLICATIONS[2]
        live = replace(LIVE, applications={})
        entry = replace(group("operators"), previous_names=("ops",))
        resolution = resolve(replace(NOTHING, groups=(entry,)), live, NOW)
        assigned = {wiki.arn: frozenset({Principal(GROUP, "ops")})}
        more = resolution.with_links(State(applications={wiki.arn: wiki}, assignments=assigned))
        assert more.live.assignments == {wiki.arn: frozenset({Principal(GROUP, "operators")})}
        assert more.live.groups == resolution.live.groups
        assert more.desired == replace(resolution.desired, applications={wiki.arn: wiki})
        assert more.scope == replace(resolution.scope, desired=more.desired)


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


class TestStart:
    """Before its start a link is as if it were not listed, judged by the plan's own time."""

    EARLY = timedelta(seconds=1)

    @pytest.mark.parametrize(("seconds", "holds"), [(-1, True), (0, True), (1, False)])
    @pytest.mark.parametrize("live", [True, False])
    def test_at_the_boundary(self, seconds: int, *, holds: bool, live: bool) -> None:
        listed = Listed("ana", at(5), starts=NOW + timedelta(seconds=seconds))
        ops = replace(group("ops"), members=(listed,))
        declared = replace(NOTHING, users=(user("ana"),), groups=(ops,))
        state = LIVE if live else replace(LIVE, members={})
        changes = compare(declared, state, NOW).changes
        assert bool(changes) is (holds is not live)
        for change in changes:
            assert isinstance(change, Create if holds else Delete)
            if isinstance(change, Delete):
                assert change.reason is Reason.UNLISTED

    def test_of_an_assignment(self) -> None:
        payroll = APPLICATIONS[0]
        waiting = Listed("ops", at(5), starts=NOW + self.EARLY)
        entry = application(ApplicationSelector(name=payroll.name))
        declared = replace(NOTHING, groups=(group("ops"),), applications=(entry,))
        declared = replace(declared, applications=(replace(entry, groups=(waiting,)),))
        assert compare(declared, LIVE, NOW).changes == ()
        assert resolve(declared, LIVE, NOW).unresolved == ()
        (change,) = compare(declared, LIVE, NOW + self.EARLY).changes
        assert change.key == ("assignment", payroll.arn, "group", "ops")

    def test_where_nothing_is_removed_it_stays(self) -> None:
        listed = Listed("ana", at(5), starts=NOW + self.EARLY)
        settings = replace(NOTHING.settings, memberships=ManageLinks.ADDITIVE)
        ops = replace(group("ops"), members=(listed,))
        declared = replace(NOTHING, settings=settings, users=(user("ana"),), groups=(ops,))
        plan = compare(declared, LIVE, NOW)
        assert plan.changes == ()
        assert Withholding.ADDITIVE in [one.reason for one in plan.withheld]

    def test_what_has_expired_before_it_starts_has_expired(self) -> None:
        listed = Listed("ana", at(5), NOW, starts=NOW + self.EARLY)
        ops = replace(group("ops"), members=(listed,))
        declared = replace(NOTHING, users=(user("ana"),), groups=(ops,))
        (change,) = compare(declared, LIVE, NOW).changes
        assert isinstance(change, Delete)
        assert change.reason is Reason.EXPIRED


class TestScope:
    """What is not managed stays, and is listed."""

    def test_a_group_without_the_key_members_keeps_them(self) -> None:
        declared = replace(NOTHING, groups=(group("ops"),))
        assert compare(declared, LIVE, NOW).changes == ()

    def test_an_application_without_the_key_assignments_keeps_them(self) -> None:
        payroll = APPLICATIONS[0]
        live = replace(LIVE, assignments={payroll.arn: frozenset({Principal(GROUP, "ops")})})
        entry = replace(application(ApplicationSelector(name=payroll.name)), managed=False)
        declared = replace(NOTHING, applications=(entry,))
        assert compare(declared, live, NOW).changes == ()
        assert resolve(declared, live, NOW).desired.assignments == {}

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

    def test_where_all_are_only_referred_to_each_stands_as_live(self) -> None:
        mode = ManageObjects.REFERENCE
        ana = User(UserName("Ana"), title="theirs")
        live = replace(LIVE, users={UserKey("ana"): ana})
        settings = replace(NOTHING.settings, users=mode, groups=mode)
        entries = (user("ana"), user("bob", Presence.ABSENT))
        resolution = resolve(replace(NOTHING, settings=settings, users=entries), live, NOW)
        assert resolution.desired.users == {UserKey("ana"): ana}
        assert resolution.scope.absent_users == frozenset()

    def test_a_stranger_in_a_managed_group_is_removed(self) -> None:
        live = replace(LIVE, members={GroupKey("ops"): frozenset(LIVE.users)})
        declared = replace(NOTHING, users=(user("ana"),), groups=(group("ops", "ana"),))
        (change,) = compare(declared, live, NOW).changes
        assert change.key == ("membership", "ops", "scim")
