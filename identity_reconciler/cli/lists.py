"""`edit`: lists of people, as other tools export them. No AWS."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from identity_reconciler.cli.edit import DryRun, In, IntoFile, editing
from identity_reconciler.cli.options import DEFAULT_DIRECTORY
from identity_reconciler.cli.people import FIELDS, PANEL, app
from identity_reconciler.cli.rosters import (
    DelimiterOption,
    Encoding,
    GroupSeparator,
    Headings,
    List,
    OneName,
    reading_of,
    roster_of,
)

__all__ = ["app"]

_COLUMNS = f"user_name, {', '.join(FIELDS)}, groups, active"


class Leavers(StrEnum):
    """What becomes of users who are not in a list."""

    REPORT = "report"
    ABSENT = "absent"


@app.command(
    rich_help_panel=PANEL,
    help="Declare all users of a list, or none of them.\n\n"
    "The list is CSV with commas, semicolons or tabs, as AWS, Google Workspace, Entra ID, Okta, "
    f"HR systems and spreadsheets export it. Columns: {_COLUMNS}.",
)
def add_users(
    path: List,
    file: IntoFile = None,
    headings: Headings = None,
    group_separator: GroupSeparator = ";",
    one_name: OneName = False,
    encoding: Encoding = None,
    delimiter: DelimiterOption = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare all users of a list, or none of them."""
    from identity_reconciler.desired.writing.lists import add_people

    reading = reading_of(headings, group_separator, one_name=one_name)
    roster = roster_of(path, reading, encoding, delimiter)
    with editing(directory, dry_run=dry_run) as editor:
        add_people(editor, roster, file)


@app.command(rich_help_panel=PANEL)
def sync_users(
    path: List,
    leavers: Annotated[
        Leavers,
        typer.Option(
            help="What becomes of users who are not in the list: told, or deleted as by leave."
        ),
    ] = Leavers.REPORT,
    most_leavers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="How many may leave at once.  [default: 5 %, at least 1]"
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="User names that never leave; may be repeated."),
    ] = None,
    file: IntoFile = None,
    headings: Headings = None,
    group_separator: GroupSeparator = ";",
    one_name: OneName = False,
    encoding: Encoding = None,
    delimiter: DelimiterOption = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Follow a list of everybody: who is new is added, and what has changed is changed.

    It is read as by add-users. An empty cell takes away what the YAML says; groups are only added
    to. A second run changes nothing.
    """
    from identity_reconciler.desired.writing.lists import Retiring, sync_people

    reading = reading_of(headings, group_separator, one_name=one_name)
    roster = roster_of(path, reading, encoding, delimiter)
    retiring = Retiring(leavers is Leavers.ABSENT, most_leavers, tuple(keep or ()))
    with editing(directory, dry_run=dry_run) as editor:
        sync_people(editor, roster, file, retiring)
