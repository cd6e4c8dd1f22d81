"""What a plan promises is done: over the real wire, AWS's stand-in refuses none of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.plan import Create, Plan
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
    principals_of,
)
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.gateway.reading.records import create_group_request, create_user_request
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.planning import PlanTerms, make_plan
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions, ExistingAssignment
from identity_reconciler.sandbox.attributes import GROUP, USER
from identity_reconciler.sandbox.population import Member, Population, seeded_id
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import DETAILS, gateway
from tests.strategies import APPLICATIONS, NOW, World, some, worlds
from tests.takeovers import takeovers

_STORE = DETAILS.identity_store_id


@pytest.fixture(scope="module")
def strict() -> Iterator[Sandbox]:
    """Return a sandbox that refuses whatever AWS might refuse, with the applications."""
    assumed = Assumptions(existing_assignment=ExistingAssignment.CONFLICT)
    with Sandbox.assuming(assumed) as opened:
        opened.ensure_instance(DETAILS)
        for one in APPLICATIONS:
            opened.add_application(one.name)
        yield opened


def population(live: State, arns: dict[ApplicationArn, str]) -> Population:
    """Return *live* as the sandbox takes it, without what is left of those who are gone."""
    return Population(
        users=[_user(one) for one in live.users.values()],
        groups=[_group(one) for one in live.groups.values()],
        memberships=[
            (live.group_name(group), live.user_name(user))
            for group, members in live.members.items()
            for user in members
        ],
        assignments=[
            (arns[arn], one.kind.upper(), live.assignment(arn, one).principal_name)
            for arn, found in live.assignments.items()
            for one in found
            if not one.orphan
        ],
    )


def _user(user: User) -> Member:
    manager = seeded_id(USER, _STORE, user.manager) if user.manager else None
    request = create_user_request(_STORE, user, manager)
    return Member(_document(dict(request)), _owner(user.user_name, user.foreign))


def _group(group: Group) -> Member:
    request = create_group_request(_STORE, group)
    return Member(_document(dict(request)), _owner(group.name, group.foreign))


def _document(request: dict[str, object]) -> dict[str, object]:
    del request["IdentityStoreId"]
    return request


def _owner(name: str, foreign: bool) -> tuple[tuple[str, str], ...]:  # noqa: FBT001 - private
    return (("https://idp.example.com", name),) if foreign else ()


def selecting(declared: Declared, arns: dict[ApplicationArn, str]) -> Declared:
    """Return *declared* with the ARNs that the applications have in the sandbox."""
    return replace(
        declared,
        applications=tuple(
            replace(
                one,
                selector=replace(
                    one.selector,
                    arn=ApplicationArn(arns[one.selector.arn]) if one.selector.arn else None,
                ),
            )
            for one in declared.applications
        ),
    )


class TestTakeovers:
    """A plan made of what is live, and applied undisturbed, never meets a refusal."""

    @given(world=takeovers())
    @settings(max_examples=10)
    def test_no_write_is_refused(self, strict: Sandbox, world: World) -> None:
        arns = {one.arn: strict.add_application(one.name) for one in APPLICATIONS}
        live, declared = world[0], selecting(world[1], arns)
        strict.populate(population(live, arns))
        refused = _refused(strict)
        door = gateway(strict)
        plan, _ = plan_against(declared, door, NOW)
        results = _applied(plan, door)
        assert [one.detail for one in results if one.outcome is not Outcome.APPLIED] == []
        assert _refused(strict) == refused
        again, _ = plan_against(declared, door, NOW)
        assert not again.changes
        assert len(again.unresolved) == len(plan.unresolved)


PROD = "222233334444"
Had = set[tuple[str, str]]
"""UserId, and the ARN of an application or permission set."""


def ways_in(sandbox: Sandbox) -> tuple[Had, dict[str, str]]:
    """Return who has what according to the store, the slow way, and the folded names of people."""
    with sandbox.responder.world.store.transaction(write=False) as store:
        names = {row["id"]: row["name_key"] for row in store.execute("SELECT * FROM users")}
        groups = [*store.execute("SELECT group_id, user_id FROM memberships")]
        given = [
            *store.execute("SELECT application AS target, * FROM assignments"),
            *store.execute("SELECT permission_set AS target, * FROM account_assignments"),
        ]
    had: Had = set()
    for row in given:
        if row["principal_type"] == "USER":
            had |= {(row["principal_id"], row["target"])} if row["principal_id"] in names else set()
        else:
            had |= {
                (one["user_id"], row["target"])
                for one in groups
                if one["group_id"] == row["principal_id"]
            }
    return had, names


def told(plan: PlanDocument) -> set[tuple[str, str, str]]:
    """Return effect, folded name and ARN of everything that *plan* says somebody gains or loses."""
    parts = (
        *((one.effect, one.listed, one.application_arn) for one in plan.access),
        *((one.effect, one.listed, one.arn) for one in plan.account_access),
    )
    return {
        (effect, folded(person.user), arn) for effect, listed, arn in parts for person in listed
    }


@pytest.fixture(scope="module")
def permission_set(strict: Sandbox) -> str:
    """Return the ARN of a permission set that principals can be given in an account."""
    strict.add_account(PROD, "prod")
    admin = strict.session().client("sso-admin")
    made = admin.create_permission_set(InstanceArn=DETAILS.instance_arn, Name="Admin")
    return made["PermissionSet"].get("PermissionSetArn", "")


def moves(world: World) -> bool:
    """Return whether somebody gets into a live group, once all that expires has expired."""
    live, declared = world
    plan = compare(declared, live, NOW + timedelta(days=30))
    return any(
        isinstance(change, Create)
        and isinstance(change.after, Membership)
        and change.after.key[1] in live.groups
        for change in plan.changes
    )


class TestAccess:
    """What a plan says somebody gains or loses is what the store says before and after it."""

    @given(world=st.one_of(takeovers(), worlds()).filter(moves), data=st.data())
    @settings(max_examples=12, suppress_health_check=[HealthCheck.filter_too_much])
    def test_is_told(
        self, strict: Sandbox, permission_set: str, world: World, data: st.DataObject
    ) -> None:
        arns = {one.arn: strict.add_application(one.name) for one in APPLICATIONS}
        live, declared = world[0], selecting(world[1], arns)
        strict.populate(population(live, arns))
        groups = sorted(principals_of((), live.groups))
        holders = [*groups, *data.draw(some(sorted(principals_of(live.users, ()))))]
        self.give(strict, permission_set, live, holders)
        before, old_names = ways_in(strict)
        door = gateway(strict)
        plan, shown = make_plan(declared, door, PlanTerms())
        results = _applied(plan, door)
        assert {one.outcome for one in results} <= {Outcome.APPLIED}
        after, new_names = ways_in(strict)
        names = old_names | new_names
        expected = {("loses", names[user], target) for user, target in before - after}
        expected |= {("gains", names[user], target) for user, target in after - before}
        # Where not all is known, too much may be told, and never too little.
        assert told(shown) >= expected
        assert told(shown) == expected or not shown.access_complete
        assert shown.access_complete == (shown.account_access_note is None)

    def give(
        self, sandbox: Sandbox, permission_set: str, live: State, holders: list[Principal]
    ) -> None:
        """Let *holders* and nobody else have the permission set in one account."""
        rows = [
            (
                one.kind.upper(),
                seeded_id(USER, _STORE, live.user_name(UserKey(one.name)))
                if one.kind is PrincipalKind.USER
                else seeded_id(GROUP, _STORE, live.group_name(GroupKey(one.name))),
            )
            for one in holders
        ]
        with sandbox.responder.world.store.transaction(write=True) as store:
            store.execute("DELETE FROM account_assignments")
            for kind, identifier in rows:
                store.execute(
                    "INSERT INTO account_assignments (instance, account, permission_set, "
                    "principal_type, principal_id, created) VALUES (?, ?, ?, ?, ?, 0)",
                    (DETAILS.instance_arn, PROD, permission_set, kind, identifier),
                )


def _applied(plan: Plan, door: AwsGateway) -> list[Result]:
    return list(apply_plan(plan, door, Silent(), Patience(lambda _: None)))


def _refused(sandbox: Sandbox) -> int:
    """Return how many writes it refused so far."""
    return sum(
        number
        for (_, operation, outcome), number in sandbox.statistics().items()
        if operation.startswith(("Create", "Update", "Delete")) and outcome.endswith("Exception")
    )
