"""`edit`: the daily changes of the YAML. No AWS."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.completion import applications, groups, users
from identity_reconciler.cli.help import Commands
from identity_reconciler.cli.options import DEFAULT_DIRECTORY, nearest
from identity_reconciler.cli.output import note, working
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.desired.writing.editing import Editor
    from identity_reconciler.desired.writing.inputs import Input
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.desired.yaml.emit import Data


def finish(rewrite: Rewrite, *, write: bool, counted: bool = False) -> int:
    """Print the difference that *rewrite* makes, write it if asked to, and return the exit code.

    Of a new file all is different; with *counted* only what is in it is counted.

    Raises:
        InvalidInputError: The result would not be valid; nothing is written.
    """
    from identity_reconciler.render.escape import safe_lines

    declared, sharers = rewrite.declared(), rewrite.sharers()
    if counted:
        for line in counts(rewrite, declared):
            typer.echo(safe_lines(line))
    typer.echo(_patch(rewrite.diff(but=rewrite.new if counted else ())), nl=False)
    if not rewrite.changed:
        note("nothing to change")
        return ExitCode.SUCCESS
    if sharers:
        names = ", ".join(one.name for one in sharers)
        note(f"note: what is shared changes for other instances, too: {names}")
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


def _patch(text: str) -> str:
    """Return the patch *text* made safe; what Git needs at the ends of lines stays."""
    from identity_reconciler.render.escape import safe_lines

    parts = re.split(r"(\t?\r?\n)", text)
    return "".join(part if at % 2 else safe_lines(part) for at, part in enumerate(parts))


def day_or_time(option: str, text: str) -> str | date:
    """Return *text*, a day or time that *option* gives, as a day where it is one.

    What is neither the reader judges.

    Raises:
        UsageError: It looks like a day and is none.
    """
    try:
        return date.fromisoformat(text) if len(text) == len("2026-12-31") else text
    except ValueError:
        raise UsageError(f"{option} {text}: expected a day such as 2026-12-31") from None


def end_given(text: str) -> str | date:
    """Return what `--expires` gives, a day or time to come, as `day_or_time` does.

    Raises:
        UsageError: It is no day, or is over.
    """
    now, day = datetime.now(UTC), day_or_time("--expires", text)
    if not isinstance(day, date):
        with suppress(ValueError):
            time = datetime.fromisoformat(text)
            _require_to_come(text, time.tzinfo is None or time > now)
        return text
    # It ends with the day.
    _require_to_come(text, day >= now.date())
    return day


def _require_to_come(text: str, is_to_come: bool) -> None:
    if not is_to_come:
        raise UsageError(f"--expires {text} is over, so it would give nothing; give a day to come")


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
Starts = Annotated[
    str | None, typer.Option(metavar="DATE", help="The first day (UTC), or a time with an offset.")
]
Reason = Annotated[str | None, typer.Option(help="Why, for the reader.")]
Users = Annotated[
    list[str] | None, typer.Option("--user", help="A user; may be repeated.", autocompletion=users)
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="A group; may be repeated.", autocompletion=groups),
]
GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=groups)]
UserArguments = Annotated[list[str], typer.Argument(metavar="USER_NAME", autocompletion=users)]
ApplicationArgument = Annotated[
    str, typer.Argument(metavar="APPLICATION", help="Its name or ARN.", autocompletion=applications)
]


@contextmanager
def editing(directory: Path, *, dry_run: bool) -> Iterator[Editor]:
    """Yield an editor; afterwards show the difference and write it, and tell what is left to do.

    Raises:
        InvalidInputError: Something could not be changed, or not so; nothing is written.
    """
    from identity_reconciler.cli.loading import one_directory
    from identity_reconciler.desired.writing.editing import Editor
    from identity_reconciler.desired.writing.rewrite import Rewrite

    with working("editing the YAML"):
        rewrite = Rewrite(one_directory(directory))
        editor = Editor(rewrite)
        yield editor
        editor.finish()
    finish(rewrite, write=not dry_run)
    for remark in editor.remarks:
        note(f"note: {remark}")


def given(argument: str, **fields: str) -> Input:
    """Return the origin of what *argument* asks for, and options that give its *fields*."""
    from identity_reconciler.core.wording import shown
    from identity_reconciler.desired.writing.inputs import Input
    from identity_reconciler.errors import Position

    parts = {field: Position(option) for field, option in fields.items()}
    return Input(Position(shown(argument)), parts)


_LINKS = "Groups and applications"


@app.command(rich_help_panel=_LINKS)
def add_group(
    name: Annotated[str, typer.Argument(metavar="GROUP")],
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    member: Annotated[
        list[str] | None,
        typer.Option("--member", help="A user in it; may be repeated.", autocompletion=users),
    ] = None,
    file: IntoFile = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare a group, optionally with members."""
    entry: dict[str, Data] = {"name": name}
    if description:
        entry["description"] = description
    with editing(directory, dry_run=dry_run) as editor, editor.on_behalf_of(given(name)):
        editor.add_group({**entry, "members": sorted(member or ())}, file)


