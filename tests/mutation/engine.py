"""Judges mutants by tests: each in a process of its own, forked from one that has all loaded.

A changed function is put in the place of the one that every importer holds, by its code. What
runs on import only needs the package and the tests imported anew, which takes some two seconds.
Of the tests that run the changed line, those that killed others in the same function come first,
then the fastest; the first failure ends it.
"""

from __future__ import annotations

import functools
import gc
import os
import pickle
import resource
import select
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.mutants import Mutant

OPTIONS = (
    *("-o", "addopts=", "--import-mode=importlib", "--capture=no"),
    *("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # Hypothesis is here before pytest.
)
"""How pytest runs here: it says nothing, and keeps nothing."""
_MEMORY = 4 << 30
"""Address space that a mutant may use, in bytes."""


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMEOUT = "out of time"
    """It ran for far longer than the tests do, or died in another way: killed, too."""
    SURVIVED = "survived"
    UNTESTED = "untested"
    """No test runs the changed line, or imports its package."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A mutant and what the tests say of it."""

    mutant: Mutant
    outcome: Outcome
    by: str = ""
    """The test that failed."""


@dataclass(slots=True)
class Measured:
    """Which tests run which lines, and how long each takes."""

    seconds: dict[str, float] = field(default_factory=dict)
    """CPU time by node id, with the measuring."""
    failed: list[str] = field(default_factory=list)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    """By file, then by line: node ids."""

    def running(self, file: Path, first: int, last: int) -> set[str]:
        """Return the tests that run one of these lines."""
        lines = self.lines.get(str(file), {})
        return set().union(*(lines.get(line, set()) for line in range(first, last + 1)))

    def add(self, other: Measured | None) -> None:
        """Take in what another process has measured."""
        if other is None:
            raise SystemExit("a process that measured the tests has died")
        self.seconds |= other.seconds
        self.failed += other.failed
        for file, lines in other.lines.items():
            for line, tests in lines.items():
                self.lines.setdefault(file, {}).setdefault(line, set()).update(tests)


class Watch:
    """A plugin that notes the first test to fail, and makes hypothesis stop there."""

    def __init__(self, examples: int) -> None:
        """Let properties be tried on that many *examples*, where they do not say how many."""
        self.failed, self.examples = "", examples

    def pytest_collection(self) -> None:
        # The first counterexample is enough, and a loaded machine is no fault.
        settings.register_profile(
            "mutation",
            settings.get_profile("fixed"),
            max_examples=self.examples,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            database=None,
        )
        settings.load_profile("mutation")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


class Laboratory:
    """Holds the tests that pytest has collected in this process, and runs them in others."""

    def __init__(self, items: Sequence[pytest.Item], watch: Watch, jobs: int) -> None:
        """Take the collected *items*, of a pytest that *watch* is a plugin of."""
        self._items = {item.nodeid: item for item in items}
        self._watch, self._jobs = watch, jobs
        gc.collect()
        gc.freeze()  # The pages stay shared with the processes.

    def measure(self, files: Sequence[Path]) -> Measured:
        """Run every test once, and note which lines of *files* it runs."""
        ids, whole, pool = list(self._items), Measured(), _Pool(self._jobs)
        for share in range(self._jobs):
            pool.start(functools.partial(self._measure, ids[share :: self._jobs], files), whole.add)
        pool.finish()
        return whole

    def _measure(self, ids: Sequence[str], files: Sequence[Path]) -> Measured:
        found = Measured()
        tracer = coverage.Coverage(
            data_file=None, include=[str(file) for file in files], config_file=False
        )
        # What is remembered from one test would hide lines that the next one needs.
        caches = [
            thing
            for file in files
            for thing in vars(sys.modules[_module_name(file)]).values()
            if hasattr(thing, "cache_clear")
        ]
        tracer.start()
        for test in ids:
            for cached in caches:
                cached.cache_clear()
            tracer.switch_context(test)
            began = time.process_time()
            if self._fails(test):
                found.failed.append(test)
            found.seconds[test] = time.process_time() - began
        tracer.stop()
        data = tracer.get_data()
        for file in data.measured_files():
            lines = data.contexts_by_lineno(file)
            found.lines[file] = {line: set(tests) - {""} for line, tests in lines.items()}
        return found

    def _fails(self, test: str) -> bool:
        self._watch.failed = ""
        item = self._items[test]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return bool(self._watch.failed)

    def judge(
        self,
        mutants: Sequence[tuple[Mutant, Path]],
        measured: Measured,
        budget: float,
        done: Callable[[Judged], None],
    ) -> None:
        """Judge each mutant of its file, by tests that together take no more than *budget*."""
        pool, killers = _Pool(self._jobs), defaultdict[str, Counter[str]](Counter)
        for mutant, file in mutants:
            possible = (
                set()
                if mutant.runs_on_import
                else measured.running(file, mutant.first_line, mutant.last_line)
            )
            # What no test runs may have run on import already, as what fills a table does.
            anew = not possible
            possible = possible or self._importing(file)
            if not possible:
                done(Judged(mutant, Outcome.UNTESTED))
                continue
            before = killers[f"{mutant.module}:{mutant.function}"]
            tests = list(_within(budget, _promising(possible, before, measured), measured))
            work = functools.partial(self._try, mutant, file, tests, measured.seconds, anew=anew)
            pool.start(work, functools.partial(_conclude, mutant, before, done))
        pool.finish()

    @functools.cache  # noqa: B019 - there is one laboratory, and it lives to the end.
    def _importing(self, file: Path) -> set[str]:
        """Return the tests in files that import the module, or else its package."""
        name, package = _module_name(file), _module_name(file.parent)
        texts = {item.path: item.path.read_text(encoding="utf-8") for item in self._items.values()}
        for line in (f"from {name} import", f"from {package} import", ""):
            found = {test for test, item in self._items.items() if line in texts[item.path]}
            if found:
                return found
        return set()

    def _try(
        self,
        mutant: Mutant,
        file: Path,
        tests: Sequence[str],
        seconds: Mapping[str, float],
        *,
        anew: bool,
    ) -> str:
        """Return the test that fails with *mutant* in place, in this process; empty for none."""
        # CPU time, so that other work on the machine does not count. The signal kills.
        signal.setitimer(signal.ITIMER_PROF, 8 + 4 * sum(seconds[test] for test in tests))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        module = _module_name(file)
        if anew or not _put_in_place(mutant, file, module):
            watch = Watch(self._watch.examples)
            return _failing_anew(module, mutant.source, tests, watch)
        return next((test for test in tests if self._fails(test)), "")


def _promising(tests: set[str], before: Counter[str], measured: Measured) -> list[str]:
    return sorted(tests, key=lambda test: (-before[test], measured.seconds[test], test))


def _within(budget: float, tests: Sequence[str], measured: Measured) -> Iterator[str]:
    """Yield the first of *tests*, at least one, that together take no more than *budget*."""
    taken = 0.0
    for test in tests:
        taken += measured.seconds[test]
        if taken > budget and taken > measured.seconds[test]:
            return
        yield test


def _conclude(
    mutant: Mutant, before: Counter[str], done: Callable[[Judged], None], failed: str | None
) -> None:
    """Hand on what became of *mutant*; *failed* is None when its process died."""
    if failed is None:
        done(Judged(mutant, Outcome.TIMEOUT))
    elif failed:
        before[failed] += 1
        done(Judged(mutant, Outcome.KILLED, failed))
    else:
        done(Judged(mutant, Outcome.SURVIVED))


def _module_name(file: Path) -> str:
    parts = file.relative_to(Path.cwd()).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _put_in_place(mutant: Mutant, file: Path, module: str) -> bool:
    """Give the changed code to the function itself; False where that cannot be done.

    A function inside a function may have been made on import, and then lives on unchanged.
    """
    scope: object = sys.modules[module]
    path: list[str] = []
    for name in mutant.function.split("."):
        path.append(name)
        scope = vars(scope).get(name)
        function = _bare(scope)
        if function is not None:
            if ".".join(path) != mutant.function:
                return False
            code = _code(compile(mutant.source, file, "exec", dont_inherit=True), ".".join(path))
            if code is None or code.co_freevars != function.__code__.co_freevars:
                return False
            function.__code__ = code
            return True
        if not isinstance(scope, type):
            return False
    return False


def _bare(thing: object) -> FunctionType | None:
    """Return the function inside *thing*, with nothing remembered; None when there is none."""
    while not isinstance(thing, FunctionType):
        if hasattr(thing, "cache_clear"):
            thing.cache_clear()
        inner = next(
            (
                getattr(thing, name)
                for name in ("fget", "func", "__func__", "__wrapped__")
                if hasattr(thing, name)
            ),
            None,
        )
        if inner is None:
            return None
        thing = inner
    return thing


def _code(code: CodeType, name: str) -> CodeType | None:
    """Return the code called *name* somewhere inside *code*."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found = inner if inner.co_qualname == name else _code(inner, name)
            if found is not None:
                return found
    return None


def _failing_anew(module: str, source: str, tests: Sequence[str], watch: Watch) -> str:
    """Import everything anew, *module* from *source*, and return the test that fails."""
    for name in list(sys.modules):
        own = name.split(".")[0] in {"identity_reconciler", "tests", "conftest"}
        if own and not name.startswith("tests.mutation"):
            del sys.modules[name]
    sys.meta_path.insert(0, _Finder(module, source))
    # The package has a plugin, so pytest would load all of it itself to rewrite what it asserts.
    code = pytest.main([*OPTIONS, "--assert=plain", "-x", *tests], plugins=[watch])
    return (watch.failed or "the import") if code else ""


class _Finder(PathFinder):
    """Finds one module as a mutant."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        del target
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._source)
        return spec


