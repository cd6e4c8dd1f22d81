"""What somebody else deletes, renames or doubles stops what needs it, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from identity_reconciler.render.drift import deviates, drift_markdown, drift_title
from identity_reconciler.runs.saved import open_saved
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

Oddity = Callable[[Path], None]
STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
EXPIRED = {
    ("delete", "membership/auditors/terry.whitlock"),
    ("delete", "assignment/Ledger/group/auditors"),
}


@contextmanager
def live(here: Path) -> Iterator[tuple[IdentityStoreClient, SSOAdminClient]]:
    """Open the sandbox of *here* to somebody else: clients of identitystore and of sso-admin."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        session = sandbox.session()
        yield session.client("identitystore"), session.client("sso-admin")


def user_id(store: IdentityStoreClient, name: str) -> str:
    users = store.list_users(IdentityStoreId=STORE)["Users"]
    return next(one["UserId"] for one in users if one["UserName"] == name)


def group_id(store: IdentityStoreClient, name: str) -> str:
    groups = store.list_groups(IdentityStoreId=STORE)["Groups"]
    return next(one["GroupId"] for one in groups if one["DisplayName"] == name)


def application_arn(admin: SSOAdminClient, name: str) -> str:
    listed = admin.list_applications(InstanceArn=INSTANCE)["Applications"]
    return next(str(one["ApplicationArn"]) for one in listed if one["Name"] == name)


def delete_user(here: Path) -> None:
    with live(here) as (store, _):
        store.delete_user(IdentityStoreId=STORE, UserId=user_id(store, "guest"))


def delete_group(here: Path) -> None:
    with live(here) as (store, _):
        store.delete_group(IdentityStoreId=STORE, GroupId=group_id(store, "partners"))


def delete_application(here: Path) -> None:
    with live(here) as (_, admin):
        admin.delete_application(ApplicationArn=application_arn(admin, "Grafana"))


def rename_application(here: Path) -> None:
    with live(here) as (_, admin):
        arn = application_arn(admin, "Grafana")
        admin.update_application(ApplicationArn=arn, Name="Grafanna")


def double_application(here: Path) -> None:
    with live(here) as (_, admin):
        admin.create_application(
            InstanceArn=INSTANCE,
            ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom",
            Name="Grafana",
        )


def give_former_name_away(here: Path) -> None:
    with live(here) as (store, _):
        store.create_group(IdentityStoreId=STORE, DisplayName="money")


ODDITIES: dict[Oddity, tuple[str, str]] = {
    delete_user: ("users/data.yaml:", 'user "guest" is only referred to here, but is not live'),
    delete_group: ("groups/data.yaml:", 'group "partners" is only referred to here, but is not'),
    delete_application: ("applications.yaml:15", "application Grafana is not live in this"),
    rename_application: ("applications.yaml:15", 'did you mean "Grafanna"?'),
    double_application: ("applications.yaml:15", "application Grafana is not unique"),
    give_former_name_away: ("groups/company.yaml:11", 'its previous name "money" are both live'),
}
"""What somebody else may do, and what is told of it, where."""


@pytest.fixture(scope="module")
def shared_once(tmp_path_factory: pytest.TempPathFactory, applied_once: Path) -> Path:
    """Return the applied example, to which a user and a group of somebody else belong."""
    here = tmp_path_factory.mktemp("shared") / "here"
    shutil.copytree(applied_once, here)
    with live(here) as (store, _):
        store.create_user(
            IdentityStoreId=STORE,
            UserName="guest",
            DisplayName="Guest",
            Name={"GivenName": "G", "FamilyName": "G"},
        )
        store.create_group(IdentityStoreId=STORE, DisplayName="partners")
    with (here / "desired-state/users/data.yaml").open("a") as file:
        file.write("\n  - user_name: guest\n    state: external\n")
    with (here / "desired-state/groups/data.yaml").open("a") as file:
        file.write("\n  - name: partners\n    state: external\n")
    edit(
        here,
        "groups/company.yaml",
        "      - paulo.santos\n",
        "      - paulo.santos\n      - guest\n",
    )
    edit(
        here,
        "groups/company.yaml",
        "  - name: finance\n",
        "  - name: finance\n    previous_names: [money]\n",
    )
    edit(
        here, "applications.yaml", "        - finance\n", "        - finance\n        - partners\n"
    )
    assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
    return here


@pytest.fixture
def shared(tmp_path: Path, shared_once: Path) -> Path:
    """Return a copy in which two accesses have expired, and an attribute differs."""
    here = tmp_path / "here"
    shutil.copytree(shared_once, here)
    for file in ("groups/company.yaml", "applications.yaml"):
        edit(here, file, "expires: 2030-03-31", "expires: 2020-03-31")
    edit(here, "users/data.yaml", "title: Data Engineer", "title: Lead")
    return here


