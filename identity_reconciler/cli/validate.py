"""`validate`: is the YAML right? No AWS."""

from __future__ import annotations

from identity_reconciler.cli.options import DEFAULT_DIRECTORY, Directory


def validate(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Check the YAML: syntax, schema and references. Reports every problem; needs no AWS."""
    import typer

    from identity_reconciler.cli.loading import load_all

    for declared in load_all(directory):
        typer.echo(
            f"{declared.settings.instance.name}: valid; {len(declared.files)} files, "
            f"{len(declared.users)} users, {len(declared.groups)} groups, "
            f"{len(declared.applications)} applications"
        )
