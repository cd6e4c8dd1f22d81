"""Make a plan through a gateway and describe it: what `plan` and `apply` have in common."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from identity_reconciler.core.access import Impact
from identity_reconciler.core.access_facts import Known
from identity_reconciler.core.account_access import account_changes
from identity_reconciler.core.accounts import AccountReading
from identity_reconciler.core.approvals import check_approvals
from identity_reconciler.core.bindings import named_objects
from identity_reconciler.core.collecting import without_collections
from identity_reconciler.core.comparison import compare, compare_resolved
from identity_reconciler.core.control import (
    UNREADABLE,
    Loosening,
    Unmatched,
    loosened,
    unmatched,
    unmatched_in_accounts,
)
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.expiry import only_expired
from identity_reconciler.core.guard_settings import SeparatedDuties
from identity_reconciler.core.guards import check_plan, check_since, gather
from identity_reconciler.core.guards.guarded import guarded_changes
from identity_reconciler.core.lease import claims_of_others
from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.core.order import in_waves
from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.core.resemblances import resemblances
from identity_reconciler.core.state import Key, State
from identity_reconciler.core.targets import rests_on_live, rests_on_live_lists, targets_of
from identity_reconciler.errors import BlockedError, InvalidInputError
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.render.describe import (
    AccountsRead,
    Control,
    Findings,
    Occasion,
    document,
)
from identity_reconciler.render.document import GenerationDocument, PlanDocument
from identity_reconciler.render.words import blocked
from identity_reconciler.runs.listener import Listener, Silence
from identity_reconciler.runs.survey import (
    AccountReader,
    AccountSurvey,
    accounts_outlook,
    known_of,
    outlook,
    read_accounts,
    read_for_access,
    read_live,
    strangers,
)
from identity_reconciler.runs.targeted_survey import (
    TargetedPlan,
    find,
    plan_named,
    plan_touched,
)

_MOST_TRACED = 50
"""Memberships for which a plan asks who made them, one request each."""


@dataclass(frozen=True, slots=True)
class Base:
    """How a desired state stood at a Git revision."""

    revision: str
    declared: Declared | None
    """None: nothing stood there, or what did has problems."""
    broken: bool = False
    """Whether it has problems."""
    dropped: tuple[Loosening, ...] = ()
    """Instances that stood there and are nowhere any more."""

    def plans(self, now: Declared) -> Declared | None:
        """Return what would be planned for the instance of *now*; None if nothing would be."""
        if self.declared is None or not _same_instance(self.declared, now):
            return None
        return self.declared


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What a plan is bound to besides the YAML and the live state, and who hears of its making."""

    commit: str | None = None
    directory: str | None = None
    """Where the YAML is in the Git repository, see `SourceDocument`."""
    valid_for: timedelta = timedelta(hours=24)
    changed_since: str | None = None
    """The Git revision of which only the differences are looked at."""
    ids: tuple[ObjectIds, ...] = ()
    """Only what these name is looked at, if there are any."""
    gone: tuple[ObjectIds, ...] = ()
    """Those of them that nothing live has."""
    only_expired: bool = False
    """Whether to remove what has expired and do nothing else."""
    sandbox: bool = False
    """Whether it is made against the embedded sandbox, and not against AWS."""
    generation: GenerationDocument | None = None
    """What had been applied when it was begun. None: it is not to be applied."""
    listener: Listener = field(default_factory=Silence)


