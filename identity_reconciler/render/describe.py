"""Describe a plan of the core as the document that every renderer reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from identity_reconciler.core.access import AccessChange, Effect
from identity_reconciler.core.access_reviews import due
from identity_reconciler.core.account_access import AccountChange
from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.approvals import approval_lines
from identity_reconciler.core.control import Loosening, Unmatched
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.duties import KeptApart
from identity_reconciler.core.expiry import expiring, starting
from identity_reconciler.core.guards import Standing, Verdict
from identity_reconciler.core.order import Exposure
from identity_reconciler.core.plan import (
    Change,
    Delete,
    Origin,
    Plan,
    Rename,
    Update,
    after_of,
    before_of,
    counts,
    subject_of,
)
from identity_reconciler.core.resemblances import Resemblance
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Key,
    Membership,
    Provenance,
    Resource,
    State,
    User,
    UserName,
    address,
    folded,
)
from identity_reconciler.errors import Position
from identity_reconciler.render.differences import differences
from identity_reconciler.render.document import (
    LISTED_PEOPLE,
    AccessDocument,
    AccountAccessDocument,
    AccountReadingDocument,
    ChangeDocument,
    ControlDocument,
    CountDocument,
    DifferenceDocument,
    DocumentKind,
    ExpiringDocument,
    GenerationDocument,
    GuardDocument,
    InstanceDocument,
    LiveDocument,
    LooseningDocument,
    OverdueDocument,
    PassingDocument,
    PersonDocument,
    PlanDocument,
    PositionDocument,
    ResemblanceDocument,
    SourceDocument,
    StartingDocument,
    UnmatchedDocument,
    UnresolvedDocument,
    WithheldDocument,
    WitnessDocument,
    action_of,
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and how a plan was made."""

    as_of: datetime
    requests: int
    """Sent to read the live state."""
    seconds: float
    """Spent reading it."""
    valid_for: timedelta = timedelta(hours=24)
    commit: str | None = None
    directory: str | None = None
    """Where the YAML is in the Git repository, see `SourceDocument`."""
    changed_since: str | None = None
    """Only what differs from this Git revision was looked at."""
    only_ids: tuple[str, ...] | None = None
    """Only what these identifiers name was looked at."""
    gone_ids: tuple[str, ...] | None = None
    """Those of them that nothing live has."""
    sandbox: bool = False
    """Whether the embedded sandbox was read, and not AWS."""
    generation: GenerationDocument | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What there is to say about what guards, manages and approves."""

    base: str | None = None
    """The Git revision that it was compared with."""
    loosened: tuple[Loosening, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountsRead:
    """How access to AWS accounts was read for a plan."""

    how: AccountReadingDocument = "principal"
    note: str | None = None
    """What is not known, and what it takes."""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to say about a plan besides its changes."""

    access: tuple[AccessChange, ...] = ()
    """Who gains and who loses which application."""
    access_complete: bool = True
    """Whether that is all, and not only as far as the declared groups tell."""
    accounts: tuple[AccountChange, ...] = ()
    """Who gains and who loses what in AWS accounts."""
    exposures: tuple[Exposure, ...] = ()
    """Who is without access, or has too much, in passing."""
    accounts_read: AccountsRead = AccountsRead()
    """How that was read."""
    verdicts: tuple[Verdict, ...] = ()
    """What the guards say."""
    resemblances: tuple[Resemblance, ...] = ()
    """Which names can be mistaken for others."""
    guarded: frozenset[Key] = frozenset()
    """The changes that touch what the guards name."""
    traces: Mapping[Key, Provenance] = field(default_factory=dict)
    """Who made the memberships that are removed, as far as it was asked."""
    pending: tuple[Change, ...] | None = None
    """What the base of the change would do by itself; None when there is no base."""
    control: Control = Control()


