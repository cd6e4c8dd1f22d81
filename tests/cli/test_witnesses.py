"""A saved plan is for the objects that were reviewed, and not for others of their names."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from identity_reconciler.render.planfile import digest_of
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
SOURCES = {"saved plan": ("plan.json",), "--approved": ("--approved", "plan.json")}

MANAGED = "    enterprise: {manager: mateo.jackson}"
KIM = """\
  - user_name: kim
    display_name: Kim
    name: {given_name: Kim, family_name: Lee}
    email: kim@example.com
    enterprise: {manager: janedoe}
"""
EDITS = (
    ("groups/company.yaml", "      - paulo.santos\n", "      - paulo.santos\n      - johndoe\n"),
    ("groups/company.yaml", "      - li.juan\n", ""),
    ("groups/data.yaml", "AWS_Data_Science", "Data\n    previous_names: [AWS_Data_Science]"),
    ("groups/company.yaml", "expires: 2030-03-31", "expires: 2020-03-31"),
    ("users/engineering.yaml", "title: Site Reliability Engineer", "title: Engineer"),
    ("users/finance.yaml", "    user_type: Contractor", MANAGED),
    ("applications.yaml", "      users: [janedoe]\n", "      users: [janedoe, akua.mansa]\n"),
    ("applications.yaml", "        - AWS_Data_Science\n", "        - Data\n        - auditors\n"),
    ("users/data.yaml", "  - user_name: arnav.desai\n", f"{KIM}\n  - user_name: arnav.desai\n"),
)
"""A change of every sort but the deletion of a user or group."""

NAMED = (
    "user/johndoe",  # becomes a member
    "group/finance",  # of this group
    "user/li.juan",  # is a member no longer
    "group/engineering",  # of this one
    "user/saanvi.sarkar",  # is updated
    "group/AWS_Data_Science",  # is renamed
    "user/mateo.jackson",  # becomes a manager of somebody live
    "user/janedoe",  # becomes a manager of somebody new
    "user/akua.mansa",  # is assigned
    "group/auditors",  # is assigned
    "user/terry.whitlock",  # is updated
)


@pytest.fixture(scope="module")
def planned_once(tmp_path_factory: pytest.TempPathFactory, applied_once: Path) -> Path:
    """Return a directory with a plan of `EDITS`, in plan.json."""
    here = tmp_path_factory.mktemp("planned")
    shutil.copytree(applied_once, here, dirs_exist_ok=True)
    for one in EDITS:
        edit(here, *one)
    run = command("plan", "--sandbox", "--out", "plan.json", cwd=here)
    assert run.code == 0, run.err
    return here


@pytest.fixture
def planned(tmp_path: Path, planned_once: Path) -> Path:
    """Return a copy of it."""
    shutil.copytree(planned_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


@contextmanager
def live(here: Path) -> Iterator[tuple[IdentityStoreClient, SSOAdminClient]]:
    """Open the sandbox of *here* to somebody else: clients of identitystore and of sso-admin."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        session = sandbox.session()
        yield session.client("identitystore"), session.client("sso-admin")


def delete(here: Path, address: str, *, anew: bool = False) -> None:
    """Delete a user or group, and make another one just like it where it shall be made *anew*."""
    kind, _, name = address.partition("/")
    with live(here) as (store, _):
        client: Any = store
        if kind == "user":
            listed = client.list_users(
                IdentityStoreId=STORE, Extensions=["aws:identitystore:enterprise"]
            )
            (found,) = [one for one in listed["Users"] if one["UserName"] == name]
            client.delete_user(IdentityStoreId=STORE, UserId=found["UserId"])
        else:
            listed = client.list_groups(IdentityStoreId=STORE)
            (found,) = [one for one in listed["Groups"] if one["DisplayName"] == name]
            client.delete_group(IdentityStoreId=STORE, GroupId=found["GroupId"])
        if anew:
            operation = f"Create{kind.capitalize()}"
            taken = client.meta.service_model.operation_model(operation).input_shape.members
            getattr(client, f"create_{kind}")(**{k: v for k, v in found.items() if k in taken})


def apply(here: Path, *source: str) -> Run:
    return command("apply", *source, "--sandbox", "--auto-approve", cwd=here)


def written(here: Path) -> int:
    return len(list((here / ".identity-reconciler/journal").iterdir()))


def refused(here: Path, told: str, *source: str) -> None:
    """Apply, and see it refused before anything is written."""
    before = written(here)
    run = apply(here, *source)
    assert run.code == 5, run.out + run.err
    assert told in run.err
    assert written(here) == before


ABOUT_NIKKI = """\
    name: {given_name: Nikki, family_name: Wolf}
    profile_url: null # must have no value
    email: nikki.wolf@example.com
    title: Software Engineer
    enterprise: {department: Engineering, manager: mateo.jackson}
"""


