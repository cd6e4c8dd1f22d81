"""Names that people cannot tell apart, though computers can. Pure: names in, names out.

Two names are look-alikes when they have one skeleton and differ in more than ASCII characters. The
skeleton is that of Unicode Technical Standard #39: invisible characters left out, every other one
replaced by the one it looks like. Pairs that differ in ASCII only (`l1` and `ll`, `rn` and `m`)
are legitimate names of legitimate people, and everybody can see both on a keyboard. So are those
with a digraph of Latin and its two letters, `kjær` and `kjaer`: the table leaves these out.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from identity_reconciler.core.confusables import TABLE
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import INVISIBLE

_Reading = tuple[int, str, str]
"""Which reading of a name it is, its skeleton, and how it is written where that is not ASCII."""

_MOST_NAMED = 3
"""Characters that `strange` names at most."""


def look_alikes(names: Iterable[str]) -> Mapping[str, str]:
    """Return, for each of *names* that looks like others of them, the first of these others.

    ASCII names come first, then the order of the alphabet. Names that `folded` makes one are one.
    """
    listed = tuple(names)
    beyond = {name: _readings(name) for name in listed if not name.isascii()}
    if not beyond:
        return {}
    ordered = sorted(listed, key=lambda name: (not name.isascii(), name))
    looks = {(at, skeleton) for both in beyond.values() for at, skeleton, _ in both}
    # By skeleton, the first name for each way of writing it: one is enough to be told of.
    written: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
    readings = {}
    for name in ordered:
        both = beyond.get(name) or _readings(name)
        for at, skeleton, as_written in both:
            if (at, skeleton) in looks:
                written[at, skeleton].setdefault(as_written, name)
                readings[name] = both
    found = {name: _other(name, both, written) for name, both in readings.items()}
    return {name: other for name, other in found.items() if other is not None}


def _other(
    name: str, readings: Iterable[_Reading], written: Mapping[tuple[int, str], Mapping[str, str]]
) -> str | None:
    """Return the first name that looks like *name*, if there is one."""
    return next(
        (
            other
            for at, skeleton, own in readings
            for as_written, other in written.get((at, skeleton), {}).items()
            if as_written != own and folded(other) != folded(name)
        ),
        None,
    )


def strange(name: str) -> str:
    """Return which characters of *name* are not of ASCII, in words; of many, the first."""
    characters = list(dict.fromkeys(one for one in name if not one.isascii()))
    told = [
        f"U+{ord(one):04X} {unicodedata.name(one, '')}".rstrip() for one in characters[:_MOST_NAMED]
    ]
    more = len(characters) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def skeleton(text: str) -> str:
    """Return what *text* looks like: texts that look the same have the same skeleton."""
    if text.isascii():
        return _ascii_replaced(text)
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).translate(_prototypes()))


def _readings(name: str) -> tuple[_Reading, _Reading]:
    """Return the skeletons of *name* as it is spelled and as it is compared.

    Cyrillic letters look like Latin ones as capitals that do not as small letters, and the other
    way round.
    """
    if name.isascii():
        as_spelled = _ascii_replaced(name).lower()
        as_compared = as_spelled if name.islower() else _ascii_replaced(name.lower())
        return ((0, as_spelled, as_spelled), (1, as_compared, as_compared))
    spelled, compared = unicodedata.normalize("NFC", name), folded(name)
    return (
        (0, skeleton(spelled).casefold(), _ascii_replaced(spelled).casefold()),
        (1, skeleton(compared), _ascii_replaced(compared)),
    )


def _ascii_replaced(text: str) -> str:
    # A handful of replacements: faster than a translation, and no prototype is to be replaced.
    for character, prototype in _ascii_prototypes():
        text = text.replace(character, prototype)
    return text


@cache
def _prototypes() -> Mapping[int, str]:
    found: dict[int, str] = {}
    for entry in TABLE.split():
        prototype, _, characters = entry.partition(":")
        text = "".join(chr(int(one, 16)) for one in prototype.split("+"))
        found.update((int(one, 16), text) for one in characters.split(","))
    found.update((ord(one), "") for one in INVISIBLE)
    return found


@cache
def _ascii_prototypes() -> tuple[tuple[str, str], ...]:
    return tuple((chr(one), text) for one, text in _prototypes().items() if chr(one).isascii())
