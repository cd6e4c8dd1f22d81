"""What to read to see what of a plan is done: what it touches, with the fewest requests."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from identity_reconciler.core.bindings import leavers, managers, places, require_same_objects
from identity_reconciler.core.plan import Create, Plan
from identity_reconciler.core.review import (
    addresses_of,
    applications_of,
    require_applications,
    to_be_read,
    what_is_left,
)
from identity_reconciler.core.state import (
    ApplicationArn,
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
    UserName,
    group_key,
)
from identity_reconciler.errors import StalePlanError
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.gateway.reading.listing import page_count

_BESIDE_ASSIGNMENTS = 2
"""Requests that a list of assignments takes besides its pages: about the application itself."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """About how long the lists are that could be read instead of single objects."""

    users: int
    groups: int
    members: Mapping[GroupKey, int] = field(default_factory=dict)
    """By group; the members of one that is missing are not listed."""


ENDLESS = Lengths(sys.maxsize, sys.maxsize)
"""Too long for users or groups to be listed."""


LOOKS = 3
"""How often to look for what was applied before saying that it does not show."""
PAUSE = 5.0
"""Seconds between two looks: lists may lag behind writes. Source: awslabs/ssosync issue 42."""


def look_again(
    look: Callable[[], Plan], applied: Collection[Key], sleep: Callable[[float], object]
) -> Plan:
    """Return what *look* says is left, as soon as nothing that was *applied* is, or in the end.

    While one list shows what another one does not yet, nothing fits together; that passes as well.

    Raises:
        ReconcilerError: As the last *look* does, and a `GatewayError` as any of them does.
    """
    for _ in range(LOOKS - 1):
        with suppress(StalePlanError):
            left = look()
            if all(change.key not in applied for change in left.changes):
                return left
        sleep(PAUSE)
    return look()


def still_left(plan: Plan, gateway: Gateway, lengths: Lengths) -> Plan:
    """Return what is left of *plan*, which was made and begun just now; see `what_is_left`.

    Raises:
        IncompleteReadError: What it touches could not be read.
        StalePlanError: Something of it is neither as it was nor as it shall be.
    """
    return what_is_left(plan, _read(gateway, partial(to_verify, plan), lengths))


def _read(gateway: Gateway, wanted: Callable[[Lengths], Wanted], lengths: Lengths) -> State:
    """Return what is *wanted* where lists are as long as *lengths* say.

    A list cannot tell twins apart by their names; AWS knows how each is spelled.
    """
    live = gateway.read_state(wanted(lengths))
    return gateway.read_state(wanted(ENDLESS)) if live.twins else live


class Telling(Gateway, Protocol):
    """A gateway that can be told what those were called who are gone."""

    def recall(self, names: Mapping[str, UserName]) -> None:
        """See `AwsGateway.recall`."""
        ...


def left_of_reviewed(reviewed: Plan, gateway: Telling, lengths: Lengths) -> Plan:
    """Return what is left of *reviewed*, a saved plan; reads what it touches.

    Raises:
        IncompleteReadError: That could not be read.
        StalePlanError: Something that it touches is neither as it was nor as it shall be, or is
            not the object that it was.
    """
    if not reviewed:
        return reviewed
    gateway.recall(leavers(reviewed))
    live = _read(gateway, partial(to_review, reviewed), lengths)
    # Of which applications is what hangs on who is to be deleted, and was not reviewed?
    unknown = live.assignments.keys() - live.applications.keys()
    if unknown:
        live = live.united(gateway.read_state(Wanted(arns=tuple(sorted(unknown)))))
    require_same_objects(reviewed, gateway.witnesses(places(reviewed)))
    left = what_is_left(reviewed, live)
    require_applications(left.changes, live.applications)
    return left


def to_review(plan: Plan, lengths: Lengths) -> Wanted:
    """Return what to read for `what_is_left` of a saved *plan*, and to hold it against.

    That is what hangs on who is to be deleted, whether managers are live, who has the addresses
    that are given, and what the applications are called, too.
    """
    wanted = to_verify(plan, lengths)
    _, principals = to_be_read(plan)
    return replace(
        wanted,
        principals=principals,
        mentioned=(*map(User, managers(plan)), *_assigned(plan, wanted.arns)),
        # Whoever has an address is in the list of users.
        addresses=() if wanted.users else addresses_of(plan),
        arns=applications_of(plan),
    )


def _assigned(plan: Plan, listed: tuple[ApplicationArn, ...]) -> Iterator[User | Group]:
    """Yield whom *plan* assigns to applications whose assignments are *listed*.

    That tells nothing of those who are not assigned yet.
    """
    for change in plan.changes:
        match change:
            case Create(after=Assignment(application=arn, principal=principal) as link) if (
                arn in listed
            ):
                name = link.principal_name or principal.name
                of_user = principal.kind is PrincipalKind.USER
                yield User(UserName(name)) if of_user else Group(GroupName(name))
            case _:
                pass


def to_verify(plan: Plan, lengths: Lengths) -> Wanted:
    """Return what to read for `still_left` of *plan*.

    Users, groups, the members of each group and the assignments of each application are listed
    where that takes fewer requests than to ask for those that *plan* touches one by one.
    """
    named, _ = to_be_read(plan)
    asked = Counter(map(_list_of, named))
    users = asked[User] > page_count(lengths.users)
    groups = asked[Group] > page_count(lengths.groups)
    members = {
        key
        for key, length in lengths.members.items()
        if asked[Membership, key] > page_count(max(length, asked[Membership, key]))
    }
    arns = {
        arn
        for arn in {one.application for one in named if isinstance(one, Assignment)}
        if asked[Assignment, arn] > page_count(asked[Assignment, arn]) + _BESIDE_ASSIGNMENTS
    }
    listed = {
        *((User,) if users else ()),
        *((Group,) if groups else ()),
        *((Membership, key) for key in members),
        *((Assignment, arn) for arn in arns),
    }
    return Wanted(
        users=users,
        groups=groups,
        twins=True,
        named=tuple(one for one in named if _list_of(one) not in listed),
        memberships_of=tuple(Principal(PrincipalKind.GROUP, key) for key in sorted(members)),
        arns=tuple(sorted(arns)),
        assignments_of=lambda application: application.arn in arns,
    )


def _list_of(resource: Resource) -> object:
    """Return which list *resource* would be in."""
    match resource:
        case Membership():
            return Membership, group_key(resource.group)
        case Assignment():
            return Assignment, resource.application
        case _:
            return type(resource)
