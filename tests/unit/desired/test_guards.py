"""What `guards:` and `approvals.yaml` say arrives in the values that guards take."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from identity_reconciler.core.approvals import Approval, approval_lines
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    ExpectLive,
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
)
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import Position

INSTANCE = (Path(__file__).parents[2] / "invalid" / "instance.yaml").read_text("utf-8")
GUARDS = """\
guards:
  budgets:
    users: {floor: 2, percent: 2.5, ceiling: 20}
    groups: {percent: 0}
    memberships: {ceiling: 100}
    expired: {floor: 0, percent: 100, ceiling: 1000000}
    renames: {floor: 1}
  expect_live: {users: 100, groups: 10}
  wipe_from: 5
  protected:
    users: [break-glass-*]
    groups: [administrators]
    applications: [Payroll, "arn:aws:sso::*:application/*"]
  min_members:
    - {group: break-glass, least: 2}
  pinned_members:
    - {group: auditors, users: [Ann, bob]}
    - {group: nobody, users: []}
  administrators: ["*.root"]
  privileged: {groups: ["*-admins"], applications: [Payroll]}
  rename: {likeness: 90, shared: 0}
"""
APPROVALS = """\
# Renewed every week.
approvals:
  - guard: budget.users
    approved_on: 2026-03-01
    expires: "2026-03-08"
    reason: "TICKET-9: the team has left"
    addresses: [user/ann, user/bob]
    approved_by: Ann Lee
  - {guard: wipe, kind: membership, count: 12, reason: TICKET-10,
     approved_on: 2026-03-02, expires: 2026-03-02}
"""


def loaded(directory: Path, *, settings: str = "", approvals: str = "") -> Declared:
    """Return what a directory with these texts declares."""
    (directory / "instance.yaml").write_text(INSTANCE + settings, "utf-8")
    (directory / "data.yaml").write_text("users: []\n", "utf-8")
    if approvals:
        (directory / "approvals.yaml").write_text(approvals, "utf-8")
    return load(directory)


class TestGuards:
    """Every key arrives in its field; what is left out has its default."""

    def test_every_key(self, tmp_path: Path) -> None:
        default = Budgets()
        assert loaded(tmp_path, settings=GUARDS).settings.guards == GuardSettings(
            budgets=Budgets(
                users=DeleteBudget(2, 2.5, 20),
                groups=replace(default.groups, percent=0),
                memberships=replace(default.memberships, ceiling=100),
                expired=DeleteBudget(0, 100, 1_000_000),
                renames=replace(default.renames, floor=1),
            ),
            expect_live=ExpectLive(100, 10),
            wipe_from=5,
            protected=ProtectedNames(
                ("break-glass-*",), ("administrators",), ("Payroll", "arn:aws:sso::*:application/*")
            ),
            min_members=(MinMembers("break-glass", 2),),
            pinned_members=(PinnedMembers("auditors", ("Ann", "bob")), PinnedMembers("nobody", ())),
            administrators=("*.root",),
            privileged=PrivilegedNames(("*-admins",), ("Payroll",)),
            rename=RenameSigns(90, 0),
        )

    @pytest.mark.parametrize("settings", ["", "guards: {}\n", "guards: {budgets: {users: {}}}\n"])
    def test_nothing_said_is_the_default(self, tmp_path: Path, settings: str) -> None:
        assert loaded(tmp_path, settings=settings).settings.guards == GuardSettings()


class TestApprovals:
    """Every entry arrives, with its place."""

    def test_every_key(self, tmp_path: Path) -> None:
        declared = loaded(tmp_path, approvals=APPROVALS)
        first = Approval(
            guard="budget.users",
            on=date(2026, 3, 1),
            expires=date(2026, 3, 8),
            reason="TICKET-9: the team has left",
            addresses=("user/ann", "user/bob"),
            approved_by="Ann Lee",
        )
        day = date(2026, 3, 2)
        second = Approval("wipe", day, day, "TICKET-10", kind="membership", count=12)
        assert declared.approvals == (first, second)
        assert [one.position for one in declared.approvals] == [
            Position("approvals.yaml", 3, 5),
            Position("approvals.yaml", 9, 5),
        ]

    def test_there_may_be_none(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, approvals="approvals: []\n").approvals == ()

    def test_what_a_plan_prints_can_be_pasted(self, tmp_path: Path) -> None:
        day = date(2026, 3, 2)
        approval = Approval("protected", day, day, "x: y # z", ('group/a"b',), approved_by="é")
        text = "\n".join(("approvals:", *approval_lines((approval,)), ""))
        assert loaded(tmp_path, approvals=text).approvals == (approval,)

    def test_they_are_part_of_the_digest(self, tmp_path: Path) -> None:
        without = loaded(tmp_path).digest
        declared = loaded(tmp_path, approvals=APPROVALS)
        assert declared.digest != without
        assert "approvals.yaml" in declared.files
