"""What a plan concerns that can be mistaken for something else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from identity_reconciler.core.access import Impact
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.lookalikes import look_alikes, strange
from identity_reconciler.core.plan import Plan, subject_of
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Membership,
    Resource,
    State,
    User,
    folded,
)


@dataclass(frozen=True, slots=True, order=True)
class Resemblance:
    """Two names of one kind that look alike, at least one of which a plan concerns."""

    kind: str
    """`user`, `group` or `application`."""
    name: str
    """Of the two the one that is not ASCII; when neither is, the one that the plan concerns."""
    other: str

    @property
    def characters(self) -> str:
        """Which characters of `name` are not ASCII, in words."""
        return strange(self.name)


def resemblances(impact: Impact, declared: Declared) -> tuple[Resemblance, ...]:
    """Return the names that a plan concerns and that look like another one, live or declared.

    Sorted. A name that the plan does away with by renaming is no other one.
    """
    live, renames = impact.before, impact.renames
    concerned = _concerned(impact.plan, live)
    known: Mapping[str, set[str]] = {
        "user": {
            *(one.user_name for key, one in live.users.items() if key not in renames.users),
            *(one.name for one in declared.users),
        },
        "group": {
            *(one.name for key, one in live.groups.items() if key not in renames.groups),
            *(one.name for one in declared.groups),
        },
        "application": {
            *(one.name for one in live.applications.values()),
            *(one.selector.name for one in declared.applications if one.selector.name),
        },
    }
    found: set[Resemblance] = set()
    for kind, names in known.items():
        # Found by the names that the plan concerns, and told from there.
        mentioned = {folded(name) for name in concerned[kind]}
        for name, other in look_alikes({*names, *concerned[kind]}).items():
            if folded(name) in mentioned or folded(other) in mentioned:
                pair = (name, other) if not name.isascii() else (other, name)
                found.add(Resemblance(kind, *pair))
    return tuple(sorted(found))


def _concerned(plan: Plan, live: State) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {"user": set(), "group": set(), "application": set()}
    for change in plan.changes:
        resource = subject_of(change)
        for kind, name in _names(resource, live):
            found[kind].add(name)
    return found


def _names(resource: Resource, live: State) -> Iterator[tuple[str, str]]:
    match resource:
        case User(user_name=name, manager=manager):
            yield "user", name
            if manager is not None:
                yield "user", manager
        case Group(name=group):
            yield "group", group
        case Membership(group=group, user=user):
            yield "group", group
            yield "user", user
        case Assignment():
            application = live.applications.get(resource.application)
            if application is not None:
                yield "application", application.name
            if not resource.principal.orphan:
                yield (
                    str(resource.principal.kind),
                    (resource.principal_name or resource.principal.name),
                )
