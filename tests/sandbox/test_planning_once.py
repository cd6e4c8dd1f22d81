"""What follows from a declaration and a live state is found out once in a plan."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import TypeVar

import pytest

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
from identity_reconciler.core.plan import Rename
from identity_reconciler.core.state import PrincipalKind
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.runs.planning import PlanTerms, make_plan
from identity_reconciler.sandbox import Sandbox
from tests.sandbox.gateway_world import INSTANCE, assigned, gateway, group, member, user
from tests.strategies import HERE

ONCE = dict.fromkeys(
    (
        "access._at_stake",
        "projection.after_plan",
        "renames.Renames.in_plan",
        "renames.Renames.to_be",
        "resolution.resolve",
        "scope.departing",
        "scope.narrow",
        "survey.wanted",
    ),
    1,
)
"""How often each function is called: module and name."""
_Result = TypeVar("_Result")


def counting(work: Callable[[], _Result]) -> tuple[_Result, Counter[str]]:
    """Return what *work* returns, and how often it has called each of those in `ONCE`."""
    counter: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        module = str(frame.f_globals["__name__"]).rpartition(".")[2]
        name = f"{module}.{frame.f_code.co_qualname}"
        if event == "call" and name in ONCE:
            counter[name] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        return work(), counter
    finally:
        sys.setprofile(before)


@pytest.fixture
def live(sandbox: Sandbox) -> AwsGateway:
    """Return a gateway to a group with two members who may open the Wiki by it."""
    connected = gateway(sandbox)
    arn = sandbox.add_application("Wiki")
    for resource in (
        *(user("ana"), user("bob"), group("ops")),
        *(member("ops", "ana"), member("ops", "bob")),
        assigned(arn, PrincipalKind.GROUP, "ops"),
    ):
        connected.create(resource)
    return gateway(sandbox)


def declared(*applications: DeclaredApplication) -> Declared:
    """Declare that ana and ops get new names, that bob leaves, and that carla joins."""
    operators = DeclaredGroup(
        group("operators"),
        HERE,
        members=(Listed("anna", HERE), Listed("carla", HERE)),
        previous_names=("ops",),
    )
    people = (
        DeclaredUser(
            replace(user("ana"), user_name=user("anna").user_name), HERE, Presence.PRESENT, ("ana",)
        ),
        DeclaredUser(user("bob"), HERE, Presence.ABSENT),
        DeclaredUser(user("carla"), HERE),
    )
    return Declared(Settings(INSTANCE, rename_users=True), people, (operators,), applications)


def _changed(document: PlanDocument) -> list[tuple[str, str]]:
    return [(one.effect, person.user) for one in document.access for person in one.listed]


class TestOnce:
    """Each step is taken once; a view of access once for each state that it is told from."""

    def test_with_renames_and_leavers(self, live: AwsGateway) -> None:
        wiki = DeclaredApplication(
            ApplicationSelector(name="Wiki"), HERE, groups=(Listed("operators", HERE),)
        )
        (plan, document), counted = counting(lambda: make_plan(declared(wiki), live, PlanTerms()))
        assert sum(isinstance(change, Rename) for change in plan.changes) == 2
        assert _changed(document) == [("loses", "bob"), ("gains", "carla")]
        assert counted == ONCE

    def test_with_applications_that_are_not_declared(self, live: AwsGateway) -> None:
        """What hangs on the group is read first, and then who else may open the Wiki."""
        (_, document), counted = counting(lambda: make_plan(declared(), live, PlanTerms()))
        assert _changed(document) == [("loses", "bob"), ("gains", "carla")]
        states = counted["projection.after_plan"]
        assert states == 3
        assert counted == ONCE | {"projection.after_plan": states, "access._at_stake": states}
