"""An answer is lost, and meanwhile somebody else has the name: nothing is written to a stranger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from identity_reconciler.core.bindings import named_objects
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    PrincipalKind,
    User,
    UserName,
)
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import FaultKind
from tests.sandbox.gateway_world import EVERYTHING, assigned, gateway, group, member, trouble, user

ANA, OPS = user("ana"), group("ops", "Operations")
ANNA, SRE = replace(ANA, user_name=UserName("anna")), group("sre", "Operations")


def made_anew(resource: User | Group, others: AwsGateway) -> None:
    """Delete *resource*, and make another one that is the same but for what it is."""
    others.delete(resource)
    others.create(resource)


def name_taken(before: User | Group, after: User | Group, others: AwsGateway) -> None:
    """Rename *before* to something else, and give the name that it was to get to another one."""
    aside: User | Group = (
        replace(before, user_name=UserName("aside"), email=None)
        if isinstance(before, User)
        else replace(before, name=GroupName("aside"))
    )
    others.update(before, aside)
    others.create(after)


@dataclass
class Meanwhile:
    """See Journal: others do something right before the first request, which is lost."""

    others: Callable[[], None]

    def starting(self, change: Change) -> None:
        del change
        self.others()

    def finished(self, result: Result) -> None:
        pass


def outcome(sandbox: Sandbox, change: Change, operation: str, others: Callable[[], None]) -> Result:
    """Apply *change*, whose first request is lost when *others* have done their work."""
    reader = gateway(sandbox)
    reader.read_state(EVERYTHING)
    plan = Plan((change,))
    plan = replace(plan, witnesses=reader.witnesses(named_objects(plan)))
    assert plan.witnesses

    def meddle() -> None:
        others()
        sandbox.make_trouble(trouble(operation, FaultKind.LOST_BEFORE))

    (result,) = apply_plan(plan, reader, Meanwhile(meddle), Patience(lambda _: None))
    return result


class TestAStranger:
    """Who has the name by now is not who was planned for, and is left alone."""

    @pytest.mark.parametrize(
        ("before", "after"), [(ANA, ANNA), (OPS, SRE)], ids=["a user", "a group"]
    )
    def test_a_rename_is_not_done_by_another_of_that_name(
        self, sandbox: Sandbox, before: User | Group, after: User | Group
    ) -> None:
        others = gateway(sandbox)
        others.create(before)
        operation = "UpdateUser" if isinstance(before, User) else "UpdateGroup"
        result = outcome(
            sandbox, Rename(before, after), operation, lambda: name_taken(before, after, others)
        )
        assert result.outcome is Outcome.FAILED
        assert "is not the one that it was; plan again" in result.detail
        assert result.answer_lost

    @pytest.mark.parametrize(
        ("change", "operation"),
        [
            (Update(ANA, replace(ANA, title="Boss")), "UpdateUser"),
            (Update(OPS, replace(OPS, description="All")), "UpdateGroup"),
            (Delete(ANA), "DeleteUser"),
            (Delete(OPS), "DeleteGroup"),
        ],
        ids=lambda one: one if isinstance(one, str) else "",
    )
    def test_who_was_made_anew_is_neither_updated_nor_deleted(
        self, sandbox: Sandbox, change: Update | Delete, operation: str
    ) -> None:
        others = gateway(sandbox)
        before = change.before
        assert isinstance(before, User | Group)
        others.create(before)
        result = outcome(sandbox, change, operation, lambda: made_anew(before, others))
        live = gateway(sandbox, write=False).read_state(EVERYTHING)
        assert [*live.users.values(), *live.groups.values()] == [before]
        assert result.outcome is Outcome.FAILED
        assert "is not the one that it was; plan again" in result.detail

    @pytest.mark.parametrize("anew", [ANA, OPS], ids=["the user", "the group"])
    def test_nobody_gets_what_was_to_be_given_to_another(
        self, sandbox: Sandbox, anew: User | Group
    ) -> None:
        arn, others = sandbox.add_application("Wiki"), gateway(sandbox)
        others.create(ANA)
        others.create(OPS)
        kind = PrincipalKind.USER if anew is ANA else PrincipalKind.GROUP
        for link, operation in (
            (member("ops", "ana"), "CreateGroupMembership"),
            (assigned(arn, kind, "ana" if anew is ANA else "ops"), "CreateApplicationAssignment"),
        ):
            result = outcome(sandbox, Create(link), operation, lambda: made_anew(anew, others))
            live = gateway(sandbox, write=False).read_state(EVERYTHING)
            assert not live.members[GroupKey("ops")]
            assert result.outcome is Outcome.FAILED
            assert not live.assignments[ApplicationArn(arn)]