def plan(here: Path, *options: str) -> Run:
    return command("plan", "--sandbox", *options, cwd=here)


def apply(here: Path, *options: str) -> Run:
    return command("apply", "--sandbox", "--auto-approve", *options, cwd=here)


def done(run: Run, here: Path, *options: str) -> None:
    """Assert that *run* did all but what is unresolved, and that a plan says so."""
    assert run.code == 7, run.out + run.err
    assert "unresolved, and left alone with all that needs it" in run.err
    left = plan(here, *options, "--format", "json")
    assert left.json()["changes"] == []
    assert left.json()["unresolved"]


@pytest.mark.parametrize("oddity", ODDITIES)
class TestEachOddity:
    """It is told with its line and a way out, and everything else goes on."""

    def test_plan_tells_it_and_goes_on(self, shared: Path, oddity: Oddity) -> None:
        oddity(shared)
        where, what = ODDITIES[oddity]
        assert command("validate", cwd=shared).code == 0
        run = plan(shared)
        assert run.code == 0, run.err
        before, _, after = run.out.partition("Unresolved (")
        assert "Removals" not in before
        assert what in after.partition("Removals")[0]
        assert where in after.partition("Removals")[0]
        found = plan(shared, "--format", "json")
        assert found.changes() == {*EXPIRED, ("update", "user/johndoe")}
        assert any(what in one["message"] for one in found.json()["unresolved"])

    def test_apply_does_the_rest_and_ends_with_7(self, shared: Path, oddity: Oddity) -> None:
        oddity(shared)
        run = apply(shared)
        assert "Apply: 3 applied" in run.out
        assert "Verified: nothing is left to do but what is unresolved." in run.out
        done(run, shared)
        again = apply(shared)
        assert again.code == 7
        assert "No changes to what could be resolved." in again.out
        assert plan(shared, "--detailed-exitcode").code == 2

    def test_what_has_expired_goes(self, shared: Path, oddity: Oddity) -> None:
        oddity(shared)
        run = apply(shared, "--only-expired")
        assert "Apply: 2 applied" in run.out
        done(run, shared, "--only-expired")


@pytest.mark.parametrize("oddity", [delete_user, double_application, give_former_name_away])
class TestPlansThatAreKept:
    """They carry what is unresolved, and show it wherever they are shown."""

    def test_a_saved_plan_carries_it(self, shared: Path, oddity: Oddity) -> None:
        oddity(shared)
        assert plan(shared, "--out", "plan.json").code == 0
        assert ODDITIES[oddity][1] in command("show", "plan.json", cwd=shared).out
        done(apply(shared, "plan.json"), shared)

    def test_an_approved_plan_goes_on(self, shared: Path, oddity: Oddity) -> None:
        """What was reviewed before it happened is done, but for what needs it."""
        assert plan(shared, "--out", "plan.json").code == 0
        oddity(shared)
        done(apply(shared, "--approved", "plan.json"), shared)

    def test_it_is_told_everywhere(self, shared: Path, oddity: Oddity) -> None:
        oddity(shared)
        where, what = ODDITIES[oddity]
        markdown = plan(shared, "--format", "markdown").out
        assert "unresolved:** what needs them is left as it is." in markdown
        assert what in markdown.partition("### Removals")[0].partition("### Unresolved")[2]
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        named = {name: str(shared / file) for name, file in files.items()}
        step = command("plan", "--sandbox", "--github", cwd=shared, **named)
        assert step.code == 0, step.err
        file = where.partition(":")[0]
        assert f"::warning file=desired-state/{file},line=" in step.out
        assert "unresolved=" in (shared / "output").read_text()
        assert "### Unresolved" in (shared / "summary").read_text()


