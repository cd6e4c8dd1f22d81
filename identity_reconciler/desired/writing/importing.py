"""Let the YAML say what is live: entries are added, changed and removed, all else stays as it is.

The rule: what is imported has nothing to plan. So what is declared and not live goes, a pending
deletion is taken back, and a list has exactly those who are live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    ManageLinks,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.planner import settled
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.desired.writing.corrections import (
    Correction,
    correct_group,
    correct_list,
    correct_user,
    fill_map,
    list_at,
)
from identity_reconciler.desired.writing.exporter import Entry, Exporter
from identity_reconciler.desired.writing.placing import Catalog, Layout, file_for
from identity_reconciler.desired.writing.placing import Entry as Place
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.errors import UsageError


@dataclass(frozen=True, slots=True)
class Choice:
    """What to import, and where to."""

    as_of: datetime
    layout: Layout | None = None
    """None: a new entry joins the file with most of its kind."""
    only: frozenset[tuple[str, str]] | None = None
    """Kinds and folded names; None: everything."""
    services: bool = False
    """Whether to manage the assignments of applications that an AWS service owns, too."""

    def wants(self, kind: str, *names: str) -> bool:
        """Return whether the object that goes by one of *names* is to be imported."""
        return self.only is None or any((kind, folded(name)) in self.only for name in names)


def adopt(rewrite: Rewrite, declared: Declared, live: State, choice: Choice) -> tuple[str, ...]:
    """Change *rewrite*, which declares *declared*, to what is *live*; return the remarks.

    Raises:
        UsageError: A rename is pending, or a list is written so that it cannot be changed.
        InvalidInputError: The result would not be valid.
    """
    for kind, name in sorted(choice.only or ()):
        if not _is_known(kind, name, declared, live):
            raise UsageError(f"{kind}/{name} is neither live nor declared")
    work = _Import(Catalog(rewrite), declared, live, choice, Exporter(live, declared.settings))
    work.users()
    work.groups()
    work.applications()
    work.catalog.finish()
    return tuple(work.exporter.remarks)


def _is_known(kind: str, name: str, declared: Declared, live: State) -> bool:
    if kind == "user":
        return user_key(name) in {*live.users, *(user_key(one.name) for one in declared.users)}
    if kind == "group":
        return group_key(name) in {*live.groups, *(group_key(one.name) for one in declared.groups)}
    labels: list[tuple[str, str]] = [(one.name, one.arn) for one in live.applications.values()]
    labels += [(one.selector.name or "", one.selector.arn or "") for one in declared.applications]
    return name in {folded(label) for pair in labels for label in pair}


_Key = TypeVar("_Key", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)
_Declared = TypeVar("_Declared", DeclaredUser, DeclaredGroup)


@dataclass(slots=True)
class _Import:
    catalog: Catalog
    declared: Declared
    live: State
    choice: Choice
    exporter: Exporter

    def users(self) -> None:
        mode = self.declared.settings.users
        entries = [(user_key(one.name), one) for one in self.declared.users]
        for place, entry, found in self._ours(entries, self.live.users, mode):
            if entry.presence is Presence.ABSENT or found.foreign:
                _replace(place, self.exporter.user(found))
            elif settled(entry.user, found) != found:
                correct_user(place, entry.user, found, self.exporter.user(found))
        for key in self._undeclared("user", self.exporter.users, entries, mode):
            user = self.live.users[key]
            self._add("users", user.user_name, self.exporter.user(user))

    def groups(self) -> None:
        mode = self.declared.settings.groups
        entries = [(group_key(one.name), one) for one in self.declared.groups]
        for place, entry, found in self._ours(entries, self.live.groups, mode):
            members = self.live.members.get(group_key(found.name), frozenset())
            if entry.presence is Presence.ABSENT or found.foreign:
                _replace(place, self.exporter.group(found, members))
            else:
                self._group(place, entry, found, members)
        for key in self._undeclared("group", self.exporter.groups, entries, mode):
            group = self.live.groups[key]
            members = self.live.members.get(key, frozenset())
            self._add("groups", group.name, self.exporter.group(group, members))

    def _ours(
        self,
        entries: Iterable[tuple[_Key, _Declared]],
        live: Mapping[_Key, _Object],
        mode: ManageObjects,
    ) -> Iterator[tuple[Place, _Declared, _Object]]:
        """Yield the chosen entries that are not only referred to, with what of them is live.

        Those that are not live, and should be, are removed.
        """
        for key, entry in entries:
            if not self.choice.wants(entry.kind, entry.name):
                continue
            found = live.get(key)
            if found is None:
                _refuse_pending(entry, [one for one in entry.previous_names if folded(one) in live])
            place = self.catalog.entry(entry)
            if found is None:
                if entry.presence is not Presence.ABSENT:
                    self.catalog.remove(place)
            elif mode is not ManageObjects.REFERENCE and entry.presence is not Presence.EXTERNAL:
                yield place, entry, found

    def _undeclared(
        self,
        kind: str,
        live: Iterable[_Key],
        entries: Iterable[tuple[_Key, _Declared]],
        mode: ManageObjects,
    ) -> Iterator[_Key]:
        """Yield the chosen keys of *live* that have no entry yet, in their order."""
        if mode is not ManageObjects.REFERENCE:
            declared = {key for key, _ in entries}
            for key in sorted(live):
                if key not in declared and self.choice.wants(kind, key):
                    yield key

    def _group(
        self, place: Place, entry: DeclaredGroup, found: Group, members: frozenset[UserKey]
    ) -> None:
        if settled(entry.group, found) != found:
            correct_group(place, self.exporter.group(found, members))
        if entry.members is not None:
            names = self.exporter.members(f"group/{found.name}", members)
            keeps = self._keeps("user", self.declared.settings.memberships)
            correction = Correction("user", names, keeps, self.choice.as_of)
            correct_list(place, ("members",), entry.members, correction)

    def _keeps(self, kind: str, mode: ManageLinks) -> Callable[[str], bool] | None:
        """Return what says whether a name that is not in a live list may stay listed."""
        if mode is not ManageLinks.OFF:
            return None
        objects = self.live.users if kind == "user" else self.live.groups
        return lambda name: folded(name) in objects

    def applications(self) -> None:
        known: set[ApplicationArn] = set()
        for entry in self.declared.applications:
            found = [one for one in self.live.applications.values() if entry.selector.matches(one)]
            known.update(one.arn for one in found)
            names = (entry.selector.name or "", entry.selector.arn or "")
            if not self.choice.wants("application", *names):
                continue
            if not found:
                self.catalog.remove(self.catalog.entry(entry))
            elif len(found) == 1 and entry.managed:
                self._application(entry, found[0])
            elif len(found) == 1 and self.choice.services:
                self._manage(entry, found[0])
        for arn in self.exporter.applications():
            if arn not in known:
                self._new_application(self.live.applications[arn])

    def _new_application(self, application: Application) -> None:
        if self.choice.wants("application", application.name, application.arn):
            principals = self.live.assignments.get(application.arn, frozenset())
            services = self.choice.services
            made = self.exporter.application(application, principals, services=services)
            if made is not None:
                self._add("applications", application.name, made)

    def _application(self, entry: DeclaredApplication, found: Application) -> None:
        mode = self.declared.settings.assignments
        principals = self.live.assignments.get(found.arn, frozenset())
        lists = self.exporter.assignments(found, principals)
        place = self.catalog.entry(entry)
        sayable = lists is not None and mode is not ManageLinks.OFF
        if sayable and fill_map(place, "assignments", lists or {}):
            return
        # A list that is new stands behind what is added to the one above it, so it comes later.
        kinds = (("user", entry.users), ("group", entry.groups))
        for kind, listed in sorted(
            kinds, key=lambda one: list_at(place, ("assignments", f"{one[0]}s")) is None
        ):
            correct_list(
                place,
                ("assignments", f"{kind}s"),
                listed,
                Correction(
                    kind,
                    None if lists is None else lists.get(f"{PrincipalKind(kind)}s", []),
                    self._keeps(kind, mode),
                    self.choice.as_of,
                ),
            )

    def _manage(self, entry: DeclaredApplication, found: Application) -> None:
        """Give *entry* the assignments that it leaves to the AWS service that owns it."""
        off = self.declared.settings.assignments is ManageLinks.OFF
        if off or found.service is None or found.is_account_access:
            return
        principals = self.live.assignments.get(found.arn, frozenset())
        lists = self.exporter.assignments(found, principals)
        if lists is not None:
            place = self.catalog.entry(entry)
            place.section.operation.add_key(place.node, "account", "assignments", lists)

    def _add(self, section: str, name: str, entry: Entry) -> None:
        layout = self.choice.layout
        file = file_for(layout, section, name) if layout else self.catalog.choose(section)
        self.catalog.add(file, section, entry)


def _replace(place: Place, entry: Entry) -> None:
    place.section.operation.replace_entry(place.section.items, place.number, entry)


def _refuse_pending(entry: DeclaredUser | DeclaredGroup, old_names: list[str]) -> None:
    if old_names:
        raise UsageError(
            f"{entry.position}: {entry.kind}/{entry.name} is yet to be renamed from "
            f"{old_names[0]}; apply that first, or take the previous name out"
        )
