"""`audit`: who can open what? Reads AWS or the YAML, writes nothing but a report.

Each command turns its own arguments into a question; `auditing.asked` adds what all of them share
(where to look, how to show it) and finds the answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli import completion
from identity_reconciler.cli.help import Commands
from identity_reconciler.cli.inspecting import asked

if TYPE_CHECKING:
    from identity_reconciler.audit.report import Question

app = Commands("Reports: who can open what.")


@app.callback()
def audit() -> None:
    """Answer who can open what: in one instance, in the YAML, after a plan, or everywhere."""


@app.command()
@asked
def members(
    group: Annotated[
        str, typer.Argument(help="Name of a group.", autocompletion=completion.groups)
    ],
) -> Question:
    """Who is in a group? All of them; disabled users are marked."""
    from identity_reconciler.audit.reports.people import MembersQuestion

    return MembersQuestion(group)


@app.command()
@asked
def memberships(
    user: Annotated[str, typer.Argument(help="A user name.", autocompletion=completion.users)],
) -> Question:
    """In which groups is a user?"""
    from identity_reconciler.audit.reports.people import MembershipsQuestion

    return MembershipsQuestion(user)


@app.command()
@asked
def access(
    user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this user.", autocompletion=completion.users),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only paths through this group.", autocompletion=completion.groups
        ),
    ] = None,
    application: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this application, by name or ARN.",
            autocompletion=completion.applications,
        ),
    ] = None,
) -> Question:
    """Who can open which application, and by which path: directly, through a group, everyone?"""
    from identity_reconciler.audit.reports.access import AccessQuestion

    return AccessQuestion(user, group, application)


@app.command()
@asked
def applications() -> Question:
    """Which applications are there, and how many people can open each?"""
    from identity_reconciler.audit.reports.applications import ApplicationsQuestion

    return ApplicationsQuestion()


@app.command()
@asked
def assignments() -> Question:
    """Which users and groups are assigned to which application?"""
    from identity_reconciler.audit.reports.applications import AssignmentsQuestion

    return AssignmentsQuestion()


@app.command()
@asked
def instances() -> Question:
    """Which instances are there, and in which accounts could nothing be seen?"""
    from identity_reconciler.audit.reports.instances import InstancesQuestion

    return InstancesQuestion()


@app.command()
@asked
def duplicates() -> Question:
    """Who shares an e-mail address or user name, also in another spelling or instance?"""
    from identity_reconciler.audit.reports.duplicates import DuplicatesQuestion

    return DuplicatesQuestion()


@app.command()
@asked
def orphans() -> Question:
    """What is left over: assignments of deleted principals, empty groups, people without access?"""
    from identity_reconciler.audit.reports.orphans import OrphansQuestion

    return OrphansQuestion()


@app.command()
@asked
def expiring(
    within: Annotated[
        int, typer.Option(metavar="DAYS", min=0, max=3660, help="How many days to look ahead.")
    ] = 30,
) -> Question:
    """Which memberships and assignments end soon, or have ended? The YAML knows; AWS does not."""
    from datetime import UTC, datetime

    from identity_reconciler.audit.reports.expiring import ExpiringQuestion

    return ExpiringQuestion(datetime.now(UTC).replace(microsecond=0), within)


@app.command()
@asked
def leavers(
    file: Annotated[
        Path, typer.Argument(help="CSV of people who left, with a column user_name or email.")
    ],
) -> Question:
    """Has anybody who left an account, or a path to an application? Proves it if nobody has."""
    from identity_reconciler.audit.reports.leavers import LeaversQuestion, read_leavers
    from identity_reconciler.errors import UsageError

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file} as UTF-8: {error}; name another file") from error
    return LeaversQuestion(read_leavers(text, str(file)))
