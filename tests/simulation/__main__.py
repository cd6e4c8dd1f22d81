"""Simulate random worlds and all that can go wrong, each from a seed, judged by plain dictionaries.

    python -m tests.simulation --level LEVEL --seeds A:B [--jobs N]
    python -m tests.simulation --level core --exhaustive 1|2 [--seeds A:B] [--jobs N]
    python -m tests.simulation --defects

Every finding comes with the line that replays it; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation.campaign import Campaign
from tests.simulation.defects import DEFECTS, defective, run_defects
from tests.simulation.exhaustive import exhaustive
from tests.simulation.levels import LEVELS

_SEEDS = range(1_000)


def main() -> int:
    """Run what is asked for."""
    given = _given()
    if given.defects:
        return run_defects()
    if given.exhaustive:
        every = exhaustive(given.exhaustive)
        seeds = given.seeds or range(len(every.placed))
        arguments = f"--level core --exhaustive {given.exhaustive}"
        return Campaign(arguments, every).run(seeds, given.jobs)
    level, arguments = LEVELS[given.level], f"--level {given.level}"
    if given.defect:
        with defective(given.defect):
            arguments = f"{arguments} --defect {given.defect}"
            return Campaign(arguments, level).run(given.seeds or _SEEDS, given.jobs)
    return Campaign(arguments, level).run(given.seeds or _SEEDS, given.jobs)


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--level", choices=LEVELS, default="core")
    parser.add_argument("--seeds", type=_seeds, metavar="A:B", help="A, and what is below B")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--exhaustive", type=int, choices=(1, 2), help="so many faults, anywhere")
    parser.add_argument("--defects", action="store_true", help="break the product on purpose")
    parser.add_argument("--defect", choices=sorted(DEFECTS), help="break it in this way alone")
    return parser.parse_args()


def _seeds(text: str) -> range:
    first, colon, last = text.partition(":")
    try:
        return range(int(first), int(last) if colon else int(first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not like 0:1000") from None


if __name__ == "__main__":
    sys.exit(main())
