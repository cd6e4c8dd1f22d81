"""`explain`: what the YAML says about one object or key of it, and AWS if asked to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.completion import addresses
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    AsJson,
    DirectoryArgument,
    EndpointUrl,
    ProfileName,
    RateOption,
    UseSandbox,
    parse_rates,
)
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.core.declared import Declared


def explain(
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="ADDRESS",
            help="user/NAME, group/NAME or application/NAME.",
            autocompletion=addresses,
        ),
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
    profile: ProfileName = None,
    rate: RateOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell where an object is declared, its members and access and why, and who refers to it."""
    from datetime import UTC, datetime

    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.loading import load_one
    from identity_reconciler.cli.output import print_json
    from identity_reconciler.desired.model.schema import manual
    from identity_reconciler.desired.reading.explaining import explain as lines_about
    from identity_reconciler.render.escape import safe_lines

    if (address is None) == (schema is None):
        raise UsageError("give either an ADDRESS or --schema PATH")
    if schema is not None:
        lines = list(manual(schema))
    else:
        declared = load_one(directory)
        lines = list(lines_about(declared, address or "", datetime.now(UTC)))
        if live:
            target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
            lines += _live(declared, target, address or "")
    if as_json:
        print_json("explanation", subject=schema or address, lines=lines)
        return
    for line in lines:
        typer.echo(safe_lines(line))


def _live(declared: Declared, target: Target, address: str) -> Iterator[str]:
    from identity_reconciler.audit.account_access import account_access_of
    from identity_reconciler.cli.connection import connected_for

    with connected_for(declared, target, write=False) as gateway:
        yield from account_access_of(gateway, address, declared.settings.account_access)
