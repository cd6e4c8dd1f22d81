"""Our own time and memory for a full plan of a large organisation: YAML to rendered plan.

The measured part runs in a process of its own, with the live state from memory, so that its peak
memory is that of the plan alone. Times are of the processor: all of it is one thread that waits for
nothing, and other work on the machine does not count.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from identity_reconciler.core.access import Impact
from identity_reconciler.core.collecting import without_collections
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.guards import check_plan, gather
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.render.describe import Findings, Occasion, document
from identity_reconciler.render.text import plan_text
from tests.benchmarks.figure import Figure
from tests.benchmarks.worlds import Size, live_state, write_yaml

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.core.state import State

LARGE = Size(100_000, 10_000, 500_000, 500, 20_000)
DRIFT = 100
"""Every so many users have another title than is live."""
_SECONDS, _GIBIBYTES = 15.0, 1.2


def measure(size: Size = LARGE) -> tuple[list[Figure], list[str]]:
    """Return the figures, and lines that say where the time goes."""
    with tempfile.TemporaryDirectory() as name:
        write_yaml(Path(name), size, drift=DRIFT)
        bare = _bare_parse(Path(name))
        numbers = ",".join(
            str(getattr(size, field))
            for field in ("users", "groups", "memberships", "applications", "assignments")
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.own_time", name, numbers],
            check=True,
            capture_output=True,
            text=True,
        )
    spent: dict[str, float] = json.loads(done.stdout)
    memory = spent.pop("memory")
    total = sum(spent.values())
    figures = [
        Figure(
            "own time of a full plan",
            f"{total:.1f} CPU s",
            f"{_SECONDS:g} s",
            total / _SECONDS,
            1.0,
        ),
        Figure(
            "memory of a full plan",
            f"{memory:.2f} GiB",
            f"{_GIBIBYTES} GiB",
            memory / _GIBIBYTES,
            1.0,
        ),
    ]
    parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in spent.items())
    times = spent["load"] / bare
    reading = f"loading takes {times:.1f} times libyaml's events of the same bytes, {bare:.1f} s"
    return figures, [f"own time at {size}: {parts}; {reading}"]


def _bare_parse(directory: Path) -> float:
    """Return the seconds that libyaml takes to read the files, building nothing."""
    contents = [path.read_bytes() for path in sorted(directory.glob("*.yaml"))]
    started = time.process_time()
    for content in contents:
        for _ in yaml.parse(content, Loader=yaml.CSafeLoader):
            pass
    return time.process_time() - started


class _Phases:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds[name] = time.process_time() - started


def _plan(directory: Path, size: Size) -> dict[str, float]:
    """Return the seconds of each phase, and the peak memory in GiB."""
    live = live_state(size)
    phase = _Phases()
    with phase("load"):
        declared = load(directory)
    with without_collections():
        text = _planned(phase, declared, live)
    if not text.startswith("identity-reconciler"):
        raise RuntimeError(text[:200])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return phase.seconds | {"memory": memory}


def _planned(phase: _Phases, declared: Declared, live: State) -> str:
    as_of = datetime.now(UTC).replace(microsecond=0)
    with phase("compare"):
        found = compare_closely(declared, live, as_of)
    with phase("guards and access"):
        evidence = gather(found, Impact.of(found.plan, live))
        verdicts = check_plan(evidence, declared.settings.guards, declared.approvals, as_of)
    with phase("render"):
        findings = Findings(evidence.access, verdicts=verdicts)
        return plan_text(document(declared, found.plan, live, Occasion(as_of, 0, 0.0), findings))


if __name__ == "__main__":
    print(json.dumps(_plan(Path(sys.argv[1]), Size(*map(int, sys.argv[2].split(","))))))
