"""The loader: a directory of YAML to what it declares."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from identity_reconciler.core.declared import Declared, Listed, ManageLinks, ManageObjects, Presence
from identity_reconciler.core.state import Email, PhoneNumber, Photo, PostalAddress, Role
from identity_reconciler.core.wording import INVISIBLE
from identity_reconciler.desired.reading.loader import digest, instance_directories, load
from identity_reconciler.errors import InvalidInputError, Position, UsageError

EXAMPLE = Path(__file__).parents[3] / "desired-state"
INSTANCE = (Path(__file__).parents[2] / "invalid" / "instance.yaml").read_text("utf-8")
ANN = """\
  - user_name: ann
    name: {given_name: Ann, family_name: Lee}
    email: ann@example.com
"""

WHAT_IT_IS_FOR = "it says which instance this directory is about"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes `data.yaml` and the settings, and gives the directory."""

    def write_files(data: str, settings: str = "") -> Path:
        (tmp_path / "instance.yaml").write_text(INSTANCE + settings, "utf-8")
        (tmp_path / "data.yaml").write_text(data, "utf-8")
        return tmp_path

    return write_files


def problems(directory: Path) -> list[str]:
    """Return what is wrong with *directory*, as text."""
    with pytest.raises(InvalidInputError) as caught:
        load(directory)
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture(scope="module")
def declared() -> Declared:
    """Return what the example declares."""
    return load(EXAMPLE)


class TestExample:
    """The example is what the documents say of it."""

    def test_counts(self, declared: Declared) -> None:
        assert (len(declared.users), len(declared.groups), len(declared.applications)) == (12, 5, 4)

    def test_johndoe_is_in_both_data_groups(self, declared: Declared) -> None:
        members = {
            group.name: {listed.name for listed in group.members or ()} for group in declared.groups
        }
        assert "johndoe" in members["AWS_Data_Science"] & members["AWS_Applied_Scientists"]

    def test_engineering_may_open_redshift(self, declared: Declared) -> None:
        (redshift,) = (a for a in declared.applications if a.selector.name == "Amazon Redshift")
        assert [listed.name for listed in redshift.groups] == ["engineering"]

    def test_every_file_names_its_schema(self, declared: Declared) -> None:
        for name in declared.files:
            first, _ = (EXAMPLE / name).read_text("utf-8").split("\n", 1)
            schema = (EXAMPLE / name).parent / first.partition("$schema=")[2]
            assert schema.resolve().parent == EXAMPLE.parent / "schemas"
            assert schema.is_file()

    def test_addresses_lead_nowhere(self, declared: Declared) -> None:
        for user in declared.users:
            assert user.user.email is not None
            assert user.user.email.value.endswith((".example.com", "@example.com"))


