"""Problems and plans as workflow commands, which GitHub shows next to the lines they are about.

Source: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from identity_reconciler.errors import Problem, file_below
from identity_reconciler.render.document import (
    PlanDocument,
    PositionDocument,
    UnresolvedDocument,
)
from identity_reconciler.render.escape import quoted, safe
from identity_reconciler.render.folding import FoldedChange, single, together
from identity_reconciler.render.words import Marks, blocked, is_special, reasons, subject

MOST = 9
"""Annotations of a level; GitHub shows ten per level and step, and the tenth counts the others."""

Level = Literal["error", "warning", "notice"]
_LEVELS: tuple[Level, ...] = ("error", "warning", "notice")
_TOLD = {"delete": "removes", "rename": "renames", "update": "updates"}
_MARKS = Marks(name=safe, value=quoted, most=10)


@dataclass(frozen=True, slots=True)
class Annotation:
    """One message, at a place in a file where it has one."""

    level: Level
    title: str
    message: str
    place: dict[str, str] = field(default_factory=dict)
    """`file`, relative to the root of the repository, `line` and `col`."""

    def command(self) -> str:
        """Return the line that makes a runner show it."""
        properties = {**self.place, "title": self.title}
        named = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        return f"::{self.level} {named}::{_data(self.message)}"


def problem_annotations(problems: Sequence[Problem], prefix: str) -> str:
    """Return the commands for *problems*, whose files are found below *prefix*.

    *prefix* leads from the root of the repository to the directory with the YAML; it is empty or
    ends with a slash.
    """
    annotations = [
        Annotation(
            "error",
            "Invalid desired state",
            safe(one.message),
            _place(prefix, one.position.file, one.position.line, one.position.column),
        )
        for one in problems
    ]
    return _commands(annotations, "problems")


def plan_annotations(plan: PlanDocument, prefix: str) -> str:
    """Return what *plan* has to say where its lines are shown.

    An error for each guard that refuses it, a warning for each way in which control is loosened
    or has no effect, for what is unresolved and for each look-alike, and a notice for each line
    that it undoes. Creations have none: their lines are in the diff of the pull request.
    """
    annotations = [
        Annotation("error", f"Blocked by {safe(one.guard)}", _sentence(one.found, one.expected))
        for one in blocked(plan)
    ]
    annotations += _of_control(plan, prefix)
    annotations += [_of_unresolved(one, prefix) for one in plan.unresolved]
    annotations += [
        Annotation(
            "warning",
            "Look-alike",
            f"{safe(one.address)} looks like {safe(one.other)}, but has {safe(one.characters)}",
        )
        for one in plan.resemblances
    ]
    undone = [change for change in plan.changes if change.source and change.action in _TOLD]
    special = [change for change in undone if is_special(change)]
    others = [change for change in undone if not is_special(change)]
    annotations += [_of_entry(entry, prefix) for entry in (*single(special), *together(others))]
    return _commands(annotations, "in the plan")


def _of_control(plan: PlanDocument, prefix: str) -> Iterator[Annotation]:
    control = plan.control
    if control is None:
        return
    for one in control.loosened:
        at = one.source
        place = {} if one.at_base else _place(prefix, at.file, at.line, at.column)
        yield Annotation("warning", "Loosens control", safe(one.text), place)
    for without in control.unmatched:
        at = without.source
        place = _place(prefix, at.file, at.line, at.column)
        yield Annotation("warning", "Without effect", safe(without.text), place)


def _sentence(found: str, expected: str) -> str:
    return f"{safe(found)}; expected: {safe(expected)}"


def _of_unresolved(one: UnresolvedDocument, prefix: str) -> Annotation:
    message = f"{safe(one.message)}; it is left as it is"
    return Annotation("warning", "Unresolved", message, _at(one.source, prefix))


def _at(source: PositionDocument | None, prefix: str) -> dict[str, str]:
    return _place(prefix, source.file, source.line, source.column) if source else {}


def _of_entry(entry: FoldedChange, prefix: str) -> Annotation:
    change = entry.first
    # No attribute: this is for whoever sees the files, and the log keeps it.
    told = "; ".join(reasons(entry, _MARKS))
    what = subject(entry, _MARKS)
    message = f"This plan {_TOLD[change.action]} {what}{f': {told}' if told else ''}"
    title = f"Plan {_TOLD[change.action]} this"
    return Annotation("notice", title, message, _at(change.source, prefix))


def _place(prefix: str, file: str, line: int, column: int) -> dict[str, str]:
    return {"file": safe(file_below(prefix, file)), "line": str(line), "col": str(column)}


def _commands(annotations: Sequence[Annotation], what: str) -> str:
    lines = [line for level in _LEVELS for line in _of_level(level, annotations, what)]
    return "".join(f"{line}\n" for line in lines)


def _of_level(level: Level, annotations: Sequence[Annotation], what: str) -> Iterator[str]:
    found = [one for one in annotations if one.level == level]
    yield from (one.command() for one in found[:MOST])
    if len(found) > MOST:
        more = f"and {len(found) - MOST} more {what}"
        yield Annotation(level, "More", more).command()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
