"""`fmt`: the YAML in its one layout. No AWS."""

from __future__ import annotations

from os.path import normpath
from typing import Annotated

import typer

from identity_reconciler.cli.options import DEFAULT_DIRECTORY, DirectoryArgument
from identity_reconciler.cli.output import working
from identity_reconciler.errors import ExitCode


def fmt(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 2 when something would change.")
    ] = False,
) -> int:
    """Write the YAML in its one layout: keys in order, lists of names sorted, comments kept."""
    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.core.collecting import without_collections
    from identity_reconciler.desired.reading.loader import instance_directories
    from identity_reconciler.desired.writing.formatting import formatted
    from identity_reconciler.desired.writing.rewrite import Rewrite

    changed: dict[str, None] = {}
    with without_collections():
        for one, declared in zip(instance_directories(directory), load_all(directory), strict=True):
            rewrite = Rewrite(one)
            with working(f"formatting {one}"):
                for file in declared.files:
                    rewrite.put(file, formatted(rewrite.contents[file], file))
            # A fragment is in the same place, whoever includes it.
            changed |= dict.fromkeys(normpath(one / file) for file in rewrite.changed)
            if not check:
                rewrite.write()
    for path in changed:
        typer.echo(f"would change {path}" if check else f"changed {path}")
    if not changed:
        typer.echo("nothing to change")
    return ExitCode.CHANGES if check and changed else ExitCode.SUCCESS