class TestUsers:
    """Every key of a user arrives in its field."""

    def test_all_keys(self, write: Write) -> None:
        text = (
            ANN
            + """\
    display_name: Dr. Ann
    nick_name: Annie
    profile_url: "https://example.com/ann"
    phone_number: {value: "+1 555 0100", type: work, primary: true}
    address: {street_address: 1 Main Street, locality: Springfield, region: IL,
              postal_code: "62701", country: US, formatted: whole, type: home, primary: false}
    user_type: Employee
    title: Engineer
    preferred_language: en-US
    locale: en-US
    timezone: Europe/Berlin
    website: https://example.com/blog
    birthdate: "1990-01-31"
    photos: [{value: "https://example.com/1.png", type: photo, display: Me, primary: true}]
    role: Steward
    enterprise:
      employee_number: "1"
      cost_center: CC-1
      organization: Example
      division: Research
      department: Data
      manager: bob
  - user_name: bob
    name:
      given_name: Bob
      family_name: Ray
      middle_name: M.
      honorific_prefix: Mr.
      honorific_suffix: Jr.
      formatted: Mr. Bob M. Ray Jr.
    email: {value: bob@example.com, type: work, primary: true}
    role: {value: Owner, type: work}
    state: present
"""
        )
        ann, bob = (declared.user for declared in load(write("users:\n" + text)).users)
        assert (ann.user_name, ann.display_name, ann.nick_name) == ("ann", "Dr. Ann", "Annie")
        assert (ann.given_name, ann.family_name) == ("Ann", "Lee")
        assert ann.profile_url == "https://example.com/ann"
        assert ann.email == Email("ann@example.com", primary=True)
        assert ann.phone_number == PhoneNumber("+1 555 0100", "work", primary=True)
        assert ann.address == PostalAddress(
            *("1 Main Street", "Springfield", "IL", "62701", "US", "whole", "home"), primary=False
        )
        assert (ann.user_type, ann.title) == ("Employee", "Engineer")
        assert (ann.preferred_language, ann.locale, ann.timezone) == (
            *("en-US", "en-US"),
            "Europe/Berlin",
        )
        assert (ann.website, ann.birthdate) == ("https://example.com/blog", "1990-01-31")
        assert ann.photos == (Photo("https://example.com/1.png", "photo", "Me", primary=True),)
        assert ann.role == Role("Steward")
        assert (ann.employee_number, ann.cost_center, ann.organization) == ("1", "CC-1", "Example")
        assert (ann.division, ann.department, ann.manager) == ("Research", "Data", "bob")
        assert (bob.middle_name, bob.honorific_prefix, bob.honorific_suffix) == ("M.", "Mr.", "Jr.")
        assert bob.formatted_name == "Mr. Bob M. Ray Jr."
        assert bob.display_name is None
        assert bob.email == Email("bob@example.com", "work", primary=True)
        assert bob.role == Role("Owner", "work")
        assert not ann.cleared | bob.cleared

    def test_null_clears(self, write: Write) -> None:
        text = (
            "users:\n  - user_name: ann\n    email: a@example.com\n    title: null\n"
            "    name: {given_name: A, family_name: B, formatted: null, middle_name: null}\n"
            "    photos: null\n    address: null\n    enterprise: {manager: null}\n"
        )
        (ann,) = load(write(text)).users
        assert ann.user.cleared == {
            *("title", "formatted_name", "middle_name", "photos", "address", "manager")
        }
        assert ann.user.title is None

    def test_email_can_be_optional(self, write: Write) -> None:
        text = "users:\n  - user_name: ann\n    name: {given_name: A, family_name: B}\n"
        (ann,) = load(write(text, "manage: {require_email: false}\n")).users
        assert ann.user.email is None

    def test_absent_and_external_need_only_a_name(self, write: Write) -> None:
        text = "users:\n" + ANN.replace("ann", "bob") + "    state: absent\n"
        text += "  - {user_name: cid, state: absent}\n  - {user_name: dan, state: external}\n"
        bob, cid, dan = load(write(text)).users
        assert [one.presence for one in (bob, cid, dan)] == [
            *(Presence.ABSENT, Presence.ABSENT),
            Presence.EXTERNAL,
        ]

    def test_previous_names(self, write: Write) -> None:
        text = f"users:\n{ANN}    previous_user_names: [anna]\n"
        (ann,) = load(write(text, "manage: {rename_users: true}\n")).users
        assert ann.previous_names == ("anna",)

    def test_positions(self, write: Write) -> None:
        (ann,) = load(write("users:\n" + ANN)).users
        assert ann.position == Position("data.yaml", 2, 5)


class TestGroups:
    """Groups carry their members with places, ends and reasons."""

    def test_members(self, write: Write) -> None:
        text = (
            f"users:\n{ANN}{ANN.replace('ann', 'bob')}groups:\n  - name: data\n    members:\n"
            "      - ann\n      - {user: bob, expires: 2026-12-31, reason: T-9}\n"
            "  - name: empty\n    members: []\n    description: null\n  - name: unmanaged\n"
        )
        data, empty, unmanaged = load(write(text)).groups
        assert data.members == (
            Listed("ann", Position("data.yaml", 11, 9)),
            Listed(
                "bob", Position("data.yaml", 12, 9), datetime(2027, 1, 1, tzinfo=UTC), reason="T-9"
            ),
        )
        assert empty.members == ()
        assert empty.group.cleared == {"description"}
        assert unmanaged.members is None

    def test_previous_names(self, write: Write) -> None:
        (group,) = load(write("groups:\n  - name: new\n    previous_names: [old]\n")).groups
        assert group.previous_names == ("old",)


