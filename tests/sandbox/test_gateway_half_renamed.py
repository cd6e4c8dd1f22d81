"""What is left of a saved plan, read from a directory where some of its renames are done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.plan import Change, Delete, Plan, Rename, ordered
from identity_reconciler.core.review import to_be_read, what_is_left
from identity_reconciler.core.state import PrincipalKind, UserName
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.sandbox import Sandbox
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import EVERYTHING, assigned, gateway, group, member, user

ANNA = Rename(user("ana"), replace(user("ana"), user_name=UserName("Anna")))
OPERATORS = Rename(group("ops"), group("Operators"))


def left(plan: Plan, connected: AwsGateway) -> Plan:
    named, principals = to_be_read(plan)
    return what_is_left(plan, connected.read_state(Wanted(named=named, principals=principals)))


class TestRemovals:
    """They are found, and carried out, whichever of the renames are done."""

    @pytest.mark.parametrize("done", [(), (ANNA,), (OPERATORS,), (ANNA, OPERATORS)])
    def test_under_the_names_that_are_live(
        self, sandbox: Sandbox, done: tuple[Rename, ...]
    ) -> None:
        arn = sandbox.add_application("Wiki")
        links = (
            member("ops", "ana"),
            assigned(arn, PrincipalKind.GROUP, "ops"),
            assigned(arn, PrincipalKind.USER, "ana"),
        )
        connected = gateway(sandbox)
        for resource in (user("ana"), group("ops"), *links):
            connected.create(resource)
        changes: list[Change] = [*(Delete(link) for link in links), ANNA, OPERATORS]
        plan = Plan(ordered(changes))
        for change in done:
            connected.update(change.before, change.after)
        rest = left(plan, gateway(sandbox))
        assert len(rest.changes) == len(plan.changes) - len(done)
        results = list(apply_plan(rest, gateway(sandbox), Silent(), Patience(lambda _: None)))
        assert {result.outcome for result in results} == {Outcome.APPLIED}
        assert left(plan, gateway(sandbox)).changes == ()
        whole = gateway(sandbox).read_state(EVERYTHING)
        assert whole.users.keys() == {"anna"}
        assert whole.members == {"operators": frozenset()}
        assert whole.assignments == {arn: frozenset()}
