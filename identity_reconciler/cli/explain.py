"""`explain`: what the YAML says about one object, or what a key of the YAML means. No AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from identity_reconciler.cli.options import DEFAULT_DIRECTORY, DirectoryArgument
from identity_reconciler.errors import UsageError


def explain(
    address: Annotated[
        str | None,
        typer.Argument(metavar="ADDRESS", help="user/NAME, group/NAME or application/NAME."),
    ] = None,
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    schema: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Explain a key instead: users.email, guards.budgets."),
    ] = None,
) -> None:
    """Tell where an object is declared, its members and access and why, and who refers to it."""
    from datetime import UTC, datetime

    from identity_reconciler.cli.loading import load_one
    from identity_reconciler.desired.model.schema import manual
    from identity_reconciler.desired.reading.explaining import explain as lines_about
    from identity_reconciler.render.escape import safe_lines

    if (address is None) == (schema is None):
        raise UsageError("give either an ADDRESS or --schema PATH")
    if schema is not None:
        typer.echo("\n".join(manual(schema)))
        return
    for line in lines_about(load_one(directory), address or "", datetime.now(UTC)):
        typer.echo(safe_lines(line))
