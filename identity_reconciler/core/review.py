"""Hold what would be done now against what was reviewed. Pure.

A saved plan is a permission, not a script: only a change that was reviewed, from the same
before to the same after, may be carried out. Fewer changes than reviewed are fine, for what is
in place already needs none; one more than reviewed is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.readback import WriteState, compare_with_live, concerned
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    Key,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    address,
    folded,
)
from identity_reconciler.errors import StalePlanError


def require_reviewed(fresh: Plan, reviewed: Plan) -> None:
    """Refuse *fresh* when it holds a change that *reviewed* does not hold just so.

    Raises:
        StalePlanError: Names the first unreviewed change and says how it differs.
    """
    known = {change.key: change for change in reviewed.changes}
    for change in fresh.changes:
        held = known.get(change.key)
        if held is None:
            raise StalePlanError(_moved(change, "it is not in the reviewed plan"))
        if not _same(change, held):
            raise StalePlanError(_moved(change, "it is not as it was reviewed"))


def _moved(change: Change, why: str) -> str:
    subject = change.before if isinstance(change, Delete) else change.after
    return (
        f"the plan is stale: {address(subject)} ({type(change).__name__.lower()}) would be done "
        f"now, but {why}; something has changed since, so plan and review again"
    )


def _same(fresh: Change, reviewed: Change) -> bool:
    """Return whether both go from the same before to the same after, cascades included."""
    match fresh, reviewed:
        case Delete(), Delete():
            return fresh.before == reviewed.before and set(fresh.cascaded) <= set(reviewed.cascaded)
        case _:
            return fresh == reviewed


def to_be_read(plan: Plan) -> tuple[tuple[Resource, ...], tuple[Principal, ...]]:
    """Return what to read, alone, to know what is left of *plan*: resources, and principals.

    Of the principals, which are those to be deleted, everything that hangs on them is needed.
    """
    named = tuple(one for change in plan.changes for one in concerned(change))
    return named, tuple(map(_principal, _deleted(plan)))


def _deleted(plan: Plan) -> Iterator[User | Group]:
    for change in plan.changes:
        if isinstance(change, Delete) and isinstance(change.before, User | Group):
            yield change.before


def _principal(resource: User | Group) -> Principal:
    kind = PrincipalKind.USER if isinstance(resource, User) else PrincipalKind.GROUP
    return Principal(kind, resource.key[1])


def what_is_left(reviewed: Plan, live: State) -> Plan:
    """Return the changes of *reviewed* that are still to be done, given what `to_be_read` found.

    Raises:
        StalePlanError: Something that the plan touches is neither as it was nor as it shall be,
            or a user or group to be deleted has a link that was not reviewed.
    """
    _refuse_unreviewed_links(reviewed, live)
    known = _with_managers_to_be(reviewed, live)
    return replace(reviewed, changes=tuple(one for one in reviewed.changes if _is_left(one, known)))


def _with_managers_to_be(reviewed: Plan, live: State) -> State:
    """Return *live* with managers under the names that *reviewed* gives them, as its changes do."""
    names = {
        change.before.key: change.after.user_name
        for change in reviewed.changes
        if isinstance(change, Rename) and isinstance(change.after, User)
    }
    if not names:
        return live
    users = {
        key: replace(user, manager=names.get(("user", folded(user.manager)), user.manager))
        if user.manager
        else user
        for key, user in live.users.items()
    }
    return replace(live, users=users)


def _is_left(change: Change, live: State) -> bool:
    standing, detail = compare_with_live(change, live)
    if standing is WriteState.DONE:
        return False
    if standing is WriteState.NOT_DONE and isinstance(change, Update | Rename):
        found = _live_counterpart(change.before, live)
        if found != change.before:
            raise StalePlanError(_stale(change.before, "it has changed in other attributes"))
    if standing is WriteState.OTHERWISE:
        subject = change.after if isinstance(change, Create) else change.before
        raise StalePlanError(_stale(subject, detail))
    return True


def _live_counterpart(resource: User | Group, live: State) -> User | Group | None:
    if isinstance(resource, User):
        return live.users.get(UserKey(resource.key[1]))
    return live.groups.get(GroupKey(resource.key[1]))


def _stale(subject: Resource, detail: str) -> str:
    return f"the plan is stale: {address(subject)}: {detail}; plan and review again"


def _refuse_unreviewed_links(reviewed: Plan, live: State) -> None:
    """Refuse when a deleted user or group has a link that the plan does not take away."""
    new_names = {
        change.before.key: change.after.key[1]
        for change in reviewed.changes
        if isinstance(change, Rename)
    }
    deletes = [change for change in reviewed.changes if isinstance(change, Delete)]
    taken = {
        _under_new_names(link.key, new_names)
        for change in deletes
        for link in (change.before, *change.cascaded)
    }
    leavers = {_principal(resource) for resource in _deleted(reviewed)}
    for link in _links(live, leavers):
        if _under_new_names(link.key, new_names) not in taken:
            raise StalePlanError(_stale(link, "it is new, and its principal is to be deleted"))


def _under_new_names(key: Key, new_names: Mapping[Key, str]) -> Key:
    """Return *key* as it is once every rename of the plan is done: some may be done already."""
    match key:
        case ("membership", group, user):
            return (
                "membership",
                new_names.get(("group", group), group),
                new_names.get(("user", user), user),
            )
        case _:
            return key


def _links(live: State, principals: set[Principal]) -> Iterator[Resource]:
    users = {UserKey(one.name) for one in principals if one.kind is PrincipalKind.USER}
    for group, members in sorted(live.members.items()):
        everyone = Principal(PrincipalKind.GROUP, group) in principals
        for user in sorted(members if everyone else members & users):
            yield live.membership(group, user)
    for arn, assigned in sorted(live.assignments.items()):
        for principal in sorted(assigned & principals):
            yield live.assignment(arn, principal)
