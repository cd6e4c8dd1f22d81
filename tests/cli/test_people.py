"""People join, move and leave as the guide says; what is gone is forgotten."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from identity_reconciler.core.declared import Declared, Presence
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.sandbox import Sandbox
from tests.cli.test_readme import PROD, typed
from tests.command import command, edit
from tests.documents import guide
from tests.sandbox.account_world import Accounts

EXPORTS = Path(__file__).parent / "exports"
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", guide("people").text, re.MULTILINE))
STORIES = {
    title: re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for title, text in SECTIONS.items()
}
"""The blocks of commands of each section of the guide, in their order."""
LEAVERS, MEMBERS = 200, 10
"""How many leave when an office closes, and how many of them are in a group."""


def told(applied: Path, story: str) -> tuple[str, Declared]:
    """Run a story of the guide; return what it prints, and what is declared then."""
    shutil.copytree(EXPORTS, applied / "exports")
    out = typed("".join(STORIES[story]), applied, IDENTITY_RECONCILER_SANDBOX="1")
    return out, load(applied / "desired-state")


def members(declared: Declared, name: str) -> dict[str, str | None]:
    """Return who is in a group, each with the last day."""
    (group,) = [one for one in declared.groups if one.name == name]
    return {
        one.name: one.expires.isoformat()[:10] if one.expires else None
        for one in group.members or ()
    }


def present(declared: Declared) -> set[str]:
    """Return the user names of who stays."""
    return {one.name for one in declared.users if one.presence is Presence.PRESENT}


def approve(applied: Path, plan: str) -> None:
    """Paste the approvals that *plan* shows, with a reason."""
    shown = re.findall(r"^(    - guard: (.*)\n(?:      .*\n)+)", plan, re.MULTILINE)
    assert [guard for _, guard in shown] == ["budget.users", "budget.memberships"]
    entries = "".join(entry for entry, _ in shown).replace('reason: ""', "reason: HR-7")
    (applied / "desired-state/approvals.yaml").write_text(f"approvals:\n{entries}")


def a_bad_night(applied: Path) -> None:
    """Give access in the console: by a group, by an application, and past both in an account."""
    instance = load(applied / "desired-state").settings.instance
    with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        sandbox.add_account(PROD, "prod")
        accounts = Accounts(sandbox, instance)
        accounts.give("user", "terry.whitlock", "AdministratorAccess", PROD)
        accounts.join("engineering", "johndoe")
        found = accounts.admin.list_applications(InstanceArn=instance.instance_arn)
        (ledger,) = [one for one in found["Applications"] if one.get("Name") == "Ledger"]
        accounts.admin.create_application_assignment(
            ApplicationArn=ledger.get("ApplicationArn", ""),
            PrincipalId=accounts.identifier("user", "sofia.martinez"),
            PrincipalType="USER",
        )


class TestStories:
    """Every command of the guide runs, and what is told there comes true."""

    def test_a_joiner(self, applied: Path) -> None:
        out, declared = told(applied, "A joiner")
        assert "+ user/ana.silva" in out
        assert "ana.silva" in members(declared, "engineering")
        assert members(declared, "auditors")["akua.mansa"] == "2030-07-01"

    def test_a_mover(self, applied: Path) -> None:
        _, declared = told(applied, "A mover")
        assert "li.juan" in members(declared, "AWS_Data_Science")
        assert "li.juan" not in members(declared, "engineering")
        (user,) = [one.user for one in declared.users if one.name == "li.juan"]
        assert (user.title, user.nick_name, user.manager) == ("Data Engineer", None, "janedoe")

    def test_a_leaver(self, applied: Path) -> None:
        out, declared = told(applied, "A leaver")
        assert "Verified: nothing is left to do." in out
        assert "mateo.jackson" not in {one.name for one in declared.users}
        managers = {one.name: one.user.manager for one in declared.users}
        assert (managers["li.juan"], managers["nikki.wolf"]) == ("nikki.wolf", None)

    def test_a_team(self, applied: Path) -> None:
        out, declared = told(applied, "A team with another name")
        assert "> group/engineering -> platform" in out
        assert "0 lost" not in out
        assert members(declared, "platform").keys() >= {"li.juan", "nikki.wolf"}

    def test_lists(self, applied: Path) -> None:
        before = present(load(applied / "desired-state"))
        _, declared = told(applied, "Lists")
        assert len(present(declared) - before) == 2 + 2 + 2 + 3

    def test_a_list_every_week(self, applied: Path) -> None:
        _, declared = told(applied, "A list every week")
        assert present(declared) == {"wang.xiulan", "jorge.souza", "mateo.jackson"}

    def test_an_office(self, applied: Path) -> None:
        people = "".join(
            f"office.{n},O,N{n},office.{n}@example.com,{'finance' if n < MEMBERS else ''}\n"
            for n in range(LEAVERS)
        )
        file = applied / "office.csv"
        file.write_text(f"user_name,given_name,family_name,email,groups\n{people}")
        before = load(applied / "desired-state")
        assert command("edit", "add-users", "office.csv", cwd=applied).code == 0
        assert command("sandbox", "seed", "desired-state", cwd=applied).code == 0
        (applied / "exports").mkdir()
        shutil.move(file, applied / "exports/office.csv")
        leave, rest = STORIES["An office that closes"]
        out = typed(leave, applied, IDENTITY_RECONCILER_SANDBOX="1")
        approve(applied, out)
        out = typed(rest, applied, IDENTITY_RECONCILER_SANDBOX="1")
        assert "Verified: nothing is left to do." in out
        assert f"None of {LEAVERS} leavers has an account" in out
        after = load(applied / "desired-state")
        assert present(after) == present(before) == {one.name for one in after.users}
        assert members(after, "finance") == members(before, "finance")

    def test_an_emergency(self, applied: Path) -> None:
        edit(applied, "groups/company.yaml", "expires: 2030-03-31 #", "expires: 2025-03-31 #")
        a_bad_night(applied)
        out, declared = told(applied, "A forgotten emergency access")
        by_itself, planned = out.split("\nVerified: nothing is left to do.\n", maxsplit=1)
        assert re.findall("^- applied +(.*)", by_itself, re.MULTILINE) == [
            "membership/auditors/terry.whitlock"
        ]
        assert members(declared, "auditors").keys() == {"martha.rivera"}
        assert "johndoe: leaves engineering" in planned
        assert re.findall("^- applied +(.*)", planned, re.MULTILINE) == [
            "assignment/Ledger/user/sofia.martinez"
        ]
        assert members(declared, "engineering")["johndoe"] == "2030-06-30"
        direct = [line.split(",")[1:3] for line in planned.splitlines() if ",directly," in line]
        assert direct == [
            ["janedoe", "Grafana"],
            ["terry.whitlock", f"AdministratorAccess in prod ({PROD})"],
        ]

    def test_there_is_no_other(self) -> None:
        assert len([text for text in STORIES.values() if text]) == 8


class TestForget:
    """What is gone goes from the YAML too, and what is not, stays."""

    def test_after_the_deletion(self, applied: Path) -> None:
        path = applied / "desired-state/users/finance.yaml"
        entry = "  - user_name: paulo.santos\n    state: absent\n"
        assert command("edit", "leave", "paulo.santos", cwd=applied).code == 0
        assert command("edit", "add-group", "old", cwd=applied).code == 0
        assert command("edit", "remove-group", "old", cwd=applied).code == 0
        early = command("edit", "forget", "--sandbox", "--dry-run", cwd=applied)
        assert "finance.yaml:11:5: user/paulo.santos is still live; apply first" in early.err
        assert "-  - name: old\n-    state: absent" in early.out
        assert entry in path.read_text()
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        late = command("edit", "forget", "--sandbox", cwd=applied)
        assert (late.code, late.err.splitlines()[-1]) == (0, "2 files written")
        assert "paulo" not in path.read_text()
        again = command("edit", "forget", "--sandbox", cwd=applied)
        assert (again.out, again.err) == ("", "nothing to change\n")
