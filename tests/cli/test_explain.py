"""`explain`, as a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from tests.command import command

UNTIL = "until 2030-04-01T00:00:00Z"
THROUGH = f"through group/auditors (applications.yaml:23:11, {UNTIL}, FIN-204)"
ADDRESSES = {
    "user/TERRY.whitlock": [
        "user/terry.whitlock is declared at users/finance.yaml:17:5, to be there",
        f"  member of group/auditors (groups/company.yaml:21:9, {UNTIL}, Yearly audit, FIN-204)",
        f"  may open application/Ledger {THROUGH}",
    ],
    "group/engineering": [
        "  has member user/li.juan (groups/company.yaml:6:9)",
        "  assigned to application/Amazon Redshift (applications.yaml:7:16)",
    ],
    "application/Grafana": [
        "  user/janedoe may open it (applications.yaml:18:15)",
        "  group/engineering is assigned (applications.yaml:17:16)",
        "    user/li.juan may open it through group/engineering (groups/company.yaml:6:9)",
    ],
    "user/janedoe": ["  manager of user/johndoe (users/data.yaml:15:5)"],
}
WRONG = {
    "nothing": ((), "either an ADDRESS or --schema PATH"),
    "both": (("user/janedoe", "--schema", "users"), "either an ADDRESS or --schema PATH"),
    "unknown kind": (("people/jane",), "expected user/NAME"),
    "unknown user": (("user/janedo",), 'did you mean "janedoe"?'),
    "unknown application": (("application/Grafan",), 'did you mean "Grafana"?'),
    "unknown key": (("--schema", "users.emial"), 'did you mean "email"?'),
    "unknown section": (("--schema", "people"), "at the top are users, groups"),
}


class TestExplain:
    """Tells where, why and until when."""

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_objects(self, here: Path, address: str) -> None:
        run = command("explain", address, cwd=here)
        assert run.code == 0, run.err
        assert set(ADDRESSES[address]) <= set(run.out.splitlines())

    def test_keys(self, tmp_path: Path) -> None:
        run = command("explain", "--schema", "guards.budgets.users", cwd=tmp_path)
        lines = run.out.splitlines()
        assert lines[0].startswith("guards.budgets.users: Users. Default: floor 1")
        assert '  for example {"ceiling": 20}' in lines
        assert "  floor: So many are always allowed." in lines

    @pytest.mark.parametrize("name", WRONG)
    def test_wrong_use(self, here: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = command("explain", *arguments, cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert run.out == ""
