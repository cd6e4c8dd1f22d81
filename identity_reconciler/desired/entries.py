"""One file's tree to declared entries; remembers what the checks across files need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from identity_reconciler.declared import (
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Settings,
)
from identity_reconciler.desired.building import EMPTY
from identity_reconciler.desired.conversion import (
    declared_application,
    declared_group,
    declared_settings,
    declared_user,
)
from identity_reconciler.desired.documents import ApplicationEntry, Declarations, GroupEntry
from identity_reconciler.desired.people import UserEntry
from identity_reconciler.desired.rules import (
    application_findings,
    group_findings,
    user_findings,
)
from identity_reconciler.desired.settings import SettingsDocument
from identity_reconciler.desired.tree import Fields, Items, Tree, position
from identity_reconciler.desired.validation import Finding, mistyped, validated
from identity_reconciler.desired.wording import did_you_mean, shown
from identity_reconciler.errors import Position, Problem
from identity_reconciler.state import folded


@dataclass(slots=True)
class Gathered:
    """What all files declare so far, and what is wrong with it."""

    settings: Settings | None = None
    """None: `instance.yaml` is not usable; what depends on it is not checked."""
    users: list[DeclaredUser] = field(default_factory=list)
    groups: list[DeclaredGroup] = field(default_factory=list)
    applications: list[DeclaredApplication] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken_names: set[tuple[str, str]] = field(default_factory=set)
    """Kind and folded name of the entries that are too broken to be kept."""
    complete: bool = True
    """False when a file, or the name of an entry, could not be read: more may be declared."""

    unread: set[Position] = field(default_factory=set)
    """Where the reader complained; what other checks say about the same place is an echo."""

    def add_settings(self, tree: Tree) -> None:
        """Take the settings from the tree of `instance.yaml`."""
        self._note(tree, ())
        if tree.root is None:
            return
        found: list[Finding] = []
        pair = validated(SettingsDocument, tree.root, found)
        self._note(tree, found)
        self.settings = declared_settings(pair[0]) if pair else None

    def add(self, tree: Tree) -> None:
        """Add the entries of *tree*."""
        if tree.root is None:
            self.complete = False
            self._note(tree, ())
            return
        found: list[Finding] = []
        for key, mark in zip(tree.root, tree.root.key_marks, strict=True):
            if key in Declarations.model_fields:
                self._add_entries(key, tree.file, tree.root, found)
            else:
                found.append((mark, _unknown_section(key)))
        if not tree.root:
            found.append((tree.root.mark, EMPTY))
        self._note(tree, found)

    def _note(self, tree: Tree, found: Sequence[Finding]) -> None:
        self.problems.extend(tree.problems)
        self.unread.update(problem.position for problem in tree.problems)
        for mark, message in found:
            where = position(tree.file, mark)
            if where not in self.unread:
                self.problems.append(Problem(where, message))

    def _add_entries(self, key: str, file: str, root: Fields, found: list[Finding]) -> None:
        value = root[key]
        if not isinstance(value, Items):
            found.append((root.value_mark(key), mistyped(value, "a list")))
            return
        for item, mark in zip(value, value.marks, strict=True):
            if isinstance(item, Fields):
                self._add_entry(key, file, item, found)
            else:
                found.append((mark, mistyped(item, "a mapping with keys")))

    def _add_entry(self, key: str, file: str, fields: Fields, found: list[Finding]) -> None:
        match key:
            case "users":
                kept = self._add_user(file, fields, found)
            case "groups":
                kept = self._add_group(file, fields, found)
            case _:
                kept = self._add_application(file, fields, found)
        if not kept and key != "applications":
            name = fields.get("user_name" if key == "users" else "name")
            if isinstance(name, str):
                self.broken_names.add((key.removesuffix("s"), folded(name)))
            else:
                self.complete = False

    def _add_user(self, file: str, fields: Fields, found: list[Finding]) -> bool:
        pair = validated(UserEntry, fields, found)
        if pair is None:
            return False
        found.extend(user_findings(pair[0], fields, self.settings))
        self.users.append(declared_user(pair[0], position(file, fields.mark)))
        return True

    def _add_group(self, file: str, fields: Fields, found: list[Finding]) -> bool:
        pair = validated(GroupEntry, fields, found)
        if pair is None:
            return False
        found.extend(group_findings(pair[0], fields, self.settings))
        self.groups.append(declared_group(*pair, position(file, fields.mark)))
        return True

    def _add_application(self, file: str, fields: Fields, found: list[Finding]) -> bool:
        pair = validated(ApplicationEntry, fields, found)
        if pair is None:
            return False
        found.extend(application_findings(fields))
        self.applications.append(declared_application(*pair, position(file, fields.mark)))
        return True


def _unknown_section(key: str) -> str:
    if key in SettingsDocument.model_fields:
        return f"{shown(key)} belongs in instance.yaml"
    known = tuple(Declarations.model_fields)
    return f"unknown key {shown(key)} in a file" + (
        did_you_mean(key, known) or f"; the keys are {', '.join(known)}"
    )
