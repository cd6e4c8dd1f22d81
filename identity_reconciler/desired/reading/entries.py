"""One file's tree to the entries it declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.declared import (
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Settings,
)
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import shown
from identity_reconciler.desired.model.approvals import (
    ApprovalEntry,
    ApprovalsDocument,
    approval_findings,
)
from identity_reconciler.desired.model.entries import ApplicationEntry, Declarations, GroupEntry
from identity_reconciler.desired.model.findings import ModelFinding, mistyped, unknown_key
from identity_reconciler.desired.model.instance import SettingsDocument
from identity_reconciler.desired.model.people import UserEntry
from identity_reconciler.desired.model.policies import (
    PoliciesDocument,
    SeparatedDutiesEntry,
    duties_findings,
)
from identity_reconciler.desired.reading.conversion import (
    declared_application,
    declared_approval,
    declared_group,
    declared_policies,
    declared_settings,
    declared_user,
    guard_findings,
    places_in,
)
from identity_reconciler.desired.reading.files import (
    APPROVALS_FILE,
    POLICIES_FILE,
    SETTINGS_FILE,
    SHARED,
    SPECIAL_FILES,
)
from identity_reconciler.desired.reading.rules import (
    application_findings,
    group_findings,
    user_findings,
)
from identity_reconciler.desired.reading.validation import validated, validated_each
from identity_reconciler.desired.yaml.builder import EMPTY
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.desired.yaml.tree import START, Fields, Items, Tree, Value, position
from identity_reconciler.errors import Position, Problem


@dataclass(slots=True)
class Part:
    """What one file declares, and what is wrong with it."""

    file: str
    settings: Settings | None
    """None: `instance.yaml` is not usable; what depends on it is not checked."""
    users: list[DeclaredUser] = field(default_factory=list)
    groups: list[DeclaredGroup] = field(default_factory=list)
    applications: list[DeclaredApplication] = field(default_factory=list)
    found: list[ModelFinding] = field(default_factory=list)
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
            self.users.append(declared_user(entry, where))
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
            self.found.extend(application_findings(entry, fields))
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
    if key in PoliciesDocument.model_fields:
        return f"{shown(key)} belongs in {POLICIES_FILE}, beside instance.yaml"
    return unknown_key(Declarations, (key,))


@dataclass(slots=True)
class Gathered:
    """What all files declare, and what is wrong with each of them."""

    settings: Settings | None = None
    """None: `instance.yaml` is not usable; what depends on it is not checked."""
    users: list[DeclaredUser] = field(default_factory=list)
    groups: list[DeclaredGroup] = field(default_factory=list)
    applications: list[DeclaredApplication] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken_names: set[tuple[str, str]] = field(default_factory=set)
    """Kind and folded name of the entries that are too broken to be kept."""
    complete: bool = True
    """False when a file, or the name of an entry, could not be read: more may be declared."""
    unread: set[Position] = field(default_factory=set)
    """Where the reader complained; what other checks say about the same place is an echo."""

    def add_settings(self, data: bytes) -> None:
        """Take the settings from `instance.yaml`."""
        tree = read(data, SETTINGS_FILE)
        found: list[ModelFinding] = []
        if tree.root is not None:
            pair = validated(SettingsDocument, tree.root, found)
            self.settings = declared_settings(*pair, SETTINGS_FILE) if pair else None
            found.extend(guard_findings(*pair) if pair else ())
            # Of a fragment whose name cannot be read, nobody knows what it declares.
            self.complete = pair is not None and pair[1].get(SHARED) == tree.root.get(SHARED)
        self._note(tree, found)

    def add_approvals(self, data: bytes) -> None:
        """Take the approvals from `approvals.yaml`."""
        tree = read(data, APPROVALS_FILE)
        found: list[ModelFinding] = []
        pair = tree.root and validated(ApprovalsDocument, tree.root, found)
        items = pair[1]["approvals"] if pair else Items(START)
        if isinstance(items, Items):
            for entry, _, fields in validated_each(ApprovalEntry, items, [], []):
                found.extend(approval_findings(entry, fields))
                self.approvals.append(declared_approval(entry, tree.position(fields.mark)))
        self._note(tree, found)

    def add_policies(self, data: bytes) -> None:
        """Take the policies from `policies.yaml` into the settings, if these are usable."""
        tree = read(data, POLICIES_FILE)
        found: list[ModelFinding] = []
        pair = validated(PoliciesDocument, tree.root, found) if tree.root is not None else None
        if pair is not None:
            items = pair[1].get("separation_of_duties")
            entries = items if isinstance(items, Items) else Items(START)
            for _, _, fields in validated_each(SeparatedDutiesEntry, entries, [], []):
                found.extend(duties_findings(fields))
            if self.settings is not None:
                places = places_in(pair[1], POLICIES_FILE)
                policies = declared_policies(pair[0], places)
                self.settings = replace(
                    self.settings,
                    guards=replace(self.settings.guards, policies=policies),
                    places={**self.settings.places, **places},
                )
        self._note(tree, found)

    def add(self, data: bytes, file: str) -> None:
        """Add what *file* declares: at first without the places of keys, for speed.

        They are only needed where something is wrong, and then the file is read once more.
        """
        tree = read(data, file, places=False)
        part = self._part(tree)
        if part.found:
            tree = read(data, file)
            part = self._part(tree)
        self._note(tree, part.found)
        self.users += part.users
        self.groups += part.groups
        self.applications += part.applications
        self.broken_names |= part.broken_names
        self.complete = self.complete and part.complete

    def _part(self, tree: Tree) -> Part:
        part = Part(tree.file, self.settings)
        if tree.root is None:
            part.complete = False
        else:
            part.add(tree.root)
        return part

    def _note(self, tree: Tree, found: Iterable[ModelFinding]) -> None:
        self.problems.extend(tree.problems)
        self.unread.update(problem.position for problem in tree.problems)
        for mark, message in found:
            where = position(tree.file, mark)
            if where not in self.unread:
                self.problems.append(Problem(where, message))


def gather(contents: Mapping[str, bytes]) -> Gathered:
    """Return what the files with these *contents*, by name, declare."""
    gathered = Gathered()
    if SETTINGS_FILE in contents:
        gathered.add_settings(contents[SETTINGS_FILE])
    if APPROVALS_FILE in contents:
        gathered.add_approvals(contents[APPROVALS_FILE])
    if POLICIES_FILE in contents:
        gathered.add_policies(contents[POLICIES_FILE])
    for name, data in contents.items():
        if name.endswith("/" + SETTINGS_FILE):
            where = Position(name, 1, 1)
            said = f"a second {SETTINGS_FILE}; one directory is one instance: move it out"
            gathered.problems.append(Problem(where, said))
        elif name.endswith(("/" + APPROVALS_FILE, "/" + POLICIES_FILE)):
            where = Position(name, 1, 1)
            said = f"{name.rpartition('/')[2]} belongs beside {SETTINGS_FILE}; move it there"
            gathered.problems.append(Problem(where, said))
        elif name not in SPECIAL_FILES:
            gathered.add(data, name)
    return gathered
