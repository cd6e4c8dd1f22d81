"""Fit a text of many lists into a limit: what matters least is cut first, and always counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """How long a text may be, and what its length is counted in."""

    limit: int
    size: Callable[[str], int]


def characters(text: str) -> int:
    """Return the length in UTF-16 code units: no way of counting characters gives more."""
    return len(text.encode("utf-16-le")) // 2


def octets(text: str) -> int:
    """Return the length in bytes of UTF-8."""
    return len(text.encode())


@dataclass(frozen=True, slots=True)
class Section:
    """A list that may be cut at any of its entries."""

    rank: int
    """Who is cut last: the lowest."""
    head: str
    """Stands before the entries, and is never cut."""
    entries: Iterable[str]
    """Not all of them are made when they do not fit."""
    count: int
    """How many there are, or how much they stand for."""
    rest: str = "- and {} more; the full plan is in the artifact"
    """Stands for what is cut, with its number."""
    tail: str = ""
    """Stands after the entries, and is never cut."""
    weights: Sequence[int] = ()
    """How much each entry stands for, in their order; empty: one each."""

    def shown(self, entries: Sequence[str]) -> str:
        """Return the section with *entries* only, and the number of the others."""
        told = sum(self.weights[: len(entries)]) if self.weights else len(entries)
        missing = self.count - told
        lines = [*entries, self.rest.format(missing)] if missing else entries
        return _GAP.join(filter(None, (self.head, "\n".join(lines), self.tail)))


def fit(parts: Sequence[str | Section], budget: SizeLimit) -> str:
    """Return *parts* in their order, their lists cut so that all of it keeps to *budget*.

    What is not a list is never cut, so it must fit by itself.
    """
    bare = [part.shown(()) if isinstance(part, Section) else part for part in parts]
    # Each part has a gap after it, and a list that gets entries may have one more before them.
    left = budget.limit - sum(budget.size(text) + 2 * len(_GAP) for text in bare)
    texts = list(bare)
    sections = [(part.rank, at, part) for at, part in enumerate(parts) if isinstance(part, Section)]
    for _, at, section in sorted(sections, key=lambda one: one[:2]):
        taken, left = _taken(section, left, budget)
        texts[at] = section.shown(taken)
    return _GAP.join(filter(None, texts)) + "\n"


def _taken(section: Section, left: int, budget: SizeLimit) -> tuple[list[str], int]:
    """Return the first entries of *section* that fit into *left*, and what is left then."""
    taken = []
    for entry in section.entries:
        size = budget.size(f"{entry}\n")
        if size > left:
            break
        left -= size
        taken.append(entry)
    return taken, left
