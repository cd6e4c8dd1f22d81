"""Values that are not text, or that may be written in more than one way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pydantic_core import CoreSchema, core_schema

from identity_reconciler.core.wording import shown
from identity_reconciler.desired.model.text import DATE, wrong
from identity_reconciler.desired.yaml.tree import Plain, PlainKind

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
    from pydantic.json_schema import JsonSchemaValue


def named(value: object) -> str:
    """Return how messages call *value*, which stands where something else belongs."""
    match value:
        case None:
            return "null"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case Plain():
            return shown(value.text, "`")
        case _:
            return shown(str(value))


def _boolean(value: object) -> object:
    if isinstance(value, Plain) and value.text in {"true", "false"}:
        return value.text == "true"
    advice = "; write it without quotes" if value in ("true", "false") else ""
    raise wrong(f"expected true or false, found {named(value)}{advice}")


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """Marks a field whose value is looked at before its type is, null included."""

    check: Callable[[object], object]
    json_type: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the JSON Schema says instead; nothing: what it says anyhow, without null."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the check in front of the schema that the type gives."""
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave out null: it only stands for a key that is not there."""
        if self.json_type:
            return dict(self.json_type)
        described = handler(schema)
        choices = [one for one in described.get("anyOf", ()) if one != {"type": "null"}]
        return choices[0] if len(choices) == 1 else described


def form(value: object) -> str:
    """Return which form *value* is in, where a text or a mapping may stand."""
    return "entry" if isinstance(value, dict) else "text"


def list_or_text(value: object) -> str:
    """Return which form *value* is in, where a text or a list of texts may stand."""
    return "list" if isinstance(value, list) else "text"


def _not_null(value: object) -> object:
    if value is None:
        raise wrong(NULL_REFUSED)
    return value


def _word(value: object) -> object:
    if isinstance(value, Plain) and value.kind is PlainKind.BOOLEAN:
        return value.text
    return value


NULL_REFUSED = "null is only for optional attributes, to remove them; leave the key out instead"
NOT_NULL = Before(_not_null)
FLAG = Before(_boolean, {"type": "boolean"})
WORD = Before(_word)
"""For one of a few words: `off` is a boolean to YAML 1.1, and cannot be meant as one there."""

_TIME = "[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?"
_OFFSET = "(Z|[+-][0-9]{2}:[0-9]{2})"
_DATE_OR_TIME = re.compile(f"{DATE}(?P<time>{_TIME}(?P<offset>{_OFFSET})?)?")
_EXPECTED_INSTANT = "expected a date such as 2026-12-31 or a time such as 2026-12-31T18:00:00+01:00"


def first_instant_of(text: str, days: int = 0) -> datetime:
    """Return the instant (UTC) that *text* is, or at which the day that it is begins, UTC.

    With *days*, that of so many days after a date; a timestamp stays what it is.

    Raises:
        PydanticCustomError: *text* is neither, or a timestamp without an offset.
    """
    match = _DATE_OR_TIME.fullmatch(text)
    if match is None:
        raise wrong(f"{shown(text)} is not a date; {_EXPECTED_INSTANT}")
    if match["time"] and not match["offset"]:
        raise wrong(f"{shown(text)} has no offset from UTC; add one, such as Z or +01:00")
    try:
        if not match["time"]:
            day = datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
            return day + timedelta(days=days)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(f"{shown(text)} is not in the calendar; {_EXPECTED_INSTANT}") from None


def _start(value: object) -> object:
    return first_instant_of(_instant_text(value))


def _expiry(value: object) -> object:
    # What expires on a date holds through the end of that day.
    return first_instant_of(_instant_text(value), days=1)


def _instant_text(value: object) -> str:
    if isinstance(value, Plain) and value.kind in {PlainKind.DATE, PlainKind.NUMBER}:
        return value.text
    if isinstance(value, str):
        return value
    raise wrong(f"{_EXPECTED_INSTANT}, found {named(value)}")


_INSTANT_TYPE: Mapping[str, JsonValue] = {
    "type": "string",
    "pattern": f"^{DATE}({_TIME}{_OFFSET})?$",
}
START = Before(_start, _INSTANT_TYPE)
EXPIRY = Before(_expiry, _INSTANT_TYPE)


# Leading zeros, underscores, exponents and bases are read differently by different YAML parsers.
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?")


def whole(least: int, most: int) -> Before:
    """Return what makes a field take whole numbers from *least* to *most* and nothing else."""

    def check(value: object) -> object:
        expected = f"a whole number from {least} to {most:,}"
        text = _digits(value, expected)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise wrong(f"expected {expected}, found {shown(text, '`')}")
        return int(text)

    return Before(check, {"type": "integer", "minimum": least, "maximum": most})


def _percentage(value: object) -> object:
    expected = "a percentage from 0 to 100"
    text = _digits(value, expected)
    if not _DECIMAL.fullmatch(text) or not float(text) <= 100:  # noqa: PLR2004 (percent)
        raise wrong(f"expected {expected}, found {shown(text, '`')}")
    return float(text)


PERCENT = Before(_percentage, {"type": "number", "minimum": 0, "maximum": 100})


def _digits(value: object, expected: str) -> str:
    if isinstance(value, Plain) and value.kind is PlainKind.NUMBER:
        return value.text
    advice = ""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        advice = "; write it without quotes"
    raise wrong(f"expected {expected}, found {named(value)}{advice}")


def _day(value: object) -> object:
    text = value.text if isinstance(value, Plain) else value
    if not isinstance(text, str) or not re.fullmatch(DATE, text):
        raise wrong(f"expected a day such as 2026-12-31, found {named(value)}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong(f"{shown(text)} is not in the calendar") from None


DAY = Before(_day, {"type": "string", "pattern": f"^{DATE}$"})
