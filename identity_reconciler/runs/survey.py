"""Read the part of the live state that a declaration needs for its plan, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from glob import escape
from typing import Literal

from identity_reconciler.core.access import Impact
from identity_reconciler.core.access_facts import Known, MissingFacts, missing_facts
from identity_reconciler.core.account_access import (
    AccountFacts,
    is_known,
    memberships_to_read,
    principals_to_ask,
)
from identity_reconciler.core.accounts import AccountReading, GapReason
from identity_reconciler.core.comparison import compare_resolved
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    ManageLinks,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.flattening import included_groups
from identity_reconciler.core.guard_settings import PrivilegedNames, SeparatedDuties
from identity_reconciler.core.guards.identities import gives_identities
from identity_reconciler.core.plan import Create, Delete, Plan, Reason
from identity_reconciler.core.resolution import Resolution, resolve
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Application,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    group_key,
    principal_of,
    principals_of,
)
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.gateway.reading.listing import page_count
from identity_reconciler.gateway.reading.sides import reads_by_user
from identity_reconciler.gateway.wire.pacing import Rates


@dataclass(frozen=True, slots=True)
class Survey:
    """What has been read for a declaration, and the declaration bound to it."""

    question: Wanted
    """What the first read asked for."""
    live: State
    """As read, under the names of before the renames."""
    resolution: Resolution


def read_live(
    declared: Declared, gateway: Gateway, as_of: datetime, also: Declared | None = None
) -> Survey:
    """Read the live state that a plan for *declared* needs, and bind *declared* to it.

    Of *also*, that of before, the groups that it includes are read as well.

    All users, groups and applications; the members of every group whose memberships are managed
    or that may be deleted; the assignments of every declared application; and, only when users
    or groups are to be deleted, everything else that hangs on them, as far as no list told.

    Raises:
        IncompleteReadError: Part of it could not be read.
    """
    question = wanted(declared, also)
    live = gateway.read_state(question)
    resolution = resolve(declared, live, as_of)
    leavers = tuple(sorted(resolution.departing.principals()))
    untold = _untold(leavers, _read_whole(question, live))
    if not (untold.memberships_of or untold.assignments_to):
        return Survey(question, live, resolution)
    hanging = gateway.read_state(untold)
    if not hanging.assignments.keys() <= live.applications.keys():
        # No application is declared, yet the plan is to name those that somebody loses.
        hanging = hanging.united(gateway.read_state(Wanted(applications=True)))
    return Survey(question, live.united(hanging), resolution.with_links(hanging))


def _untold(principals: tuple[Principal, ...], known: Known) -> Wanted:
    """Return what to read for all that hangs on live *principals*, given what is known already."""
    memberships = (
        one
        for one in principals
        if not (known.every_group if _is_user(one) else known.has_members_of(GroupKey(one.name)))
    )
    return Wanted(
        memberships_of=tuple(memberships),
        assignments_to=() if known.every_application else principals,
    )


def _is_user(principal: Principal) -> bool:
    return principal.kind is PrincipalKind.USER


def strangers(plan: Plan) -> tuple[Membership, ...]:
    """Return the memberships that *plan* removes because nobody declared them, in its order."""
    return tuple(
        change.before
        for change in plan.changes
        if isinstance(change, Delete)
        and change.reason is Reason.UNLISTED
        and isinstance(change.before, Membership)
    )


def plan_against(declared: Declared, gateway: Gateway, as_of: datetime) -> tuple[Plan, State]:
    """Return the plan for *declared* against what is live now, and the live state it was made on.

    Raises:
        IncompleteReadError: Part of the live state could not be read; there is no plan.
    """
    survey = read_live(declared, gateway, as_of)
    return compare_resolved(survey.resolution).plan, survey.live


def read_for_access(
    survey: Survey,
    plan: Plan,
    gateway: Gateway,
    *,
    limit: int = 500,
    apart: Iterable[SeparatedDuties] = (),
) -> tuple[Impact, bool]:
    """Return the impact of *plan* on a state with all that `access_changes` needs, and True.

    Who has what is kept *apart*, by these as well as by what is declared, is read in any case.
    *plan* was made from *survey*. When more than *limit* requests are needed (two for each
    principal and application, longer lists not counted) the answer is the impact on the live
    state of *survey* as it is, and False: who gains and loses access is then known only as far
    as the declared groups and applications go.

    Raises:
        IncompleteReadError: Part of it could not be read.
    """
    live, known = _with_insiders(survey, plan, gateway)
    policies = survey.resolution.declared.settings.guards.policies
    duties = (*policies.separation_of_duties, *apart)
    if duties and plan:
        live, known = _with_holders(_apart(survey, plan, duties), live, gateway, known)
    impact = first = Impact.of(plan, live)
    spent = 0
    while facts := missing_facts(impact, known):
        spent += facts.requests
        if spent > limit:
            return first, False
        impact = impact.on(_completed(impact.before, gateway, facts, known))
        known = known.with_facts(facts)
    return impact, True


@dataclass(frozen=True, slots=True)
class AccountSurvey:
    """What has been read of access to AWS accounts for a plan."""

    impact: Impact
    complete: bool
    """Whether what it tells of gains and losses there is exact."""
    how: Literal["principal", "list", "off", "denied", "too many", "not applicable"]
    note: str | None = None
    """Where it is not complete: what is missing, and what it takes."""


_NOT_ASKED = (
    "whether somebody has the same through a group that is not asked about is not known: AWS was "
    "not seen to tell of a user what comes through groups"
)


@dataclass(frozen=True, slots=True)
class AccountReader:
    """Asks a gateway about access to AWS accounts."""

    gateway: Gateway
    reading: AccountReading
    """As `instance.yaml` says."""
    asking: Callable[[int], AbstractContextManager[None]] = lambda _: nullcontext()
    """Makes the block in which so many principals are asked about."""
    limit: int = 500
    """Principals at most."""


def read_accounts(impact: Impact, known: Known, reader: AccountReader) -> AccountSurvey:
    """Return the impact with what `account_changes` needs, and how far that goes.

    *known* is what of the state before the plan is known completely. See `core.account_access` for
    whom it asks: each principal once, one request for permission sets, and one more where there is
    account access manager. When that would exceed the limit, nobody is asked any more.

    Raises:
        IncompleteReadError: Part of it could not be read, and not because it may not be.
    """
    reading, limit = reader.reading, reader.limit
    if reading is AccountReading.OFF:
        said = "access to AWS accounts is not read: `account_access: off` in instance.yaml"
        return AccountSurvey(impact, complete=False, how="off", note=said)
    asked: frozenset[Principal] = frozenset()
    while principals := principals_to_ask(impact, asked):
        if len(asked) + len(principals) > limit:
            said = f"{len(asked) + len(principals)} users and groups would have to be asked about"
            return AccountSurvey(impact, complete=False, how="too many", note=said)
        question = Wanted(account_access=principals, account_lists=reading is AccountReading.LIST)
        with reader.asking(len(principals)):
            found = reader.gateway.read_state(question)
        impact = impact.with_accounts(found)
        asked |= frozenset(principals)
    if reading is AccountReading.LIST:
        facts = MissingFacts(memberships_to_read(impact, AccountFacts(reading, asked, known)))
        if facts and facts.requests <= limit:
            impact = impact.on(_completed(impact.before, reader.gateway, facts, known))
            known = known.with_facts(facts)
    return _account_survey(impact, AccountFacts(reading, asked, known))


def _account_survey(impact: Impact, facts: AccountFacts) -> AccountSurvey:
    gaps = impact.before.account_gaps
    denied = sorted(one.note for one in gaps if one.reason is GapReason.DENIED)
    if denied:
        said = f"access to AWS accounts is not known whole: {'; '.join(denied)}"
        return AccountSurvey(impact, complete=False, how="denied", note=said)
    complete = is_known(impact, facts)
    absent = any(one.reason is GapReason.NOT_APPLICABLE for one in gaps)
    how: Literal["principal", "list", "not applicable"] = (
        "not applicable"
        if absent
        else ("list" if facts.reading is AccountReading.LIST else "principal")
    )
    return AccountSurvey(impact, complete, how, None if complete else _NOT_ASKED)


def _with_insiders(survey: Survey, plan: Plan, gateway: Gateway) -> tuple[State, Known]:
    """Return what is live and known, with those who are privileged where *plan* may impersonate.

    A guard has to know who is in a privileged group, and who has a privileged application, managed
    or not, when user names or e-mail addresses change.
    """
    live, known = survey.live, known_of(survey, plan)
    names = survey.resolution.declared.settings.guards.privileged
    if not (names.groups or names.applications) or not gives_identities(plan, live):
        return live, known
    return _with_holders(names, live, gateway, known)


def _apart(survey: Survey, plan: Plan, duties: Iterable[SeparatedDuties]) -> PrivilegedNames:
    """Return the names, of before and after *plan*, of what *duties* keep apart.

    Among the groups are those that get an assignment, which may be to one of the applications.
    """
    groups = {group_key(name) for one in duties for name in one.groups}
    for change in plan.changes:
        match change:
            case Create(after=Assignment(principal=principal)) if not _is_user(principal):
                groups.add(GroupKey(principal.name))
            case _:
                pass
    before = (
        name
        for one in survey.resolution.original.groups
        if group_key(one.name) in groups
        for name in one.names
    )
    return PrivilegedNames(
        groups=tuple(map(escape, sorted({*groups, *before}))),
        applications=tuple(escape(name) for one in duties for name in one.applications),
    )


def _with_holders(
    names: PrivilegedNames, live: State, gateway: Gateway, known: Known
) -> tuple[State, Known]:
    """Return what is live and known, with who is in the groups and has the applications of *names*.

    Managed or not; of a group that such an application is assigned to, the members as well.
    """
    if names.applications and not live.applications:
        live = live.united(gateway.read_state(Wanted(applications=True)))
    arns = {
        arn
        for arn, one in live.applications.items()
        if matches_any(names.applications, one.name) or matches_any(names.applications, arn)
    }
    if missing := tuple(sorted(arns - known.assignments_of)):
        facts = MissingFacts(applications=missing)
        live, known = _completed(live, gateway, facts, known), known.with_facts(facts)
    groups = principals_of((), (k for k in live.groups if matches_any(names.groups, k)))
    for arn in arns:
        groups |= live.assignments.get(arn, frozenset())
    unknown = tuple(
        sorted(
            one
            for one in groups
            if one.kind is PrincipalKind.GROUP
            and not one.orphan
            and not known.has_members_of(GroupKey(one.name))
        )
    )
    if unknown:
        facts = MissingFacts(principals=unknown)
        live, known = _completed(live, gateway, facts, known), known.with_facts(facts)
    return live, known


def known_of(survey: Survey, plan: Plan) -> Known:
    """Return what `read_live` has read completely; *plan* was made from *survey*."""
    whole = _read_whole(survey.question, survey.live)
    return replace(whole, principals=frozenset(_deleted(plan)))


def _read_whole(question: Wanted, live: State) -> Known:
    """Return what the lists of *question* told, of which *live* is the answer."""
    groups = frozenset(key for key, one in live.groups.items() if question.members_of(one))
    # Those are not among the groups, and which of them were listed does not show.
    twins = any(one.kind is PrincipalKind.GROUP for one in live.twins)
    applications = frozenset(
        arn for arn, one in live.applications.items() if question.assignments_of(one)
    )
    return Known(
        members_of=groups,
        assignments_of=applications,
        every_group=not twins and len(groups) == len(live.groups),
        every_application=question.applications and len(applications) == len(live.applications),
    )


def _deleted(plan: Plan) -> Iterator[Principal]:
    for change in plan.changes:
        match change:
            case Delete(before=User() | Group() as gone):
                yield principal_of(gone)
            case _:
                pass


def _completed(live: State, gateway: Gateway, facts: MissingFacts, known: Known) -> State:
    """Return *live* with *facts*, read as far as they are not *known*."""
    if facts.principals:
        return live.united(gateway.read_state(_untold(facts.principals, known)))
    arns = frozenset(facts.applications)
    found = gateway.read_state(
        Wanted(applications=True, assignments_of=lambda application: application.arn in arns)
    )
    # Of all others `assignment_required` has not been asked this time.
    chosen = {arn: one for arn, one in found.applications.items() if arn in arns}
    return replace(found, applications=chosen).united(live)


def wanted(declared: Declared, also: Declared | None = None) -> Wanted:
    """Return what the first read for *declared* asks for; see `read_live`."""
    applications = _labelled_applications(declared)
    lengths = {group_key(one.group.name): len(one.members or ()) for one in declared.groups}
    return Wanted(
        users=True,
        groups=True,
        applications=_binds_applications(declared),
        twins=True,
        members_of=_group_filter(declared, also),
        length_of=lambda group: lengths.get(group_key(group.name), 0),
        assignments_of=lambda application: any(
            is_read(entry, application)
            for label in (application.name, application.arn)
            for entry in applications.get(label, ())
        ),
    )


def _binds_applications(declared: Declared) -> bool:
    """Return whether the entries of applications are bound to live ones, managed or not."""
    return bool(declared.applications) and declared.settings.assignments is not ManageLinks.OFF


def _labelled_applications(declared: Declared) -> Mapping[str, list[DeclaredApplication]]:
    """Return the entries by the ARN or else name they select; none where nothing is managed."""
    found: dict[str, list[DeclaredApplication]] = {}
    if declared.settings.assignments is not ManageLinks.OFF:
        for entry in declared.applications:
            label = entry.selector.arn or entry.selector.name or ""
            found.setdefault(label, []).append(entry)
    return found


def is_read(entry: DeclaredApplication, application: Application) -> bool:
    """Return whether *entry* selects *application* and asks who is assigned, or must be.

    So it does where the assignments are managed, where an AWS service owns the application and
    they are left to it, and where it says whether one is required.
    """
    asks = entry.managed or entry.assignment_required is not None or application.service is not None
    return asks and entry.selector.matches(application)


def _group_filter(declared: Declared, also: Declared | None = None) -> Callable[[Group], bool]:
    """Return whether to read the members of a live group.

    It is managed, may be deleted, or is included in another one.
    """
    settings = declared.settings
    included = included_groups(declared)
    if also is not None:
        included |= included_groups(also)
    listed: set[GroupKey] = set(included)
    known: set[GroupKey] = set()
    for entry in declared.groups:
        names = frozenset(map(group_key, entry.names))
        known.update(names)
        managed = entry.is_managed and settings.memberships is not ManageLinks.OFF
        if managed or entry.presence is Presence.ABSENT or group_key(entry.name) in included:
            listed.update(names)

    def chosen(group: Group) -> bool:
        key = group_key(group.name)
        if settings.groups is not ManageObjects.AUTHORITATIVE or key in known:
            return key in listed
        if key in included:
            return True
        return not group.foreign and not matches_any(settings.ignore.groups, group.name)

    return chosen


_APPLICATIONS_PAGE = 50
"""Applications of a page. Source: ListApplications."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a read takes."""

    requests: int
    seconds: float
    """At the rate of the busiest quota; the others are read at the same time."""
    by_declaration: bool = True
    """Whether that is so if as much is live as is declared: more is live, more is read."""


