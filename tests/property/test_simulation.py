"""A slice of the simulation: as many seeds as cost little. The rest runs at night; CONTRIBUTING."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.campaign import run_chunk
from tests.simulation.defects import DEFECTS, seeds_until_found
from tests.simulation.exhaustive import exhaustive
from tests.simulation.levels import LEVELS

_SLICES = {"core": 400, "order": 160, "two": 40, "races": 40, "wire": 5, "turns": 1}
"""How many seeds of each level."""
_KILLS = (26, 83)
"""Seeds that kill a command at one write or another, before and after it is carried out."""
_QUICK = sorted(name for name, defect in DEFECTS.items() if defect.within <= 50)


class TestSeeds:
    """Whatever goes wrong, what is live in the end is what is declared, and nobody is told else."""

    @pytest.mark.parametrize("level", _SLICES)
    def test_nothing_is_found(self, level: str) -> None:
        assert run_chunk(LEVELS[level], range(_SLICES[level])).findings == []

    def test_nothing_is_found_after_a_kill(self) -> None:
        chunks = [run_chunk(LEVELS["kill"], range(seed, seed + 1)) for seed in _KILLS]
        assert [chunk.findings for chunk in chunks] == [[]] * len(_KILLS)
        counts = sum((chunk.counts for chunk in chunks), Counter[str]())
        assert counts == Counter({"again: exit code 0": len(_KILLS)})

    def test_nothing_is_found_with_one_fault_wherever_it_is(self) -> None:
        """Of all placements every ninth, which is each fault and each request."""
        every = exhaustive(1)
        assert run_chunk(every, range(0, len(every.placed), 9)).findings == []


class TestDefects:
    """The simulation is as good as what it finds of what is broken on purpose."""

    @pytest.mark.parametrize("name", _QUICK)
    def test_is_found(self, name: str) -> None:
        assert seeds_until_found(name) is not None

    def test_a_seed_is_the_same_world_each_time(self) -> None:
        first, second = LEVELS["core"](7), LEVELS["core"](7)
        assert first.story() == second.story()
        assert (first.problems, first.counts) == (second.problems, second.counts)
