"""E-mail addresses that somebody else has, through every way of planning and applying."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit

STORE = "d-1234567890"
NEWCOMER = """
  - user_name: {name}
    name: {{given_name: New, family_name: Comer}}
    email: {address}
"""
HELD = 'would get the e-mail address of user "terry.whitlock", who is live and not declared'


def plan(here: Path, *options: str) -> Run:
    return command("plan", "--sandbox", *options, cwd=here)


def apply(here: Path, *options: str) -> Run:
    return command("apply", "--sandbox", "--auto-approve", *options, cwd=here)


def unfolded(run: Run) -> str:
    """Return what was printed as one line, whatever the width is."""
    return " ".join(run.out.split())


def add(here: Path, name: str, address: str) -> None:
    with (here / "desired-state/users/data.yaml").open("a") as file:
        file.write(NEWCOMER.format(name=name, address=address))


def address(name: str) -> str:
    return f"{name}@example.com"


def make_live(here: Path, name: str, email: str) -> None:
    """Create a user as somebody else would."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        sandbox.session().client("identitystore").create_user(
            IdentityStoreId=STORE,
            UserName=name,
            DisplayName=name,
            Name={"GivenName": "G", "FamilyName": "F"},
            Emails=[{"Value": email, "Primary": True}],
        )


def replace_entry(here: Path, name: str, new: str) -> None:
    """Give the last entry of the file of *name*, who has one of his own there, another text."""
    for path in sorted((here / "desired-state/users").glob("*.yaml")):
        text = path.read_text()
        start = text.find(f"  - user_name: {name}\n")
        if start >= 0:
            end = text.find("  - user_name:", start + 1)
            path.write_text(text[:start] + new + (text[end:] if end >= 0 else ""))
            return
    raise AssertionError(name)


@pytest.fixture
def renamed(applied: Path) -> Path:
    """Return a directory in which somebody has got a new name without the old one beside it.

    The old name has expired in one list, and something else is to be done.
    """
    replace_entry(applied, "terry.whitlock", "")
    add(applied, "t.whitlock", "Terry.Whitlock@audit.example.com")
    edit(applied, "groups/company.yaml", "- user: terry.whitlock", "- user: t.whitlock")
    edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
    return applied


class TestOneWhoIsKept:
    """Nothing is taken from who has the address; everything else goes on."""

    def test_plan_names_the_holder_and_the_line(self, renamed: Path) -> None:
        run = plan(renamed)
        assert run.code == 0
        assert HELD in unfolded(run)
        assert "add the old name to `previous_user_names`" in unfolded(run)
        found = plan(renamed, "--format", "json")
        assert found.changes() == {("update", "user/johndoe")}
        (first, *_) = [one for one in found.json()["unresolved"] if HELD in one["message"]]
        assert first["source"]["file"] == "users/data.yaml"
        held = [one for one in found.json()["withheld"] if "unresolved" in one["reason"]]
        assert [one["address"] for one in held] == ["membership/auditors/terry.whitlock"]

    def test_apply_does_the_rest(self, renamed: Path) -> None:
        run = apply(renamed)
        assert run.code == 7
        assert "Apply: 1 applied" in run.out
        edit(
            renamed,
            "users/data.yaml",
            "  - user_name: t.whitlock\n",
            f"  - user_name: t.whitlock\n{OLD}",
        )
        edit(
            renamed,
            "instance.yaml",
            "  users: declared #",
            "  rename_users: true\n  users: declared #",
        )
        again = plan(renamed, "--format", "json")
        assert again.changes() == {("rename", "user/t.whitlock")}
        assert apply(renamed).code == 0

    def test_saved_and_approved(self, renamed: Path) -> None:
        assert plan(renamed, "--out", "plan.json").code == 0
        assert HELD in unfolded(command("show", "plan.json", cwd=renamed))
        assert apply(renamed, "--approved", "plan.json").code == 7
        assert apply(renamed, "plan.json").code == 7

    def test_what_has_expired_goes(self, renamed: Path) -> None:
        edit(
            renamed,
            "groups/company.yaml",
            "- user: t.whitlock",
            "- user: terry.whitlock",
        )
        with (renamed / "desired-state/users/data.yaml").open("a") as file:
            file.write("\n  - user_name: terry.whitlock\n    state: external\n")
        edit(renamed, "groups/company.yaml", "expires: 2030-03-31", "expires: 2020-03-31")
        run = apply(renamed, "--only-expired")
        assert "membership/auditors/terry.whitlock" in run.out
        assert run.code == 7
        assert "declare another one here" in unfolded(run)

    @pytest.mark.parametrize("option", ["--base", "--changed-since"])
    def test_since_a_revision(self, applied: Path, option: str) -> None:
        git(applied, "init", "-q")
        git(applied, "add", "desired-state")
        git(applied, "commit", "-qm", "x")
        make_live(applied, "somebody", "taken@example.com")
        add(applied, "newcomer", "Taken@example.com")
        found = plan(applied, option, "HEAD", "--format", "json")
        assert found.changes() == set()
        (only,) = found.json()["unresolved"]
        assert (
            'the e-mail address of user "somebody", who is live and not declared' in only["message"]
        )