def accounts_outlook(questions: int, rates: Rates) -> Outlook:
    """Return what so many *questions* about access to AWS accounts take at *rates*.

    One request each. Account access manager is asked at the same time, at its own rate.
    """
    return Outlook(questions, questions / rates.sso_admin, by_declaration=False)


def outlook(declared: Declared, rates: Rates) -> Outlook:
    """Return what `read_live` takes for *declared* at *rates*.

    What hangs on users and groups that are to be deleted, and is in no list, is asked for one by
    one, after the rest; whether they are live is not known, so they count as if they were.
    """
    users, groups = page_count(len(declared.users)), page_count(len(declared.groups))
    members, admin = _member_lists(declared), _application_lists(declared)
    chosen = _group_filter(declared)
    absent = sum(one.presence is Presence.ABSENT for one in declared.users)
    # The members of a group that is to be deleted are listed in any case.
    memberships = 0 if all(chosen(one.group) for one in declared.groups) else absent
    assignments = absent + sum(one.presence is Presence.ABSENT for one in declared.groups)
    if _binds_applications(declared) and all(map(_is_listed, declared.applications)):
        assignments = 0
    busiest = max(users, groups, members) + memberships
    return Outlook(
        requests=users + groups + members + admin + memberships + assignments,
        seconds=max(busiest / rates.identity_store, (admin + assignments) / rates.sso_admin),
    )


def _is_listed(entry: DeclaredApplication) -> bool:
    """Return whether it is known that the assignments of what *entry* selects are listed."""
    return entry.managed or entry.assignment_required is not None


def _member_lists(declared: Declared) -> int:
    """Return the requests that the lists of members take, by group or by user."""
    chosen = _group_filter(declared)
    lists = [page_count(len(one.members or ())) for one in declared.groups if chosen(one.group)]
    users = len(declared.users)
    if reads_by_user(users, len(declared.groups), len(lists)):
        return users
    return sum(lists)


def _application_lists(declared: Declared) -> int:
    """Return the requests to sso-admin: a list and a question for each application that is read.

    Which of those that are not managed an AWS service owns is not known, so none counts.
    """
    if not _binds_applications(declared):
        return 0
    read = list(filter(_is_listed, declared.applications))
    lists = sum(page_count(len(entry.users) + len(entry.groups)) for entry in read)
    return page_count(len(declared.applications), _APPLICATIONS_PAGE) + lists + len(read)
