"""Ask the questions one by one, and remove after each of them what it made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from identity_reconciler.probing.asking import StoppedError
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.ledger import Leftover
from identity_reconciler.probing.observations import (
    FAILURES,
    NotMeasured,
    NotMeasuredError,
    Observation,
    words,
)
from identity_reconciler.probing.probe import Probe
from identity_reconciler.probing.sweep import clean

Seen = Observation | NotMeasured


@dataclass(frozen=True, slots=True)
class PlaceAnswers:
    """What a run found at one place."""

    place: str
    answers: Mapping[str, Seen]
    """By the name of the probe; those that were not asked are missing."""
    leftovers: tuple[Leftover, ...] = ()


def ask_all(bench: Bench, probes: Iterable[Probe], tell: Callable[[str], object]) -> PlaceAnswers:
    """Return the answers to *probes*, after everything that they made is removed.

    Where it is stopped, there are answers to those that were asked. What could not be removed is
    told at once, also when an unforeseen error ends the run.
    """
    answers: dict[str, Seen] = {}
    leftovers: tuple[Leftover, ...] = ()
    try:
        for probe in probes:
            answers[probe.name] = _ask(probe, bench)
            bench.ledger.remove()
    except StoppedError:
        tell("stopped; removing what was made")
    finally:
        leftovers = clean(bench, bench.prefix)
        for leftover in leftovers:
            tell(f"could not be removed: {leftover}")
    return PlaceAnswers(bench.site.name, answers, leftovers)


def _ask(probe: Probe, bench: Bench) -> Seen:
    bench.check()
    try:
        return probe.ask(bench)
    except NotMeasuredError as error:
        return NotMeasured(str(error))
    except FAILURES as error:
        return NotMeasured(words(error))
    except KeyError as error:
        return NotMeasured(f"an answer has no {error}")
