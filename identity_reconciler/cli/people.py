"""People on the command line and in CSV files, as entries of the YAML."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.desired.writing import Data

GROUPS = "groups"
_NAME = ("given_name", "family_name")
_ENTERPRISE = (
    *("employee_number", "cost_center", "organization", "division", "department"),
    "manager",
)
_TOP = ("user_name", "display_name", "email", "phone_number", "user_type", "title")
COLUMNS = (*_TOP, *_NAME, *_ENTERPRISE, GROUPS)


def user_entry(row: Mapping[str, str]) -> dict[str, Data]:
    """Return the entry of the user whose attributes *row* has, by their keys."""
    entry: dict[str, Data] = {"user_name": row["user_name"]}
    entry["name"] = {key: row[key] for key in _NAME if key in row}
    entry |= {key: row[key] for key in _TOP[1:] if key in row}
    enterprise = {key: row[key] for key in _ENTERPRISE if key in row}
    return {**entry, "enterprise": enterprise} if enterprise else entry


def read_people(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line, without what is empty.

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
    found: list[dict[str, str]] = []
    for line, row in rows:
        if "more" in row:
            raise UsageError(f"{path}:{line}: more fields than the header line has")
        said = {key: value.strip() for key, value in row.items() if value.strip()}
        if "user_name" not in said:
            raise UsageError(f"{path}:{line}: no user_name")
        found.append(said)
    return found


def day_or_time(text: str) -> str | date:
    """Return *text* as a day where it is one; the reader judges everything else."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-12-31") else text
    except ValueError:
        raise UsageError(f"--expires {text}: expected a day such as 2026-12-31") from None
