"""Look where an audit is to look: into the YAML, one instance, after a plan, or everywhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.audit.reports_expiring import Expiring
from identity_reconciler.cli.connection import Target
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.audit.inspection import Inspection, Site
    from identity_reconciler.audit.question import Question
    from identity_reconciler.cli.auditing import Terms
    from identity_reconciler.declared import Declared
    from identity_reconciler.gateway import Wanted
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.state import State

_CONNECTED = "ACTIVE"
"""The status of an instance that a gateway is open to: no other is let pass."""


def inspected(question: Question, terms: Terms, as_of: datetime) -> tuple[Inspection, str]:
    """Return what *question* needs to be answered, and what that was made from.

    Raises:
        InvalidInputError: The YAML is not valid.
        GatewayError: AWS could not be read; of an organisation, not even its accounts.
        StalePlanError: The saved plan is damaged.
    """
    if isinstance(question, Expiring) and (terms.organization or terms.plan):
        raise UsageError("only the YAML knows when something expires; give its directory alone")
    if terms.organization:
        from identity_reconciler.cli.organization import whole_organization

        return whole_organization(question, terms)
    if terms.plan is not None:
        return _after_plan(terms.plan, Target(terms.sandbox, terms.endpoint_url))
    return _of_directory(question, terms, as_of)


def _of_directory(question: Question, terms: Terms, as_of: datetime) -> tuple[Inspection, str]:
    from identity_reconciler.audit.inspection import inspection_of
    from identity_reconciler.cli.loading import load_all

    loaded = load_all(terms.directory)
    names = ", ".join(one.settings.instance.name for one in loaded)
    if terms.desired or isinstance(question, Expiring):
        sites = [_as_declared(declared, as_of) for declared in loaded]
        return inspection_of(*sites), f"desired state of {names}, without AWS"
    target = Target(terms.sandbox, terms.endpoint_url)
    sites = [_as_live(declared, question, target) for declared in loaded]
    return inspection_of(*sites), f"live state of {names}"


def _as_declared(declared: Declared, as_of: datetime) -> Site:
    from identity_reconciler.audit.desired_state import declared_state
    from identity_reconciler.audit.inspection import Site

    state = declared_state(declared, as_of)
    return Site(declared.settings.instance, state, declared=declared)


def _as_live(declared: Declared, question: Question, target: Target) -> Site:
    from identity_reconciler.audit.inspection import Site
    from identity_reconciler.cli.planning import connected_for

    with connected_for(declared, target, write=False) as gateway:
        live = _read(gateway, question.wanted)
        return Site(declared.settings.instance, live, status=_CONNECTED, declared=declared)


def _after_plan(path: Path, target: Target) -> tuple[Inspection, str]:
    """Return the live state with every change of the saved plan applied to it.

    All of it is read, because the plan may touch what the question would not.
    """
    from identity_reconciler.audit.inspection import Site, inspection_of
    from identity_reconciler.audit.question import EVERYTHING
    from identity_reconciler.cli.connection import connected
    from identity_reconciler.cli.saving import open_saved
    from identity_reconciler.projection import after_plan
    from identity_reconciler.render.planfile import instance_of, plan_digest, plan_of

    document = open_saved(path)
    instance = instance_of(document)
    with connected(instance, target, write=False) as gateway:
        live = _read(gateway, EVERYTHING)
    site = Site(instance, after_plan(live, plan_of(document)), status=_CONNECTED)
    basis = f"live state of {instance.name} as it will be after plan {plan_digest(document)}"
    return inspection_of(site), basis


def _read(gateway: AwsGateway, wanted: Wanted) -> State:
    from identity_reconciler.cli.progress import progress

    with progress("reading the live state", lambda: gateway.requests.total):
        return gateway.read_state(wanted)
