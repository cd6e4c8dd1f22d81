"""Plan for what a change of the YAML touches, from reads in proportion to it.

The result is the plan for the whole declaration, restricted to the touched resources and to
what hangs on them. Where everything untouched is already as declared, that is the whole plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from identity_reconciler.core.claims import address_of
from identity_reconciler.core.comparison import compare_resolved
from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser, Presence
from identity_reconciler.core.flattening import flattened
from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Withholding
from identity_reconciler.core.resolution import Resolution, resolve, with_all_members
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    GroupName,
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
    user_key,
)
from identity_reconciler.core.targets import (
    Targets,
    assigned,
    restricted,
    targets_of,
    touched,
)
from identity_reconciler.errors import Position
from identity_reconciler.gateway import Gateway, Wanted

_NOWHERE = Position("", 1, 1)


@dataclass(frozen=True, slots=True)
class TargetedPlan:
    """A plan for a few targets, and what it was made from."""

    plan: Plan
    live: State
    """Nothing but the targets and what they refer to."""
    targets: Targets
    """With what they refer to and is declared, but is not live."""


@dataclass(frozen=True, slots=True)
class Found:
    """What identifiers lead to, by live names."""

    named: tuple[Resource | Application, ...] = ()
    applications: tuple[Application, ...] = ()
    """Those that are named, and those that links in it lead to."""
    gone: tuple[ObjectIds, ...] = ()
    """Those of nothing that is live: what they were, and who declares it, is not known."""


class IdentifyingGateway(Gateway, Protocol):
    """A gateway that also finds its way back from identifiers."""

    def identified(self, ids: Iterable[ObjectIds]) -> Mapping[ObjectIds, Resource]:
        """Return the live objects and links that *ids* name, by their live names.

        Raises:
            IncompleteReadError: AWS did not answer.
        """
        ...


def find(ids: Iterable[ObjectIds], gateway: IdentifyingGateway) -> Found:
    """Return what *ids* lead to.

    Raises:
        IncompleteReadError: Something could not be read.
    """
    asked = tuple(ids)
    arns = tuple(sorted({ApplicationArn(one.application) for one in asked if one.application}))
    live = gateway.read_state(Wanted(arns=arns)).applications if arns else {}
    named: dict[ObjectIds, Resource | Application] = {**gateway.identified(asked)}
    for one in asked:
        application = live.get(ApplicationArn(one.application))
        if one.application and application is None:
            named.pop(one, None)
        elif application is not None and one == ObjectIds(application=one.application):
            named[one] = application
    gone = tuple(one for one in asked if one not in named)
    return Found(tuple(named[one] for one in asked if one in named), tuple(live.values()), gone)


def plan_touched(old: Declared, new: Declared, gateway: Gateway, as_of: datetime) -> TargetedPlan:
    """Return the plan for what of *new* is not as in *old*; their settings are equal.

    Raises:
        IncompleteReadError: Something it needs could not be read; there is no plan.
    """
    before, after = flattened(old, as_of), flattened(new, as_of)
    survey = _Survey(touched(before, after), (before, after), gateway)
    return _planned(survey, new, as_of)


def plan_named(declared: Declared, found: Found, gateway: Gateway, as_of: datetime) -> TargetedPlan:
    """Return the plan for what of *declared* is live as *found*, and for nothing else.

    Raises:
        IncompleteReadError: Something it needs could not be read; there is no plan.
    """
    after = flattened(declared, as_of)
    targets = targets_of(after, found.named, found.applications)
    survey = _Survey(targets, (_with_strangers(after, found.named), after), gateway)
    return _planned(survey, declared, as_of)


def _with_strangers(declared: Declared, named: Iterable[Resource | Application]) -> Declared:
    """Return *declared* and whoever of *named* is not in it, as spelled where they are live."""
    users, groups = dict[UserKey, DeclaredUser](), dict[GroupKey, DeclaredGroup]()
    for one in named:
        if isinstance(one, User | Membership):
            user = User(one.user_name if isinstance(one, User) else one.user)
            users[user_key(user.user_name)] = DeclaredUser(user, _NOWHERE, Presence.EXTERNAL)
        if isinstance(one, Group | Membership):
            group = Group(one.name if isinstance(one, Group) else one.group)
            groups[group_key(group.name)] = DeclaredGroup(group, _NOWHERE, Presence.EXTERNAL)
    known_users = {user_key(one.name) for one in declared.users}
    known_groups = {group_key(one.name) for one in declared.groups}
    strangers = (entry for key, entry in users.items() if key not in known_users)
    strange_groups = (entry for key, entry in groups.items() if key not in known_groups)
    return replace(
        declared,
        users=(*declared.users, *strangers),
        groups=(*declared.groups, *strange_groups),
    )


def _planned(survey: _Survey, new: Declared, as_of: datetime) -> TargetedPlan:
    survey.read_applications()
    survey.read_objects()
    survey.follow_what_is_missing()
    survey.follow_what_is_taken()
    resolution = survey.read_what_hangs_on_leavers(as_of)
    plan = _with_arns(compare_resolved(resolution).plan, new)
    # What is left to the services of AWS is not a question of what is touched.
    withheld = (one for one in plan.withheld if one.reason is not Withholding.SERVICE)
    plan = replace(plan, withheld=tuple(withheld))
    return TargetedPlan(plan, survey.live, survey.targets)


def _with_arns(plan: Plan, declared: Declared) -> Plan:
    """Return *plan* with the ARN beside the name of each application that is declared by it.

    Whether another application has that name is not known here, and this is how those are
    declared whose name is not unique.
    """
    arns = {one.selector.arn for one in declared.applications if one.selector.arn}

    def labelled(change: Change) -> Change:
        match change:
            case Create(after=Assignment() as link) if link.application in arns:
                return replace(change, after=_with_arn(link))
            case Delete(before=Assignment() as link) if link.application in arns:
                return replace(change, before=_with_arn(link))
            case _:
                return change

    return replace(plan, changes=tuple(map(labelled, plan.changes))) if arns else plan


def _with_arn(link: Assignment) -> Assignment:
    name, arn = link.application_name, link.application
    return replace(link, application_name=f"{name} ({arn})") if name and arn not in name else link


class _Survey:
    """Reads in a few rounds, each of which needs what the one before has found."""

    def __init__(
        self, targets: Targets, sides: tuple[Declared, Declared], gateway: Gateway
    ) -> None:
        old, new = sides
        self.targets = targets
        self.live = State()
        self._new = new
        self._gateway = gateway
        self._users = {user_key(one.user.user_name): one for one in new.users}
        self._groups = {group_key(one.group.name): one for one in new.groups}
        self._spelled = _Spelled(old, new)
        self._referred_users: set[UserKey] = set()
        self._referred_groups: set[GroupKey] = set()

    def read_applications(self) -> None:
        """Read the applications of touched assignments; all only where one is selected by name."""
        targets = self.targets
        read_whole = targets.assignment_lists | targets.required
        selectors = {one for one, _ in targets.assignments} | read_whole
        arns = [one.arn for one in selectors if one.arn is not None]
        if selectors:
            self.live = self._gateway.read_state(
                Wanted(
                    applications=len(arns) < len(selectors),
                    arns=tuple(sorted(arns)),
                    assignments_of=lambda found: any(one.matches(found) for one in read_whole),
                )
            )

    def read_objects(self) -> None:
        """Read the targets, and whether what they refer to is live."""
        targets = self.targets
        assignments = tuple(self._assignments())
        found = self._gateway.read_state(
            Wanted(
                named=(
                    *self._objects(targets.users, targets.groups | self._included()),
                    *self._memberships(),
                    *assignments,
                ),
                principals=tuple(
                    Principal(PrincipalKind.GROUP, name)
                    for key in sorted(targets.member_lists)
                    for name in map(folded, self._spelled.groups(key))
                ),
                mentioned=tuple(self._mention()),
            )
        )
        # Lists of principals tell of assignments that were not asked about.
        asked = {(one.application, one.principal) for one in assignments}
        kept = {
            arn: frozenset(one for one in principals if (arn, one) in asked)
            for arn, principals in found.assignments.items()
        }
        self.live = self.live.united(replace(found, assignments=kept))

    def _included(self) -> frozenset[GroupKey]:
        """Return the groups whose members are, by includes, in a list that is touched.

        Somebody else may own one of them by now; then it is not known who is in it.
        """
        pending = set(self.targets.listing)
        found: set[GroupKey] = set()
        while pending:
            entries = (self._groups.get(key) for key in pending)
            inner = {group_key(one.name) for entry in entries if entry for one in entry.include}
            pending = inner - found
            found |= pending
        return frozenset(found)

    def follow_what_is_missing(self) -> None:
        """Make targets of what is referred to and declared, but not live: it is to be created."""
        while True:
            users, groups = self._missing()
            if not users and not groups:
                return
            self.targets = replace(
                self.targets,
                users=self.targets.users | users,
                groups=self.targets.groups | groups,
            )
            renamed = tuple(self._objects(users, groups, previous_only=True))
            managers = self._managers(users) - self._referred_users - self.targets.users
            self._referred_users |= managers
            if renamed or managers:
                mentioned = tuple(User(self._spelled.users(key)[0]) for key in sorted(managers))
                found = self._gateway.read_state(Wanted(named=renamed, mentioned=mentioned))
                # What is described now may have been no more than mentioned before.
                self.live = found.united(self.live)

    def follow_what_is_taken(self) -> None:
        """Make targets of those who have an address that a target gets: they may give it up."""
        asked: set[str] = set()
        while True:
            addresses = self._addresses() - asked
            if not addresses:
                return
            asked |= addresses
            wanted = Wanted(addresses=tuple(sorted(addresses)))
            holders = self._gateway.read_state(wanted).users.values()
            keys = frozenset(map(self._declared_key, holders)) - self.targets.users
            if keys:
                self.targets = replace(self.targets, users=self.targets.users | keys)
                named = (*self._objects(keys, ()), *holders)
                mentioned = tuple(self._mention())
                found = self._gateway.read_state(Wanted(named=named, mentioned=mentioned))
                self.live = found.united(self.live)
                self.follow_what_is_missing()

    def _addresses(self) -> set[str]:
        """Return the addresses, as spelled, that targets are to have and do not have."""
        found: set[str] = set()
        for key in self.targets.users & self._users.keys():
            entry = self._users[key]
            live = [self.live.users.get(user_key(name)) for name in self._spelled.users(key)]
            had = {address_of(user) for user in live if user is not None}
            if entry.presence is Presence.PRESENT and address_of(entry.user) not in {None, *had}:
                found.add(entry.user.email.value)  # type: ignore[union-attr]
        return found

    def _declared_key(self, user: User) -> UserKey:
        """Return the key of the entry that *user* is declared by, or else its own."""
        own = user_key(user.user_name)
        if own in self._users:
            return own
        return next(
            (key for key, one in self._users.items() if own in map(user_key, one.previous_names)),
            own,
        )

    def read_what_hangs_on_leavers(self, as_of: datetime) -> Resolution:
        """Read what hangs on users and groups to be deleted; return what is declared, bound."""
        bound = self._bound(as_of)
        leavers = bound.departing.principals()
        if not leavers:
            return bound
        found = self._gateway.read_state(Wanted(principals=tuple(sorted(leavers))))
        # Groups are described now, whose they are too, that were no more than mentioned before;
        # users are not, whose managers are left out.
        groups = found.united(self.live).groups
        self.live = replace(self.live.united(found), groups=groups)
        unknown = found.assignments.keys() - self.live.applications.keys()
        if unknown:
            named = self._gateway.read_state(Wanted(arns=tuple(sorted(unknown))))
            self.live = self.live.united(named)
        # Users and groups that are met for the first time are only referred to as well.
        return self._bound(as_of)

    def _bound(self, as_of: datetime) -> Resolution:
        new = with_all_members(self._new, self.live, as_of)
        return resolve(restricted(new, self.targets, self.live), self.live, as_of)

    def _objects(
        self, users: Iterable[UserKey], groups: Iterable[GroupKey], *, previous_only: bool = False
    ) -> Iterator[Resource]:
        """Yield users and groups under all names that they may be live under."""
        for user in sorted(users):
            yield from map(User, self._spelled.users(user)[previous_only:])
        for group in sorted(groups):
            yield from map(Group, self._spelled.groups(group)[previous_only:])

    def _memberships(self) -> Iterator[Membership]:
        for group, user in sorted(self.targets.memberships):
            for group_name in self._spelled.groups(group):
                for user_name in self._spelled.users(user):
                    yield Membership(group_name, user_name)

    def _assignments(self) -> Iterator[Assignment]:
        for selector, principal in self.targets.assignments:
            for application in filter(selector.matches, self.live.applications.values()):
                for name in self._spelled.principal(principal):
                    named = replace(principal, name=folded(name))
                    yield Assignment(application.arn, named, principal_name=name)

    def _mention(self) -> Iterator[User | Group]:
        """Yield, and remember as referred to, what the targets refer to."""
        targets = self.targets
        users = {user for _, user in targets.memberships} | self._managers(targets.users)
        for group in targets.member_lists:
            users |= {user_key(one.name) for one in self._groups[group].members or ()}
        principals = self._principals()
        users |= {UserKey(one.name) for one in principals if one.kind is PrincipalKind.USER}
        groups = {GroupKey(one.name) for one in principals if one.kind is PrincipalKind.GROUP}
        groups |= targets.listing
        self._referred_users |= users
        self._referred_groups |= groups
        for user in sorted(users - targets.users):
            yield User(self._spelled.users(user)[0])
        for key in sorted(groups - targets.groups):
            yield Group(self._spelled.groups(key)[0])

    def _principals(self) -> set[Principal]:
        """Return the principals of touched assignments, listed or live."""
        principals = {principal for _, principal in self.targets.assignments}
        for entry in self._new.applications:
            if entry.selector in self.targets.assignment_lists:
                principals |= assigned(entry).keys()
        for found in self.live.assignments.values():
            principals |= {one for one in found if not one.orphan}
        return principals

    def _managers(self, users: Iterable[UserKey]) -> set[UserKey]:
        entries = (self._users[key] for key in users if key in self._users)
        return {user_key(one.user.manager) for one in entries if one.user.manager}

    def _missing(self) -> tuple[frozenset[UserKey], frozenset[GroupKey]]:
        """Return what is referred to and declared, but neither a target nor live."""
        users = self._referred_users & self._users.keys()
        groups = self._referred_groups & self._groups.keys()
        return (
            frozenset(users - self.targets.users - self.live.users.keys()),
            frozenset(groups - self.targets.groups - self.live.groups.keys()),
        )


class _Spelled:
    """The names that a key may be live under, as spelled: its own first, then previous ones."""

    def __init__(self, old: Declared, new: Declared) -> None:
        self._users = _names((*new.users, *old.users))
        self._groups = _names((*new.groups, *old.groups))

    def users(self, key: UserKey) -> tuple[UserName, ...]:
        return tuple(map(UserName, self._users.get(key, (key,))))

    def groups(self, key: GroupKey) -> tuple[GroupName, ...]:
        return tuple(map(GroupName, self._groups.get(key, (key,))))

    def principal(self, principal: Principal) -> tuple[str, ...]:
        names = self._users if principal.kind is PrincipalKind.USER else self._groups
        return names.get(principal.name, (principal.name,))


def _names(
    entries: Iterable[DeclaredUser] | Iterable[DeclaredGroup],
) -> Mapping[str, tuple[str, ...]]:
    """Return the names of each entry by its key; those of newer entries come first in *entries*."""
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        found.setdefault(folded(entry.name), {}).update(dict.fromkeys(entry.names))
    return {key: tuple(names) for key, names in found.items()}
