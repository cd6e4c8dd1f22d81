"""Parse events to a tree, refusing everything that YAML parsers or people may read differently.

Refused are anchors, aliases, merge keys, tags, second documents, duplicate keys (also when they
only look alike), keys that are not text, values left empty, unquoted text over several lines,
invisible characters behind escapes, and sizes beyond what AWS takes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import NoReturn

from identity_reconciler.core.wording import shown
from identity_reconciler.desired.yaml.encoding import FORBIDDEN, forbidden_character
from identity_reconciler.desired.yaml.events import (
    ALIAS,
    DOCUMENT_START,
    MAPPING_END,
    MAPPING_START,
    SCALAR,
    SEQUENCE_END,
    SEQUENCE_START,
    STREAM_END,
    ParseEvent,
)
from identity_reconciler.desired.yaml.scalars import FIRST, LONGEST_WORD, WORDS, resolved
from identity_reconciler.desired.yaml.tree import Fields, Items, Mark, Plain, Value

MAX_DEPTH = 16
"""How deep lists and mappings may be nested; the deepest document needs 7."""

MAX_SCALAR = 1024
"""The longest text, in characters. Source: SensitiveStringType of the Identity Store."""

EMPTY_ITEM = "an empty list item; fill it or remove it"

IN_BRACKETS = 'text with ":" or "?" between brackets needs quotes'

EMPTY = "the file holds nothing; fill it or delete it"


class UnreadableError(Exception):
    """The rest of the file has no meaning any more; the reason is among the findings."""


class TreeBuilder:
    """Takes events one by one and makes the tree, by recursive descent.

    The loops of `_mapping` and `_sequence` run for every scalar of every file, so they decide the
    common case, short unquoted text, by a few cheap comparisons; the rest is in `_checked`.
    """

    def __init__(
        self, next_event: Callable[[], ParseEvent], *, careful: bool, places: bool
    ) -> None:
        self.found: list[tuple[Mark, str]] = []
        self._next = next_event
        self._careful = careful
        """Whether to look at every event closely: there may be anchors or tags, or it comes from
        the pure parser, which takes more for text than libyaml does."""
        self._places = places
        """Whether to keep the places of keys and of their values."""
        self._depth = 0
        self._known_keys: set[str] = set()
        self._odd_keys = False

    def root(self) -> Fields | None:
        """Return the one mapping that the stream consists of, or None when it is empty.

        Raises:
            UnreadableError: It consists of anything else.
        """
        self._next()
        if isinstance(self._next(), STREAM_END):
            return None
        event = self._next()
        if not isinstance(event, MAPPING_START):
            self._stop(event, _root_message(event))
        root = self._mapping(event)
        self._next()
        event = self._next()
        if isinstance(event, DOCUMENT_START):
            self._stop(event, 'a second document ("---"); put it in a file of its own')
        return root

    def _stop(self, event: ParseEvent, message: str) -> NoReturn:
        self._note(event, message)
        raise UnreadableError

    def _note(self, event: ParseEvent, message: str) -> None:
        self.found.append((event.start_mark, message))

    def _mapping(self, start: ParseEvent) -> Fields:
        self._open(start)
        next_event, known = self._next, self._known_keys
        careful, places = self._careful, self._places
        fields = Fields(start.start_mark)
        while type(event := next_event()) is not MAPPING_END:
            if places:
                fields.key_marks.append(event.start_mark)
            key = event.value if type(event) is SCALAR else ""
            if key not in known or key in fields or careful:
                key = self._key(event, fields, start)
            event = next_event()
            if places:
                fields.value_marks.append(_value_mark(event, fields))
            simple = _is_simple(event) and not careful
            fields[key] = event.value if simple else self._value(event, start, key, fields)
        if self._odd_keys:
            self._check_look_alikes(fields)
        self._depth -= 1
        return fields

    def _sequence(self, start: ParseEvent) -> Items:
        self._open(start)
        next_event, careful = self._next, self._careful
        items = Items(start.start_mark)
        append, note = items.append, items.marks.append
        while type(event := next_event()) is not SEQUENCE_END:
            note(event.start_mark)
            simple = _is_simple(event) and not careful
            append(event.value if simple else self._value(event, start))
        self._depth -= 1
        return items

    def _open(self, start: ParseEvent) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._stop(start, f"nested more than {MAX_DEPTH} levels deep")
        if self._careful:
            self._check_node(start)

    def _value(
        self,
        event: ParseEvent,
        parent: ParseEvent,
        key: str | None = None,
        fields: Fields | None = None,
    ) -> Value:
        """Return the value that starts with *event*: of *key* in *fields*, or an item of a list.

        *parent* is the start of the mapping or list that it is in.
        """
        kind = type(event)
        if kind is MAPPING_START:
            return self._mapping(event)
        if kind is SEQUENCE_START:
            return self._sequence(event)
        if kind is ALIAS:
            name = shown(f"*{event.anchor}")
            self._note(event, f"an alias ({name}); write the value out, or quote the text")
            return ""
        if not event.value and not event.style:
            mark = event.start_mark if fields is None else _value_mark(event, fields)
            self.found.append((mark, _empty_message(key)))
            return ""
        return self._scalar(event, parent)

    def _scalar(self, event: ParseEvent, parent: ParseEvent) -> Value:
        """Return the value of a scalar that is there but not simple."""
        text = event.value
        before = len(self.found)
        self._check_node(event)
        if len(text) > MAX_SCALAR:
            self._note(event, f"text of {len(text):,} characters; at most {MAX_SCALAR:,} fit")
        elif event.style:
            self._check_quoted(event)
        elif event.start_mark.line != event.end_mark.line:
            self._note(event, _over_lines_message(text))
        elif parent.flow_style and (":" in text or "?" in text):
            self._note(event, IN_BRACKETS)
        return text if event.style or len(self.found) > before else resolved(text)

    def _check_node(self, event: ParseEvent) -> None:
        if event.anchor is not None:
            name = shown(f"&{event.anchor}")
            self._note(event, f"an anchor ({name}); write the value out each time")
        if event.ctag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._note(event, f"a tag ({shown(tag)}); remove it")

    def _check_quoted(self, event: ParseEvent) -> None:
        if _is_unusual(event.value) and (forbidden := FORBIDDEN.search(event.value)):
            self._note(event, f"the text contains {forbidden_character(forbidden[0])}; remove it")

    def _key(self, event: ParseEvent, fields: Fields, parent: ParseEvent) -> str:
        """Return a key that is new or not in order, changed where *fields* already has it."""
        if not isinstance(event, SCALAR):
            self._stop(event, _NOT_A_KEY)
        before = len(self.found)
        if not event.value and not event.style:
            self._stop(event, "an empty key; write a key before the colon")
        value = self._scalar(event, parent)
        if not isinstance(value, str):
            self._note(event, _key_message(value))
        key = str(event.value)
        if key in fields:
            line = fields.key_mark(key).line + 1
            self._note(event, f"duplicate key {shown(key)}, first on line {line}; keep one of them")
            while key in fields:
                key += "\0"
        # "" stands for a key that is no text, which must never pass for a known one.
        if len(self.found) == before and key:
            self._known_keys.add(key)
            self._odd_keys = self._odd_keys or folded_key(key) != key
        return key

    def _check_look_alikes(self, fields: Fields) -> None:
        first: dict[str, str] = {}
        for key, _, mark, _ in fields.rows():
            other = first.setdefault(folded_key(key), key)
            if other != key:
                said = f"key {shown(key)} looks like {shown(other)} above; keep one of them"
                self.found.append((mark, said))


def _value_mark(event: ParseEvent, fields: Fields) -> Mark:
    """Return where a value stands: at its key when it is empty, as the parsers disagree there."""
    if isinstance(event, SCALAR) and not event.value and not event.style and fields.key_marks:
        return fields.key_marks[-1]
    return event.start_mark


def _is_simple(event: ParseEvent) -> bool:
    """Return whether *event* is cheaply seen to be short unquoted text on one line."""
    return (
        type(event) is SCALAR
        and not event.style
        and (text := event.value) != ""
        and text[0] not in FIRST
        and (len(text) > LONGEST_WORD or text.lower() not in WORDS)
        and len(text) <= MAX_SCALAR
        and event.start_mark.line == event.end_mark.line
    )


def _is_unusual(text: str) -> bool:
    """Return whether *text* is worth a search: some invisible characters count as printable."""
    return not (text.isascii() and text.isprintable())


def folded_key(key: str) -> str:
    """Return *key* as look-alikes are compared: compatibility characters and case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())


_NOT_A_KEY = (
    "a key must be text, not a list or a mapping; is this a template that was not filled in?"
)


def _root_message(event: ParseEvent) -> str:
    if isinstance(event, SEQUENCE_START):
        return "the file is a list; expected keys such as `users:`"
    if isinstance(event, SCALAR) and not event.value and not event.style:
        return EMPTY
    return "the file is plain text; expected keys such as `users:`"


def _empty_message(key: str | None) -> str:
    if key is None:
        return EMPTY_ITEM
    return (
        f"{shown(key)} has no value; give it one or remove the key"
        ' ([] is an empty list, "" an empty text)'
    )


def _key_message(value: Value) -> str:
    if isinstance(value, Plain) and value.text == "<<":
        return "a merge key (<<); write the keys out"
    text = value.text if isinstance(value, Plain) else "null"
    return f"key {shown(text)} is not text to every YAML parser; put it in quotes"


def _over_lines_message(text: str) -> str:
    if text.startswith("-"):
        return 'a list item needs a space after the dash: "- name"'
    return (
        "unquoted text over several lines; if a key or a list item was meant, check the"
        " indentation, else put the text in quotes"
    )
