"""`remind`: whose access ends in 14 or in 3 days, and who answers for it. No AWS."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    DirectoryArgument,
    NotifyAs,
    NotifyNames,
    NotifyUrl,
)
from identity_reconciler.errors import ExitCode, UsageError
from identity_reconciler.notify.shapes import Shape

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.core.reminders import Reminder

_LONGEST = timedelta(days=14)
"""More than so long ago, all that was due then has ended or is told again."""


def remind(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="Also what was due on this day (YYYY-MM-DD) or later; else today."
        ),
    ] = None,
    notify: NotifyUrl = None,
    notify_names: NotifyNames = False,
    notify_as: NotifyAs = Shape.JSON,
) -> int:
    """List whose memberships and assignments end in 14 or in 3 days, and who owns what they give.

    The YAML alone says so. To be run once a day: each is told on one day only.
    """
    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.cli.notices import telling, told_to
    from identity_reconciler.core.reminders import reminders

    one = telling(notify, names=notify_names, shape=notify_as)
    today = datetime.now(UTC).date()
    first = _day(since, today)
    with told_to(one, "reminder") as told:
        for declared in load_all(directory):
            told.reminders.append((declared, reminders(declared, first, today)))
        _print(told.reminders)
        told.exit_code = ExitCode.SUCCESS
    return ExitCode.SUCCESS


def _day(text: str | None, today: date) -> date:
    """Return the day that *text* names; *today* without any.

    Raises:
        UsageError: It is none, is yet to come, or is too long ago.
    """
    if text is None:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not today - _LONGEST <= day <= today:
        raise UsageError(
            f"--since {text}: expected a day from {today - _LONGEST} to {today}, as YYYY-MM-DD"
        )
    return day


def _print(found: list[tuple[Declared, tuple[Reminder, ...]]]) -> None:
    """Print all that is found, a line each."""
    from identity_reconciler.render.escape import safe_lines

    for declared, some in found:
        prefix = f"{declared.settings.instance.name}: " if len(found) > 1 else ""
        for one in some:
            owners = ", ".join(map(str, one.owners)) or "nobody"
            place = one.principal.listed.position
            typer.echo(
                safe_lines(
                    f"{prefix}{one.last_day}  {one.address}  owned by {owners}  "
                    f"{place.file}:{place.line}"
                )
            )
    if not any(some for _, some in found):
        typer.echo("nobody is to be reminded")
