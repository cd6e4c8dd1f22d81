"""Runs many seeds in some processes, and tells of them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.simulation.found import Level

_CHUNK = 200
"""Seeds that a process takes at once, at most."""
_EVERY = 10.0
"""Seconds between two lines of progress."""
_SHOWN = 20
"""Findings that are told in full."""


class Finding(NamedTuple):
    """A seed with which something is wrong."""

    seed: int
    problems: tuple[str, ...]
    story: str


class _Chunk(NamedTuple):
    """What came of some seeds."""

    seeds: int
    seconds: float
    """Of a processor."""
    findings: list[Finding]
    counts: Counter[str]


def _processor_time() -> float:
    """Return the seconds of a processor that this process and those it has waited for took."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def run_chunk(level: Level, seeds: range) -> _Chunk:
    """Simulate *seeds*, one after the other."""
    gc.collect()
    gc.disable()
    begun = _processor_time()
    findings, counts = [], Counter[str]()
    try:
        for seed in seeds:
            try:
                found = level(seed)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                findings.append(Finding(seed, (traceback.format_exc(),), ""))
                continue
            counts += found.counts
            if found.problems:
                findings.append(Finding(seed, tuple(found.problems), found.story()))
    finally:
        gc.enable()
    return _Chunk(len(seeds), _processor_time() - begun, findings, counts)


def commit() -> str:
    """Return the commit that is checked out, with `-dirty` where files differ from it."""
    root = Path(__file__).parents[2]
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "(no commit)"
    return found.stdout.strip()


@dataclass(slots=True)
class Campaign:
    """Many seeds of one level."""

    arguments: str
    """Of the command line, but for the seeds."""
    level: Level
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    done: int = 0
    seconds: float = 0.0
    commit: str = field(default_factory=commit)

    def run(self, seeds: range, jobs: int = 1) -> int:
        """Simulate *seeds*, tell what is found, and return the exit code."""
        told = time.monotonic()
        for chunk in self._chunks(seeds, jobs):
            self.done += chunk.seeds
            self.seconds += chunk.seconds
            self.counts += chunk.counts
            for finding in chunk.findings:
                self._tell(finding)
            if time.monotonic() - told >= _EVERY:
                told = time.monotonic()
                print(self._summary(len(seeds)), file=sys.stderr, flush=True)
        print(self._summary(len(seeds)))
        for what, number in sorted(self.counts.items()):
            print(f"  {number:>9,} {what}")
        return 1 if self.findings else 0

    def _chunks(self, seeds: range, jobs: int) -> Iterator[_Chunk]:
        size = max(1, min(_CHUNK, len(seeds) // max(1, 4 * jobs)))
        parts = [seeds[at : at + size] for at in range(0, len(seeds), size)]
        work = partial(run_chunk, self.level)
        if jobs == 1:
            yield from map(work, parts)
            return
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield from pool.imap_unordered(work, parts)

    def _tell(self, finding: Finding) -> None:
        self.findings.append(finding)
        if len(self.findings) > _SHOWN:
            return
        seed = finding.seed
        print(f"--- seed {seed}, {self.arguments}, commit {self.commit}")
        for problem in finding.problems:
            print(f"found: {problem}")
        if finding.story:
            print(finding.story)
        again = f"python -m tests.simulation {self.arguments} --seeds {seed}:{seed + 1}"
        print(f"again: {again}", flush=True)

    def _summary(self, seeds: int) -> str:
        rate = self.done / self.seconds if self.seconds else 0.0
        return (
            f"{self.arguments}, commit {self.commit}: {self.done:,} of {seeds:,} seeds, "
            f"{len(self.findings):,} with findings; {rate:,.0f} seeds in a second of a processor"
        )
