"""What the guards judge: a plan with the states before and after it, and what is removed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from identity_reconciler.core.access import AccessChange, Impact, access_changes
from identity_reconciler.core.access_reviews import Reviewing, reviewing
from identity_reconciler.core.account_access import AccountChange, account_changes
from identity_reconciler.core.comparison import Comparison
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.guard_settings import ResourceKind
from identity_reconciler.core.ownership import Claims
from identity_reconciler.core.plan import Create, Delete, Plan, Reason
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Key,
    Resource,
    State,
    address,
    folded,
    group_key,
)


@dataclass(frozen=True, slots=True)
class Removal:
    """One resource that a plan removes."""

    resource: Resource
    reason: Reason
    """For a cascaded membership, why its user or group is deleted."""
    cascaded_from: Resource | None = None
    """The user or group with which a membership vanishes."""

    @property
    def kind(self) -> ResourceKind:
        """What is removed."""
        return ResourceKind(self.resource.key[0])

    @property
    def expired(self) -> bool:
        """Whether it is removed only because its date has come."""
        return self.reason is Reason.EXPIRED

    @property
    def harmless(self) -> bool:
        """Whether nobody has it: what is left of the assignment of somebody who is gone."""
        return isinstance(self.resource, Assignment) and self.resource.principal.orphan


@dataclass(frozen=True, slots=True)
class Evidence:
    """A plan and everything that the guards want to know about it."""

    plan: Plan
    live: State
    """As read, under the names of before the renames; see `access.access_changes`."""
    after: State
    """What is live when every change has succeeded."""
    access: tuple[AccessChange, ...]
    accounts: tuple[AccountChange, ...]
    """Who gains and loses what in AWS accounts, as far as it was read."""
    renames: Renames
    removals: tuple[Removal, ...]
    """Every resource once, cascades included, sorted by key."""
    managed: Mapping[ResourceKind, int]
    """How many live resources of each kind are managed; what is left of who is gone is not."""
    declared: Mapping[ResourceKind, int]
    """How many users and groups the desired state declares as ours, to be there."""
    known: frozenset[Key]
    """The keys of all users and groups that are declared, under their previous names too."""
    referred: Mapping[ResourceKind, int]
    """How many users and groups it says are live and owned elsewhere."""
    complete: frozenset[GroupKey]
    """Groups, by their new keys, all of whose members are known; deleted ones too."""
    instance: Instance
    """What the plan is for."""
    overdue_groups: Mapping[GroupKey, Reviewing]
    """Groups, by their new keys, that should have been reviewed by now."""
    overdue_applications: Mapping[ApplicationArn, Reviewing]
    declaration: Declared
    """All that is declared, under the names of after the renames."""
    as_of: datetime
    """When the plan was made: what has expired then does not hold."""
    others: Mapping[str, Claims] = field(default_factory=dict)
    """What other repositories own of the instance, by their names."""

    def address(self, resource: Resource) -> str:
        """Return the address of *resource*, which means no other one."""
        return address(resource)


def gather(
    comparison: Comparison, impact: Impact, others: Mapping[str, Claims] | None = None
) -> Evidence:
    """Return what the guards need to judge the plan of *impact*.

    *others* are what other repositories own of the instance, by their names.

    It is that of *comparison* or a part of it, and the live state is the one that was compared,
    which `survey.read_for_access` may since have completed.
    """
    plan, live, resolution = impact.plan, impact.before, comparison.resolution
    desired = resolution.desired
    day = resolution.as_of.astimezone(UTC).date()
    late = [one for one in reviewing(resolution.declared) if one.is_overdue(day)]
    return Evidence(
        plan=plan,
        live=live,
        after=impact.after,
        access=access_changes(impact),
        accounts=account_changes(impact),
        renames=impact.renames,
        removals=removals(plan),
        managed=_managed(comparison.managed, desired),
        declared=_declared(resolution.declared),
        known=frozenset(_known(resolution.original)),
        referred=_referred(resolution.original),
        complete=frozenset((*desired.members, *_made_or_deleted(plan))),
        instance=resolution.declared.settings.instance,
        overdue_groups={
            group_key(one.entry.name): one for one in late if isinstance(one.entry, DeclaredGroup)
        },
        overdue_applications={
            ApplicationArn(key[1]): one
            for one in late
            for key, origin in resolution.origins.items()
            if isinstance(one.entry, DeclaredApplication)
            and key[0] == "application"
            and origin.position == one.entry.position
        },
        declaration=resolution.original,
        as_of=resolution.as_of,
        others=others or {},
    )


def _made_or_deleted(plan: Plan) -> Iterator[GroupKey]:
    for change in plan.changes:
        match change:
            case Create(after=Group() as group) | Delete(before=Group() as group):
                yield group_key(group.name)
            case _:
                pass


def removals(plan: Plan) -> tuple[Removal, ...]:
    """Return everything that *plan* removes, each resource once, sorted by key."""
    found: dict[Key, Removal] = {}
    for removal in _removals(plan):
        first = found.get(removal.resource.key)
        if first is None or first.cascaded_from is not None:
            found[removal.resource.key] = removal
    return tuple(found[key] for key in sorted(found))


def _removals(plan: Plan) -> Iterator[Removal]:
    for change in plan.changes:
        if isinstance(change, Delete):
            yield Removal(change.before, change.reason)
            for membership in change.cascaded:
                yield Removal(membership, change.reason, change.before)


def _managed(managed: State, desired: State) -> Mapping[ResourceKind, int]:
    """Count what is managed; who is only referred to stands in the desired state as live."""
    users = sum(desired.users.get(key) is not user for key, user in managed.users.items())
    groups = sum(desired.groups.get(key) is not group for key, group in managed.groups.items())
    return {
        ResourceKind.USER: users,
        ResourceKind.GROUP: groups,
        ResourceKind.MEMBERSHIP: sum(map(len, managed.members.values())),
        ResourceKind.ASSIGNMENT: sum(
            not one.orphan for found in managed.assignments.values() for one in found
        ),
    }


def _declared(declared: Declared) -> Mapping[ResourceKind, int]:
    present = Presence.PRESENT
    return {
        ResourceKind.USER: sum(one.presence is present for one in declared.users),
        ResourceKind.GROUP: sum(one.presence is present for one in declared.groups),
    }


def _known(declared: Declared) -> Iterator[Key]:
    entries: tuple[DeclaredUser | DeclaredGroup, ...] = (*declared.users, *declared.groups)
    for entry in entries:
        for name in entry.names:
            yield entry.kind, folded(name)


def _referred(declared: Declared) -> Mapping[ResourceKind, int]:
    def count(
        entries: Iterable[DeclaredUser] | Iterable[DeclaredGroup], mode: ManageObjects
    ) -> int:
        only_referred = mode is ManageObjects.REFERENCE
        return sum(only_referred or one.presence is Presence.EXTERNAL for one in entries)

    settings = declared.settings
    return {
        ResourceKind.USER: count(declared.users, settings.users),
        ResourceKind.GROUP: count(declared.groups, settings.groups),
    }
