"""What a simulation of one seed finds, and what it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.oracle import Intent, Store

Level = Callable[[int], "Found"]
"""Simulates what a number stands for."""


@dataclass(slots=True)
class Found:
    """What was found, and what was counted."""

    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    story: Callable[[], str] = str
    """Tells what the seed stands for."""

    def expect(self, is_so: object, problem: Callable[[], str]) -> None:
        """Note *problem* unless something is so."""
        if not is_so:
            self.problems.append(problem())


def story(live: Store, intent: Intent, *happens: object) -> str:
    """Return a world, and what happens in it, in a few lines."""
    said = sorted(intent.entries)
    whole, adding = sorted(intent.whole), sorted(intent.adding)
    return "\n".join(
        (
            *(
                f"live {one}: {tuple(is_)}"
                for one, is_ in (*live.people.items(), *live.teams.items())
            ),
            f"foreign: {' '.join(sorted(live.foreign)) or 'nobody'}",
            f"members: {'; '.join(' '.join(edge) for edge in sorted(live.members))}",
            f"assigned: {'; '.join(' '.join(link) for link in sorted(live.assignments))}",
            *(f"declared: {' '.join(map(str, filter(None, entry)))}" for entry in said),
            *(f"declared: {one.arn} {one.listed}" for one in intent.applications),
            f"authoritative: {' '.join(whole)}; additive: {' '.join(adding)}",
            *map(str, happens),
        )
    )
