"""Access to AWS accounts in plans, guards and applies, on the example and its sandbox."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from identity_reconciler.core.declared import Instance
from identity_reconciler.sandbox import Sandbox
from tests.command import command, edit
from tests.sandbox.account_world import Accounts

INSTANCE = Instance(
    name="main",
    region="eu-central-1",
    account_id="111122223333",
    instance_arn="arn:aws:sso:::instance/ssoins-1234567890abcdef",
    identity_store_id="d-1234567890",
)
PROD = "222233334444"
ADMIN = f"AdministratorAccess in prod ({PROD})"
COMPANY = "groups/company.yaml"


def opened(here: Path) -> Sandbox:
    return Sandbox(here / ".identity-reconciler/sandbox.sqlite3")


@pytest.fixture
def here(applied: Path) -> Path:
    """Engineering administrates prod, auditors read there, and Juan Li does so by himself."""
    with opened(applied) as sandbox:
        sandbox.add_account(PROD, "prod")
        accounts = Accounts(sandbox, INSTANCE)
        accounts.give("group", "engineering", "AdministratorAccess", PROD)
        accounts.give("group", "auditors", "ReadOnly", PROD)
        accounts.give("user", "li.juan", "ReadOnly", PROD)
    return applied


def planned(here: Path, *options: str) -> dict[str, Any]:
    run = command("plan", "--sandbox", "--format", "json", *options, cwd=here)
    assert run.code in {0, 4}, run.err
    found: dict[str, Any] = run.json()
    return found


def told(document: dict[str, Any]) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {
        (person["user"], one["effect"], one["access"], tuple(person["paths"]))
        for one in document["account_access"]
        for person in one["listed"]
    }


def setting(here: Path, text: str) -> None:
    path = here / "desired-state/instance.yaml"
    path.write_text(f"{path.read_text()}{text}\n")


def committed(here: Path) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (("init", "-q"), ("add", "desired-state"), ("commit", "-qm", "x")):
        subprocess.run(["git", *who, *words], cwd=here, check=True)


def join_and_leave(here: Path) -> None:
    edit(here, COMPANY, "      - li.juan\n", "      - johndoe\n")
    edit(here, COMPANY, "      - nikki.wolf\n", "")


def asked(here: Path) -> Counter[str]:
    """Return the requests about accounts that were sent to the sandbox."""
    rows = command("sandbox", "stats", "--format", "json", cwd=here).json()
    found: Counter[str] = Counter()
    for row in rows:
        if "Account" in row["operation"] or "PermissionSet" in row["operation"]:
            found[row["operation"]] += row["count"]
    return found


class TestPlan:
    """A plan says who gets into which account, and who does no more."""

    def test_tells_gains_and_losses(self, here: Path) -> None:
        join_and_leave(here)
        document = planned(here)
        through = ("through engineering",)
        assert told(document) == {
            ("johndoe", "gains", "AdministratorAccess", through),
            ("li.juan", "loses", "AdministratorAccess", through),
            ("nikki.wolf", "loses", "AdministratorAccess", through),
        }
        assert document["account_access_read"] == "principal"
        assert document["access_complete"] is True
        text = command("plan", "--sandbox", cwd=here).out
        assert f"gains {ADMIN}  through engineering" in text

    def test_costs_one_request_for_each_principal(self, here: Path) -> None:
        before = asked(here)
        join_and_leave(here)
        planned(here)
        sent = asked(here) - before
        # The group, and the three people.
        assert sent["ListAccountAssignmentsForPrincipal"] == 4
        assert sent["ListAccounts"] == 1

    def test_nothing_is_asked_without_changes(self, here: Path) -> None:
        before = asked(here)
        planned(here)
        assert asked(here) == before

    def test_who_keeps_it_by_another_path_neither_gains_nor_loses(self, here: Path) -> None:
        with opened(here) as sandbox:
            accounts = Accounts(sandbox, INSTANCE)
            accounts.give("user", "nikki.wolf", "AdministratorAccess", PROD)
            accounts.give("group", "AWS_Data_Science", "AdministratorAccess", PROD)
        join_and_leave(here)
        assert {one[:2] for one in told(planned(here))} == {("li.juan", "loses")}

    def test_of_a_change_who_only_joins(self, here: Path) -> None:
        """Of the group nothing else is touched, so who is in it already is not read."""
        committed(here)
        edit(here, COMPANY, "      - li.juan\n", "      - li.juan\n      - johndoe\n")
        assert {one[:2] for one in told(planned(here, "--changed-since", "HEAD"))} == {
            ("johndoe", "gains")
        }

    def test_privileged_names_of_nothing_are_told_where_all_is_read(self, here: Path) -> None:
        names = '{permission_sets: [AdministratorAcces, "*"], accounts: ["999999999999"]}'
        setting(here, f"guards: {{privileged: {names}}}")
        assert "known only where all of it is read" in command("doctor", "--sandbox", cwd=here).out
        assert "AdministratorAcces" not in command("plan", "--sandbox", cwd=here).out
        setting(here, "account_access: list")
        nothing = "matches nothing that anybody has in an AWS account"
        told = [
            f'permission_sets: "AdministratorAcces" {nothing}; did you mean "AdministratorAccess"?',
            f'accounts: "999999999999" {nothing}; correct it, or remove it',
        ]
        run = command("doctor", "--sandbox", cwd=here)
        assert run.code == 1
        assert "matches nothing" not in command("plan", "--sandbox", cwd=here).out
        join_and_leave(here)
        text = " ".join(command("plan", "--sandbox", cwd=here).out.split())
        assert all(one in run.out and one in text for one in told)
        assert run.out.count("matches nothing") == len(told)

    @pytest.mark.parametrize("option", ["--base", "--changed-since"])
    def test_with_a_base(self, here: Path, option: str) -> None:
        committed(here)
        join_and_leave(here)
        assert {one[:2] for one in told(planned(here, option, "HEAD"))} == {
            ("johndoe", "gains"),
            ("li.juan", "loses"),
            ("nikki.wolf", "loses"),
        }

    def test_of_what_has_expired(self, here: Path) -> None:
        edit(here, COMPANY, "expires: 2030-03-31", "expires: 2020-03-31")
        assert told(planned(here, "--only-expired")) == {
            ("terry.whitlock", "loses", "ReadOnly", ("through auditors",))
        }


def entered(here: Path) -> set[tuple[str, str, str]]:
    """Return who is in which account with which permission set, by all that is in the store."""
    store, arn = INSTANCE.identity_store_id, INSTANCE.instance_arn
    found = set()
    with opened(here) as sandbox:
        accounts = Accounts(sandbox, INSTANCE)
        users = accounts.store.list_users(IdentityStoreId=store)["Users"]
        names = {one["UserId"]: one.get("UserName", "") for one in users}
        people = {identifier: {name} for identifier, name in names.items()}
        for group in accounts.store.list_groups(IdentityStoreId=store)["Groups"]:
            members = accounts.store.list_group_memberships(
                IdentityStoreId=store, GroupId=group["GroupId"]
            )["GroupMemberships"]
            people[group["GroupId"]] = {
                names[one.get("MemberId", {}).get("UserId", "")] for one in members
            }
        for name in ("AdministratorAccess", "ReadOnly"):
            given = accounts.admin.list_account_assignments(
                InstanceArn=arn, AccountId=PROD, PermissionSetArn=accounts.permission_set(name)
            )["AccountAssignments"]
            for one in given:
                for person in people.get(one.get("PrincipalId", ""), ()):
                    found.add((person, name, PROD))
    return found


class TestStore:
    """What a plan says is what the store shows before and after its apply."""

    def test_with_renames_deletions_and_other_paths(self, here: Path) -> None:
        """Nikki Wolf keeps by herself what she had through the group that she leaves."""
        with opened(here) as sandbox:
            accounts = Accounts(sandbox, INSTANCE)
            accounts.give("user", "nikki.wolf", "AdministratorAccess", PROD)
            accounts.give("group", "finance", "ReadOnly", PROD)
        join_and_leave(here)
        renamed = "name: engineers\n    previous_names: [engineering]"
        edit(here, COMPANY, "name: engineering", renamed)
        applications = here / "desired-state/applications.yaml"
        applications.write_text(applications.read_text().replace("engineering", "engineers"))
        edit(here, COMPANY, "      - paulo.santos\n", "      - terry.whitlock\n")
        before = entered(here)
        document = planned(here)
        assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
        after = entered(here)
        said = {(effect, (user, access, PROD)) for user, effect, access, _ in told(document)}
        lost = {("loses", one) for one in before - after}
        assert said == lost | {("gains", one) for one in after - before}
        assert {effect for effect, _ in said} == {"loses", "gains"}
        assert ("nikki.wolf", "AdministratorAccess", PROD) in before & after


class TestNotRead:
    """Where access to accounts cannot be read, or is not, the plan says so and what it takes."""

    def test_off(self, here: Path) -> None:
        setting(here, "account_access: off")
        before = asked(here)
        join_and_leave(here)
        document = planned(here)
        assert document["account_access"] == []
        assert document["account_access_read"] == "off"
        assert document["access_complete"] is False
        assert asked(here) == before
        text = command("plan", "--sandbox", cwd=here).out
        assert "access to AWS accounts is not read" in "\n".join(text.splitlines()[:6])

    def test_lists(self, here: Path) -> None:
        setting(here, "account_access: list")
        before = asked(here)
        join_and_leave(here)
        document = planned(here)
        assert {one[:2] for one in told(document)} == {
            ("johndoe", "gains"),
            ("li.juan", "loses"),
            ("nikki.wolf", "loses"),
        }
        assert (document["account_access_read"], document["access_complete"]) == ("list", True)
        sent = asked(here) - before
        assert sent["ListAccountAssignmentsForPrincipal"] == 0
        assert sent["ListAccountAssignments"] == 2


class TestGuards:
    """What leads into accounts is guarded like what leads into applications."""

    @pytest.mark.parametrize(
        "named",
        [
            'permission_sets: ["*admin*"]',
            f'accounts: ["{PROD}"]',
            "accounts: [prod]",
        ],
    )
    def test_privileged(self, here: Path, named: str) -> None:
        setting(here, f"guards: {{privileged: {{{named}}}}}")
        join_and_leave(here)
        document = planned(here)
        (verdict,) = document["guards"]
        assert verdict["guard"] == "privileged"
        assert verdict["addresses"] == ["membership/engineering/johndoe"]
        guarded = {one["address"] for one in document["changes"] if one.get("guarded")}
        assert "membership/engineering/johndoe" in guarded

    def test_not_what_is_named_otherwise(self, here: Path) -> None:
        setting(
            here, 'guards: {privileged: {permission_sets: [Other], accounts: ["999999999999"]}}'
        )
        join_and_leave(here)
        assert planned(here)["guards"] == []

    def test_lockout(self, here: Path) -> None:
        setting(here, "guards: {administrators: [nikki.wolf]}")
        join_and_leave(here)
        (verdict,) = planned(here)["guards"]
        assert f"access/nikki.wolf/{PROD}/AdministratorAccess" in verdict["addresses"]


JUAN = """\
    name: {given_name: Juan, family_name: Li}
    email: li.juan@example.com
    title: Software Engineer
    enterprise: {department: Engineering, manager: mateo.jackson}
