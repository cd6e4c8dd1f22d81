"""Policies against an oracle that walks every way somebody may have something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.core.access import Impact
from identity_reconciler.core.access_reviews import with_lapses
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    ReviewRecord,
    ReviewTerms,
    Settings,
)
from identity_reconciler.core.flattening import flattened
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    GuardId,
    GuardSettings,
    MaxMembers,
    MustExpire,
    Policies,
    PrivilegedNames,
    SeparatedDuties,
)
from identity_reconciler.core.guards import Verdict, check_plan, gather
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.plan import Delete
from identity_reconciler.core.policies import violations
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from tests.strategies import HERE, INSTANCE, NOW

USERS = ("ann", "bob", "eve")
GROUPS = ("approve", "submit", "staff")
APPLICATIONS = ("Payroll", "Ledger")
FEW = settings(max_examples=60)
Links = dict[str, frozenset[str]]


def links(keys: tuple[str, ...], values: tuple[str, ...]) -> st.SearchStrategy[Links]:
    return st.fixed_dictionaries({key: st.frozensets(st.sampled_from(values)) for key in keys})


@st.composite
def directories(draw: st.DrawFn) -> tuple[Links, Links, Links, frozenset[str]]:
    """Return who is in which group, assigned alone, by which group, and what is open to all."""
    return (
        draw(links(GROUPS, USERS)),
        draw(links(APPLICATIONS, USERS)),
        draw(links(APPLICATIONS, GROUPS)),
        frozenset(draw(st.sampled_from([(), ("Payroll",), ("Ledger",)]))),
    )


def policies() -> st.SearchStrategy[SeparatedDuties]:
    names = st.tuples(
        st.lists(st.sampled_from(GROUPS), unique=True, min_size=1, max_size=3),
        st.lists(st.sampled_from(APPLICATIONS), unique=True, min_size=1, max_size=2),
    )
    return names.map(lambda pair: SeparatedDuties(tuple(pair[0]), tuple(pair[1])))


def has(user: str, thing: str, world: tuple[Links, Links, Links, frozenset[str]]) -> bool:
    """The oracle: walk every way from a person to a thing."""
    members, alone, through, everyone = world
    if thing in GROUPS:
        return user in members[thing]
    if thing in everyone or user in alone[thing]:
        return True
    return any(user in members[group] for group in through[thing])


def broken(entry: SeparatedDuties, world: tuple[Links, Links, Links, frozenset[str]]) -> set[str]:
    return {
        f"access/{user}/{one}/{other}"
        for user in USERS
        for one, other in combinations((*entry.groups, *entry.applications), 2)
        if has(user, one, world) and has(user, other, world)
    }


def declare(
    world: tuple[Links, Links, Links, frozenset[str]], policy: Policies, links: ManageLinks
) -> Declared:
    members, alone, through, everyone = world
    budgets = Budgets(*[DeleteBudget(99, 100, 99)] * 6)
    guards = GuardSettings(budgets=budgets, wipe_from=99, policies=policy)
    gone = (Listed("eve", HERE, NOW), Listed("bob", HERE, NOW - timedelta(days=1)))
    return Declared(
        Settings(INSTANCE, memberships=links, assignments=links, guards=guards),
        tuple(DeclaredUser(User(UserName(name)), HERE) for name in USERS),
        tuple(
            DeclaredGroup(
                Group(GroupName(name)),
                HERE,
                # Whoever is not in there has been, which no longer counts.
                members=(
                    *(Listed(one, HERE) for one in sorted(members[name])),
                    *(one for one in gone if one.name not in members[name]),
                ),
            )
            for name in GROUPS
        ),
        tuple(
            DeclaredApplication(
                ApplicationSelector(name=name),
                HERE,
                tuple(Listed(one, HERE) for one in sorted(alone[name])),
                tuple(Listed(one, HERE) for one in sorted(through[name])),
                assignment_required=name not in everyone,
            )
            for name in APPLICATIONS
        ),
    )


def live_as(world: tuple[Links, Links, Links, frozenset[str]], members: Links) -> State:
    """Return applications that are open as in *world*, and *members* in the groups."""
    everyone = world[3]
    arns = {name: ApplicationArn(f"arn:{name}") for name in APPLICATIONS}
    return State(
        users={user_key(name): User(UserName(name)) for name in USERS},
        groups={group_key(name): Group(GroupName(name)) for name in GROUPS},
        members={group_key(name): frozenset(map(user_key, some)) for name, some in members.items()},
        applications={
            arn: Application(arn, name, assignment_required=name not in everyone)
            for name, arn in arns.items()
        },
        assignments={arns["Payroll"]: frozenset({Principal(PrincipalKind.GROUP, "staff")})},
    )


def judged(declared: Declared, live: State) -> dict[GuardId, Verdict]:
    made = compare_closely(declared, live, NOW)
    evidence = gather(made, Impact.of(made.plan, live))
    return {one.guard: one for one in check_plan(evidence, declared.settings.guards, (), NOW)}


class TestSeparationOfDuties:
    """Nobody has two of what is kept apart, by whatever ways."""

    @given(world=directories(), entry=policies())
    @FEW
    def test_in_the_yaml(
        self, world: tuple[Links, Links, Links, frozenset[str]], entry: SeparatedDuties
    ) -> None:
        declared = declare(world, Policies((entry,)), ManageLinks.AUTHORITATIVE)
        found = {one.address for one in violations(declared, NOW)}
        assert found == broken(entry, world)

    @given(world=directories(), entry=policies(), strangers=links(GROUPS, USERS))
    @FEW
    def test_after_a_plan_that_leaves_strangers(
        self,
        world: tuple[Links, Links, Links, frozenset[str]],
        entry: SeparatedDuties,
        strangers: Links,
    ) -> None:
        declared = declare(world, Policies((entry,)), ManageLinks.ADDITIVE)
        live = live_as(world, strangers)
        members, alone, through, everyone = world
        # Nobody is removed, not even who has expired.
        together = {name: members[name] | strangers[name] for name in GROUPS}
        assigned = through | {"Payroll": through["Payroll"] | {"staff"}}
        made = compare_closely(declared, live, NOW).plan
        verdict = judged(declared, live)[GuardId.SEPARATION_OF_DUTIES]
        wrong = broken(entry, (together, alone, assigned, everyone))
        expected = sorted(wrong) if made else []
        assert verdict.count == len(expected)
        assert list(verdict.addresses) == expected[:20]


class TestMaxMembers:
    """The members of a group are counted when all is done, strangers included."""

    @given(members=links(GROUPS, USERS), most=st.integers(0, 3))
    @FEW
    def test_in_the_yaml_and_after_a_plan(self, members: Links, most: int) -> None:
        none: Links = dict.fromkeys(APPLICATIONS, frozenset())
        world = (members, none, none, frozenset[str]())
        policy = Policies(max_members=(MaxMembers("S*", most), MaxMembers("submit", 1)))
        declared = declare(world, policy, ManageLinks.AUTHORITATIVE)
        limits = {"staff": most, "submit": min(most, 1)}
        wrong = {f"group/{name}" for name, least in limits.items() if len(members[name]) > least}
        assert {one.address for one in violations(declared, NOW)} == wrong
        live = live_as(world, dict.fromkeys(GROUPS, frozenset({"ann"})))
        made = compare_closely(declared, live, NOW).plan.changes
        verdict = judged(declared, live)[GuardId.MAX_MEMBERS]
        # What is only taken away is not held up by what stays.
        taken = made and all(isinstance(one, Delete) for one in made)
        assert set(verdict.addresses) == (set[str]() if taken else wrong)


class TestMaxDuration:
    """Whoever is listed where it is privileged expires in time; at the last instant is in time."""

    @given(ends=st.lists(st.none() | st.integers(-1, 3), max_size=4), name=st.sampled_from(GROUPS))
    @FEW
    def test_of_a_group_and_an_application(self, ends: list[int | None], name: str) -> None:
        guards = GuardSettings(
            policies=Policies(max_duration=2),
            privileged=PrivilegedNames(groups=("s*",), applications=("Led*",)),
        )
        links = tuple(
            Listed(f"u{number}", HERE, None if days is None else NOW + timedelta(days=days))
            for number, days in enumerate(ends)
        )
        declared = Declared(
            Settings(INSTANCE, guards=guards),
            groups=(DeclaredGroup(Group(GroupName(name)), HERE, members=links),),
            applications=(DeclaredApplication(ApplicationSelector(name="Ledger"), HERE, links),),
        )
        late = [f"u{at}" for at, days in enumerate(ends) if days is None or days > 2]
        expected = {f"assignment/Ledger/user/{user}" for user in late}
        if name != "approve":
            expected |= {f"membership/{name}/{user}" for user in late}
        assert {one.address for one in violations(declared, NOW)} == expected

    @pytest.mark.parametrize(
        ("starts", "days", "told"), [(-9, 2, 0), (-9, 3, 1), (9, 11, 0), (9, 12, 1)]
    )
    def test_what_is_yet_to_start_lasts_from_then_on(
        self, starts: int, days: int, told: int
    ) -> None:
        guards = GuardSettings(
            policies=Policies(max_duration=2), privileged=PrivilegedNames(groups=("staff",))
        )
        listed = spanned("ann", (starts, days))
        group = DeclaredGroup(Group(GroupName("staff")), HERE, members=(listed,))
        declared = Declared(Settings(INSTANCE, guards=guards), groups=(group,))
        assert len(list(violations(declared, NOW))) == told


SPANS = st.tuples(
    st.none() | st.integers(-2, 4), st.none() | st.integers(-2, 5).map(lambda day: day + 0.5)
)
"""From which day until which day something holds; None: from ever, or for ever."""


def spanned(name: str, span: tuple[int | None, float | None]) -> Listed:
    starts, expires = (None if day is None else NOW + timedelta(days=day) for day in span)
    return Listed(name, HERE, expires, starts=starts)


def holds_on(day: float, span: tuple[int | None, float | None]) -> bool:
    """The oracle: whether something holds at an instant, so many days from now."""
    starts, expires = span
    return (starts is None or starts <= day) and (expires is None or day < expires)


Spans = Mapping[tuple[str, str], tuple[int | None, float | None]]


class TestToCome:
    """What will be broken when something starts is told at once: quarters of days are tried."""

    DAYS = tuple(quarter / 4 for quarter in range(28))
    TWO = st.dictionaries(
        st.sampled_from([(group, user) for group in GROUPS[:2] for user in USERS]), SPANS
    )

    def declared(self, spans: Spans) -> Declared:
        policy = Policies(
            separation_of_duties=(SeparatedDuties(GROUPS[:2], ()),),
            max_members=(MaxMembers("approve", 1),),
            no_direct_assignments=("Payroll",),
        )
        listed = {
            group: tuple(spanned(user, span) for (one, user), span in spans.items() if one == group)
            for group in GROUPS[:2]
        }
        return Declared(
            Settings(INSTANCE, guards=GuardSettings(policies=policy)),
            tuple(DeclaredUser(User(UserName(name)), HERE) for name in USERS),
            tuple(
                DeclaredGroup(Group(GroupName(name)), HERE, members=some)
                for name, some in listed.items()
            ),
            (DeclaredApplication(ApplicationSelector(name="Payroll"), HERE, listed["approve"]),),
        )

    @given(spans=TWO)
    @FEW
    def test_whenever_it_is(self, spans: Spans) -> None:
        together, crowded = set[str](), set[str]()
        for day in self.DAYS:
            has = {link for link, span in spans.items() if holds_on(day, span)}
            both = [user for user in USERS if {(one, user) for one in GROUPS[:2]} <= has]
            together |= {f"access/{user}/approve/submit" for user in both}
            if sum(one == "approve" for one, _ in has) > 1:
                crowded.add("group/approve")
        direct = {
            f"assignment/Payroll/user/{user}"
            for (group, user), (_, expires) in spans.items()
            if group == "approve" and (expires is None or expires > 0)
        }
        found = [(one.guard, one.address) for one in violations(self.declared(spans), NOW)]
        assert sorted(found) == sorted(
            [(GuardId.SEPARATION_OF_DUTIES, one) for one in together]
            + [(GuardId.MAX_MEMBERS, one) for one in crowded]
            + [(GuardId.NO_DIRECT_ASSIGNMENTS, one) for one in direct]
        )

    def test_it_is_told_from_when_on(self) -> None:
        spans = {("approve", "ann"): (None, None), ("submit", "ann"): (3, None)}
        (said,) = (
            one.problem.message
            for one in violations(self.declared(spans), NOW)
            if one.guard is GuardId.SEPARATION_OF_DUTIES
        )
        start = f"{NOW + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
        assert said.startswith(f"separation_of_duties: from {start} on ann has both")


class TestMustExpire:
    """Whoever is listed where it is asked for has an end of their own, whatever that is."""

    @given(
        ends=st.lists(st.sampled_from([None, NOW, NOW + timedelta(days=1)]), max_size=3),
        name=st.sampled_from(GROUPS),
        rule=st.sampled_from(
            [
                MustExpire(groups=("S*",)),
                MustExpire(applications=("led*",)),
                MustExpire(privileged=True),
                MustExpire(groups=("approve",), privileged=True),
            ]
        ),
    )
    @FEW
    def test_of_a_group_and_an_application(
        self, ends: list[datetime | None], name: str, rule: MustExpire
    ) -> None:
        guards = GuardSettings(
            policies=Policies(must_expire=rule), privileged=PrivilegedNames(groups=("staff",))
        )
        links = tuple(Listed(f"u{at}", HERE, end) for at, end in enumerate(ends))
        declared = Declared(
            Settings(INSTANCE, guards=guards),
            groups=(DeclaredGroup(Group(GroupName(name)), HERE, members=links),),
            applications=(DeclaredApplication(ApplicationSelector(name="Ledger"), HERE, links),),
        )
        endless = [f"u{at}" for at, end in enumerate(ends) if end is None]
        named = {
            "staff": bool(rule.groups == ("S*",) or rule.privileged),
            "submit": rule.groups == ("S*",),
            "approve": rule.groups == ("approve",),
        }
        expected = {f"membership/{name}/{user}" for user in endless if named[name]}
        if rule.applications:
            expected |= {f"assignment/Ledger/user/{user}" for user in endless}
        assert {one.address for one in violations(declared, NOW)} == expected


class TestReasons:
    """A reason, and whatever has a date, says what the pattern wants from end to end."""

    @given(
        items=st.lists(
            st.tuples(
                st.sampled_from([None, "T-1", "T-1 and more", "see T-1", "for now"]),
                st.sampled_from([None, NOW, NOW + timedelta(days=1)]),
                st.booleans(),
            ),
            max_size=3,
        ),
        pattern=st.sampled_from(["T-[0-9]+", "T-1.*", ".+", ""]),
    )
    @FEW
    def test_of_a_group_and_an_application(
        self, items: list[tuple[str | None, datetime | None, bool]], pattern: str
    ) -> None:
        good = {
            "T-[0-9]+": {"T-1"},
            "T-1.*": {"T-1", "T-1 and more"},
            ".+": {"T-1", "T-1 and more", "see T-1", "for now"},
        }
        links = tuple(
            Listed(f"u{at}", HERE, end, reason, starts=NOW - timedelta(days=1) if starts else None)
            for at, (reason, end, starts) in enumerate(items)
        )
        guards = GuardSettings(policies=Policies(reason_pattern=pattern))
        declared = Declared(
            Settings(INSTANCE, guards=guards),
            groups=(DeclaredGroup(Group(GroupName("staff")), HERE, members=links),),
            applications=(
                DeclaredApplication(ApplicationSelector(name="Ledger"), HERE, groups=links),
            ),
        )
        wrong = [
            f"u{at}"
            for at, (reason, end, starts) in enumerate(items)
            if pattern and end != NOW and reason not in good[pattern]
            if reason is not None or end is not None or starts
        ]
        expected = {f"membership/staff/{user}" for user in wrong}
        expected |= {f"assignment/Ledger/group/{user}" for user in wrong}
        assert {one.address for one in violations(declared, NOW)} == expected


class TestReviews:
    """That a review would end something gives it neither an end of its own nor a reason."""

    def test_what_is_written_counts(self) -> None:
        terms = ReviewTerms(Period(1, PeriodUnit.MONTH), (), HERE)
        last = ReviewRecord(NOW.date(), "ann", HERE)
        links = (
            Listed("bare", HERE),
            Listed("ends", HERE, NOW + timedelta(days=999), "T-1"),
        )
        group = DeclaredGroup(
            Group(GroupName("staff")), HERE, members=links, review=terms, reviewed=last
        )
        policy = Policies(must_expire=MustExpire(groups=("staff",)), reason_pattern="T-[0-9]")
        guards = GuardSettings(policies=policy, review_grace=Period(1, PeriodUnit.DAY))
        declared = with_lapses(Declared(Settings(INSTANCE, guards=guards), groups=(group,)))
        assert all(one.expires != NOW for one in declared.groups[0].members or ())
        found = [(one.guard, one.address) for one in violations(declared, NOW)]
        assert found == [(GuardId.MUST_EXPIRE, "membership/staff/bare")]


class TestIncluded:
    """What comes by another group is judged by where it comes, and its reason where it is said."""

    def declared(self, policies: Policies, grace: Period | None = None) -> Declared:
        terms = ReviewTerms(Period(1, PeriodUnit.MONTH), (), HERE)
        last = ReviewRecord(NOW.date(), "ann", HERE)
        crew = DeclaredGroup(
            Group(GroupName("crew")),
            replace(HERE, line=2),
            members=(Listed("ann", HERE, starts=NOW + timedelta(days=2)), Listed("bob", HERE)),
        )
        staff = DeclaredGroup(
            Group(GroupName("staff")),
            HERE,
            members=(),
            include=(Listed("crew", HERE, NOW + timedelta(days=9), "for now"),),
            review=terms,
            reviewed=last,
        )
        guards = GuardSettings(policies=policies, review_grace=grace)
        users = tuple(DeclaredUser(User(UserName(name)), HERE) for name in USERS)
        made = Declared(Settings(INSTANCE, guards=guards), users, groups=(crew, staff))
        return flattened(with_lapses(made))

    def found(self, declared: Declared) -> list[str]:
        return [one.address for one in violations(declared, NOW)]

    def test_reasons_are_judged_where_they_are_written(self) -> None:
        policies = Policies(reason_pattern="T-[0-9]+")
        assert self.found(self.declared(policies)) == ["membership/crew/ann", "group/staff"]

    def test_the_first_end_along_the_way_is_one(self) -> None:
        policies = Policies(must_expire=MustExpire(groups=("staff",)))
        assert self.found(self.declared(policies)) == []
        day = Period(1, PeriodUnit.DAY)
        forever = self.declared(policies, day)
        (crew, staff) = forever.groups
        endless = replace(staff, include=(Listed("crew", HERE),), members=())
        found = flattened(with_lapses(replace(forever, groups=(crew, endless))))
        assert all(one.expires is not None for one in found.groups[1].members or ())
        assert self.found(found) == ["membership/staff/ann", "membership/staff/bob"]

    def test_who_starts_later_is_counted_then(self) -> None:
        for most, told in ((1, ["group/staff"]), (2, [])):
            policies = Policies(max_members=(MaxMembers("staff", most),))
            assert self.found(self.declared(policies)) == told
        together = Policies(separation_of_duties=(SeparatedDuties(("crew", "staff")),))
        (ann, bob) = sorted(violations(self.declared(together), NOW), key=lambda one: one.address)
        assert ": from " in ann.problem.message
        assert ": from " not in bob.problem.message
