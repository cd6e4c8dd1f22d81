"""Correct one list of members or principals, with as few lines as possible."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from datetime import datetime

from identity_reconciler.core.attributes import USER_ATTRIBUTES, UserAttribute
from identity_reconciler.core.declared import Listed
from identity_reconciler.core.planner import settled
from identity_reconciler.core.state import User, folded
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.entries import ApplicationEntry, GroupEntry
from identity_reconciler.desired.model.instance import IgnoreSection, SettingsDocument
from identity_reconciler.desired.model.people import SECTIONS, UserEntry
from identity_reconciler.desired.reading.rules import SOURCES
from identity_reconciler.desired.writing.placing import Entry
from identity_reconciler.desired.yaml.edits import Operation
from identity_reconciler.desired.yaml.emit import NULL, Data
from identity_reconciler.desired.yaml.syntax import Map, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Correction:
    """What a list has to say."""

    names: SequenceOf[str] | None
    """Those that are live, as spelled; None: they cannot all be named."""
    keeps: Callable[[str], bool] | None
    """With lists that are not managed: what may stay. None: only those that are live."""
    as_of: datetime

    def is_dated(self, listed: Listed) -> bool:
        """Return whether *listed* has expired, or is yet to start."""
        return not listed.holds(self.as_of)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What there is to tell about a list that was corrected."""

    added: SequenceOf[str] = ()
    """The names that are live and were not listed."""
    dated: SequenceOf[Listed] = ()
    """Those that have expired, or are yet to start, and are live."""


def correct_list(
    entry: Entry, path: tuple[str, ...], listed: SequenceOf[Listed], correction: Correction
) -> Corrected:
    """Let the list at *path* of *entry*, now *listed*, say what *correction* says.

    Items stay as they are written, dates and reason included. One that has expired, or is yet to
    start, stays, live or not: whoever wrote the date has decided, and nobody has decided otherwise
    since.
    """
    if correction.names is None:
        remove_at(entry, path[:1])
        return Corrected()
    live = {folded(name): name for name in correction.names}
    place = list_at(entry, path)
    if place is None:
        if not live or correction.keeps:
            return Corrected()
        names = [live[key] for key in sorted(live)]
        add_list(entry, path, names)
        return Corrected(names)
    gone = {
        number
        for number, one in enumerate(listed)
        if folded(one.name) not in live
        and not correction.is_dated(one)
        and not (correction.keeps and correction.keeps(one.name))
    }
    names = [folded(one.name) for one in listed]
    new = [] if correction.keeps else sorted(live.keys() - set(names))
    if gone or new:
        added: dict[int, list[Data]] = {}
        place_of = places_in([folded(one.name) for one in listed])
        for name in new:
            added.setdefault(place_of(name), []).append(live[name])
        entry.section.operation.change_list(*place, gone, added)
    dated = [one for one in listed if correction.is_dated(one) and folded(one.name) in live]
    return Corrected([live[name] for name in new], dated)


def drop_from(entry: Entry, path: tuple[str, ...], gone: SequenceOf[bool]) -> None:
    """Take out the items that are *gone* of the list at *path* of *entry*; with all, the list."""
    place = list_at(entry, path)
    if place is not None and all(gone):
        remove_at(entry, path)
    elif place is not None and any(gone):
        numbers = {number for number, is_gone in enumerate(gone) if is_gone}
        entry.section.operation.change_list(*place, numbers, {})


def leave_open(entry: Entry) -> None:
    """Let the *entry* of a group say nothing of who is in it."""
    for key in SOURCES:
        remove_at(entry, (key,))


def places_in(names: SequenceOf[str]) -> Callable[[str], int]:
    """Return what says where a name goes among the folded *names*.

    In order if they are, else at the end.
    """
    if list(names) == sorted(names):
        return lambda name: bisect_left(names, folded(name))
    return lambda _: len(names)


def list_at(entry: Entry, path: tuple[str, ...]) -> tuple[Scalar, Sequence] | None:
    """Return the key and the list at *path* of *entry*, if it is there."""
    parent: object = entry.node
    for part in path[:-1]:
        parent = parent.get(part) if isinstance(parent, Map) else None
    if not isinstance(parent, Map):
        return None
    return next(
        (
            (key, value)
            for key, value in parent.pairs
            if key.value == path[-1] and isinstance(value, Sequence)
        ),
        None,
    )


def add_list(entry: Entry, path: tuple[str, ...], items: SequenceOf[Data]) -> None:
    """Give *entry* a list at *path*, where it has none yet."""
    operation = entry.section.operation
    if len(path) == 1:
        operation.add_key(entry.node, "description", path[0], items)
        return
    parent = entry.node.get(path[0])
    if isinstance(parent, Map):
        operation.add_key(parent, parent.pairs[-1][0].value, path[1], items)


def add_previous_name(entry: Entry, name: str) -> None:
    """Add *name* to the previous names of the entry of a group."""
    operation, found = entry.section.operation, list_at(entry, ("previous_names",))
    if found is None:
        operation.add_key(entry.node, "name", "previous_names", [name])
    else:
        operation.change_list(*found, (), {len(found[1].items): [name]})


def ignore_names(settings: Operation, users: SequenceOf[str], groups: SequenceOf[str]) -> None:
    """Add patterns of *users* and *groups* to what the *settings* ignore."""
    root = settings.source.root
    patterns = {"users": users, "groups": groups}
    ignore = root.get("ignore")
    if not isinstance(ignore, Map):
        said = {kind: some for kind, some in patterns.items() if some}
        settings.add_key(root, _above(root, "ignore", SettingsDocument), "ignore", said)
        return
    for kind, some in patterns.items():
        at = ignore.index(kind)
        key, items = ignore.pairs[at] if at >= 0 else (None, None)
        if some and key is not None and isinstance(items, Sequence):
            settings.change_list(key, items, (), {len(items.items): list(some)})
        elif some:
            settings.add_key(ignore, _above(ignore, kind, IgnoreSection), kind, some)


