"""`schema`: write the JSON Schemas that editors and other programs use. No AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    directory: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("schemas"),
) -> None:
    """Write the JSON Schemas of the YAML, of saved plans and of reports, for other programs."""
    from identity_reconciler.audit.formats.data import SCHEMA_FILE, schema_text
    from identity_reconciler.desired.model.schema import schemas
    from identity_reconciler.desired.writing.replacement import replace_file
    from identity_reconciler.render.plan_schema import PLAN, plan_schema

    made = schemas() | {PLAN: plan_schema(), SCHEMA_FILE: schema_text()}
    for name, text in made.items():
        path = directory / name
        replace_file(path, text.encode(), parents=True)
        typer.echo(f"wrote {path}")
