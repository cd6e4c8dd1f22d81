"""Parse events to a tree, refusing everything that YAML parsers or people may read differently.

Refused are anchors, aliases, merge keys, tags, second documents, duplicate keys (also when they
only look alike), keys that are not text, values left empty, unquoted text over several lines,
invisible characters behind escapes, and sizes beyond what AWS takes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from identity_reconciler.desired.encoding import FORBIDDEN, forbidden_character
from identity_reconciler.desired.scalars import FIRST, LONGEST_WORD, resolved
from identity_reconciler.desired.tree import (
    COLUMN_BITS,
    START,
    Fields,
    Items,
    Mark,
    Plain,
    Value,
    mark_at,
    position,
)
from identity_reconciler.desired.wording import shown

MAX_DEPTH = 16
"""How deep lists and mappings may be nested; the deepest document needs 7."""

MAX_SCALAR = 1024
"""The longest text, in characters. Source: SensitiveStringType of the Identity Store."""

EMPTY = "the file holds nothing; fill it or delete it"


class UnreadableError(Exception):
    """The rest of the file has no meaning any more; the reason is among the findings."""


class TreeBuilder:
    """Makes a tree from events: `handlers` names what to call for each class of event.

    What a scalar is (an item, a key, a value) depends on where it stands, so the handler of
    scalars is exchanged as the place changes. Half the time of reading goes into these handlers:
    the common case is decided by a few cheap comparisons, everything else is elsewhere.
    """

    def __init__(self) -> None:
        self.root: Fields | None = None
        self.found: list[tuple[Mark, str]] = []
        self.handlers: dict[type[Event], Callable[[Event], None]] = {
            ScalarEvent: self._root_scalar,
            MappingStartEvent: self._mapping_start,
            MappingEndEvent: self._mapping_end,
            SequenceStartEvent: self._sequence_start,
            SequenceEndEvent: self._collection_end,
            AliasEvent: self._alias,
            DocumentStartEvent: self._document_start,
            DocumentEndEvent: self._nothing,
            StreamStartEvent: self._nothing,
            StreamEndEvent: self._nothing,
        }
        self._documents = 0
        self._stack: list[Fields | Items] = []
        self._fields = Fields(START)
        self._items = Items(START)
        self._key: str | None = None
        self._known_keys: set[str] = set()
        self._odd_keys = False

    def close(self) -> None:
        """Let go of the handlers: they refer back to the builder, and its tree is large."""
        self.handlers.clear()

    def _nothing(self, event: Event) -> None:
        """The event says nothing that matters."""

    def _document_start(self, event: Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(event, 'a second document ("---"); put it in a file of its own')

    def _stop(self, event: Event, message: str) -> None:
        self._note(event, message)
        raise UnreadableError

    def _note(self, event: Event, message: str) -> None:
        self.found.append((_start(event), message))

    def _item(self, event: Event) -> None:
        text = event.value
        mark = event.start_mark
        if (
            event.style
            or event.anchor is not None
            or event.ctag is not None
            or not LONGEST_WORD < len(text) <= MAX_SCALAR
            or text[0] in FIRST
            or " " in text
        ):
            text = self._checked(event)
        self._items.append(text)
        self._items.marks.append(mark.line << COLUMN_BITS | mark.column)

    def _field_key(self, event: Event) -> None:
        text = event.value
        mark = event.start_mark
        if (
            text not in self._known_keys
            or text in self._fields
            or event.anchor is not None
            or event.ctag is not None
        ):
            text = self._checked_key(event)
        self._key = text
        self._fields.key_marks.append(mark.line << COLUMN_BITS | mark.column)
        self.handlers[ScalarEvent] = self._field_value

    def _field_value(self, event: Event) -> None:
        text = event.value
        mark = event.start_mark
        if (
            event.style
            or event.anchor is not None
            or event.ctag is not None
            or not LONGEST_WORD < len(text) <= MAX_SCALAR
            or text[0] in FIRST
            or " " in text
        ):
            text = self._checked(event)
        self._fields[self._key] = text
        self._fields.value_marks.append(mark.line << COLUMN_BITS | mark.column)
        self._key = None
        self.handlers[ScalarEvent] = self._field_key

    def _root_scalar(self, event: Event) -> None:
        if not event.value and not event.style:
            self._stop(event, EMPTY)
        self._stop(event, "the file is plain text; expected keys such as `users:`")

    def _checked(self, event: Event) -> Value:
        """Return the value of a scalar that is not plainly plain text."""
        text: str = event.value
        before = len(self.found)
        self._check_node(event)
        if len(text) > MAX_SCALAR:
            self._note(event, f"text of {len(text):,} characters; at most {MAX_SCALAR:,} fit")
        elif event.style:
            self._check_quoted(event)
        elif not text:
            self._note(event, self._empty_message())
        elif event.start_mark.line != event.end_mark.line:
            self._note(event, _over_lines(text))
        return text if event.style or len(self.found) > before else resolved(text)

    def _check_node(self, event: Event) -> None:
        if event.anchor is not None:
            self._note(event, f"an anchor (&{event.anchor}); write the value out each time")
        if event.ctag is not None:
            self._note(event, f"a tag ({event.tag}); remove it")

    def _check_quoted(self, event: Event) -> None:
        if not event.value.isprintable() and (forbidden := FORBIDDEN.search(event.value)):
            self._note(event, f"the text contains {forbidden_character(forbidden[0])}; remove it")

    def _empty_message(self) -> str:
        if self.handlers[ScalarEvent] == self._item:
            return "an empty list item; fill it or remove it"
        if self._key is None:
            return "an empty key; write a key before the colon"
        return (
            f"{shown(self._key)} has no value; give it one or remove the key"
            ' ([] is an empty list, "" an empty text)'
        )

    def _checked_key(self, event: Event) -> str:
        """Return a key that is new or not in order, changed where it would be there twice."""
        before = len(self.found)
        value = self._checked(event)
        if not isinstance(value, str):
            self._note(event, _key_message(value))
        key: str = event.value
        if key in self._fields:
            first = _line(self._fields.key_mark(key))
            self._note(
                event, f"duplicate key {shown(key)} (first on line {first}); keep one of them"
            )
            while key in self._fields:
                key += "\0"
        if len(self.found) == before:
            self._known_keys.add(key)
            self._odd_keys = self._odd_keys or folded_key(key) != key
        return key

    def _alias(self, event: Event) -> None:
        self._note(
            event, f"an alias (*{event.anchor}); write the value out, or quote text that starts so"
        )
        if self.handlers[ScalarEvent] == self._field_key:
            raise UnreadableError
        self._place("", event)

    def _place(self, value: Value, event: Event) -> None:
        """Put *value* where the next value belongs."""
        if self.handlers[ScalarEvent] == self._item:
            self._items.append(value)
            self._items.marks.append(_start(event))
        elif self._key is not None:
            self._fields[self._key] = value
            self._fields.value_marks.append(_start(event))
            self._key = None
        elif self._stack:
            self._stop(
                event,
                "a key must be text, not a list or a mapping;"
                " is this a template that was not filled in?",
            )
        elif isinstance(value, Fields):
            self.root = value
        else:
            self._stop(event, "the file is a list; expected keys such as `users:`")

    def _mapping_start(self, event: Event) -> None:
        self._open(Fields(_start(event)), event)

    def _sequence_start(self, event: Event) -> None:
        self._open(Items(_start(event)), event)

    def _open(self, container: Fields | Items, event: Event) -> None:
        if event.ctag is not None or event.anchor is not None:
            self._check_node(event)
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        self._place(container, event)
        self._stack.append(container)
        self._enter(container)

    def _enter(self, container: Fields | Items) -> None:
        if isinstance(container, Fields):
            self._fields = container
            self.handlers[ScalarEvent] = self._field_key
        else:
            self._items = container
            self.handlers[ScalarEvent] = self._item

    def _mapping_end(self, event: Event) -> None:
        if self._odd_keys:
            self._check_look_alikes()
        self._collection_end(event)

    def _collection_end(self, event: Event) -> None:
        del event
        self._stack.pop()
        if self._stack:
            self._enter(self._stack[-1])

    def _check_look_alikes(self) -> None:
        first: dict[str, str] = {}
        for key, mark in zip(self._fields, self._fields.key_marks, strict=True):
            other = first.setdefault(folded_key(key), key)
            if other != key:
                said = f"key {shown(key)} looks like {shown(other)} above; keep one of them"
                self.found.append((mark, said))


def _start(event: Event) -> Mark:
    return mark_at(event.start_mark.line, event.start_mark.column)


def folded_key(key: str) -> str:
    """Return *key* as look-alikes are compared: compatibility characters and case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())


def _key_message(value: Value) -> str:
    if isinstance(value, Plain) and value.text == "<<":
        return "a merge key (<<); write the keys out"
    text = value.text if isinstance(value, Plain) else "null"
    return f"key {shown(text)} is not text to every YAML parser; put it in quotes"


def _line(mark: Mark) -> int:
    return position("", mark).line


def _over_lines(text: str) -> str:
    if text.startswith("-"):
        return 'a list item needs a space after the dash: "- name"'
    return (
        "unquoted text over several lines; if a key or a list item was meant, check the"
        " indentation, else put the text in quotes"
    )
