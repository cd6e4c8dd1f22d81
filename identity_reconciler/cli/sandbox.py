"""`sandbox`: the local stand-in for AWS."""

from __future__ import annotations

import typer

app = typer.Typer(help="The local stand-in for AWS.", no_args_is_help=True)


@app.callback()
def sandbox() -> None:
    """Work with the local stand-in for AWS."""


@app.command()
def reset() -> None:
    """Forget everything in the embedded sandbox; the next use starts afresh."""
    from identity_reconciler.cli.connection import SANDBOX_FILE

    existed = SANDBOX_FILE.exists()
    for suffix in ("", "-wal", "-shm"):
        SANDBOX_FILE.with_name(SANDBOX_FILE.name + suffix).unlink(missing_ok=True)
    typer.echo(f"removed {SANDBOX_FILE}" if existed else f"there is no {SANDBOX_FILE}")
