"""Holding back the collector leaves it as it was found."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from identity_reconciler.core.collecting import without_collections


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    yield
    gc.enable()


class _Interrupted(Exception):  # noqa: N818 - what ends the block.
    pass


class TestWithoutCollections:
    """In the block nothing is collected; after it everything is as before, whatever happened."""

    def test_a_running_collector_runs_again(self) -> None:
        with without_collections():
            assert not gc.isenabled()
        assert gc.isenabled()

    def test_a_stopped_one_stays_stopped(self) -> None:
        gc.disable()
        with without_collections():
            assert not gc.isenabled()
        assert not gc.isenabled()

    def test_after_an_error(self) -> None:
        with pytest.raises(_Interrupted), without_collections():
            raise _Interrupted
        assert gc.isenabled()

    def test_what_was_made_is_old_and_can_be_collected(self) -> None:
        with without_collections():
            made = [[]]  # type: ignore[var-annotated]
        assert not any(one is made for one in gc.get_objects(0))
        assert any(one is made for one in gc.get_objects(2))
        assert gc.get_freeze_count() == 0
