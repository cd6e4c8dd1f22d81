"""`show`: a saved plan, in any format. No AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from identity_reconciler.cli.options import Color, ColorChoice, PlanFormat, PlanFormatChoice


def show(
    plan: Annotated[Path, typer.Argument(help="A plan saved with plan --out.")],
    output_format: PlanFormatChoice = PlanFormat.TEXT,
    color: ColorChoice = Color.AUTO,
    everything: Annotated[
        bool, typer.Option("--all", help="In text, tell each change by itself, and cut nothing.")
    ] = False,
) -> None:
    """Show a saved plan. Refuses one that was changed after it was saved."""
    from identity_reconciler.cli.output import print_plans
    from identity_reconciler.runs.saved import imprint, open_saved

    document = open_saved(plan)
    print_plans([document], output_format, color, whole=everything)
    typer.echo(imprint(document, plan), err=output_format is not PlanFormat.TEXT)
