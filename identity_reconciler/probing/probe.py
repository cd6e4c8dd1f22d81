"""A probe: a question about the service, how it is asked, and the switch that the answer sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import ACCEPTED, REFUSED, Observation


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch of the sandbox, and what each answer sets it to."""

    name: str
    values: Mapping[str, bool | str]
    """By answer. An answer that is missing here is one that no position of the switch gives."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question, asked of a bench."""

    name: str
    question: str
    """What the table says."""
    ask: Callable[[Bench], Observation]
    switch: Switch | None = None
    """None: the sandbox has no other behaviour to offer."""


def allowed_by(name: str) -> Switch:
    """Return the switch that is on where something is accepted."""
    return Switch(name, {ACCEPTED: True, REFUSED: False})


def refused_by(name: str) -> Switch:
    """Return the switch that is on where something is refused."""
    return Switch(name, {ACCEPTED: False, REFUSED: True})
