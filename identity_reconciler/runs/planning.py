"""Make a plan through a gateway and describe it: what `plan` and `apply` have in common."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from identity_reconciler.core.access import Impact
from identity_reconciler.core.approvals import check_approvals
from identity_reconciler.core.collecting import without_collections
from identity_reconciler.core.comparison import compare, compare_resolved
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.expiry import only_expired
from identity_reconciler.core.guards import check_plan, gather
from identity_reconciler.core.guards.guarded import guarded_changes
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.resemblances import resemblances
from identity_reconciler.core.state import Key
from identity_reconciler.errors import BlockedError, InvalidInputError
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.render.describe import Findings, Occasion, document
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.words import blocked
from identity_reconciler.runs.listener import Listener, Silence
from identity_reconciler.runs.survey import outlook, read_for_access, read_live, strangers
from identity_reconciler.runs.targeted_survey import plan_touched

_MOST_TRACED = 50
"""Memberships for which a plan asks who made them, one request each."""


@dataclass(frozen=True, slots=True)
class Base:
    """How a desired state stood at a Git revision."""

    revision: str
    declared: Declared


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What a plan is bound to besides the YAML and the live state, and who hears of its making."""

    commit: str | None = None
    valid_for: timedelta = timedelta(hours=24)
    only_expired: bool = False
    """Whether to remove what has expired and do nothing else."""
    sandbox: bool = False
    """Whether it is made against the embedded sandbox, and not against AWS."""
    listener: Listener = field(default_factory=Silence)


def make_plan(
    declared: Declared, gateway: AwsGateway, terms: PlanTerms, base: Base | None = None
) -> tuple[Plan, PlanDocument]:
    """Return the plan for *declared* against what is live now, and its document.

    What *base* would change already is marked as pending.

    Raises:
        GatewayError: The live state could not be read whole; there is no plan.
        InvalidInputError: An approval does not hold.
    """
    listener, started = terms.listener, time.monotonic()
    as_of = datetime.now(UTC).replace(microsecond=0)
    problems = check_approvals(declared.approvals, as_of)
    if problems:
        raise InvalidInputError(problems)
    ahead = outlook(declared, gateway.rates)
    with listener.reading("reading the live state", lambda: gateway.requests.total, ahead):
        with listener.phase("read"):
            survey = read_live(declared, gateway, as_of)
        with listener.phase("plan"), without_collections():
            comparison = compare_resolved(survey.resolution)
            plan = only_expired(comparison.plan) if terms.only_expired else comparison.plan
        with listener.phase("read"):
            impact, complete = read_for_access(survey, plan, gateway)
            traces = gateway.trace(strangers(plan)[:_MOST_TRACED])
    with listener.phase("plan"), without_collections():
        evidence = gather(comparison, impact)
        verdicts = check_plan(evidence, declared.settings.guards, declared.approvals, as_of)
        found = resemblances(plan, declared, survey.live)
        guarded = _guarded(plan, impact, declared, base)
        # None: nothing can be told apart, for there is no base.
        pending = compare(base.declared, survey.live, as_of).changes if base else None
    findings = Findings(
        access=evidence.access,
        access_complete=complete,
        verdicts=verdicts,
        resemblances=found,
        guarded=guarded,
        traces=traces,
        pending=pending,
    )
    occasion = _occasion(as_of, gateway, started, terms)
    with listener.phase("render"), without_collections():
        return plan, document(declared, plan, survey.live, occasion, findings)


def make_targeted_plan(
    declared: Declared, gateway: AwsGateway, terms: PlanTerms, base: Base
) -> tuple[Plan, PlanDocument]:
    """Return the plan for what of *declared* differs from *base*, and its document.

    Guards have not judged it, so it is for reading: `apply` refuses it.

    Raises:
        GatewayError: What it needs could not be read whole; there is no plan.
    """
    listener, started = terms.listener, time.monotonic()
    as_of = datetime.now(UTC).replace(microsecond=0)
    with (
        listener.phase("read and plan"),
        listener.reading("reading what the change touches", lambda: gateway.requests.total),
    ):
        found = plan_touched(base.declared, declared, gateway, as_of)
    occasion = _occasion(as_of, gateway, started, terms, changed_since=base.revision)
    # Who gains access through other groups is a question about more than the change; so are
    # most guards, which judge a plan against the whole of what is managed.
    findings = Findings(
        access_complete=False,
        resemblances=resemblances(found.plan, declared, found.live),
        guarded=_guarded(found.plan, Impact.of(found.plan, found.live), declared, base),
    )
    with listener.phase("render"):
        return found.plan, document(declared, found.plan, found.live, occasion, findings)


def plan_since(
    base: Base | None, declared: Declared, gateway: AwsGateway, terms: PlanTerms, *, targeted: bool
) -> PlanDocument:
    """Return the plan for *declared*, as it differs from *base* where there is one.

    Either only for what differs, when *targeted*, or for everything, with what *base* would do by
    itself marked as pending. Raises what these raise.
    """
    if base is not None and targeted:
        return make_targeted_plan(declared, gateway, terms, base)[1]
    return make_plan(declared, gateway, terms, base)[1]


def require_unblocked(plan: PlanDocument) -> None:
    """Refuse a plan that a guard refuses.

    Raises:
        BlockedError: Names the guards.
    """
    refusing = ", ".join(guard.guard for guard in blocked(plan))
    if refusing:
        raise BlockedError(
            f"refused by {refusing}; nothing was changed. Correct the desired state, or add the "
            "approval shown above to approvals.yaml and have it reviewed"
        )


def _occasion(
    as_of: datetime,
    gateway: AwsGateway,
    started: float,
    terms: PlanTerms,
    changed_since: str | None = None,
) -> Occasion:
    return Occasion(
        as_of,
        gateway.requests.total,
        time.monotonic() - started,
        valid_for=terms.valid_for,
        commit=terms.commit,
        changed_since=changed_since,
        sandbox=terms.sandbox,
    )


def _guarded(plan: Plan, impact: Impact, declared: Declared, base: Base | None) -> frozenset[Key]:
    """Return the changes that touch what the guards of *declared*, or those of *base*, name."""
    settings = [declared.settings.guards, *([base.declared.settings.guards] if base else [])]
    return frozenset().union(
        *(
            guarded_changes(plan, one, impact.before, impact.after, impact.renames)
            for one in settings
        )
    )
