"""Rules of the guards, for any plan of two small worlds and any settings."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import assume, given
from hypothesis import settings as running
from hypothesis import strategies as st

from identity_reconciler.core.access import Impact
from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.comparison import Comparison, compare_closely
from identity_reconciler.core.control import loosened
from identity_reconciler.core.declared import Declared, Settings
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    ExpectLive,
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
)
from identity_reconciler.core.guards import Standing, Verdict, check_plan, check_since, gather
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, ordered
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Membership,
    State,
    User,
    group_key,
    user_key,
)
from tests.strategies import GROUP_NAMES, INSTANCE, NOW, USER_NAMES, worlds

FEWER = running(max_examples=30)
"""For rules that any few worlds would show to be broken."""
_FIELDS = st.sampled_from([one.name for one in fields(GuardSettings)])
Case = tuple[State, Declared, Comparison]
_NAMES = {
    "users": st.sets(st.sampled_from(["a*", "bob", "*", "eve"]), max_size=2),
    "groups": st.sets(st.sampled_from(["admins", "b*", "*"]), max_size=2),
    "applications": st.sets(st.sampled_from(["Pay*", "wiki", "*apl-1"]), max_size=2),
}
_PATTERNS = {name: some.map(lambda each: tuple(sorted(each))) for name, some in _NAMES.items()}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    live, declared = draw(worlds())
    return live, declared, compare_closely(declared, live, NOW)


def budgets() -> st.SearchStrategy[DeleteBudget]:
    return st.builds(DeleteBudget, st.integers(0, 4), st.integers(0, 100), st.integers(0, 6))


@st.composite
def settings(draw: st.DrawFn) -> GuardSettings:
    groups, users = st.sampled_from(GROUP_NAMES[:-1]), st.sampled_from(USER_NAMES[:-1])
    return GuardSettings(
        budgets=Budgets(*(draw(budgets()) for _ in range(5))),
        expect_live=ExpectLive(draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        wipe_from=draw(st.integers(1, 4)),
        protected=draw(st.builds(ProtectedNames, **_PATTERNS)),
        min_members=tuple(
            MinMembers(name, draw(st.integers(0, 3))) for name in draw(st.sets(groups, max_size=2))
        ),
        pinned_members=tuple(
            PinnedMembers(name, tuple(draw(st.sets(users, max_size=3))))
            for name in draw(st.sets(groups, max_size=1))
        ),
        administrators=draw(_PATTERNS["users"]),
        privileged=draw(
            st.builds(
                PrivilegedNames, groups=_PATTERNS["groups"], applications=_PATTERNS["applications"]
            )
        ),
        rename=RenameSigns(draw(st.integers(50, 100)), draw(st.integers(0, 99))),
    )


def judged(case: Case, chosen: GuardSettings, plan: Plan | None = None) -> tuple[Verdict, ...]:
    live, _, made = case
    evidence = gather(made, Impact.of(made.plan if plan is None else plan, live))
    return check_plan(evidence, chosen, (), NOW)


def refusing(verdicts: tuple[Verdict, ...]) -> set[str]:
    return {one.guard for one in verdicts if one.standing is Standing.BLOCKED}


@st.composite
def with_more_removals(draw: st.DrawFn, case: Case, chosen: GuardSettings) -> Plan:
    """Draw the plan with further removals of what is live, which its scope would never make."""
    live, _, made = case
    possible = [*_users_and_groups(live), *_links(live, chosen)]
    renamed = {c.before.key for c in made.plan.changes if isinstance(c, Rename)}
    taken = {change.key for change in made.plan.changes} | renamed
    # A user or group cannot be deleted while the same plan puts something into it.
    needed = {key for change in made.plan.changes for key in _needs(change)}
    free = [one for one in possible if one.key not in taken | needed]
    more = draw(st.lists(st.sampled_from(free), unique_by=lambda one: one.key)) if free else []
    return replace(made.plan, changes=ordered((*made.plan.changes, *more)))


def _users_and_groups(live: State) -> list[Delete]:
    def cascade(key: tuple[str, ...]) -> tuple[Membership, ...]:
        edges = (live.membership(g, u) for g, members in live.members.items() for u in members)
        return tuple(
            sorted((e for e in edges if key in (("group", e.key[1]), ("user", e.key[2]))), key=_key)
        )

    objects: tuple[User | Group, ...] = (*live.users.values(), *live.groups.values())
    return [Delete(one, cascaded=cascade(one.key)) for one in objects]


def _key(membership: Membership) -> tuple[str, ...]:
    return membership.key


def _links(live: State, chosen: GuardSettings) -> list[Delete]:
    """Return the removal of every link except strangers in pinned groups; see `guards.members`."""
    pinned = {
        group_key(one.group): frozenset(map(user_key, one.users)) for one in chosen.pinned_members
    }
    memberships = [
        Delete(live.membership(group, user))
        for group, members in live.members.items()
        for user in members & pinned.get(group, members)
    ]
    assignments = [
        Delete(live.assignment(arn, one)) for arn, some in live.assignments.items() for one in some
    ]
    return [*memberships, *assignments]


def _needs(change: Change) -> tuple[tuple[str, ...], ...]:
    match change:
        case Create(after=Membership() as edge):
            return (("group", edge.key[1]), ("user", edge.key[2]))
        case Create(after=Assignment() as edge):
            return ((str(edge.principal.kind), edge.principal.name),)
        case _:
            return ()


class TestMonotony:
    """Removing more never turns a refusal into a pass."""

    @given(case=cases(), chosen=settings(), data=st.data())
    def test_over_plans(self, case: Case, chosen: GuardSettings, data: st.DataObject) -> None:
        more = data.draw(with_more_removals(case, chosen))
        strangers_leave = _strangers_leave(case, chosen, more)
        before, after = refusing(judged(case, chosen)), refusing(judged(case, chosen, more))
        assert before - ({"pinned_members"} if strangers_leave else set()) <= after

    @given(case=cases(), chosen=settings(), data=st.data())
    def test_over_settings(self, case: Case, chosen: GuardSettings, data: st.DataObject) -> None:
        """Settings that ask for more refuse at least as much."""
        less = data.draw(st.builds(_stricter, st.just(chosen), settings()))
        assert refusing(judged(case, chosen)) <= refusing(judged(case, less))


def _strangers_leave(case: Case, chosen: GuardSettings, plan: Plan) -> bool:
    """Return whether somebody who is not pinned leaves a pinned group with the account."""
    live = case[0]
    deleted = {
        user_key(c.before.user_name)
        for c in plan.changes
        if isinstance(c, Delete) and isinstance(c.before, User)
    }
    return any(
        deleted
        & live.members.get(group_key(one.group), frozenset()) - set(map(user_key, one.users))
        for one in chosen.pinned_members
    )


def _stricter(one: GuardSettings, other: GuardSettings) -> GuardSettings:
    """Return settings that refuse what *one* refuses, and what *other* adds to it."""

    def budget(name: str) -> DeleteBudget:
        mine, theirs = getattr(one.budgets, name), getattr(other.budgets, name)
        return DeleteBudget(
            min(mine.floor, theirs.floor),
            min(mine.percent, theirs.percent),
            min(mine.ceiling, theirs.ceiling),
        )

    names = ("users", "groups", "memberships", "assignments", "expired")
    return GuardSettings(
        budgets=Budgets(*map(budget, names)),
        expect_live=ExpectLive(
            max(one.expect_live.users, other.expect_live.users),
            max(one.expect_live.groups, other.expect_live.groups),
        ),
        wipe_from=min(one.wipe_from, other.wipe_from),
        protected=ProtectedNames(
            one.protected.users + other.protected.users,
            one.protected.groups + other.protected.groups,
            one.protected.applications + other.protected.applications,
        ),
        min_members=one.min_members + other.min_members,
        pinned_members=one.pinned_members + other.pinned_members,
        administrators=one.administrators + other.administrators,
        privileged=PrivilegedNames(
            one.privileged.groups + other.privileged.groups,
            one.privileged.applications + other.privileged.applications,
        ),
        rename=RenameSigns(
            min(one.rename.likeness, other.rename.likeness),
            min(one.rename.shared, other.rename.shared),
        ),
    )


class TestSince:
    """The guards of a base judge beside those of now, and what they lose is told."""

    @given(case=cases(), now=settings(), before=settings())
    @FEWER
    def test_what_either_refuses_is_refused(
        self, case: Case, now: GuardSettings, before: GuardSettings
    ) -> None:
        live, declared, made = case
        assume(not Renames.in_plan(made.plan))
        evidence = gather(made, Impact.of(made.plan, live))
        settings = declared.settings
        found = check_since(
            replace(declared, settings=replace(settings, guards=before)),
            evidence,
            replace(declared, settings=replace(settings, guards=now)),
            NOW,
        )
        own, base = refusing(judged(case, now)), refusing(judged(case, before))
        assert refusing(found) == own | base
        assert {one.guard for one in found if one.by_base} >= base - own

    @given(case=cases(), before=settings(), other=settings(), taken=st.lists(_FIELDS, max_size=2))
    @FEWER
    def test_what_is_not_told_is_refused_as_before(
        self, case: Case, before: GuardSettings, other: GuardSettings, taken: list[str]
    ) -> None:
        """The rules about settings know nothing of what the guards make of them."""
        both = _stricter(before, other)
        now = replace(both, **{name: getattr(other, name) for name in taken})
        plain = Settings(INSTANCE)
        told = loosened(
            Declared(replace(plain, guards=before)), Declared(replace(plain, guards=now))
        )
        assert taken or not told
        if not told:
            assert refusing(judged(case, before)) <= refusing(judged(case, now))


class TestVerdicts:
    """Verdicts are complete, reproducible, and say how to go on."""

    @FEWER
    @given(case=cases(), chosen=settings())
    def test_an_empty_plan_passes_whatever_is_set(self, case: Case, chosen: GuardSettings) -> None:
        assert refusing(judged(case, chosen, replace(case[2].plan, changes=()))) == set()

    @given(case=cases(), chosen=settings())
    def test_what_is_proposed_lets_the_plan_pass(self, case: Case, chosen: GuardSettings) -> None:
        live, _, made = case
        evidence = gather(made, Impact.of(made.plan, live))
        refused = check_plan(evidence, chosen, (), NOW)
        pasted: list[Approval] = [each for one in refused for each in one.approvals]
        granted = check_plan(evidence, chosen, pasted, NOW)
        for before, after in zip(refused, granted, strict=True):
            passed = before.standing is Standing.PASSED
            assert after.standing is (Standing.PASSED if passed else Standing.APPROVED)
            assert (after.found, after.addresses) == (before.found, before.addresses)

    @FEWER
    @given(case=cases(), chosen=settings())
    def test_creations_alone_meet_no_guard_against_removals(
        self, case: Case, chosen: GuardSettings
    ) -> None:
        creations = tuple(c for c in case[2].plan.changes if isinstance(c, Create))
        only = replace(case[2].plan, changes=creations)
        assert refusing(judged(case, chosen, only)) <= {
            "empty.live",
            "min_members",
            "pinned_members",
            "privileged",
        }
