"""One apply at a time, and never backwards: commands, commits, saved plans, and what is hidden."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity_reconciler.core.lease import (
    LEASE_GROUP,
    PERIOD,
    Generation,
    Holder,
    Lease,
    lease_in,
    lease_text,
)
from identity_reconciler.render.planfile import plan_bytes, read_plan
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit

STORE = "d-1234567890"
TITLE = "title: Data Engineer"


def plan(here: Path, *options: str) -> Run:
    return command("plan", "--sandbox", *options, cwd=here)


def apply(here: Path, *arguments: str) -> Run:
    return command("apply", *arguments, "--sandbox", "--auto-approve", cwd=here)


@contextmanager
def record(here: Path) -> Iterator[list[Lease]]:
    """Yield what is kept in the directory, and keep what is put in its place."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        client = sandbox.session().client("identitystore")
        groups = client.list_groups(IdentityStoreId=STORE)["Groups"]
        (group,) = [one for one in groups if one["DisplayName"] == LEASE_GROUP]
        before = lease_in(group["Description"])
        leases = [before]
        yield leases
        if leases[0] != before:
            client.update_group(
                IdentityStoreId=STORE,
                GroupId=group["GroupId"],
                Operations=[
                    {"AttributePath": "description", "AttributeValue": lease_text(leases[0])}  # type: ignore[typeddict-item]
                ],
            )


def kept(here: Path) -> Generation:
    with record(here) as leases:
        return leases[0].generation


def somebody_applies(here: Path, *, since: timedelta = timedelta(0)) -> None:
    """Let somebody else have taken the lease *since* ago."""
    began = datetime.now(UTC).replace(microsecond=0) - since
    holder = Holder("0123456789abcdef", "GitHub run 7, attempt 1", began, began + PERIOD)
    with record(here) as leases:
        leases[0] = replace(leases[0], holder=holder)


