"""Measure what this program promises, and print a table.

    python -m tests.benchmarks [--long] [--terraform] [--only NAME] [--json FILE]

Without flags it takes about seven minutes; `--long` adds the reports of 10,000 accounts, the read
under half the documented limit, that with slow answers, and writes with faster and slower ones
(twenty minutes more, and 12 GB of disk for a while), `--terraform`
the comparisons with `terraform plan` and `terraform apply` (several minutes more).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.benchmarks import (
    audit_size,
    flattening_time,
    layout_time,
    own_time,
    quota_time,
    requests,
    start_up,
    terraform_apply,
    terraform_plan,
    write_time,
)
from tests.benchmarks.figure import Figure, table

_Measure = Callable[[], tuple[list[Figure], list[str]]]
_DEFAULT: dict[str, _Measure] = {
    "requests": requests.measure,
    "start-up": start_up.measure,
    "own-time": own_time.measure,
    "flattening-time": flattening_time.measure,
    "layout-time": layout_time.measure,
    "quota-time": quota_time.measure,
    "write-time": write_time.measure,
}
_LONG: dict[str, _Measure] = {
    "audit-size": audit_size.measure,
    "half-limit": partial(quota_time.measure, 10.0, 1.15),
    "slow-answers": partial(quota_time.measure, target=1.2, latency=0.5),
    "fast-writes": partial(write_time.measure, 0.05),
    "slow-writes": partial(write_time.measure, 0.2),
}
_TERRAFORM: dict[str, _Measure] = {
    "terraform": terraform_plan.measure,
    "terraform-apply": terraform_apply.measure,
}


def main() -> int:
    """Measure, print, and write the JSON; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--long", action="store_true", help="more speeds of reads and writes too")
    parser.add_argument("--terraform", action="store_true", help="compare with terraform too")
    every = {**_DEFAULT, **_LONG, **_TERRAFORM}
    parser.add_argument("--only", choices=every, help="this one alone")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"))
    given = parser.parse_args()
    chosen = dict(_DEFAULT)
    if given.long:
        chosen |= _LONG
    if given.terraform:
        chosen |= _TERRAFORM
    if given.only:
        chosen = {given.only: every[given.only]}
    figures: list[Figure] = []
    remarks: list[str] = []
    for name, measure in chosen.items():
        print(f"measuring {name}", file=sys.stderr, flush=True)
        found, said = measure()
        figures += found
        remarks += said
    print(table(figures))
    for remark in remarks:
        print(f"\n{remark}")
    given.json.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(one), "reached": one.reached} for one in figures]
    given.json.write_text(json.dumps({"figures": rows, "remarks": remarks}, indent=2) + "\n")
    return 0 if all(one.reached for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
