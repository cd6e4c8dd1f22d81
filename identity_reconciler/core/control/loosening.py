"""One way in which a change of the YAML holds less tightly than what it changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from identity_reconciler.errors import Position


class Aspect(StrEnum):
    """What there is less of; of what is ignored or approved there is more."""

    GUARDED = "guarded"
    MANAGED = "managed"
    IGNORED = "ignored"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Loosening:
    """One thing that is guarded, managed, ignored or approved more loosely than before."""

    aspect: Aspect
    text: str
    """In words, names as they are spelled."""
    position: Position
    at_base: bool = False
    """Whether *position* is that in the base, because nothing says it any more."""
    addresses: tuple[str, ...] = ()
    """All that an approval covers by address."""
