"""Print results on stdout and everything else on stderr."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, assert_never

from identity_reconciler.cli.options import Color, PlanFormat

if TYPE_CHECKING:
    from rich.console import Console

    from identity_reconciler.render.document import PlanDocument

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


def print_plans(plans: list[PlanDocument], output_format: PlanFormat, color: Color) -> None:
    """Print *plans* on stdout.

    As JSON, one is an object and several are a list. As Markdown, several share one comment.
    """
    from identity_reconciler.render.fitting import Budget
    from identity_reconciler.render.markdown import COMMENT, plan_markdown
    from identity_reconciler.render.planfile import plan_bytes
    from identity_reconciler.render.text import plan_text

    match output_format:
        case PlanFormat.TEXT:
            print_changes("\n".join(map(plan_text, plans)), color)
        case PlanFormat.JSON:
            texts = [plan_bytes(plan).decode("ascii") for plan in plans]
            sys.stdout.write(texts[0] if len(texts) == 1 else f"[\n{','.join(texts)}]\n")
        case PlanFormat.MARKDOWN:
            share = Budget(COMMENT.limit // len(plans), COMMENT.size)
            sys.stdout.write("".join(plan_markdown(plan, share) for plan in plans))
        case _:
            assert_never(output_format)


def note(message: str) -> None:
    """Print a line for people on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
