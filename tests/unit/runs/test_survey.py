"""What is read for a plan is what the declaration has to be bound to."""

from __future__ import annotations

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    ManageLinks,
    Settings,
)
from identity_reconciler.core.state import State
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.runs.survey import outlook, plan_against, wanted
from tests.memory_gateway import MemoryGateway
from tests.strategies import APPLICATIONS, HERE, INSTANCE, NOW

WIKI = DeclaredApplication(ApplicationSelector(name="Wiki"), HERE, managed=False)
LIVE = State(applications={one.arn: one for one in APPLICATIONS})


class TestApplicationsWithoutAssignments:
    """An application whose assignments are not managed is looked up, and nothing more."""

    def test_it_is_found(self) -> None:
        declared = Declared(Settings(INSTANCE), applications=(WIKI,))
        plan, live = plan_against(declared, MemoryGateway.holding(LIVE), NOW)
        assert plan.changes == ()
        assert live.assignments == {}

    def test_the_list_of_applications_is_in_the_outlook(self) -> None:
        rates = Rates(sso_admin=20, identity_store=20)
        declared = Declared(Settings(INSTANCE))
        more = Declared(Settings(INSTANCE), applications=(WIKI,))
        assert outlook(more, rates).requests == outlook(declared, rates).requests + 1

    def test_where_assignments_are_off_nothing_is_looked_up(self) -> None:
        off = Settings(INSTANCE, assignments=ManageLinks.OFF)
        assert not wanted(Declared(off, applications=(WIKI,))).applications
