"""Show a change of the YAML and write it: what `import`, `edit` and `init` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from identity_reconciler.cli.output import note
from identity_reconciler.errors import ExitCode

if TYPE_CHECKING:
    from identity_reconciler.desired.rewriting import Rewrite


def finish(rewrite: Rewrite, *, write: bool) -> int:
    """Print the difference that *rewrite* makes, write it if asked to, and return the exit code.

    Raises:
        InvalidInputError: The result would not be valid; nothing is written.
    """
    from identity_reconciler.render.escape import safe_lines

    rewrite.declared()
    typer.echo(safe_lines(rewrite.diff()), nl=False)
    if not rewrite.changed:
        note("nothing to change")
        return ExitCode.SUCCESS
    files = f"{len(rewrite.changed)} file{'' if len(rewrite.changed) == 1 else 's'}"
    if not write:
        note(f"{files} would change; nothing was written")
        return ExitCode.CHANGES
    rewrite.write()
    note(f"{files} written")
    return ExitCode.SUCCESS
