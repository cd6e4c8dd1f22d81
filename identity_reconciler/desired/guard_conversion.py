"""The documents about guards to the values that guards take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from identity_reconciler.approvals import Approval
from identity_reconciler.desired.approval_documents import ApprovalEntry
from identity_reconciler.desired.findings import Finding
from identity_reconciler.desired.guard_documents import BudgetSection, GuardsSection, RenameSection
from identity_reconciler.desired.settings import SettingsDocument
from identity_reconciler.desired.tree import Fields, locate
from identity_reconciler.errors import Position
from identity_reconciler.guard_settings import (
    Budget,
    Budgets,
    ExpectLive,
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
)

_BUDGETS = Budgets()


def declared_guards(section: GuardsSection) -> GuardSettings:
    """Return what *section* says, with the defaults for what it leaves out."""
    protected, privileged = section.protected, section.privileged
    return GuardSettings(
        budgets=_budgets(section),
        expect_live=ExpectLive(section.expect_live.users, section.expect_live.groups),
        wipe_from=section.wipe_from,
        protected=ProtectedNames(
            tuple(protected.users), tuple(protected.groups), tuple(protected.applications)
        ),
        min_members=tuple(MinMembers(one.group, one.least) for one in section.min_members),
        pinned_members=tuple(
            PinnedMembers(one.group, tuple(one.users)) for one in section.pinned_members
        ),
        administrators=tuple(section.administrators),
        privileged=PrivilegedNames(tuple(privileged.groups), tuple(privileged.applications)),
        rename=_rename(section.rename),
    )


def _budgets(section: GuardsSection) -> Budgets:
    told = section.budgets
    return Budgets(
        users=_budget(told.users, _BUDGETS.users),
        groups=_budget(told.groups, _BUDGETS.groups),
        memberships=_budget(told.memberships, _BUDGETS.memberships),
        assignments=_budget(told.assignments, _BUDGETS.assignments),
        expired=_budget(told.expired, _BUDGETS.expired),
    )


def _budget(told: BudgetSection, default: Budget) -> Budget:
    changed = default
    if told.floor is not None:
        changed = replace(changed, floor=told.floor)
    if told.percent is not None:
        changed = replace(changed, percent=told.percent)
    if told.ceiling is not None:
        changed = replace(changed, ceiling=told.ceiling)
    return changed


def _rename(told: RenameSection) -> RenameSigns:
    default = RenameSigns()
    return RenameSigns(
        default.likeness if told.likeness is None else told.likeness,
        default.shared if told.shared is None else told.shared,
    )


def guard_findings(document: SettingsDocument, root: Fields) -> Iterator[Finding]:
    """Yield the budgets whose floor could never be reached, for it is above the ceiling."""
    budgets = _budgets(document.guards)
    for kind in Budgets.__dataclass_fields__:
        budget: Budget = getattr(budgets, kind)
        if budget.floor > budget.ceiling:
            said = f"the floor of {kind} ({budget.floor}) is above their ceiling"
            where = locate(root, ("guards", "budgets", kind), key=True)
            yield where, f"{said} ({budget.ceiling}); lower the one or raise the other"


def declared_approval(entry: ApprovalEntry, place: Position) -> Approval:
    """Return the approval that *entry* is."""
    return Approval(
        guard=entry.guard,
        on=entry.approved_on,
        expires=entry.expires,
        reason=entry.reason,
        addresses=tuple(entry.addresses or ()),
        kind=entry.kind,
        count=entry.count,
        approved_by=entry.approved_by or None,
        position=place,
    )
