"""All files of one directory to everything they declare, and everything wrong within them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from identity_reconciler.approvals import Approval
from identity_reconciler.declared import (
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Settings,
)
from identity_reconciler.desired.approval_documents import (
    ApprovalEntry,
    ApprovalsDocument,
    approval_findings,
)
from identity_reconciler.desired.conversion import declared_settings
from identity_reconciler.desired.entries import Part
from identity_reconciler.desired.files import APPROVALS_FILE, SETTINGS_FILE
from identity_reconciler.desired.findings import Finding
from identity_reconciler.desired.guard_conversion import declared_approval, guard_findings
from identity_reconciler.desired.reader import read
from identity_reconciler.desired.settings import SettingsDocument
from identity_reconciler.desired.tree import START, Items, Tree, position
from identity_reconciler.desired.validation import validated, validated_each
from identity_reconciler.errors import Position, Problem


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
        found: list[Finding] = []
        if tree.root is not None:
            pair = validated(SettingsDocument, tree.root, found)
            self.settings = declared_settings(pair[0]) if pair else None
            found.extend(guard_findings(*pair) if pair else ())
        self._note(tree, found)

    def add_approvals(self, data: bytes) -> None:
        """Take the approvals from `approvals.yaml`."""
        tree = read(data, APPROVALS_FILE)
        found: list[Finding] = []
        pair = tree.root and validated(ApprovalsDocument, tree.root, found)
        items = pair[1]["approvals"] if pair else Items(START)
        if isinstance(items, Items):
            for entry, _, fields in validated_each(ApprovalEntry, items, [], []):
                found.extend(approval_findings(entry, fields))
                self.approvals.append(declared_approval(entry, tree.position(fields.mark)))
        self._note(tree, found)

    def add(self, data: bytes, file: str) -> None:
        """Add what *file* declares: at first without the places of keys, for speed.

        They are only needed where something is wrong, and then the file is read once more.
        """
        tree = read(data, file, places=False)
        part = self._part(tree, has_nulls=b"null" in data)
        if part.found:
            tree = read(data, file)
            part = self._part(tree, has_nulls=b"null" in data)
        self._note(tree, part.found)
        self.users += part.users
        self.groups += part.groups
        self.applications += part.applications
        self.broken_names |= part.broken_names
        self.complete = self.complete and part.complete

    def _part(self, tree: Tree, *, has_nulls: bool) -> Part:
        part = Part(tree.file, self.settings, has_nulls)
        if tree.root is None:
            part.complete = False
        else:
            part.add(tree.root)
        return part

    def _note(self, tree: Tree, found: Iterable[Finding]) -> None:
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
    for name, data in contents.items():
        if name.endswith("/" + SETTINGS_FILE):
            where = Position(name, 1, 1)
            said = f"a second {SETTINGS_FILE}; one directory is one instance: move it out"
            gathered.problems.append(Problem(where, said))
        elif name.endswith("/" + APPROVALS_FILE):
            where = Position(name, 1, 1)
            said = f"{APPROVALS_FILE} belongs beside {SETTINGS_FILE}; move it there"
            gathered.problems.append(Problem(where, said))
        elif name not in {SETTINGS_FILE, APPROVALS_FILE}:
            gathered.add(data, name)
    return gathered