"""


def drop(here: Path) -> None:
    edit(here, "users/engineering.yaml", JUAN, "    state: absent\n")
    edit(here, COMPANY, "      - li.juan\n", "")


class TestLeftover:
    """Nobody is deleted who has access to an account, and the commands that help do."""

    def test_is_refused_and_helped(self, here: Path) -> None:
        drop(here)
        run = command("plan", "--sandbox", cwd=here)
        assert run.code == 4
        assert f"user/li.juan has ReadOnly in prod ({PROD})" in " ".join(run.out.split())
        (verdict,) = planned(here)["guards"]
        (remedy,) = verdict["remedies"]
        assert "--principal-type USER" in remedy
        assert PROD in remedy
        self.take_away(here)
        assert planned(here)["guards"] == []
        run = command("apply", "--sandbox", "--auto-approve", cwd=here)
        assert run.code == 0, run.err

    def take_away(self, here: Path) -> None:
        with opened(here) as sandbox:
            accounts = Accounts(sandbox, INSTANCE)
            identifier = accounts.identifier("user", "li.juan")
            for one in accounts.admin.list_account_assignments_for_principal(
                InstanceArn=INSTANCE.instance_arn, PrincipalId=identifier, PrincipalType="USER"
            )["AccountAssignments"]:
                if one.get("PrincipalType") == "USER":
                    accounts.admin.delete_account_assignment(
                        InstanceArn=INSTANCE.instance_arn,
                        TargetId=PROD,
                        TargetType="AWS_ACCOUNT",
                        PermissionSetArn=one.get("PermissionSetArn", ""),
                        PrincipalType="USER",
                        PrincipalId=identifier,
                    )

    def test_an_approval_lets_it_pass(self, here: Path) -> None:
        drop(here)
        (verdict,) = planned(here)["guards"]
        entry = "\n".join(verdict["approval"]).replace('reason: ""', "reason: TICKET-1")
        (here / "desired-state/approvals.yaml").write_text(f"approvals:\n{entry}\n")
        run = command("apply", "--sandbox", "--auto-approve", cwd=here)
        assert run.code == 0, run.out

    def test_what_came_after_the_plan_is_found_at_apply(self, here: Path) -> None:
        self.take_away(here)
        drop(here)
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=here).code == 0
        with opened(here) as sandbox:
            Accounts(sandbox, INSTANCE).give("user", "li.juan", "Late", PROD)
        run = command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=here)
        # What else the leaver had is gone by then.
        assert run.code == 7
        assert f"it has Late in prod ({PROD}), which would be left behind for good" in run.out


def audited(here: Path, *arguments: str) -> dict[str, Any]:
    run = command("audit", *arguments, "--sandbox", "--format", "json", cwd=here)
    assert run.code == 0, run.err
    found: dict[str, Any] = run.json()
    return found


class TestAudit:
    """Audits list all access to accounts, by every path, and what is left of who is gone."""

    def test_access(self, here: Path) -> None:
        found = audited(here, "access", "--user", "li.juan")
        ways = {(row["application"], row["path"]) for row in found["rows"]}
        assert {
            (ADMIN, "through engineering"),
            (f"ReadOnly in prod ({PROD})", "directly"),
        } <= ways
        assert not any("AWS accounts" in note for note in found["notes"])
        page = command("audit", "access", "--sandbox", "--format", "html", cwd=here)
        assert ADMIN in page.out

    def test_says_where_it_is_not_read(self, here: Path) -> None:
        setting(here, "account_access: off")
        found = audited(here, "access", "--user", "li.juan")
        assert ADMIN not in {row["application"] for row in found["rows"]}
        assert "Only applications are looked at" in found["notes"][0]

    def test_leavers(self, here: Path) -> None:
        (here / "gone.csv").write_text("user_name\nli.juan\n")
        found = audited(here, "leavers", "gone.csv")
        assert (ADMIN, "through engineering") in {
            (row["application"], row["path"]) for row in found["rows"]
        }

    def test_orphans(self, here: Path) -> None:
        with opened(here) as sandbox:
            accounts = Accounts(sandbox, INSTANCE)
            identifier = accounts.identifier("user", "li.juan")
            accounts.store.delete_user(IdentityStoreId="d-1234567890", UserId=identifier)
        found = audited(here, "orphans")
        (orphan,) = [row for row in found["rows"] if row["name"] == identifier]
        assert orphan["detail"] == f"user has ReadOnly in prod ({PROD})"
        without = {row["name"] for row in found["rows"] if "without access" in row["finding"]}
        assert "engineering" not in without

    def test_after_a_plan(self, here: Path) -> None:
        join_and_leave(here)
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=here).code == 0
        found = audited(here, "access", "--user", "johndoe", "--plan", "plan.json")
        ways = {(row["application"], row["path"]) for row in found["rows"]}
        assert (ADMIN, "through engineering") in ways


class TestDoctor:
    """Doctor says whether access to accounts may be asked for."""

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ("", "can be read (account_access: principal)"),
            ("account_access: list", "can be read (account_access: list)"),
            ("account_access: off", "is not read (account_access: off)"),
        ],
    )
    def test_says_so(self, here: Path, settings: str, said: str) -> None:
        setting(here, settings)
        run = command("doctor", "--sandbox", cwd=here)
        assert f"ok      access to AWS accounts {said}" in run.out


class TestExplain:
    """With `--live`, AWS is asked what somebody has, by every path."""

    @pytest.mark.parametrize("reading", ["principal", "list"])
    def test_a_user(self, here: Path, reading: str) -> None:
        setting(here, f"account_access: {reading}")
        run = command("explain", "user/Li.Juan", "--live", "--sandbox", cwd=here)
        assert [line for line in run.out.splitlines() if line.startswith("  has ")] == [
            f"  has {ADMIN} through engineering",
            f"  has ReadOnly in prod ({PROD}) directly",
        ]

    def test_a_group(self, here: Path) -> None:
        run = command("explain", "group/engineering", "--live", "--sandbox", cwd=here)
        assert f"  gives {ADMIN} to 4 live members" in run.out.splitlines()

    def test_asks_nobody_otherwise(self, here: Path) -> None:
        before = asked(here)
        assert ADMIN not in command("explain", "user/li.juan", cwd=here).out
        assert asked(here) == before
