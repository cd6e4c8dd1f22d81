"""Saved plans as a user meets them: saved, shown, applied, resumed, refused."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from identity_reconciler.render.planfile import digest_of, plan_bytes
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit
from tests.golden.samples import PLANS

if TYPE_CHECKING:
    import boto3

STORE = "d-1234567890"


def save(here: Path, *options: str) -> Run:
    run = command("plan", "--sandbox", "--out", "plan.json", *options, cwd=here)
    assert run.code == 0, run.err
    return run


def apply(here: Path, *options: str) -> Run:
    return command("apply", "plan.json", "--sandbox", "--auto-approve", *options, cwd=here)


def no_changes(here: Path) -> bool:
    return "No changes." in command("plan", "--sandbox", cwd=here).out


def console(here: Path) -> boto3.Session:
    """Return a session to the sandbox: what somebody does in the console."""
    return Sandbox(here / ".identity-reconciler/sandbox.sqlite3").session()


class TestSaving:
    """A saved plan is private, whole, and shows what was planned."""

    def test_is_private(self, here: Path) -> None:
        save(here)
        assert stat.S_IMODE((here / "plan.json").stat().st_mode) == 0o600

    def test_replaces_a_file_that_others_could_read(self, here: Path) -> None:
        (here / "plan.json").write_text("")
        save(here)
        assert stat.S_IMODE((here / "plan.json").stat().st_mode) == 0o600

    def test_shows_as_it_was_planned(self, here: Path) -> None:
        planned = save(here).out.partition("Saved plan.json")[0]
        assert planned.strip() in command("show", "plan.json", cwd=here).out

    def test_json_is_the_saved_file(self, here: Path) -> None:
        save(here)
        shown = command("show", "plan.json", "--format", "json", cwd=here).out
        assert shown == (here / "plan.json").read_text()

    def test_cannot_be_saved_where_there_is_no_directory(self, here: Path) -> None:
        run = command("plan", "--sandbox", "--out", "no/plan.json", cwd=here)
        assert run.code == 3
        assert "cannot write no/plan.json" in run.err


class TestApplying:
    """What was reviewed is what happens, once."""

    def test_applies_and_a_replay_does_nothing(self, here: Path) -> None:
        save(here)
        run = apply(here)
        assert run.code == 0
        assert "Apply: 38 applied" in run.out
        assert no_changes(here)
        again = apply(here)
        assert again.code == 0
        assert "Already in place: 38 of 38 changes" in again.out

    def test_assigns_many_who_are_not_in_the_list_of_assignments(self, applied: Path) -> None:
        """For so many the assignments are listed, which tells nothing of who has none."""
        begin = "  - name: Ledger\n    assignments:\n"
        users = "      users: [li.juan, mateo.jackson, nikki.wolf, saanvi.sarkar]\n"
        edit(applied, "applications.yaml", begin, begin + users)
        save(applied)
        run = apply(applied)
        assert run.code == 0, run.err
        assert no_changes(applied)

    def test_needs_no_yaml(self, here: Path) -> None:
        save(here)
        (here / "desired-state").rename(here / "elsewhere")
        assert apply(here).code == 0

    def test_resumes_what_was_begun(self, here: Path) -> None:
        """Somebody did part of it by hand; the rest is done, nothing is doubled."""
        save(here)
        with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            client = sandbox.session().client("identitystore")
            client.create_group(
                IdentityStoreId=STORE, DisplayName="finance", Description="Finance department"
            )
        run = apply(here)
        assert run.code == 0
        assert "Already in place: 1 of 38 changes" in run.out
        assert no_changes(here)

    @pytest.mark.parametrize("option", ["--expect-digest", "--expect-commit"])
    def test_refuses_another_plan_than_expected(self, here: Path, option: str) -> None:
        save(here)
        run = apply(here, option, "sha256:0")
        assert run.code == 5
        assert "expected was sha256:0" in run.err

    def test_accepts_the_digest_that_plan_printed(self, here: Path) -> None:
        digest = save(here).out.split("digest ")[1].split()[0]
        assert apply(here, "--expect-digest", digest).code == 0

    def test_knows_its_commit(self, here: Path) -> None:
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
        for arguments in (["init", "-q"], ["add", "desired-state"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *arguments], cwd=here, check=True)
        save(here)
        commit = json.loads((here / "plan.json").read_text())["source"]["commit"]
        assert len(commit) == 40
        assert apply(here, "--expect-commit", commit).code == 0
        edit(here, "users/data.yaml", "Data Engineer", "Engineer")
        save(here)
        assert json.loads((here / "plan.json").read_text())["source"]["commit"].endswith("-dirty")


class TestRefusing:
    """A plan that is damaged, old, or overtaken by events changes nothing, and says why."""

    def refused(self, here: Path, told: str) -> None:
        run = apply(here)
        assert run.code == 5
        assert told in run.err
        assert not (here / ".identity-reconciler/journal").exists()

    def test_after_one_byte_was_edited(self, here: Path) -> None:
        save(here)
        path = here / "plan.json"
        path.write_text(path.read_text().replace("johndoe", "johndoX", 1))
        self.refused(here, "changed after it was written")

    def test_after_it_expired(self, here: Path) -> None:
        save(here, "--valid-for", "0.5")
        content = json.loads((here / "plan.json").read_text())
        as_of, until = (datetime.fromisoformat(content[key]) for key in ("as_of", "valid_until"))
        assert until - as_of == timedelta(minutes=30)
        save(here, "--valid-for", "0")
        self.refused(here, "was valid until")

    def test_for_another_instance(self, here: Path) -> None:
        save(here)
        for path in (here / ".identity-reconciler").iterdir():
            path.unlink()
        edit(here, "instance.yaml", "ssoins-1234567890abcdef", "ssoins-fedcba0987654321")
        assert command("plan", "--sandbox", cwd=here).code == 0
        run = apply(here)
        assert run.code != 0
        assert "ssoins-" in run.err

    def test_after_an_edit_in_the_console(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
        save(applied)
        client = console(applied).client("identitystore")
        identifier = client.get_user_id(
            IdentityStoreId=STORE,
            AlternateIdentifier={
                # The stubs say that a document is a mapping; a string is one, too.
                "UniqueAttribute": {"AttributePath": "userName", "AttributeValue": "johndoe"}  # type: ignore[typeddict-item]
            },
        )["UserId"]
        client.update_user(
            IdentityStoreId=STORE,
            UserId=identifier,
            Operations=[{"AttributePath": "nickName", "AttributeValue": "Jo"}],  # type: ignore[typeddict-item]
        )
        before = len(list((applied / ".identity-reconciler/journal").iterdir()))
        run = apply(applied)
        assert run.code == 5
        assert "user/johndoe" in run.err
        assert len(list((applied / ".identity-reconciler/journal").iterdir())) == before

    def test_when_a_group_to_be_deleted_got_a_new_member(self, applied: Path) -> None:
        edit(
            applied,
            "groups/company.yaml",
            "    description: Finance department\n"
            "    members:\n      - martha.rivera\n      - paulo.santos\n",
            "    state: absent\n",
        )
        edit(applied, "applications.yaml", "        - finance\n", "")
        save(applied)
        client = console(applied).client("identitystore")
        groups = {
            one["DisplayName"]: one["GroupId"]
            for one in client.list_groups(IdentityStoreId=STORE)["Groups"]
        }
        users = {
            one["UserName"]: one["UserId"]
            for one in client.list_users(IdentityStoreId=STORE)["Users"]
        }
        client.create_group_membership(
            IdentityStoreId=STORE,
            GroupId=groups["finance"],
            MemberId={"UserId": users["johndoe"]},
        )
        run = apply(applied)
        assert run.code == 5
        assert "membership/finance/johndoe: it is new" in run.err


def rewrite(here: Path, change: Callable[[Any], None]) -> None:
    """Change the saved plan, and give it a digest that fits."""
    path = here / "plan.json"
    content = json.loads(path.read_text())
    del content["digest"]
    change(content)
    content["digest"] = digest_of(content)
    path.write_text(json.dumps(content, indent=2) + "\n")


def into_finance(plan: Any) -> None:  # noqa: ANN401 - as json.loads returns it
    (change,) = (c for c in plan["changes"] if c["address"] == "membership/engineering/li.juan")
    change["after"]["group"] = "finance"


class TestRewriting:
    """A file that shows one thing and holds another is refused by whatever reads it."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("show", "plan.json"),
            ("show", "plan.json", "--format", "json"),
            ("audit", "access", "--plan", "plan.json", "--sandbox"),
            ("apply", "plan.json", "--sandbox", "--auto-approve"),
            ("apply", "--approved", "plan.json", "--sandbox", "--auto-approve"),
            ("github", "comment", "plan.json", "--pull-request", "1", "--commit", "c"),
            ("github", "drift", "plan.json"),
        ],
    )
    def test_another_group_than_is_shown(self, here: Path, arguments: tuple[str, ...]) -> None:
        save(here)
        rewrite(here, into_finance)
        job = {"API_URL": "https://127.0.0.1:1", "REPOSITORY": "a/b", "SERVER_URL": "https://x"}
        variables = {**job, "RUN_ID": "1", "TOKEN": "none"}
        run = command(*arguments, cwd=here, **{f"GITHUB_{k}": v for k, v in variables.items()})
        assert (run.code, run.out) == (5, "")
        assert "the saved plan contradicts itself: the address of membership/engineeri" in run.err

    @pytest.mark.parametrize("source", [("plan.json",), ("--approved", "plan.json")])
    def test_another_application_than_is_shown(self, here: Path, source: tuple[str, ...]) -> None:
        """Its name is what people read; whether the ARN has that name is only seen live."""

        def called_harmless(plan: Any) -> None:  # noqa: ANN401 - as json.loads returns it
            for change in plan["changes"]:
                if change.get("after", {}).get("application_name") == "Ledger":
                    change["after"]["application_name"] = "Harmless"
                    change["address"] = change["address"].replace("Ledger", "Harmless")
            for access in plan["access"]:
                access["application"] = access["application"].replace("Ledger", "Harmless")
            plan["access"].sort(key=lambda one: (one["effect"] == "gains", one["application"]))

        save(here)
        rewrite(here, called_harmless)
        assert "Harmless" in command("show", "plan.json", cwd=here).out
        run = command("apply", *source, "--sandbox", "--auto-approve", cwd=here)
        assert run.code == 5
        assert "assignment/" in run.err
        assert not (here / ".identity-reconciler/journal").exists()


