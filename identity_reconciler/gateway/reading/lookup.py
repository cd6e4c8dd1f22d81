"""Look up single objects: by name, by identifier, or by what they connect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from identity_reconciler.core.attributes import ENTERPRISE
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    Principal,
    PrincipalKind,
    Provenance,
    User,
    UserName,
    folded,
)
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.listing import pages
from identity_reconciler.gateway.reading.records import (
    Record,
    group_record,
    provenance,
    user_record,
)
from identity_reconciler.gateway.reading.witnesses import former_name
from identity_reconciler.gateway.wire.errors import Call, code_of, is_missing, translating

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import AlternateIdentifierTypeDef
    from mypy_boto3_sso_admin.literals import PrincipalTypeType

_Answer = TypeVar("_Answer")

PRINCIPAL_TYPES: dict[PrincipalKind, PrincipalTypeType] = {
    PrincipalKind.USER: "USER",
    PrincipalKind.GROUP: "GROUP",
}


class Lookup:
    """Answers questions about single objects with one or two requests each.

    What it finds goes into the directory, what it misses leaves it. Every method returns None
    for what is not live, and raises IncompleteReadError, AccessDeniedError or CredentialsError
    where AWS does not say.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.clients.identity_store
        self._store = connection.store

    def user(self, name: str) -> Record[User] | None:
        """Return the user called *name* as it is now."""
        register = self._connection.directory.users
        known = register.find(name)
        found = known and self.user_with_id(known.identifier)
        if found is not None and found.value.key[1] == folded(name):
            return found
        identifier = self._ask_user_id(name)
        return self.user_with_id(identifier) if identifier else None

    def group(self, name: str) -> Record[Group] | None:
        """Return the group called *name* as it is now."""
        register = self._connection.directory.groups
        known = register.find(name)
        found = known and self.group_with_id(known.identifier)
        if found is not None and found.value.key[1] == folded(name):
            return found
        identifier = self._ask_group_id(name)
        return self.group_with_id(identifier) if identifier else None

    def user_id(self, name: str) -> str | None:
        """Return the UserId behind *name*, without a request where it is known."""
        users = self._connection.directory.users
        if known := users.identifier(name):
            return known
        with users.asking(name):
            # By now another thread may have asked.
            return users.identifier(name) or self._ask_user_id(name)

    def group_id(self, name: str) -> str | None:
        """Return the GroupId behind *name*, without a request where it is known."""
        groups = self._connection.directory.groups
        if known := groups.identifier(name):
            return known
        with groups.asking(name):
            return groups.identifier(name) or self._ask_group_id(name)

    def principal_id(self, principal: Principal, name: str) -> str | None:
        """Return the PrincipalId of *principal*, spelled *name*; an orphan's name is its id."""
        if principal.orphan:
            return principal.name
        if principal.kind is PrincipalKind.USER:
            return self.user_id(name)
        return self.group_id(name)

    def user_with_address(self, address: str) -> Record[User] | None:
        """Return the user who has that e-mail address, as it is now."""
        identifier = self._ask_holder_id(address)
        return self.user_with_id(identifier) if identifier else None

    def user_with_id(self, identifier: str) -> Record[User] | None:
        """Return the user with that UserId as it is now."""
        record = self.met_user(identifier)
        if record is None:
            return None
        record = self.with_manager(record)
        self._connection.directory.users.put(record)
        return record

    def met_user(self, identifier: str) -> Record[User] | None:
        """Return the user with that UserId, with the bare id of the manager."""
        answer = _found(
            Call("identitystore", "DescribeUser", "a user"),
            lambda: self._client.describe_user(
                IdentityStoreId=self._store, UserId=identifier, Extensions=[ENTERPRISE]
            ),
        )
        register = self._connection.directory.users
        if answer is None:
            register.forget(identifier)
            return None
        record = user_record(answer)
        register.put(record)
        return record

    def group_with_id(self, identifier: str) -> Record[Group] | None:
        """Return the group with that GroupId as it is now."""
        answer = _found(
            Call("identitystore", "DescribeGroup", "a group"),
            lambda: self._client.describe_group(IdentityStoreId=self._store, GroupId=identifier),
        )
        register = self._connection.directory.groups
        if answer is None:
            register.forget(identifier)
            return None
        record = group_record(answer)
        register.put(record)
        return record

    def with_manager(self, record: Record[User]) -> Record[User]:
        """Return *record* with the manager's user name in place of the id, if one is known.

        One who has gone since is called as before: so a plan calls him that was made before.
        """
        identifier = record.manager_id
        if identifier is None:
            return record
        if identifier == record.identifier:
            name = record.value.user_name
        else:
            known = self._connection.directory.users.known(identifier)
            name = known.value.user_name if known else self._ask_user_name(identifier)
        return replace(record, value=replace(record.value, manager=name))

    def membership_id(self, group_id: str, user_id: str) -> str | None:
        """Return the MembershipId of the user in the group."""
        answer = _found(
            Call("identitystore", "GetGroupMembershipId", "a membership"),
            lambda: self._client.get_group_membership_id(
                IdentityStoreId=self._store, GroupId=group_id, MemberId={"UserId": user_id}
            ),
        )
        directory = self._connection.directory
        if answer is None:
            directory.forget_membership(group_id, user_id)
            return None
        directory.put_membership(group_id, user_id, answer["MembershipId"])
        return answer["MembershipId"]

    def membership_provenance(self, membership_id: str) -> Provenance | None:
        """Return who made a membership, and when, as far as AWS says."""
        answer = _found(
            Call("identitystore", "DescribeGroupMembership", "a membership"),
            lambda: self._client.describe_group_membership(
                IdentityStoreId=self._store, MembershipId=membership_id
            ),
        )
        return None if answer is None else provenance(answer)

    def membership_ends(self, membership_id: str) -> tuple[str, str] | None:
        """Return the GroupId and the UserId that a membership connects."""
        answer = _found(
            Call("identitystore", "DescribeGroupMembership", "a membership"),
            lambda: self._client.describe_group_membership(
                IdentityStoreId=self._store, MembershipId=membership_id
            ),
        )
        return None if answer is None else (answer["GroupId"], answer["MemberId"]["UserId"])

    def assigned(self, arn: ApplicationArn, kind: PrincipalKind, identifier: str) -> bool:
        """Return whether the principal is assigned to the application, not through a group."""
        answer = _found(
            Call("sso-admin", "DescribeApplicationAssignment", f"application {arn}"),
            lambda: self._connection.clients.sso_admin.describe_application_assignment(
                ApplicationArn=arn,
                PrincipalId=identifier,
                PrincipalType=PRINCIPAL_TYPES[kind],
            ),
        )
        return answer is not None

    def _ask_user_name(self, identifier: str) -> UserName:
        """Return the name that the user with that id has, or had; the id if none is known."""
        answer = _found(
            Call("identitystore", "DescribeUser", "the manager of a user"),
            lambda: self._client.describe_user(IdentityStoreId=self._store, UserId=identifier),
        )
        if answer:
            return UserName(answer.get("UserName", identifier))
        return UserName(former_name(self._connection, identifier) or identifier)

    def _ask_user_id(self, name: str) -> str | None:
        identifier = self._find_user_id(name)
        self._connection.directory.users.found(name, identifier)
        return identifier

    def _find_user_id(self, name: str) -> str | None:
        call = Call("identitystore", "GetUserId", f"user/{name}")
        with translating(call):
            try:
                return self._get_user_id("userName", name)
            except ClientError as error:
                if code_of(error) != "UnknownOperationException":
                    raise
                return self._search("ListUsers", "UserName", name)

    def _ask_holder_id(self, address: str) -> str | None:
        """Return the UserId of whoever has the e-mail *address*. Source: GetUserId."""
        call = Call("identitystore", "GetUserId", "an e-mail address")
        with translating(call):
            try:
                return self._get_user_id("emails.value", address)
            except ClientError as error:
                if code_of(error) != "UnknownOperationException":
                    raise
                return self._search_holder(address)

    def _get_user_id(self, path: str, value: str) -> str | None:
        answer = _unless_missing(
            lambda: self._client.get_user_id(
                IdentityStoreId=self._store, AlternateIdentifier=_named(path, value)
            )
        )
        return answer["UserId"] if answer else None

    def _ask_group_id(self, name: str) -> str | None:
        identifier = self._find_group_id(name)
        self._connection.directory.groups.found(name, identifier)
        return identifier

    def _find_group_id(self, name: str) -> str | None:
        call = Call("identitystore", "GetGroupId", f"group/{name}")
        with translating(call):
            try:
                answer = _unless_missing(
                    lambda: self._client.get_group_id(
                        IdentityStoreId=self._store,
                        AlternateIdentifier=_named("displayName", name),
                    )
                )
            except ClientError as error:
                if code_of(error) != "UnknownOperationException":
                    raise
                return self._search("ListGroups", "DisplayName", name)
            return answer["GroupId"] if answer else None

    def _search(self, operation: str, path: str, name: str) -> str | None:
        """Return the id of the object called *name* by listing with a filter.

        Where Active Directory is the identity source, GetUserId and GetGroupId do not exist and
        this does. Source: hashicorp/terraform-provider-aws issues 27830 and 31624.
        """
        kind = "UserId" if operation == "ListUsers" else "GroupId"
        call = Call("identitystore", operation, f"the one called {name}")
        request = {
            "IdentityStoreId": self._store,
            "Filters": [{"AttributePath": path, "AttributeValue": name}],
        }
        with translating(call):
            for page in pages(self._client, call, request):
                for item in page:
                    if folded(item.get(path, "")) == folded(name):
                        return str(item[kind])
        return None

    def _search_holder(self, address: str) -> str | None:
        """Return the id of whoever has the e-mail *address* by looking at everybody.

        A list of users cannot be filtered by addresses. Source: ListUsers, Filters.
        """
        call = Call("identitystore", "ListUsers", "the list of users")
        with translating(call):
            for page in pages(self._client, call, {"IdentityStoreId": self._store}):
                for item in page:
                    if any(
                        folded(one["Value"]) == folded(address) for one in item.get("Emails", ())
                    ):
                        return str(item["UserId"])
        return None


def _named(path: str, name: str) -> AlternateIdentifierTypeDef:
    # A free document, which the stubs take for a mapping only.
    value: Any = name
    return {"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}}


def _found(call: Call, ask: Callable[[], _Answer]) -> _Answer | None:
    """Return what *ask* answers, or None when AWS says that there is no such thing."""
    with translating(call):
        return _unless_missing(ask)


def _unless_missing(ask: Callable[[], _Answer]) -> _Answer | None:
    try:
        return ask()
    except ClientError as error:
        if is_missing(error):
            return None
        raise
