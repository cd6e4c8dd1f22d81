"""The creation of an organisation against `terraform apply` of the same objects.

Both against a served sandbox with the quotas of AWS, whose answers take a while; whole commands,
one after the other. Needs what the comparison of plans needs.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

from tests.benchmarks.figure import Figure
from tests.benchmarks.terraform_plan import (
    SIZE,
    configure,
    initialize,
    missing,
    timed,
    without_departments,
)
from tests.benchmarks.worlds import empty_sandbox, write_yaml
from tests.benchmarks.write_time import serving_slowly
from tests.command import PROGRAM

_LATENCY = 0.1
"""Seconds that an answer takes."""


def measure() -> tuple[list[Figure], list[str]]:
    """Return the figures; none where Terraform is not there."""
    reason = missing()
    if reason is not None:
        return [], [f"against terraform apply: {reason}"]
    started = _processor_time()
    ours = _ours()
    between = _processor_time()
    theirs = _terraform()
    busy = (between - started, _processor_time() - between)
    figure = Figure(
        f"time of creating that, answers taking {_LATENCY * 1000:g} ms, against `terraform apply`",
        f"{ours[1]:.1f} s",
        f"{theirs[1]:.1f} s",
        theirs[1] / ours[1],
        2.5,
        at_least=True,
    )
    requests = f"requests of that creation: {ours[0]:,}, and {theirs[0]:,} of terraform apply"
    remark = f"{requests}; with the sandbox, {busy[0]:.0f} and {busy[1]:.0f} s of processor time"
    return [figure], [remark]


def _processor_time() -> float:
    """Return the seconds of processor time that processes of ours have taken which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ours() -> tuple[int, float]:
    """Return requests and seconds."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        empty_sandbox(here / "sandbox.sqlite3", SIZE)
        write_yaml(here / "desired-state", SIZE)
        without_departments(here / "desired-state")
        with serving_slowly(here, _LATENCY) as served:
            apply = ("apply", "--auto-approve", "--endpoint-url", served.url)
            return timed(here, served, *PROGRAM, *apply)


def _terraform() -> tuple[int, float]:
    """Return requests and seconds."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        configure(here, empty_sandbox(here / "sandbox.sqlite3", SIZE))
        with serving_slowly(here, _LATENCY) as served:
            initialize(here, served)
            return timed(here, served, "terraform", "apply", "-auto-approve")
