"""`edit`: the daily changes of the YAML. No AWS."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.help import Commands
from identity_reconciler.cli.options import DEFAULT_DIRECTORY, nearest
from identity_reconciler.cli.output import note
from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.desired.writing.editing import Editor
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.desired.yaml.emit import Data


def finish(rewrite: Rewrite, *, write: bool, counted: bool = False) -> int:
    """Print the difference that *rewrite* makes, write it if asked to, and return the exit code.

    Of a new file all is different; with *counted* only what is in it is counted.

    Raises:
        InvalidInputError: The result would not be valid; nothing is written.
    """
    from identity_reconciler.render.escape import safe_lines

    declared = rewrite.declared()
    if counted:
        for line in counts(rewrite, declared):
            typer.echo(safe_lines(line))
    typer.echo(safe_lines(rewrite.diff(but=rewrite.new if counted else ())), nl=False)
    if not rewrite.changed:
        note("nothing to change")
        return ExitCode.SUCCESS
    files = f"{len(rewrite.changed)} file{'' if len(rewrite.changed) == 1 else 's'}"
    if not write:
        note(f"{files} would change; nothing was written")
        return ExitCode.CHANGES
    rewrite.write()
    note(f"{files} written")
    return ExitCode.SUCCESS


def counts(rewrite: Rewrite, declared: Declared) -> Iterator[str]:
    """Yield a line for each new file of *rewrite*: how much of what *declared* has is in it."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for user in declared.users:
        found[user.position.file]["user"] += 1
    for group in declared.groups:
        found[group.position.file] += Counter(group=1, membership=len(group.members or ()))
    for one in declared.applications:
        links = len(one.users) + len(one.groups)
        found[one.position.file] += Counter(application=1, assignment=links)
    width = max(map(len, rewrite.new), default=0)
    for file in rewrite.new:
        said = [
            f"{number:,} {kind}{'' if number == 1 else 's'}" for kind, number in found[file].items()
        ]
        yield f"new  {rewrite.directory / file.ljust(width)}  {', '.join(said) or 'settings'}"


GROUPS = "groups"
COLUMNS = (
    "user_name",
    *(attribute.field for attribute in USER_ATTRIBUTES if attribute.fits_text),
    GROUPS,
)


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


app = Commands("Change the YAML: everyday changes, comments kept, the difference shown.")

