"""`policies.yaml`, by validate and by plans."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit
from tests.conftest import Golden

STORE = "d-1234567890"
GOLDEN = Path(__file__).parents[1] / "golden/plans/policies.txt"


def git(here: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


def policies(here: Path, text: str) -> None:
    (here / "desired-state/policies.yaml").write_text(text)


def day(ahead: int = 0) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=ahead))


def hold(here: Path, policy: str) -> None:
    """Write what `BROKEN` has for *policy*, and what is privileged."""
    policies(here, BROKEN[policy][0])
    if policy == "max_duration":
        with (here / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards:\n  privileged: {groups: [aud*], applications: [Ledger]}\n")


def approve(here: Path, guard: str, address: str, days: int = 7) -> None:
    (here / "desired-state/approvals.yaml").write_text(
        f"approvals:\n  - guard: {guard}\n    approved_on: {day(days - 7)}\n"
        f"    expires: {day(days)}\n    reason: TICKET-1\n"
        f"    addresses: ['{address}']\n"
    )


def plan(here: Path) -> Run:
    return command("plan", "--sandbox", cwd=here)


def join(here: Path, user: str, group: str) -> None:
    """Make *user* a member of *group* in the sandbox, past the YAML."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        store = sandbox.session().client("identitystore")
        users = store.list_users(IdentityStoreId=STORE)["Users"]
        groups = store.list_groups(IdentityStoreId=STORE)["Groups"]
        (person,) = [one["UserId"] for one in users if one["UserName"] == user]
        (place,) = [one["GroupId"] for one in groups if one["DisplayName"] == group]
        store.create_group_membership(
            IdentityStoreId=STORE, GroupId=place, MemberId={"UserId": person}
        )


BROKEN = {
    "separation_of_duties": (
        (
            "separation_of_duties:\n  - groups: [finance]\n    applications: [Ledger]\n"
            "    reason: SOX\n"
        ),
        "martha.rivera has both group finance",
        "which policies.yaml:2:5 keeps apart: SOX",
    ),
    "max_members": (
        "max_members:\n  - {groups: AWS_*, most: 2}\n",
        'group "AWS_Data_Science" has 3 members; policies.yaml:2:5 allows 2',
        "groups/",
    ),
    "no_direct_assignments": (
        "no_direct_assignments:\n  - Graf*\n",
        'user "janedoe" is assigned to "Grafana" alone, and policies.yaml:2:5 wants groups only',
        "applications.yaml:",
    ),
    "min_owners": (
        "min_owners:\n  - {groups: [eng*], applications: [Led*], least: 1}\n",
        'group "engineering" has 0 of the 1 owners that policies.yaml:2:5 wants',
        'applications.yaml:20:5: min_owners: application "Ledger" has 0 of the 1 owners',
    ),
    "max_duration": (
        "max_duration: 90\n",
        '"finance" is listed in privileged application "Ledger" without an end; at most 90 days',
        '"terry.whitlock" is listed in privileged group "auditors" for too long',
    ),
    "must_expire": (
        "must_expire: {groups: [fin*], applications: [Led*], privileged: true}\n",
        'must_expire: "martha.rivera" is listed in group "finance" without an end',
        '"Ledger" without an end; say when it `expires` (policies.yaml:1:1)',
    ),
    "reason_pattern": (
        "reason_pattern: '[A-Z]+-[0-9]+'\n",
        '"terry.whitlock" is listed in group "auditors" for the reason "Yearly audit, FIN-204"',
        'give one that matches "[A-Z]+-[0-9]+" (policies.yaml:1:1)',
    ),
    "email_domains": (
        "email_domains:\n  - example.org\n",
        'is of "example.com"; policies.yaml:1:1 allows example.org',
        "users/",
    ),
}