class _Loader(SourceFileLoader):
    """Loads other source than stands in the file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.get_filename(fullname), "exec", dont_inherit=True)


class _Pool:
    """Runs work in forked processes, some at a time, and hands on what it returns."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._running: dict[int, tuple[int, Callable[..., None]]] = {}

    def start(self, work: Callable[[], object], done: Callable[..., None]) -> None:
        """Run *work* as soon as a process is free; *done* gets its result, None if it died."""
        while len(self._running) >= self._jobs:
            self._take_one()
        out, into = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(out)
            _work(work, into)
        os.close(into)
        self._running[out] = process, done

    def finish(self) -> None:
        """Wait for all of it."""
        while self._running:
            self._take_one()

    def _take_one(self) -> None:
        out = select.select(list(self._running), [], [])[0][0]
        process, done = self._running.pop(out)
        with os.fdopen(out, "rb") as stream:
            said = stream.read()
        os.waitpid(process, 0)
        done(pickle.loads(said) if said else None)  # noqa: S301 - our own process.


def _work(work: Callable[[], object], into: int) -> None:
    """Do *work* without a word, write down what it returns, and end this process."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        result = pickle.dumps(work())
        with os.fdopen(into, "wb") as answer:
            answer.write(result)
    finally:
        os._exit(0)
