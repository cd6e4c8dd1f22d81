"""Hold what would be done now against what was reviewed. Pure.

A saved plan is a permission, not a script: only a change that was reviewed, from the same
before to the same after, may be carried out. Fewer changes than reviewed are fine, for what is
in place already needs none; one more than reviewed is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Rename,
    Update,
    awaited,
    subject_of,
)
from identity_reconciler.core.readback import (
    WriteState,
    compare_with_live,
    concerned,
    live_counterpart,
)
from identity_reconciler.core.renames import Link, Renames
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    address,
    principal_of,
)
from identity_reconciler.core.taken import address_given, holders
from identity_reconciler.errors import StalePlanError


def require_reviewed(fresh: Plan, reviewed: Plan) -> None:
    """Refuse *fresh* when it holds a change that *reviewed* does not hold just so.

    Raises:
        StalePlanError: Names the first unreviewed change and says how it differs.
    """
    known = {renamed.key: renamed for _, renamed in _under_new_names(reviewed)}
    for change, renamed in _under_new_names(fresh):
        held = known.get(renamed.key)
        if held is None:
            raise StalePlanError(_moved(change, "it is not in the reviewed plan"))
        if not _same(renamed, held):
            raise StalePlanError(_moved(change, "it is not as it was reviewed"))


def _under_new_names(plan: Plan) -> Iterator[tuple[Change, Change]]:
    """Yield each change of *plan*, and the same with links named as after its renames.

    What is removed is named as it is live, and that depends on how many renames are done.
    """
    renames = Renames.in_plan(plan)
    for change in plan.changes:
        yield change, _removing_under(renames, change)


def _removing_under(renames: Renames, change: Change) -> Change:
    """Return *change*; when it removes links, those are named as *renames* lead to."""
    match change:
        case Delete(before=Membership() | Assignment() as link):
            return replace(change, before=renames.link(link))
        case Delete():
            return replace(change, cascaded=tuple(map(renames.membership, change.cascaded)))
        case _:
            return change


def _moved(change: Change, why: str) -> str:
    subject = subject_of(change)
    return (
        f"the plan is stale: {address(subject)} ({type(change).__name__.lower()}) would be done "
        f"now, but {why}; something has changed since, so plan and review again"
    )


def _same(fresh: Change, reviewed: Change) -> bool:
    """Return whether both go from the same before to the same after, cascades included."""
    match fresh, reviewed:
        case Delete(), Delete():
            same = fresh.before == reviewed.before and set(fresh.cascaded) <= set(reviewed.cascaded)
        case _:
            same = fresh == reviewed
    # An application was reviewed by its name, and is told apart by its ARN.
    return same and _application_name(fresh) == _application_name(reviewed)


def _application_name(change: Change) -> str:
    subject = subject_of(change)
    return subject.application_name if isinstance(subject, Assignment) else ""


def to_be_read(plan: Plan) -> tuple[tuple[Resource, ...], tuple[Principal, ...]]:
    """Return what to read, alone, to know what is left of *plan*: resources, and principals.

    Of the principals, which are those to be deleted, everything that hangs on them is needed.
    """
    renames = Renames.in_plan(plan)
    named = dict.fromkeys(
        one
        for change in plan.changes
        for resource in concerned(change)
        for one in renames.places(resource)
    )
    return tuple(named), tuple(map(principal_of, _deleted(plan)))


def applications_of(plan: Plan) -> tuple[ApplicationArn, ...]:
    """Return the applications that *plan* assigns or unassigns, to be read with what it names."""
    subjects = map(subject_of, plan.changes)
    return tuple(dict.fromkeys(one.application for one in subjects if isinstance(one, Assignment)))


def addresses_of(plan: Plan) -> tuple[str, ...]:
    """Return the e-mail addresses that *plan* gives to users, whose holders are to be read too."""
    given = (address_given(change) for change in plan.changes)
    return tuple(dict.fromkeys(one for one in given if one is not None))


def _deleted(plan: Plan) -> Iterator[User | Group]:
    for change in plan.changes:
        if isinstance(change, Delete) and isinstance(change.before, User | Group):
            yield change.before


def what_is_left(reviewed: Plan, live: State) -> Plan:
    """Return the changes of *reviewed* that are still to be done, given what `to_be_read` found.

    Links that are to be removed are named as they are live now, when some of the renames of
    *reviewed* are done.

    Raises:
        StalePlanError: Something that the plan touches is neither as it was nor as it shall be,
            an application among the `applications_of` it is not called as it was reviewed, a user
            or group to be deleted has a link that was not reviewed, or one of the `addresses_of`
            it is taken.
    """
    _refuse_other_applications(reviewed, live)
    done, to_be = _sorted_out(reviewed, live)
    _refuse_unreviewed_links(reviewed, live, to_be)
    settled = _as_planned(live, to_be)
    pairs = [
        (change, _removing_under(done, change))
        for change, renamed in _under_new_names(reviewed)
        if _is_left(renamed, settled)
    ]
    left = tuple(one for _, one in pairs)
    _refuse_taken_addresses(left, live)
    waves = reviewed.waves
    numbers = {one.key: waves[planned.key] for planned, one in pairs if planned.key in waves}
    return replace(reviewed, changes=left, waves=numbers)


def applications_to_assign(changes: Iterable[Change]) -> frozenset[ApplicationArn]:
    """Return the applications to which *changes* assign somebody."""
    return frozenset(
        change.after.application
        for change in changes
        if isinstance(change, Create) and isinstance(change.after, Assignment)
    )


def require_applications(
    changes: Iterable[Change], known: Mapping[ApplicationArn, Application]
) -> None:
    """Refuse *changes* that assign somebody to an application that is not among *known*.

    Raises:
        StalePlanError: Names the first one.
    """
    for change in changes:
        if isinstance(change, Create) and isinstance(change.after, Assignment):
            arn = change.after.application
            if arn not in known:
                raise StalePlanError(_stale(change.after, f"{arn} is not live any more"))


def _sorted_out(reviewed: Plan, live: State) -> tuple[Renames, Renames]:
    """Return the renames of *reviewed* that are done, and those that are to be."""
    done: list[tuple[User | Group, User | Group]] = []
    to_be: list[tuple[User | Group, User | Group]] = []
    given_on = {change.key for change in reviewed.changes}
    for change in reviewed.changes:
        if isinstance(change, Rename):
            pair = change.before, change.after
            old, new = (live_counterpart(one, live) for one in pair)
            if change.before.key == change.after.key or new is None:
                to_be.append(pair)
            elif old is None or change.before.key in given_on:
                done.append(pair)
            else:
                raise StalePlanError(_stale(change.before, "its old and its new name are live"))
    return Renames.of(done), Renames.of(to_be)


def _as_planned(live: State, to_be: Renames) -> State:
    """Return *live* with links and managers named as in a plan; objects stay under their names."""
    return replace(
        to_be.state(live),
        users={key: to_be.managed(user) for key, user in live.users.items()},
        groups=live.groups,
    )


def _is_left(change: Change, live: State) -> bool:
    standing, detail = compare_with_live(change, live)
    if standing is WriteState.DONE:
        return False
    if standing is WriteState.NOT_DONE and isinstance(change, Update | Rename):
        found = live_counterpart(change.before, live)
        if found != change.before:
            raise StalePlanError(_stale(change.before, "it has changed in other attributes"))
    if standing is WriteState.OTHERWISE:
        subject = change.after if isinstance(change, Create) else change.before
        raise StalePlanError(_stale(subject, detail))
    return True


def _stale(subject: Resource, detail: str) -> str:
    return f"the plan is stale: {address(subject)}: {detail}; plan and review again"


def _refuse_other_applications(reviewed: Plan, live: State) -> None:
    """Refuse when an application was reviewed by another name than it has."""
    for change in reviewed.changes:
        subject = subject_of(change)
        if isinstance(subject, Assignment) and subject.application_name:
            found = live.applications.get(subject.application)
            if found is not None and found.name != subject.application_name:
                called = f"{found.arn} is called {found.name}"
                raise StalePlanError(_stale(subject, called))


def _refuse_taken_addresses(left: tuple[Change, ...], live: State) -> None:
    """Refuse when somebody has an address that another is to get, and does not give it up."""
    found = holders(left, live)
    waits = awaited(left) if found else {}
    befores = {one.key: one.before.key for one in left if not isinstance(one, Create)}
    for change in left:
        holder = found.get(change.key)
        giving = {befores[key] for key in waits.get(change.key, ())}
        if holder is not None and holder.key not in giving and not isinstance(change, Delete):
            raise StalePlanError(
                _stale(change.after, f"its e-mail address is that of {address(holder)}")
            )


def _refuse_unreviewed_links(reviewed: Plan, live: State, to_be: Renames) -> None:
    """Refuse when a deleted user or group has a link that the plan does not take away."""
    taken = {
        link.key
        for _, change in _under_new_names(reviewed)
        if isinstance(change, Delete)
        for link in (change.before, *change.cascaded)
    }
    leavers = {principal_of(resource) for resource in _deleted(reviewed)}
    for link in _links(live, leavers):
        if to_be.link(link).key not in taken:
            raise StalePlanError(_stale(link, "it is new, and its principal is to be deleted"))


def _links(live: State, principals: set[Principal]) -> Iterator[Link]:
    users = {UserKey(one.name) for one in principals if one.kind is PrincipalKind.USER}
    for group, members in sorted(live.members.items()):
        everyone = Principal(PrincipalKind.GROUP, group) in principals
        for user in sorted(members if everyone else members & users):
            yield live.membership(group, user)
    for arn, assigned in sorted(live.assignments.items()):
        application = live.applications.get(arn)
        if application is not None and application.is_account_access:
            # Never managed, so not by a plan either: see `scope.narrow`.
            continue
        for principal in sorted(assigned & principals):
            yield live.assignment(arn, principal)