class TestValidate:
    """What the YAML breaks by itself is refused without AWS."""

    @pytest.mark.parametrize("policy", BROKEN)
    def test_refuses(self, applied: Path, policy: str) -> None:
        _, *said = BROKEN[policy]
        hold(applied, policy)
        run = command("validate", cwd=applied)
        assert run.code == 3
        for one in (f"{policy}: ", *said):
            assert one in run.err

    def test_passes_what_an_approval_covers_while_it_holds(self, applied: Path) -> None:
        policies(applied, BROKEN["max_members"][0].replace("AWS_*", "AWS_D*"))
        approve(applied, "max_members", "group/AWS_Data_Science")
        assert command("validate", cwd=applied).code == 0
        approve(applied, "max_members", "group/AWS_Data_Science", days=-1)
        assert command("validate", cwd=applied).code == 3

    def test_notes_a_pattern_that_may_be_a_slip(self, applied: Path) -> None:
        policies(applied, "max_members:\n  - {groups: finanse, most: 9}\n")
        said = 'policies.yaml:2:6: max_members.groups: "finanse" matches nothing'
        assert said in command("validate", cwd=applied).err


class TestPlan:
    """What a plan would leave is judged, by whomever it was made so."""

    @pytest.mark.parametrize("policy", BROKEN)
    def test_refuses_what_it_would_make(self, applied: Path, policy: str) -> None:
        """By the policy; validate is not asked."""
        if policy == "email_domains":
            edit(applied, "users/data.yaml", "john.doe@example.com", "john.doe@example.net")
        edit(applied, "groups/company.yaml", "Finance department", "Finance")
        hold(applied, policy)
        run = plan(applied)
        assert run.code == 4
        assert f"guard: {policy}" in run.out

    @pytest.mark.parametrize(("apart", "waves"), [("[engineering, finance]", 2), ("[]", 1)])
    def test_who_moves_leaves_the_one_first(self, applied: Path, apart: str, waves: int) -> None:
        """And not before where nothing keeps the two apart."""
        if waves > 1:
            policies(applied, f"separation_of_duties:\n  - groups: {apart}\n")
        edit(applied, "groups/company.yaml", "      - li.juan\n", "")
        members = "      - martha.rivera\n      - paulo"
        edit(applied, "groups/company.yaml", members, "      - li.juan\n" + members)
        made = command("plan", "--sandbox", "--format", "json", cwd=applied).json()
        assert [(one["action"], one["address"]) for one in made["changes"]] == [
            ("delete", "membership/engineering/li.juan"),
            ("create", "membership/finance/li.juan"),
        ]
        assert len({one["wave"] for one in made["changes"]}) == waves
        assert made["in_passing"] == []

    def test_somebody_who_is_not_listed_counts(self, applied: Path, golden: Golden) -> None:
        """Of a group whose members are not managed, who is in there is read."""
        (applied / "desired-state/groups/more.yaml").write_text("groups:\n  - name: approve\n")
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        join(applied, "johndoe", "approve")
        policies(
            applied,
            "separation_of_duties:\n  - groups: [approve, finance]\n    reason: SOX\n",
        )
        assert command("validate", cwd=applied).code == 0
        edit(applied, "groups/company.yaml", "      - paulo.santos", "      - johndoe")
        run = plan(applied)
        assert run.code == 4
        told = run.out[run.out.index("Blocked") : run.out.index("Access:")]
        for date, name in ((day(), "TODAY"), (day(7), "IN-A-WEEK")):
            told = told.replace(date, name)
        golden.check(GOLDEN, told)
        approve(applied, "separation_of_duties", "access/johndoe/approve/finance")
        assert plan(applied).code == 0


class TestBase:
    """A change does not get rid of the policy that would refuse it."""

    def test_what_the_base_keeps_apart_is_read_and_judged(self, applied: Path) -> None:
        (applied / "desired-state/groups/more.yaml").write_text("groups:\n  - name: approve\n")
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        join(applied, "johndoe", "approve")
        policies(applied, "separation_of_duties:\n  - groups: [approve, finance]\n")
        git(applied, "init", "-q")
        git(applied, "add", "desired-state")
        git(applied, "commit", "-qm", "apart")
        (applied / "desired-state/policies.yaml").unlink()
        edit(applied, "groups/company.yaml", "      - paulo.santos", "      - johndoe")
        run = command("plan", "--sandbox", "--base", "HEAD", cwd=applied)
        assert run.code == 4
        assert "johndoe has both group approve (live) and group finance" in run.out
        loosened = 'separation_of_duties no longer keeps group "approve" and group "finance"'
        assert loosened in " ".join(run.out.split())
