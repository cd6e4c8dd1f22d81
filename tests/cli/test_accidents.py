"""The accidents that other tools are known for, each one tried here."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.core.lease import LEASE_GROUP
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit

STORE = "d-1234567890"


def plan(here: Path, *options: str) -> Run:
    return command("plan", "--sandbox", *options, cwd=here)


def apply(here: Path, *options: str) -> Run:
    return command("apply", "--sandbox", "--auto-approve", *options, cwd=here)


def authoritative(here: Path) -> None:
    """Let whatever is not declared be deleted."""
    edit(here, "instance.yaml", "  users: declared", "  users: authoritative")
    edit(here, "instance.yaml", "  groups: declared", "  groups: authoritative")


def unchanged(here: Path) -> None:
    """Assert that the sandbox is as the example made it."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        client = sandbox.session().client("identitystore")
        assert len(client.list_users(IdentityStoreId=STORE)["Users"]) == 12
        groups = [one["DisplayName"] for one in client.list_groups(IdentityStoreId=STORE)["Groups"]]
        assert groups.count(LEASE_GROUP) == 1
        assert len(groups) == 5 + 1


def refused(here: Path, *guards: str) -> None:
    """Assert that plan and apply are blocked by *guards*, and that nothing has changed."""
    for run in (plan(here), apply(here)):
        assert run.code == 4, run.err
        for guard in guards:
            assert guard in run.out
    unchanged(here)


class TestImpersonation:
    """Whoever owns the address of an administrator can reset the password."""

    PRIVILEGED = "guards:\n  privileged: {groups: [root*], applications: [Wiki]}\n"

    @pytest.mark.parametrize("way", ["a group", "an application", "a group of an application"])
    def test_of_somebody_who_is_privileged_where_nothing_is_managed(
        self, applied: Path, way: str
    ) -> None:
        """What the YAML does not know of is read when it matters."""
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            session = sandbox.session()
            store, admin = session.client("identitystore"), session.client("sso-admin")
            users = store.list_users(IdentityStoreId=STORE)["Users"]
            (john,) = [one["UserId"] for one in users if one["UserName"] == "johndoe"]
            name = "roots" if way == "a group" else "readers"
            group = store.create_group(IdentityStoreId=STORE, DisplayName=name)["GroupId"]
            store.create_group_membership(
                IdentityStoreId=STORE, GroupId=group, MemberId={"UserId": john}
            )
            arn = admin.list_instances()["Instances"][0]["InstanceArn"]
            wiki = admin.create_application(
                InstanceArn=arn,
                Name="Wiki",
                ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom",
            )["ApplicationArn"]
            if way != "a group":
                by_group = way != "an application"
                admin.create_application_assignment(
                    ApplicationArn=wiki,
                    PrincipalId=group if by_group else john,
                    PrincipalType="GROUP" if by_group else "USER",
                )
        edit(applied, "users/data.yaml", "john.doe@example.com", "eve@example.org")
        assert plan(applied).code == 0
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write(self.PRIVILEGED)
        run = plan(applied)
        assert run.code == 4, run.err
        assert "x privileged" in run.out
        assert "concerns  user/johndoe" in run.out

    def test_of_an_administrator(self, applied: Path) -> None:
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards:\n  administrators: [johndoe]\n")
        edit(applied, "users/data.yaml", "john.doe@example.com", "eve@example.org")
        refused(applied, "x privileged", "user/johndoe")


class TestLookAlikes:
    """A live name that looks like a declared one is not mistaken for it in silence."""

    def test_whoever_is_removed(self, applied: Path) -> None:
        forged = "li.ju\u0430n"
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            sandbox.session().client("identitystore").create_user(
                IdentityStoreId=STORE,
                UserName=forged,
                DisplayName="Li Juan",
                Name={"GivenName": "Juan", "FamilyName": "Li"},
            )
        edit(applied, "groups/company.yaml", "      - li.juan\n", "")
        run = plan(applied)
        assert f"user/{forged} looks like user/li.juan, but has U+0430 CYRILLIC" in run.out


class TestEmptyDesiredState:
    """A file, a directory or a list that comes up empty deletes nobody."""

    def test_an_empty_file(self, applied: Path) -> None:
        (applied / "desired-state/users/data.yaml").write_text("")
        for run in (plan(applied), apply(applied)):
            assert run.code == 3
            assert "users/data.yaml:1:1" in run.err
        unchanged(applied)

    def test_a_mis_set_path(self, applied: Path) -> None:
        for path in ("desired_state", "desired-state/instance.yaml", "desired-state/users"):
            assert command("plan", path, "--sandbox", cwd=applied).code == 3
        unchanged(applied)

    @pytest.mark.parametrize("kind", ["users", "groups"])
    def test_every_declaration_gone(self, applied: Path, kind: str) -> None:
        authoritative(applied)
        (applied / "desired-state/applications.yaml").unlink()
        for path in (applied / "desired-state/groups").iterdir():
            path.unlink()
        if kind == "users":
            for path in (applied / "desired-state/users").iterdir():
                path.unlink()
            refused(applied, "empty.desired", "budget.users", "wipe")
        else:
            refused(applied, "empty.desired", "budget.groups", "wipe")

    def test_half_of_the_groups_dropped(self, applied: Path) -> None:
        authoritative(applied)
        (applied / "desired-state/applications.yaml").unlink()
        (applied / "desired-state/groups/data.yaml").unlink()
        refused(applied, "budget.groups")

    def test_a_list_of_members_emptied(self, applied: Path) -> None:
        members = (
            "      - li.juan\n      - mateo.jackson\n      - nikki.wolf\n      - saanvi.sarkar\n"
        )
        edit(applied, "groups/company.yaml", f"    members:\n{members}", "    members: []\n")
        refused(applied, "wipe")