class TestApprovedDirectory:
    """`apply DIR --approved PLAN` plans afresh and does nothing that was not reviewed."""

    def test_does_what_was_approved(self, here: Path) -> None:
        save(here)
        options = ("--sandbox", "--auto-approve", "--approved", "plan.json")
        assert command("apply", "desired-state", *options, cwd=here).code == 0
        assert no_changes(here)

    def test_names_the_first_change_that_was_not(self, here: Path) -> None:
        save(here)
        edit(here, "groups/company.yaml", "      - li.juan\n", "      - li.juan\n      - johndoe\n")
        options = ("--sandbox", "--auto-approve", "--approved", "plan.json")
        run = command("apply", "desired-state", *options, cwd=here)
        assert run.code == 5
        assert "membership/engineering/johndoe" in run.err
        assert "not in the reviewed plan" in run.err
        assert "live    nothing" in command("plan", "--sandbox", cwd=here).out


class TestHead:
    """With --expect-head a plan is applied only where its own commit is checked out."""

    def commit(self, here: Path) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        for arguments in (("init", "--quiet"), ("add", "desired-state"), ("commit", "-qm", "x")):
            subprocess.run(["git", *who, *arguments], cwd=here, check=True)

    def test_its_own_commit(self, here: Path) -> None:
        self.commit(here)
        save(here)
        assert apply(here, "--expect-head").code == 0

    def test_a_newer_one(self, here: Path) -> None:
        self.commit(here)
        save(here)
        edit(here, "users/data.yaml", "title: Data Engineer", "title: Lead")
        self.commit(here)
        run = apply(here, "--expect-head")
        assert (run.code, run.out) == (5, "")
        assert "superseded: plan.json was made from commit" in run.err

    def test_what_was_not_committed(self, here: Path) -> None:
        self.commit(here)
        edit(here, "users/data.yaml", "title: Data Engineer", "title: Lead")
        save(here)
        run = apply(here, "--expect-head")
        assert run.code == 5
        assert "was made from YAML that was not committed; commit it" in run.err

    def test_outside_of_git(self, here: Path) -> None:
        save(here)
        assert apply(here, "--expect-head").code == 5

    def test_without_a_saved_plan(self, here: Path) -> None:
        run = command("apply", "--sandbox", "--auto-approve", "--expect-head", cwd=here)
        assert run.code == 3
        assert "are about a saved plan" in run.err


