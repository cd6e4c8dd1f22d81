"""Access: single cases that a random world seldom meets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.access import Impact, Path, Route, access_changes
from identity_reconciler.core.access_facts import Known, MissingFacts, missing_facts
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update, ordered
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)

ANA, BOB, CARLA = (User(UserName(name)) for name in ("Ana", "bob", "carla"))
DATA, OPS = (Group(GroupName(name)) for name in ("Data", "ops"))
WIKI, PAYROLL = (
    Application(ApplicationArn(f"arn:aws:sso::111122223333:application/ssoins-1/apl-{n}"), name)
    for n, name in enumerate(("Wiki", "Payroll"))
)
OF_DATA = Principal(PrincipalKind.GROUP, "data")
OF_OPS = Principal(PrincipalKind.GROUP, "ops")
OF_ANA = Principal(PrincipalKind.USER, "ana")
OF_BOB = Principal(PrincipalKind.USER, "bob")

LIVE = State(
    users={user_key(one.user_name): one for one in (ANA, BOB, CARLA)},
    groups={group_key(one.name): one for one in (DATA, OPS)},
    members={group_key("data"): frozenset({UserKey("ana"), UserKey("bob")})},
    applications={one.arn: one for one in (WIKI, PAYROLL)},
    assignments={WIKI.arn: frozenset({OF_DATA})},
)
SCIENCE = Rename(DATA, Group(GroupName("Science")))
ROBERT = Rename(BOB, User(UserName("robert")))


def joins(group: str, user: str) -> Create:
    return Create(Membership(GroupName(group), UserName(user)))


def leaves(group: str, user: str) -> Delete:
    return Delete(Membership(GroupName(group), UserName(user)))


def lines(plan: Plan, live: State = LIVE) -> list[str]:
    return [
        f"{one.user} {one.effect} {one.application_name} {', '.join(map(str, one.paths))}"
        for one in access_changes(Impact.of(plan, live))
    ]


class TestAccessChanges:
    """Losses come first, in words that a reviewer knows from the YAML."""

    def test_tells_effect_person_application_and_path(self) -> None:
        plan = Plan((leaves("Data", "bob"), joins("Data", "carla")))
        assert lines(plan) == ["bob loses Wiki through Data", "carla gains Wiki through Data"]

    def test_tells_every_path(self) -> None:
        live = replace(
            LIVE, members={**LIVE.members, group_key("ops"): frozenset({UserKey("carla")})}
        )
        plan = Plan(
            (
                Create(Assignment(PAYROLL.arn, Principal(PrincipalKind.USER, "carla"))),
                Create(Assignment(PAYROLL.arn, OF_OPS)),
            )
        )
        assert lines(plan, live) == ["carla gains Payroll directly, through ops"]

    def test_tells_the_paths_in_order(self) -> None:
        groups = [Group(GroupName(f"g{n:02}")) for n in range(12)]
        keys = [group_key(one.name) for one in groups]
        live = replace(
            LIVE,
            groups=dict(zip(keys, groups, strict=True)),
            members=dict.fromkeys(keys, frozenset({UserKey("bob")})),
            assignments={WIKI.arn: frozenset(Principal(PrincipalKind.GROUP, key) for key in keys)},
        )
        through = ", ".join(f"through {key}" for key in keys)
        assert lines(Plan((Delete(BOB),)), live) == [f"bob loses Wiki {through}"]

    def test_says_nothing_of_who_keeps_access_by_another_path(self) -> None:
        live = replace(LIVE, assignments={WIKI.arn: frozenset({OF_DATA, OF_BOB})})
        assert lines(Plan((leaves("Data", "bob"),)), live) == []

    def test_everyone_can_open_what_requires_no_assignment(self) -> None:
        is_open = replace(WIKI, assignment_required=False)
        live = replace(LIVE, applications={WIKI.arn: is_open, PAYROLL.arn: PAYROLL})
        dora = Create(User(UserName("dora")))
        plan = Plan((dora, leaves("Data", "bob"), Delete(BOB), joins("Data", "dora")))
        assert lines(plan, live) == [
            "bob loses Wiki everyone: no assignment required",
            "dora gains Wiki everyone: no assignment required",
        ]

    def test_a_renamed_person_who_loses_is_called_by_the_new_name(self) -> None:
        plan = Plan((leaves("Data", "bob"), ROBERT, SCIENCE))
        assert lines(plan) == ["robert loses Wiki through Data"]

    def test_a_name_that_is_given_on_is_another_person(self) -> None:
        """Bob becomes robert and keeps his access; a new bob arrives and gains it."""
        plan = Plan((ROBERT, Create(BOB), joins("Data", "bob")))
        assert lines(plan) == ["bob gains Wiki through Data"]

    def test_an_application_known_by_its_arn_only_has_no_name(self) -> None:
        live = replace(LIVE, applications={})
        assert lines(Plan((leaves("Data", "bob"),)), live) == ["bob loses  through Data"]

    def test_the_order_is_effect_then_person_then_application(self) -> None:
        """Losses first, people in any case, applications by name and, of one name, by ARN."""
        twin = replace(WIKI, arn=ApplicationArn("arn:aws:sso::111122223333:application/a-twin"))
        zoe = User(UserName("Zoe"))
        live = replace(
            LIVE,
            users={**LIVE.users, user_key("zoe"): zoe},
            members={
                group_key("data"): frozenset({UserKey("ana"), UserKey("bob"), UserKey("zoe")})
            },
            applications={**LIVE.applications, twin.arn: twin},
            assignments=dict.fromkeys((WIKI.arn, twin.arn, PAYROLL.arn), frozenset({OF_DATA})),
        )
        plan = Plan((leaves("Data", "Zoe"), leaves("Data", "bob"), joins("Data", "carla")))
        found = access_changes(Impact.of(plan, live))
        assert [(one.effect, one.user, one.application) for one in found] == [
            (effect, user, application)
            for effect, user in (("loses", "bob"), ("loses", "Zoe"), ("gains", "carla"))
            for application in (PAYROLL.arn, twin.arn, WIKI.arn)
        ]

    def test_paths_in_words(self) -> None:
        assert str(Path(Route.DIRECT)) == "directly"
        assert str(Path(Route.GROUP, "Data")) == "through Data"


class TestAtStake:
    """Only what may change for someone is looked at."""

    def test_renames_and_updates_put_nothing_at_stake(self) -> None:
        plan = Plan((ROBERT, SCIENCE, Update(CARLA, replace(CARLA, title="Boss"))))
        assert Impact.of(plan, LIVE).at_stake == {}

    def test_removing_an_orphaned_assignment_puts_nothing_at_stake(self) -> None:
        orphan = Principal(PrincipalKind.GROUP, "gone-id", orphan=True)
        live = replace(LIVE, assignments={WIKI.arn: frozenset({orphan, OF_DATA})})
        plan = Plan((Delete(Assignment(WIKI.arn, orphan)),))
        assert Impact.of(plan, live).at_stake == {}

    def test_who_goes_along_with_orphans_is_at_stake(self) -> None:
        orphans = {Principal(PrincipalKind.GROUP, f"gone-{n}", orphan=True) for n in range(9)}
        live = replace(LIVE, assignments={WIKI.arn: frozenset({*orphans, OF_BOB})})
        plan = Plan(tuple(Delete(Assignment(WIKI.arn, one)) for one in (*orphans, OF_BOB)))
        assert Impact.of(plan, live).at_stake == {WIKI.arn: {"bob"}}

    def test_only_what_a_changed_group_is_assigned_to_is_at_stake(self) -> None:
        live = replace(
            LIVE, assignments={WIKI.arn: frozenset({OF_DATA}), PAYROLL.arn: frozenset({OF_OPS})}
        )
        plan = Plan((leaves("Data", "bob"),))
        assert Impact.of(plan, live).at_stake == {WIKI.arn: {"bob"}}

    def test_only_who_comes_and_goes_is_at_stake(self) -> None:
        plan = Plan((leaves("Data", "bob"), SCIENCE))
        assert Impact.of(plan, LIVE).at_stake == {WIKI.arn: {"bob"}}


class TestAfterPlan:
    """What the planner never plans still has a state after it."""

    def test_an_assignment_left_behind_is_an_orphan(self) -> None:
        after = Impact.of(Plan((Delete(DATA),)), LIVE).after
        assert after.assignments == {WIKI.arn: {replace(OF_DATA, orphan=True)}}
        assert after.members == {}

    def test_people_keep_a_manager_who_is_renamed(self) -> None:
        managed = replace(ANA, manager=UserName("BOB"))
        live = replace(LIVE, users={**LIVE.users, user_key("ana"): managed})
        after = Impact.of(Plan((ROBERT,)), live).after
        assert after.users[user_key("ana")].manager == "robert"

    def test_what_is_not_known_stays_unknown(self) -> None:
        after = Impact.of(Plan((Rename(OPS, Group(GroupName("operations"))),)), LIVE).after
        assert group_key("operations") not in after.members


def lacking(plan: Plan, live: State, known: Known) -> MissingFacts:
    return missing_facts(Impact.of(plan, live), known)


class TestMissingFacts:
    """First the touched groups, then the applications at stake, then the people."""

    plan = Plan(ordered((leaves("Data", "bob"), joins("Science", "carla"), SCIENCE, ROBERT)))

    def test_of_an_empty_plan_are_none(self) -> None:
        assert not lacking(Plan(), LIVE, Known())

    def test_begin_with_the_groups_under_their_live_names(self) -> None:
        assert lacking(self.plan, LIVE, Known()) == MissingFacts(principals=(OF_DATA,))
        only_joins = Plan((SCIENCE, joins("Science", "carla")))
        assert lacking(only_joins, LIVE, Known()) == MissingFacts(principals=(OF_DATA,))

    def test_begin_with_the_groups_until_all_of_them_is_known(self) -> None:
        plan = Plan((leaves("Data", "bob"),))
        for known in (
            Known(members_of=frozenset({group_key("data")})),
            Known(every_application=True),
            Known(members_of=frozenset({group_key("ops")}), every_application=True),
        ):
            assert lacking(plan, LIVE, known) == MissingFacts(principals=(OF_DATA,))

    @pytest.mark.parametrize(
        ("change", "asked"),
        [
            (leaves("Data", "bob"), (OF_DATA,)),
            (joins("Data", "carla"), (OF_DATA,)),
            (Delete(DATA), (OF_DATA,)),
            (Delete(ANA), (OF_DATA,)),
            (Delete(CARLA), ()),
            (Create(Assignment(PAYROLL.arn, OF_DATA)), (OF_DATA,)),
            (Delete(Assignment(WIKI.arn, OF_DATA)), (OF_DATA,)),
            (Create(Assignment(PAYROLL.arn, OF_BOB)), ()),
            (Delete(Assignment(WIKI.arn, replace(OF_DATA, orphan=True))), ()),
            (SCIENCE, ()),
        ],
    )
    def test_begin_with_the_groups_that_a_change_touches(
        self, change: Change, asked: tuple[Principal, ...]
    ) -> None:
        members = {**LIVE.members, group_key("ops"): frozenset({UserKey("zoe")})}
        found = lacking(Plan((change,)), replace(LIVE, members=members), Known())
        assert found.principals == asked

    def test_are_sorted(self) -> None:
        names = [f"g{n:02}" for n in range(20)]
        groups = {group_key(name): Group(GroupName(name)) for name in reversed(names)}
        arns = [ApplicationArn(f"arn:{n:02}") for n in range(20)]
        live = replace(
            LIVE,
            groups=groups,
            assignments=dict.fromkeys(reversed(arns), frozenset({OF_BOB})),
        )
        plan = Plan(tuple(joins(name, "carla") for name in reversed(names)))
        principals = tuple(Principal(PrincipalKind.GROUP, name) for name in names)
        assert lacking(plan, live, Known()) == MissingFacts(principals=principals)
        plan = Plan(tuple(Delete(Assignment(arn, OF_BOB)) for arn in arns))
        assert lacking(plan, live, Known()) == MissingFacts(applications=tuple(arns))
        users = {user_key(name): User(UserName(name)) for name in names}
        live = replace(LIVE, users=users, assignments={WIKI.arn: frozenset({OF_DATA, OF_OPS})})
        known = Known(principals=frozenset({OF_DATA}), assignments_of=frozenset({WIKI.arn}))
        plan = Plan(tuple(joins("Data", name) for name in names))
        assert lacking(plan, live, known).principals == tuple(
            Principal(PrincipalKind.USER, name) for name in names
        )

    def test_add_up(self) -> None:
        first = Known().with_facts(MissingFacts((OF_DATA,), (WIKI.arn,)))
        assert first == Known(principals=frozenset({OF_DATA}), assignments_of=frozenset({WIKI.arn}))
        assert first.with_facts(MissingFacts((OF_OPS,), (PAYROLL.arn,))) == Known(
            principals=frozenset({OF_DATA, OF_OPS}),
            assignments_of=frozenset({WIKI.arn, PAYROLL.arn}),
        )

    def test_begin_with_the_applications_when_all_are_declared(self) -> None:
        known = Known(members_of=frozenset({group_key("data")}), every_application=True)
        assert lacking(self.plan, LIVE, known) == MissingFacts(applications=(WIKI.arn,))

    def test_end_with_the_people_who_may_have_another_path(self) -> None:
        live = replace(LIVE, assignments={WIKI.arn: frozenset({OF_DATA, OF_OPS})})
        known = Known(principals=frozenset({OF_DATA}), assignments_of=frozenset({WIKI.arn}))
        carla = Principal(PrincipalKind.USER, "carla")
        assert lacking(self.plan, live, known) == MissingFacts(principals=(OF_BOB, carla))
        assert not lacking(
            self.plan, live, replace(known, members_of=frozenset({group_key("ops")}))
        )

    def test_only_groups_whose_members_are_not_known_are_another_path(self) -> None:
        """A user, or what is left of a group, is none."""
        orphan = Principal(PrincipalKind.GROUP, "gone-id", orphan=True)
        live = replace(LIVE, assignments={WIKI.arn: frozenset({OF_DATA, OF_ANA, orphan})})
        known = Known(principals=frozenset({OF_DATA}), assignments_of=frozenset({WIKI.arn}))
        assert not lacking(self.plan, live, known)

    def test_never_name_a_person_who_is_yet_to_be_created(self) -> None:
        live = replace(LIVE, assignments={WIKI.arn: frozenset({OF_DATA, OF_OPS})})
        known = Known(principals=frozenset({OF_DATA}), assignments_of=frozenset({WIKI.arn}))
        plan = Plan((Create(User(UserName("dora"))), joins("Data", "dora"), joins("Data", "carla")))
        carla = Principal(PrincipalKind.USER, "carla")
        assert lacking(plan, live, known) == MissingFacts(principals=(carla,))

    def test_never_name_a_group_that_is_yet_to_be_created(self) -> None:
        new = Create(Group(GroupName("new")))
        assert not lacking(Plan((new, joins("new", "bob"))), LIVE, Known())

    def test_cost_two_requests_each(self) -> None:
        assert MissingFacts(principals=(OF_ANA, OF_DATA), applications=(WIKI.arn,)).requests == 6
