"""What each change of a plan needs of others before it may be carried out. Pure.

A failure costs what needs it, and nothing else: no stranger's grant, and no leaver's deletion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from identity_reconciler.core.plan import Change, Create, Delete, Rename, awaited, requirements
from identity_reconciler.core.renames import Link, Renames, ends_of
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Key,
    Membership,
    PrincipalKind,
    UserKey,
    user_key,
)


class Why(StrEnum):
    """Why one change waits for another, which `{}` stands for, in words for people."""

    READY = "needs {}, which could not be made ready"
    """It names a user or group that is created, or, if it makes a link, renamed."""
    FREED = "takes what {} was to give up, which has failed"
    """It takes a name or an e-mail address that is given up."""
    LINKS = "waits for the removal of {}, which has failed"
    """It deletes or renames what that link is of."""
    REPLACED = "waits for {}, which has failed and is for members of the group"
    """It deletes a group whose members get access by other ways."""


class Need(NamedTuple):
    """That a change must not be carried out unless another one has gone well."""

    key: Key
    """Of the other change."""
    why: Why

    def __str__(self) -> str:
        return self.why.format("/".join(self.key))


Needs = Mapping[Key, tuple[Need, ...]]
"""By the key of a change, what it needs, each once; changes that need nothing are missing."""


def needs(changes: Iterable[Change]) -> Needs:
    """Return what each of *changes* needs of others among them.

    No change needs itself, over however many others, but where values go in a circle.

    * A link needs the users and groups that it names created or renamed, and a user needs a
      manager created; one who is yet to be renamed is as good.
    * What takes a name or an e-mail address needs it given up.
    * The deletion or rename of a user or group needs those of its links gone that are to be
      removed: AWS keeps an assignment whose principal is gone, and a link is found again by the
      names in the plan. Strangers' links and objects are nothing to it. A rename does not need
      those that come after it in *changes*.
    * The deletion of a group needs what its members get to be in place: assignments to what the
      group is taken from, and memberships in other groups, as no plan says all that these lead
      to. Else people would lose what they have before and after.
    """
    listed = tuple(changes)
    freed, removed = awaited(listed), _removed_links(listed)
    found: defaultdict[Key, list[Need]] = defaultdict(list)
    for key, why, needed in (
        *_ready(listed),
        *((key, Why.FREED, one) for key, keys in freed.items() for one in keys),
        *_without_links(listed, removed),
        *_replaced(listed, removed),
    ):
        found[key].append(Need(needed, why))
    return {key: tuple(some) for key, some in found.items()}


_Found = Iterator[tuple[Key, Why, Key]]
"""Who needs, why, and what."""


def _ready(changes: tuple[Change, ...]) -> _Found:
    created = {change.key for change in changes if isinstance(change, Create)}
    made = created | {change.key for change in changes if isinstance(change, Rename)}
    for change in changes if made else ():
        ready = made if _is_link(change) else created
        for key in requirements(change):
            if key in ready:
                yield change.key, Why.READY, key


def _is_link(change: Change) -> bool:
    return isinstance(change, Create) and isinstance(change.after, Membership | Assignment)


def _removed_links(changes: tuple[Change, ...]) -> Mapping[Key, tuple[Link, ...]]:
    """Return the links that are to be removed, by each user and group at their ends."""
    found: defaultdict[Key, list[Link]] = defaultdict(list)
    for change in changes:
        if isinstance(change, Delete) and isinstance(change.before, Membership | Assignment):
            for key in ends_of(change.before):
                found[key].append(change.before)
    return {key: tuple(links) for key, links in found.items()}


def _without_links(changes: tuple[Change, ...], removed: Mapping[Key, tuple[Link, ...]]) -> _Found:
    seen: set[Key] = set()
    for change in changes if removed else ():
        seen.add(change.key)
        if isinstance(change, Delete | Rename):
            for link in removed.get(change.before.key, ()):
                if isinstance(change, Delete) or link.key in seen:
                    yield change.key, Why.LINKS, link.key


def _replaced(changes: tuple[Change, ...], removed: Mapping[Key, tuple[Link, ...]]) -> _Found:
    gone = {one.key for one in changes if isinstance(one, Delete)}
    renames = Renames.of((one.before, one.after) for one in changes if isinstance(one, Rename))
    given = _Given(changes)
    for change in changes:
        if isinstance(change, Delete):
            # Of the memberships of a leaver none is of somebody who stays.
            staying = (one.user for one in change.cascaded if ("user", one.key[2]) not in gone)
            members = {renames.user(user_key(user)) for user in staying}
            for key in given.to(members, removed.get(change.key, ())):
                yield change.key, Why.REPLACED, key


class _Given:
    """The links that changes make."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._joined: defaultdict[UserKey, list[Key]] = defaultdict(list)
        self._assigned: defaultdict[ApplicationArn, list[Assignment]] = defaultdict(list)
        for change in changes:
            match change:
                case Create(after=Membership() as link):
                    self._joined[user_key(link.user)].append(link.key)
                case Create(after=Assignment() as link):
                    self._assigned[link.application].append(link)
                case _:
                    pass

    def to(self, members: set[UserKey], lost: Iterable[Link]) -> Iterator[Key]:
        """Yield the keys of what *members* may have instead of a group and its *lost* links."""
        for user in sorted(members):
            yield from self._joined.get(user, ())
        for arn in sorted({one.application for one in lost if isinstance(one, Assignment)}):
            for link in self._assigned.get(arn, ()) if members else ():
                by_group = link.principal.kind is PrincipalKind.GROUP
                if by_group or UserKey(link.principal.name) in members:
                    yield link.key