def make_plan(
    declared: Declared, gateway: AwsGateway, terms: PlanTerms, base: Base | None = None
) -> tuple[Plan, PlanDocument]:
    """Return the plan for *declared* against what is live now, and its document.

    What *base* would change already is marked as pending. Its guards judge the plan as well, and
    what is guarded, managed or approved less than there is told.

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
            before = base.plans(declared) if base is not None else None
            survey = read_live(declared, gateway, as_of, before)
        with listener.phase("plan"), without_collections():
            comparison = compare_resolved(survey.resolution)
            plan = only_expired(comparison.plan) if terms.only_expired else comparison.plan
        with listener.phase("read"):
            impact, complete = read_for_access(survey, plan, gateway, apart=_kept_apart(base))
            traces = gateway.trace(strangers(plan)[:_MOST_TRACED])
    with listener.phase("read"):
        known = known_of(survey, plan)
        accounts = read_accounts(impact, known, _account_reader(declared, gateway, listener))
    with listener.phase("plan"), without_collections():
        impact = accounts.impact
        ordering = in_waves(impact, declared.settings.guards.policies.separation_of_duties)
        plan = _bound(ordering.plan, gateway)
        others = claims_of_others(gateway.lease_records(), declared.settings.lease)
        evidence = gather(comparison, impact, others)
        if base is not None and base.declared is not None:
            verdicts = check_since(base.declared, evidence, declared, as_of)
        else:
            verdicts = check_plan(evidence, declared.settings.guards, declared.approvals, as_of)
        found = resemblances(impact, declared)
        guarded = _guarded(plan, impact, declared, base)
        pending = _pending(base, declared, survey.live, as_of)
        asked = survey.question.applications
        control = replace(
            _control(base, declared, survey.live),
            unmatched=(
                *unmatched(declared, survey.live, applications=asked),
                *_unmatched_in_accounts(declared, accounts),
            ),
        )
    findings = Findings(
        access=evidence.access,
        access_complete=complete,
        accounts=evidence.accounts,
        exposures=ordering.exposures,
        accounts_read=_accounts_read(accounts),
        verdicts=verdicts,
        resemblances=found,
        guarded=guarded,
        traces=traces,
        pending=pending,
        control=control,
    )
    occasion = _occasion(as_of, gateway, started, terms)
    with listener.phase("render"), without_collections():
        return plan, document(declared, plan, survey.live, occasion, findings)


def make_targeted_plan(
    declared: Declared, gateway: AwsGateway, terms: PlanTerms, base: Base, old: Declared
) -> tuple[Plan, PlanDocument]:
    """Return the plan for what of *declared* differs from *old*, that of *base*, and its document.

    Their settings are equal. Guards have not judged it, so it is for reading: `apply` refuses it.

    Raises:
        GatewayError: What it needs could not be read whole; there is no plan.
    """
    listener, started = terms.listener, time.monotonic()
    as_of = datetime.now(UTC).replace(microsecond=0)
    with (
        listener.phase("read and plan"),
        listener.reading("reading what the change touches", lambda: gateway.requests.total),
    ):
        found = plan_touched(old, declared, gateway, as_of)
    plan, findings = _findings_in_part(found, declared, gateway, listener, base)
    about = replace(terms, changed_since=base.revision)
    occasion = _occasion(as_of, gateway, started, about)
    with listener.phase("render"):
        return plan, document(declared, plan, found.live, occasion, findings)


def make_named_plan(declared: Declared, gateway: AwsGateway, terms: PlanTerms) -> PlanDocument:
    """Return the plan for what of *declared* the ids of *terms* name, or for everything.

    For everything only where who is in a touched list is known with all that is live. A plan for a
    part is for reading, see `make_targeted_plan`; what nothing live has is told, and not planned.

    Raises:
        GatewayError: What it needs could not be read whole; there is no plan.
        InvalidInputError: An approval does not hold.
    """
    listener, started = terms.listener, time.monotonic()
    as_of = datetime.now(UTC).replace(microsecond=0)
    with (
        listener.phase("read and plan"),
        listener.reading("reading what is named", lambda: gateway.requests.total),
    ):
        found = find(terms.ids, gateway)
        if rests_on_live_lists(declared, targets_of(declared, found.named, found.applications)):
            return make_plan(declared, gateway, replace(terms, ids=()))[1]
        planned = plan_named(declared, found, gateway, as_of)
    plan, findings = _findings_in_part(planned, declared, gateway, listener)
    occasion = _occasion(as_of, gateway, started, replace(terms, gone=found.gone))
    with listener.phase("render"):
        return document(declared, plan, planned.live, occasion, findings)


def _findings_in_part(
    found: TargetedPlan,
    declared: Declared,
    gateway: AwsGateway,
    listener: Listener,
    base: Base | None = None,
) -> tuple[Plan, Findings]:
    """Return the plan for a part, in order, and what there is to say of it."""
    with listener.phase("read and plan"):
        # Of the groups that somebody is in, and of who is in a group, only the touched are known.
        reader = _account_reader(declared, gateway, listener)
        accounts = read_accounts(Impact.of(found.plan, found.live), Known(), reader)
    # Who gains access through other groups is a question about more than the change; so are
    # most guards, which judge a plan against the whole of what is managed.
    impact = accounts.impact
    ordering = in_waves(impact, declared.settings.guards.policies.separation_of_duties)
    return _bound(ordering.plan, gateway), Findings(
        access_complete=False,
        accounts=account_changes(impact),
        exposures=ordering.exposures,
        accounts_read=_accounts_read(accounts),
        resemblances=resemblances(impact, declared),
        guarded=_guarded(ordering.plan, impact, declared, base),
        control=_control(base, declared, found.live),
    )


def plan_since(
    base: Base | None, declared: Declared, gateway: AwsGateway, terms: PlanTerms, *, targeted: bool
) -> PlanDocument:
    """Return the plan for *declared*, as it differs from *base* where there is one.

    Either only for what differs, when *targeted* and nothing else can, or for everything, with
    what *base* would do by itself marked as pending. Where *terms* have ids, only for what these
    name. Raises what these raise.
    """
    if terms.ids:
        return make_named_plan(declared, gateway, terms)
    old = base.plans(declared) if base is not None and targeted else None
    if base is not None and old is not None and _is_enough(old, declared):
        return make_targeted_plan(declared, gateway, terms, base, old)[1]
    return make_plan(declared, gateway, terms, base)[1]


def _is_enough(old: Declared, new: Declared) -> bool:
    """Return whether it is enough to look at what differs between the two."""
    return old.settings == new.settings and not rests_on_live(old, new)


def require_unblocked(plan: PlanDocument) -> None:
    """Refuse a plan that a guard refuses.

    Raises:
        BlockedError: Names the guards.
    """
    refusing = blocked(plan)
    if refusing:
        names = ", ".join(dict.fromkeys(guard.guard for guard in refusing))
        settings = any(guard.by_base for guard in refusing)
        raise BlockedError(
            f"refused by {names}; nothing was changed. Correct the desired state, or add the "
            "approval shown above to approvals.yaml and have it reviewed"
            + ("; merge a change of the guards' settings by itself first" if settings else "")
        )


def _bound(plan: Plan, gateway: AwsGateway) -> Plan:
    """Return *plan* with the witnesses of the objects that it is for."""
    return replace(plan, witnesses=gateway.witnesses(named_objects(plan)))


def _account_reader(declared: Declared, gateway: AwsGateway, listener: Listener) -> AccountReader:
    """Return who asks *gateway* about access to AWS accounts, as *listener* hears."""

    def asking(principals: int) -> AbstractContextManager[None]:
        lists = declared.settings.account_access is AccountReading.LIST
        ahead = accounts_outlook(
            gateway.account_lists_ahead() if lists else principals, gateway.rates
        )
        before = gateway.requests.total
        doing = "asking about access to AWS accounts"
        return listener.reading(doing, lambda: gateway.requests.total - before, ahead)

    return AccountReader(gateway, declared.settings.account_access, asking)


def _accounts_read(accounts: AccountSurvey) -> AccountsRead:
    return AccountsRead(accounts.how, accounts.note, accounts.complete)


def _occasion(
    as_of: datetime,
    gateway: AwsGateway,
    started: float,
    terms: PlanTerms,
) -> Occasion:
    return Occasion(
        as_of,
        gateway.requests.total,
        time.monotonic() - started,
        valid_for=terms.valid_for,
        commit=terms.commit,
        directory=terms.directory,
        changed_since=terms.changed_since,
        only_ids=tuple(map(str, terms.ids)) or None,
        gone_ids=tuple(map(str, terms.gone)) or None,
        sandbox=terms.sandbox,
        generation=terms.generation,
    )


def _guarded(plan: Plan, impact: Impact, declared: Declared, base: Base | None) -> frozenset[Key]:
    """Return the changes that touch what the guards of *declared*, or those of *base*, name."""
    old = base.declared if base is not None else None
    settings = [declared.settings.guards, *([old.settings.guards] if old is not None else [])]
    return frozenset().union(
        *(
            guarded_changes(plan, one, impact.before, impact.after, impact.renames)
            for one in settings
        )
    )


def _kept_apart(base: Base | None) -> tuple[SeparatedDuties, ...]:
    """Return what *base* keeps apart, whose policies judge as well."""
    old = base.declared if base is not None else None
    return () if old is None else old.settings.guards.policies.separation_of_duties


def _same_instance(one: Declared, other: Declared) -> bool:
    first, second = one.settings.instance, other.settings.instance
    return (first.instance_arn, first.identity_store_id) == (
        second.instance_arn,
        second.identity_store_id,
    )


def _control(base: Base | None, declared: Declared, live: State) -> Control:
    """Return what of *declared* holds less tightly than *base*, as far as there is one."""
    if base is None:
        return Control()
    found = base.dropped
    if base.declared is not None:
        found += loosened(base.declared, declared, live.applications.values())
    elif base.broken:
        found += (UNREADABLE,)
    # Of an instance that is new there is nothing to compare with.
    return Control(base.revision, found) if base.declared or found else Control()


def _unmatched_in_accounts(declared: Declared, read: AccountSurvey) -> tuple[Unmatched, ...]:
    """Return what the settings name of accounts and nobody has; nothing where not all was read."""
    held = [one for roles in read.impact.before.account_access.values() for one in roles]
    if read.how != "list" or not held:
        # A plan without changes asks nothing.
        return ()
    return unmatched_in_accounts(declared.settings, held)


def _pending(
    base: Base | None, declared: Declared, live: State, as_of: datetime
) -> tuple[Change, ...] | None:
    """Return what *base* would change by itself; None when there is nothing to tell apart."""
    old = base.plans(declared) if base is not None else None
    return None if old is None else compare(old, live, as_of).changes
