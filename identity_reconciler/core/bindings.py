"""Hold the live objects that a plan was reviewed for against those of the same names now. Pure.

A name stands for whoever bears it. What tells an object from another one of its name is its
witness, which the gateway makes of the identifier: see `Gateway.witnesses`. A plan holds those
of all users and groups that it changes, links, or makes somebody's manager; an application has its
ARN. What the plan itself creates has none, and is known by its attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    User,
    UserName,
    folded,
    name_of,
    principal_of,
)
from identity_reconciler.errors import StalePlanError

Named = Mapping[Principal, str]
"""Users and groups under the names they have before a plan, and these as spelled; sorted."""


def named_objects(plan: Plan) -> Named:
    """Return the live users and groups that *plan* touches or relies on."""
    return _named(plan, plan.changes)


def places(plan: Plan) -> tuple[Principal, ...]:
    """Return every name that one of the `named_objects` may have while *plan* is carried out."""
    renames = Renames.in_plan(plan)
    return tuple(sorted({place for one in named_objects(plan) for place in _places(one, renames)}))


def managers(plan: Plan) -> tuple[UserName, ...]:
    """Return every name that a manager, newly declared by *plan* and live before it, may have."""
    renames, made = Renames.in_plan(plan), _made(plan)
    found: set[Principal] = set()
    for change in plan.changes:
        if not isinstance(change, Delete) and isinstance(change.after, User):
            for later, _ in _named_after(change):
                found |= {later, renames.reversed().principal(later)} - made
    return tuple(UserName(one.name) for one in sorted(found))


def leavers(plan: Plan) -> Mapping[str, UserName]:
    """Return, by their witnesses, what the users are called whom *plan* deletes."""
    gone = (
        change.before
        for change in plan.changes
        if isinstance(change, Delete) and isinstance(change.before, User)
    )
    found = ((plan.witnesses.get(principal_of(user)), user.user_name) for user in gone)
    return {witness: name for witness, name in found if witness is not None}


def require_same_objects(reviewed: Plan, found: Mapping[Principal, str]) -> None:
    """Refuse when an object of *reviewed* is another one than it was, or is gone and needed.

    *found* are the witnesses, now, of what is live of its `places`. What is only taken away is not
    missed: with an end that is gone a link is gone itself, be it by this very plan.

    Raises:
        StalePlanError: Names the first such object, or one of which the plan does not say which
            one is meant.
    """
    renames, named = Renames.in_plan(reviewed), named_objects(reviewed)
    for one, name in named.items():
        if one not in reviewed.witnesses:
            raise StalePlanError(
                f"the plan does not say which {one.kind}/{name} it is for, as those made by older "
                "versions of this program do not; plan and review again"
            )
    for place, fitting in sorted(bearers(reviewed).items()):
        if found.get(place, "") not in {"", *fitting}:
            raise _stale(place, named.get(place), "was deleted and made anew since it was read")
    for one, name in _named(reviewed, _needing(reviewed)).items():
        live = (found.get(place) for place in _places(one, renames))
        if reviewed.witnesses[one] not in live:
            raise _stale(one, name, "is not live any more")


def bearers(plan: Plan) -> Mapping[Principal, frozenset[str]]:
    """Return whose each name may be while *plan* is carried out, by their witnesses.

    Names that it gives to what it creates are left out: what that is nobody knows yet.
    """
    renames, made = Renames.in_plan(plan), _made(plan)
    fitting: dict[Principal, set[str]] = {}
    for one in named_objects(plan):
        for place in _places(one, renames) - made:
            fitting.setdefault(place, set()).update(filter(None, [plan.witnesses.get(one)]))
    return {place: frozenset(witnesses) for place, witnesses in fitting.items() if witnesses}


def judged_by(change: Change, *, done: bool) -> tuple[Principal, ...]:
    """Return by whose names it shows that *change* is *done*, or that it is not.

    Something else of one of these names shows nothing, and is not to be written to.
    """
    match change:
        case Create(after=User() | Group()):
            return ()
        case Create(after=link):
            return tuple(one for one, _ in _ends(link))
        case Rename() if done:
            return (principal_of(change.after),)
        case Update() | Rename() | Delete():
            return tuple(one for one, _ in _ends(change.before))


def _stale(principal: Principal, name: str | None, why: str) -> StalePlanError:
    return StalePlanError(
        f"the plan is stale: {principal.kind}/{name or principal.name} {why}; plan and review again"
    )


def _needing(plan: Plan) -> Iterator[Change]:
    return (change for change in plan.changes if not isinstance(change, Delete))


def _places(principal: Principal, renames: Renames) -> set[Principal]:
    return {principal, renames.principal(principal)}


def _made(plan: Plan) -> frozenset[Principal]:
    """Return the users and groups that *plan* creates."""
    return frozenset(
        principal_of(change.after)
        for change in plan.changes
        if isinstance(change, Create) and isinstance(change.after, User | Group)
    )


def _named(plan: Plan, changes: Iterable[Change]) -> Named:
    """Return what *changes*, some of those of *plan*, touch or rely on."""
    made = _made(plan)
    former = {
        principal_of(change.after): (principal_of(change.before), name_of(change.before))
        for change in plan.changes
        if isinstance(change, Rename)
    }
    found: dict[Principal, str] = {}
    for change in changes:
        for one, name in _named_before(change):
            found.setdefault(one, name)
        for later, name in _named_after(change):
            if later not in made:
                found.setdefault(*former.get(later, (later, name)))
    return {one: found[one] for one in sorted(found)}


def _named_before(change: Change) -> Iterator[tuple[Principal, str]]:
    """Yield what *change* names as it is live: what it starts from, and what it takes away."""
    match change:
        case Update() | Rename():
            yield principal_of(change.before), name_of(change.before)
        case Delete():
            yield from _ends(change.before)
            for link in change.cascaded:
                yield from _ends(link)
        case Create():
            pass


def _named_after(change: Change) -> Iterator[tuple[Principal, str]]:
    """Yield what *change* names as it is after the plan, and does not make."""
    match change:
        case Create(after=Membership() | Assignment() as link):
            yield from _ends(link)
        case Create(after=User(manager=str(manager))):
            yield Principal(PrincipalKind.USER, folded(manager)), manager
        case (
            Update(before=User(manager=old), after=User(manager=str(manager)))
            | Rename(before=User(manager=old), after=User(manager=str(manager)))
        ) if old != manager:
            yield Principal(PrincipalKind.USER, folded(manager)), manager
        case Create() | Update() | Rename() | Delete():
            pass


def _ends(resource: Resource) -> Iterator[tuple[Principal, str]]:
    """Yield a user or group itself, and of a link the users and groups that it connects."""
    match resource:
        case User() | Group():
            yield principal_of(resource), name_of(resource)
        case Membership():
            yield Principal(PrincipalKind.GROUP, folded(resource.group)), resource.group
            yield Principal(PrincipalKind.USER, folded(resource.user)), resource.user
        case Assignment(principal=principal) if not principal.orphan:
            yield principal, resource.principal_name or principal.name
        case Assignment():
            pass
