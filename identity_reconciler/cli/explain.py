"""`explain`: what the YAML says about one object or key of it, and AWS if asked to."""

from __future__ import annotations

from typing import Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    DirectoryArgument,
    EndpointUrl,
    RateOption,
    UseSandbox,
    parse_rates,
)
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
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask AWS what a user or group has in AWS accounts as well."),
    ] = False,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    rate: RateOption = None,
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
    declared = load_one(directory)
    for line in lines_about(declared, address or "", datetime.now(UTC)):
        typer.echo(safe_lines(line))
    if not live:
        return
    from identity_reconciler.audit.account_access import account_access_of
    from identity_reconciler.cli.connection import Target, connected_for

    target = Target(sandbox, endpoint_url, parse_rates(rate))
    with connected_for(declared, target, write=False) as gateway:
        reading = declared.settings.account_access
        for line in account_access_of(gateway, address or "", reading):
            typer.echo(safe_lines(line))