def document(
    declared: Declared, plan: Plan, live: State, occasion: Occasion, findings: Findings
) -> PlanDocument:
    """Return the document of *plan*, which was made for *declared* against *live*."""
    instance = declared.settings.instance
    return PlanDocument(
        instance=InstanceDocument(
            name=instance.name,
            region=instance.region,
            account_id=instance.account_id,
            instance_arn=instance.instance_arn,
            identity_store_id=instance.identity_store_id,
            delegated_administrator=instance.delegated_administrator,
        ),
        source=SourceDocument(
            digest=declared.digest,
            files=len(declared.files),
            commit=occasion.commit,
            directory=occasion.directory if occasion.commit else None,
            changed_since=occasion.changed_since,
            only_ids=occasion.only_ids,
            gone_ids=occasion.gone_ids,
        ),
        as_of=occasion.as_of,
        valid_until=occasion.as_of + occasion.valid_for,
        live=LiveDocument(
            users=len(live.users),
            groups=len(live.groups),
            memberships=sum(map(len, live.members.values())),
            assignments=sum(map(len, live.assignments.values())),
            requests=occasion.requests,
            seconds=round(occasion.seconds, 1),
            sandbox=occasion.sandbox or None,
        ),
        generation=occasion.generation,
        control=_control(findings.control),
        guards=_guards(findings.verdicts),
        overdue=_overdue(declared, occasion.as_of.astimezone(UTC).date()),
        unresolved=tuple(
            UnresolvedDocument(
                message=one.message, source=_position(one.position) if one.position else None
            )
            for one in plan.unresolved
        ),
        resemblances=tuple(
            ResemblanceDocument(
                address=f"{one.kind}/{one.name}",
                other=f"{one.kind}/{one.other}",
                characters=one.characters,
            )
            for one in findings.resemblances
        ),
        access=_access(findings.access),
        account_access=_account_access(findings.accounts),
        account_access_read=findings.accounts_read.how,
        account_access_note=findings.accounts_read.note,
        access_complete=findings.access_complete and findings.accounts_read.complete,
        counts=described_counts(plan),
        changes=tuple(_changes(plan, findings)),
        in_passing=_in_passing(findings.exposures, live),
        withheld=tuple(
            WithheldDocument(
                kind=_kind(one.resource), address=address(one.resource), reason=one.reason
            )
            for one in plan.withheld
        ),
        expiring=tuple(
            ExpiringDocument(
                address=one.address, expires=one.expires, source=_position(one.position)
            )
            for one in expiring(declared, occasion.as_of)
        ),
        starting=tuple(
            StartingDocument(
                address=one.address,
                starts=one.starts,
                expires=one.expires,
                source=_position(one.position),
            )
            for one in starting(declared, occasion.as_of)
        ),
        witnesses=tuple(
            WitnessDocument(address=f"{one.kind}/{one.name}", witness=witness)
            for one, witness in sorted(plan.witnesses.items())
        ),
    )


def _overdue(declared: Declared, day: date) -> tuple[OverdueDocument, ...]:
    return tuple(
        OverdueDocument(
            address=one.address,
            since=one.due,
            asked=tuple(map(str, one.by)),
            ends_after=one.lapses,
            source=_position(one.terms.position),
        )
        for one in due(declared, day)
        if one.due is not None and one.is_overdue(day)
    )


def _control(control: Control) -> ControlDocument | None:
    if control == Control():
        return None
    return ControlDocument(
        base=control.base,
        loosened=tuple(
            LooseningDocument(
                aspect=one.aspect.value,
                text=one.text,
                addresses=one.addresses,
                source=_position(one.position),
                at_base=one.at_base or None,
            )
            for one in control.loosened
        ),
        unmatched=tuple(
            UnmatchedDocument(text=one.text, source=_position(one.position))
            for one in control.unmatched
        ),
    )


def _guards(verdicts: tuple[Verdict, ...]) -> tuple[GuardDocument, ...]:
    told = [one for one in verdicts if one.standing is not Standing.PASSED]
    return tuple(
        GuardDocument(
            guard=one.guard,
            standing="blocked" if one.standing is Standing.BLOCKED else "approved",
            found=one.found,
            expected=one.expected,
            addresses=one.addresses,
            count=one.count,
            remedies=() if one.by_base else one.remedies,
            approval=_to_paste(one),
            by_base=one.by_base or None,
        )
        for one in sorted(told, key=lambda one: one.standing is not Standing.BLOCKED)
    )


def _to_paste(verdict: Verdict) -> tuple[str, ...]:
    """Return the approval to paste; what only the base refuses has a better way out."""
    if verdict.standing is Standing.BLOCKED and not verdict.by_base:
        return approval_lines(verdict.approvals)
    return ()


def _access(changes: tuple[AccessChange, ...]) -> tuple[AccessDocument, ...]:
    grouped: dict[tuple[Effect, str, str], list[AccessChange]] = {}
    for change in changes:
        key = (change.effect, change.application_name or change.application, change.application)
        grouped.setdefault(key, []).append(change)
    return tuple(
        AccessDocument(
            effect=effect.value,
            application=name,
            application_arn=arn,
            people=len(found),
            listed=tuple(
                PersonDocument(user=one.user, paths=tuple(map(str, one.paths)))
                for one in found[:LISTED_PEOPLE]
            ),
        )
        for (effect, name, arn), found in sorted(
            grouped.items(), key=lambda item: (item[0][0] is Effect.GAINED, item[0])
        )
    )


def _account_access(changes: tuple[AccountChange, ...]) -> tuple[AccountAccessDocument, ...]:
    grouped: dict[tuple[bool, str, str, str], list[AccountChange]] = {}
    for change in changes:
        role = change.role
        gained = change.effect is Effect.GAINED
        grouped.setdefault((gained, role.account, role.access, role.arn), []).append(change)
    return tuple(
        AccountAccessDocument(
            effect=found[0].effect.value,
            account=found[0].role.account,
            account_name=found[0].role.account_name or None,
            access=found[0].role.access,
            kind=found[0].role.kind.value,
            arn=found[0].role.arn,
            people=len(found),
            listed=tuple(
                PersonDocument(user=one.user, paths=tuple(map(str, one.paths)))
                for one in found[:LISTED_PEOPLE]
            ),
        )
        for _, found in sorted(grouped.items())
    )


