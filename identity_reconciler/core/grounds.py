"""Hold what is told about access against the changes that would bring it about. Pure.

Who gains and who loses access depends on more of the live state than a plan holds, so it cannot
be found out from the plan alone. But each way into an application that is new was made by a change
of the plan, and each that is gone was taken away by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from identity_reconciler.core.access import Effect, Route
from identity_reconciler.core.plan import Create, Delete, Plan
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import (
    Assignment,
    GroupKey,
    Membership,
    PrincipalKind,
    Resource,
    User,
    UserKey,
    group_key,
    user_key,
)

_THROUGH = f"{Route.GROUP} "


@dataclass(slots=True)
class _Ways:
    """What one kind of change does to ways into applications, by keys of after the renames."""

    users: set[UserKey] = field(default_factory=set)
    members: set[tuple[GroupKey, UserKey]] = field(default_factory=set)
    assigned_users: set[tuple[str, UserKey]] = field(default_factory=set)
    assigned_groups: set[tuple[str, GroupKey]] = field(default_factory=set)

    def note(self, resource: Resource) -> None:
        match resource:
            case User(user_name=name):
                self.users.add(user_key(name))
            case Membership():
                self.members.add((group_key(resource.group), user_key(resource.user)))
            case Assignment(application=arn, principal=principal):
                if principal.kind is PrincipalKind.USER:
                    self.assigned_users.add((arn, UserKey(principal.name)))
                else:
                    self.assigned_groups.add((arn, GroupKey(principal.name)))
            case _:
                pass

    def hold(self, path: str, user: UserKey, group: GroupKey, arn: str) -> bool:
        """Return whether one of these makes or breaks *path* of *user*, by *group* if by any."""
        if path == Route.EVERYONE:
            return user in self.users
        if path == Route.DIRECT:
            return (arn, user) in self.assigned_users
        return (group, user) in self.members or (arn, group) in self.assigned_groups


class Grounds:
    """The changes of a plan, as reasons for somebody to gain or to lose access."""

    def __init__(self, plan: Plan) -> None:
        self._renames = Renames.in_plan(plan)
        self._made, self._gone = _Ways(), _Ways()
        for change in plan.changes:
            match change:
                case Create(after=resource):
                    self._made.note(resource)
                case Delete(before=resource, cascaded=cascaded):
                    for one in (resource, *cascaded):
                        if isinstance(one, Membership | Assignment):
                            self._gone.note(self._renames.link(one))
                        else:
                            self._gone.note(one)
                case _:
                    pass

    def are_given(self, effect: Effect, user: str, application: str, path: str) -> bool:
        """Return whether a change opens, or closes, *path* of *user* to the ARN *application*.

        *user* is called as after the plan, a group in a path as it is when the path is open.
        """
        if path not in {Route.EVERYONE, Route.DIRECT} and not path.startswith(_THROUGH):
            return False
        key, group = user_key(user), group_key(path.removeprefix(_THROUGH))
        if effect is Effect.GAINED:
            return self._made.hold(path, key, group, application)
        # Whoever goes loses every way; what is left of it is an orphan.
        return key in self._gone.users or self._gone.hold(
            path, key, self._renames.group(group), application
        )
