"""Read whole lists, side by side: users, groups, applications and what hangs on them.

The lists that everything else follows from start first, and what follows from a page starts with
that page. Every list is read to its end, or nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from botocore.exceptions import ClientError

from identity_reconciler.core.attributes import ENTERPRISE
from identity_reconciler.core.lease import is_lease
from identity_reconciler.core.state import Application, ApplicationArn, Group, PrincipalKind, User
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.listing import Item, pages
from identity_reconciler.gateway.reading.pools import Work
from identity_reconciler.gateway.reading.records import (
    Record,
    application,
    group_record,
    user_record,
)
from identity_reconciler.gateway.reading.sides import Sides
from identity_reconciler.gateway.wire.errors import Call, code_of, is_missing, translating

_Read = TypeVar("_Read")

_MANY = 1_000_000
"""Users, where their list is not read: too many to ask each for their groups."""
_UNSUPPORTED = "not supported for this action"
"""In the answer of some AWS applications to questions about their assignment configuration.

Source: aws-ia/terraform-aws-iam-identity-center issue 71.
"""


@dataclass(slots=True)
class Lists:
    """What the lists hold, by identifier. Filled by several threads, each its own entries."""

    users: dict[str, Record[User]] = field(default_factory=dict)
    groups: dict[str, Record[Group]] = field(default_factory=dict)
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    """By GroupId: the MembershipId of each UserId."""
    applications: dict[ApplicationArn, Application] = field(default_factory=dict)
    required: dict[ApplicationArn, bool | None] = field(default_factory=dict)
    """AssignmentRequired; None where the application does not support the question."""
    assignments: dict[ApplicationArn, set[tuple[PrincipalKind, str]]] = field(default_factory=dict)
    """By application: kind and PrincipalId."""


def read_lists(connection: Connection, wanted: Wanted) -> Lists:
    """Return every list that *wanted* asks for, complete.

    Raises:
        IncompleteReadError: One of them could not be read; the others are abandoned.
        AccessDeniedError: A permission is missing.
        CredentialsError: There are none, or they have expired.
    """
    with Work() as work:
        reading = _Reading(connection, wanted, work)
        reading.start()
        work.finish()
    return reading.lists


class _Reading:
    """The tasks of one read."""

    def __init__(self, connection: Connection, wanted: Wanted, work: Work) -> None:
        self.lists = Lists()
        self._clients = connection.clients
        self._instance = connection.instance
        self._wanted = wanted
        self._work = work
        self._sides = Sides(self._members_by_group, self._members_by_user)

    def start(self) -> None:
        clients = self._clients
        self._work.pool("users", 1)
        self._work.pool("groups", 1)
        self._work.pool("members", clients.threads(clients.rates.identity_store))
        self._work.pool("applications", clients.threads(clients.rates.sso_admin))
        if self._wanted.users:
            self._work.start("users", self._read_users)
        else:
            self._sides.users_seen(_MANY, complete=True)
        if self._wanted.groups:
            self._work.start("groups", self._read_groups)
        if self._wanted.applications:
            self._work.start("applications", self._read_applications)
        else:
            for arn in dict.fromkeys(self._wanted.arns):
                self._work.start("applications", partial(self._read_application, arn))

    def _read_users(self) -> None:
        subject = "the list of users"
        for user in self._store("ListUsers", subject, user_record, Extensions=[ENTERPRISE]):
            self.lists.users[user.identifier] = user
            self._sides.users_seen(len(self.lists.users), complete=False)
        self._sides.users_seen(len(self.lists.users), complete=True)

    def _read_groups(self) -> None:
        for group in self._store("ListGroups", "the list of groups", group_record):
            known = group.identifier in self.lists.groups
            self.lists.groups[group.identifier] = group
            if known or is_lease(group.value.name):
                continue
            if self._wanted.members_of(group.value):
                self._sides.choose(group)
        self._sides.groups_seen(len(self.lists.groups))

    def _members_by_group(self, group: Record[Group]) -> None:
        length = self._wanted.length_of(group.value)
        self._work.start("members", partial(self._read_members, group), weight=length)

    def _members_by_user(self, groups: list[Record[Group]]) -> None:
        self.lists.members |= {group.identifier: {} for group in groups}
        for user in self.lists.users.values():
            self._work.start("members", partial(self._read_groups_of, user))

    def _read_groups_of(self, user: Record[User]) -> None:
        subject = f"the groups of user/{user.value.user_name}"
        member = {"UserId": user.identifier}
        for group_id, membership_id in self._store(
            "ListGroupMembershipsForMember", subject, _group, MemberId=member
        ):
            if group_id in self.lists.members:
                self.lists.members[group_id][user.identifier] = membership_id

    def _read_members(self, group: Record[Group]) -> None:
        subject = f"the members of group/{group.value.name}"
        members = self._store("ListGroupMemberships", subject, _member, GroupId=group.identifier)
        self.lists.members[group.identifier] = dict(members)

    def _read_applications(self) -> None:
        arn = self._instance.instance_arn
        subject = "the list of applications"
        for found in self._admin("ListApplications", subject, application, InstanceArn=arn):
            self._found_application(found)

    def _read_application(self, arn: ApplicationArn) -> None:
        with translating(Call("sso-admin", "DescribeApplication", f"application {arn}")):
            try:
                answer = self._clients.sso_admin.describe_application(ApplicationArn=arn)
            except ClientError as error:
                if is_missing(error):
                    return
                raise
            if answer.get("InstanceArn") in {None, self._instance.instance_arn}:
                self._found_application(application(answer))

    def _found_application(self, found: Application) -> None:
        known = found.arn in self.lists.applications
        self.lists.applications[found.arn] = found
        if not known and self._wanted.assignments_of(found):
            self._work.start("applications", partial(self._read_assignments, found))
            self._work.start("applications", partial(self._read_configuration, found))
        elif not known and self._wanted.required_of(found):
            self._work.start("applications", partial(self._read_configuration, found))

    def _read_assignments(self, of: Application) -> None:
        subject = f"the assignments of application {of.name or of.arn}"
        principals = self._admin(
            "ListApplicationAssignments", subject, _principal, ApplicationArn=of.arn
        )
        self.lists.assignments[of.arn] = set(principals)

    def _read_configuration(self, of: Application) -> None:
        call = Call(
            "sso-admin", "GetApplicationAssignmentConfiguration", f"application {of.name or of.arn}"
        )
        with translating(call):
            try:
                answer = self._clients.sso_admin.get_application_assignment_configuration(
                    ApplicationArn=of.arn
                )
            except ClientError as error:
                text = str(error.response.get("Error", {}).get("Message", ""))
                if code_of(error) != "ValidationException" or _UNSUPPORTED not in text:
                    raise
                self.lists.required[of.arn] = None
            else:
                self.lists.required[of.arn] = answer["AssignmentRequired"]

    def _store(
        self, operation: str, subject: str, read: Callable[[Item], _Read], **request: object
    ) -> Iterator[_Read]:
        """Yield what *read* makes of each item of a list of identitystore."""
        call = Call("identitystore", operation, subject)
        request["IdentityStoreId"] = self._instance.identity_store_id
        with translating(call):
            for page in pages(self._clients.identity_store, call, request, self._stopped):
                yield from map(read, page)

    def _admin(
        self, operation: str, subject: str, read: Callable[[Item], _Read], **request: object
    ) -> Iterator[_Read]:
        """Yield what *read* makes of each item of a list of sso-admin."""
        call = Call("sso-admin", operation, subject)
        with translating(call):
            for page in pages(self._clients.sso_admin, call, request, self._stopped):
                yield from map(read, page)

    def _stopped(self) -> bool:
        return self._work.stopped


def _member(item: Item) -> tuple[str, str]:
    """Return UserId and MembershipId; members are users and nothing else. Source: MemberId."""
    return item["MemberId"]["UserId"], item["MembershipId"]


def _group(item: Item) -> tuple[str, str]:
    return item["GroupId"], item["MembershipId"]


def _principal(item: Item) -> tuple[PrincipalKind, str]:
    return PrincipalKind(item["PrincipalType"].lower()), item["PrincipalId"]