def _in_passing(exposures: tuple[Exposure, ...], live: State) -> tuple[PassingDocument, ...]:
    grouped: dict[tuple[bool, str, str, str, str, int], set[UserName]] = {}
    for one in exposures:
        other, account = "", ""
        match one.target:
            case KeptApart(first, second):
                name, other, arn = first.label, second.label, ""
            case AccountRole() as role:
                name, account, arn = role.access, role.place, role.arn
            case arn:
                name = live.application_label(arn) or arn
        key = (one.effect is Effect.GAINED, name, other, account, arn, one.requests)
        grouped.setdefault(key, set()).add(one.user)
    return tuple(
        PassingDocument(
            effect="over-granted" if gained else "without",
            target=name,
            apart_from=other or None,
            account=account or None,
            arn=arn or None,
            requests=requests,
            people=len(users),
            listed=tuple(sorted(users, key=lambda user: (folded(user), user)))[:LISTED_PEOPLE],
        )
        for (gained, name, other, account, arn, requests), users in sorted(grouped.items())
    )


def described_counts(plan: Plan) -> dict[DocumentKind, CountDocument]:
    """Return how many resources of each kind *plan* changes."""
    counted = counts(plan)
    kinds: tuple[DocumentKind, ...] = ("group", "user", "membership", "assignment")
    return {
        kind: CountDocument(
            create=counted[kind, "+"],
            update=counted[kind, "~"],
            rename=counted[kind, ">"],
            delete=counted[kind, "-"],
        )
        for kind in kinds
    }


def _changes(plan: Plan, findings: Findings) -> Iterator[ChangeDocument]:
    pending = findings.pending
    known = None if pending is None else {change.key: change for change in pending}
    for change in plan.changes:
        described = described_change(
            change, plan.origins.get(change.key), findings.traces.get(change.key)
        )
        more: dict[str, bool | str | int] = {}
        if change.key in plan.waves:
            more["wave"] = plan.waves[change.key]
        if (service := _owner(change, plan)) is not None:
            more["owned_by"] = service
        if change.key in findings.guarded:
            more["guarded"] = True
        if known is not None:
            more["pending"] = known.get(change.key) == change
        yield described.model_copy(update=more) if more else described


def _owner(change: Change, plan: Plan) -> str | None:
    """Return the AWS service that owns the application from which *change* takes somebody."""
    if isinstance(change, Delete) and isinstance(change.before, Assignment):
        application = plan.applications.get(change.before.application)
        return application.service if application else None
    return None


def described_change(
    change: Change, origin: Origin | None, trace: Provenance | None
) -> ChangeDocument:
    """Return what is shown of *change*, declared at *origin*.

    *trace* tells who made a link; users and groups tell it themselves.
    """
    subject = subject_of(change)
    return ChangeDocument(
        action=action_of(change),
        kind=_kind(subject),
        address=address(subject),
        before=before_of(change),
        after=after_of(change),
        differences=_differences(change),
        reason=change.reason if isinstance(change, Delete) else None,
        cascaded=change.cascaded if isinstance(change, Delete) else (),
        source=_position(origin.position) if origin else None,
        via=origin.via if origin else (),
        starts=origin.starts if origin else None,
        expires=origin.expires if origin else None,
        note=origin.reason if origin else None,
        last_changed=_last_changed(trace or _provenance(change)),
    )


def _position(position: Position) -> PositionDocument:
    return PositionDocument(file=position.file, line=position.line, column=position.column)


def _provenance(change: Change) -> Provenance | None:
    before = before_of(change)
    return before.provenance if isinstance(before, User | Group) else None


def _last_changed(provenance: Provenance | None) -> str | None:
    """Return who touched the live object last and when, where AWS says so."""
    if provenance is None:
        return None
    who, when = provenance.updated_by, provenance.updated_at
    if when is None:
        return who
    moment = datetime.fromisoformat(when).astimezone(UTC)
    return f"{who or 'someone'} at {moment:%Y-%m-%dT%H:%M:%SZ}"


_KINDS: dict[type, DocumentKind] = {
    User: "user",
    Group: "group",
    Membership: "membership",
    Assignment: "assignment",
}


def _kind(resource: Resource) -> DocumentKind:
    return _KINDS[type(resource)]


def _differences(change: Change) -> tuple[DifferenceDocument, ...]:
    if not isinstance(change, Update | Rename):
        return ()
    return tuple(
        DifferenceDocument(field=one.field, before=one.before, after=one.after)
        for one in differences(change.before, change.after)
    )
