"""What is not managed any more, or approved anew, is told; what is managed otherwise is not."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.control import (
    UNREADABLE,
    Aspect,
    dropped_instance,
    loosened,
    unmatched,
)
from identity_reconciler.core.declared import (
    OWNER,
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Ignore,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    ReviewRecord,
    ReviewTerms,
    Settings,
    SettingsPath,
)
from identity_reconciler.core.guard_settings import (
    GuardSettings,
    MinMembers,
    MustExpire,
    PinnedMembers,
    Policies,
    PrivilegedNames,
    ProtectedNames,
)
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
)
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import Position
from tests.strategies import HERE, INSTANCE

PLAIN = Settings(INSTANCE)
DAY = date(2026, 3, 1)
PAYROLL = Application(ApplicationArn("arn:pay"), "Payroll")


def user(name: str, presence: Presence = Presence.PRESENT, **more: object) -> DeclaredUser:
    return replace(DeclaredUser(User(UserName(name)), HERE, presence), **more)  # type: ignore[arg-type]


def group(name: str, presence: Presence = Presence.PRESENT, **more: object) -> DeclaredGroup:
    return replace(DeclaredGroup(Group(GroupName(name)), HERE, presence), **more)  # type: ignore[arg-type]


def application(*, managed: bool = True, **selector: str) -> DeclaredApplication:
    return DeclaredApplication(
        ApplicationSelector(**selector),  # type: ignore[arg-type]
        HERE,
        managed=managed,
    )


def told(base: Declared, now: Declared, *live: Application) -> list[str]:
    return [one.text.partition(":")[0] for one in loosened(base, now, live)]


class TestEveryField:
    """What is added to a declaration is compared, or said here to need no comparison."""

    @pytest.mark.parametrize(
        ("kind", "compared", "free"),
        [
            (DeclaredUser, {"presence"}, {"user", "position", "previous_names"}),
            (
                DeclaredGroup,
                {"presence", "members", "include", "rule", "owners", "review", "reviewed"},
                {"group", "position", "previous_names", "exclude", "flat", "unknown"},
            ),
            (
                DeclaredApplication,
                {"managed", "assignment_required", "owners", "review", "reviewed"},
                {"selector", "position", "users", "groups"},
            ),
            (
                Declared,
                {"settings", "users", "groups", "applications", "approvals"},
                {"files", "digest"},
            ),
        ],
    )
    def test_is_known(self, kind: type, compared: set[str], free: set[str]) -> None:
        assert {one.name for one in dataclasses.fields(kind)} == compared | free


class TestObjects:
    """A user or group that was ours is told when it is owned elsewhere, or named nowhere."""

    @pytest.mark.parametrize("before", Presence)
    @pytest.mark.parametrize("after", [*Presence, None])
    @pytest.mark.parametrize("kind", ["users", "groups"])
    def test_every_state_to_every_other(
        self, before: Presence, after: Presence | None, kind: str
    ) -> None:
        def one_of(name: str, presence: Presence | None) -> Declared:
            if presence is None:
                return Declared(PLAIN)
            if kind == "users":
                return Declared(PLAIN, users=(user(name, presence),))
            return Declared(PLAIN, groups=(group(name, presence),))

        base, now = one_of("one", before), one_of("ONE", after)
        expected = {
            (Presence.PRESENT, None),
            (Presence.PRESENT, Presence.EXTERNAL),
            (Presence.ABSENT, Presence.EXTERNAL),
        }
        assert bool(told(base, now)) is ((before, after) in expected)

    @pytest.mark.parametrize("before", ManageObjects)
    @pytest.mark.parametrize("after", ManageObjects)
    def test_what_is_not_declared_goes_where_the_mode_says_so(
        self, before: ManageObjects, after: ManageObjects
    ) -> None:
        base = Declared(replace(PLAIN, users=before), (user("one"),))
        found = told(base, Declared(replace(PLAIN, users=after)))
        assert ("user/one is not declared any more" in found) is (
            before is not ManageObjects.REFERENCE and after is ManageObjects.DECLARED
        )

    def test_under_a_new_name_it_is_the_same(self) -> None:
        base = Declared(PLAIN, (user("A"),), (group("G", members=()),))
        now = Declared(
            PLAIN,
            (user("b", previous_names=("A",)),),
            (group("h", members=(), previous_names=("G",)),),
        )
        assert told(base, now) == []
        assert len(told(base, replace(now, users=(user("b"),)))) == 1

    @pytest.mark.parametrize(
        ("before", "said"),
        [
            (Presence.PRESENT, "group/one is external now: it is only referred to"),
            (Presence.ABSENT, "group/one was to be deleted, and is external now: it is only"),
        ],
    )
    def test_what_becomes_external_in_words(self, before: Presence, said: str) -> None:
        base = Declared(PLAIN, groups=(group("ONE", before),))
        now = Declared(PLAIN, groups=(group("one", Presence.EXTERNAL),))
        (one,) = loosened(base, now)
        assert one.text.startswith(said)

    def test_where_it_stood(self) -> None:
        there = Position("users/data.yaml", 7, 5)
        base = Declared(PLAIN, (replace(user("one"), position=there),))
        (one,) = loosened(base, Declared(PLAIN))
        assert (one.position, one.at_base, one.aspect) == (there, True, Aspect.MANAGED)


class TestLists:
    """A list that was complete and has no key any more is told, unless none is managed anyway."""

    LISTED = (Listed("ann", HERE),)

    @pytest.mark.parametrize("before", [None, (), LISTED])
    @pytest.mark.parametrize("after", [None, (), LISTED])
    def test_members(
        self, before: tuple[Listed, ...] | None, after: tuple[Listed, ...] | None
    ) -> None:
        base = Declared(PLAIN, groups=(group("g", members=before),))
        now = Declared(PLAIN, groups=(group("g", members=after),))
        assert bool(told(base, now)) is (before is not None and after is None)

    @pytest.mark.parametrize("presence", [Presence.EXTERNAL, Presence.ABSENT])
    def test_members_of_what_is_not_ours_are_nobody_to_miss(self, presence: Presence) -> None:
        listed, plain = group("g", presence, members=self.LISTED), group("g")
        for before, after in ((listed, plain), (replace(plain, members=()), group("g", presence))):
            base, now = Declared(PLAIN, groups=(before,)), Declared(PLAIN, groups=(after,))
            assert not any("members" in line for line in told(base, now))

    @pytest.mark.parametrize("before", [True, False])
    @pytest.mark.parametrize("after", [True, False, None])
    def test_assignments(self, *, before: bool, after: bool | None) -> None:
        base = Declared(PLAIN, applications=(application(name="Payroll", managed=before),))
        entries = () if after is None else (application(name="Payroll", managed=after),)
        found = told(base, Declared(PLAIN, applications=entries))
        assert bool(found) is (before and not after)

    def test_where_no_list_is_managed_only_that_is_told(self) -> None:
        off = replace(PLAIN, memberships=ManageLinks.OFF, assignments=ManageLinks.OFF)
        groups, applications = (group("g", members=()),), (application(name="Payroll"),)
        base = Declared(PLAIN, groups=groups, applications=applications)
        now = Declared(off, groups=(group("g"),))
        assert told(base, now) == [
            "manage.memberships is off, was authoritative",
            "manage.assignments is off, was authoritative",
        ]
        assert told(replace(base, settings=off), now) == []

    @pytest.mark.parametrize("before", [None, False, True])
    @pytest.mark.parametrize("after", [None, False, True])
    def test_that_only_who_is_assigned_gets_in_is_checked(
        self,
        before: bool | None,  # noqa: FBT001 - a parameter of the test
        after: bool | None,  # noqa: FBT001
    ) -> None:
        entry = application(name="Payroll", managed=False)
        base = Declared(PLAIN, applications=(replace(entry, assignment_required=before),))
        now = Declared(PLAIN, applications=(replace(entry, assignment_required=after),))
        dropped = "application Payroll has no `assignment_required"
        assert told(base, now) == ([dropped] if before and not after else [])
        gone = ["application Payroll is not declared any more"] if before else []
        assert told(base, Declared(PLAIN)) == gone

    def test_an_application_may_be_named_in_other_words(self) -> None:
        base = Declared(PLAIN, applications=(application(name="Payroll"),))
        now = Declared(PLAIN, applications=(application(arn="arn:pay"),))
        assert told(base, now, PAYROLL) == []
        assert len(told(base, now)) == 1
        other = Application(ApplicationArn("arn:pay"), "Wiki")
        assert len(told(base, now, other)) == 1
        now = Declared(PLAIN, applications=(application(arn="arn:pay", managed=False),))
        assert len(told(base, now, PAYROLL)) == 1


class TestOwners:
    """An owner of what is privileged is missed, whatever they are called now."""

    ANN = DeclaredOwner(PrincipalKind.USER, "ann", HERE)
    SETTINGS = replace(
        PLAIN, guards=GuardSettings(privileged=PrivilegedNames(("admins",), ("Payroll",)))
    )

    def declared(self, *owners: DeclaredOwner, users: tuple[DeclaredUser, ...] = ()) -> Declared:
        groups = tuple(group(name, owners=owners) for name in ("admins", "plain"))
        names = ("Payroll", "Wiki")
        made = (replace(application(name=one, managed=False), owners=owners) for one in names)
        return Declared(self.SETTINGS, users, groups, tuple(made))

    def test_of_what_is_privileged_only(self) -> None:
        base = self.declared(self.ANN)
        leads = DeclaredOwner(PrincipalKind.GROUP, "ann", HERE)
        assert told(base, self.declared(leads)) == [
            "group/admins has no owner user/ann any more",
            "application Payroll has no owner user/ann any more",
        ]
        assert told(base, self.declared(leads, self.ANN)) == []
        assert told(self.declared(), base) == []

    def test_another_name_is_the_same_owner(self) -> None:
        users = (user("anna", previous_names=("Ann",)),)
        anna = DeclaredOwner(PrincipalKind.USER, "Anna", HERE)
        base = replace(self.declared(self.ANN), users=(user("ann"),))
        assert told(base, self.declared(anna, users=users)) == []


class TestReviews:
    """Who is looked at later, or never, is told; who is looked at sooner is not."""

    MONTHLY = ReviewTerms(Period(1, PeriodUnit.MONTH), (), HERE)
    RECORD = ReviewRecord(DAY, "ann", HERE)

    @pytest.mark.parametrize("kind", ["group", "application"])
    @pytest.mark.parametrize(
        ("terms", "record", "said"),
        [
            (None, RECORD, "is not reviewed any more"),
            (
                replace(MONTHLY, every=Period(5, PeriodUnit.WEEK)),
                RECORD,
                "is reviewed every 5 weeks",
            ),
            (replace(MONTHLY, every=Period(4, PeriodUnit.WEEK)), RECORD, None),
            (MONTHLY, None, "does not say any more when it was reviewed"),
            (MONTHLY, replace(RECORD, day=date(2026, 4, 1)), None),
        ],
    )
    def test_each_way(
        self, kind: str, terms: ReviewTerms | None, record: ReviewRecord | None, said: str | None
    ) -> None:
        base = self.declared(kind, self.MONTHLY, self.RECORD)
        found = told(base, self.declared(kind, terms, record))
        assert len(found) == (said is not None)
        assert (said or "") in "".join(found)

    def declared(
        self, kind: str, terms: ReviewTerms | None, record: ReviewRecord | None
    ) -> Declared:
        if kind == "group":
            return Declared(PLAIN, groups=(group("g", review=terms, reviewed=record),))
        made = replace(application(name="Wiki"), review=terms, reviewed=record)
        return Declared(PLAIN, applications=(made,))


class TestReviewers:
    """Who is not asked any more is told, be it as an owner, and with who is asked instead."""

    AT = Position("groups.yaml", 7, 3)
    ANN = DeclaredOwner(PrincipalKind.USER, "ann", AT)
    BOB = replace(ANN, name="bob")
    OWN = replace(ANN, name=OWNER)
    LEADS = DeclaredOwner(PrincipalKind.GROUP, "ann", AT)

    def declared(
        self,
        kind: str,
        owners: str,
        by: tuple[DeclaredOwner, ...],
        users: tuple[DeclaredUser, ...] = (),
    ) -> Declared:
        terms = ReviewTerms(Period(1, PeriodUnit.MONTH), by, HERE)
        people = tuple(DeclaredOwner(PrincipalKind.USER, one, self.AT) for one in owners.split())
        if kind == "group":
            groups = (group("g", review=terms, owners=people),)
            return Declared(PLAIN, users, groups)
        made = replace(application(name="Wiki"), review=terms, owners=people)
        return Declared(PLAIN, users, applications=(made,))

    @pytest.mark.parametrize("kind", ["group", "application"])
    @pytest.mark.parametrize(
        ("before", "after", "gone", "asked"),
        [
            (("", (ANN, BOB)), ("", (BOB,)), ["user/ann"], "user/bob"),
            (("", (ANN,)), ("", (BOB,)), ["user/ann"], "user/bob"),
            (("", (ANN,)), ("", (LEADS,)), ["user/ann"], "group/ann"),
            (("", (ANN,)), ("", (BOB, ANN)), [], ""),
            (("", (ANN, BOB)), ("", (BOB, ANN)), [], ""),
            (("ann", ()), ("bob", ()), ["user/ann"], "user/bob"),
            (("ann", ()), ("ann", (OWN,)), [], ""),
            (("ann", (OWN, BOB)), ("ann", ()), ["user/bob"], "user/ann"),
            (("ann bob", ()), ("ann", (BOB,)), ["user/ann"], "user/bob"),
            (("ann", (BOB,)), ("eve", (BOB,)), [], ""),
            (("ann", (BOB,)), ("ann", (OWN,)), ["user/bob"], "user/ann"),
        ],
    )
    def test_each_way(
        self,
        kind: str,
        before: tuple[str, tuple[DeclaredOwner, ...]],
        after: tuple[str, tuple[DeclaredOwner, ...]],
        gone: list[str],
        asked: str,
    ) -> None:
        found = loosened(self.declared(kind, *before), self.declared(kind, *after))
        called = "group/g" if kind == "group" else "application Wiki"
        assert [one.text for one in found] == [
            f"{called} is not reviewed by {one} any more: {asked} will be asked" for one in gone
        ]
        assert all(one.at_base and one.position == self.AT for one in found)
        assert {one.aspect for one in found} <= {Aspect.GUARDED}

    def test_another_name_is_the_same_person(self) -> None:
        anna = DeclaredOwner(PrincipalKind.USER, "Anna", HERE)
        base = self.declared("group", "", (self.ANN,), users=(user("ann"),))
        renamed = (user("anna", previous_names=("Ann",)),)
        assert told(base, self.declared("group", "", (anna,), users=renamed)) == []
        other = self.declared("group", "", (anna,), users=(user("ann"), user("anna")))
        assert told(base, other) == ["group/g is not reviewed by user/ann any more"]


class TestApprovals:
    """Each that the base does not have just so is told, with all of it."""

    APPROVAL = Approval("wipe", DAY, DAY, "because", ("user/ann", "user/bob"))

    def test_only_new_ones(self) -> None:
        moved = replace(self.APPROVAL, position=Position("approvals.yaml", 9, 5))
        base = Declared(PLAIN, approvals=(self.APPROVAL,))
        assert told(base, replace(base, approvals=(moved,))) == []
        assert told(base, Declared(PLAIN)) == []

    @pytest.mark.parametrize(
        "field", [one.name for one in dataclasses.fields(Approval) if one.compare]
    )
    def test_whatever_is_changed(self, field: str) -> None:
        values = {
            "guard": "protected",
            "on": date(2026, 3, 2),
            "expires": date(2026, 3, 9),
            "reason": "other",
            "addresses": ("user/eve",),
            "kind": "user",
            "count": 3,
            "approved_by": "Ann",
        }
        changed = replace(self.APPROVAL, **{field: values[field]})  # type: ignore[arg-type]
        base = Declared(PLAIN, approvals=(self.APPROVAL,))
        (one,) = loosened(base, replace(base, approvals=(changed,)))
        assert one.aspect is Aspect.APPROVED
        assert one.addresses == changed.addresses

    def test_in_words(self) -> None:
        counted = Approval("wipe", DAY, DAY, "because", kind="user", count=7, approved_by="Ann")
        now = Declared(PLAIN, approvals=(self.APPROVAL, counted))
        assert [one.text for one in loosened(Declared(PLAIN), now)] == [
            "new approval of wipe for 2 named, through 2026-03-01: because",
            "new approval of wipe for up to 7 of kind user, through 2026-03-01, by Ann: because",
        ]


class TestOrder:
    """What weighs most stands first, however much there is."""

    GUARDS = GuardSettings(
        protected=ProtectedNames(("root",), ("break-glass",), ("Pay*",)),
        privileged=PrivilegedNames(("admins",), ("arn:sales",)),
        administrators=("ann",),
        min_members=(MinMembers("Least", 1),),
        pinned_members=(PinnedMembers("Pinned", ("Peter",)),),
    )

    def test_guards_then_approvals_then_settings_then_what_guards_name(self) -> None:
        people = ("a", "root", "ann", "PETER", "b")
        groups = ("a", "admins", "break-glass", "LEAST", "PINNED", "b")
        base = Declared(
            replace(PLAIN, guards=self.GUARDS),
            tuple(map(user, people)),
            tuple(map(group, groups)),
            (
                application(name="Wiki"),
                application(name="Payroll"),
                application(name="Sales", arn="arn:sales"),
            ),
        )
        settings = replace(base.settings, ignore=Ignore(users=("x",)), rename_users=True)
        settings = replace(settings, guards=replace(self.GUARDS, wipe_from=9))
        now = Declared(settings, approvals=(TestApprovals.APPROVAL,))
        found = told(base, now)
        assert [line.split(" ")[0] for line in found[:4]] == [
            "guards.wipe_from",
            "new",
            "ignore.users",
            "manage.rename_users",
        ]
        assert {line.split(" is not")[0] for line in found[4:13]} == {
            "user/root",
            "user/ann",
            "user/PETER",
            "group/admins",
            "group/break-glass",
            "group/LEAST",
            "group/PINNED",
            "application Payroll",
            "application Sales, arn arn",
        }
        assert len(found) == 18

    def test_of_one_weight_what_is_said_now_stands_first_and_each_by_its_place(self) -> None:
        def at(line: int) -> Position:
            return Position("x.yaml", line, 1)

        names = ("a", "b", "c", "d")
        base = Declared(
            PLAIN,
            tuple(user(name, position=at(9 - line)) for line, name in enumerate(names)),
            applications=(replace(application(name="Payroll"), position=at(1)),),
        )
        external = (
            user("a", Presence.EXTERNAL, position=at(8)),
            user("b", Presence.EXTERNAL, position=at(7)),
        )
        found = loosened(base, Declared(PLAIN, external))
        assert [(one.at_base, one.position.line) for one in found] == [
            (False, 7),
            (False, 8),
            (True, 1),
            (True, 6),
            (True, 7),
        ]


class TestWhole:
    """What cannot be compared at all, and an instance that is gone, are told as one thing each."""

    def test_aspects_are_called_as_in_the_document_of_a_plan(self) -> None:
        assert [*Aspect] == ["guarded", "managed", "ignored", "approved"]

    def test_a_base_with_problems(self) -> None:
        assert (UNREADABLE.aspect, UNREADABLE.at_base) == (Aspect.GUARDED, True)
        assert UNREADABLE.position == Position("instance.yaml", 1, 1)

    @pytest.mark.parametrize(
        ("places", "line"), [({}, 1), ({("instance",): Position("instance.yaml", 4, 1)}, 4)]
    )
    def test_an_instance_that_is_gone(
        self, places: dict[SettingsPath, Position], line: int
    ) -> None:
        gone = dropped_instance(Declared(replace(PLAIN, places=places)))
        assert (gone.aspect, gone.at_base) == (Aspect.MANAGED, True)
        assert gone.position == Position("instance.yaml", line, 1)
        assert gone.text == (
            "instance main (d-1234567890) is not declared any more: nothing here manages it"
        )


class TestUnmatched:
    """A name in the settings that is neither declared nor live is told, and where it stands."""

    LIVE = State(
        users={UserKey("ann"): User(UserName("Ann"))},
        groups={GroupKey("break-glass"): Group(GroupName("break-glass"))},
        applications={PAYROLL.arn: PAYROLL},
    )

    def found(self, guards: GuardSettings, ignore: Ignore = Ignore()) -> list[str]:  # noqa: B008 - frozen
        settings = replace(PLAIN, guards=guards, ignore=ignore)
        declared = Declared(settings, (user("declared"),), (group("g", previous_names=("f",)),))
        return [one.text for one in unmatched(declared, self.LIVE, applications=True)]

    def test_what_is_declared_or_live_is_matched(self) -> None:
        guards = GuardSettings(
            protected=ProtectedNames(("ANN", "decl*"), ("break-*", "F"), ("payroll", "arn:*")),
            privileged=PrivilegedNames(("g",), ("Pay[rx]oll",)),
            administrators=("?nn",),
            min_members=(MinMembers("G", 1),),
            pinned_members=(PinnedMembers("break-glass", ("ann",)),),
        )
        assert self.found(guards, Ignore(("ann",), ("g",), ("*",))) == []

    @pytest.mark.parametrize(
        ("guards", "key", "meant"),
        [
            (GuardSettings(protected=ProtectedNames(users=("an",))), "protected.users", "Ann"),
            (
                GuardSettings(protected=ProtectedNames(groups=("brake-glass*",))),
                "protected.groups",
                "break-glass",
            ),
            (
                GuardSettings(protected=ProtectedNames(applications=("Payrol",))),
                "protected.applications",
                "Payroll",
            ),
            (
                GuardSettings(privileged=PrivilegedNames(groups=("brake-glass",))),
                "privileged.groups",
                "break-glass",
            ),
            (
                GuardSettings(privileged=PrivilegedNames(applications=("xyz",))),
                "privileged.applications",
                None,
            ),
            (GuardSettings(administrators=("*.root",)), "administrators", None),
            (
                GuardSettings(min_members=(MinMembers("breakglass", 1),)),
                "min_members.group",
                "break-glass",
            ),
            (
                GuardSettings(pinned_members=(PinnedMembers("zzz", ()),)),
                "pinned_members.group",
                None,
            ),
            (
                GuardSettings(pinned_members=(PinnedMembers("g", ("declard",)),)),
                "pinned_members.users",
                "declared",
            ),
        ],
    )
    def test_a_slip_is_told(self, guards: GuardSettings, key: str, meant: str | None) -> None:
        (text,) = self.found(guards)
        assert text.startswith(f'guards.{key}: "')
        advice = f'did you mean "{meant}"?' if meant else "correct it, or remove it"
        assert text.endswith(f"matches nothing that is declared or live; {advice}")

    @pytest.mark.parametrize(
        ("rule", "key"),
        [
            (MustExpire(groups=("brake-glass*",)), "must_expire.groups"),
            (MustExpire(applications=("Payrol",)), "must_expire.applications"),
        ],
    )
    def test_a_slip_in_a_policy_is_told(self, rule: MustExpire, key: str) -> None:
        (text,) = self.found(GuardSettings(policies=Policies(must_expire=rule)))
        assert text.startswith(f'{key}: "')

    def test_declared_applications_are_matched_by_name_and_by_arn(self) -> None:
        guards = GuardSettings(protected=ProtectedNames(applications=("wiki", "arn:crm", "zzz")))
        entries = (application(name="Wiki"), application(arn="arn:CRM"))
        declared = Declared(replace(PLAIN, guards=guards), applications=entries)
        (one,) = unmatched(declared, State(), applications=True)
        assert '"zzz" matches nothing' in one.text

    def test_stars_and_case_are_no_difference(self) -> None:
        guards = GuardSettings(administrators=("*MaX",), min_members=(MinMembers("GlasX", 1),))
        live = State({UserKey("max22"): User(UserName("MaX22"))})
        (administrator, group) = unmatched(
            Declared(replace(PLAIN, guards=guards)), live, applications=True
        )
        assert administrator.text.endswith('did you mean "MaX22"?')
        assert group.text.endswith("correct it, or remove it")

    def test_what_is_ignored_is_told_only_where_it_may_be_a_slip(self) -> None:
        ignore = Ignore(users=("zzz",), groups=("AWSControlTower*", "brake-glass"))
        (text,) = self.found(GuardSettings(), ignore)
        assert text.startswith('ignore.groups: "brake-glass" matches nothing')
        slips = Ignore(users=("an",), groups=("breakglass*",), applications=("Payrol",))
        assert [text.partition(":")[0] for text in self.found(GuardSettings(), slips)] == [
            "ignore.applications",
            "ignore.groups",
            "ignore.users",
        ]

    def test_without_what_is_live_only_what_may_be_a_slip_is_told(self) -> None:
        guards = GuardSettings(administrators=("zzz", "declard"))
        user = DeclaredUser(User(UserName("declared")), HERE)
        declared = Declared(replace(PLAIN, guards=guards), users=(user,))
        (one,) = unmatched(declared, None, applications=True)
        assert one.text == (
            'guards.administrators: "declard" matches nothing that is declared; '
            'did you mean "declared"?'
        )

    def test_applications_that_were_not_read_are_passed_over(self) -> None:
        guards = GuardSettings(
            protected=ProtectedNames(users=("nobody",), applications=("xyz",)),
            privileged=PrivilegedNames(applications=("xyz",)),
        )
        settings = replace(PLAIN, guards=guards, ignore=Ignore(applications=("Payrol",)))
        declared = Declared(settings, applications=(application(name="Payroll"),))
        (one,) = unmatched(declared, State(), applications=False)
        assert one.text.startswith("guards.protected.users: ")
        assert one.position == Position("instance.yaml", 1, 1)

    def test_each_leads_to_its_line(self, tmp_path: Path) -> None:
        instance = (Path(__file__).parents[2] / "invalid/instance.yaml").read_text("utf-8")
        (tmp_path / "instance.yaml").write_text(instance + SLIPS, "utf-8")
        found = unmatched(load(tmp_path), self.LIVE, applications=True)
        lines = (instance + SLIPS).splitlines()
        slips = [number for number, line in enumerate(lines, 1) if "# slip" in line]
        assert [one.position.line for one in found] == slips


SLIPS = """\
guards:
  protected:
    users:
      - Ann
      - slip-1  # slip
    groups:
      - break-glass
      - slip-2  # slip
    applications:
      - Payroll
      - slip-3  # slip
  privileged:
    groups:
      - break-glass
      - slip-4  # slip
    applications:
      - slip-5  # slip
  administrators:
    - slip-6  # slip
    - ann
    - slip-7  # slip
  min_members:
    - group: break-glass
      least: 1
    - group: slip-8  # slip
      least: 1
  pinned_members:
    - group: break-glass
      users:
        - ann
        - slip-9  # slip
    - group: slip-10  # slip
      users: []
ignore:
  users:
    - any*
    - an  # slip
  groups:
    - any*
    - brake-glass  # slip
  applications:
    - any*
    - Payrol  # slip
"""
