"""What the sandbox and another place answer, side by side, and the switches in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from identity_reconciler.probing.observations import Observation
from identity_reconciler.probing.probe import Probe
from identity_reconciler.probing.run import PlaceAnswers, Seen

Switches = Mapping[str, bool | str]
"""The position of switches of the sandbox, by their names."""


class Agreement(StrEnum):
    """Whether two places agree; the first character of a row."""

    SAME = " "
    DIFFERS = "x"
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Row:
    """One question and its answers."""

    probe: Probe
    answers: tuple[Seen | None, ...]
    """The sandbox's, and then the other place's if there is one. None: it was not asked."""

    @property
    def agreement(self) -> Agreement:
        """Whether the answers are the same; with one place, whether there is one."""
        measured = [one for one in self.answers if isinstance(one, Observation)]
        if len(measured) < len(self.answers):
            return Agreement.UNKNOWN
        return Agreement.SAME if len(set(measured)) == 1 else Agreement.DIFFERS


@dataclass(frozen=True, slots=True)
class AnswersCompared:
    """All questions, and what two places answer; or one, which is the sandbox."""

    rows: tuple[Row, ...]
    places: tuple[str, ...]
    switches: Switches
    """Those that the last place sets. What was not measured there is missing."""
    flipped: Switches = field(default_factory=dict)
    """Those of `switches` that the sandbox has in another position."""
    unexplained: tuple[str, ...] = ()
    """The probes that differ still where the sandbox has all `switches` set."""


def alone(probes: Iterable[Probe], sandbox: PlaceAnswers) -> AnswersCompared:
    """Return what the sandbox answers."""
    probes = tuple(probes)
    rows = _rows(probes, (sandbox,))
    return AnswersCompared(rows, (sandbox.place,), switches_of(probes, sandbox))


def compared(
    probes: Iterable[Probe], sandbox: PlaceAnswers, other: PlaceAnswers, flipped: PlaceAnswers
) -> AnswersCompared:
    """Return the answers of the sandbox and of the *other* place, in the order of *probes*.

    *flipped* are the sandbox's with the switches set that the other place sets.
    """
    probes = tuple(probes)
    before, after = switches_of(probes, sandbox), switches_of(probes, other)
    return AnswersCompared(
        _rows(probes, (sandbox, other)),
        (sandbox.place, other.place),
        after,
        {name: value for name, value in after.items() if before.get(name) != value},
        tuple(
            row.probe.name
            for row in _rows(probes, (flipped, other))
            if row.agreement is Agreement.DIFFERS
        ),
    )


def switches_of(probes: Iterable[Probe], findings: PlaceAnswers) -> Switches:
    """Return the switches that *findings* set.

    Those are missing that were not measured, and those whose answer no position gives.
    """
    found = ((probe.switch, findings.answers.get(probe.name)) for probe in probes)
    return {
        switch.name: switch.values[seen.answer]
        for switch, seen in found
        if switch and isinstance(seen, Observation) and seen.answer in switch.values
    }


def _rows(probes: tuple[Probe, ...], places: tuple[PlaceAnswers, ...]) -> tuple[Row, ...]:
    return tuple(
        Row(probe, tuple(place.answers.get(probe.name) for place in places)) for probe in probes
    )
