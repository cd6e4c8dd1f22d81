"""Who can open which application, before and after a plan. Pure.

A user can open an application when assigned to it, when in a group that is assigned to it, or
when it requires no assignment. Orphaned assignments give nobody access. Disabled users count like
others: disabling is not for good, and an assignment outlasts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from identity_reconciler.core.plan import Create, Delete, Plan
from identity_reconciler.core.projection import after_plan, with_account_access
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    ApplicationArn,
    GroupKey,
    Key,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    folded,
)


class Effect(StrEnum):
    """What becomes of a person's access to an application."""

    LOST = "loses"
    GAINED = "gains"


class Route(StrEnum):
    """How access is given."""

    DIRECT = "directly"
    GROUP = "through"
    EVERYONE = "everyone: no assignment required"


@dataclass(frozen=True, slots=True, order=True)
class Path:
    """One way in which a user can open an application."""

    route: Route
    group: str = ""
    """The name of the group as spelled, for `Route.GROUP`; otherwise empty."""

    def __str__(self) -> str:
        return f"{self.route} {self.group}" if self.group else str(self.route)


@dataclass(frozen=True, slots=True)
class AccessChange:
    """One person who can open one application before a plan and not after it, or the reverse."""

    effect: Effect
    user: UserName
    """As spelled after the plan; before it for a deleted user."""
    application: ApplicationArn
    application_name: str
    """See `State.application_label`: empty when the application is known by its ARN only."""
    paths: tuple[Path, ...]
    """Every path that is lost, or every path that is gained; sorted, at least one."""

    @property
    def key(self) -> Key:
        """Losses first, then the folded user name, the application's name and its ARN."""
        rank = "0" if self.effect is Effect.LOST else "1"
        return (rank, folded(self.user), self.application_name, self.application)


@dataclass(frozen=True, slots=True)
class Impact:
    """A plan with the states before and after it, and whose access it may change."""

    plan: Plan
    renames: Renames
    """Those of the plan."""
    before: State
    """As read, under the names of before the renames. May be partial: see `access_changes`."""
    after: State
    """What is live when every change has succeeded."""
    at_stake: Mapping[ApplicationArn, frozenset[UserKey]]
    """For each application that the plan may open or close to someone, those users.

    Users are named as after the plan. Applications that require no assignment are left out:
    assignments change nobody's access to them.
    """

    @classmethod
    def of(cls, plan: Plan, live: State) -> Impact:
        """Return the impact of *plan* on *live*."""
        return cls._on(live, plan, Renames.in_plan(plan))

    def on(self, live: State) -> Impact:
        """Return the impact of the same plan on *live*, of which more is known now."""
        return self._on(live, self.plan, self.renames)

    def with_accounts(self, found: State) -> Impact:
        """Return the impact of the same plan, now that *found* has been read of AWS accounts.

        Only where that tells of memberships as well, who is in which group is worked out again.
        """
        before = self.before.united(found)
        known = self.before.members
        if any(users - known.get(group, frozenset()) for group, users in found.members.items()):
            return self.on(before)
        after = with_account_access(self.after, before, self.plan, self.renames)
        return replace(self, before=before, after=after)

    @classmethod
    def _on(cls, before: State, plan: Plan, renames: Renames) -> Impact:
        after = after_plan(before, plan, renames)
        return cls(plan, renames, before, after, _at_stake(before, after, renames))


def access_changes(impact: Impact) -> tuple[AccessChange, ...]:
    """Return who loses and who gains which application by a plan, sorted by key.

    Somebody who has access before and after, by whatever paths and names, neither gains nor
    loses. The work grows with the groups and applications that the plan touches, not with the
    organisation.

    The answer is exact for all that the state before the plan tells when that holds

    * every live user and group;
    * for each group whose members or assignments the plan changes, all of its assignments, and
      all of its members where its own assignments change;
    * for each application that the plan changes or that such a group is assigned to, all of its
      assignments and its `assignment_required`;
    * for each such application and each user who is at stake there, every membership of the user
      in a group assigned to the application.

    That created users gain, and deleted users lose, what requires no assignment is told of
    applications whose `assignment_required` is known to be false. `access_facts` tells what is
    missing.
    """
    before, after, renames = impact.before, impact.after, impact.renames
    back = renames.reversed()
    changes: list[AccessChange] = []
    for arn, users in impact.at_stake.items():
        # Who takes over the old name of somebody is another person: not in *users* as renamed.
        had = users & renames.members(_reached(before, arn, frozenset(map(back.user, users))))
        has = _reached(after, arn, users)
        label = before.application_label(arn)
        for user in had - has:
            was = back.user(user)
            name = after.user_name(user) if user in after.users else before.user_name(was)
            paths = _paths(before, arn, was)
            changes.append(AccessChange(Effect.LOST, name, arn, label, paths))
        for user in has - had:
            name, paths = after.user_name(user), _paths(after, arn, user)
            changes.append(AccessChange(Effect.GAINED, name, arn, label, paths))
    changes.extend(_open_to_everyone(impact.plan, before))
    return tuple(sorted(changes, key=lambda one: one.key))


