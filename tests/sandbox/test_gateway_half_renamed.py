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
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import EVERYTHING, assigned, gateway, group, member, user

ANNA = Rename(user("ana"), replace(user("ana"), user_name=UserName("Anna")))
OPERATORS = Rename(group("ops"), group("Operators"))


def left(plan: Plan, connected: AwsGateway) -> Plan:
    named, principals = to_be_read(plan)
    return what_is_left(plan, connected.read_state(Wanted(named=named, principals=principals)))


class TestAFailure:
    """What needs a removal that is refused waits for it, and a leaver does not."""

    def test_then_another_run(self, sandbox: Sandbox) -> None:
        links = (member("ops", "ana"), member("ops", "bob"))
        connected = gateway(sandbox)
        for resource in (user("ana"), user("bob"), group("ops"), *links):
            connected.create(resource)
        plan = Plan(ordered((Delete(links[0]), ANNA, Delete(user("bob"), cascaded=links[1:]))))
        refusal = Fault("DeleteGroupMembership", FaultKind.ERROR, code="AccessDeniedException")
        sandbox.make_trouble(Trouble(faults=(refusal,)))
        results = list(apply_plan(plan, gateway(sandbox), Silent(), Patience(lambda _: None)))
        sandbox.make_trouble(None)
        assert [(one.outcome, one.change) for one in results] == [
            (Outcome.FAILED, plan.changes[0]),
            (Outcome.SKIPPED, ANNA),
            (Outcome.APPLIED, plan.changes[2]),
        ]
        rest = left(plan, gateway(sandbox))
        assert rest.changes == plan.changes[:2]
        results = list(apply_plan(rest, gateway(sandbox), Silent(), Patience(lambda _: None)))
        assert [one.outcome for one in results] == [Outcome.APPLIED, Outcome.APPLIED]
        whole = gateway(sandbox, write=False).read_state(EVERYTHING)
        assert (set(whole.users), whole.members) == ({"anna"}, {"ops": frozenset()})


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
        whole = gateway(sandbox, write=False).read_state(EVERYTHING)
        assert whole.users.keys() == {"anna"}
        assert whole.members == {"operators": frozenset()}
        assert whole.assignments == {arn: frozenset()}
