"""Correct the attributes of one user or group, with as few lines as possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from identity_reconciler.desired.base import Document
from identity_reconciler.desired.catalog import Entry
from identity_reconciler.desired.documents import GroupEntry
from identity_reconciler.desired.exporter import ENTERPRISE_KEYS, NAME_KEYS
from identity_reconciler.desired.people import EnterpriseEntry, NameEntry, UserEntry
from identity_reconciler.desired.source import Map
from identity_reconciler.desired.writing import Data
from identity_reconciler.planner import settled
from identity_reconciler.state import USER_ATTRIBUTES, User

_NESTED: dict[str, type[Document]] = {"name": NameEntry, "enterprise": EnterpriseEntry}


def correct_user(entry: Entry, declared: User, live: User, wanted: Mapping[str, Data]) -> None:
    """Let the entry of *declared* agree with *live*, whose new entry would be *wanted*."""
    if entry.node.flow or "state" in wanted:
        entry.section.operation.replace_entry(entry.section.items, entry.number, wanted)
        return
    paths = set(_differing(declared, live))
    for key in UserEntry.model_fields:
        inner = {path[1] for path in paths if path[0] == key and len(path) > 1}
        node, value = entry.node.get(key), wanted.get(key)
        if not inner and (key,) not in paths:
            continue
        if inner and isinstance(node, Map) and not node.flow and isinstance(value, Mapping):
            for part in _NESTED[key].model_fields:
                if part in inner:
                    _correct(entry, node, part, value.get(part), _NESTED[key])
        else:
            _correct(entry, entry.node, key, value, UserEntry)


def _differing(declared: User, live: User) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the keys that say something else than *live*."""
    after = settled(declared, live)
    for name in USER_ATTRIBUTES:
        if getattr(after, name) != getattr(live, name):
            if name in NAME_KEYS:
                yield "name", NAME_KEYS[name]
                # It is made of the names where it is not given.
                yield ("display_name",)
            else:
                yield ("enterprise", name) if name in ENTERPRISE_KEYS else (name,)


def correct_group(entry: Entry, wanted: Mapping[str, Data]) -> None:
    """Let the entry of a group say the description of *wanted*, its new entry."""
    _correct(entry, entry.node, "description", wanted.get("description"), GroupEntry)


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
        operation.add_key(parent, _above(parent, key, tuple(model.model_fields)), key, value)


def _above(parent: Map, key: str, order: tuple[str, ...]) -> str:
    """Return the key of *parent* below which *key* belongs."""
    before = order[: order.index(key)]
    present = [one.value for one, _ in parent.pairs if one.value in before]
    return present[-1] if present else parent.pairs[0][0].value
