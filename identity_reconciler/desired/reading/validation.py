"""Trees to documents, and what can be saved of a tree that is not quite one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.findings import ModelFinding, Path, findings_of, mistyped
from identity_reconciler.desired.yaml.tree import Fields, Items, Value

Entry = TypeVar("Entry", bound=Document)


def validated(
    model: type[Entry], fields: Fields, found: list[ModelFinding]
) -> tuple[Entry, Fields] | None:
    """Return *fields* as *model* and what it was read from, adding to *found* what is wrong.

    With something wrong in an optional part, the rest is returned nevertheless, so that other
    checks can go on; None when what is left is no *model*.
    """
    try:
        return model.model_validate(fields), fields
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    found.extend(findings_of(model, fields, details))
    rest = _without(fields, [detail["loc"] for detail in details])
    try:
        return model.model_validate(rest), rest
    except ValidationError:
        return None


def validated_each(
    model: type[Entry], items: Items, found: list[ModelFinding], broken: list[Value]
) -> Iterator[tuple[Entry, Fields, Fields]]:
    """Yield the entries that *items* are, each with what it was read from and with its whole item.

    What is wrong is added to *found*, and what is no *model* at all to *broken*.
    """
    validate = _validator(model)
    for item, mark in zip(items, items.marks, strict=True):
        if not isinstance(item, Fields):
            found.append((mark, mistyped(item, "a mapping")))
            broken.append(item)
            continue
        try:
            pair: tuple[Entry, Fields] | None = (validate(item), item)
        except ValidationError:
            pair = validated(model, item, found)
        if pair is None:
            broken.append(item)
        else:
            yield *pair, item


@functools.cache
def _validator(model: type[Entry]) -> Callable[[Fields], Entry]:
    """Return what `model.model_validate` ends in; its detour costs as much as a small entry."""
    return cast("Callable[[Fields], Entry]", TypeAdapter(model).validator.validate_python)


def _without(fields: Fields, paths: Sequence[Path]) -> Fields:
    """Return *fields* without what *paths* lead to; of a list, the whole item is left out."""
    kept = Fields(fields.mark)
    for key, value, key_mark, value_mark in fields.rows():
        below = [rest for path in paths if (rest := _after(key, path)) is not None]
        reduced = _reduced(value, below) if below else value
        if reduced is not None or not below:
            kept[key] = reduced
            kept.key_marks.append(key_mark)
            kept.value_marks.append(value_mark)
    return kept


def _after(key: str, path: Path) -> Path | None:
    """Return what follows *key* in *path*, in front of which pydantic may name a form."""
    return path[path.index(key) + 1 :] if key in path[:2] else None


def _reduced(value: Value, paths: Sequence[Path]) -> Value:
    if () in paths:
        return None
    if isinstance(value, Fields):
        return _without(value, paths)
    if not isinstance(value, Items):
        return None
    kept = Items(value.mark)
    bad = {path[0] for path in paths}
    for number, (item, mark) in enumerate(zip(value, value.marks, strict=True)):
        if number not in bad:
            kept.append(item)
            kept.marks.append(mark)
    return kept
