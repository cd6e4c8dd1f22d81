"""Guards against doing too much: budgets, wipes, and states that are empty by accident. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from identity_reconciler.core.guard_settings import (
    DeleteBudget,
    GuardId,
    GuardSettings,
    ResourceKind,
)
from identity_reconciler.core.guards.evidence import Evidence, Removal
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Reason, Rename
from identity_reconciler.core.state import Group, GroupKey, Membership, group_key

_PLURALS: Mapping[ResourceKind, str] = {
    ResourceKind.USER: "users",
    ResourceKind.GROUP: "groups",
    ResourceKind.MEMBERSHIP: "memberships",
    ResourceKind.ASSIGNMENT: "assignments",
}
_FEW = 3
"""Up to this many groups a verdict names; of more it tells the number."""


def empty_desired(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to delete users or groups as undeclared when none at all is declared.

    That is what a wrong path or a sparse checkout looks like. Deletions that are declared
    (`state: absent`) do not count.
    """
    del settings  # Nothing about it can be set: every guard takes the same two.
    found: list[str] = []
    kinds: list[str] = []
    for kind in (ResourceKind.USER, ResourceKind.GROUP):
        undeclared = [
            evidence.address(one.resource)
            for one in evidence.removals
            if one.kind is kind and one.reason is Reason.UNDECLARED
        ]
        if undeclared and evidence.declared[kind] == 0:
            found.extend(undeclared)
            kinds.append(f"no {_PLURALS[kind]} are declared, and {len(undeclared)} live would go")
    if not found:
        return None
    expected = "at least one declared, or `manage: declared`; is the directory the right one?"
    return Objection("; ".join(kinds), expected, tuple(sorted(found)), by_count=True)