class TestApplications:
    """Applications carry how to find them and who is assigned."""

    def test_assignments(self, write: Write) -> None:
        text = (
            f"users:\n{ANN}groups:\n  - name: data\napplications:\n  - name: Grafana\n"
            "    account: '111122223333'\n    assignments:\n      users: [ann]\n"
            "      groups: [{group: data, expires: '2026-12-31T10:00:00+02:00'}]\n"
            "  - name: None of ours\n  - name: Nobody\n    assignments: {}\n"
        )
        grafana, unmanaged, nobody = load(write(text)).applications
        assert (grafana.selector.name, grafana.selector.account) == ("Grafana", "111122223333")
        assert [listed.name for listed in grafana.users] == ["ann"]
        assert grafana.groups[0].expires == datetime(2026, 12, 31, 8, tzinfo=UTC)
        assert grafana.managed
        assert not unmanaged.managed
        assert nobody.managed
        assert nobody.users == nobody.groups == ()


class TestSettings:
    """`instance.yaml` says which instance, and how much of it."""

    def test_defaults(self, write: Write) -> None:
        settings = load(write("users: []\n")).settings
        assert settings.instance.account_id == "111122223333"
        assert settings.instance.delegated_administrator is None
        assert (settings.users, settings.groups) == (ManageObjects.DECLARED,) * 2
        assert (settings.memberships, settings.assignments) == (ManageLinks.AUTHORITATIVE,) * 2
        assert settings.require_email
        assert not settings.rename_users

    def test_everything_set(self, write: Write) -> None:
        more = (
            '  delegated_administrator: "444455556666"\n'
            "manage: {users: reference, groups: authoritative, memberships: additive,"
            " assignments: off}\nignore: {users: [svc-*]}\n"
        ).replace("assignments: off", 'assignments: "off"')
        settings = load(write("users: []\n", more)).settings
        assert settings.instance.delegated_administrator == "444455556666"
        assert settings.users is ManageObjects.REFERENCE
        assert settings.groups is ManageObjects.AUTHORITATIVE
        assert settings.memberships is ManageLinks.ADDITIVE
        assert settings.assignments is ManageLinks.OFF
        assert settings.ignore.users == ("svc-*",)

    def test_references_need_no_declaration(self, write: Write) -> None:
        text = "groups:\n  - name: data\n    members: [anyone]\n"
        (group,) = load(write(text, "manage: {users: reference}\n")).groups
        assert group.members is not None
        assert group.members[0].name == "anyone"


class TestReferences:
    """What is broken elsewhere is not reported as missing here."""

    def test_a_broken_entry_counts_as_declared(self, write: Write) -> None:
        text = f"users:\n{ANN}    state: gone\n  - {{user_name: Bob Ray}}\n"
        text += "groups:\n  - name: data\n    members: [ann, Bob Ray, zoe]\n"
        said = problems(write(text))
        assert len(said) == 3
        assert said[-1].startswith('data.yaml:9:29: user "zoe" is not declared')

    def test_many_users_are_searched_for_slips(self, write: Write) -> None:
        names = [f"user{number:04}" for number in range(600)]
        text = "users:\n" + "".join(ANN.replace("ann", name) for name in names)
        text += "groups:\n  - name: data\n    members: [usre0042, user00421, nobody]\n"
        assert [line.partition("; ")[2][:12] for line in problems(write(text))] == [
            *("did you mean",) * 2,
            "declare it u",
        ]

    def test_spelling_of_a_member_need_not_match(self, write: Write) -> None:
        text = f"users:\n{ANN}groups:\n  - name: data\n    members: [ANN]\n"
        assert load(write(text)).groups[0].members == (Listed("ANN", Position("data.yaml", 7, 15)),)