class TestMadeAnew:
    """Somebody deleted what was reviewed, and made something just like it under its name."""

    @pytest.mark.parametrize("address", ["user/li.juan", "group/finance", "user/janedoe"])
    def test_is_refused(self, planned: Path, address: str) -> None:
        delete(planned, address, anew=True)
        refused(planned, f"{address} was deleted and made anew", "plan.json")

    @pytest.mark.parametrize("address", ["user/mateo.jackson"])
    def test_is_not_what_was_approved(self, planned: Path, address: str) -> None:
        delete(planned, address, anew=True)
        refused(planned, f"{address} was deleted and made anew", "--approved", "plan.json")

    @pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
    def test_what_was_to_be_deleted(self, applied: Path, source: tuple[str, ...]) -> None:
        """Also after it was deleted as planned; nobody reviewed the deletion of another one."""
        edit(applied, "groups/company.yaml", "      - nikki.wolf\n", "")
        edit(applied, "users/engineering.yaml", ABOUT_NIKKI, "    state: absent\n")
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=applied).code == 0
        delete(applied, "user/nikki.wolf", anew=True)
        refused(applied, "user/nikki.wolf was deleted and made anew", *source)


class TestGone:
    """What the plan needs is gone: nothing is begun that could not be ended."""

    @pytest.mark.parametrize("address", ["group/auditors", "user/mateo.jackson"])
    def test_is_refused(self, planned: Path, address: str) -> None:
        delete(planned, address)
        refused(planned, f"{address} is not live any more", "plan.json")

    @pytest.mark.parametrize("address", ["group/finance"])
    def test_is_missed_in_what_was_approved(self, planned: Path, address: str) -> None:
        delete(planned, address)
        refused(planned, f"{address} is not live any more", "--approved", "plan.json")

    @pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
    def test_application(self, planned: Path, source: tuple[str, ...]) -> None:
        with live(planned) as (_, admin):
            listed = admin.list_applications(InstanceArn=INSTANCE)["Applications"]
            (arn,) = [one["ApplicationArn"] for one in listed if one.get("Name") == "Grafana"]
            admin.delete_application(ApplicationArn=arn)
            admin.create_application(
                InstanceArn=INSTANCE,
                ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom",
                Name="Grafana",
            )
        refused(planned, f"{arn} is not live any more", *source)

    def test_who_only_loses_something_is_not_missed(self, planned: Path) -> None:
        delete(planned, "user/li.juan")
        run = apply(planned, "plan.json")
        assert run.code == 0, run.out + run.err
        assert "Already in place: 1 of" in run.out

    def test_expiry_needs_nothing_else(self, planned: Path) -> None:
        delete(planned, "group/finance")
        run = apply(planned, "--approved", "plan.json", "--only-expired")
        assert run.code == 0, run.out + run.err
        assert "- membership/auditors/terry.whitlock" in run.out
        delete(planned, "user/terry.whitlock", anew=True)
        refused(planned, "user/terry.whitlock was", "--approved", "plan.json", "--only-expired")


class TestWhatIsAsReviewed:
    """The plan itself deletes, renames and creates; that is no reason to refuse the rest."""

    @pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
    def test_begun_and_ended(self, planned: Path, source: tuple[str, ...]) -> None:
        assert apply(planned, *source).code == 0
        again = apply(planned, *source)
        assert again.code == 0, again.err

    def test_tells_of_each_object_which_one_it_is(self, planned: Path) -> None:
        told = json.loads((planned / "plan.json").read_text())["witnesses"]
        assert [one["address"] for one in told] == sorted(map(str.lower, NAMED))
        assert len({one["witness"] for one in told}) == len(NAMED)
        with live(planned) as (store, _):
            users = store.list_users(IdentityStoreId=STORE)["Users"]
        assert not any(one["UserId"] in (planned / "plan.json").read_text() for one in users)

    def test_tells_so_wherever_it_is_planned_from(self, planned: Path) -> None:
        told = json.loads((planned / "plan.json").read_text())
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        before = (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "x"))
        for arguments in before:
            subprocess.run(["git", *identity, *arguments], cwd=planned, check=True)
        edit(planned, "groups/company.yaml", "      - johndoe\n", "      - akua.mansa\n")
        names = ["group/finance", "user/akua.mansa"]
        known = {one["address"]: one["witness"] for one in told["witnesses"]}
        for option in ("--changed-since", "--base"):
            run = command("plan", "--sandbox", option, "HEAD", "--format", "json", cwd=planned)
            found = {one["address"]: one["witness"] for one in run.json()["witnesses"]}
            assert {name: found[name] for name in names} == {name: known[name] for name in names}

    @pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
    def test_a_plan_of_before_names_no_objects(
        self, planned: Path, source: tuple[str, ...]
    ) -> None:
        path = planned / "plan.json"
        content = json.loads(path.read_text())
        del content["digest"], content["witnesses"]
        content["format_version"] = "1.1"
        path.write_text(json.dumps({**content, "digest": digest_of(content)}, indent=2) + "\n")
        assert command("show", "plan.json", cwd=planned).code == 0
        refused(planned, "the plan does not say which", *source)