@app.command(rich_help_panel=_LINKS)
def remove_group(
    names: Annotated[list[str], typer.Argument(metavar="GROUP", autocompletion=groups)],
    forget: Forget = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Have groups deleted, and their assignments."""
    with editing(directory, dry_run=dry_run) as editor:
        for name in names:
            with editor.on_behalf_of(given(name)):
                editor.remove_group(name, forget=forget)


@app.command(rich_help_panel=_LINKS)
def add_member(
    group: GroupArgument,
    users: UserArguments,
    starts: Starts = None,
    expires: Expires = None,
    reason: Reason = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Put users into a group."""
    terms = terms_given(starts, expires, reason)
    with editing(directory, dry_run=dry_run) as editor:
        for user in users:
            with editor.on_behalf_of(given(user, **TERMS)):
                editor.add_member(group, user, terms)


@app.command(rich_help_panel=_LINKS)
def remove_member(
    group: GroupArgument,
    users: UserArguments,
    exclude: Annotated[
        bool,
        typer.Option("--exclude", help="Leave them out although an included group has them."),
    ] = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Take users out of a group."""
    with editing(directory, dry_run=dry_run) as editor:
        for user in users:
            with editor.on_behalf_of(given(user)):
                editor.remove_member(group, user, exclude=exclude)


@app.command(rich_help_panel=_LINKS)
def assign(
    application: ApplicationArgument,
    user: Users = None,
    group: Groups = None,
    starts: Starts = None,
    expires: Expires = None,
    reason: Reason = None,
    declare: Annotated[
        bool, typer.Option("--declare", help="Declare the application, with nobody else assigned.")
    ] = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Assign users and groups to an application."""
    principals, terms = _principals(user, group), terms_given(starts, expires, reason)
    with editing(directory, dry_run=dry_run) as editor:
        for principal in principals:
            with editor.on_behalf_of(given(principal[1], **TERMS)):
                editor.assign(application, principal, terms, new=declare)


@app.command(rich_help_panel=_LINKS)
def unassign(
    application: ApplicationArgument,
    user: Users = None,
    group: Groups = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Take the assignments of users and groups from an application."""
    principals = _principals(user, group)
    with editing(directory, dry_run=dry_run) as editor:
        for principal in principals:
            with editor.on_behalf_of(given(principal[1])):
                editor.unassign(application, principal)


def _principals(users: list[str] | None, groups: list[str] | None) -> list[tuple[str, str]]:
    """Return the kinds and names of who is given."""
    found = [("user", name) for name in users or ()] + [("group", name) for name in groups or ()]
    if not found:
        raise UsageError("give --user or --group; each may be repeated")
    return found


TERMS = {"starts": "--starts", "expires": "--expires", "reason": "--reason"}
"""The options that give the terms of an item, by key."""


def terms_given(starts: str | None, expires: str | None, reason: str | None) -> Mapping[str, Data]:
    """Return the terms of an item that three options give."""
    terms: dict[str, Data] = {}
    if starts:
        terms["starts"] = day_or_time("--starts", starts)
    if expires:
        terms["expires"] = end_given(expires)
    if reason:
        terms["reason"] = reason
    return terms
