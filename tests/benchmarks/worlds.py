"""Organisations of any size, as YAML files and as live states, for the benchmarks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from identity_reconciler.core.declared import Declared, Instance
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
)
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.seeding import seed

INSTANCE = """\
instance:
  name: main
  region: us-east-1
  account_id: "123456789012"
  instance_arn: arn:aws:sso:::instance/ssoins-1234567890abcdef
  identity_store_id: d-1234567890
"""
_FILES = 50
"""Files of each kind that a directory is split into."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything. Groups and applications share their links evenly."""

    users: int
    groups: int
    memberships: int
    applications: int
    assignments: int

    def __str__(self) -> str:
        return (
            f"{self.users:,} users, {self.groups:,} groups, {self.memberships:,} memberships, "
            f"{self.applications:,} applications, {self.assignments:,} assignments"
        )

    def user(self, number: int) -> str:
        """Return the name of a user."""
        return f"user{number % self.users:06}"

    def group(self, number: int) -> str:
        """Return the name of a group."""
        return f"group{number % self.groups:05}"

    def members(self, group: int) -> list[str]:
        """Return the names of the members of a group, all different."""
        count = self.memberships // self.groups
        return [self.user(group * 31 + step) for step in range(count)]

    def assigned(self, application: int) -> list[str]:
        """Return the names of the groups assigned to an application, all different."""
        count = self.assignments // self.applications
        return [self.group(application * 17 + step) for step in range(count)]


def write_yaml(directory: Path, size: Size, *, drift: int = 0, commented: bool = False) -> None:
    """Write *size* as desired state; every *drift*-th user has another title than is live.

    With comments, each user has one above and one beside it, and each group has a block text and
    its members in brackets over several lines, one in ten of them with a comment.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "instance.yaml").write_text(INSTANCE)
    users = [_user(size, number, drift) for number in range(size.users)]
    groups = [_group(size, number) for number in range(size.groups)]
    if commented:
        users = [_commented_user(text) for text in users]
        groups = [_commented_group(size, number) for number in range(size.groups)]
    _split(directory, "users", users)
    _split(directory, "groups", groups)
    _split(
        directory,
        "applications",
        [_application(size, number) for number in range(size.applications)],
    )


def _split(directory: Path, kind: str, entries: list[str]) -> None:
    each = -(-len(entries) // _FILES) or 1
    for start in range(0, len(entries), each):
        path = directory / f"{kind}-{start // each:03}.yaml"
        path.write_text(f"{kind}:\n" + "".join(entries[start : start + each]))


def _user(size: Size, number: int, drift: int) -> str:
    name = size.user(number)
    title = "Chief" if drift and number % drift == 0 else "Engineer"
    return (
        f"  - user_name: {name}\n"
        f"    name: {{given_name: User, family_name: N{number:06}}}\n"
        f"    display_name: User {number:06}\n"
        f"    email: {name}@example.com\n"
        f"    title: {title}\n"
        f"    enterprise: {{department: Department {number % 40}}}\n"
    )


def _group(size: Size, number: int) -> str:
    members = "".join(f"      - {name}\n" for name in size.members(number))
    return f"  - name: {size.group(number)}\n    members:\n{members}"


def _commented_user(text: str) -> str:
    head, rest = text.split("\n", 1)
    return f"\n  # Joined in spring.\n{head} # by hand\n{rest}"


def _commented_group(size: Size, number: int) -> str:
    members = "".join(
        f"      {name},{'' if step % 10 else ' # a lead'}\n"
        for step, name in enumerate(size.members(number))
    )
    return (
        f"\n  - name: {size.group(number)}\n"
        "    description: >-\n      Those who work\n      on one thing\n"
        f"    members: [\n{members}    ]\n"
    )


def _application(size: Size, number: int) -> str:
    groups = json.dumps(size.assigned(number))
    return f"  - name: Application {number:04}\n    assignments:\n      groups: {groups}\n"


def live_state(size: Size) -> State:
    """Return the live state that the YAML of *size* without drift declares."""
    return State(
        users={UserKey(one.user_name): one for one in _users(size)},
        groups={
            GroupKey(size.group(number)): Group(GroupName(size.group(number)))
            for number in range(size.groups)
        },
        members={
            GroupKey(size.group(number)): frozenset(map(UserKey, size.members(number)))
            for number in range(size.groups)
        },
        applications={
            _arn(number): Application(_arn(number), f"Application {number:04}")
            for number in range(size.applications)
        },
        assignments={
            _arn(number): frozenset(
                Principal(PrincipalKind.GROUP, name) for name in size.assigned(number)
            )
            for number in range(size.applications)
        },
    )


def _users(size: Size) -> Iterator[User]:
    for number in range(size.users):
        name = size.user(number)
        yield User(
            UserName(name),
            display_name=f"User {number:06}",
            given_name="User",
            family_name=f"N{number:06}",
            email=Email(f"{name}@example.com", "work", primary=True),
            title="Engineer",
            department=f"Department {number % 40}",
        )


def _arn(number: int) -> ApplicationArn:
    return ApplicationArn(
        f"arn:aws:sso::123456789012:application/ssoins-1234567890abcdef/apl-{number:016x}"
    )


def instance() -> Instance:
    """Return the instance that the YAML names, which is the sandbox's own."""
    details = InstanceDetails()
    return Instance(
        name="main",
        region=details.region,
        account_id=details.account_id,
        instance_arn=details.instance_arn,
        identity_store_id=details.identity_store_id,
    )


def declared(size: Size) -> Declared:
    """Return what the YAML of *size* without drift declares."""
    with tempfile.TemporaryDirectory() as name:
        write_yaml(Path(name), size)
        return load(Path(name))


def empty_sandbox(path: Path, size: Size) -> list[str]:
    """Make a sandbox with nothing but the applications of *size*, and return their ARNs."""
    with Sandbox(path) as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        return [
            sandbox.add_application(f"Application {number:04}")
            for number in range(size.applications)
        ]


def fill(sandbox: Sandbox, size: Size) -> None:
    """Make *size* live in *sandbox*."""
    seed(sandbox, declared(size), datetime.now(UTC))