class TestRenames:
    """A group renamed by hand is not deleted and made anew."""

    def test_without_previous_names(self, applied: Path) -> None:
        edit(applied, "groups/company.yaml", "  - name: engineering\n", "  - name: Engineers\n")
        text = (applied / "desired-state/applications.yaml").read_text()
        (applied / "desired-state/applications.yaml").write_text(
            text.replace("[engineering]", "[Engineers]")
        )
        edit(
            applied,
            "groups/company.yaml",
            "  - name: finance\n",
            "  - {name: engineering, state: absent}\n  - name: finance\n",
        )
        refused(applied, "rename.suspected")


class TestApprovals:
    """A guard is passed by a reviewed, dated entry, and by nothing else."""

    def test_the_entry_that_is_printed_lets_the_plan_pass(self, applied: Path) -> None:
        authoritative(applied)
        (applied / "desired-state/applications.yaml").unlink()
        (applied / "desired-state/groups/data.yaml").unlink()
        entries = [
            "\n".join(line.strip("\n") for line in one["approval"])
            for one in plan(applied, "--format", "json").json()["guards"]
        ]
        assert entries
        body = "\n".join(entries).replace('reason: ""', "reason: The team was dissolved, HR-7")
        header = "" if body.startswith("approvals:") else "approvals:\n"
        (applied / "desired-state/approvals.yaml").write_text(f"{header}{body}\n")
        run = apply(applied)
        assert run.code == 0, run.err + run.out
        assert "Approved exceptions" in run.out

    def test_an_expired_one_is_an_error(self, applied: Path) -> None:
        (applied / "desired-state/approvals.yaml").write_text(
            "approvals:\n"
            "  - guard: budget.groups\n"
            "    approved_on: 2020-01-01\n"
            "    expires: 2020-01-08\n"
            "    reason: Old\n"
            "    kind: group\n"
            "    count: 3\n"
        )
        run = plan(applied)
        assert run.code == 3
        assert "approvals.yaml:2:5" in run.err
        assert "expired" in run.err


class TestTheOtherWorld:
    """What happens in the console is seen, adopted or refused, never overwritten blindly."""

    def test_a_stranger_in_a_managed_group(self, applied: Path) -> None:
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            client = sandbox.session().client("identitystore")
            users = client.list_users(IdentityStoreId=STORE)["Users"]
            groups = client.list_groups(IdentityStoreId=STORE)["Groups"]
            user = next(one["UserId"] for one in users if one["UserName"] == "paulo.santos")
            group = next(one["GroupId"] for one in groups if one["DisplayName"] == "engineering")
            client.create_group_membership(
                IdentityStoreId=STORE, GroupId=group, MemberId={"UserId": user}
            )
        run = plan(applied)
        assert "- membership/engineering/paulo.santos" in run.out
        told = " ".join(run.out.split())
        assert "! paulo.santos: leaves engineering - loses Amazon Redshift" in told
        assert "last changed by arn:aws:iam::111122223333:user/sandbox at" in told

    def test_a_user_who_is_live_already_is_adopted(self, here: Path) -> None:
        plan(here)
        with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            sandbox.session().client("identitystore").create_user(
                IdentityStoreId=STORE,
                UserName="JohnDoe",
                DisplayName="Johnny",
                Name={"GivenName": "John", "FamilyName": "Doe"},
            )
        run = plan(here)
        assert "! user/JohnDoe" in run.out
        assert apply(here).code == 0
        assert "No changes." in plan(here).out


class TestExpiry:
    """`--only-expired` removes what has expired and does nothing else."""

    def test_other_changes_wait(self, applied: Path) -> None:
        path = applied / "desired-state/groups/company.yaml"
        path.write_text(path.read_text().replace("expires: 2030-03-31", "expires: 2020-03-31"))
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Lead")
        run = apply(applied, "--only-expired")
        assert run.code == 0
        assert "- applied           membership/auditors/terry.whitlock" in run.out
        assert "Apply: 1 applied" in run.out
        rest = plan(applied, "--format", "json")
        assert rest.changes() == {("update", "user/johndoe")}
