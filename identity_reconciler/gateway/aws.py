"""The gateway to AWS: reads by lists and look-ups, writes by one request each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import assert_never

from identity_reconciler.core.declared import Instance
from identity_reconciler.core.lease import is_lease, lease_group
from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Assignment,
    Group,
    GroupName,
    Key,
    Membership,
    Principal,
    Provenance,
    Resource,
    State,
    User,
    UserName,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.reading.accounts import account_lists_ahead, read_accounts
from identity_reconciler.gateway.reading.assembly import assemble
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.identified import identified
from identity_reconciler.gateway.reading.instances import require_instance
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.gateway.reading.network import (
    NetworkControls,
    controls_of_instance,
    controls_of_store,
)
from identity_reconciler.gateway.reading.reader import read_lists
from identity_reconciler.gateway.reading.targeted import is_about_names, read_named
from identity_reconciler.gateway.reading.witnesses import witnesses
from identity_reconciler.gateway.wire.clients import Clients
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.gateway.wire.tally import Tally
from identity_reconciler.gateway.writing.edges import EdgeWriter
from identity_reconciler.gateway.writing.leases import LeaseStore, lease_store
from identity_reconciler.gateway.writing.principals import GroupWriter, UserWriter


def connect(clients: Clients, instance: Instance) -> AwsGateway:
    """Return the gateway to *instance*, after making sure that *clients* lead there.

    Raises:
        WrongInstanceError: They lead to another account, region, instance or store.
        GatewayError: AWS does not say where they lead.
    """
    require_instance(clients, instance)
    return AwsGateway(Connection(clients, instance))


class AwsGateway:
    """See Gateway. `connect` makes one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._users = UserWriter(connection)
        self._groups = GroupWriter(connection)
        self._edges = EdgeWriter(connection)

    @property
    def requests(self) -> Tally:
        """Every request sent through the clients of this gateway so far."""
        return self._connection.clients.requests

    @property
    def rates(self) -> Rates:
        """Requests a second that it does not exceed."""
        return self._connection.clients.rates

    @property
    def writes_at_once(self) -> int:
        """How many writes of one operation must be under way for its rate to be reached."""
        rates = self.rates
        return self._connection.clients.threads(max(rates.identity_store, rates.sso_admin))

    def read_state(self, wanted: Wanted) -> State:
        """See Gateway."""
        state = self._answer(wanted)
        following = wanted.then(state)
        return state if following is None else state.united(self.read_state(following))

    def _answer(self, wanted: Wanted) -> State:
        state = State()
        if wanted.users or wanted.groups or wanted.applications or wanted.arns:
            state = assemble(self._connection, wanted, read_lists(self._connection, wanted))
        if is_about_names(wanted):
            state = state.united(read_named(self._connection, wanted))
        if wanted.account_access or wanted.account_lists:
            state = state.united(read_accounts(self._connection, wanted))
        return state

    def identified(self, ids: Iterable[ObjectIds]) -> Mapping[ObjectIds, Resource]:
        """Return the live objects and links that *ids* name; see `reading.identified`."""
        return identified(self._connection, ids)

    def witnesses(self, principals: Iterable[Principal]) -> Mapping[Principal, str]:
        """See Gateway."""
        return witnesses(self._connection, principals)

    def lease_store(self, lock: str) -> LeaseStore | None:
        """Return where the lease is kept by *lock*, the setting; None where there is none."""
        return lease_store(self._connection, lock)

    def network_controls(self) -> Iterator[tuple[str, Callable[[], NetworkControls]]]:
        """Yield what may have network controls of its own, and what asks for these.

        That raises GatewayError where they cannot be read.
        """
        yield "the instance", partial(controls_of_instance, self._connection)
        yield "the identity store", partial(controls_of_store, self._connection)

    def recall(self, names: Mapping[str, UserName]) -> None:
        """Call users who are gone as *names* says, by their witnesses: as managers of others.

        Else these are bare identifiers, and whoever had such a manager is not as a plan has it that
        deletes the manager and is applied again.
        """
        self._connection.directory.recalled.update(names)

    def account_lists_ahead(self) -> int:
        """Return how many requests it will take to read `account_lists`, those to find out aside.

        Raises:
            GatewayError: It could not be found out.
        """
        return account_lists_ahead(self._connection)

    def arns(
        self, groups: tuple[str, ...], users: tuple[str, ...]
    ) -> tuple[Mapping[GroupName, str], Mapping[UserName, str]]:
        """Return the ARNs of the live groups and users whose names match, by their names.

        The members of these groups are among the users. For IAM policies.

        Raises:
            GatewayError: The users, the groups or their members could not be listed.
        """
        live = self.read_state(
            Wanted(users=True, groups=True, members_of=lambda one: matches_any(groups, one.name))
        )
        names = {one.user_name for one in live.users.values() if matches_any(users, one.user_name)}
        names |= {live.user_name(key) for members in live.members.values() for key in members}
        directory = self._connection.directory
        found = (
            (one.name, directory.groups.find(one.name))
            for one in live.groups.values()
            if matches_any(groups, one.name)
        )
        met = ((name, directory.users.find(name)) for name in sorted(names))
        prefix = self._arn_prefix
        return (
            {name: f"{prefix}group/{one.identifier}" for name, one in found if one is not None},
            {name: f"{prefix}user/{one.identifier}" for name, one in met if one is not None},
        )

    def announcing(self, begin: Callable[[], None]) -> AbstractContextManager[None]:
        """See Gateway."""
        return self._connection.clients.writes.announcing(begin)

    def lease_records(self) -> Mapping[GroupName, str]:
        """Return what the groups keep that keep leases, of the groups listed last, by their names.

        Without a request.
        """
        groups = self._connection.directory.groups.values()
        return {one.name: one.description or "" for one in groups if is_lease(one.name)}

    def lease_arn(self, lock: str) -> str | None:
        """Return the ARN of the group that keeps the lease by *lock*, if it was listed last."""
        found = self._connection.directory.groups.find(lease_group(lock))
        return f"{self._arn_prefix}group/{found.identifier}" if found else None

    @property
    def _arn_prefix(self) -> str:
        return f"arn:{self._connection.instance.instance_arn.split(':')[1]}:identitystore:::"

    def create(self, resource: Resource) -> None:
        """See Gateway."""
        match resource:
            case User():
                self._users.create(resource)
            case Group():
                self._groups.create(resource)
            case Membership():
                self._edges.create_membership(resource)
            case Assignment():
                self._edges.create_assignment(resource)
            case _:
                assert_never(resource)

    def update(self, before: User | Group, after: User | Group) -> None:
        """See Gateway."""
        match before, after:
            case User(), User():
                self._users.update(before, after)
            case Group(), Group():
                self._groups.update(before, after)
            case _:
                raise TypeError("a user cannot become a group, nor a group a user")

    def delete(self, resource: Resource) -> None:
        """See Gateway."""
        match resource:
            case User():
                self._users.delete(resource)
            case Group():
                self._groups.delete(resource)
            case Membership():
                self._edges.delete_membership(resource)
            case Assignment():
                self._edges.delete_assignment(resource)
            case _:
                assert_never(resource)

    def trace(self, memberships: Iterable[Membership]) -> Mapping[Key, Provenance]:
        """Return who made each of *memberships*, by its key; one request each.

        Those that are not live, or were not read before, are missing from the answer.

        Raises:
            IncompleteReadError: AWS did not answer for one of them.
            AccessDeniedError: A permission is missing.
        """
        lookup, directory = Lookup(self._connection), self._connection.directory
        found: dict[Key, Provenance] = {}
        for one in memberships:
            group, user = directory.groups.find(one.group), directory.users.find(one.user)
            known = group and user and directory.membership(group.identifier, user.identifier)
            provenance = lookup.membership_provenance(known) if known else None
            if provenance is not None:
                found[one.key] = provenance
        return found
