"""The daily changes of the YAML: a person, a group, a membership, an assignment more or less.

Each method notes what to change; `finish` makes all of it at once. Comments, order and quotes of
everything else stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TypeVar

from identity_reconciler.core.declared import (
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.reading.files import APPROVALS_FILE, SETTINGS_FILE
from identity_reconciler.desired.writing.corrections import add_list, fill_map, list_at, place_of
from identity_reconciler.desired.writing.exporter import user_entry
from identity_reconciler.desired.writing.placing import Catalog, Entry
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.desired.yaml.emit import Data
from identity_reconciler.errors import Position, UsageError

_Object = TypeVar("_Object", DeclaredUser, DeclaredGroup)
_List = tuple[Position, tuple[str, ...]]


class Editor:
    """Changes to what the files of a `Rewrite` declare."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._declared = rewrite.declared()
        self._catalog = Catalog(rewrite)
        self._users = {folded(one.name): one for one in self._declared.users}
        self._groups = {folded(one.name): one for one in self._declared.groups}
        self._new: dict[str, set[str]] = {"user": set(), "group": set()}
        """Folded names of what is added, by kind."""
        self._added: dict[_List, list[Data]] = defaultdict(list)
        self._gone: dict[_List, set[int]] = defaultdict(set)
        self._listed: dict[_List, tuple[Listed, ...]] = {}

    def finish(self) -> None:
        """Hand every change to the `Rewrite`."""
        for position, path in sorted({*self._added, *self._gone}):
            self._change((position, path))
        self._catalog.finish()

    def add_user(self, name: str, attributes: Mapping[str, Data], file: str | None) -> None:
        """Declare a user, with *attributes* by field of `User`, in *file* or where most are."""
        self._add("user", name, user_entry(name, attributes), file)

    def add_group(self, entry: Mapping[str, Data], file: str | None) -> None:
        """Declare a group in *file*, or where most groups are."""
        self._add("group", str(entry["name"]), entry, file)

    def _add(self, kind: str, name: str, entry: Mapping[str, Data], file: str | None) -> None:
        known = self._users if kind == "user" else self._groups
        found: DeclaredUser | DeclaredGroup | None = known.get(folded(name))
        if found is not None:
            raise UsageError(f"{kind}/{name} is already declared at {found.position}")
        if folded(name) in self._new[kind]:
            raise UsageError(f"{kind}/{name} is there twice")
        self._new[kind].add(folded(name))
        target = self._catalog.choose(f"{kind}s") if file is None else self._checked(file)
        self._catalog.add(target, f"{kind}s", entry)

    def _checked(self, file: str) -> str:
        path = PurePosixPath(file)
        special = path.name in {SETTINGS_FILE, APPROVALS_FILE}
        odd = path.is_absolute() or any(part.startswith(".") for part in path.parts)
        if odd or special or path.suffix != ".yaml" or "\\" in file:
            raise UsageError(
                f"--file {shown(file)}: expected a file for users and groups such as "
                "users/data.yaml, relative to the directory of instance.yaml"
            )
        return path.as_posix()

    def remove_user(self, name: str, *, forget: bool) -> None:
        """Have a user deleted, or only *forget* that there is one; all lists lose the name."""
        entry = self._find("user", name, self._users)
        for group in self._declared.groups:
            self._drop(group.position, ("members",), group.members or (), name)
        for application in self._declared.applications:
            self._drop(application.position, ("assignments", "users"), application.users, name)
        self._end(entry, self._declared.settings.users, forget=forget)

    def remove_group(self, name: str, *, forget: bool) -> None:
        """Have a group deleted, or only *forget* that there is one; all lists lose the name."""
        entry = self._find("group", name, self._groups)
        for application in self._declared.applications:
            self._drop(application.position, ("assignments", "groups"), application.groups, name)
        self._end(entry, self._declared.settings.groups, forget=forget)

    def _end(
        self, entry: DeclaredUser | DeclaredGroup, mode: ManageObjects, *, forget: bool
    ) -> None:
        place = self._catalog.entry(entry)
        if entry.presence is Presence.ABSENT and not forget:
            raise UsageError(f"{entry.kind}/{entry.name} has state: absent already")
        if forget or entry.presence is Presence.EXTERNAL or mode is not ManageObjects.DECLARED:
            self._catalog.remove(place)
            return
        operation, node = place.section.operation, place.node
        name = node.pairs[node.index("user_name" if entry.kind == "user" else "name")][0].value
        for key in ("members", "previous_names", "previous_user_names"):
            if node.index(key) >= 0:
                operation.remove_key(node, key)
        state = node.index("state")
        if state >= 0:
            operation.replace(*node.pairs[state], "absent")
        else:
            operation.add_key(node, name, "state", "absent")

    def add_member(self, group: str, user: str, terms: Mapping[str, Data]) -> None:
        """Put *user*, declared or added, into *group*, on *terms* such as `expires`."""
        if folded(group) in self._new["group"]:
            raise UsageError(f"group/{group} is new; give its members with it")
        entry = self._find("group", group, self._groups)
        name = self._referable("user", user)
        if entry.members is None:
            raise UsageError(
                f"the memberships of group/{entry.name} are not managed: it has no `members`; "
                f"add them with `identity-reconciler import --only group/{entry.name}`, or "
                "`members: []` if it has none"
            )
        self._put(entry.position, ("members",), entry.members, _item("user", name, terms))

    def remove_member(self, group: str, user: str) -> None:
        """Take *user* out of *group*."""
        entry = self._find("group", group, self._groups)
        if not self._drop(entry.position, ("members",), entry.members or (), user):
            raise UsageError(f"user/{user} is not listed in group/{entry.name}")

    def assign(
        self, application: str, principal: tuple[str, str], terms: Mapping[str, Data], *, new: bool
    ) -> None:
        """Assign a principal, its kind and name, to *application*; *new* may declare that."""
        kind, said = principal
        name = self._referable(kind, said)
        item = _item(kind, name, terms)
        entry = self._application(application)
        if entry is None and new:
            key = "arn" if application.startswith("arn:") else "name"
            lists: dict[str, Data] = {f"{kind}s": [item]}
            made: dict[str, Data] = {key: application, "assignments": lists}
            self._catalog.add(self._catalog.choose("applications"), "applications", made)
            return
        if entry is None or not entry.managed:
            raise UsageError(
                f"the assignments of {shown(application)} are not managed"
                f"{did_you_mean(application, self._application_names())}; to keep those it has, "
                f"first run `identity-reconciler import --only application/{application}`, with "
                "`--service-applications` if an AWS service owns it"
                + ("" if entry else ", or give --declare if it has none")
            )
        listed = entry.users if kind == "user" else entry.groups
        self._put(entry.position, ("assignments", f"{kind}s"), listed, item)

    def unassign(self, application: str, principal: tuple[str, str]) -> None:
        """Take the assignment of a principal, its kind and name, from *application*."""
        kind, name = principal
        entry = self._application(application)
        if entry is None:
            hint = did_you_mean(application, self._application_names())
            raise UsageError(f"application {shown(application)} is not declared{hint}")
        listed = entry.users if kind == "user" else entry.groups
        if not self._drop(entry.position, ("assignments", f"{kind}s"), listed, name):
            raise UsageError(f"{kind}/{name} is not assigned to {shown(application)}")

    def _application(self, label: str) -> DeclaredApplication | None:
        found = [
            one
            for one in self._declared.applications
            if label in {one.selector.name, one.selector.arn}
        ]
        if len(found) > 1:
            raise UsageError(f"{len(found)} applications are called {shown(label)}; give the ARN")
        return found[0] if found else None

    def _application_names(self) -> set[str]:
        return {one.selector.name or "" for one in self._declared.applications}

    def _find(self, kind: str, name: str, known: Mapping[str, _Object]) -> _Object:
        found = known.get(folded(name))
        if found is None:
            hint = did_you_mean(name, {one.name for one in known.values()})
            raise UsageError(f"{kind} {shown(name)} is not declared{hint}")
        return found

    def _referable(self, kind: str, name: str) -> str:
        """Return the name, as declared, of what may be listed."""
        if folded(name) in self._new[kind]:
            return name
        if kind == "user":
            return self._find(kind, name, self._users).name
        return self._find(kind, name, self._groups).name

    def _put(
        self, position: Position, path: tuple[str, ...], listed: tuple[Listed, ...], item: Data
    ) -> None:
        name = item_name(item)
        taken = [one.name for one in listed] + list(map(item_name, self._added[position, path]))
        if folded(name) in map(folded, taken):
            raise UsageError(f"{name} is listed there already ({position})")
        self._listed[position, path] = listed
        self._added[position, path].append(item)

    def _drop(
        self, position: Position, path: tuple[str, ...], listed: Iterable[Listed], name: str
    ) -> bool:
        items = tuple(listed)
        numbers = {n for n, one in enumerate(items) if folded(one.name) == folded(name)}
        if numbers:
            self._listed[position, path] = items
            self._gone[position, path] |= numbers
        return bool(numbers)

    def _change(self, which: _List) -> None:
        position, path = which
        entry = self._catalog.entry_at(position)
        items = sorted(self._added[which], key=lambda item: folded(item_name(item)))
        found = list_at(entry, path)
        if found is None:
            self._start(entry, path, items)
            return
        names = [folded(one.name) for one in self._listed[which]]
        new: dict[int, list[Data]] = {}
        for item in items:
            new.setdefault(place_of(folded(item_name(item)), names), []).append(item)
        entry.section.operation.change_list(*found, self._gone[which], new)

    def _start(self, entry: Entry, path: tuple[str, ...], items: list[Data]) -> None:
        said: dict[str, Data] = {path[-1]: items}
        if not fill_map(entry, path[0], said):
            add_list(entry, path, items)


def _item(kind: str, name: str, terms: Mapping[str, Data]) -> Data:
    return {kind: name, **terms} if terms else name


def item_name(item: Data) -> str:
    """Return the name in an item of a list."""
    if isinstance(item, Mapping):
        return str(item.get("user") or item["group"])
    return str(item)