def fill_map(entry: Entry, key: str, data: Mapping[str, Data]) -> bool:
    """Put *data* into the empty mapping at *key* of *entry*; return whether it is one."""
    at = entry.node.index(key)
    name, value = entry.node.pairs[at]
    if not isinstance(value, Map) or value.pairs:
        return False
    if data:
        entry.section.operation.fill(name, value, data)
    return True


def remove_at(entry: Entry, path: tuple[str, ...]) -> None:
    """Take the key that *path* leads to out of *entry*, if it is there."""
    parent: object = entry.node
    for part in path[:-1]:
        parent = parent.get(part) if isinstance(parent, Map) else None
    if isinstance(parent, Map) and parent.index(path[-1]) >= 0:
        entry.section.operation.remove_key(parent, path[-1])


def correct_user(entry: Entry, declared: User, live: User, wanted: Mapping[str, Data]) -> None:
    """Let the entry of *declared* agree with *live*, whose new entry would be *wanted*."""
    if "state" in wanted:
        entry.section.operation.replace_entry(entry.section.items, entry.number, wanted)
        return
    paths = set(_differing(declared, live))
    for key in UserEntry.model_fields:
        inner = {path[1] for path in paths if path[0] == key and len(path) > 1}
        node, value = entry.node.get(key), wanted.get(key)
        if not inner and (key,) not in paths:
            continue
        if inner and isinstance(node, Map) and isinstance(value, Mapping):
            _correct_section(entry, key, {part: value.get(part) for part in inner})
        else:
            _correct(entry, entry.node, key, value, UserEntry)


def _correct_section(entry: Entry, key: str, parts: Mapping[str, Data | None]) -> None:
    """Let the keys *parts* of the mapping at *key* of *entry* say that; None: they go."""
    node = entry.node.get(key)
    if not isinstance(node, Map):
        raise TypeError(key)
    said = {name.value for name, _ in node.pairs}
    if said <= {part for part, value in parts.items() if value is None}:
        remove_at(entry, (key,))
        return
    for part in SECTIONS[key].model_fields:
        if part in parts:
            _correct(entry, node, part, parts[part], SECTIONS[key])


def _differing(declared: User, live: User) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the keys that say something else than *live*."""
    after = settled(declared, live)
    for attribute in USER_ATTRIBUTES:
        if getattr(after, attribute.field) != getattr(live, attribute.field):
            yield tuple(attribute.yaml.split("."))


_NEEDED = frozenset({"given_name", "family_name", "display_name"})
"""What every user has: `null` is no value of it."""


def set_attributes(entry: Entry, user: User, attributes: Mapping[str, str | None]) -> None:
    """Let *entry*, which declares *user*, say *attributes*, by field of `User`; None: no value.

    What it says already stays as it is written. Of an e-mail address with a type, or the like, the
    value is changed and the rest stays.
    """
    sections: dict[str, dict[str, Data | None]] = {}
    for attribute in USER_ATTRIBUTES:
        field = attribute.field
        if field in attributes and _is_news(entry, user, attribute, attributes[field]):
            said = attributes[field] or (None if field in _NEEDED else NULL)
            sections.setdefault(attribute.section, {})[attribute.key] = said
    for section, parts in sections.items():
        parent = entry.node.get(section) if section else entry.node
        if not isinstance(parent, Map) or not parent.pairs:
            given = {key: value for key, value in parts.items() if value is not None}
            _correct(entry, entry.node, section, given or None, UserEntry)
            continue
        for key in filter(parts.__contains__, SECTIONS[section].model_fields):
            node, value = parent.get(key), parts[key]
            if isinstance(node, Map) and node.index("value") >= 0 and type(value) is str:
                entry.section.operation.replace(*node.pairs[node.index("value")], value)
            else:
                _correct(entry, parent, key, value, SECTIONS[section])


def _is_news(entry: Entry, user: User, attribute: UserAttribute, text: str | None) -> bool:
    """Return whether *entry* says something else of an attribute than *text*; None: no value."""
    parent = entry.node.get(attribute.section) if attribute.section else entry.node
    if not isinstance(parent, Map) or parent.index(attribute.key) < 0:
        return text is not None or attribute.field not in _NEEDED
    declared = getattr(user, attribute.field)
    return bool(getattr(declared, "value", declared) != text)


def correct_group(entry: Entry, wanted: Mapping[str, Data]) -> None:
    """Let the entry of a group say the description of *wanted*, its new entry."""
    _correct(entry, entry.node, "description", wanted.get("description"), GroupEntry)


def set_reviewed(entry: Entry, record: Mapping[str, Data]) -> None:
    """Let the entry of a group or application say *record* under `reviewed`."""
    model = GroupEntry if entry.section.key.value == "groups" else ApplicationEntry
    _correct(entry, entry.node, "reviewed", record, model)


def _correct(
    entry: Entry, parent: Map, key: str, value: Data | None, model: type[Document]
) -> None:
    at = parent.index(key)
    operation = entry.section.operation
    if at >= 0 and value is None:
        operation.remove_key(parent, key)
    elif at >= 0 and value is not None:
        operation.replace(*parent.pairs[at], value)
    elif value is not None:
        operation.add_key(parent, _above(parent, key, model), key, value)


def _above(parent: Map, key: str, model: type[Document]) -> str | None:
    """Return the key of *parent* below which *key* belongs; None: above all."""
    order = tuple(model.model_fields)
    before = order[: order.index(key)]
    present = [one.value for one, _ in parent.pairs if one.value in before]
    return present[-1] if present else None
