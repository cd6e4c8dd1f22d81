"""`schema`: write the JSON Schemas that editors and other programs use. No AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

_CATALOG = "catalog.json"


def schema(
    directory: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("schemas"),
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The folder on the web where they will be: each says so, and a catalog for "
            "SchemaStore is written beside them.",
        ),
    ] = None,
) -> None:
    """Write the JSON Schemas of the YAML, saved plans, reports and notices, for other programs."""
    from identity_reconciler.audit.formats.data import SCHEMA_FILE, schema_text
    from identity_reconciler.desired.model.schema import schemas
    from identity_reconciler.desired.writing.editors import catalog
    from identity_reconciler.desired.writing.replacement import replace_file
    from identity_reconciler.errors import UsageError
    from identity_reconciler.notify.notice import NOTICE, notice_schema
    from identity_reconciler.render.plan_schema import PLAN, plan_schema

    made = schemas() | {PLAN: plan_schema(), SCHEMA_FILE: schema_text(), NOTICE: notice_schema()}
    if address is not None:
        folder = address.rstrip("/")
        if not folder.startswith("https://"):
            raise UsageError(f"--address {address} does not begin with https://; give such a URL")
        made = {name: _at(f"{folder}/{name}", text) for name, text in made.items()}
        made[_CATALOG] = json.dumps(catalog(folder), indent=2) + "\n"
    for name, text in made.items():
        path = directory / name
        replace_file(path, text.encode(), parents=True)
        typer.echo(f"wrote {path}")


def _at(url: str, text: str) -> str:
    """Return a schema that says that it is at *url*."""
    body = json.loads(text)
    head = {"$schema": body.pop("$schema"), "$id": url}
    return json.dumps(head | body, indent=2, ensure_ascii=False) + "\n"
