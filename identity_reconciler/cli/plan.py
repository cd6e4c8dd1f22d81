"""`plan`: what would change? Reads AWS, writes nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    Color,
    ColorChoice,
    Directory,
    EndpointUrl,
    UseSandbox,
)
from identity_reconciler.errors import ExitCode


class PlanFormat(StrEnum):
    """How to print a plan."""

    TEXT = "text"
    JSON = "json"


def plan(
    directory: Directory = DEFAULT_DIRECTORY,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    output_format: Annotated[
        PlanFormat, typer.Option("--format", help="How to print the plan.")
    ] = PlanFormat.TEXT,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are changes.")
    ] = False,
    color: ColorChoice = Color.AUTO,
) -> int:
    """Compare the YAML with what is live and show what apply would change. Writes nothing."""
    from identity_reconciler.cli.connection import Target, connected
    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.cli.output import print_changes
    from identity_reconciler.cli.planning import make_plan
    from identity_reconciler.render.text import plan_text

    target = Target(sandbox, endpoint_url)
    documents = []
    for declared in load_all(directory):
        with connected(declared, target, write=False) as gateway:
            documents.append(make_plan(declared, gateway)[1])
    if output_format is PlanFormat.JSON:
        typer.echo("\n".join(one.to_json() for one in documents), nl=False)
    else:
        print_changes("\n".join(map(plan_text, documents)), color)
    if detailed_exitcode and any(one.changes for one in documents):
        return ExitCode.CHANGES
    return ExitCode.SUCCESS
