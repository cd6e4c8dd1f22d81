"""Read what principals have in AWS accounts: by permission sets, and by account access manager.

What the credentials may not ask does not fail the read: it is told as a gap, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionError  # noqa: A004 - as botocore

from identity_reconciler.core.accounts import (
    AccountGap,
    AccountRole,
    AccountRoleKind,
    GapReason,
)
from identity_reconciler.core.state import (
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    group_key,
)
from identity_reconciler.errors import AccessDeniedError, GatewayError, IncompleteReadError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.reading.account_names import Held, Holder
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.instances import caller
from identity_reconciler.gateway.reading.listing import Item, pages
from identity_reconciler.gateway.reading.lookup import PRINCIPAL_TYPES, Lookup
from identity_reconciler.gateway.reading.pools import Work
from identity_reconciler.gateway.wire.errors import (
    Call,
    code_of,
    from_service,
    is_missing,
    translating,
)

if TYPE_CHECKING:
    from botocore.client import BaseClient

_POOL = "accounts"
_ABSENT = frozenset({"UnknownOperationException", "UnknownOperation"})
"""What a stand-in answers that has not got account access manager."""
_FOR_MANAGEMENT = "ListAccountAssignmentsForPrincipal"
_REFUSED = frozenset({_FOR_MANAGEMENT, "ListPermissionSets"})
"""What an instance without permission sets refuses as invalid, and may to whom it is not for."""
_PARTITION = "aws"
"""Where there is account access manager. Source: IAM userguide, account-access-manager."""


def read_accounts(connection: Connection, wanted: Wanted) -> State:
    """Return what *wanted* asks for in `account_access` and `account_lists`, and the gaps.

    Raises:
        IncompleteReadError: Something could not be read, and not because it may not be.
        CredentialsError: There are none, or they have expired.
    """
    return _Reading(connection, wanted).state()


def account_lists_ahead(connection: Connection) -> int:
    """Return how many requests `account_lists` will still take; finding out takes some by itself.

    Of account access manager, nothing is counted. 0 where it was listed already, or may not be.

    Raises:
        IncompleteReadError: It could not be found out, and not because it may not be.
    """
    return _Reading(connection, Wanted(account_lists=True)).ahead()


class _Reading:
    """One read, and what it finds."""

    def __init__(self, connection: Connection, wanted: Wanted) -> None:
        self._connection = connection
        self._clients = connection.clients
        self._instance = connection.instance
        self._wanted = wanted
        self._known = connection.accounts
        self._lookup = Lookup(connection)
        self._asked: dict[Principal, str] = {}
        """The PrincipalId of those who are live."""
        # Filled by several threads: what is added to a list is never lost.
        self._told: list[tuple[Holder, Held]] = []
        """Who has which permission set where; may repeat itself."""
        self._entitled: list[tuple[Holder, AccountRole]] = []
        self._groups_of: list[tuple[str, str]] = []
        """UserId and GroupId where AWS told of access through the group."""

    def state(self) -> State:
        self._find_asked()
        self._as_far_as_permitted("sso-admin", self._read_permission_sets)
        self._as_far_as_permitted("account-access", self._read_entitlements)
        absent = self._known.enabled is False and self._known.manager == ""
        gaps = {
            *self._known.gaps,
            *([AccountGap(GapReason.NOT_APPLICABLE)] if absent else ()),
        }
        return State(
            # First the names: they find groups that were not known yet.
            account_access=self._named(),
            members=self._members(),
            account_gaps=frozenset(gaps),
            accounts_through_groups=bool(self._groups_of),
        )

    def _find_asked(self) -> None:
        for principal in dict.fromkeys(self._wanted.account_access):
            identifier = self._lookup.principal_id(principal, principal.name)
            if identifier is not None:
                self._asked[principal] = identifier

    def _as_far_as_permitted(self, service: str, read: Callable[[], None]) -> None:
        """Do *read*; what is refused is remembered, and not tried again.

        Others wait until it is known whether it is, and until what is listed once has been.
        """
        prefix = f"{service.removesuffix('-admin')}:"
        known = self._known
        with nullcontext() if service in known.answered else known.learning:
            if any(gap.note.startswith(prefix) for gap in known.gaps):
                return
            try:
                read()
            except AccessDeniedError as error:
                known.gaps |= {AccountGap(GapReason.DENIED, self._explained(str(error)))}
            else:
                known.answered.add(service)

    def _explained(self, message: str) -> str:
        """Return what is needed to ask, starting with the permission, as *message* does."""
        permission, owner = f"sso:{_FOR_MANAGEMENT}", self._instance.account_id
        if message.startswith(permission) and (account := caller(self._clients)) != owner:
            return (
                f"{permission} is for credentials of the management account {owner}, and these "
                f"are of {account}; `account_access: list` in instance.yaml reads through the "
                "permission sets instead"
            )
        return message

    # Permission sets.

    def _read_permission_sets(self) -> None:
        if not self._has_permission_sets():
            return
        try:
            if self._wanted.account_lists:
                if self._known.listed is None:
                    self._known.listed = self._list_all()
                self._told.extend(self._known.listed)
            else:
                self._side_by_side(
                    partial(self._ask_about, principal, identifier)
                    for principal, identifier in self._asked.items()
                )
        except _AbsentError:
            self._known.enabled = False

    def _has_permission_sets(self) -> bool:
        if self._known.enabled is None:
            call = Call("sso-admin", "DescribeInstance", "the instance")
            with translating(call):
                answer: Mapping[str, Any] = self._clients.sso_admin.describe_instance(
                    InstanceArn=self._instance.instance_arn
                )
            # Where it does not say, a refusal to answer for a principal says it.
            self._known.unsure = "PermissionSetsEnabled" not in answer
            self._known.enabled = bool(answer.get("PermissionSetsEnabled", True))
        return self._known.enabled

    def _ask_about(self, principal: Principal, identifier: str) -> None:
        """Ask what a principal has; of a user, AWS also tells what comes through groups.

        Source: ListAccountAssignmentsForPrincipal; each item names the principal it is of.
        """
        items = self._admin(
            _FOR_MANAGEMENT,
            f"{principal.kind}/{principal.name}",
            PrincipalId=identifier,
            PrincipalType=PRINCIPAL_TYPES[principal.kind],
        )
        for item in items:
            holder = _holder(item)
            self._told.append((holder, (item["AccountId"], item["PermissionSetArn"])))
            if holder != (principal.kind, identifier):
                self._groups_of.append((identifier, holder[1]))

    def ahead(self) -> int:
        """Return how many requests listing what hangs on permission sets will still take."""
        if self._known.listed is None:
            self._as_far_as_permitted("sso-admin", self._find_places)
        return len(self._known.places or ()) if self._known.listed is None else 0

    def _find_places(self) -> None:
        """Find out in which account there is which permission set: one request for each of them."""
        if self._known.places is not None or not self._has_permission_sets():
            return
        arns = [str(arn) for arn in self._admin("ListPermissionSets", "the permission sets")]
        places: list[Held] = []

        def places_of(arn: str) -> None:
            accounts = self._admin(
                "ListAccountsForProvisionedPermissionSet",
                f"permission set {arn}",
                PermissionSetArn=arn,
            )
            places.extend((str(account), arn) for account in accounts)

        self._side_by_side(partial(places_of, arn) for arn in arns)
        self._known.places = sorted(places)

    def _list_all(self) -> list[tuple[Holder, Held]]:
        """List who has which permission set where, orphans too: one request for each place."""
        found: list[tuple[Holder, Held]] = []

        def holders_of(account: str, arn: str) -> None:
            subject = f"permission set {arn} in account {account}"
            items = self._admin(
                "ListAccountAssignments", subject, PermissionSetArn=arn, AccountId=account
            )
            found.extend((_holder(item), (account, arn)) for item in items)

        self._find_places()
        self._side_by_side(partial(holders_of, *place) for place in self._known.places or ())
        return found

    def _admin(self, operation: str, subject: str, **request: object) -> Iterator[Any]:
        call = Call("sso-admin", operation, subject)
        request["InstanceArn"] = self._instance.instance_arn
        yield from self._items(self._clients.sso_admin, call, request)

    # Account access manager.

    def _read_entitlements(self) -> None:
        if self._known.manager is None:
            self._known.manager = self._find_manager()
        if not self._known.manager:
            return
        if self._wanted.account_lists:
            if self._known.entitled is None:
                self._known.entitled = self._list_entitlements()
            self._entitled.extend(self._known.entitled)
            return
        self._side_by_side(
            partial(self._ask_entitlements, self._entitled, f"{one.kind}/{one.name}", asked)
            for one, asked in (
                (one, {"principal": _identity_center(one.kind, identifier)})
                for one, identifier in self._asked.items()
            )
        )

    def _list_entitlements(self) -> list[tuple[Holder, AccountRole]]:
        """List who may take which role, orphans too: one request for each account.

        A list of all there are does not exist. Source: ListEntitlements, filter.
        """
        found: list[tuple[Holder, AccountRole]] = []
        names = self._account_names()
        if not names:
            message = "organizations:ListAccounts is needed to list what account access manager"
            raise AccessDeniedError(f"account-access:ListEntitlements: {message} gives in each")
        self._known.accounts = names
        self._side_by_side(
            partial(self._ask_entitlements, found, f"account {one}", {"account": one})
            for one in sorted(names)
        )
        return found

    def _find_manager(self) -> str:
        """Return the ARN of the instance's application; empty when it has none."""
        if self._instance.instance_arn.split(":")[1] != _PARTITION:
            return ""
        client: Any = self._clients.late.account_access
        try:
            listed = [*self._of_manager("ListApplications", "its applications", {})]
        except _AbsentError:
            return ""
        except IncompleteReadError as error:
            if isinstance(error.__cause__, ConnectionError):
                # There are networks and Regions from which it cannot be reached, and plans are due.
                raise AccessDeniedError(str(error)) from error
            raise
        for item in listed:
            arn = str(item["applicationArn"])
            with translating(Call("account-access", "GetApplication", arn)):
                source = client.get_application(applicationArn=arn)["identitySource"]
            if source.get("identityCenter", {}).get("instanceArn") == self._instance.instance_arn:
                return arn
        return ""

    def _ask_entitlements(
        self, found: list[tuple[Holder, AccountRole]], subject: str, asked: Mapping[str, Any]
    ) -> None:
        request = {"applicationArn": self._known.manager, "filter": {"principalRole": asked}}
        for item in self._of_manager("ListEntitlements", subject, request):
            entitlement = item["entitlement"]["principalRole"]
            arn = str(entitlement["roleArn"])
            role = AccountRole(
                account=entitlement["account"],
                account_name=entitlement.get("accountName", ""),
                kind=AccountRoleKind.ROLE,
                name=arn.partition(":role/")[2],
                arn=arn,
            )
            found.append((_entitled_one(entitlement["principal"]["identityCenter"]), role))

    def _of_manager(self, operation: str, subject: str, request: dict[str, Any]) -> Iterator[Item]:
        call = Call("account-access", operation, subject)
        yield from self._items(self._clients.late.account_access, call, request)

    def _items(self, client: BaseClient, call: Call, request: dict[str, Any]) -> Iterator[Any]:
        """Yield the items of a list; what has just gone has none."""
        with translating(call):
            try:
                for page in pages(client, call, request):
                    yield from page
            except ClientError as error:
                code = code_of(error)
                refused = code == "ValidationException" and call.operation in _REFUSED
                if code in _ABSENT or (refused and self._known.unsure):
                    raise _AbsentError from error
                if refused:
                    raise AccessDeniedError(str(from_service(error, call))) from error
                if not is_missing(error):
                    raise

    def _side_by_side(self, tasks: Iterable[Callable[[], None]]) -> None:
        with Work() as work:
            work.pool(_POOL, self._clients.threads(self._clients.rates.sso_admin))
            for task in tasks:
                work.start(_POOL, task)
            work.finish()

    # Names in the place of identifiers.

    def _named(self) -> Mapping[Principal, frozenset[AccountRole]]:
        with self._known.learning:
            self._learn_names()
        found: dict[Principal, set[AccountRole]] = {one: set() for one in self._asked}
        held = [(holder, self._role(*what)) for holder, what in dict.fromkeys(self._told)]
        named = {holder: self._principal(holder) for holder, _ in (*held, *self._entitled)}
        for holder, role in (*held, *self._entitled):
            found.setdefault(named[holder], set()).add(role)
        return {principal: frozenset(roles) for principal, roles in found.items()}

    def _learn_names(self) -> None:
        """Ask what the permission sets that were met are called, once each, and the accounts."""
        arns = {arn for _, (_, arn) in self._told}
        self._side_by_side(
            partial(self._learn_permission_set, arn)
            for arn in sorted(arns - self._known.permission_sets.keys())
        )
        if self._told and self._known.accounts is None:
            self._known.accounts = self._account_names()

    def _learn_permission_set(self, arn: str) -> None:
        call = Call("sso-admin", "DescribePermissionSet", f"permission set {arn}")
        name = ""
        try:
            with translating(call):
                answer = self._clients.sso_admin.describe_permission_set(
                    InstanceArn=self._instance.instance_arn, PermissionSetArn=arn
                )
                name = answer["PermissionSet"].get("Name", "")
        except GatewayError:
            # What it is called is not worth a plan: the end of its ARN tells it from others, too.
            pass
        self._known.permission_sets[arn] = name or arn.rpartition("/")[2]

    def _account_names(self) -> dict[str, str]:
        """Return the names of the organisation's accounts; none where it may not be asked.

        Only the management account and delegated administrators may. Source: ListAccounts.
        """
        call = Call("organizations", "ListAccounts", "the names of accounts")
        try:
            with translating(call):
                # Pages of 20 at most, which may be empty and still not the last: ListAccounts.
                paginator = self._clients.late.organizations.get_paginator("list_accounts")
                return {
                    item["Id"]: item.get("Name", "")
                    for page in paginator.paginate()
                    for item in page["Accounts"]
                }
        except GatewayError:
            return {}

    def _role(self, account: str, arn: str) -> AccountRole:
        return AccountRole(
            account=account,
            account_name=(self._known.accounts or {}).get(account, ""),
            kind=AccountRoleKind.PERMISSION_SET,
            name=self._known.permission_sets[arn],
            arn=arn,
        )

    def _principal(self, holder: Holder) -> Principal:
        kind, identifier = holder
        directory = self._connection.directory
        if kind is PrincipalKind.USER:
            user = directory.users.known(identifier) or self._lookup.user_with_id(identifier)
            key = user.value.key if user else None
        else:
            group = directory.groups.known(identifier) or self._lookup.group_with_id(identifier)
            key = group.value.key if group else None
        return Principal(kind, key[1]) if key else Principal(kind, identifier, orphan=True)

    def _members(self) -> Mapping[GroupKey, frozenset[UserKey]]:
        """Return the memberships that AWS told of in passing."""
        found: dict[GroupKey, set[UserKey]] = defaultdict(set)
        users = {
            identifier: UserKey(one.name)
            for one, identifier in self._asked.items()
            if one.kind is PrincipalKind.USER
        }
        for user, group in self._groups_of:
            known = self._connection.directory.groups.known(group)
            if known is not None:
                found[group_key(known.value.name)].add(users[user])
        return {key: frozenset(members) for key, members in found.items()}


class _AbsentError(Exception):
    """The service is not there."""


def _identity_center(kind: PrincipalKind, identifier: str) -> dict[str, Any]:
    member = "userId" if kind is PrincipalKind.USER else "groupId"
    return {"identityCenter": {member: identifier}}


def _entitled_one(principal: Mapping[str, str]) -> Holder:
    if "userId" in principal:
        return PrincipalKind.USER, principal["userId"]
    return PrincipalKind.GROUP, principal["groupId"]


def _holder(item: Item) -> Holder:
    return PrincipalKind(item["PrincipalType"].lower()), item["PrincipalId"]
