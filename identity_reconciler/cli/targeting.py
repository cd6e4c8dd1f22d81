"""Plan for what changed since a Git revision: `plan --changed-since`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.cli.history import declared_in, tree_at
from identity_reconciler.cli.output import note
from identity_reconciler.cli.planning import Terms, make_plan
from identity_reconciler.cli.progress import progress

if TYPE_CHECKING:
    from identity_reconciler.declared import Declared
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.plan import Plan
    from identity_reconciler.render.document import PlanDocument


@dataclass(frozen=True, slots=True)
class Base:
    """What a desired state is compared with to see what changed."""

    revision: str
    declared: Declared


def bases(directory: Path, revision: str, loaded: Sequence[Declared]) -> list[Base | None]:
    """Return, for each of *loaded* from *directory*, how it stood at *revision*.

    None where only a whole plan can tell what the change does; a note on stderr says why.

    Raises:
        UsageError: Git does not know *revision*.
    """
    from identity_reconciler.desired.loader import instance_directories

    found: list[Base | None] = []
    with tree_at(directory, revision) as tree:
        for one, declared in zip(instance_directories(directory), loaded, strict=True):
            old = declared_in(tree / one.relative_to(directory))
            why = _objection(old, declared)
            if why:
                note(f"{declared.settings.instance.name}: {why} {revision}; planning everything")
            found.append(Base(revision, old) if old is not None and not why else None)
    return found


def _objection(old: Declared | None, new: Declared) -> str | None:
    if old is None:
        return "no desired state without problems stood there at"
    if old.settings != new.settings:
        return "instance.yaml, which touches everything, differs from"
    return None


def plan_since(
    base: Base | None, declared: Declared, gateway: AwsGateway, terms: Terms, *, targeted: bool
) -> PlanDocument:
    """Return the plan for *declared*, as it differs from *base* where there is one.

    Either only for what differs, when *targeted*, or for everything, with what *base* would do
    by itself marked as pending.

    Raises:
        GatewayError: What it needs could not be read whole; there is no plan.
        InvalidInputError: Something cannot be bound to what is live.
    """
    if base is not None and targeted:
        return make_targeted_plan(base, declared, gateway, terms)[1]
    own = replace(terms, base=base.declared if base else None)
    return make_plan(declared, gateway, own)[1]


def make_targeted_plan(
    base: Base, declared: Declared, gateway: AwsGateway, terms: Terms
) -> tuple[Plan, PlanDocument]:
    """Return the plan for what of *declared* differs from *base*, and its document.

    Guards have not judged it, so it is for reading: `apply` refuses it.

    Raises:
        GatewayError: What it needs could not be read whole; there is no plan.
        InvalidInputError: What changed cannot be bound to what is live.
    """
    from identity_reconciler.render.describe import Findings, Occasion, document
    from identity_reconciler.targeted_survey import plan_touched

    as_of = datetime.now(UTC).replace(microsecond=0)
    started = time.monotonic()
    with (
        terms.timings.phase("read and plan"),
        progress("reading what the change touches", lambda: gateway.requests.total),
    ):
        found = plan_touched(base.declared, declared, gateway, as_of)
    occasion = Occasion(
        as_of,
        gateway.requests.total,
        time.monotonic() - started,
        valid_for=terms.valid_for,
        commit=terms.commit,
        changed_since=base.revision,
        sandbox=terms.sandbox,
    )
    # Who gains access through other groups is a question about more than the change; so are
    # most guards, which judge a plan against the whole of what is managed.
    findings = Findings(access_complete=False)
    with terms.timings.phase("render"):
        return found.plan, document(declared, found.plan, found.live, occasion, findings)
