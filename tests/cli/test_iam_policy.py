"""`iam-policy audit`: the least that the two roles of an audit must be allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.audit.policy import READ_ACTIONS
from tests.command import command


class TestAudit:
    """One policy for the role that audits, one for the role that it assumes."""

    def test_of_the_role_in_each_account(self, tmp_path: Path) -> None:
        (statement,) = command("iam-policy", "audit", "--member", cwd=tmp_path).json()["Statement"]
        assert statement["Action"] == list(READ_ACTIONS)
        assert statement["Effect"] == "Allow"

    def test_of_the_role_that_audits(self, tmp_path: Path) -> None:
        run = command("iam-policy", "audit", "--role", "Reader", cwd=tmp_path)
        statements = {one["Sid"]: one for one in run.json()["Statement"]}
        assert statements["EnterAccounts"]["Resource"] == "arn:aws:iam::*:role/Reader"
        assert statements["Accounts"]["Action"] == "organizations:ListAccounts"
        assert statements["ReadInstance"]["Action"] == list(READ_ACTIONS)

    @pytest.mark.parametrize("options", [(), ("--member", "--role", "Reader")])
    def test_one_of_the_two(self, tmp_path: Path, options: tuple[str, ...]) -> None:
        run = command("iam-policy", "audit", *options, cwd=tmp_path)
        assert run.code == 3
        assert "either --role NAME" in run.err
        assert run.out == ""

    def test_only_reads_are_allowed(self) -> None:
        names = [action.partition(":")[2] for action in READ_ACTIONS]
        assert all(name.startswith(("Describe", "Get", "List")) for name in names)
