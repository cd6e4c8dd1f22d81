"""Print results on stdout and everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, assert_never

from identity_reconciler.cli.options import Color, PlanFormat
from identity_reconciler.cli.side_by_side import is_aside
from identity_reconciler.errors import ExitCode, InvalidInputError, ReconcilerError

if TYPE_CHECKING:
    from rich.console import Console

    from identity_reconciler.gateway.wire.tally import Tally
    from identity_reconciler.render.document import PlanDocument
    from identity_reconciler.render.text import PageFormat
    from identity_reconciler.runs.survey import Outlook


STDOUT = Path("-")
"""A file that is none: what is written to it goes to stdout."""
_STYLES = {"x": "bold red", "-": "red", ">": "cyan", "!": "yellow", "+": "green"}


def console(color: Color, stream: IO[str] | None = None) -> Console:
    """Return a console on *stream* (stdout) that prints text as it is, in colour where wanted."""
    from rich.console import Console

    return Console(
        file=stream or sys.stdout,
        color_system="standard" if color is Color.ALWAYS else "auto",
        force_terminal=True if color is Color.ALWAYS else None,
        no_color=color is Color.NEVER or (color is Color.AUTO and "NO_COLOR" in os.environ),
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
    )


def print_changes(text: str, color: Color) -> None:
    """Print a plan or results on stdout; the symbol in column 1 chooses the colour."""
    if color is not Color.ALWAYS and not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    screen = console(color)
    for line in text.splitlines():
        screen.print(line, style=_STYLES.get(line[:1], "") if line[1:2] == " " else "")


def terminal_page(*, whole: bool = False) -> PageFormat:
    """Return what a plan as text has to fit: COLUMNS, else the terminal, else 80 columns."""
    from identity_reconciler.render.text import PageFormat

    return PageFormat(shutil.get_terminal_size().columns, whole)


def print_plans(
    plans: list[PlanDocument],
    output_format: PlanFormat,
    color: Color,
    *,
    whole: bool = False,
    of_several: bool = False,
) -> None:
    """Print *plans* on stdout; *whole*: the text tells everything, however much it is.

    As JSON, one is an object, and several, or one *of_several*, are a list. As Markdown, several
    share one comment.
    """
    from identity_reconciler.render.fitting import SizeLimit
    from identity_reconciler.render.links import lines_of
    from identity_reconciler.render.markdown import COMMENT, plan_markdown
    from identity_reconciler.render.planfile import plan_bytes
    from identity_reconciler.render.text import plan_text

    match output_format:
        case PlanFormat.TEXT:
            page = terminal_page(whole=whole)
            print_changes("\n".join(plan_text(plan, page) for plan in plans), color)
        case PlanFormat.JSON:
            texts = [plan_bytes(plan).decode("ascii") for plan in plans]
            several = of_several or len(texts) != 1
            sys.stdout.write(f"[\n{','.join(texts)}]\n" if several else texts[0])
        case PlanFormat.MARKDOWN:
            share = SizeLimit(COMMENT.limit // max(len(plans), 1), COMMENT.size)
            lines = lines_of(os.environ)
            sys.stdout.write("".join(plan_markdown(plan, share, lines) for plan in plans))
        case _:
            assert_never(output_format)


_quiet = threading.Event()
"""Is set when nobody wants to hear how a command goes on."""


@contextmanager
def hushed() -> Iterator[None]:
    """Print nothing on stderr in the block but what went wrong."""
    _quiet.set()
    try:
        yield
    finally:
        _quiet.clear()


def note(*lines: str) -> None:
    """Print *lines* for people on stderr, how a command goes on, unless it is to be quiet."""
    told = lines if not _quiet.is_set() else [line for line in lines if line.startswith("error:")]
    if told:
        complain(*told)


def complain(*lines: str) -> None:
    """Print *lines*, what went wrong, on stderr; no value in one of them can begin another.

    When nobody reads them any more, that changes neither what is done nor how it ends.
    """
    from identity_reconciler.render.escape import safe, safe_lines

    try:
        sys.stderr.write("".join(f"{safe_lines(safe(line))}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def words_of(error: ReconcilerError) -> Iterator[str]:
    """Yield the lines that tell people of *error*."""
    if isinstance(error, InvalidInputError):
        from identity_reconciler.render.problems import problems_text

        number = len(error.problems)
        yield from problems_text(error.problems)
        changed = "" if error.exit_code is ExitCode.PARTIAL_APPLY else "; nothing was changed"
        yield f"{number} problem{'' if number == 1 else 's'}{changed}"
    else:
        yield f"error: {error}"


def print_json(kind: str, **members: object) -> None:
    """Print an object for programs on stdout: what it is, the version of that, its *members*."""
    head = {"format": f"identity-reconciler/{kind}", "format_version": "1.0"}
    # Whatever a value holds, it is ASCII and on its own line.
    sys.stdout.write(f"{json.dumps({**head, **members}, indent=2, ensure_ascii=True)}\n")


def abandon(stream: IO[str]) -> None:
    """Lead *stream*, which cannot be written, into nothing, its buffer and all that follows.

    Otherwise Python would try again at its exit, complain, and end with another exit code.
    """
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def write_out(path: Path, data: bytes) -> bool:
    """Write *data*, which holds personal data, to *path*; `-` is stdout.

    Returns:
        Whether it went to stdout, where then nothing else belongs.

    Raises:
        UsageError: It cannot be written.
    """
    from identity_reconciler.desired.writing.replacement import replace_file

    if path == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return True
    replace_file(path, data, private=True)
    return False


_PATIENCE = 2.0
"""Seconds after which people want to know that something is done at all."""
_INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""
_LONG = 10.0
"""Seconds of an expected read from which on it is announced."""


class Progress:
    """Tells people on stderr how a run goes on, and keeps the time; a `Listener` of runs."""

    def __init__(self, timings: Timings | None = None) -> None:
        self._timings = timings or Timings()

    def note(self, message: str) -> None:
        """Print *message*."""
        note(message)

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Return a block whose time counts towards *name*."""
        return self._timings.phase(name)

    def reading(
        self, doing: str, count: Callable[[], int], outlook: Outlook | None = None
    ) -> AbstractContextManager[None]:
        """Announce a long read, and return a block that shows how far it is."""
        if outlook is not None and outlook.seconds >= _LONG:
            more = ", more if more is live than declared" if outlook.by_declaration else ""
            note(
                f"{doing} will take about {outlook.requests} requests and "
                f"{outlook.seconds:.0f} s{more}"
            )
        return progress(doing, count, outlook.requests if outlook else None)


