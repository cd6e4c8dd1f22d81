"""Which live facts the view of access still lacks. Pure: says what to read, reads nothing.

A plan needs only what is declared. Who gains and loses access also depends on what is not: a
changed group may be assigned to applications that nobody declared, and a person may keep access
through a group that is not managed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from identity_reconciler.core.access import Impact
from identity_reconciler.core.plan import Create, Delete, Rename, Update
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    Membership,
    Principal,
    PrincipalKind,
    Resource,
    User,
    UserKey,
    group_key,
    user_key,
)


@dataclass(frozen=True, slots=True)
class Known:
    """Of which parts of a live state everything is known. All users and groups are, anyway."""

    members_of: frozenset[GroupKey] = frozenset()
    """Groups all of whose members are there."""
    assignments_of: frozenset[ApplicationArn] = frozenset()
    """Applications all of whose assignments, and whose `assignment_required`, are there."""
    principals: frozenset[Principal] = frozenset()
    """Those all of whose memberships and assignments are there."""
    every_group: bool = False
    """Whether `members_of` names all groups of the instance."""
    every_application: bool = False
    """Whether `assignments_of` names all applications of the instance."""

    def with_facts(self, facts: MissingFacts) -> Known:
        """Return what is known once *facts* have been read."""
        return replace(
            self,
            principals=self.principals | set(facts.principals),
            assignments_of=self.assignments_of | set(facts.applications),
        )

    def has_members_of(self, group: GroupKey) -> bool:
        """Return whether all members of *group* are there."""
        return group in self.members_of or _group(group) in self.principals

    def has_all_of(self, group: GroupKey) -> bool:
        """Return whether all members and all assignments of *group* are there."""
        everything = self.every_application and group in self.members_of
        return everything or _group(group) in self.principals


@dataclass(frozen=True, slots=True)
class MissingFacts:
    """What to read next."""

    principals: tuple[Principal, ...] = ()
    """Read all memberships and assignments of these live principals. Sorted."""
    applications: tuple[ApplicationArn, ...] = ()
    """Read all assignments, and `assignment_required`, of these. Sorted."""

    def __bool__(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.principals or self.applications)

    @property
    def requests(self) -> int:
        """How many requests that costs when no list has more than one page: two for each."""
        return 2 * (len(self.principals) + len(self.applications))


def missing_facts(impact: Impact, known: Known) -> MissingFacts:
    """Return what has to be read next to make `access.access_changes` exact; nothing when it is.

    Asked again after each read, it answers at most three times: the groups that the plan touches;
    then the applications that are at stake; then the people who may reach one of those through
    a group whose members are not known.
    """
    groups = tuple(
        _group(key) for key in sorted(_touched_groups(impact)) if not known.has_all_of(key)
    )
    if groups:
        return MissingFacts(principals=groups)
    applications = tuple(sorted(impact.at_stake.keys() - known.assignments_of))
    if applications:
        return MissingFacts(applications=applications)
    return MissingFacts(principals=tuple(sorted(_people(impact, known))))


def _group(key: GroupKey) -> Principal:
    return Principal(PrincipalKind.GROUP, key)


def _touched_groups(impact: Impact) -> frozenset[GroupKey]:
    """Return the live groups whose members or assignments the plan changes, by their old keys."""
    live, back = impact.before, impact.renames.reversed()
    touched: set[GroupKey] = set()
    leavers: set[UserKey] = set()
    for change in impact.plan.changes:
        match change:
            case Delete(before=User() as user):
                leavers.add(user_key(user.user_name))
            case Delete(before=resource):
                touched.update(_groups_of(resource))
            case Create(after=resource):
                touched.update(map(back.group, _groups_of(resource)))
            case Update() | Rename():
                pass
            case _:
                assert_never(change)
    if leavers:
        touched.update(
            key for key, members in live.members.items() if not members.isdisjoint(leavers)
        )
    return frozenset(touched & live.groups.keys())


def _groups_of(resource: Resource) -> Iterator[GroupKey]:
    match resource:
        case Group():
            yield group_key(resource.name)
        case Membership():
            yield group_key(resource.group)
        case Assignment(principal=Principal(kind=PrincipalKind.GROUP, orphan=False) as principal):
            yield GroupKey(principal.name)
        case _:
            pass


def _people(impact: Impact, known: Known) -> frozenset[Principal]:
    """Return who may reach what is at stake through a group whose members are not all known."""
    live, back = impact.before, impact.renames.reversed()
    found: set[Principal] = set()
    for arn, users in impact.at_stake.items():
        groups = (
            GroupKey(one.name)
            for one in live.assignments.get(arn, frozenset())
            if one.kind is PrincipalKind.GROUP and not one.orphan
        )
        if not all(map(known.has_members_of, groups)):
            keys = map(back.user, users)
            found.update(Principal(PrincipalKind.USER, key) for key in keys if key in live.users)
    return frozenset(found - known.principals)
