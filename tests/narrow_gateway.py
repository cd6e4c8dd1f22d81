"""A gateway to one state that answers exactly what it is asked, and cannot write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from identity_reconciler.core.state import (
    Application,
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
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted

Edges = Iterator[tuple[GroupKey, UserKey]]
Links = Iterator[tuple[ApplicationArn, Principal]]


@dataclass(frozen=True)
class NarrowGateway:
    """See `Gateway`."""

    live: State

    def read_state(self, wanted: Wanted) -> State:
        edges = {*self._edges(wanted)}
        groups = {*self._chosen_groups(wanted)}
        links = {*self._links(wanted)}
        applications = self._applications(wanted)
        chosen = {arn for arn, one in applications.items() if wanted.assignments_of(one)}
        return State(
            users={**self._mentioned_users(wanted), **self._users(wanted, edges)},
            groups={**self._mentioned_groups(wanted), **self._groups(wanted, edges)},
            members={
                key: frozenset(user for user in members if (key, user) in edges or key in groups)
                for key, members in self.live.members.items()
                if key in groups or any(group == key for group, _ in edges)
            },
            applications=applications,
            assignments={
                arn: frozenset(one for one in found if arn in chosen or (arn, one) in links)
                for arn, found in self.live.assignments.items()
                if arn in chosen or any(application == arn for application, _ in links)
            },
        )

    def _applications(self, wanted: Wanted) -> dict[ApplicationArn, Application]:
        return {
            arn: one
            for arn, one in self.live.applications.items()
            if wanted.applications or arn in wanted.arns
        }

    def _chosen_groups(self, wanted: Wanted) -> Iterator[GroupKey]:
        if wanted.groups:
            yield from (key for key, one in self.live.groups.items() if wanted.members_of(one))

    def _edges(self, wanted: Wanted) -> Edges:
        asked = {
            (group_key(one.group), user_key(one.user))
            for one in wanted.named
            if isinstance(one, Membership)
        }
        for group, members in self.live.members.items():
            for user in members:
                ends = {
                    Principal(PrincipalKind.GROUP, group),
                    Principal(PrincipalKind.USER, user),
                }
                if (group, user) in asked or ends & {*wanted.principals}:
                    yield group, user

    def _links(self, wanted: Wanted) -> Links:
        asked = {
            (one.application, one.principal) for one in wanted.named if isinstance(one, Assignment)
        }
        for arn, principals in self.live.assignments.items():
            for one in principals:
                if (arn, one) in asked or one in wanted.principals:
                    yield arn, one

    def _users(self, wanted: Wanted, edges: set[tuple[GroupKey, UserKey]]) -> dict[UserKey, User]:
        named = {user_key(one.user_name) for one in wanted.named if isinstance(one, User)}
        ends = {
            user
            for group, user in edges
            if Principal(PrincipalKind.GROUP, group) in wanted.principals
        }
        return {
            key: one
            for key, one in self.live.users.items()
            if wanted.users or key in named or key in ends
        }

    def _groups(
        self, wanted: Wanted, edges: set[tuple[GroupKey, UserKey]]
    ) -> dict[GroupKey, Group]:
        named = {group_key(one.name) for one in wanted.named if isinstance(one, Group)}
        ends = {
            group
            for group, user in edges
            if Principal(PrincipalKind.USER, user) in wanted.principals
        }
        return {
            key: one
            for key, one in self.live.groups.items()
            if wanted.groups or key in named or key in ends
        }

    def _mentioned_users(self, wanted: Wanted) -> dict[UserKey, User]:
        keys = {user_key(one.user_name) for one in wanted.mentioned if isinstance(one, User)}
        return {key: User(self.live.users[key].user_name) for key in keys & self.live.users.keys()}

    def _mentioned_groups(self, wanted: Wanted) -> dict[GroupKey, Group]:
        keys = {group_key(one.name) for one in wanted.mentioned if isinstance(one, Group)}
        return {key: Group(self.live.groups[key].name) for key in keys & self.live.groups.keys()}

    def create(self, resource: Resource) -> NoReturn:
        raise NotImplementedError

    def update(self, before: User | Group, after: User | Group) -> NoReturn:
        raise NotImplementedError

    def delete(self, resource: Resource) -> NoReturn:
        raise NotImplementedError
