"""What is live by identifiers: the way back from what AWS calls an object to its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    User,
    folded,
)
from identity_reconciler.gateway.reading.connection import Connection
from identity_reconciler.gateway.reading.lookup import Lookup
from identity_reconciler.gateway.reading.meeting import met_groups, met_users


def identified(connection: Connection, ids: Iterable[ObjectIds]) -> Mapping[ObjectIds, Resource]:
    """Return the objects and links that *ids* name, by their live names.

    A link is in the answer when both its ends are live, whether it is itself or not; one that is
    named by its own identifier only while it is live. Everything else is missing, and so are
    applications by themselves. One request for each membership, and one or fewer for each user
    and group; see `meeting`.

    Raises:
        IncompleteReadError: AWS did not answer.
        AccessDeniedError: A permission is missing.
        CredentialsError: There are none, or they have expired.
    """
    lookup = Lookup(connection)
    given = {one: _ends(lookup, one) for one in ids}
    known = [one for one in given.values() if one is not None]
    names = _Names(
        met_users(connection, {one.user for one in known if one.user}),
        met_groups(connection, {one.group for one in known if one.group}),
    )
    found = {one: names.resource(ends) for one, ends in given.items() if ends is not None}
    return {one: resource for one, resource in found.items() if resource is not None}


def _ends(lookup: Lookup, ids: ObjectIds) -> ObjectIds | None:
    """Return *ids* with the ends of a membership in the place of its own; None: it is gone."""
    if not ids.membership:
        return ids
    ends = lookup.membership_ends(ids.membership)
    return None if ends is None else replace(ids, membership="", group=ends[0], user=ends[1])


@dataclass(frozen=True, slots=True)
class _Names:
    users: Mapping[str, User] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)

    def resource(self, ids: ObjectIds) -> Resource | None:
        user, group = self.users.get(ids.user), self.groups.get(ids.group)
        if (ids.user and user is None) or (ids.group and group is None):
            return None
        principal = user or group
        if ids.application and principal is not None:
            return _assignment(ids.application, principal)
        if user is not None and group is not None:
            return Membership(group.name, user.user_name)
        return principal


def _assignment(arn: str, to: User | Group) -> Assignment:
    kind = PrincipalKind.USER if isinstance(to, User) else PrincipalKind.GROUP
    name = to.user_name if isinstance(to, User) else to.name
    return Assignment(ApplicationArn(arn), Principal(kind, folded(name)), principal_name=name)
