"""Numbers and days: unquoted scalars that mean what they look like, within bounds."""

from __future__ import annotations

import re
from datetime import date

from identity_reconciler.desired.forms import Before, named
from identity_reconciler.desired.tree import Plain, PlainKind
from identity_reconciler.desired.values import DATE, wrong
from identity_reconciler.desired.wording import shown

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