In = Annotated[
    Path,
    typer.Option(
        "--directory", "-C", metavar="DIR", help="Directory with instance.yaml.", callback=nearest
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference, write nothing.")]
IntoFile = Annotated[
    str | None,
    typer.Option("--file", help="The file to add to; else the one with most of that kind."),
]
Forget = Annotated[
    bool,
    typer.Option("--forget", help="Only take it out of the YAML; what is live stays as it is."),
]
Expires = Annotated[
    str | None, typer.Option(metavar="DATE", help="The last day (UTC), or a time with an offset.")
]
Reason = Annotated[str | None, typer.Option(help="Why, for the reader.")]
User = Annotated[str | None, typer.Option("--user", help="A user.")]
Group = Annotated[str | None, typer.Option("--group", help="A group.")]


@contextmanager
def _editing(directory: Path, *, dry_run: bool) -> Iterator[Editor]:
    """Yield an editor; afterwards show the difference and write it."""
    from identity_reconciler.cli.loading import one_directory
    from identity_reconciler.desired.writing.editing import Editor
    from identity_reconciler.desired.writing.rewrite import Rewrite

    rewrite = Rewrite(one_directory(directory))
    editor = Editor(rewrite)
    yield editor
    editor.finish()
    finish(rewrite, write=not dry_run)


@app.command()
def add_user(
    name: Annotated[str, typer.Argument(metavar="USER_NAME")],
    given_name: Annotated[str, typer.Option(help="First name.")],
    family_name: Annotated[str, typer.Option(help="Last name.")],
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    display_name: Annotated[str | None, typer.Option(help="Else first and last name.")] = None,
    title: Annotated[str | None, typer.Option(help="Job title.")] = None,
    department: Annotated[str | None, typer.Option()] = None,
    manager: Annotated[str | None, typer.Option(help="The user name of the manager.")] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A group to join; may be repeated.")
    ] = None,
    file: IntoFile = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare a user, optionally in groups."""
    row = {
        "given_name": given_name,
        "family_name": family_name,
        "display_name": display_name,
        "email": email,
        "title": title,
        "department": department,
        "manager": manager,
    }
    with _editing(directory, dry_run=dry_run) as editor:
        editor.add_user(name, {key: value for key, value in row.items() if value}, file)
        for one in group or ():
            editor.add_member(one, name, {})


@app.command(
    help="Declare all users of a CSV file with a header line, or none of them.\n\n"
    f"Columns: {', '.join(COLUMNS[:-1])}, and {GROUPS}, with semicolons between."
)
def add_users(
    csv: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    file: IntoFile = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare all users of a CSV file with a header line, or none of them."""
    rows = read_people(csv)
    with _editing(directory, dry_run=dry_run) as editor:
        for row in rows:
            editor.add_user(row["user_name"], row, file)
            for group in filter(None, map(str.strip, row.get(GROUPS, "").split(";"))):
                editor.add_member(group, row["user_name"], {})


@app.command()
def remove_user(
    name: Annotated[str, typer.Argument(metavar="USER_NAME")],
    forget: Forget = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Have a user deleted, and taken out of every list."""
    with _editing(directory, dry_run=dry_run) as editor:
        editor.remove_user(name, forget=forget)


@app.command()
def add_group(
    name: Annotated[str, typer.Argument(metavar="GROUP")],
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    member: Annotated[
        list[str] | None, typer.Option("--member", help="A user in it; may be repeated.")
    ] = None,
    file: IntoFile = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare a group, optionally with members."""
    entry: dict[str, Data] = {"name": name}
    if description:
        entry["description"] = description
    with _editing(directory, dry_run=dry_run) as editor:
        editor.add_group({**entry, "members": sorted(member or ())}, file)


@app.command()
def remove_group(
    name: Annotated[str, typer.Argument(metavar="GROUP")],
    forget: Forget = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Have a group deleted, and its assignments."""
    with _editing(directory, dry_run=dry_run) as editor:
        editor.remove_group(name, forget=forget)


@app.command()
def add_member(
    group: Annotated[str, typer.Argument(metavar="GROUP")],
    user: Annotated[str, typer.Argument(metavar="USER_NAME")],
    expires: Expires = None,
    reason: Reason = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Put a user into a group."""
    terms = _terms(expires, reason)
    with _editing(directory, dry_run=dry_run) as editor:
        editor.add_member(group, user, terms)


@app.command()
def remove_member(
    group: Annotated[str, typer.Argument(metavar="GROUP")],
    user: Annotated[str, typer.Argument(metavar="USER_NAME")],
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Take a user out of a group."""
    with _editing(directory, dry_run=dry_run) as editor:
        editor.remove_member(group, user)


@app.command()
def assign(
    application: Annotated[str, typer.Argument(metavar="APPLICATION", help="Its name or ARN.")],
    user: User = None,
    group: Group = None,
    expires: Expires = None,
    reason: Reason = None,
    declare: Annotated[
        bool, typer.Option("--declare", help="Declare the application, with nobody else assigned.")
    ] = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Assign a user or a group to an application."""
    principal, terms = _principal(user, group), _terms(expires, reason)
    with _editing(directory, dry_run=dry_run) as editor:
        editor.assign(application, principal, terms, new=declare)


@app.command()
def unassign(
    application: Annotated[str, typer.Argument(metavar="APPLICATION", help="Its name or ARN.")],
    user: User = None,
    group: Group = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Take the assignment of a user or a group from an application."""
    principal = _principal(user, group)
    with _editing(directory, dry_run=dry_run) as editor:
        editor.unassign(application, principal)


def _principal(user: str | None, group: str | None) -> tuple[str, str]:
    if user and not group:
        return "user", user
    if group and not user:
        return "group", group
    raise UsageError("give either --user or --group")


def _terms(expires: str | None, reason: str | None) -> Mapping[str, Data]:

    terms: dict[str, Data] = {}
    if expires:
        terms["expires"] = day_or_time(expires)
    if reason:
        terms["reason"] = reason
    return terms
