"""Break the program in small ways, one at a time, and see whether a test notices.

    python -m tests.mutation [--core] [FILE_OR_FOLDER ...] [--tests FILE_OR_FOLDER ...]
        [--sample N] [--seed N] [--since REF] [--jobs N] [--budget SECONDS] [--examples N]
        [--goal PERCENT]

`--core` breaks the pure core, `identity_reconciler/core`. The unit and the property tests run once
to learn which of them runs which line; after that every mutant meets only those that run its
line. It prints the score of each module and every mutant that survived, as a diff. The exit code
is 0 when the goal is met and every entry of `equivalent.toml` (mutants that do the same as the
program by another way, each with its reason) still names one.

It takes two minutes to measure and some forty for the core's 4,000 mutants, on two idle processors;
one module with `--tests tests/unit/core` alone, while one is at it, a minute or two.

Why this is our own: mutmut changes no decorated function (properties, cached functions), knows
mutants by their number and has no list of equivalent ones; cosmic-ray starts the tests anew for
each mutant.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.mutation.engine import OPTIONS, Judged, Laboratory, Outcome, Watch
from tests.mutation.mutants import Mutant, mutants

_PACKAGE = Path("identity_reconciler")
_EQUIVALENT = Path(__file__).with_name("equivalent.toml")
_Key = tuple[str, str, str, str, int]


def main() -> int:
    """Break, test, print; the exit code is 1 when the goal is missed."""
    given = _given()
    files = _files(given.paths or [_PACKAGE / "core" if given.core else _PACKAGE])
    made = [(mutant, file) for file in files for mutant in _mutants(file)]
    equivalent = known_equivalents()
    stale = _stale(equivalent, [mutant for mutant, _ in made], files)
    chosen = [(mutant, file) for mutant, file in made if mutant.key not in equivalent]
    if given.since:
        chosen = _changed_since(given.since, chosen)
    if given.sample and given.sample < len(chosen):
        chance = random.Random(given.seed)  # noqa: S311 - reproducible, not secret.
        picked = set(chance.sample(range(len(chosen)), given.sample))
        chosen = [one for place, one in enumerate(chosen) if place in picked]
    judged = _judge(chosen, files, given)
    for line in _report(judged, Counter(module for module, *_ in equivalent), files):
        print(line)
    for key in stale:
        print(f"equivalent.toml names a mutant that there is none of: {key}")
    return 0 if not stale and _score(judged) >= given.goal else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, help="modules or folders to break")
    parser.add_argument("--core", action="store_true", help="break the pure core")
    parser.add_argument("--tests", nargs="+", default=["tests/unit", "tests/property"])
    parser.add_argument("--sample", type=int, help="that many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--since", help="only lines changed since that commit")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--budget", type=float, default=30, help="seconds of tests for one mutant")
    parser.add_argument("--examples", type=int, default=150, help="for each property")
    parser.add_argument("--goal", type=float, default=95, help="percent to be killed")
    return parser.parse_args()


def _files(paths: Iterable[Path]) -> list[Path]:
    every = {file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))}
    return sorted(file.resolve() for file in every)


def _mutants(file: Path) -> list[Mutant]:
    name = file.relative_to(_PACKAGE.resolve()).as_posix()
    return mutants(name, file.read_text(encoding="utf-8"))


def known_equivalents() -> Mapping[_Key, str]:
    """Return the reason why each mutant on the list changes nothing, by its key."""
    entries = tomllib.loads(_EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {
        (one["module"], one["function"], one["old"], one["new"], one.get("number", 1)): one[
            "reason"
        ]
        for one in entries
    }


def _stale(
    equivalent: Mapping[_Key, str], made: Iterable[Mutant], files: Sequence[Path]
) -> list[_Key]:
    looked_at = {file.relative_to(_PACKAGE.resolve()).as_posix() for file in files}
    there = {mutant.key for mutant in made}
    return [key for key in equivalent if key[0] in looked_at and key not in there]


def _changed_since(ref: str, chosen: Sequence[tuple[Mutant, Path]]) -> list[tuple[Mutant, Path]]:
    """Return those of *chosen* on lines that `git diff` shows as new."""
    command = ["git", "diff", "--unified=0", "--no-color", "--no-ext-diff", ref, "--", "*.py"]
    diff = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines: dict[Path, set[int]] = defaultdict(set)
    file = Path()
    for line in diff.splitlines():
        if line.startswith("+++ "):
            file = Path(line.removeprefix("+++ b/")).resolve()
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            start = int(hunk[1])
            lines[file].update(range(start, start + int(hunk[2] or 1)))
    return [
        (mutant, file)
        for mutant, file in chosen
        if not lines[file].isdisjoint(range(mutant.first_line, mutant.last_line + 1))
    ]


def _judge(
    chosen: Sequence[tuple[Mutant, Path]], files: Sequence[Path], given: argparse.Namespace
) -> list[Judged]:
    """Collect the tests, and let them judge."""
    judged: list[Judged] = []
    watch = Watch(given.examples)

    class Loop:
        """Runs the mutants where pytest would run the tests."""

        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            laboratory = Laboratory(session.items, watch, given.jobs)
            _say(f"running {len(session.items)} tests to learn what they run")
            measured = laboratory.measure(files)
            if measured.failed:
                raise SystemExit(f"tests fail without any mutant: {', '.join(measured.failed)}")
            _say(f"judging {len(chosen)} mutants")
            laboratory.judge(chosen, measured, given.budget, _telling(judged, len(chosen)))
            return True

    code = pytest.main([*OPTIONS, *given.tests], plugins=[watch, Loop()])
    if len(judged) != len(chosen):
        raise SystemExit(f"pytest ended with code {code}")
    return sorted(judged, key=lambda one: chosen_order(one.mutant))


def chosen_order(mutant: Mutant) -> tuple[str, int, _Key]:
    """Return the sort key by module and line; ties break on the mutant's own key."""
    return mutant.module, mutant.first_line, mutant.key


