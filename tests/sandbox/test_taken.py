"""What a plan promises is done: over the real wire, AWS's stand-in refuses none of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings

from identity_reconciler.core.declared import Declared
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.state import ApplicationArn, Group, State, User
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.gateway.reading.records import create_group_request, create_user_request
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions, ExistingAssignment
from identity_reconciler.sandbox.attributes import USER
from identity_reconciler.sandbox.population import Member, Population, seeded_id
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import DETAILS, gateway
from tests.strategies import APPLICATIONS, NOW, World
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


def _applied(plan: Plan, door: AwsGateway) -> list[Result]:
    return list(apply_plan(plan, door, Silent(), Patience(lambda _: None)))


def _refused(sandbox: Sandbox) -> int:
    """Return how many writes it refused so far."""
    return sum(
        number
        for (_, operation, outcome), number in sandbox.statistics().items()
        if operation.startswith(("Create", "Update", "Delete")) and outcome.endswith("Exception")
    )
