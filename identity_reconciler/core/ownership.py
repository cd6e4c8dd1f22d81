"""What is whose, where several repositories manage one instance: by patterns of names. Pure.

Each tells the others in the record of its lease what it owns and what it leaves to them. So
everybody can tell, of what it declares itself, who else would manage that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

LONGEST_CLAIMS = 360
"""Characters of `claims_text`, which has to fit into the record of a lease."""


@dataclass(frozen=True, slots=True)
class NamePatterns:
    """Patterns (`*`, `?`, `[...]`; case does not matter) of names, by kind."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[str, ...]:
        """Return those of a *kind*: user, group or application."""
        return {"user": self.users, "group": self.groups, "application": self.applications}[kind]


EVERYTHING = NamePatterns(("*",), ("*",), ("*",))


@dataclass(frozen=True, slots=True)
class Claims:
    """What a repository owns: what the one patterns match and the others do not."""

    owns: NamePatterns
    leaves: NamePatterns
    """What it ignores."""


def claims_data(claims: Claims) -> dict[str, dict[str, list[str]]]:
    """Return *claims* as they are kept; a kind without patterns is left out."""
    return {
        side: {kind: list(patterns) for kind, patterns in names.items() if patterns}
        for side, names in asdict(claims).items()
    }


def claims_text(claims: Claims) -> str:
    """Return *claims* in ASCII, as long as they are when they are kept."""
    return json.dumps(claims_data(claims), separators=(",", ":"))


def claims_of(text: str) -> Claims:
    """Return the claims that *text* tells, see `claims_text`.

    Raises:
        ValueError: It tells none.
    """
    try:
        return claims_in(json.loads(text))
    except (TypeError, ValueError) as error:
        raise ValueError("no claims") from error


def claims_in(data: Any) -> Claims:  # noqa: ANN401 - whatever is kept there
    """Return the claims that *data* is.

    Raises:
        TypeError: It is none.
    """
    sides = [_patterns(data.get(side)) for side in ("owns", "leaves")] if _is_object(data) else []
    if len(sides) != 2:  # noqa: PLR2004 - both of them
        raise TypeError(data)
    return Claims(*sides)


def _patterns(data: Any) -> NamePatterns:  # noqa: ANN401 - as above
    if not _is_object(data):
        raise TypeError(data)
    return NamePatterns(
        **{kind: tuple(_texts(data.get(kind, []))) for kind in ("users", "groups", "applications")}
    )


def _texts(data: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if not isinstance(data, list):
        raise TypeError(data)
    for one in data:
        if not isinstance(one, str):
            raise TypeError(one)
        yield one


def _is_object(data: object) -> bool:
    return isinstance(data, dict)
