"""Every value that a schema or the guide shows is one that can be written, just so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from identity_reconciler.desired.model.approvals import ApprovalsDocument
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.entries import Declarations
from identity_reconciler.desired.model.instance import ManageSection, SettingsDocument
from identity_reconciler.desired.model.policies import PoliciesDocument
from identity_reconciler.desired.model.schema import schemas
from identity_reconciler.desired.reading.validation import validated
from identity_reconciler.desired.yaml.reader import read
from tests.documents import DOCUMENTS

Json = Any
"""What json.loads returns."""

_PLAIN = re.compile(r"[A-Za-z][\w.@/*-]*(?: [\w.@/*-]+)*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def models(model: type[Document], seen: dict[str, type[Document]]) -> None:
    """Add *model*, and those of what is in it, to *seen* by their titles."""
    title = model.label.partition(" ")[2]
    if title not in seen:
        seen[title] = model
        for field in model.model_fields.values():
            for part in documents(field.annotation):
                models(part, seen)


def documents(annotation: object) -> Iterator[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from documents(part)


ROOTS = (Declarations, SettingsDocument, ApprovalsDocument, PoliciesDocument)
MODELS: dict[str, type[Document]] = {}
for _root in ROOTS:
    MODELS.pop("file", None)
    models(_root, MODELS)


def written(value: Json, *, word: bool) -> Iterator[str]:
    """Yield how *value* can be written: in quotes, and without where that is what people do.

    A *word* is one of a few, so nobody writes quotes, whatever YAML makes of it.
    """
    yield json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and (word or (_PLAIN.fullmatch(value) and value not in _WORDS)):
        yield value


def shown(schema: Mapping[str, Json]) -> Iterator[tuple[Json, bool]]:
    """Yield the values that *schema* shows for a key, and whether each is one of a few words."""
    words = [word for part in (schema, *schema.get("anyOf", ())) for word in part.get("enum", ())]
    yield from ((word, True) for word in words)
    yield from ((one, one in words) for one in schema.get("examples", ()))
    if "default" in schema:
        yield schema["default"], schema["default"] in words


def cases() -> Iterator[tuple[str, str, str]]:
    """Yield the title of a model, and a text with one of its keys, for every value shown."""
    for text in schemas().values():
        whole = json.loads(text)
        for schema in (whole, *whole.get("$defs", {}).values()):
            title = schema["title"] if schema is not whole else "file"
            for key, described in schema.get("properties", {}).items():
                for value, word in shown(described):
                    for form in written(value, word=word):
                        yield title, key, form


def loaded(model: type[Document], key: str, form: str) -> list[str]:
    """Return what is wrong with *key* as it is written in *form*, beside what *model* needs."""
    needed = {
        name: field.examples[0]
        for name, field in model.model_fields.items()
        if field.is_required() and name != key and field.examples
    }
    lines = [f"{key}: {form}", *(f"{name}: {json.dumps(one)}" for name, one in needed.items())]
    tree = read("".join(f"{line}\n" for line in lines).encode(), "x.yaml")
    assert tree.root is not None, tree.problems
    found: list[Any] = []
    validated(model, tree.root, found)
    return [*map(str, tree.problems), *(message for _, message in found)]


class TestSchemas:
    """Examples, defaults and words of the schemas load, in quotes and without."""

    @pytest.mark.parametrize("root", ROOTS)
    def test_all_of_them(self, root: type[Document]) -> None:
        known = {**MODELS, "file": root}
        wrong = [
            (title, key, form, trouble)
            for title, key, form in cases()
            if key in known[title].model_fields
            and (trouble := loaded(known[title], key, form)) != []
        ]
        assert wrong == []

    def test_none_is_forgotten(self) -> None:
        told = [*cases()]
        assert {title for title, _, _ in told} == MODELS.keys()
        assert ("manage section", "memberships", "off") in told
        assert len(told) > 150

    @pytest.mark.parametrize("key", ["memberships", "assignments"])
    @pytest.mark.parametrize("form", ["no", "false", "Off", "on", "yes", "n"])
    def test_other_booleans_are_no_words(self, key: str, form: str) -> None:
        (told,) = loaded(ManageSection, key, form)
        assert told == f"expected authoritative, additive or off, found `{form}`"


class TestGuide:
    """The values in the table of what is managed load without quotes."""

    def test_what_is_managed(self) -> None:
        text = DOCUMENTS["desired-state/README.md"].text
        found: list[tuple[str, str]] = []
        for line in text.splitlines():
            cells = line.split("|")[1:-1]
            keys = re.findall("`([a-z_]+)`", cells[0]) if len(cells) == 3 else []
            words = re.findall("`([a-z]+)`", " ".join(cells[1:]))
            found += [(key, word) for key in keys for word in words]
        found = [(key, word) for key, word in found if key in ManageSection.model_fields]
        assert ("memberships", "off") in found
        wrong = [one for one in found if loaded(ManageSection, *one)]
        assert wrong == []
