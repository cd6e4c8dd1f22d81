"""Compare two states. Pure: same inputs, same plan, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from typing import NamedTuple, TypeVar

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Reason,
    Rename,
    Update,
    ordered,
)
from identity_reconciler.core.renames import NO_RENAMES, Renames
from identity_reconciler.core.state import (
    Email,
    Group,
    GroupKey,
    Key,
    Membership,
    PhoneNumber,
    Photo,
    PostalAddress,
    Principal,
    PrincipalKind,
    Role,
    State,
    User,
    UserKey,
    folded,
    principals_of,
)

_FIELDS = tuple(attribute.field for attribute in USER_ATTRIBUTES)

Attribute = str | Email | PhoneNumber | PostalAddress | Role | tuple[Photo, ...]


def build_plan(
    desired: State,
    live: State,
    directory: State | None = None,
    *,
    renames: Renames = NO_RENAMES,
    untouched: Collection[GroupKey] = frozenset(),
) -> Plan:
    """Return the changes that turn *live* into *desired*, each as small as it can be.

    *live* is what is managed; *directory* is everything live, for the spelling of names that
    the scope leaves out. Both are filed and linked under the names that *renames* lead to, while
    the users and groups have their names of before: see `Renames.state`. Attributes that are not
    declared, and the spelling of names, stay as they are live.

    The memberships of a deleted user are changes of their own, so that no access waits for the
    deletion. They vanish with it only in the *untouched* groups, by new names, of which nothing
    is to be written. Those of a deleted group vanish with it.
    """
    names = directory or live
    gone = _gone(desired, live)
    changes = (
        *_objects(desired.users, live.users),
        *_objects(desired.groups, live.groups),
        *_memberships(desired, live, names, _Going(gone, untouched)),
        *_assignments(desired, live, names, gone, renames),
    )
    cascades = _cascades(live, names, _Going(gone, untouched))
    return Plan(
        changes=ordered(
            replace(change, cascaded=cascades.get(change.key, ()))
            if isinstance(change, Delete)
            else change
            for change in changes
        ),
        applications={
            arn: application
            for arn, application in names.applications.items()
            if desired.assignments.get(arn, frozenset()) != live.assignments.get(arn, frozenset())
        },
    )


_Object = TypeVar("_Object", User, Group)
_ObjectKey = TypeVar("_ObjectKey", UserKey, GroupKey)


def _objects(
    desired: Mapping[_ObjectKey, _Object], live: Mapping[_ObjectKey, _Object]
) -> Iterator[Change]:
    for key, wanted in desired.items():
        found = live.get(key)
        if found is None:
            yield Create(created(wanted))
        elif found is not wanted:
            yield from _change(found, wanted)
    for key in live.keys() - desired.keys():
        yield Delete(live[key])


def created(declared: _Object) -> _Object:
    """Return what a create makes of *declared*: a user gets a display name, too."""
    match declared:
        case User(display_name=None):
            name = declared.default_display_name
            return replace(declared, cleared=frozenset(), display_name=name)
        case _:
            return replace(declared, cleared=frozenset())


def _change(before: User | Group, declared: User | Group) -> Iterator[Change]:
    after = settled(declared, before)
    if after.key != before.key:
        yield Rename(before, after)
    elif after != before:
        yield Update(before, after)


def settled(declared: User | Group, live: User | Group) -> User | Group:
    """Return *live* with what *declared* says: only what differs, only what is declared."""
    match declared, live:
        case User(), User():
            return _settled_user(declared, live)
        case Group(), Group():
            description = declared.description or live.description
            return replace(
                live,
                name=live.name if declared.key == live.key else declared.name,
                description=None if "description" in declared.cleared else description,
            )
        case _:
            raise TypeError("a user and a group have nothing in common")


def _settled_user(declared: User, live: User) -> User:
    changed: dict[str, object] = {}
    if declared.key != live.key:
        changed["user_name"] = declared.user_name
    for name in _FIELDS:
        wanted, found = getattr(declared, name), getattr(live, name)
        if wanted is None or wanted == found or (name == "manager" and _same_name(wanted, found)):
            continue
        changed[name] = _merged(wanted, found)
    named_so = live.display_name is not None and live.display_name == live.default_display_name
    if declared.display_name is None and named_so:
        changed |= _following(changed, live)
    changed |= dict.fromkeys(declared.cleared)
    # The names are those of the class' own fields, so the types fit.
    return replace(live, **changed) if changed else live  # type: ignore[arg-type]


def _following(changed: Mapping[str, object], live: User) -> dict[str, object]:
    """Return the display name that a user called by both names gets with those *changed*."""
    names = (changed.get(name, getattr(live, name)) for name in ("given_name", "family_name"))
    name = " ".join(map(str, names))
    return {} if name == live.display_name else {"display_name": name}


def _same_name(one: str, other: str | None) -> bool:
    return other is not None and folded(one) == folded(other)


def _merged(wanted: Attribute, found: Attribute | None) -> Attribute:
    """Return *wanted* with its undeclared parts as they are in *found*."""
    if isinstance(wanted, tuple):
        if isinstance(found, tuple) and len(wanted) == len(found):
            return tuple(_merged_parts(*pair) for pair in zip(wanted, found, strict=True))
        return wanted
    if isinstance(wanted, str) or type(wanted) is not type(found):
        return wanted
    return _merged_parts(wanted, found)


_Compound = TypeVar("_Compound", bound=Email | PhoneNumber | PostalAddress | Role | Photo)


def _merged_parts(wanted: _Compound, found: object) -> _Compound:
    kept = {
        part.name: getattr(found, part.name)
        for part in fields(wanted)
        if getattr(wanted, part.name) is None
    }
    return replace(wanted, **kept)


def _gone(desired: State, live: State) -> frozenset[Principal]:
    """Return the principals that are live and not desired."""
    return principals_of(
        live.users.keys() - desired.users.keys(), live.groups.keys() - desired.groups.keys()
    )


class _Going(NamedTuple):
    """Who is deleted, and where nothing is written for it."""

    principals: frozenset[Principal]
    untouched: Collection[GroupKey]

    def has_group(self, group: GroupKey) -> bool:
        return Principal(PrincipalKind.GROUP, group) in self.principals

    @property
    def users(self) -> frozenset[UserKey]:
        users = (one.name for one in self.principals if one.kind is PrincipalKind.USER)
        return frozenset(map(UserKey, users))


def _memberships(desired: State, live: State, names: State, going: _Going) -> Iterator[Change]:
    """Compare the members of every group; what goes with a user or group is not among them."""
    leavers = going.users
    for group in desired.members.keys() | live.members.keys():
        wanted = desired.members.get(group, frozenset())
        found = live.members.get(group, frozenset())
        if wanted == found:
            continue
        parting = frozenset() if group in going.untouched else found & leavers
        for user in parting:
            yield Delete(names.membership(group, user), Reason.PRINCIPAL_DELETED)
        if not going.has_group(group):
            for user in wanted - found:
                yield Create(desired.membership(group, user))
            for user in found - wanted - leavers:
                yield Delete(names.membership(group, user), Reason.UNLISTED)


def _cascades(live: State, names: State, going: _Going) -> dict[Key, tuple[Membership, ...]]:
    """Return the memberships that vanish with each deleted user or group, each one once."""
    found: dict[Key, list[Membership]] = {}
    leavers = going.users
    for group, members in live.members.items():
        group_goes, is_untouched = going.has_group(group), group in going.untouched
        vanishing = members - leavers if group_goes else frozenset()
        for user in vanishing | (members & leavers if is_untouched else frozenset()):
            key: Key = ("group", group) if group_goes else ("user", user)
            found.setdefault(key, []).append(names.membership(group, user))
    return {key: tuple(sorted(found[key], key=lambda one: one.key)) for key in found}


def _assignments(
    desired: State, live: State, names: State, gone: frozenset[Principal], renames: Renames
) -> Iterator[Change]:
    """Compare the assignments of every application; none outlives the principal it names."""
    back = renames.reversed()
    spelled = replace(desired, applications=names.applications)
    for arn in desired.assignments.keys() | live.assignments.keys():
        wanted = desired.assignments.get(arn, frozenset())
        found = live.assignments.get(arn, frozenset())
        for principal in wanted - found:
            yield Create(spelled.assignment(arn, principal))
        for principal in found - wanted:
            reason = Reason.PRINCIPAL_DELETED if principal in gone else Reason.UNLISTED
            # It goes before the renames: under the name its principal has until then.
            yield Delete(back.assignment(names.assignment(arn, principal)), reason)
