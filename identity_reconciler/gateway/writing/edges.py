"""Create and delete memberships and assignments, which have no attributes and no revision."""

from __future__ import annotations

from identity_reconciler.core.state import Assignment, Membership, PrincipalKind, address
from identity_reconciler.errors import NotFoundError
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.lookup import PRINCIPAL_TYPES, Lookup
from identity_reconciler.gateway.wire.errors import Call, translating


class EdgeWriter:
    """Writes memberships and assignments.

    A NotFoundError makes the directory forget the identifiers that were used: who was deleted
    and created again under the same name has a new one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._directory = connection.directory
        self._identity_store = connection.clients.identity_store_writer
        self._sso_admin = connection.clients.sso_admin_writer
        self._lookup = Lookup(connection)

    def create_membership(self, edge: Membership) -> None:
        """See Gateway."""
        call = Call("identitystore", "CreateGroupMembership", address(edge), writes=True)
        group_id, user_id = self._ends(edge)
        try:
            with translating(call):
                answer = self._identity_store.create_group_membership(
                    IdentityStoreId=self._connection.store,
                    GroupId=group_id,
                    MemberId={"UserId": user_id},
                )
                self._directory.put_membership(group_id, user_id, answer["MembershipId"])
        except NotFoundError:
            self._directory.groups.forget(group_id)
            self._directory.users.forget(user_id)
            raise

    def delete_membership(self, edge: Membership) -> None:
        """See Gateway. A membership that was made anew since it was read is found again."""
        group_id, user_id = self._ends(edge)
        known = self._directory.membership(group_id, user_id)
        if known is not None:
            try:
                self._delete_membership(edge, known)
            except NotFoundError:
                self._directory.forget_membership(group_id, user_id)
            else:
                self._directory.forget_membership(group_id, user_id)
                return
        current = self._lookup.membership_id(group_id, user_id)
        if current is None or current == known:
            raise NotFoundError(f"{address(edge)} is not live")
        self._delete_membership(edge, current)
        self._directory.forget_membership(group_id, user_id)

    def create_assignment(self, edge: Assignment) -> None:
        """See Gateway."""
        call = Call("sso-admin", "CreateApplicationAssignment", address(edge), writes=True)
        identifier = self._principal_id(edge)
        try:
            with translating(call):
                self._sso_admin.create_application_assignment(
                    ApplicationArn=edge.application,
                    PrincipalId=identifier,
                    PrincipalType=PRINCIPAL_TYPES[edge.principal.kind],
                )
        except NotFoundError:
            self._forget(edge.principal.kind, identifier)
            raise

    def delete_assignment(self, edge: Assignment) -> None:
        """See Gateway."""
        call = Call("sso-admin", "DeleteApplicationAssignment", address(edge), writes=True)
        identifier = self._principal_id(edge)
        try:
            with translating(call):
                self._sso_admin.delete_application_assignment(
                    ApplicationArn=edge.application,
                    PrincipalId=identifier,
                    PrincipalType=PRINCIPAL_TYPES[edge.principal.kind],
                )
        except NotFoundError:
            self._forget(edge.principal.kind, identifier)
            raise

    def _delete_membership(self, edge: Membership, identifier: str) -> None:
        call = Call("identitystore", "DeleteGroupMembership", address(edge), writes=True)
        with translating(call):
            self._identity_store.delete_group_membership(
                IdentityStoreId=self._connection.store, MembershipId=identifier
            )

    def _ends(self, edge: Membership) -> tuple[str, str]:
        """Return GroupId and UserId of *edge*."""
        group_id = self._lookup.group_id(edge.group)
        if group_id is None:
            raise NotFoundError(f"{address(edge)}: group/{edge.group} is not live")
        user_id = self._lookup.user_id(edge.user)
        if user_id is None:
            raise NotFoundError(f"{address(edge)}: user/{edge.user} is not live")
        return group_id, user_id

    def _principal_id(self, edge: Assignment) -> str:
        name = edge.principal_name or edge.principal.name
        identifier = self._lookup.principal_id(edge.principal, name)
        if identifier is None:
            raise NotFoundError(f"{address(edge)}: {edge.principal.kind}/{name} is not live")
        return identifier

    def _forget(self, kind: PrincipalKind, identifier: str) -> None:
        if kind is PrincipalKind.USER:
            self._directory.users.forget(identifier)
        else:
            self._directory.groups.forget(identifier)
