"""Read a list of people that another tool has exported, as its options say."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.output import note
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.desired.writing.rosters import Reading, Roster


class Delimiter(StrEnum):
    """What parts the columns of a list."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"


List = Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header line, as exported.")]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Else by its mark, UTF-8, or Windows-1252 if likely."),
]
DelimiterOption = Annotated[
    Delimiter | None, typer.Option("--delimiter", help="Else by which the headings are known.")
]
Headings = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="HEADING=FIELD",
        help="What a column gives, or nothing to leave it out; may be repeated.",
    ),
]
GroupSeparator = Annotated[
    str,
    typer.Option(
        metavar="SIGN", help="What parts groups in a cell; a name with it stands in quotes."
    ),
]
OneName = Annotated[
    bool,
    typer.Option("--one-name", help="Who has only one name gets it as first and last name."),
]


def roster_of(
    path: Path, reading: Reading, encoding: str | None, delimiter: Delimiter | None
) -> Roster:
    """Return what the list at *path* says, and tell what was taken where there was a choice.

    Raises:
        InvalidInputError: It is no list of people; with every problem.
        UsageError: It cannot be read, or *reading* does not fit it.
    """
    from identity_reconciler.desired.writing.rosters import field_of, read_roster
    from identity_reconciler.desired.writing.tables import read_table

    if len(reading.group_separator) != 1:
        raise UsageError(f"--group-separator {reading.group_separator}: expected one character")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name another file") from error
    said = {heading.casefold() for heading in reading.headings}
    table = read_table(
        data,
        str(path),
        lambda heading: heading.casefold() in said or field_of(heading) is not None,
        encoding=encoding,
        delimiter=delimiter,
    )
    roster = read_roster(table, reading)
    for line in roster.notes:
        note(f"note: {line}")
    return roster


def reading_of(
    headings: list[str] | None, separator: str = ";", *, one_name: bool = False
) -> Reading:
    """Return how a list is to be read by what the options say."""
    from identity_reconciler.desired.writing.rosters import Reading, parse_headings

    return Reading(parse_headings(headings or []), separator, one_name)