def _at_stake(
    before: State, after: State, renames: Renames
) -> Mapping[ApplicationArn, frozenset[UserKey]]:
    shifted = shifted_groups(before, after, renames)
    found: dict[ApplicationArn, frozenset[UserKey]] = {}
    for arn in after.assignments:
        if is_open(before, arn):
            continue
        users = frozenset().union(*_stakes(arn, before, after, shifted, renames))
        if users:
            found[arn] = users
    return found


def shifted_groups(
    before: State, after: State, renames: Renames
) -> Mapping[Principal, frozenset[UserKey]]:
    """Return, by old name, the groups with other members after, and the users who differ.

    Groups that nothing touched have the very same set in both states. Of those of which nobody is
    known to be a member before, one may be known after.
    """
    shifted: dict[Principal, frozenset[UserKey]] = {}
    back, nobody = renames.reversed(), frozenset[UserKey]()
    for key in {**before.members, **dict.fromkeys(map(back.group, after.members))}:
        members = before.members.get(key, nobody)
        later = after.members.get(renames.group(key), nobody)
        if later is not members:
            differing = renames.members(members) ^ later
            if differing:
                shifted[Principal(PrincipalKind.GROUP, key)] = differing
    return shifted


def _stakes(
    arn: ApplicationArn,
    before: State,
    after: State,
    shifted: Mapping[Principal, frozenset[UserKey]],
    renames: Renames,
) -> Iterator[frozenset[UserKey]]:
    assigned = before.assignments.get(arn, frozenset())
    for principal in shifted.keys() & assigned if shifted else ():
        yield shifted[principal]
    later = after.assignments.get(arn, frozenset())
    if later is assigned:
        return
    for principal in frozenset(map(renames.principal, assigned)) ^ later:
        if principal.orphan:
            continue
        if principal.kind is PrincipalKind.USER:
            yield frozenset((UserKey(principal.name),))
        else:
            # Whoever also leaves that group is among the shifted.
            yield after.members.get(GroupKey(principal.name), frozenset())


def is_open(state: State, arn: ApplicationArn) -> bool:
    """Return whether everybody can open the application *arn*, as far as *state* tells."""
    application = state.applications.get(arn)
    return application is not None and application.assignment_required is False


def _reached(state: State, arn: ApplicationArn, users: frozenset[UserKey]) -> frozenset[UserKey]:
    """Return those of *users* who can open the application in *state* by an assignment."""
    found: set[UserKey] = set()
    for principal in state.assignments.get(arn, frozenset()):
        if principal.orphan:
            continue
        if principal.kind is PrincipalKind.USER:
            found.add(UserKey(principal.name))
        else:
            found |= users & state.members.get(GroupKey(principal.name), frozenset())
    return users & found


def _paths(state: State, arn: ApplicationArn, user: UserKey) -> tuple[Path, ...]:
    """Return every path from a live user to an application that requires assignments, sorted."""
    found = []
    for principal in state.assignments.get(arn, frozenset()):
        if principal.orphan:
            continue
        if principal.kind is PrincipalKind.GROUP:
            group = GroupKey(principal.name)
            if user in state.members.get(group, frozenset()):
                found.append(Path(Route.GROUP, state.group_name(group)))
        elif principal.name == user:
            found.append(Path(Route.DIRECT))
    return tuple(sorted(found))


def _open_to_everyone(plan: Plan, before: State) -> Iterator[AccessChange]:
    """Yield what deleted users lose, and created users gain, without any assignment."""
    everyone = (Path(Route.EVERYONE),)
    applications = [one for one in before.applications.values() if is_open(before, one.arn)]
    for change in plan.changes if applications else ():
        match change:
            case Create(after=User() as user):
                effect, name = Effect.GAINED, user.user_name
            case Delete(before=User() as user):
                effect, name = Effect.LOST, user.user_name
            case _:
                continue
        for one in applications:
            label = before.application_label(one.arn)
            yield AccessChange(effect, name, one.arn, label, everyone)