class TestSandboxAndAws:
    """A plan made against one is never applied to the other."""

    def test_a_sandbox_plan_says_so_and_does_not_reach_aws(self, here: Path) -> None:
        assert "in the embedded sandbox, not AWS" in save(here).out
        run = command("apply", "plan.json", "--auto-approve", cwd=here)
        assert run.code == 5
        assert "made against the embedded sandbox, and this would write to AWS" in run.err

    def test_a_plan_of_aws_does_not_reach_the_sandbox(self, here: Path) -> None:
        (here / "plan.json").write_bytes(plan_bytes(PLANS["mixed"]()))
        run = apply(here)
        assert run.code == 5
        assert "made against AWS, and this would write to the embedded sandbox" in run.err


class TestSeedingHistory:
    """`sandbox seed DIR --at REF` leaves a plan of just what has changed since."""

    def test_shows_the_change_alone(self, here: Path) -> None:
        TestHead().commit(here)
        edit(here, "users/data.yaml", "title: Data Engineer", "title: Lead")
        run = command("sandbox", "seed", "desired-state", "--at", "HEAD", cwd=here)
        assert run.code == 0, run.err
        plan = command("plan", "--sandbox", "--format", "json", cwd=here)
        assert plan.changes() == {("update", "user/johndoe")}

    def test_nothing_was_there_yet(self, here: Path) -> None:
        TestHead().commit(here)
        (here / "desired-state").rename(here / "elsewhere")
        run = command("sandbox", "seed", "elsewhere", "--at", "HEAD", cwd=here)
        assert run.code == 0, run.err
        assert "held no valid desired state at HEAD; nothing was seeded" in run.err
        assert "0 users, 0 groups" in run.out

    def test_an_unknown_revision(self, here: Path) -> None:
        TestHead().commit(here)
        run = command("sandbox", "seed", "desired-state", "--at", "nowhere", cwd=here)
        assert (run.code, run.out) == (3, "")
        assert "no such commit" in run.err