OLD = "    previous_user_names: [terry.whitlock]\n"


def git(here: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


class TestOneThatIsGivenUp:
    """Whoever gives it up goes first, and one apply is enough."""

    def test_by_who_leaves(self, applied: Path) -> None:
        edit(applied, "groups/company.yaml", "      - paulo.santos\n", "      - newcomer\n")
        replace_entry(applied, "paulo.santos", "  - user_name: paulo.santos\n    state: absent\n")
        add(applied, "newcomer", address("paulo.santos"))
        run = plan(applied)
        assert "rename.suspected" in run.out
        (applied / "desired-state/approvals.yaml").write_text(
            APPROVAL.format(
                today=datetime.now(UTC).date(), later=datetime.now(UTC).date() + timedelta(days=1)
            )
        )
        run = apply(applied)
        assert run.code == 0, run.out + run.err
        assert "Verified: nothing is left to do." in run.out
        order = [run.out.rindex(one) for one in ("user/paulo.santos", "user/newcomer")]
        assert order == sorted(order)

    def test_along_a_chain_and_by_a_saved_plan(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", address("john.doe"), address("first"))
        edit(applied, "users/data.yaml", address("jane.doe"), address("john.doe"))
        edit(applied, "users/data.yaml", address("akua.mansa"), address("jane.doe"))
        assert plan(applied, "--out", "plan.json").code == 0
        run = apply(applied, "plan.json")
        assert run.code == 0, run.out + run.err
        assert "Apply: 3 applied" in run.out

    def test_a_swap_takes_two_steps(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", address("john.doe"), address("first"))
        edit(applied, "users/data.yaml", address("jane.doe"), address("john.doe"))
        edit(applied, "users/data.yaml", address("first"), address("jane.doe"))
        edit(applied, "users/data.yaml", "title: Data Scientist", "title: Lead")
        run = apply(applied)
        assert run.code == 7
        assert 'is one of a circle of users ("janedoe", "johndoe")' in unfolded(run)
        assert "Apply: 1 applied" in run.out
        edit(applied, "users/data.yaml", address("jane.doe"), address("first"))
        assert apply(applied).code == 0
        edit(applied, "users/data.yaml", address("first"), address("jane.doe"))
        assert apply(applied).code == 0


APPROVAL = """\
approvals:
  - guard: rename.suspected
    approved_on: {today}
    expires: {later}
    reason: They are two people
    addresses: [user/newcomer, user/paulo.santos]
"""


class TestMeanwhile:
    """Somebody else may take an address between the plan and the apply."""

    @pytest.fixture
    def reviewed(self, applied: Path) -> Path:
        add(applied, "newcomer", address("newcomer"))
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
        assert plan(applied, "--out", "plan.json").code == 0
        make_live(applied, "somebody", address("newcomer").upper())
        return applied

    def test_a_saved_plan_is_refused_before_anything_is_written(self, reviewed: Path) -> None:
        run = apply(reviewed, "plan.json")
        assert run.code == 5
        stale = "user/newcomer: its e-mail address is that of user/somebody; plan and review again"
        assert stale in run.err
        assert ("update", "user/johndoe") in plan(reviewed, "--format", "json").changes()

    def test_what_was_approved_is_done_but_for_that(self, reviewed: Path) -> None:
        run = apply(reviewed, "--approved", "plan.json")
        assert run.code == 7
        assert "Apply: 1 applied" in run.out
        assert 'would get the e-mail address of user "somebody"' in unfolded(run)
