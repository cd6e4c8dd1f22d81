"""One file's tree to the entries it declares."""

from __future__ import annotations

from dataclasses import dataclass, field

from identity_reconciler.declared import (
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Settings,
)
from identity_reconciler.desired.approval_documents import ApprovalsDocument
from identity_reconciler.desired.building import EMPTY
from identity_reconciler.desired.conversion import (
    cleared_fields,
    declared_application,
    declared_group,
    declared_user,
)
from identity_reconciler.desired.documents import ApplicationEntry, Declarations, GroupEntry
from identity_reconciler.desired.files import APPROVALS_FILE
from identity_reconciler.desired.findings import Finding, mistyped, unknown_key
from identity_reconciler.desired.people import UserEntry
from identity_reconciler.desired.rules import (
    application_findings,
    group_findings,
    user_findings,
)
from identity_reconciler.desired.settings import SettingsDocument
from identity_reconciler.desired.tree import Fields, Items, Value, position
from identity_reconciler.desired.validation import validated_each
from identity_reconciler.desired.wording import shown
from identity_reconciler.state import folded

_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Part:
    """What one file declares, and what is wrong with it."""

    file: str
    settings: Settings | None
    """None: `instance.yaml` is not usable; what depends on it is not checked."""
    has_nulls: bool
    """Whether the word `null` is anywhere in the file, so that something may be cleared."""
    users: list[DeclaredUser] = field(default_factory=list)
    groups: list[DeclaredGroup] = field(default_factory=list)
    applications: list[DeclaredApplication] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    broken_names: set[tuple[str, str]] = field(default_factory=set)
    """Kind and folded name of the entries that are too broken to be kept."""
    complete: bool = True
    """False when the name of an entry could not be read: more may be declared."""

    def add(self, root: Fields) -> None:
        """Add what the file with this *root* declares."""
        if not root:
            self.found.append((root.mark, EMPTY))
        for key in root:
            match key:
                case "users":
                    self._add_users(self._items(root, key))
                case "groups":
                    self._add_groups(self._items(root, key))
                case "applications":
                    self._add_applications(self._items(root, key))
                case _:
                    self.found.append((root.key_mark(key), _unknown_section(key)))

    def _items(self, root: Fields, key: str) -> Items:
        value = root[key]
        if isinstance(value, Items):
            return value
        self.found.append((root.value_mark(key), mistyped(value, "a list")))
        self.complete = False
        return Items(root.mark)

    def _add_users(self, items: Items) -> None:
        broken: list[Value] = []
        for entry, _, fields in validated_each(UserEntry, items, self.found, broken):
            self.found.extend(user_findings(entry, fields, self.settings))
            where = position(self.file, fields.mark)
            cleared = cleared_fields(entry) if self.has_nulls else _NOTHING
            self.users.append(declared_user(entry, where, cleared))
        self._remember("user", "user_name", broken)

    def _add_groups(self, items: Items) -> None:
        broken: list[Value] = []
        for entry, good, fields in validated_each(GroupEntry, items, self.found, broken):
            self.found.extend(group_findings(entry, fields, self.settings))
            where = position(self.file, fields.mark)
            self.groups.append(declared_group(entry, good, where))
        self._remember("group", "name", broken)

    def _add_applications(self, items: Items) -> None:
        for entry, good, fields in validated_each(ApplicationEntry, items, self.found, []):
            self.found.extend(application_findings(fields))
            where = position(self.file, fields.mark)
            self.applications.append(declared_application(entry, good, where))

    def _remember(self, kind: str, key: str, broken: list[Value]) -> None:
        """Remember the names of *broken* entries: what refers to them is not undeclared."""
        for value in broken:
            name = value.get(key) if isinstance(value, Fields) else None
            if isinstance(name, str):
                self.broken_names.add((kind, folded(name)))
            else:
                self.complete = False


def _unknown_section(key: str) -> str:
    if key in SettingsDocument.model_fields:
        return f"{shown(key)} belongs in instance.yaml"
    if key in ApprovalsDocument.model_fields:
        return f"{shown(key)} belongs in {APPROVALS_FILE}, beside instance.yaml"
    return unknown_key(Declarations, (key,))
