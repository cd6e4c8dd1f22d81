"""What is live, as the product sees it: by name, and an orphan by its identity."""

from __future__ import annotations

from functools import lru_cache

from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
)
from tests.simulation.oracle import Id, Person, Store, Team
from tests.simulation.worlds import ARNS

APPLICATIONS = {
    ApplicationArn(arn): Application(ApplicationArn(arn), f"App {arn[-1]}", None, "111122223333")
    for arn in ARNS
}


def given_name(name: str) -> str:
    """Return what everybody is called who has, or had, that user name: no two are taken for one."""
    return name.removeprefix("x-").removeprefix("new-")


@lru_cache(maxsize=1 << 16)
def _user(person: Person, manager: str | None, foreign: bool) -> User:  # noqa: FBT001 - cached
    return User(
        UserName(person.name),
        display_name=person.display_name,
        given_name=given_name(person.name),
        family_name="F",
        title=person.title,
        email=Email(person.email, primary=True) if person.email else None,
        manager=UserName(manager) if manager else None,
        foreign=foreign,
    )


@lru_cache(maxsize=1 << 12)
def group_of(team: Team, foreign: bool) -> Group:  # noqa: FBT001 - cached
    """Return a team as the product sees it."""
    return Group(GroupName(team.name), team.description, foreign=foreign)


@lru_cache(maxsize=1 << 12)
def _principal(kind: str, name: str, orphan: bool) -> Principal:  # noqa: FBT001 - cached
    kinds = {"u": PrincipalKind.USER, "g": PrincipalKind.GROUP}
    return Principal(kinds[kind], name, orphan)


def user_of(store: Store, one: Id) -> User:
    """Return a person as the product sees her."""
    person = store.people[one]
    manager = person.manager
    return _user(person, manager and store.name(manager), one in store.foreign)


def state_of(store: Store) -> State:
    """Return *store* as the product sees it."""
    people, teams = store.people, store.teams
    inside: dict[Id, list[UserKey]] = {team: [] for team in teams}
    for team, person in store.members:
        inside[team].append(UserKey(people[person].name))
    assigned: dict[ApplicationArn, list[Principal]] = {arn: [] for arn in APPLICATIONS}
    for arn, one in store.assignments:
        is_live = one in people or one in teams
        assigned[ApplicationArn(arn)].append(_principal(one[0], store.name(one), not is_live))
    return State(
        users={UserKey(is_.name): user_of(store, one) for one, is_ in people.items()},
        groups={
            GroupKey(is_.name): group_of(is_, one in store.foreign) for one, is_ in teams.items()
        },
        members={GroupKey(teams[team].name): frozenset(some) for team, some in inside.items()},
        applications=APPLICATIONS,
        assignments={arn: frozenset(some) for arn, some in assigned.items()},
    )