class Repository:
    """The desired state of a directory, under Git."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.git("init", "--quiet", "--initial-branch=main")
        (here / ".git/info/exclude").write_text(".identity-reconciler\n*.json\n")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.here, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, title: str) -> str:
        path = self.here / "desired-state/users/data.yaml"
        lines = path.read_text().splitlines(keepends=True)
        at = next(n for n, line in enumerate(lines) if line.startswith("    title: "))
        lines[at] = f"    title: {title}\n"
        path.write_text("".join(lines))
        self.git("add", "desired-state")
        self.git("commit", "--quiet", "--allow-empty", "--message", title)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(applied: Path) -> Repository:
    return Repository(applied)


class TestHeld:
    """While somebody applies, nobody else does; what they see says who it is."""

    def test_an_apply_is_refused_and_says_who(self, applied: Path) -> None:
        assert plan(applied, "--out", "plan.json").code == 0
        somebody_applies(applied)
        for arguments in ((), ("plan.json",), ("--only-expired",), ("--approved", "plan.json")):
            run = apply(applied, *arguments)
            assert run.code == 6, run.err
            assert "the lock is held by GitHub run 7, attempt 1 since 20" in run.err
            assert "--take-over 0123456789abcdef" in run.err

    def test_a_plan_says_so_first(self, applied: Path) -> None:
        somebody_applies(applied)
        run = plan(applied)
        assert run.code == 0
        told = " ".join(run.out.split("\n\n")[0].split())
        assert "lock an apply was under way as this was read (GitHub run 7, attempt 1" in told
        assert "**Lock:**" in plan(applied, "--format", "markdown").out
        assert "held by GitHub run 7" in command("doctor", "--sandbox", cwd=applied).out

    def test_it_is_over_by_itself(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", TITLE, "title: Engineer")
        somebody_applies(applied, since=PERIOD + timedelta(minutes=2))
        assert "left by GitHub run 7" in command("doctor", "--sandbox", cwd=applied).out
        run = apply(applied)
        assert run.code == 0, run.err
        assert "took the lock over from GitHub run 7" in run.err
        assert kept(applied).number == 3

    def test_it_is_given_back_whatever_happens(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", TITLE, "title: Engineer")
        settings = applied / "desired-state/instance.yaml"
        text = settings.read_text()
        settings.write_text(f"{text}\nguards:\n  expect_live: {{users: 999}}\n")
        assert apply(applied).code == 4
        with record(applied) as leases:
            assert leases[0] == Lease(Generation(1))

    def test_what_is_off_is_not_asked(self, applied: Path) -> None:
        somebody_applies(applied)
        edit(applied, "users/data.yaml", TITLE, "title: Engineer")
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("\nlock: off\n")
        assert apply(applied).code == 0
        assert "lock: off" in command("doctor", "--sandbox", cwd=applied).out
        edit(applied, "users/data.yaml", "title: Engineer", TITLE)
        assert plan(applied, "--out", "plan.json").code == 0
        assert apply(applied, "plan.json").code == 0
        with record(applied) as leases:
            assert leases[0].holder is not None

    def test_something_else_in_its_place(self, applied: Path) -> None:
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            client = sandbox.session().client("identitystore")
            groups = client.list_groups(IdentityStoreId=STORE)["Groups"]
            (group,) = [one for one in groups if one["DisplayName"] == LEASE_GROUP]
            client.update_group(
                IdentityStoreId=STORE,
                GroupId=group["GroupId"],
                Operations=[{"AttributePath": "description"}],
            )
        for run in (plan(applied), apply(applied)):
            assert run.code == 1
            assert "does not hold the lock of this program" in run.err
        assert "PROBLEM lock: the group" in command("doctor", "--sandbox", cwd=applied).out


class TestCommits:
    """What was applied last is never followed by what does not descend from it, unless named."""

    def test_an_old_commit_after_a_new_one(self, repository: Repository) -> None:
        here = repository.here
        old = repository.commit("Old")
        assert apply(here).code == 0
        new = repository.commit("New")
        assert apply(here).code == 0
        assert kept(here).commit == new
        repository.git("checkout", "--quiet", old)
        saved = plan(here, "--out", "plan.json")
        assert saved.code == 0
        for arguments in ((), ("plan.json",), ("--only-expired",)):
            run = apply(here, *arguments)
            assert run.code == 5, run.err
            assert f"commit {old} does not descend from {new}" in run.err
        assert apply(here, "--allow-commit", new).code == 5
        assert apply(here, "--allow-commit", old).code == 0
        assert kept(here).commit == old

    def test_a_revert_passes(self, repository: Repository) -> None:
        repository.commit("Old")
        assert apply(repository.here).code == 0
        repository.commit("New")
        assert apply(repository.here).code == 0
        repository.git("revert", "--no-edit", "HEAD")
        run = apply(repository.here)
        assert run.code == 0, run.err
        assert kept(repository.here).commit == repository.git("rev-parse", "HEAD")

    def test_an_empty_plan_counts(self, repository: Repository) -> None:
        here = repository.here
        old = repository.commit("Old")
        assert apply(here).code == 0
        new = repository.commit("Old")
        assert "No changes." in plan(here, "--out", "plan.json").out
        assert apply(here, "plan.json").code == 0
        assert kept(here) == Generation(3, new, kept(here).plan)
        assert apply(here, "plan.json").code == 0
        assert kept(here).number == 3
        repository.git("checkout", "--quiet", old)
        assert apply(here).code == 5

    def test_an_expiry_applies_no_commit(self, repository: Repository) -> None:
        first = repository.commit("Old")
        assert apply(repository.here).code == 0
        before = kept(repository.here)
        repository.commit("New")
        assert apply(repository.here, "--only-expired").code == 0
        assert kept(repository.here) == before == Generation(2, first)

    def test_a_history_that_is_cut_off(self, repository: Repository, tmp_path: Path) -> None:
        here = repository.here
        old = repository.commit("Old")
        assert apply(here).code == 0
        for title in ("One", "Two"):
            repository.commit(title)
        shallow = tmp_path / "shallow"
        repository.git("clone", "--quiet", "--depth=1", here.as_uri(), str(shallow))
        (shallow / ".identity-reconciler").symlink_to(here / ".identity-reconciler")
        run = apply(shallow)
        assert run.code == 5
        assert f"commit {old} was applied last" in run.err
        assert "fetch-depth: 0" in run.err
        (repository.here / ".git").rename(tmp_path / "gone")
        run = apply(here)
        assert (run.code, "--allow-commit none" in run.err) == (5, True)
        assert apply(here, "--allow-commit", "none").code == 0

    def test_what_is_not_committed_is_kept_as_such(self, repository: Repository) -> None:
        commit = repository.commit("Old")
        edit(repository.here, "users/data.yaml", "title: Old", "title: Edited")
        assert apply(repository.here).code == 0
        assert kept(repository.here).commit == f"{commit}-dirty"


class TestSavedPlans:
    """A saved plan is of its generation."""

    def test_a_plan_that_was_read_while_somebody_wrote(self, applied: Path) -> None:
        """It has seen half of an apply, and would take for drift what was yet to come."""
        somebody_applies(applied)
        edit(applied, "users/data.yaml", TITLE, "title: Reverted")
        assert plan(applied, "--out", "plan.json").code == 0
        with record(applied) as leases:
            leases[0] = Lease(Generation(2))
        run = apply(applied, "plan.json")
        assert run.code == 5, run.err
        assert "read at generation 1, and something else has been applied since" in run.err

    def test_one_that_only_limits_a_plan_made_now_may_be_older(self, applied: Path) -> None:
        """A pull request is not to be planned again for each one that is merged before it."""
        edit(applied, "users/data.yaml", TITLE, "title: Lead")
        assert plan(applied, "--out", "plan.json").code == 0
        with record(applied) as leases:
            leases[0] = Lease(Generation(2))
        assert apply(applied, "plan.json").code == 5
        assert apply(applied, "--approved", "plan.json").code == 0
        edit(applied, "users/data.yaml", "title: Lead", "title: Reverted")
        assert apply(applied, "--approved", "plan.json").code == 5

    def test_a_run_that_was_killed_is_an_apply(self, applied: Path) -> None:
        somebody_applies(applied, since=PERIOD)
        edit(applied, "users/data.yaml", TITLE, "title: Lead")
        assert plan(applied, "--out", "early.json").code == 0
        somebody_applies(applied, since=PERIOD + timedelta(minutes=2))
        assert plan(applied, "--out", "late.json").code == 0
        assert apply(applied, "early.json").code == 5
        assert apply(applied, "late.json").code == 0

    def test_it_is_resumed_after_itself(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", TITLE, "title: Lead")
        assert plan(applied, "--out", "plan.json").code == 0
        for _ in range(3):
            assert apply(applied, "plan.json").code == 0
        edit(applied, "users/data.yaml", "title: Lead", TITLE)
        assert apply(applied).code == 0
        assert apply(applied, "plan.json").code == 5

    def test_one_of_an_earlier_version_is_refused(self, applied: Path) -> None:
        assert plan(applied, "--out", "plan.json").code == 0
        document = read_plan((applied / "plan.json").read_bytes())
        older = document.model_copy(update={"format_version": "1.2", "generation": None})
        (applied / "plan.json").write_bytes(plan_bytes(older))
        run = apply(applied, "plan.json")
        assert (run.code, "make a new plan" in run.err) == (5, True)


class TestHidden:
    """No command but those that take turns knows of the group."""

    def test_from_what_reads(self, applied: Path) -> None:
        imported = applied / "imported"
        imported.mkdir()
        (imported / "instance.yaml").write_text(
            (applied / "desired-state/instance.yaml").read_text()
        )
        for arguments in (
            ("plan", "--format", "json"),
            ("doctor",),
            ("audit", "orphans"),
            ("audit", "access"),
            ("audit", "members", "engineering"),
            ("import", "imported"),
        ):
            run = command(*arguments, "--sandbox", cwd=applied)
            told = run.out + run.err
            assert LEASE_GROUP not in told.replace(f"the group {LEASE_GROUP}", ""), arguments
        texts = [path.read_text() for path in imported.rglob("*.yaml")]
        assert len(texts) > 1
        assert LEASE_GROUP not in "".join(texts)
        assert "no group" in command("audit", "members", LEASE_GROUP, "--sandbox", cwd=applied).err

    def test_from_authoritative_mode(self, applied: Path) -> None:
        edit(applied, "instance.yaml", "  groups: declared", "  groups: authoritative")
        document = plan(applied, "--format", "json").json()
        assert document["changes"] == document["withheld"] == []
        assert document["live"]["groups"] == 5
        assert apply(applied).code == 0
        assert kept(applied).number == 1

    def test_also_with_members_and_assignments(self, applied: Path) -> None:
        """Somebody put John into it, and assigned it; he is in no group that he was not in."""
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            session = sandbox.session()
            client = session.client("identitystore")
            groups = client.list_groups(IdentityStoreId=STORE)["Groups"]
            (group,) = [one for one in groups if one["DisplayName"] == LEASE_GROUP]
            users = client.list_users(IdentityStoreId=STORE)["Users"]
            (john,) = [one["UserId"] for one in users if one["UserName"] == "johndoe"]
            client.create_group_membership(
                IdentityStoreId=STORE, GroupId=group["GroupId"], MemberId={"UserId": john}
            )
            (instance,) = sandbox.summary().instances
            (grafana,) = [one.arn for one in instance.applications if one.name == "Grafana"]
            session.client("sso-admin").create_application_assignment(
                ApplicationArn=grafana, PrincipalId=group["GroupId"], PrincipalType="GROUP"
            )
        run = command("audit", "memberships", "johndoe", "--sandbox", cwd=applied)
        assert LEASE_GROUP not in run.out
        document = plan(applied, "--format", "json").json()
        assert [one["address"] for one in document["changes"]] == [
            f"assignment/Grafana/group/{LEASE_GROUP}"
        ]
        assert apply(applied).code == 0
        assert plan(applied, "--format", "json").json()["changes"] == []

    def test_what_is_seeded_is_a_new_world(self, applied: Path) -> None:
        assert command("sandbox", "seed", "desired-state", cwd=applied).code == 0
        document = plan(applied, "--format", "json").json()
        assert (document["changes"], document["generation"]["number"]) == ([], 0)
