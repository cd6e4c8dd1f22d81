"""`edit`: people join, move and leave. No AWS."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated

import typer

from identity_reconciler.cli.completion import groups, users
from identity_reconciler.cli.edit import (
    TERMS,
    DryRun,
    Expires,
    Forget,
    In,
    IntoFile,
    Reason,
    Starts,
    UserArguments,
    app,
    editing,
    given,
    terms_given,
)
from identity_reconciler.cli.help import taking
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    EndpointUrl,
    ProfileName,
    RateOption,
    UseSandbox,
    parse_rates,
)
from identity_reconciler.cli.rosters import (
    DelimiterOption,
    Encoding,
    Headings,
    reading_of,
    roster_of,
)
from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.declared import DeclaredUser
from identity_reconciler.errors import UsageError

__all__ = ["app"]

PANEL = "People"
HELP = {
    "given_name": "First name.",
    "family_name": "Last name.",
    "display_name": "Else first and last name.",
    "email": "E-mail address.",
    "title": "Job title.",
    "department": "Department.",
    "manager": "The user name of the manager.",
    "middle_name": "Middle name.",
    "honorific_prefix": "Title before the name.",
    "honorific_suffix": "Suffix after the name.",
    "formatted_name": "The whole name, as in formal places.",
    "nick_name": "Casual name.",
    "profile_url": "A page about the user.",
    "phone_number": "Phone number.",
    "user_type": "The kind of user, in your own words.",
    "preferred_language": "Such as en-US.",
    "locale": "Such as en-US.",
    "timezone": "Such as Europe/Berlin.",
    "website": "Personal web site.",
    "birthdate": "As YYYY-MM-DD.",
    "role": "A role as an attribute.",
    "employee_number": "Employee number.",
    "cost_center": "Cost center.",
    "organization": "Organisation.",
    "division": "Division.",
}
"""What the option of each attribute that fits one text is for, by field of `User`."""
FIELDS = tuple(one.field for one in USER_ATTRIBUTES if one.fits_text)
"""The attributes that an option or a column can give, as fields of `User`."""


def option(field: str) -> str:
    """Return the option that gives an attribute."""
    return f"--{field.replace('_', '-')}"


def with_attributes(*required: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each attribute; it gets those that are given as `attributes`."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True).parameters

        @functools.wraps(function)
        def command(**values: object) -> None:
            said = {field: values.pop(field) for field in HELP}
            attributes = {field: text for field, text in said.items() if text is not None}
            function(**values, attributes=attributes)

        shared = [_parameter(field, is_required=field in required) for field in HELP]
        mine = [one for name, one in own.items() if name != "attributes"]
        arguments = [one for one in mine if one.default is inspect.Parameter.empty]
        options = [one for one in mine if one.default is not inspect.Parameter.empty]
        return taking(command, (*arguments, *shared, *options))

    return decorate


def _parameter(field: str, *, is_required: bool) -> inspect.Parameter:
    said = typer.Option(
        option(field), help=HELP[field], autocompletion=users if field == "manager" else None
    )
    default = inspect.Parameter.empty if is_required else None
    kind = str if is_required else str | None
    return inspect.Parameter(
        field,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, said],
    )


@app.command(rich_help_panel=PANEL)
@with_attributes("given_name", "family_name")
def add_user(
    name: Annotated[str, typer.Argument(metavar="USER_NAME")],
    attributes: Mapping[str, str],
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="A group to join; may be repeated.", autocompletion=groups),
    ] = None,
    file: IntoFile = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Declare a user, optionally in groups."""
    said = {field: text for field, text in attributes.items() if text}
    with (
        editing(directory, dry_run=dry_run) as editor,
        editor.on_behalf_of(given(name, **_options(said))),
    ):
        editor.add_user(name, said, file)
        for one in group or ():
            editor.add_member(one, name, {})


