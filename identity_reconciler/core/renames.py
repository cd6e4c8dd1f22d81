"""Renames of users and groups: what is called how before and after them.

Pure. Users and groups are ids in AWS, so their memberships, their assignments and the people they
manage stay with them when their name changes; here, where names are all there is, these follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from identity_reconciler.core.declared import Declared
from identity_reconciler.core.plan import Plan, Rename
from identity_reconciler.core.state import (
    Assignment,
    Group,
    GroupKey,
    GroupName,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    UserName,
    folded,
    group_key,
    principals_of,
    user_key,
)

Link = Membership | Assignment


def ends_of(link: Link) -> tuple[Key, ...]:
    """Return the keys of the users and groups that *link* is of; an orphan is none."""
    match link:
        case Membership():
            return (("group", link.key[1]), ("user", link.key[2]))
        case Assignment(principal=principal):
            return () if principal.orphan else ((str(principal.kind), principal.name),)
        case _:
            assert_never(link)


@dataclass(frozen=True, slots=True)
class Renames:
    """Which users and groups change their name, and what else is called otherwise for it.

    No two of them get one name. A name of which only the case flips has the same key before and
    after: its links stay as they are, and whom it manages have its new spelling.
    """

    users: Mapping[UserKey, UserName]
    """The new name, as spelled, by the old key."""
    groups: Mapping[GroupKey, GroupName]
    """As `users`."""
    former_users: Mapping[UserKey, UserName]
    """The old name, as spelled, by the new key."""
    former_groups: Mapping[GroupKey, GroupName]
    """As `former_users`."""

    @classmethod
    def of(cls, pairs: Iterable[tuple[User | Group, User | Group]]) -> Renames:
        """Return the renames of the first of each pair to the name of the second."""
        users: list[tuple[UserName, UserName]] = []
        groups: list[tuple[GroupName, GroupName]] = []
        for pair in pairs:
            match pair:
                case User(user_name=old), User(user_name=new):
                    users.append((old, new))
                case Group(name=old_group), Group(name=new_group):
                    groups.append((old_group, new_group))
                case _:
                    raise TypeError("a user cannot become a group, nor a group a user")
        return cls(
            {user_key(before): after for before, after in users},
            {group_key(before): after for before, after in groups},
            {user_key(after): before for before, after in users},
            {group_key(after): before for before, after in groups},
        )

    @classmethod
    def in_plan(cls, plan: Plan) -> Renames:
        """Return the renames among the changes of *plan*."""
        return cls.of((one.before, one.after) for one in plan.changes if isinstance(one, Rename))

    @classmethod
    def to_be(cls, declared: Declared, live: State) -> Renames:
        """Return the renames that *declared* asks for: of a live previous name to one not live."""
        users = (
            (user_key(one.name), one.user, map(user_key, one.previous_names))
            for one in declared.users
        )
        groups = (
            (group_key(one.name), one.group, map(group_key, one.previous_names))
            for one in declared.groups
        )
        return cls.of((*_asked_for(users, live.users), *_asked_for(groups, live.groups)))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.users or self.groups)

    @property
    def give_names_on(self) -> bool:
        """Whether one of them gets the name that another has before."""
        users = self.users.keys() & self.former_users.keys()
        groups = self.groups.keys() & self.former_groups.keys()
        return bool(users or groups)

    def reversed(self) -> Renames:
        """Return the renames that give everything its old name again."""
        return Renames(self.former_users, self.former_groups, self.users, self.groups)

    def user(self, key: UserKey) -> UserKey:
        """Return the new key of the user who is *key* before."""
        return user_key(self.users[key]) if key in self.users else key

    def group(self, key: GroupKey) -> GroupKey:
        """Return the new key of the group that is *key* before."""
        return group_key(self.groups[key]) if key in self.groups else key

    def members(self, members: frozenset[UserKey]) -> frozenset[UserKey]:
        """Return *members* under their new names; the same set when nobody is renamed."""
        moved = members & self.users.keys()
        return (members - moved) | frozenset(map(self.user, moved)) if moved else members

    def principal(self, principal: Principal) -> Principal:
        """Return *principal* under its new name; an orphan has an id, which stays."""
        new = self._new_name(principal)
        return principal if new is None else replace(principal, name=folded(new))

    def _new_name(self, principal: Principal) -> str | None:
        """Return the new name as spelled, or None when it keeps its name."""
        if principal.orphan:
            return None
        if principal.kind is PrincipalKind.USER:
            return self.users.get(UserKey(principal.name))
        return self.groups.get(GroupKey(principal.name))

    def principals(self) -> frozenset[Principal]:
        """Return the renamed users and groups as principals, under their old names."""
        return principals_of(self.users, self.groups)

    def membership(self, link: Membership) -> Membership:
        """Return *link* under the new names of its group and its user."""
        if not self:
            return link
        return replace(
            link,
            group=self.groups.get(group_key(link.group), link.group),
            user=self.users.get(user_key(link.user), link.user),
        )

    def assignment(self, link: Assignment) -> Assignment:
        """Return *link* under the new name of its principal."""
        new = self._new_name(link.principal)
        if new is None:
            return link
        return replace(link, principal=self.principal(link.principal), principal_name=new)

    def link(self, link: Link) -> Link:
        """Return *link* under the new names of what it connects."""
        return self.membership(link) if isinstance(link, Membership) else self.assignment(link)

    def places(self, resource: Resource) -> Iterator[Resource]:
        """Yield *resource*, a link under every name it may have while the renames are done."""
        yield resource
        if not self:
            return
        match resource:
            case Membership():
                both = self.membership(resource)
                yield replace(resource, group=both.group)
                yield replace(resource, user=both.user)
                yield both
            case Assignment():
                yield self.assignment(resource)
            case _:
                pass

    def managed(self, user: User) -> User:
        """Return *user* with the new name of a manager who is renamed."""
        new = self.users.get(user_key(user.manager)) if user.manager else None
        return user if new is None else replace(user, manager=new)

    def state(self, state: State) -> State:
        """Return *state* with everything filed under its new name, and linked to new names.

        The users and groups themselves keep their names.
        """
        if not self:
            return state
        return State(
            users={self.user(key): self.managed(user) for key, user in state.users.items()},
            groups={self.group(key): group for key, group in state.groups.items()},
            members={self.group(key): self.members(some) for key, some in state.members.items()},
            applications=state.applications,
            assignments={
                arn: frozenset(map(self.principal, some)) for arn, some in state.assignments.items()
            },
            twins=state.twins,
        )


NO_RENAMES = Renames({}, {}, {}, {})
"""For a plan that renames nobody."""

_Key = TypeVar("_Key", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)


def _asked_for(
    entries: Iterable[tuple[_Key, _Object, Iterable[_Key]]], live: Mapping[_Key, _Object]
) -> Iterator[tuple[_Object, _Object]]:
    """Yield, of entries as (key, object, previous keys), the live object and the declared one."""
    for key, declared, previous in entries:
        if key not in live:
            yield from ((live[old], declared) for old in previous if old in live)