class TestFiles:
    """Only plain files in the tree count, and whatever looks like one is noticed."""

    def test_no_yaml(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("hello")
        assert problems(tmp_path) == [
            f"instance.yaml:1:1: the directory holds no *.yaml file; {WHAT_IT_IS_FOR}"
        ]

    def test_no_settings(self, tmp_path: Path) -> None:
        (tmp_path / "data.yaml").write_text("users: []\n")
        assert problems(tmp_path) == [f"instance.yaml:1:1: there is no such file; {WHAT_IT_IS_FOR}"]

    def test_missing_directory(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="does not exist"):
            load(tmp_path / "nowhere")

    def test_directory_that_is_a_file(self, write: Write) -> None:
        with pytest.raises(UsageError, match="is a file"):
            load(write("users: []\n") / "data.yaml")

    def test_hidden_names_are_skipped(self, write: Write) -> None:
        directory = write("users: []\n")
        (directory / ".git").mkdir()
        (directory / ".git" / "x.yaml").write_text("[")
        (directory / ".draft.yaml").write_text("[")
        assert load(directory).files == ("data.yaml", "instance.yaml")

    def test_symbolic_links(self, write: Write) -> None:
        directory = write("users: []\n")
        (directory / "passwd.yaml").symlink_to("/etc/hostname")
        (directory / "up").symlink_to(directory.parent)
        assert [line.split(":")[0] for line in problems(directory)] == ["passwd.yaml", "up"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_named_pipes(self, write: Write) -> None:
        directory = write("users: []\n")
        os.mkfifo(directory / "pipe.yaml")
        assert problems(directory) == ["pipe.yaml:1:1: not a regular file; remove it"]

    @pytest.mark.parametrize("name", ["a\n::error::.yaml", "data\ufe0f.yaml", "data\u3164.yaml"])
    def test_names_that_would_forge_a_line_or_look_like_another(
        self, write: Write, name: str
    ) -> None:
        directory = write("users: []\n")
        (directory / name).write_text("users: []\n")
        (line,) = problems(directory)
        assert line.isprintable()
        assert not INVISIBLE & set(line)
        assert "the file's name has characters that not every system can store" in line

    def test_too_large(self, write: Write) -> None:
        (line,) = problems(write("#" * 5_000_001))
        assert line == "data.yaml:1:1: the file is larger than 5,000,000 bytes; split it"


class TestDigest:
    """The digest changes with every byte and every name, and with nothing else."""

    def test_it_is_the_same_wherever_the_directory_is(self, write: Write) -> None:
        directory = write("users: []\n")
        before = load(directory).digest
        moved = directory.rename(directory.with_name("moved"))
        assert load(moved).digest == before
        assert len(before) == 64

    def test_it_tells_names_and_bytes_apart(self) -> None:
        contents = [{"a": b"b"}, {"ab": b""}, {"a": b"bc"}, {"a": b"", "b": b""}, {}]
        assert len({digest(one) for one in contents}) == len(contents)


class TestInstances:
    """One directory is one instance; a parent directory is all of them."""

    def test_one(self, write: Write) -> None:
        directory = write("users: []\n")
        assert instance_directories(directory) == [directory]

    def test_several(self, tmp_path: Path) -> None:
        for name in ("prod", "dev", "docs"):
            (tmp_path / name).mkdir()
        for name in ("prod", "dev"):
            (tmp_path / name / "instance.yaml").write_text(INSTANCE)
        assert instance_directories(tmp_path) == [tmp_path / "dev", tmp_path / "prod"]

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"holds instance\.yaml"):
            instance_directories(tmp_path)


def test_loading_needs_neither_aws_nor_the_sandbox() -> None:
    program = (
        "import sys, identity_reconciler.desired.reading.loader,"
        " identity_reconciler.desired.model.schema;"
        "sys.exit(bool({'boto3', 'botocore', 'moto', 'deepdiff', 'typer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
