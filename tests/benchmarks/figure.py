"""One measured figure: a ratio of two things measured in the same run, and its target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    measured: str
    """In words, with its unit."""
    against: str
    """What it is compared with, in words, with its unit."""
    ratio: float
    target: float
    at_least: bool = False
    """Whether the target is the least that the ratio may be, and not the most."""

    @property
    def reached(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target


def table(figures: Iterable[Figure]) -> str:
    """Return *figures* as a Markdown table."""
    rows = [
        (
            one.what,
            one.measured,
            one.against,
            f"{one.ratio:.2f}",
            f"{'at least' if one.at_least else 'at most'} {one.target:g}",
            "yes" if one.reached else "**no**",
        )
        for one in figures
    ]
    lines = [("what", "measured", "against", "ratio", "target", "reached"), ("---",) * 6, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
