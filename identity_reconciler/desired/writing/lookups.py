"""Look up what the files declare by name: objects, where they are listed, who reports to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Listed,
)
from identity_reconciler.core.state import PrincipalKind, folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import Position, UsageError

_Object = TypeVar("_Object", DeclaredUser, DeclaredGroup)
ListPlace = tuple[Position, tuple[str, ...]]
"""Where the entry of a list stands, and the keys that lead to the list."""
Items = tuple[Listed, ...] | tuple[DeclaredOwner, ...]
"""What a list names, in its order."""


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
            *(
                ((one.position, ("assignments", "users")), one.users)
                for one in self._declared.applications
            ),
            *self.owned,
        ]
        found: dict[str, list[tuple[ListPlace, Items, int]]] = defaultdict(list)
        for place, listed in lists:
            each: Iterable[Listed | DeclaredOwner] = listed
            for number, one in enumerate(each):
                if not (isinstance(one, DeclaredOwner) and one.kind is PrincipalKind.GROUP):
                    found[folded(one.name)].append((place, listed, number))
        return found

    @property
    def owned(self) -> Iterator[tuple[ListPlace, tuple[DeclaredOwner, ...]]]:
        """The lists of owners, in file order, those of groups first."""
        for group in self._declared.groups:
            if group.owners:
                yield (group.position, ("owners",)), group.owners
        for application in self._declared.applications:
            if application.owners:
                yield (application.position, ("owners",)), application.owners

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
