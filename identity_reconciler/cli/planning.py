"""Plan through a gateway and describe the result: what `plan` and `apply` have in common."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from identity_reconciler.cli.progress import progress

if TYPE_CHECKING:
    from identity_reconciler.declared import Declared
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.plan import Plan
    from identity_reconciler.render.document import PlanDocument


def make_plan(declared: Declared, gateway: AwsGateway) -> tuple[Plan, PlanDocument]:
    """Return the plan for *declared* against what is live now, and its document.

    Raises:
        GatewayError: The live state could not be read whole; there is no plan.
        InvalidInputError: *declared* cannot be bound to what is live.
    """
    from identity_reconciler.render.document import Reading, document
    from identity_reconciler.survey import plan_against

    as_of = datetime.now(UTC).replace(microsecond=0)
    started = time.monotonic()
    with progress("reading the live state", lambda: gateway.requests.total):
        plan, live = plan_against(declared, gateway, as_of)
    reading = Reading(as_of, gateway.requests.total, time.monotonic() - started)
    return plan, document(declared, plan, live, reading)