def _telling(judged: list[Judged], number: int) -> Callable[[Judged], None]:
    def tell(one: Judged) -> None:
        judged.append(one)
        if one.outcome in {Outcome.SURVIVED, Outcome.UNTESTED} or len(judged) % 100 == 0:
            mutant = one.mutant
            what = f"{mutant.module}:{mutant.first_line} {mutant.old} => {mutant.new}"
            _say(f"{len(judged)} of {number}: {one.outcome}: {what}")

    return tell


_BEGAN = time.monotonic()


def _say(text: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {text}", file=sys.stderr, flush=True)


def _score(judged: Sequence[Judged]) -> float:
    killed = sum(one.outcome in {Outcome.KILLED, Outcome.TIMEOUT} for one in judged)
    return 100 * killed / len(judged) if judged else 100.0


def _report(
    judged: Sequence[Judged], equivalent: Mapping[str, int], files: Sequence[Path]
) -> Iterable[str]:
    """Yield the survivors as diffs, then a line for each module, then the whole."""
    originals = {file.relative_to(_PACKAGE.resolve()).as_posix(): file for file in files}
    by_module: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        by_module[one.mutant.module].append(one)
        if one.outcome in {Outcome.SURVIVED, Outcome.UNTESTED}:
            mutant = one.mutant
            yield f"{mutant.module}:{mutant.first_line} {mutant.function}: {one.outcome}"
            number = f" (number {mutant.number})" if mutant.number > 1 else ""
            yield f"    {mutant.old} => {mutant.new}{number}"
            yield mutant.diff(originals[mutant.module].read_text(encoding="utf-8"))
    yield f"{'module':32} mutants  killed  out of time  equivalent  survived  untested   score"
    for module, some in [*sorted(by_module.items()), ("all", list(judged))]:
        tally = Counter(one.outcome for one in some)
        alike = sum(equivalent[one] for one in by_module) if module == "all" else equivalent[module]
        yield (
            f"{module:32} {len(some):7} {tally[Outcome.KILLED]:7} {tally[Outcome.TIMEOUT]:12} "
            f"{alike:11} {tally[Outcome.SURVIVED]:9} {tally[Outcome.UNTESTED]:9} "
            f"{_score(some):6.1f}%"
        )
    yield f"{(time.monotonic() - _BEGAN) / 60:.1f} minutes"


if __name__ == "__main__":
    sys.exit(main())
