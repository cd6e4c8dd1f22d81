"""The plan for a change of the YAML is the part of the whole plan that the change touches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Reason, Rename
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    Key,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    UserName,
    folded,
)
from identity_reconciler.core.targets import Targets, touched
from identity_reconciler.errors import InvalidInputError, Position
from identity_reconciler.runs.applier import Patience, apply_plan
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.runs.targeted_survey import plan_touched
from tests.memory_gateway import MemoryGateway, Silent
from tests.narrow_gateway import NarrowGateway
from tests.strategies import APPLICATIONS, HERE, INSTANCE, NOW, declarations, live_states


@st.composite
def edits(draw: st.DrawFn, live: State) -> tuple[Declared, Declared]:
    """Draw two declarations with the same settings, the second perhaps with something renamed."""
    old = draw(declarations(live))
    new = draw(st.one_of(st.just(old), declarations(live)))
    settings = replace(old.settings, rename_users=True)
    old, new = replace(old, settings=settings), replace(new, settings=settings)
    if draw(st.booleans()):
        new = draw(_with_a_renamed_group(new))
    if draw(st.booleans()):
        new = draw(_with_a_renamed_user(new))
    return old, new


@st.composite
def _with_a_renamed_group(draw: st.DrawFn, declared: Declared) -> Declared:
    present = [one for one in declared.groups if one.presence is Presence.PRESENT]
    if not present:
        return declared
    chosen = draw(st.sampled_from(present))
    renamed = replace(
        chosen,
        group=replace(chosen.group, name=GroupName("newcomers")),
        previous_names=(chosen.group.name,),
    )
    return replace(
        declared,
        groups=tuple(renamed if one is chosen else one for one in declared.groups),
        applications=tuple(
            replace(one, groups=_relisted(one.groups, chosen.group.name, "newcomers"))
            for one in declared.applications
        ),
    )


@st.composite
def _with_a_renamed_user(draw: st.DrawFn, declared: Declared) -> Declared:
    present = [one for one in declared.users if one.presence is Presence.PRESENT]
    if not present:
        return declared
    chosen = draw(st.sampled_from(present))
    renamed = replace(
        chosen,
        user=replace(chosen.user, user_name=UserName("zoe")),
        previous_names=(chosen.user.user_name,),
    )
    name = chosen.user.user_name
    return replace(
        declared,
        users=tuple(renamed if one is chosen else one for one in declared.users),
        groups=tuple(
            replace(one, members=one.members and _relisted(one.members, name, "zoe"))
            for one in declared.groups
        ),
        applications=tuple(
            replace(one, users=_relisted(one.users, name, "zoe")) for one in declared.applications
        ),
    )


def _relisted(listed: tuple[Listed, ...], old: str, new: str) -> tuple[Listed, ...]:
    return tuple(
        replace(one, name=new) if folded(one.name) == folded(old) else one for one in listed
    )


def whole(declared: Declared, live: State) -> Plan:
    """Return the plan for all of *declared*; give the example up where it cannot be bound."""
    try:
        return plan_against(declared, MemoryGateway.holding(live), NOW)[0]
    except InvalidInputError:
        raise UnsatisfiedAssumption from None


def facts(changes: Iterable[Change]) -> list[object]:
    """Return *changes* without the spelling of the names in links: look-ups do not tell it.

    Nor do they tell that the principal of a link is deleted, where only drift deletes it.
    """
    return [(type(one), one.key, _reason(one), *map(_content, _sides(one))) for one in changes]


def _reason(change: Change) -> Reason | None:
    reason = change.reason if isinstance(change, Delete) else None
    return Reason.UNLISTED if reason is Reason.PRINCIPAL_DELETED else reason


def _sides(change: Change) -> tuple[Resource | None, Resource | None]:
    return getattr(change, "before", None), getattr(change, "after", None)


def _content(resource: Resource | None) -> object:
    return resource if isinstance(resource, User | Group) else resource and resource.key


def cascaded(plan: Plan) -> set[Key]:
    deletes = (one for one in plan.changes if isinstance(one, Delete))
    return {link.key for one in deletes for link in one.cascaded}


class TestWithoutDrift:
    """Where the live state is what the old YAML says, the targeted plan is the whole plan."""

    @given(live=live_states(), data=st.data())
    def test_is_the_whole_plan(self, live: State, data: st.DataObject) -> None:
        old, new = data.draw(edits(live))
        gateway = MemoryGateway.holding(live)
        list(apply_plan(whole(old, live), gateway, Silent(), Patience(lambda _: None)))
        settled = gateway.state()
        assert not whole(old, settled)
        full = whole(new, settled)
        targeted = plan_touched(old, new, NarrowGateway(settled), NOW).plan
        assert facts(targeted.changes) == facts(full.changes)
        assert cascaded(targeted) == cascaded(full)

    @given(live=live_states(), data=st.data())
    def test_nothing_touched_reads_nothing(self, live: State, data: st.DataObject) -> None:
        old = data.draw(declarations(live))
        assert touched(old, old) == Targets()
        assert plan_touched(old, old, NarrowGateway(live), NOW).live == State()


class TestTouched:
    """What is touched is as little as the two declarations differ in."""

    def test_renaming_a_group_does_not_touch_its_members(self) -> None:
        members = (Listed("ana", HERE), Listed("bob", HERE))
        old = DeclaredGroup(Group(GroupName("old")), HERE, members=members)
        new = replace(old, group=Group(GroupName("new")), previous_names=("old",))
        before, after = (Declared(Settings(INSTANCE), groups=(one,)) for one in (old, new))
        both = frozenset({GroupKey("old"), GroupKey("new")})
        assert touched(before, after) == Targets(groups=both)

    def test_moving_an_entry_or_giving_a_reason_touches_nothing(self) -> None:
        old = DeclaredGroup(Group(GroupName("g")), HERE, members=(Listed("ana", HERE),))
        moved = Listed("ana", Position("b.yaml", 9, 9), reason="TICKET-1")
        new = replace(old, position=Position("b.yaml", 8, 1), members=(moved,))
        before, after = (Declared(Settings(INSTANCE), groups=(one,)) for one in (old, new))
        assert touched(before, after) == Targets()

    def test_assignments_of_a_new_group_that_no_one_touches_stay(self) -> None:
        """Reading the members of a group tells of its assignments too; they are not looked at."""
        group = DeclaredGroup(Group(GroupName("g")), HERE, members=())
        user = DeclaredUser(User(UserName("ana")), HERE)
        wiki = DeclaredApplication(ApplicationSelector(arn=APPLICATIONS[0].arn), HERE)
        old = Declared(Settings(INSTANCE), users=(user,), applications=(wiki,))
        assigned = replace(wiki, users=(Listed("ana", HERE),))
        new = replace(old, groups=(group,), applications=(assigned,))
        found = frozenset({Principal(PrincipalKind.GROUP, "g")})
        live = State(
            users={UserKey("ana"): user.user},
            groups={GroupKey("g"): group.group},
            applications={APPLICATIONS[0].arn: APPLICATIONS[0]},
            assignments={APPLICATIONS[0].arn: found},
        )
        plan = plan_touched(old, new, NarrowGateway(live), NOW).plan
        assert [(type(one), one.key[3]) for one in plan.changes] == [(Create, "ana")]


class TestWithDrift:
    """Whatever is live, the targeted plan is the part of the whole plan that is touched."""

    @given(live=live_states(), data=st.data())
    def test_holds_every_touched_change_and_no_other(
        self, live: State, data: st.DataObject
    ) -> None:
        old, new = data.draw(edits(live))
        full = whole(new, live)
        found = plan_touched(old, new, NarrowGateway(live), NOW)
        selected = [
            one for one in full.changes if is_touched(one, found.targets, found.plan, found.live)
        ]
        assert facts(found.plan.changes) == facts(selected)

    @given(live=live_states(), data=st.data())
    def test_withholds_nothing_that_the_whole_plan_does_not(
        self, live: State, data: st.DataObject
    ) -> None:
        old, new = data.draw(edits(live))
        full = whole(new, live)
        found = plan_touched(old, new, NarrowGateway(live), NOW).plan
        held = {(one.resource.key, one.reason) for one in full.withheld}
        assert {(one.resource.key, one.reason) for one in found.withheld} <= held


def is_touched(change: Change, targets: Targets, plan: Plan, live: State) -> bool:
    """Return whether *change* is one of *targets*, or hangs on one that *plan* deletes."""
    leavers = {one.key for one in plan.changes if isinstance(one, Delete)}
    new_names = {
        one.before.key: one.after.key[1] for one in plan.changes if isinstance(one, Rename)
    }
    match change.key:
        case ("user", name):
            return UserKey(name) in targets.users
        case ("group", name):
            return GroupKey(name) in targets.groups
        case ("membership", group, user):
            group = new_names.get(("group", group), group)
            edge = (GroupKey(group), UserKey(new_names.get(("user", user), user)))
            return edge in targets.memberships or edge[0] in targets.member_lists
        case ("assignment", arn, kind, name):
            application = live.applications.get(ApplicationArn(arn))
            kind, orphan = kind.removeprefix("orphaned-"), kind.startswith("orphaned-")
            new_name = new_names.get((kind, name), name)
            principal = Principal(PrincipalKind(kind), new_name, orphan)
            edges = [one for one, other in targets.assignments if other == principal]
            selected = application and any(
                one.matches(application) for one in (*targets.assignment_lists, *edges)
            )
            return bool(selected) or (kind, name) in leavers
        case _:
            raise AssertionError(change.key)
