"""Plan through a gateway and describe the result: what `plan` and `apply` have in common."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from identity_reconciler.cli.connection import Target, connected
from identity_reconciler.cli.progress import progress

if TYPE_CHECKING:
    from identity_reconciler.declared import Declared
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.plan import Plan
    from identity_reconciler.render.document import PlanDocument


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan is bound to besides the YAML and the live state."""

    commit: str | None = None
    valid_for: timedelta = timedelta(hours=24)


def connected_for(
    declared: Declared, target: Target, *, write: bool
) -> AbstractContextManager[AwsGateway]:
    """Return a gateway to the instance of *declared*; see `connection.connected`."""
    return connected(
        declared.settings.instance,
        target,
        write=write,
        applications=(entry.selector for entry in declared.applications),
    )


def make_plan(declared: Declared, gateway: AwsGateway, terms: Terms) -> tuple[Plan, PlanDocument]:
    """Return the plan for *declared* against what is live now, and its document.

    Raises:
        GatewayError: The live state could not be read whole; there is no plan.
        InvalidInputError: *declared* cannot be bound to what is live.
    """
    from identity_reconciler.access import access_changes
    from identity_reconciler.projection import after_plan
    from identity_reconciler.render.document import Access, Occasion, document
    from identity_reconciler.survey import plan_against, read_for_access

    as_of = datetime.now(UTC).replace(microsecond=0)
    started = time.monotonic()
    with progress("reading the live state", lambda: gateway.requests.total):
        plan, live = plan_against(declared, gateway, as_of)
        known, complete = read_for_access(declared, plan, live, gateway)
    access = Access(access_changes(plan, known, after_plan(known, plan)), complete)
    occasion = Occasion(
        as_of,
        gateway.requests.total,
        time.monotonic() - started,
        valid_for=terms.valid_for,
        commit=terms.commit,
    )
    return plan, document(declared, plan, live, occasion, access)
