"""Hold a plan document against itself: what follows from its changes must be what they say.

People review what is shown, and `apply` does what the changes hold. So of everything in a document
that follows from something else in it, it is found out anew and compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from identity_reconciler.core.access import Effect, Route
from identity_reconciler.core.approvals import Approval, approval_lines, kind_of
from identity_reconciler.core.bindings import named_objects
from identity_reconciler.core.contradictions import contradictions
from identity_reconciler.core.expiry import SOON
from identity_reconciler.core.grounds import Grounds
from identity_reconciler.core.guard_settings import GuardId, ResourceKind
from identity_reconciler.core.guards import PROPOSED
from identity_reconciler.core.guards.verdicts import MOST_SHOWN
from identity_reconciler.core.lookalikes import look_alikes, strange
from identity_reconciler.core.plan import (
    Change,
    Origin,
    Plan,
    Reason,
    Withholding,
    subject_of,
)
from identity_reconciler.core.state import Assignment, folded
from identity_reconciler.errors import Position
from identity_reconciler.render.describe import described_change, described_counts
from identity_reconciler.render.document import (
    LISTED_PEOPLE,
    AccessDocument,
    AccountAccessDocument,
    ChangeDocument,
    GuardDocument,
    PersonDocument,
    PlanDocument,
)

_KIND_AND_COUNT = re.compile(r"^  kind: (\w+)\n  count: (\d{1,9})$", re.MULTILINE)
"""Two lines of an approval by number."""
_ASKED = {"membership": ("last_changed",), "assignment": ("owned_by",)}
"""What AWS tells of removed links besides what they are."""
_ACCOUNT = re.compile(r"[0-9]{12}")
_READ = {"principal", "list", "not applicable"}
"""Ways in which access to accounts is read, where there is any to be read."""


def inconsistencies(document: PlanDocument, plan: Plan) -> Iterator[str]:
    """Yield in words everything in which *document* contradicts itself; *plan* are its changes."""
    for told, change in zip(document.changes, plan.changes, strict=True):
        yield from _about_change(told, change, document.as_of)
    yield from contradictions(plan)
    if len({change.pending is None for change in document.changes}) > 1:
        yield "some of its changes tell whether a base would make them, and others do not"
    if [*document.counts.items()] != [*described_counts(plan).items()]:
        yield "its counts are not those of its changes"
    if document.valid_until < document.as_of:
        yield "it ends to be valid before it was made"
    yield from _about_guards(document)
    yield from _about_control(document)
    yield from _about_access(document.access, plan)
    yield from _about_accounts(document, plan)
    yield from _about_passing(document)
    yield from _about_resemblances(document)
    yield from _about_withheld(document)
    yield from _about_expiring(document)
    yield from _about_starting(document)
    yield from _about_overdue(document)
    # Plans of before format 1.2 have none; they are refused when they are to be applied.
    bound = [one.address for one in document.witnesses]
    if bound and bound != [f"{one.kind}/{one.name}" for one in named_objects(plan)]:
        yield "its witnesses are not those of what its changes name"


def _about_change(told: ChangeDocument, change: Change, as_of: datetime) -> Iterator[str]:
    """Describe *change* anew, and hold *told* against it; what the YAML says is taken as told."""
    origin = None
    if told.source is not None:
        position = Position(told.source.file, told.source.line, told.source.column)
        origin = Origin(position, told.expires, told.note, told.via, told.starts)
    try:
        expected = described_change(change, origin, None)
    except (ValueError, OverflowError):
        yield f"{told.address} was last changed at no instant"
        return
    asked = _ASKED.get(told.kind, ()) if told.action == "delete" else ()
    kept = ("pending", "guarded", "wave", *asked)
    expected = expected.model_copy(update={name: getattr(told, name) for name in kept})
    for name in ChangeDocument.model_fields:
        if getattr(told, name) != getattr(expected, name):
            yield f"the {name} of {told.address} is not what its change says"
    yield from _about_dates(told, as_of)


def _about_dates(told: ChangeDocument, as_of: datetime) -> Iterator[str]:
    if told.expires is not None and told.reason == Reason.EXPIRED and told.expires > as_of:
        yield f"{told.address} is removed as expired before it expires"
    if told.expires is not None and told.action == "create" and told.expires <= as_of:
        yield f"{told.address} is created after it has expired"
    if told.starts is not None and told.action == "create" and told.starts > as_of:
        yield f"{told.address} is created before it starts"
    if told.starts is not None and told.reason == Reason.UNLISTED and told.starts <= as_of:
        yield f"{told.address} is removed as not listed after it has started"


def _about_guards(document: PlanDocument) -> Iterator[str]:
    judged = [(one.guard, one.by_base) for one in document.guards]
    if len(set(judged)) != len(judged) or not {name for name, _ in judged} <= set(GuardId):
        yield "its guards are not those that there are, each once"
    if sorted(document.guards, key=lambda one: one.standing != "blocked") != [*document.guards]:
        yield "the guards that refuse it do not come first"
    for one in document.guards:
        if len(one.addresses) != min(one.count, MOST_SHOWN) or not one.addresses:
            yield f"{one.guard} concerns {one.count}, and names {len(one.addresses)}"
        if one.standing == "approved" or one.by_base:
            fits = not one.approval
        else:
            fits = one.approval in _approvals(one, document.as_of)
        if not fits:
            yield f"the approval of {one.guard} does not cover just what it concerns"


def _about_control(document: PlanDocument) -> Iterator[str]:
    control = document.control
    base = control.base if control else None
    if base is None and any(one.by_base for one in document.guards):
        yield "a guard of a base has judged it, and there is no base"
    if control is None:
        return
    if base is None and control.loosened:
        yield "its control is looser than that of a base, and there is no base"
    if base is None and not control.unmatched:
        yield "it has nothing to say about control"
    if any(one.addresses and one.aspect != "approved" for one in control.loosened):
        yield "what is no approval covers addresses"


def _approvals(guard: GuardDocument, as_of: datetime) -> Iterator[tuple[str, ...]]:
    """Yield the approvals that *guard* may propose: of its addresses, or of their numbers."""
    today = as_of.astimezone(UTC).date()
    blank = Approval(guard.guard, today, today + PROPOSED, "")
    if len(set(guard.addresses)) == guard.count:
        yield approval_lines((replace(blank, addresses=guard.addresses),))
    found = _KIND_AND_COUNT.findall("\n".join(guard.approval))
    numbers = {kind: int(number) for kind, number in found if kind in set(ResourceKind)}
    named = Counter(map(kind_of, guard.addresses))
    if sum(numbers.values()) == guard.count and named <= Counter(numbers):
        yield approval_lines(
            replace(blank, kind=kind, count=number) for kind, number in numbers.items()
        )


def _about_access(told: tuple[AccessDocument, ...], plan: Plan) -> Iterator[str]:
    grounds, names = Grounds(plan), dict(_application_names(plan))
    for one in told:
        if one.application != names.get(one.application_arn, one.application):
            yield f"{one.application_arn} is called {one.application} where access is told"
        people = [folded(person.user) for person in one.listed]
        if sorted(set(people)) != people or len(people) != min(one.people, LISTED_PEOPLE):
            yield f"{one.people} people are told for {one.application}, and {len(people)} are named"
        for person in one.listed:
            if not _is_grounded(one, person, grounds):
                yield f"no change is why {person.user} {one.effect} {one.application}"
    order = [(one.effect == "gains", one.application, one.application_arn) for one in told]
    if sorted(set(order)) != order:
        yield "the applications that people gain and lose are not in order, each once"


def _about_accounts(document: PlanDocument, plan: Plan) -> Iterator[str]:
    grounds = Grounds(plan)
    for one in document.account_access:
        yield from _about_account(one, grounds)
    order = [(one.effect == "gains", one.account, one.access) for one in document.account_access]
    if sorted(set(order)) != order:
        yield "the access to accounts that people gain and lose is not in order, each once"
    is_whole = document.account_access_note is None and document.account_access_read in _READ
    if document.access_complete and not is_whole:
        yield "its access to accounts was not read whole, and it says that access is complete"


def _about_account(told: AccountAccessDocument, grounds: Grounds) -> Iterator[str]:
    what = f"{told.access} in {told.account}"
    if not _ACCOUNT.fullmatch(told.account):
        yield f"{told.account} is no account"
    if (told.kind == "role") is not told.access.startswith("role/"):
        yield f"{told.access} is not called as a {told.kind} is"
    people = [folded(person.user) for person in told.listed]
    if sorted(set(people)) != people or len(people) != min(told.people, LISTED_PEOPLE):
        yield f"{told.people} people are told for {what}, and {len(people)} are named"
    for person in told.listed:
        # No assignment of an account is changed: who has it directly must be made or deleted.
        paths = [Route.EVERYONE if path == Route.DIRECT else path for path in person.paths]
        given = (
            grounds.are_given(Effect(told.effect), person.user, told.arn, path) for path in paths
        )
        if not (0 < len(paths) == len(set(paths)) and all(given)):
            yield f"no change is why {person.user} {told.effect} {what}"


def _is_grounded(told: AccessDocument, person: PersonDocument, grounds: Grounds) -> bool:
    """Return whether there are paths, each once, and changes that make or break each of them."""
    return 0 < len(person.paths) == len(set(person.paths)) and all(
        grounds.are_given(Effect(told.effect), person.user, told.application_arn, path)
        for path in person.paths
    )


def _application_names(plan: Plan) -> Iterator[tuple[str, str]]:
    for change in plan.changes:
        resource = subject_of(change)
        if isinstance(resource, Assignment):
            yield resource.application, resource.application_name or resource.application


def _about_passing(document: PlanDocument) -> Iterator[str]:
    for one in document.in_passing:
        if len(one.listed) != min(one.people, LISTED_PEOPLE) or not one.people:
            yield f"{one.people} people are {one.effect}, and {len(one.listed)} are named"
        if (one.arn is None) is (one.apart_from is None) or (one.apart_from and one.account):
            yield f"{one.target} is neither one thing nor kept apart from another"
        if one.apart_from and one.effect == "without":
            yield f"somebody is without both {one.target} and {one.apart_from}"
        if one.requests > len(document.changes):
            yield f"somebody is {one.effect} for more requests than there are"
    order = [
        (
            one.effect == "over-granted",
            *(one.target, one.apart_from or "", one.account or "", one.arn or ""),
            one.requests,
        )
        for one in document.in_passing
    ]
    if sorted(set(order)) != order:
        yield "what happens in passing is not in order, each once"


def _about_resemblances(document: PlanDocument) -> Iterator[str]:
    for one in document.resemblances:
        kind, _, name = one.address.partition("/")
        other_kind, _, other = one.other.partition("/")
        if kind != other_kind or name not in look_alikes((name, other)):
            yield f"{one.address} does not look like {one.other}"
        if one.characters != strange(name):
            yield f"{one.address} has other characters than are told"


def _about_withheld(document: PlanDocument) -> Iterator[str]:
    removed = {folded(one.address) for one in document.changes if one.action == "delete"}
    for one in document.withheld:
        if kind_of(one.address) != one.kind:
            yield f"{one.address} is withheld as a {one.kind}"
        if one.reason not in set(Withholding):
            yield f"{one.address} is withheld for an unknown reason"
        # Links may share an address: names of applications are not unique.
        if one.kind in {"user", "group"} and folded(one.address) in removed:
            yield f"{one.address} is both withheld and removed"


def _about_overdue(document: PlanDocument) -> Iterator[str]:
    days = [one.since for one in document.overdue]
    if sorted(days) != days:
        yield "what is overdue is not in order"
    today = document.as_of.astimezone(UTC).date()
    for one in document.overdue:
        if kind_of(one.address) not in {"group", "application"}:
            yield f"{one.address} cannot be reviewed"
        if one.since >= today or (one.ends_after is not None and one.ends_after <= one.since):
            yield f"the review of {one.address} is not overdue, or ends before it is"


def _about_starting(document: PlanDocument) -> Iterator[str]:
    instants = [one.starts for one in document.starting]
    if sorted(instants) != instants:
        yield "what is yet to start is not in order"
    for one in document.starting:
        if kind_of(one.address) not in {"membership", "assignment"}:
            yield f"{one.address} cannot start"
        if one.starts <= document.as_of:
            yield f"{one.address} has started"
        if one.expires is not None and one.expires <= document.as_of:
            yield f"{one.address} is yet to start, and has expired"


def _about_expiring(document: PlanDocument) -> Iterator[str]:
    as_of = document.as_of
    instants = [one.expires for one in document.expiring]
    if sorted(instants) != instants:
        yield "what expires soon is not in order"
    for one in document.expiring:
        if kind_of(one.address) not in {"membership", "assignment"}:
            yield f"{one.address} cannot expire"
        if not as_of < one.expires <= as_of + SOON:
            yield f"{one.address} does not expire within {SOON.days} days"
