"""Set aside the entries of a declaration that cannot be bound to what is live now. Pure.

Somebody else may delete, rename or take over what is declared here, or make a second thing of the
same name. Such an entry is told as unresolved, and so is what refers to it; everything else goes
on, revocations above all. What an unresolved entry may mean is left exactly as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.plan import Unresolved
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    UserKey,
    folded,
)
from identity_reconciler.core.taken import NO_REFUSALS, Refusals
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import Position


@dataclass(frozen=True, slots=True)
class Aside:
    """What is left of a declaration, and what was set aside."""

    declared: Declared
    """Without the entries of users and groups that cannot be bound."""
    odd: frozenset[Principal]
    """Users and groups that stay as they are, with all links to and of them, live or not."""
    missing: Mapping[Principal, Position]
    """Those that are only referred to and are not live, and where they are declared."""
    unresolved: tuple[Unresolved, ...]
    kept: frozenset[Principal] = frozenset()
    """Who keeps every link that is not given a date, by live names."""


def set_aside(declared: Declared, live: State, refused: Refusals = NO_REFUSALS) -> Aside:
    """Take the users and groups from *declared* that cannot be bound to *live*.

    So cannot those who are *refused* an e-mail address; what is live of them stays as it is.
    """
    settings = declared.settings
    users = _Kind(PrincipalKind.USER, settings, live, live.users, refused.troubles)
    groups = _Kind(PrincipalKind.GROUP, settings, live, live.groups)
    kept_users = tuple(users.bindable(declared.users))
    kept_groups = tuple(groups.bindable(declared.groups))
    return Aside(
        declared=replace(declared, users=kept_users, groups=kept_groups),
        odd=frozenset(users.odd | groups.odd | live.twins.keys()),
        missing={**users.missing, **groups.missing},
        unresolved=(*users.unresolved, *groups.unresolved, *_unnamed(declared, live)),
        kept=refused.concerned,
    )


_Entry = TypeVar("_Entry", DeclaredUser, DeclaredGroup)


@dataclass(slots=True)
class _Kind:
    """What is live of one kind, and what was found to be odd about the entries of it."""

    kind: PrincipalKind
    settings: Settings
    state: State
    live: Collection[str]
    """The folded names of those that are live, and told apart."""
    refused: Mapping[UserKey, str] = field(default_factory=dict)
    """Why some, by their declared names, cannot be what is declared."""
    odd: set[Principal] = field(default_factory=set)
    missing: dict[Principal, Position] = field(default_factory=dict)
    unresolved: list[Unresolved] = field(default_factory=list)

    def bindable(self, entries: Iterable[_Entry]) -> Iterator[_Entry]:
        """Yield the part of *entries* that can be bound, and note the rest."""
        for entry in entries:
            own = folded(entry.name)
            if self._doubled(own):
                self._set_aside(entry, self._twins_of(entry.name))
            elif own in self.live:
                yield self._of_live(entry, own)
            elif self._may_be_made(entry, own):
                yield entry

    def _of_live(self, entry: _Entry, own: str) -> _Entry:
        """Return what can be bound of an entry that is live under its own name."""
        older = self._live_under_previous_names(entry)
        if older:
            # The entry is that one; whether the other is its former self is not for us to say.
            self.odd |= {Principal(self.kind, key) for key in older}
            self._tell(
                entry,
                f"and its previous name {shown(older[0])} are both live, so this is not a rename; "
                "remove the previous name, and declare or delete the old one",
            )
        if self._foreign(own) and not self._only_referred(entry):
            self._tell(
                entry,
                "is owned by an external identity provider (it has ExternalIds) and is never "
                "changed from here; declare it with `state: external` and no attributes",
            )
            return replace(entry, presence=Presence.EXTERNAL)
        if own in self.refused:
            self._tell(entry, self.refused[UserKey(own)])
            return replace(entry, presence=Presence.EXTERNAL)
        return entry

    def _may_be_made(self, entry: _Entry, own: str) -> bool:
        """Return whether an entry that is not live may be created, renamed or left out."""
        older = self._live_under_previous_names(entry)
        if own in self.refused:
            self._set_aside(entry, self.refused[UserKey(own)])
            return False
        if not older:
            if not self._only_referred(entry):
                return True
            self.missing[Principal(self.kind, own)] = entry.position
            hint = did_you_mean(entry.name, self.live)
            self._tell(
                entry,
                "is only referred to here, but is not live; "
                f"create it where it is owned, or correct the name{hint}",
            )
            return False
        trouble = self._why_not_renamed(entry, older)
        if trouble:
            self._set_aside(entry, trouble)
        return not trouble

    def _why_not_renamed(self, entry: _Entry, older: list[str]) -> str:
        """Return why *entry* cannot get its name, where it is live under the keys *older*."""
        if len(older) > 1:
            return f"has {len(older)} previous names that are live; keep one of them"
        (key,) = older
        if self._doubled(key):
            return self._twins_of(key)
        if self._foreign(key) and not self._only_referred(entry):
            return (
                f"is still called {shown(key)} and is owned by an external identity provider (it "
                "has ExternalIds), so it is never renamed from here; rename it where it is owned, "
                "or declare it under that name with `state: external`"
            )
        if self.kind is PrincipalKind.USER and not self.settings.rename_users:
            return (
                f"would be renamed from {shown(key)}, which AWS does not document as possible; "
                "set `rename_users: true` under `manage` in instance.yaml to try it"
            )
        return ""

    def _live_under_previous_names(self, entry: _Entry) -> list[str]:
        keys = map(folded, entry.previous_names)
        return sorted({key for key in keys if key in self.live or self._doubled(key)})

    def _doubled(self, key: str) -> bool:
        return bool(self.state.twins) and Principal(self.kind, key) in self.state.twins

    def _foreign(self, key: str) -> bool:
        if self.kind is PrincipalKind.USER:
            return self.state.users[UserKey(key)].foreign
        return self.state.groups[GroupKey(key)].foreign

    def _twins_of(self, name: str) -> str:
        return f"cannot be told apart: {_doubles(self.kind, self.state.twins, folded(name))}"

    def _only_referred(self, entry: _Entry) -> bool:
        users = self.kind is PrincipalKind.USER
        mode = self.settings.users if users else self.settings.groups
        return entry.presence is Presence.EXTERNAL or mode is ManageObjects.REFERENCE

    def _set_aside(self, entry: _Entry, trouble: str) -> None:
        keys = (folded(entry.name), *self._live_under_previous_names(entry))
        self.odd |= {Principal(self.kind, key) for key in keys}
        self._tell(entry, trouble)

    def _tell(self, entry: _Entry, trouble: str) -> None:
        message = f"{self.kind} {shown(entry.name)} {trouble}"
        self.unresolved.append(Unresolved(entry.position, message))


def _doubles(kind: PrincipalKind, twins: Mapping[Principal, tuple[str, ...]], key: str) -> str:
    names = twins[Principal(kind, key)]
    return (
        f"{len(names)} live {kind}s have names that differ only in case or Unicode form, "
        f"{' and '.join(map(shown, names))}; rename or delete all but one of them in AWS"
    )


def _unnamed(declared: Declared, live: State) -> Iterator[Unresolved]:
    """Yield the twins that no entry of *declared* names and that are not ignored."""
    if not live.twins:
        return
    ignore = declared.settings.ignore
    named = {
        *(Principal(PrincipalKind.USER, key) for key in _names(declared.users)),
        *(Principal(PrincipalKind.GROUP, key) for key in _names(declared.groups)),
    }
    for one in live.twins.keys() - named:
        patterns = ignore.users if one.kind is PrincipalKind.USER else ignore.groups
        if not matches_any(patterns, one.name):
            yield Unresolved(None, _doubles(one.kind, live.twins, one.name))


def _names(entries: Iterable[DeclaredUser] | Iterable[DeclaredGroup]) -> Iterator[str]:
    for entry in entries:
        yield from map(folded, entry.names)
