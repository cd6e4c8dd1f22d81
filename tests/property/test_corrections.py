"""Imports into files written in every way: a slice of `python -m tests.fuzz.corrections`."""

from __future__ import annotations

import pytest

from tests.fuzz.corrections import faults

FAILED_ONCE = (719, 1318, 2634, 4047, 6387, 6567, 9428)
"""Comments lost before a comma of their own line, and two new items without a comma between."""


class TestCorrections:
    """What is live is said, and nothing else in the file changes."""

    @pytest.mark.parametrize("seeds", [FAILED_ONCE, range(80)], ids=["failed once", "the first"])
    def test_no_fault(self, seeds: range | tuple[int, ...]) -> None:
        assert [(seed, fault) for seed in seeds for fault in faults(seed)] == []
