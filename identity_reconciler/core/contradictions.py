"""Find in a plan what no planner makes: changes that cannot be meant as they are written. Pure.

A saved plan may have been rewritten by whoever could touch the file. What is shown of a change is
its address and its differences, so whatever else a change holds must follow from these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from identity_reconciler.core.needs import needs
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Reason,
    Rename,
    Update,
    after_of,
    before_of,
    ordered,
)
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    User,
    address,
    folded,
    name_of,
    user_key,
)


def contradictions(plan: Plan) -> Iterator[str]:
    """Yield in words everything in *plan* that contradicts itself; nothing for a planner's plan."""
    yield from _about_keys(plan.changes)
    for change in plan.changes:
        yield from _about_change(change)
    yield from _about_cascades(plan.changes)
    yield from _about_departures(plan.changes)
    yield from _about_applications(plan.changes)
    yield from _about_order(plan)


def _about_order(plan: Plan) -> Iterator[str]:
    """Within a wave changes are in apply order, and each comes after what it needs."""
    waves = plan.waves
    if waves and waves.keys() != {change.key for change in plan.changes}:
        yield "some of its changes are in no wave"
        return
    expected = sorted(ordered(plan.changes), key=lambda one: waves.get(one.key, 0))
    if [change.key for change in expected] != [change.key for change in plan.changes]:
        yield "its changes are not in the order of an apply"
    needed, seen = needs(plan.changes), set[Key]()
    for change in plan.changes:
        if any(one.key not in seen for one in needed.get(change.key, ())):
            yield f"{'/'.join(change.key)} comes before what it needs"
        seen.add(change.key)


def _about_keys(changes: Iterable[Change]) -> Iterator[str]:
    """Each object is touched once, under the name it has and under the one it gets."""
    for side in (before_of, after_of):
        seen: set[Key] = set()
        for change in changes:
            resource = side(change)
            if resource is not None:
                if resource.key in seen:
                    yield f"{address(resource)} is changed twice"
                seen.add(resource.key)


def _about_change(change: Change) -> Iterator[str]:
    yield from _about_resources(change)
    match change:
        case Create(after=User() | Group() as new) if new.foreign or new.provenance:
            yield f"{address(new)} would be created and is there already"
        case Create(after=Assignment() as link) if link.principal.orphan:
            yield f"{address(link)} would be created for somebody who is not there"
        case Create():
            pass
        case Update() | Rename():
            yield from _about_sides(change)
        case Delete():
            if not _fits(change.reason, change.before):
                yield f"{address(change.before)} cannot be removed because {change.reason}"


def _about_resources(change: Change) -> Iterator[str]:
    for resource in (before_of(change), after_of(change)):
        match resource:
            case User() | Group() if resource.cleared:
                yield f"{address(resource)} has attributes that are still to be cleared"
            case Assignment(principal=principal, principal_name=spelled) if spelled:
                if principal.name != (spelled if principal.orphan else folded(spelled)):
                    yield f"{address(resource)} is not about the {principal.kind} that it names"
            case _:
                pass


def _about_sides(change: Update | Rename) -> Iterator[str]:
    before, after = change.before, change.after
    if before.foreign != after.foreign:
        yield f"{address(after)} would change its owner"
    if before.provenance != after.provenance:
        yield f"{address(after)} would get another history"
    if (name_of(before) == name_of(after)) is isinstance(change, Rename):
        word = "renamed" if isinstance(change, Rename) else "updated"
        yield f"{address(after)} is called {name_of(before)} before, and cannot be {word} so"
    if before == after:
        yield f"{address(after)} would stay as it is"


def _fits(reason: Reason, resource: Resource) -> bool:
    match reason:
        case Reason.ABSENT | Reason.UNDECLARED:
            return isinstance(resource, User | Group)
        case Reason.UNLISTED | Reason.EXPIRED:
            return isinstance(resource, Membership | Assignment)
        case Reason.PRINCIPAL_DELETED:
            return isinstance(resource, Membership | Assignment)


def _about_cascades(changes: Iterable[Change]) -> Iterator[str]:
    """A membership vanishes once, with its own user or group."""
    removals = [change for change in changes if isinstance(change, Delete)]
    taken: set[Key] = {change.before.key for change in removals}
    for change in removals:
        if list(change.cascaded) != sorted(change.cascaded, key=lambda link: link.key):
            yield f"what goes with {address(change.before)} is not in order"
        for link in change.cascaded:
            if not _hangs_on(link, change.before):
                yield f"{address(link)} does not go with {address(change.before)}"
            if link.key in taken:
                yield f"{address(link)} is removed twice"
            taken.add(link.key)


def _hangs_on(link: Membership, resource: Resource) -> bool:
    match resource:
        case User(user_name=name):
            return name == link.user
        case Group(name=group):
            return group == link.group
        case _:
            return False


def _about_departures(changes: Iterable[Change]) -> Iterator[str]:
    """A link goes for its principal where that goes too, and for nothing else."""
    departing = {
        Principal(PrincipalKind(change.key[0]), change.key[1])
        for change in changes
        if isinstance(change, Delete) and isinstance(change.before, User | Group)
    }
    for change in changes:
        match change:
            case Delete(before=Assignment(principal=principal) as link, reason=reason):
                follows = reason is Reason.PRINCIPAL_DELETED
                if follows is not (principal in departing):
                    yield f"{address(link)} cannot be removed because {reason}"
            case Delete(before=Membership(user=user) as link, reason=reason):
                follows = reason is Reason.PRINCIPAL_DELETED
                if follows is not (Principal(PrincipalKind.USER, user_key(user)) in departing):
                    yield f"{address(link)} cannot be removed because {reason}"
            case _:
                pass


def _about_applications(changes: Iterable[Change]) -> Iterator[str]:
    """One application has one name."""
    names: dict[str, str] = {}
    for change in changes:
        for resource in filter(None, (before_of(change), after_of(change))):
            match resource:
                case Assignment(application=arn, application_name=name):
                    if names.setdefault(arn, name) != name:
                        yield f"{address(resource)}: {arn} is called {names[arn]} elsewhere"
                case _:
                    pass
