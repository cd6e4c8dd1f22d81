"""Hold back the collector of cyclic garbage where a lot is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Run the block without looking for cyclic garbage.

    States, plans and documents have no cycles and stay to the end, so walking over them again
    and again as they grow finds nothing: a plan that creates 600,000 resources takes a third of
    the time without.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
