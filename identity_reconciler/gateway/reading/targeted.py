"""Read a few objects by name, and what hangs on a few principals.

The requests grow with what is asked about, not with the organisation: one or two for each name,
one for each membership or assignment, one list for each principal and kind, and one for each
group or member in these lists that was not met before, or fewer; see `meeting`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import Any, assert_never

from botocore.exceptions import ClientError

from identity_reconciler.core.lease import is_lease
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.listing import Item, pages
from identity_reconciler.gateway.reading.lookup import PRINCIPAL_TYPES, Lookup
from identity_reconciler.gateway.reading.meeting import met_groups, met_users
from identity_reconciler.gateway.reading.pools import Work
from identity_reconciler.gateway.wire.errors import Call, is_missing, translating

_POOL = "lookups"
_Name = tuple[PrincipalKind, str]
"""A kind and a folded name."""


def is_about_names(wanted: Wanted) -> bool:
    """Return whether *wanted* asks for anything that `read_named` answers."""
    return bool(wanted.named or wanted.mentioned or wanted.addresses or _related(wanted))


def _related(wanted: Wanted) -> tuple[Principal, ...]:
    return (*wanted.principals, *wanted.memberships_of, *wanted.assignments_to)


def read_named(connection: Connection, wanted: Wanted) -> State:
    """Return what *wanted* asks for about single objects and principals, if they are live.

    Users and groups at the other end of the memberships of the principals are included.

    Raises:
        IncompleteReadError: Something could not be read.
        AccessDeniedError: A permission is missing.
        CredentialsError: There are none, or they have expired.
    """
    questions = _Questions(connection, wanted)
    clients = connection.clients
    for tasks in (questions.names, questions.edges):
        with Work() as work:
            work.pool(_POOL, clients.threads(clients.rates.identity_store))
            tasks(work)
            work.finish()
    questions.meet()
    return questions.state()


class _Questions:
    """The tasks of one read, and what they find."""

    def __init__(self, connection: Connection, wanted: Wanted) -> None:
        self._connection = connection
        self._wanted = wanted
        self._lookup = Lookup(connection)
        self._identifiers: dict[_Name, str | None] = {}
        """What is not live is missing or None."""
        self._users: dict[UserKey, User] = {}
        self._groups: dict[GroupKey, Group] = {}
        self._members: dict[GroupKey, set[UserKey]] = defaultdict(set)
        self._groups_of: dict[UserKey, list[str]] = {}
        """By user: the GroupIds of all groups."""
        self._members_of: dict[GroupKey, list[str]] = {}
        """By group: the UserIds of all members."""
        self._assignments: dict[ApplicationArn, set[Principal]] = defaultdict(set)

    def state(self) -> State:
        users = {
            user_key(one.user_name): User(one.user_name)
            for one in self._wanted.mentioned
            if isinstance(one, User) and self._identifiers.get((PrincipalKind.USER, one.key[1]))
        }
        groups = {
            group_key(one.name): Group(one.name)
            for one in self._wanted.mentioned
            if isinstance(one, Group)
            and not is_lease(one.name)
            and self._identifiers.get((PrincipalKind.GROUP, one.key[1]))
        }
        return State(
            users=users | self._users,
            groups=groups | self._groups,
            members={key: frozenset(members) for key, members in self._members.items()},
            assignments={arn: frozenset(found) for arn, found in self._assignments.items()},
        )

    def names(self, work: Work) -> None:
        """Find the identifiers behind all names, and read the users and groups asked about."""
        spellings = self._spellings()
        described = {resource.key for resource in self._wanted.named}
        for (kind, name), spelled in spellings.items():
            if kind is PrincipalKind.USER:
                whole = ("user", name) in described and not self._wanted.users
                work.start(_POOL, partial(self._find_user, spelled, whole=whole))
            else:
                whole = ("group", name) in described and not self._wanted.groups
                work.start(_POOL, partial(self._find_group, spelled, whole=whole))
        for address in dict.fromkeys(self._wanted.addresses):
            work.start(_POOL, partial(self._find_holder, address))

    def edges(self, work: Work) -> None:
        """Read the memberships and assignments, now that identifiers are known."""
        for resource in self._wanted.named:
            match resource:
                case Membership():
                    work.start(_POOL, partial(self._ask_membership, resource))
                case Assignment():
                    work.start(_POOL, partial(self._ask_assignment, resource))
                case _:
                    pass
        everything = self._wanted.principals
        for principal in dict.fromkeys((*everything, *self._wanted.assignments_to)):
            work.start(_POOL, partial(self._list_assignments, principal))
        for principal in dict.fromkeys((*everything, *self._wanted.memberships_of)):
            if principal.kind is PrincipalKind.USER:
                work.start(_POOL, partial(self._list_groups_of, principal))
            else:
                work.start(_POOL, partial(self._list_members_of, principal))

    def meet(self) -> None:
        """Put names in the place of the identifiers that lists of memberships hold.

        Who is not live any more has none, and is left out.
        """
        groups = met_groups(self._connection, chain.from_iterable(self._groups_of.values()))
        for user, found in self._groups_of.items():
            for group in filter(None, map(groups.get, found)):
                if is_lease(group.name):
                    continue
                self._groups.setdefault(group_key(group.name), group)
                self._members[group_key(group.name)].add(user)
        users = met_users(self._connection, chain.from_iterable(self._members_of.values()))
        for key, found in self._members_of.items():
            for member in filter(None, map(users.get, found)):
                self._users.setdefault(user_key(member.user_name), member)
                self._members[key].add(user_key(member.user_name))

    def _spellings(self) -> dict[_Name, str]:
        """Return every name that has to be found, as spelled where a resource spells it."""
        spelled: dict[_Name, str] = {}
        for principal in _related(self._wanted):
            if not principal.orphan:
                spelled[principal.kind, principal.name] = principal.name
        for resource in (*self._wanted.mentioned, *self._wanted.named):
            spelled |= {(kind, folded(name)): name for kind, name in _mentioned(resource)}
        return spelled

    def _identifier(self, principal: Principal) -> str | None:
        if principal.orphan:
            return principal.name
        return self._identifiers.get((principal.kind, principal.name))

    def _find_user(self, name: str, *, whole: bool) -> None:
        """Find the id of a user; read all of the user too where *whole* is true.

        Who is not in the list of this very read is not live, unless it holds twins of that name.
        """
        place = (PrincipalKind.USER, folded(name))
        if not whole:
            users = self._connection.directory.users
            listed = self._wanted.users and not users.is_shared(name)
            find = users.identifier if listed else self._lookup.user_id
            self._identifiers[place] = find(name)
            return
        found = self._lookup.user(name)
        if found is not None:
            self._identifiers[place] = found.identifier
            self._users[user_key(name)] = found.value

    def _find_group(self, name: str, *, whole: bool) -> None:
        """Find the id of a group; see `_find_user`. The one that keeps the lease is not found."""
        if whole and is_lease(name):
            return
        place = (PrincipalKind.GROUP, folded(name))
        if not whole:
            groups = self._connection.directory.groups
            listed = self._wanted.groups and not groups.is_shared(name)
            find = groups.identifier if listed else self._lookup.group_id
            self._identifiers[place] = find(name)
            return
        found = self._lookup.group(name)
        if found is not None:
            self._identifiers[place] = found.identifier
            self._groups[group_key(name)] = found.value

    def _find_holder(self, address: str) -> None:
        found = self._lookup.user_with_address(address)
        if found is not None:
            self._users[user_key(found.value.user_name)] = found.value

    def _ask_membership(self, edge: Membership) -> None:
        group_id = self._identifiers.get((PrincipalKind.GROUP, folded(edge.group)))
        user_id = self._identifiers.get((PrincipalKind.USER, folded(edge.user)))
        if group_id and user_id and self._lookup.membership_id(group_id, user_id):
            self._members[group_key(edge.group)].add(user_key(edge.user))

    def _ask_assignment(self, edge: Assignment) -> None:
        identifier = self._identifier(edge.principal)
        if identifier and self._lookup.assigned(edge.application, edge.principal.kind, identifier):
            self._assignments[edge.application].add(edge.principal)

    def _list_groups_of(self, principal: Principal) -> None:
        call = Call("identitystore", "ListGroupMembershipsForMember", f"user/{principal.name}")
        user_id = self._identifier(principal)
        if user_id is None:
            return
        request = {"IdentityStoreId": self._connection.store, "MemberId": {"UserId": user_id}}
        directory = self._connection.directory
        for group_id, membership_id in self._list(call, request, _group_and_membership):
            directory.put_membership(group_id, user_id, membership_id)
            self._groups_of.setdefault(UserKey(principal.name), []).append(group_id)

    def _list_members_of(self, principal: Principal) -> None:
        call = Call("identitystore", "ListGroupMemberships", f"group/{principal.name}")
        group_id = self._identifier(principal)
        if group_id is None:
            return
        request = {"IdentityStoreId": self._connection.store, "GroupId": group_id}
        directory = self._connection.directory
        for user_id, membership_id in self._list(call, request, _user_and_membership):
            directory.put_membership(group_id, user_id, membership_id)
            self._members_of.setdefault(GroupKey(principal.name), []).append(user_id)

    def _list_assignments(self, principal: Principal) -> None:
        """List what a principal is assigned to itself.

        Whether AWS adds to the answer for a user what comes through a group is unknown, so items
        of other principals are dropped. Source: DescribeApplicationAssignment.
        """
        subject = f"{principal.kind}/{principal.name}"
        call = Call("sso-admin", "ListApplicationAssignmentsForPrincipal", subject)
        identifier = self._identifier(principal)
        if identifier is None:
            return
        request = {
            "InstanceArn": self._connection.instance.instance_arn,
            "PrincipalId": identifier,
            "PrincipalType": PRINCIPAL_TYPES[principal.kind],
        }
        for arn, of in self._list(call, request, _application_and_principal):
            if of == identifier:
                self._assignments[ApplicationArn(arn)].add(principal)

    def _list(
        self, call: Call, request: Mapping[str, Any], read: Callable[[Item], tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """Return a whole list about one principal; a principal that has just gone has none."""
        clients = self._connection.clients
        client = clients.sso_admin if call.service == "sso-admin" else clients.identity_store
        with translating(call):
            try:
                return [read(item) for page in pages(client, call, dict(request)) for item in page]
            except ClientError as error:
                if is_missing(error):
                    return []
                raise


def _group_and_membership(item: Item) -> tuple[str, str]:
    return item["GroupId"], item["MembershipId"]


def _user_and_membership(item: Item) -> tuple[str, str]:
    return item["MemberId"]["UserId"], item["MembershipId"]


def _application_and_principal(item: Item) -> tuple[str, str]:
    return item["ApplicationArn"], item["PrincipalId"]


def _mentioned(resource: Resource) -> tuple[tuple[PrincipalKind, str], ...]:
    """Return the users and groups that *resource* is or names, as spelled."""
    match resource:
        case User():
            return ((PrincipalKind.USER, resource.user_name),)
        case Group():
            return ((PrincipalKind.GROUP, resource.name),)
        case Membership():
            return ((PrincipalKind.GROUP, resource.group), (PrincipalKind.USER, resource.user))
        case Assignment(principal=principal):
            if principal.orphan:
                return ()
            return ((principal.kind, resource.principal_name or principal.name),)
        case _:
            assert_never(resource)
