"""Removals that a plan makes beside renames: named as it was reviewed, done as it is live."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.plan import Change, Create, Delete, Plan, Reason, Rename, ordered
from identity_reconciler.core.renames import Link
from identity_reconciler.core.review import require_reviewed, to_be_read, what_is_left
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
    UserName,
    address,
    group_key,
    user_key,
)
from identity_reconciler.errors import StalePlanError
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from tests.memory_gateway import Fault, MemoryGateway, Silent

ANA, BOB = User(UserName("Ana")), User(UserName("bob"))
OPS = Group(GroupName("Ops"))
WIKI = Application(ApplicationArn("arn:aws:sso::111122223333:application/ssoins-1/apl-1"), "Wiki")
OF_ANA, OF_OPS = Principal(PrincipalKind.USER, "ana"), Principal(PrincipalKind.GROUP, "ops")
LIVE = State(
    users={user_key(one.user_name): one for one in (ANA, BOB)},
    groups={group_key(OPS.name): OPS},
    members={group_key(OPS.name): frozenset({user_key("ana"), user_key("bob")})},
    applications={WIKI.arn: WIKI},
    assignments={WIKI.arn: frozenset({OF_ANA, OF_OPS})},
)
ANNA = Rename(ANA, User(UserName("Anna")))
OPERATORS = Rename(OPS, Group(GroupName("Operators")))

ANA_IN_OPS = Membership(OPS.name, ANA.user_name)
CASES: dict[str, tuple[Link, tuple[Rename, ...], Link]] = {
    "member of a renamed group": (
        ANA_IN_OPS,
        (OPERATORS,),
        Membership(GroupName("Operators"), ANA.user_name),
    ),
    "renamed member": (ANA_IN_OPS, (ANNA,), Membership(OPS.name, UserName("Anna"))),
    "renamed member of a renamed group": (
        ANA_IN_OPS,
        (ANNA, OPERATORS),
        Membership(GroupName("Operators"), UserName("Anna")),
    ),
    "assignment of a renamed group": (
        Assignment(WIKI.arn, OF_OPS, "Wiki", "Ops"),
        (OPERATORS,),
        Assignment(WIKI.arn, replace(OF_OPS, name="operators"), "Wiki", "Operators"),
    ),
    "assignment of a renamed user": (
        Assignment(WIKI.arn, OF_ANA, "Wiki", "Ana"),
        (ANNA,),
        Assignment(WIKI.arn, replace(OF_ANA, name="anna"), "Wiki", "Anna"),
    ),
}
every_case = pytest.mark.parametrize(
    ("link", "renames", "renamed"), CASES.values(), ids=CASES.keys()
)


def plan_of(link: Link, *renames: Rename) -> Plan:
    return Plan(ordered((Delete(link, Reason.UNLISTED), *renames)))


def is_live(link: Link, state: State) -> bool:
    if isinstance(link, Membership):
        return user_key(link.user) in state.members.get(group_key(link.group), frozenset())
    return link.principal in state.assignments[link.application]


def run(plan: Plan, gateway: MemoryGateway) -> list[Result]:
    return list(apply_plan(plan, gateway, Silent(), Patience(lambda _: None)))


def with_renames_done(plan: Plan) -> MemoryGateway:
    """Return what is live when the removal has failed and somebody else has done the renames."""
    gateway = MemoryGateway.holding(LIVE)
    for change in plan.changes:
        if isinstance(change, Rename):
            gateway.update(change.before, change.after)
    return gateway


def left(plan: Plan, gateway: MemoryGateway) -> Plan:
    named, principals = to_be_read(plan)
    return what_is_left(plan, gateway.read_state(Wanted(named=named, principals=principals)))


class TestARemovalThatFailed:
    """While the rename beside it is in place already, it is still to be done."""

    @every_case
    def test_holds_the_renames_back(
        self, link: Link, renames: tuple[Rename, ...], renamed: Link
    ) -> None:
        plan = plan_of(link, *renames)
        gateway = MemoryGateway.holding(LIVE)
        gateway.faults = {0: Fault.REFUSED}
        removal, *others = run(plan, gateway)
        assert removal.outcome is Outcome.FAILED
        why = f"waits for the removal of {'/'.join(link.key)}, which has failed"
        assert {(one.outcome, one.detail) for one in others} == {(Outcome.SKIPPED, why)}
        gateway.faults = {}
        assert {one.outcome for one in run(left(plan, gateway), gateway)} == {Outcome.APPLIED}
        assert not is_live(renamed, gateway.state())

    @every_case
    def test_is_never_taken_for_done_while_somebody_renames(
        self, link: Link, renames: tuple[Rename, ...], renamed: Link
    ) -> None:
        plan = plan_of(link, *renames)
        gateway = with_renames_done(plan)
        removal = run(plan, gateway)[0]
        assert removal.outcome is Outcome.FAILED
        assert removal.detail == (
            f"it is {address(renamed)} now, as a rename of the plan is done; run again"
        )
        assert is_live(renamed, gateway.state())

    @every_case
    def test_is_done_by_the_next_apply(
        self, link: Link, renames: tuple[Rename, ...], renamed: Link
    ) -> None:
        plan = plan_of(link, *renames)
        gateway = with_renames_done(plan)
        assert is_live(renamed, gateway.state())
        rest = left(plan, gateway)
        assert rest.changes == (Delete(renamed, Reason.UNLISTED),)
        assert [result.outcome for result in run(rest, gateway)] == [Outcome.APPLIED]
        assert not is_live(renamed, gateway.state())
        assert left(plan, gateway).changes == ()

    @every_case
    def test_is_as_it_was_reviewed_in_a_plan_made_afresh(
        self, link: Link, renames: tuple[Rename, ...], renamed: Link
    ) -> None:
        require_reviewed(Plan((Delete(renamed, Reason.UNLISTED),)), plan_of(link, *renames))

    @every_case
    def test_is_looked_for_under_both_names(
        self, link: Link, renames: tuple[Rename, ...], renamed: Link
    ) -> None:
        named, _ = to_be_read(plan_of(link, *renames))
        assert {link, renamed} <= set(named)
        assert len(named) == len(set(named))

    def test_is_looked_for_while_one_of_two_renames_is_done(self) -> None:
        plan = plan_of(ANA_IN_OPS, ANNA, OPERATORS)
        for done, name in (
            (ANNA, Membership(OPS.name, UserName("Anna"))),
            (OPERATORS, Membership(GroupName("Operators"), ANA.user_name)),
        ):
            assert name in to_be_read(plan)[0]
            gateway = MemoryGateway.holding(LIVE)
            gateway.update(done.before, done.after)
            rest = left(plan, gateway)
            assert rest.changes[0] == Delete(name, Reason.UNLISTED)
            assert {result.outcome for result in run(rest, gateway)} == {Outcome.APPLIED}
            assert gateway.state().members == {"operators": {"bob"}}

    @every_case
    def test_is_named_as_reviewed_while_nothing_is_renamed(
        self, link: Link, renames: tuple[Rename, ...], renamed: Link
    ) -> None:
        assert link != renamed
        plan = plan_of(link, *renames)
        assert left(plan, MemoryGateway.holding(LIVE)) == plan
        require_reviewed(plan, plan)


class TestAnotherRemoval:
    """What was not reviewed is refused, whatever is called like it."""

    def test_of_who_has_got_the_old_name(self) -> None:
        """Ana is Anna, and a new Ana has joined: it is Anna who was to leave."""
        reviewed = plan_of(ANA_IN_OPS, ANNA)
        with pytest.raises(StalePlanError, match="not in the reviewed plan"):
            require_reviewed(Plan((Delete(ANA_IN_OPS, Reason.UNLISTED),)), reviewed)

    def test_when_old_and_new_name_are_live(self) -> None:
        """Somebody has made a group of the new name: the rename is neither done nor possible."""
        gateway = MemoryGateway.holding(LIVE)
        gateway.create(OPERATORS.after)
        with pytest.raises(StalePlanError, match="group/Ops: its old and its new name are live"):
            left(plan_of(ANA_IN_OPS, OPERATORS), gateway)

    def test_unless_the_plan_gives_the_old_name_on(self) -> None:
        joins = Create(ANA_IN_OPS)
        plan = Plan(ordered((plan_of(OPS_HAS_BOB, ANNA).changes[0], ANNA, Create(ANA), joins)))
        gateway = MemoryGateway.holding(LIVE)
        run(plan, gateway)
        assert left(plan, gateway).changes == ()

    def test_of_who_has_the_new_name_until_it_is_given_on(self) -> None:
        """Ana's link is gone, and that of Bob, whose name she is to get, is his."""
        bobby = Rename(BOB, User(UserName("Bobby")))
        plan = plan_of(ANA_IN_OPS, bobby, Rename(ANA, User(BOB.user_name)))
        gateway = MemoryGateway.holding(LIVE)
        gateway.delete(ANA_IN_OPS)
        assert run(plan, gateway)[0].outcome is Outcome.ALREADY_IN_PLACE

    def test_beside_a_name_whose_case_flips(self) -> None:
        """Links keep their key, so nothing depends on whether it is done."""
        louder = Rename(OPS, Group(GroupName("OPS")))
        plan = plan_of(ANA_IN_OPS, louder)
        gateway = MemoryGateway.holding(LIVE)
        assert left(plan, gateway) == plan
        gateway.update(louder.before, louder.after)
        assert left(plan, gateway).changes == plan.changes[:1]


OPS_HAS_BOB = Membership(OPS.name, BOB.user_name)


class TestCascades:
    """Memberships that vanish with a user or group are reviewed under either name."""

    @pytest.mark.parametrize("done", [False, True])
    def test_of_a_renamed_group(self, *, done: bool) -> None:
        leaver: tuple[Change, ...] = (Delete(BOB, Reason.ABSENT, (OPS_HAS_BOB,)),)
        reviewed = Plan((OPERATORS, *leaver))
        gateway = MemoryGateway.holding(LIVE)
        fresh = reviewed
        if done:
            gateway.update(OPERATORS.before, OPERATORS.after)
            now = Membership(GroupName("Operators"), BOB.user_name)
            fresh = Plan((Delete(BOB, Reason.ABSENT, (now,)),))
        require_reviewed(fresh, reviewed)
        assert left(reviewed, gateway).changes == fresh.changes