class TestWhatIsTouched:
    """What an unresolved reference touches stays exactly as it is."""

    def test_the_assignments_of_an_ambiguous_application(self, shared: Path) -> None:
        double_application(shared)
        with live(shared) as (store, admin):
            admin.create_application_assignment(
                ApplicationArn=application_arn(admin, "Grafana"),
                PrincipalId=user_id(store, "paulo.santos"),
                PrincipalType="USER",
            )
        assert plan(shared, "--format", "json").changes() == {
            *EXPIRED,
            ("update", "user/johndoe"),
        }

    def test_a_leaver_is_taken_from_an_ambiguous_application(self, shared: Path) -> None:
        """His deletion names the assignment by the application's ARN: nothing of it is unclear."""
        double_application(shared)
        edit(shared, "applications.yaml", "      users: [janedoe]\n", "")
        edit(shared, "groups/data.yaml", "      - janedoe\n", "")
        text = (shared / "desired-state/users/data.yaml").read_text()
        (shared / "desired-state/users/data.yaml").write_text(text.replace("manager: janedoe", ""))
        entry = _entry(shared, "janedoe")
        edit(shared, "users/data.yaml", entry, "  - user_name: janedoe\n    state: absent\n\n")
        found = plan(shared, "--format", "json").changes()
        taken = {address.partition("/")[0] for _, address in found if "/user/janedoe" in address}
        assert taken == {"assignment"}
        assert ("delete", "user/janedoe") in found

    def test_a_former_name_that_is_live_again_is_not_deleted(self, shared: Path) -> None:
        give_former_name_away(shared)
        edit(shared, "instance.yaml", "  groups: declared", "  groups: authoritative")
        assert plan(shared, "--format", "json").changes() == {
            *EXPIRED,
            ("update", "user/johndoe"),
        }

    def test_every_instance_is_applied(self, shared: Path) -> None:
        """An unresolved reference of one does not stop the next."""
        delete_user(shared)
        both = shared / "both"
        for name in ("a", "b"):
            shutil.copytree(shared / "desired-state", both / name)
        edit_b = both / "b/users/data.yaml"
        edit_b.write_text(edit_b.read_text().replace("title: Lead", "title: Chief"))
        run = apply(shared, "both")
        assert run.code == 7
        assert '"Lead" -> "Chief"' in run.out
        assert run.err.count("2 references are unresolved") == 2
        assert "error: 2 of 2 instances did not end well" in run.err


def _entry(here: Path, name: str) -> str:
    """Return the text of a user's entry in users/data.yaml, which another one follows."""
    text = (here / "desired-state/users/data.yaml").read_text()
    start = text.index(f"  - user_name: {name}\n")
    return text[start : text.index("  - user_name:", start + 1)]


def git(here: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


class TestSinceARevision:
    """A plan beside a base, and one of a change alone, tell it as well."""

    @pytest.fixture
    def changed(self, shared: Path) -> Path:
        """Return a repository whose files are ahead of it, also where something is odd."""
        git(shared, "init", "-q")
        git(shared, "add", "desired-state")
        git(shared, "commit", "-qm", "x")
        rename_application(shared)
        edit(shared, "users/data.yaml", "title: Lead", "title: Chief")
        edit(shared, "applications.yaml", "      users: [janedoe]\n", "      users: [johndoe]\n")
        return shared

    def test_the_base_is_told_apart(self, changed: Path) -> None:
        found = plan(changed, "--base", "HEAD", "--format", "json").json()
        pending = {one["address"]: one["pending"] for one in found["changes"]}
        assert pending == {address: True for _, address in EXPIRED} | {"user/johndoe": False}
        assert "Grafana is not live" in found["unresolved"][0]["message"]

    def test_the_change_alone(self, changed: Path) -> None:
        found = plan(changed, "--changed-since", "HEAD", "--format", "json")
        assert found.changes() == {("update", "user/johndoe")}
        (only,) = found.json()["unresolved"]
        assert "application Grafana is not live in this instance" in only["message"]
        assert only["source"]["line"] == 15


class TestManagers:
    """A manager that is gone leaves the attribute as it is, and the rest of the user goes on."""

    def test_one_that_is_gone(self, shared: Path) -> None:
        text = (shared / "desired-state/users/data.yaml").read_text()
        assert "manager: janedoe" in text
        path = shared / "desired-state/users/data.yaml"
        path.write_text(text.replace("manager: janedoe", "manager: guest", 1))
        assert apply(shared).code == 0
        delete_user(shared)
        edit(shared, "users/data.yaml", "title: Lead", "title: Chief")
        run = plan(shared)
        assert 'user "guest" (users/data.yaml:' in run.out
        assert "the manager of user" in run.out
        found = plan(shared, "--format", "json").json()
        (change,) = found["changes"]
        assert [one["field"] for one in change["differences"]] == ["title"]
        assert apply(shared).code == 7


class TestTheIssueAboutDrift:
    """What is unresolved keeps the issue open: it is no state that anybody declared."""

    def test_the_body(self, shared: Path) -> None:
        assert apply(shared).code == 0
        assert plan(shared, "--out", "plan.json").code == 0
        assert not deviates(open_saved(shared / "plan.json"))
        delete_group(shared)
        assert plan(shared, "--out", "plan.json").code == 0
        document = open_saved(shared / "plan.json")
        assert deviates(document)
        assert drift_title(document).endswith("0 changes, 2 unresolved")
        assert 'group "partners" is only referred to here' in drift_markdown(document)
