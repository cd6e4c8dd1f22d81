"""The levels of the simulation by their names."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation import core, kill, order, races, turns, two, wire
from tests.simulation.found import Level

LEVELS: Mapping[str, Level] = {
    "core": core.simulate,
    "order": order.simulate,
    "two": two.simulate,
    "races": races.simulate,
    "wire": wire.simulate,
    "kill": kill.simulate,
    "turns": turns.simulate,
}
