"""`edit`: lists of people. No AWS."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from identity_reconciler.cli.edit import DryRun, In, IntoFile, editing
from identity_reconciler.cli.options import DEFAULT_DIRECTORY
from identity_reconciler.cli.people import FIELDS, PANEL, app
from identity_reconciler.errors import Position, UsageError

__all__ = ["app"]

GROUPS = "groups"
COLUMNS = ("user_name", *FIELDS, GROUPS)


def read_people(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file with a header line, with their lines, without what is empty.

    Raises:
        UsageError: It cannot be read, or it lacks a column, a user name, or has others.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restkey="more", restval="")
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    unknown = [one for one in columns if one not in COLUMNS]
    if unknown or "user_name" not in columns or len(set(columns)) < len(columns):
        raise UsageError(
            f"{path}:1: expected columns among {', '.join(COLUMNS)}, each once, with user_name; "
            f"found {', '.join(columns) or 'none'}"
        )
    found: list[tuple[int, dict[str, str]]] = []
    for line, row in rows:
        if "more" in row:
            raise UsageError(f"{path}:{line}: more fields than the header line has")
        said = {key: value.strip() for key, value in row.items() if value.strip()}
        if "user_name" not in said:
            raise UsageError(f"{path}:{line}: no user_name")
        found.append((line, said))
    return found


@app.command(
    rich_help_panel=PANEL,
    help="Declare all users of a CSV file with a header line, or none of them.\n\n"
    f"Columns: {', '.join(COLUMNS[:-1])}, and {GROUPS}, with semicolons between.",
)
def add_users(
    csv: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    file: IntoFile = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare all users of a CSV file with a header line, or none of them."""
    from identity_reconciler.desired.writing.inputs import Input

    rows = read_people(csv)
    with editing(directory, dry_run=dry_run) as editor:
        for line, row in rows:
            with editor.on_behalf_of(Input(Position(str(csv), line))):
                editor.add_user(row["user_name"], row, file)
                for group in filter(None, map(str.strip, row.get(GROUPS, "").split(";"))):
                    editor.add_member(group, row["user_name"], {})
