"""Let the YAML say what is live: entries are added, changed and removed, all else stays as it is.

The rule: what is imported has nothing to plan. So what is declared and not live goes, a pending
deletion is taken back, and a list has exactly those who are live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
)
from identity_reconciler.desired.writing.exporter import Entry, Exporter
from identity_reconciler.desired.writing.placing import Catalog, Layout, file_for
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


@dataclass(slots=True)
class _Import:
    catalog: Catalog
    declared: Declared
    live: State
    choice: Choice
    exporter: Exporter

    def users(self) -> None:
        known: set[UserKey] = set()
        reference = self.declared.settings.users is ManageObjects.REFERENCE
        for entry in self.declared.users:
            key = user_key(entry.name)
            known.add(key)
            if self.choice.wants("user", entry.name):
                _refuse_pending(
                    entry,
                    [one for one in entry.previous_names if user_key(one) in self.live.users],
                    live=key in self.live.users,
                )
                self._user(entry, self.live.users.get(key), reference=reference)
        if reference:
            return
        for key in sorted(self.exporter.users - known):
            user = self.live.users[key]
            if self.choice.wants("user", user.user_name):
                self._add("users", user.user_name, self.exporter.user(user))

    def _user(self, entry: DeclaredUser, found: User | None, *, reference: bool) -> None:
        place = self.catalog.entry(entry)
        if found is None:
            if entry.presence is not Presence.ABSENT:
                self.catalog.remove(place)
        elif reference or entry.presence is Presence.EXTERNAL:
            pass
        elif entry.presence is Presence.ABSENT or found.foreign:
            place.section.operation.replace_entry(
                place.section.items, place.number, self.exporter.user(found)
            )
        elif settled(entry.user, found) != found:
            correct_user(place, entry.user, found, self.exporter.user(found))

    def groups(self) -> None:
        known: set[GroupKey] = set()
        reference = self.declared.settings.groups is ManageObjects.REFERENCE
        for entry in self.declared.groups:
            key = group_key(entry.name)
            known.add(key)
            if self.choice.wants("group", entry.name):
                _refuse_pending(
                    entry,
                    [one for one in entry.previous_names if group_key(one) in self.live.groups],
                    live=key in self.live.groups,
                )
                self._group(entry, self.live.groups.get(key), reference=reference)
        if reference:
            return
        for key in sorted(self.exporter.groups - known):
            group = self.live.groups[key]
            if self.choice.wants("group", group.name):
                members = self.live.members.get(key, frozenset())
                self._add("groups", group.name, self.exporter.group(group, members))

    def _group(self, entry: DeclaredGroup, found: Group | None, *, reference: bool) -> None:
        place = self.catalog.entry(entry)
        if found is None:
            if entry.presence is not Presence.ABSENT:
                self.catalog.remove(place)
        elif reference or entry.presence is Presence.EXTERNAL:
            pass
        elif entry.presence is Presence.ABSENT or found.foreign:
            members = self.live.members.get(group_key(found.name), frozenset())
            place.section.operation.replace_entry(
                place.section.items, place.number, self.exporter.group(found, members)
            )
        else:
            members = self.live.members.get(group_key(found.name), frozenset())
            if settled(entry.group, found) != found:
                correct_group(place, self.exporter.group(found, members))
            if entry.members is not None:
                names = self.exporter.members(f"group/{found.name}", members)
                correct_list(
                    place,
                    ("members",),
                    entry.members,
                    Correction(
                        "user",
                        names,
                        self._keeps("user", self.declared.settings.memberships),
                        self.choice.as_of,
                    ),
                )

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
        for arn in self.exporter.applications():
            if arn not in known:
                self._new_application(self.live.applications[arn])

    def _new_application(self, application: Application) -> None:
        if self.choice.wants("application", application.name, application.arn):
            principals = self.live.assignments.get(application.arn, frozenset())
            made = self.exporter.application(application, principals)
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
        for kind, listed in (("user", entry.users), ("group", entry.groups)):
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

    def _add(self, section: str, name: str, entry: Entry) -> None:
        layout = self.choice.layout
        file = file_for(layout, section, name) if layout else self.catalog.choose(section)
        self.catalog.add(file, section, entry)


def _refuse_pending(
    entry: DeclaredUser | DeclaredGroup, old_names: list[str], *, live: bool
) -> None:
    if old_names and not live:
        raise UsageError(
            f"{entry.position}: {entry.kind}/{entry.name} is yet to be renamed from "
            f"{old_names[0]}; apply that first, or take the previous name out"
        )