@app.command(rich_help_panel=PANEL)
@with_attributes()
def set_user(
    names: UserArguments,
    attributes: Mapping[str, str],
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Change attributes of users.

    An empty text makes sure that there is none, as `null` does in the YAML.
    """
    if not attributes:
        raise UsageError("give what is to change, such as --title")
    with editing(directory, dry_run=dry_run) as editor:
        for name in names:
            with editor.on_behalf_of(given(name, **_options(attributes))):
                editor.set_user(name, attributes)


@app.command(rich_help_panel=PANEL)
def move(
    names: UserArguments,
    old: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="GROUP", help="A group to leave.", autocompletion=groups),
    ] = None,
    new: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="GROUP", help="A group to join.", autocompletion=groups),
    ] = None,
    title: Annotated[str | None, typer.Option(help="The new job title.")] = None,
    department: Annotated[str | None, typer.Option(help="The new department.")] = None,
    manager: Annotated[
        str | None, typer.Option(help="The user name of the new manager.", autocompletion=users)
    ] = None,
    starts: Starts = None,
    expires: Expires = None,
    reason: Reason = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Move users from groups to others; --from and --to may be repeated.

    The dates and the reason of a membership go along, unless others are given.
    """
    from identity_reconciler.desired.writing.people import move as move_user

    said = {"title": title, "department": department, "manager": manager}
    attributes = {field: text for field, text in said.items() if text is not None}
    if not old and not new:
        raise UsageError("give --from, --to, or both")
    terms = terms_given(starts, expires, reason)
    with editing(directory, dry_run=dry_run) as editor:
        for name in names:
            with editor.on_behalf_of(given(name, **_options(attributes), **TERMS)):
                move_user(editor, name, old or (), new or (), terms)
                if attributes:
                    editor.set_user(name, attributes)


@app.command(rich_help_panel=PANEL)
def leave(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="USER_NAME", autocompletion=users)
    ] = None,
    reports_to: Annotated[
        str | None,
        typer.Option(
            metavar="USER_NAME",
            help="The new manager of their reports; else the successor.",
            autocompletion=users,
        ),
    ] = None,
    successor: Annotated[
        str | None,
        typer.Option(
            metavar="USER_NAME",
            help="Who gets their memberships, assignments and what they own.",
            autocompletion=users,
        ),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="CSV of who leaves, by user name or e-mail address."
        ),
    ] = None,
    headings: Headings = None,
    encoding: Encoding = None,
    delimiter: DelimiterOption = None,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Have users deleted, taken out of every list, and their reports handed over."""
    from identity_reconciler.desired.writing.lists import leavers_of
    from identity_reconciler.desired.writing.people import Handover
    from identity_reconciler.desired.writing.people import leave as let_go

    if not names and listed is None:
        raise UsageError("give the user names of who leaves, or --list FILE")
    reading = reading_of(headings)
    roster = roster_of(listed, reading, encoding, delimiter) if listed else None
    with editing(directory, dry_run=dry_run) as editor:
        leavers = [(name, given(name)) for name in names or ()]
        leavers += leavers_of(editor, roster) if roster else ()
        let_go(editor, leavers, Handover(reports_to, successor))


@app.command(rich_help_panel=PANEL)
def remove_user(
    names: UserArguments,
    forget: Forget = False,
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Have users deleted and taken out of every list; see also leave."""
    with editing(directory, dry_run=dry_run) as editor:
        for name in names:
            with editor.on_behalf_of(given(name)):
                editor.remove_user(name, forget=forget)


@app.command(rich_help_panel=PANEL)
def forget(
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    rate: RateOption = None,
    profile: ProfileName = None,
) -> None:
    """Take out the entries with state: absent whose users and groups are gone from AWS.

    Those that are still live stay: their deletion is yet to be applied.
    """
    from identity_reconciler.cli.connection import Target, connected_for
    from identity_reconciler.core.state import folded
    from identity_reconciler.gateway import Wanted

    target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
    with editing(directory, dry_run=dry_run) as editor:
        entries = editor.tombstones()
        objects = tuple(one.user if isinstance(one, DeclaredUser) else one.group for one in entries)
        if not objects:
            return
        with connected_for(editor.declared, target, write=False) as gateway:
            live = gateway.read_state(Wanted(mentioned=objects))
        for entry in entries:
            is_user = isinstance(entry, DeclaredUser)
            keys: Collection[str] = live.users if is_user else live.groups
            if folded(entry.name) in keys:
                editor.remarks.append(
                    f"{entry.position}: {entry.kind}/{entry.name} is still live; apply first"
                )
            else:
                editor.forget(entry)


def _options(attributes: Mapping[str, str]) -> dict[str, str]:
    return {field: option(field) for field in attributes}
