"""Plan through a gateway and describe the result: what `plan` and `apply` have in common."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from identity_reconciler.cli.collecting import without_collections
from identity_reconciler.cli.connection import Target, connected
from identity_reconciler.cli.output import note
from identity_reconciler.cli.progress import progress, tell_of_long_read
from identity_reconciler.cli.timings import Timings
from identity_reconciler.errors import BlockedError, InvalidInputError

if TYPE_CHECKING:
    from identity_reconciler.declared import Declared
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.plan import Change, Plan
    from identity_reconciler.render.document import PlanDocument
    from identity_reconciler.state import State


_MOST_TRACED = 50
"""Memberships for which a plan asks who made them, one request each."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan is bound to besides the YAML and the live state, and where its time goes."""

    commit: str | None = None
    valid_for: timedelta = timedelta(hours=24)
    timings: Timings = field(default_factory=Timings)
    only_expired: bool = False
    """Whether to remove what has expired and do nothing else."""
    sandbox: bool = False
    """Whether it is made against the embedded sandbox, and not against AWS."""
    base: Declared | None = None
    """What the desired state was before; what it would change already is pending, not new."""


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

    Says beforehand how long a long read will take.

    Raises:
        GatewayError: The live state could not be read whole; there is no plan.
        InvalidInputError: *declared* cannot be bound to what is live, or an approval does not
            hold.
    """
    from identity_reconciler.approvals import check_approvals
    from identity_reconciler.comparison import compare_closely
    from identity_reconciler.expiry import only_expired
    from identity_reconciler.gateway.expectation import expected
    from identity_reconciler.guards import check_plan, gather
    from identity_reconciler.render.describe import Findings, Occasion, document
    from identity_reconciler.survey import read_for_access, read_live, strangers

    timings = terms.timings
    as_of = datetime.now(UTC).replace(microsecond=0)
    problems = check_approvals(declared.approvals, as_of)
    if problems:
        raise InvalidInputError(problems)
    started = time.monotonic()
    outlook = expected(declared, gateway.rates)
    tell_of_long_read(outlook)
    with progress("reading the live state", lambda: gateway.requests.total, outlook.requests):
        with timings.phase("read"):
            live = read_live(declared, gateway, as_of)
        with timings.phase("plan"), without_collections():
            comparison = compare_closely(declared, live, as_of)
            plan = only_expired(comparison.plan) if terms.only_expired else comparison.plan
        with timings.phase("read"):
            known, complete = read_for_access(declared, plan, live, gateway)
            traces = gateway.trace(strangers(plan)[:_MOST_TRACED])
    with timings.phase("plan"), without_collections():
        evidence = gather(declared, plan, known, comparison.scope, comparison.managed)
        verdicts = check_plan(evidence, declared.settings.guards, declared.approvals, as_of)
        pending = _pending(terms.base, live, as_of)
    findings = Findings(evidence.access, complete, verdicts, traces, pending)
    occasion = Occasion(
        as_of,
        gateway.requests.total,
        time.monotonic() - started,
        valid_for=terms.valid_for,
        commit=terms.commit,
        sandbox=terms.sandbox,
    )
    with timings.phase("render"), without_collections():
        return plan, document(declared, plan, live, occasion, findings)


def blocked(document: PlanDocument) -> bool:
    """Return whether a guard refuses the plan."""
    return any(one.standing == "blocked" for one in document.guards)


def require_unblocked(document: PlanDocument) -> None:
    """Refuse a plan that a guard refuses.

    Raises:
        BlockedError: Names the guards.
    """
    if blocked(document):
        guards = ", ".join(one.guard for one in document.guards if one.standing == "blocked")
        raise BlockedError(
            f"refused by {guards}; nothing was changed. Correct the desired state, or add the "
            "approval shown above to approvals.yaml and have it reviewed"
        )


def _pending(base: Declared | None, live: State, as_of: datetime) -> tuple[Change, ...] | None:
    """Return what *base* would change by itself; None when it cannot be told."""
    from identity_reconciler.comparison import compare

    if base is None:
        return None
    try:
        return compare(base, live, as_of).changes
    except InvalidInputError as error:
        note(f"the base cannot be compared, so nothing is told apart: {error.problems[0]}")
        return None
