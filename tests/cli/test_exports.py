"""What other tools export is declared by one command, and followed by the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import command

EXPORTS = Path(__file__).parent / "exports"
"""Made up people, in files that begin, part and encode as the real ones do."""
ENTERPRISE = "enterprise"
IMPORTED: dict[str, tuple[tuple[str, ...], set[str], dict[str, Any], tuple[str, ...]]] = {
    "aws": (
        (),
        {"wang.xiulan", "jorge.souza"},
        {
            "user_name": "jorge.souza",
            "name": {"given_name": "Jorge", "family_name": "Souza"},
            "email": "jorge.souza@example.com",
            "title": "Analyst",
        },
        (),
    ),
    "google": (
        (),
        {"ana.silva@example.com", "kwesi.manu@example.com"},
        {
            "user_name": "kwesi.manu@example.com",
            "name": {"given_name": "Kwesi", "family_name": "Manu"},
            "email": "kwesi.manu@example.com",
            "phone_number": "+233 30 5550102",
            "user_type": "Contractor",
            "title": "Analyst, Data",
            ENTERPRISE: {
                "employee_number": "4002",
                "cost_center": "CC-7",
                "department": "Data",
                "manager": "ana.silva@example.com",
            },
        },
        ("no longer active: pat.candella@example.com", "so it is the e-mail address"),
    ),
    "entra": (
        (),
        {"zhang.wei@example.com", "maria.garcia@example.com"},
        {
            "user_name": "maria.garcia@example.com",
            "name": {"given_name": "María", "family_name": "García"},
            "display_name": "García, María",
            "email": "maria.garcia@example.com",
            "user_type": "Member",
            ENTERPRISE: {"organization": "Example Corp", "department": "Finance"},
        },
        ("no longer active: old.account@example.com",),
    ),
    "okta": (
        ("--map", "manager="),
        {"mary.major@example.com", "shirley.rodriguez@example.com"},
        {
            "user_name": "shirley.rodriguez@example.com",
            "name": {"given_name": "Shirley", "family_name": "Rodriguez"},
            "display_name": "Shirley R.",
            "email": "shirley.rodriguez@example.com",
            "user_type": "Employee",
            "title": "Scientist",
            "preferred_language": "en-US",
            "locale": "en_US",
            "timezone": "America/New_York",
            ENTERPRISE: {
                "employee_number": "5002",
                "cost_center": "CC-9",
                "organization": "Example Corp",
                "division": "Research",
                "department": "Labs",
                "manager": "mary.major@example.com",
            },
        },
        ("no longer active: diego.ramirez@example.com",),
    ),
    "hr": (
        ("--one-name",),
        {"juergen.groess", "zoe.muller", "suharto"},
        {
            "user_name": "juergen.groess",
            "name": {"given_name": "Jürgen", "family_name": "Größ"},
            "email": "juergen.groess@example.com",
            ENTERPRISE: {
                "employee_number": "6001",
                "cost_center": "4711",
                "department": "Einkauf & Logistik",
                "manager": "janedoe",
            },
        },
        ('read as Windows-1252, in which line 3 makes sense (it has "Größ")',),
    ),
    "spreadsheet": (
        (),
        {"paulo.souza@example.com", "efua.owusu@example.com"},
        {
            "user_name": "paulo.souza@example.com",
            "name": {"given_name": "Paulo", "family_name": "Souza"},
            "email": "paulo.souza@example.com",
            "title": "Engineer (backend)",
        },
        ("not taken from", '"Start"'),
    ),
}


def declared(here: Path) -> dict[str, Any]:
    """Return what the file of new users says, by user name."""
    made = yaml.safe_load((here / "desired-state/users/new.yaml").read_text(encoding="utf-8"))
    return {one["user_name"]: one for one in made["users"]}


class TestExports:
    """One command each."""

    @pytest.mark.parametrize("name", IMPORTED)
    def test_is_declared(self, here: Path, name: str) -> None:
        options, users, one, told = IMPORTED[name]
        groups = here / "desired-state/groups/more.yaml"
        groups.write_text('groups:\n  - name: "Team; Süd"\n    members: []\n', encoding="utf-8")
        words = (str(EXPORTS / f"{name}.csv"), "--file", "users/new.yaml", *options)
        run = command("edit", "add-users", *words, cwd=here)
        assert run.code == 0, run.err
        assert declared(here).keys() == users
        assert declared(here)[one["user_name"]] == one
        assert all(part in run.err for part in told), run.err
        again = command("edit", "sync-users", *words, cwd=here)
        assert (again.code, again.out) == (0, "")
        members = groups.read_text(encoding="utf-8")
        assert ("zoe.muller" in members) is (name == "hr")

    def test_a_share_of_leavers_is_refused(self, here: Path) -> None:
        words = ("sync-users", str(EXPORTS / "aws.csv"), "--leavers", "absent")
        run = command("edit", *words, cwd=here)
        assert (run.code, run.out) == (4, "")
        assert "12 users are not in the list, and at most 1 may leave at once (5 % of" in run.err
