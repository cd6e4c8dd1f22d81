"""A comparison for people, as a table, and for programs, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from identity_reconciler.probing.comparison import Agreement, AnswersCompared, Row
from identity_reconciler.probing.observations import Observation
from identity_reconciler.probing.run import Seen

Json = dict[str, object]

_SAME = {Agreement.SAME: True, Agreement.DIFFERS: False, Agreement.UNKNOWN: None}


def document(comparison: AnswersCompared) -> Json:
    """Return *comparison* as JSON; `assumptions` sets the switches of a sandbox.

    It holds no identifiers and no names.
    """
    return {
        "places": list(comparison.places),
        "assumptions": dict(sorted(comparison.switches.items())),
        "flipped": sorted(comparison.flipped),
        "unexplained": list(comparison.unexplained),
        "probes": [_probe(row, comparison.places) for row in comparison.rows],
    }


def _probe(row: Row, places: tuple[str, ...]) -> Json:
    return {
        "name": row.probe.name,
        "question": row.probe.question,
        "switch": row.probe.switch.name if row.probe.switch else None,
        "same": _SAME[row.agreement] if len(places) > 1 else None,
        "answers": {place: _answer(seen) for place, seen in zip(places, row.answers, strict=True)},
    }


def _answer(seen: Seen | None) -> Json:
    if isinstance(seen, Observation):
        given = {"answer": seen.answer, "code": seen.code, "message": seen.message}
        return {name: text for name, text in given.items() if text}
    return {"not_measured": seen.reason if seen else "it was not asked"}


def table(comparison: AnswersCompared) -> str:
    """Return *comparison* as a table, and what follows from it."""
    cells = [
        (row.agreement.value, row.probe.question, *map(_cell, row.answers))
        for row in comparison.rows
    ]
    lines = [(" ", "assumption", *comparison.places), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    aligned = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*aligned, "", *_conclusions(comparison)]) + "\n"


def _cell(seen: Seen | None) -> str:
    return str(seen) if seen else "not asked"


def _conclusions(comparison: AnswersCompared) -> Iterator[str]:
    counted = Counter(row.agreement for row in comparison.rows)
    asked = f"{len(comparison.rows)} questions"
    if len(comparison.places) == 1:
        yield f"{asked}, {counted[Agreement.SAME]} of them answered, by the sandbox alone"
        return
    sandbox, other = comparison.places
    yield (
        f"{asked}: {counted[Agreement.SAME]} same, {counted[Agreement.DIFFERS]} differ (x), "
        f"{counted[Agreement.UNKNOWN]} not measured (?)"
    )
    if comparison.flipped:
        yield f"switches of the {sandbox} that make it answer as {other} does:"
        for name, value in sorted(comparison.flipped.items()):
            yield f"  {name}: {str(value).lower()}"
    if comparison.unexplained:
        yield f"answers of {other} that no switch of the {sandbox} gives:"
        for name in comparison.unexplained:
            yield f"  {name}"
