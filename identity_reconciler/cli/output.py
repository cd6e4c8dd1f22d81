"""Print results on stdout and everything else on stderr."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

from identity_reconciler.cli.options import Color

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"-": "red", ">": "cyan", "!": "yellow", "+": "green"}


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


def note(message: str) -> None:
    """Print a line for people on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
