"""Say what differs between two versions of one object, in the words of the YAML.

The only user of deepdiff: it shows people what changed and never decides whether something did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from deepdiff import DeepDiff

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.state import Group, User

_YAML = {attribute.field: attribute.yaml for attribute in USER_ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute, or part of one, with its values; None is no value."""

    field: str
    """Path in the YAML, dotted: `name.given_name`."""
    before: str | None
    after: str | None


def differences(before: User | Group, after: User | Group) -> tuple[Difference, ...]:
    """Return what differs, sorted by field. Only one object is ever compared at a time."""
    old, new = _plain(before), _plain(after)
    # Looking into lists is slow, and most of what an object has stays as it is.
    for name in old.keys() & new.keys():
        if old[name] == new[name]:
            del old[name], new[name]
    # By default, what differs in two thirds of its parts is told as a whole.
    tree = DeepDiff(old, new, view="tree", verbose_level=2, threshold_to_diff_deeper=0)
    return tuple(
        sorted(
            (
                Difference(
                    _field(level.path(output_format="list")), _value(level.t1), _value(level.t2)
                )
                for levels in tree.values()
                for level in levels
            ),
            key=lambda one: one.field,
        )
    )


def _plain(resource: User | Group) -> dict[str, object]:
    """Return the attributes as plain data, without what is not ours to set and without gaps."""
    hidden = {"cleared", "foreign", "provenance"}
    return {
        name: _without_gaps(value)
        for name, value in asdict(resource).items()
        if name not in hidden and value is not None
    }


def _without_gaps(value: object) -> object:
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_gaps(part) for part in value]
    return value


def _field(path: Iterable[object]) -> str:
    top, *rest = path
    return ".".join([_YAML.get(str(top), str(top)), *map(str, rest)])


def _value(value: object) -> str | None:
    if isinstance(value, dict):
        if value.keys() == {"value"}:
            return _value(value["value"])
        return ", ".join(f"{name} {_value(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(str(_value(part)) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else None