def empty_live(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to plan against a directory that holds less than must be there."""
    live = {
        ResourceKind.USER: len(evidence.live.users),
        ResourceKind.GROUP: len(evidence.live.groups),
    }
    least = {
        ResourceKind.USER: settings.expect_live.users,
        ResourceKind.GROUP: settings.expect_live.groups,
    }
    short = [
        kind
        for kind, number in live.items()
        if number < max(least[kind], min(1, evidence.referred[kind]))
    ]
    if not short:
        return None
    found = ", ".join(f"{live[kind]} {_PLURALS[kind]} are live" for kind in short)
    wanted = ", ".join(
        f"at least {least[kind]} {_PLURALS[kind]} (expect_live)"
        if live[kind] < least[kind]
        else f"the {_PLURALS[kind]} that are referred to"
        for kind in short
    )
    concerned = tuple(sorted(f"{kind}/*" for kind in short))
    return Objection(found, f"{wanted}; is this the right instance?", concerned)


def budget_guard(kind: ResourceKind) -> Callable[[Evidence, GuardSettings], Objection | None]:
    """Return the guard that limits how many resources of *kind* one plan removes.

    Cascaded memberships count, and those of disabled users, who may come back. What has expired
    does not, it has a budget of its own; nor does what is left of the assignments of somebody who
    is gone, which is cleared up after an accident.
    """

    def guard(evidence: Evidence, settings: GuardSettings) -> Objection | None:
        removed = [
            one
            for one in evidence.removals
            if one.kind is kind and not one.expired and not one.harmless
        ]
        budgets = settings.budgets
        budget = {
            ResourceKind.USER: budgets.users,
            ResourceKind.GROUP: budgets.groups,
            ResourceKind.MEMBERSHIP: budgets.memberships,
            ResourceKind.ASSIGNMENT: budgets.assignments,
        }[kind]
        return _over(evidence, removed, budget, evidence.managed[kind], _PLURALS[kind])

    return guard


def expired_budget(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Limit how many expired memberships and assignments one plan removes."""
    expired = [one for one in evidence.removals if one.expired]
    managed = evidence.managed[ResourceKind.MEMBERSHIP] + evidence.managed[ResourceKind.ASSIGNMENT]
    named = "expired memberships and assignments"
    return _over(evidence, expired, settings.budgets.expired, managed, named)


def rename_budget(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Limit how many users and groups one plan renames."""
    renamed = [one.after for one in evidence.plan.changes if isinstance(one, Rename)]
    managed = evidence.managed[ResourceKind.USER] + evidence.managed[ResourceKind.GROUP]
    budget = settings.budgets.renames
    if len(renamed) <= budget.allowed(managed):
        return None
    return Objection(
        f"{len(renamed)} users and groups would be renamed, of {managed} managed",
        _allowance(budget, managed),
        tuple(sorted(map(evidence.address, renamed))),
        by_count=True,
    )


def _over(
    evidence: Evidence, removed: list[Removal], budget: DeleteBudget, managed: int, named: str
) -> Objection | None:
    if len(removed) <= budget.allowed(managed):
        return None
    return Objection(
        f"{len(removed)} {named} would be removed, of {managed} managed",
        _allowance(budget, managed),
        _addresses(evidence, removed),
        by_count=True,
    )


def _allowance(budget: DeleteBudget, managed: int) -> str:
    shares = f"floor {budget.floor}, {budget.percent:g} %, ceiling {budget.ceiling}"
    return f"at most {budget.allowed(managed)} ({shares})"


def wipe(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to remove all of a kind, or all members of a group.

    A group that goes by `state: absent` takes its members along by intent, so it counts only
    among the groups. What goes only because it has expired is for the budget of the expired, and
    what is left of the assignments of somebody who is gone does not count.
    """
    found: list[str] = []
    concerned: set[str] = set()
    for kind in _PLURALS:
        removed = [one for one in evidence.removals if one.kind is kind and not one.harmless]
        managed = max(evidence.managed[kind], settings.wipe_from)
        if len(removed) >= managed and not all(one.expired for one in removed):
            found.append(f"all {len(removed)} managed {_PLURALS[kind]} would be removed")
            concerned.update(_addresses(evidence, removed))
    emptied = _emptied(evidence, settings.wipe_from)
    if emptied:
        names = [evidence.address(one) for one in emptied]
        which = ", ".join(names) if len(names) <= _FEW else f"{len(names)} groups"
        found.append(f"all members of {which} would be removed")
        concerned.update(names)
    if not found:
        return None
    expected = f"something to remain wherever there are {settings.wipe_from} or more"
    return Objection("; ".join(found), expected, tuple(sorted(concerned)), by_count=not emptied)


def _emptied(evidence: Evidence, least: int) -> list[Group]:
    """Return the groups that had at least *least* members and lose them all, by live name."""
    leaving: dict[GroupKey, list[Removal]] = defaultdict(list)
    absent: set[GroupKey] = set()
    for one in evidence.removals:
        match one:
            case Removal(resource=Group(name=name), reason=Reason.ABSENT):
                absent.add(group_key(name))
            case Removal(resource=Membership() as membership):
                leaving[group_key(membership.group)].append(one)
            case _:
                pass
    return [
        evidence.live.groups[key]
        for key, gone in leaving.items()
        if key in evidence.live.groups.keys() - absent
        and evidence.renames.group(key) in evidence.complete
        and len(gone) >= max(least, len(evidence.live.members.get(key, frozenset())))
        and not all(one.expired for one in gone)
    ]


def _addresses(evidence: Evidence, removed: Iterable[Removal]) -> tuple[str, ...]:
    return tuple(sorted(evidence.address(one.resource) for one in removed))


BUDGETS: Mapping[GuardId, Callable[[Evidence, GuardSettings], Objection | None]] = {
    GuardId.BUDGET_USERS: budget_guard(ResourceKind.USER),
    GuardId.BUDGET_GROUPS: budget_guard(ResourceKind.GROUP),
    GuardId.BUDGET_MEMBERSHIPS: budget_guard(ResourceKind.MEMBERSHIP),
    GuardId.BUDGET_ASSIGNMENTS: budget_guard(ResourceKind.ASSIGNMENT),
    GuardId.BUDGET_EXPIRED: expired_budget,
    GuardId.BUDGET_RENAMES: rename_budget,
}
