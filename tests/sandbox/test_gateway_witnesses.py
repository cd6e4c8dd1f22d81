"""A witness tells an object from another one of its name, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.plan import Create, Plan
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Membership,
    Principal,
    PrincipalKind,
    UserName,
    group_key,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import FaultKind
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import (
    EVERYTHING,
    assigned,
    gateway,
    group,
    member,
    trouble,
    user,
)

ANA, OPS = Principal(PrincipalKind.USER, "ana"), Principal(PrincipalKind.GROUP, "ops")
LINK = Wanted(named=(member("ops", "ana"),))


class TestWitnesses:
    """The same for whoever reads, however it was read, as long as the object lives."""

    @pytest.mark.parametrize(
        "wanted",
        [
            Wanted(users=True, groups=True),
            Wanted(named=(user("ana"), group("ops"))),
            Wanted(mentioned=(user("ana"), group("ops"))),
            Wanted(principals=(ANA, OPS)),
            LINK,
        ],
    )
    def test_are_the_same_in_every_reading(self, sandbox: Sandbox, wanted: Wanted) -> None:
        writer, reader = gateway(sandbox), gateway(sandbox)
        writer.create(user("ana"))
        writer.create(group("ops"))
        writer.create(member("ops", "ana"))
        assert reader.witnesses((ANA, OPS)) == {}
        reader.read_state(wanted)
        requests = reader.requests.total
        found = reader.witnesses((ANA, OPS, Principal(PrincipalKind.USER, "bob")))
        assert found == writer.witnesses((ANA, OPS))
        assert found.keys() == {ANA, OPS}
        assert reader.requests.total == requests

    def test_stay_through_a_rename_and_go_with_the_object(self, sandbox: Sandbox) -> None:
        writer = gateway(sandbox)
        writer.create(user("ana"))
        first = writer.witnesses((ANA,))[ANA]
        renamed = replace(user("ana"), user_name=UserName("eve"))
        writer.update(user("ana"), renamed)
        eve = replace(ANA, name="eve")
        assert writer.witnesses((ANA, eve)) == {eve: first}
        writer.delete(renamed)
        writer.create(user("eve"))
        assert writer.witnesses((eve,))[eve] != first

    def test_are_those_of_what_is_written_to(self, sandbox: Sandbox) -> None:
        """A link is made between the two that were looked up, with no look-up more."""
        writer, other = gateway(sandbox), gateway(sandbox)
        writer.create(user("ana"))
        writer.create(group("ops"))
        other.read_state(LINK)
        requests = other.requests.total
        other.create(member("ops", "ana"))
        assert other.requests.total == requests + 1

    def test_name_nobody_after_a_look_that_finds_nobody(self, sandbox: Sandbox) -> None:
        writer, other = gateway(sandbox), gateway(sandbox)
        writer.create(user("ana"))
        writer.create(group("ops"))
        other.read_state(LINK)
        writer.delete(user("ana"))
        writer.create(user("ana"))
        other.read_state(Wanted(named=(user("ana"),)))
        assert other.witnesses((ANA,)) == writer.witnesses((ANA,))


class TestApply:
    """What is carried out again after a lost answer is for the same objects, too."""

    @pytest.mark.parametrize("link", ["membership", "assignment"])
    def test_who_is_made_anew_meanwhile_gets_nothing(self, sandbox: Sandbox, link: str) -> None:
        arn = sandbox.add_application("Wiki")
        writer, other = gateway(sandbox), gateway(sandbox)
        for resource in (user("ana"), group("ops")):
            writer.create(resource)
        made = member("ops", "ana") if link == "membership" else assigned(arn, ANA.kind, "ana")
        waits: list[float] = []

        def make_anew(seconds: float) -> None:
            if not waits:
                other.delete(user("ana"))
                other.create(user("ana"))
            waits.append(seconds)

        applier = gateway(sandbox)
        applier.read_state(Wanted(named=(made,)))
        sandbox.make_trouble(trouble(made_by(made), FaultKind.LOST_BEFORE))
        plan, patience = Plan((Create(made),)), Patience(make_anew)
        (result,) = apply_plan(plan, applier, Silent(), patience)
        assert result.outcome is Outcome.FAILED
        assert len(waits) == 1
        whole = gateway(sandbox, write=False).read_state(EVERYTHING)
        assert whole.members[group_key("ops")] == frozenset()
        assert whole.assignments[ApplicationArn(arn)] == frozenset()


def made_by(link: Membership | Assignment) -> str:
    if isinstance(link, Membership):
        return "CreateGroupMembership"
    return "CreateApplicationAssignment"
