"""Say of what is wrong with files that are not written yet where it comes from: an argument, a row.

Nobody can look up a line of a file that was never saved.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.declared import Declared, DeclaredGroup, DeclaredUser
from identity_reconciler.core.state import folded
from identity_reconciler.desired.yaml.syntax import Map, Node, Scalar, Sequence, Source, parse
from identity_reconciler.errors import Position, Problem, ReconcilerError

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """What somebody gave that a change is made for."""

    place: Position
    """An argument, or a row of a list."""
    fields: Mapping[str, Position] = field(default_factory=dict)
    """Where it gives an attribute, by field of `User`, or the `starts` or `expires` of an item."""


class Inputs:
    """What the changes of one run are made for."""

    def __init__(self, declared: Declared) -> None:
        self._known: dict[_Key, Input] = {}
        self._before: dict[_Key, Position] = {}
        objects: list[DeclaredUser | DeclaredGroup] = [*declared.users, *declared.groups]
        for one in objects:
            self._before[one.kind, folded(one.name)] = one.position
        for application in declared.applications:
            label = application.selector.name or application.selector.arn or ""
            self._before["application", folded(label)] = application.position

    def note(self, origin: Input, kind: str, *names: str) -> None:
        """Note that the object *kind* and the first name, or an item in its list, is from there."""
        self._known[(kind, *map(folded, names))] = origin

    def of(self, problems: Iterable[Problem], changed: Mapping[str, bytes]) -> list[Problem]:
        """Return *problems*, found with the contents *changed*, with places that there are."""
        sources = dict(_sources(changed))
        cited = re.compile("|".join(rf"{re.escape(name)}:\d+:\d+" for name in changed) or "(?!)")

        starts = {
            name: [0, *(found.end() for found in re.finditer("\n", source.text))]
            for name, source in sources.items()
        }

        def place(position: Position) -> Position:
            source = sources.get(position.file)
            if source is None:
                return position
            offset = starts[position.file][position.line - 1] + position.column - 1
            return self._place(source, offset, position.file)

        def said(found: re.Match[str]) -> str:
            file, line, column = found[0].rsplit(":", 2)
            return str(place(Position(file, int(line), int(column))))

        return [Problem(place(one.position), cited.sub(said, one.message)) for one in problems]

    def _place(self, source: Source, offset: int, file: str) -> Position:
        keys = list(_way(source.root, offset))
        if len(keys) < 2:  # noqa: PLR2004 - a section, and the name of an entry
            return Position(file)
        kind, name, *rest = keys
        kind = kind.removesuffix("s")
        for item in rest if kind != "user" else ():
            origin = self._known.get((kind, name, item)) or self._known.get(("user", item))
            if origin is not None:
                return origin.fields.get(rest[-1], origin.place)
        origin = self._known.get((kind, name))
        if origin is not None:
            path = ".".join(rest)
            fields = (one.field for one in USER_ATTRIBUTES if path.startswith(one.yaml))
            return origin.fields.get(next(fields, ""), origin.place)
        return self._before.get((kind, name)) or Position(f"{kind}/{name}")


def _sources(changed: Mapping[str, bytes]) -> Iterator[tuple[str, Source]]:
    for file, data in changed.items():
        try:
            yield file, parse(data, file)
        except ReconcilerError:
            # What cannot be parsed has no entries to look for.
            continue


def _way(node: Node, offset: int) -> Iterator[str]:
    """Yield the keys, and for items of lists their folded names, that lead to *offset*."""
    if isinstance(node, Map):
        for key, value in node.pairs:
            if key.start <= offset < max(value.end, key.end + 1):
                yield key.value
                yield from _way(value, offset)
                return
    elif isinstance(node, Sequence):
        at = bisect_right(node.items, offset, key=lambda item: item.start) - 1
        if at >= 0 and offset < max(node.items[at].end, node.items[at].start + 1):
            yield folded(_name(node.items[at]))
            yield from _way(node.items[at], offset)


def _name(item: Node) -> str:
    """Return what an item or an entry is called."""
    if isinstance(item, Scalar):
        return item.value
    if isinstance(item, Map):
        for key in ("user_name", "user", "group", "name", "arn"):
            if isinstance(found := item.get(key), Scalar):
                return found.value
    return ""
