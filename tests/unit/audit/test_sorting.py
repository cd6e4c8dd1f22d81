"""Rows on the disk have the order of those in memory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.audit.report import Row, ordered
from identity_reconciler.audit.sorting import sorted_rows

_CELLS = st.text("aAbé\u0301É\0\x01\ud800\U0001f600ß\u017f", max_size=4)


class TestOrder:
    """Whatever fits into memory, the rows come distinct and in reading order."""

    @settings(max_examples=60)
    @given(
        rows=st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=12), in_memory=st.integers(0, 12)
    )
    def test_as_in_memory(self, rows: list[Row], in_memory: int) -> None:
        assert tuple(sorted_rows(iter(rows), in_memory)) == ordered(rows)

    def test_the_end_of_a_cell_comes_before_whatever_goes_on(self) -> None:
        rows = [("a", "b"), ("a\0", "a"), ("a\0\0", ""), ("a\x01", "a"), ("", "z")]
        assert tuple(sorted_rows(rows, 0)) == ordered(rows)