@contextmanager
def progress(doing: str, count: Callable[[], int], expected: int | None = None) -> Iterator[None]:
    """Show *doing* and the requests so far, from *count*, while the block runs.

    A spinner on a terminal, a line every 10 s elsewhere. *expected* is how many requests there
    will be, about; None where that is not known.
    """

    def words() -> str:
        of = f" of about {expected}" if expected is not None and count() <= expected else ""
        return f"{count()}{of} requests, "

    with _telling(doing, words):
        yield


@contextmanager
def working(doing: str) -> Iterator[None]:
    """Show *doing* while the block runs, if that takes longer than people wait for in silence."""
    with _telling(doing, str, after=_PATIENCE):
        yield


@contextmanager
def _telling(doing: str, words: Callable[[], str], after: float = 0.0) -> Iterator[None]:
    """Show *doing*, *words* and the seconds while the block runs, *after* some of these."""
    if _quiet.is_set() or is_aside():
        yield
        return
    done = threading.Event()
    show = _spin if sys.stderr.isatty() else _lines

    def tell() -> None:
        if not done.wait(after):
            show(doing, words, done)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _spin(doing: str, words: Callable[[], str], done: threading.Event) -> None:
    started = time.monotonic()
    with console(Color.AUTO, sys.stderr).status(doing) as status:
        while not done.wait(0.2):
            status.update(f"{doing} ({words()}{time.monotonic() - started:.0f} s)")


def _lines(doing: str, words: Callable[[], str], done: threading.Event) -> None:
    started = time.monotonic()
    while not done.wait(_INTERVAL):
        note(f"{doing}: {words()}{time.monotonic() - started:.0f} s so far")


_HEADINGS = ("operation", "requests", "waited s", "throttled", "failed")


class Timings:
    """A stopwatch for the phases of one command; phases of the same name add up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.phases: dict[str, float] = {}
        """Seconds, by phase, in the order in which they first began."""
        self.tallies: list[Tally] = []
        """The requests of each gateway that was opened."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block towards *name*."""
        self.phases.setdefault(name, 0.0)
        started = self._clock()
        try:
            yield
        finally:
            self.phases[name] += self._clock() - started


def timings_text(timings: Timings) -> str:
    """Return a table, a line per operation and instance, and a line with the phases.

    What was waited is summed over all threads, so it can be more than the time of the phases.
    """
    rows = [
        (
            f"{one.service}:{one.operation}",
            f"{one.requests}",
            f"{one.waited:.1f}",
            f"{one.throttled}",
            f"{one.failed}",
        )
        for tally in timings.tallies
        for one in tally.totals()
    ]
    table = [_HEADINGS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    spent = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in timings.phases.items())
    return "\n".join([*lines, f"time  {spent}"])
