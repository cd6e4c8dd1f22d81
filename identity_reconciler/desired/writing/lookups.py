"""Look up what the files declare by name: objects, where they are listed, who reports to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Listed,
    is_owner_word,
)
from identity_reconciler.core.state import PrincipalKind, folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import Position, UsageError

_Object = TypeVar("_Object", DeclaredUser, DeclaredGroup)
ListPlace = tuple[Position, tuple[str, ...]]
"""Where the entry of a list stands, and the keys that lead to the list."""
Items = tuple[Listed, ...] | tuple[DeclaredOwner, ...]
"""What a list names, in its order."""


OWNERS = ("owners",)
REVIEWERS = ("review", "by")
EXCLUDE = ("exclude",)
"""The keys that lead to the lists of people who are no members."""
INCLUDE = ("include",)
"""The key that leads to the list of groups in a group."""


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who answers for a group or application, or reviews it."""

    address: str
    place: ListPlace
    people: tuple[DeclaredOwner, ...]
    """As written, groups and `owner` among them."""
    is_needed: bool = False
    """Whether they are owners whom a review asks."""

    @property
    def reviews(self) -> bool:
        """Whether they are those who review."""
        return self.place[1] == REVIEWERS


def is_person(one: DeclaredOwner) -> bool:
    """Return whether *one* is a user, and neither a group nor the word for the owners."""
    return one.kind is PrincipalKind.USER and not is_owner_word(one)


def people_of(listed: Iterable[DeclaredOwner]) -> Iterator[DeclaredOwner]:
    """Yield those of *listed* who are users."""
    return (one for one in listed if is_person(one))


class Lookups:
    """What is declared, by folded name."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self.users = {folded(one.name): one for one in declared.users}
        self.groups = {folded(one.name): one for one in declared.groups}

    def user(self, name: str) -> DeclaredUser:
        """Return the user called *name*.

        Raises:
            UsageError: There is none.
        """
        return _found("user", name, self.users)

    def group(self, name: str) -> DeclaredGroup:
        """Return the group called *name*.

        Raises:
            UsageError: There is none.
        """
        return _found("group", name, self.groups)

    def application(self, label: str) -> DeclaredApplication | None:
        """Return the application with the name or ARN *label*, if there is one.

        Raises:
            UsageError: There are several.
        """
        found = [
            one
            for one in self._declared.applications
            if label in {one.selector.name, one.selector.arn}
        ]
        if len(found) > 1:
            raise UsageError(f"{len(found)} applications are called {shown(label)}; give the ARN")
        return found[0] if found else None

    def application_names(self) -> set[str]:
        """Return the names of the applications."""
        return {one.selector.name or "" for one in self._declared.applications}

    @cached_property
    def listings(self) -> Mapping[str, list[tuple[ListPlace, Items, int]]]:
        """Where each user is listed: the place of the list, the list, and the number in it."""
        lists: list[tuple[ListPlace, Items]] = [
            *(((one.position, ("members",)), one.members or ()) for one in self._declared.groups),
            *(((one.position, EXCLUDE), one.exclude) for one in self._declared.groups),
            *(
                ((one.position, ("assignments", "users")), one.users)
                for one in self._declared.applications
            ),
            *((one.place, one.people) for one in self.answering),
        ]
        found: dict[str, list[tuple[ListPlace, Items, int]]] = defaultdict(list)
        for place, listed in lists:
            each: Iterable[Listed | DeclaredOwner] = listed
            for number, one in enumerate(each):
                if isinstance(one, Listed) or is_person(one):
                    found[folded(one.name)].append((place, listed, number))
        return found

    @cached_property
    def answering(self) -> tuple[Responsible, ...]:
        """The lists of those who answer for something or review it, those of groups first."""
        entries: list[tuple[str, DeclaredGroup | DeclaredApplication]] = [
            *((f"group/{one.name}", one) for one in self._declared.groups),
            *((f"application/{one.selector}", one) for one in self._declared.applications),
        ]
        found: list[Responsible] = []
        for address, entry in entries:
            if entry.owners:
                asked = entry.review is not None and entry.review.by_owners
                found.append(Responsible(address, (entry.position, OWNERS), entry.owners, asked))
            if entry.review is not None and entry.review.by:
                found.append(Responsible(address, (entry.position, REVIEWERS), entry.review.by))
        return tuple(found)

    @cached_property
    def reports(self) -> Mapping[str, list[str]]:
        """The folded names of the users who report to each."""
        found: dict[str, list[str]] = defaultdict(list)
        for key, one in self.users.items():
            if one.user.manager is not None:
                found[folded(one.user.manager)].append(key)
        return found


def _found(kind: str, name: str, known: Mapping[str, _Object]) -> _Object:
    found = known.get(folded(name))
    if found is None:
        hint = did_you_mean(name, {one.name for one in known.values()})
        raise UsageError(f"{kind} {shown(name)} is not declared{hint}")
    return found
