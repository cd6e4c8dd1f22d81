"""`sandbox`: the local stand-in for AWS."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from identity_reconciler.cli.connection import (
    SANDBOX_FILE,
    furnish,
    open_sandbox,
    place_of_workspace,
)
from identity_reconciler.cli.help import Commands
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.sandbox import Sandbox
    from identity_reconciler.sandbox.seeding import Sizes
    from identity_reconciler.sandbox.summary import InstanceSummary, Summary


class Format(StrEnum):
    """How to print what a sandbox holds."""

    TEXT = "text"
    JSON = "json"


StateFile = Annotated[
    Path, typer.Option("--state", help="The sandbox's state file.", show_default=True)
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How to print it.")]

app = Commands("The local stand-in for AWS.")


@app.callback()
def sandbox() -> None:
    """Work with the local stand-in for AWS."""


@app.command()
def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 0,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on: 0.0.0.0 in a container. Other machines may reach it then.",
        ),
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name that clients may call it by, besides those of this machine; repeatable.",
        ),
    ] = None,
    state: StateFile = SANDBOX_FILE,
    seed_from: Annotated[
        Path | None,
        typer.Option("--seed", metavar="DIR", help="First make it equal to this desired state."),
    ] = None,
    trouble: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Make the trouble that this YAML or JSON file describes."
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Check each answer against the service model; fail where one breaks it.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Tell each request on stderr.")
    ] = False,
) -> None:
    """Serve the sandbox over HTTP to the AWS CLI, Terraform and scripts on this machine.

    Prints the exports that lead them to it, then serves until it is interrupted.
    `POST /_sandbox/reset` brings back the state of a new sandbox, `GET /_sandbox/health` says that
    it is up.
    """
    with _opened(state) as opened:
        from identity_reconciler.sandbox.server import Listening, SandboxServer, exports

        listening = Listening(port, host, frozenset(allowed_host or ()))
        begin = _beginning(opened, seed_from, trouble)
        begin()

        def start_afresh() -> None:
            opened.reset()
            begin()

        opened.responder.strict |= strict
        if verbose:
            _tell_requests()
        with SandboxServer(opened, listening, reset=start_afresh) as server:
            first = opened.summary().instances[0]
            for name, value in exports(server.url, first.account, first.region).items():
                typer.echo(f"export {name}={value}")
            typer.echo(f"serving {state} on {server.url}; Ctrl-C ends it", err=True)
            if listening.is_public:
                typer.echo(
                    f"{host} can be reached from other machines, and whoever reaches it may do "
                    "everything; 127.0.0.1 is this machine alone",
                    err=True,
                )
            _serve_until_interrupted(server.serve_forever)


def _beginning(opened: Sandbox, seed_from: Path | None, trouble: Path | None) -> Callable[[], None]:
    """Return what puts *opened* into the state that serving begins with; the files are read once.

    Without *seed_from* that is the state that it has, or what a new sandbox is furnished with.
    """
    from datetime import UTC, datetime

    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.sandbox.seeding import seed as make_live
    from identity_reconciler.sandbox.trouble import read_trouble

    to_make = read_trouble(trouble) if trouble else None
    to_seed = load_all(seed_from) if seed_from else []

    def begin() -> None:
        for declared in to_seed:
            make_live(opened, declared, datetime.now(UTC))
        opened.furnish()
        opened.make_trouble(to_make)

    return begin


@app.command()
def reset(state: StateFile = SANDBOX_FILE) -> None:
    """Forget everything in a sandbox; the next use starts afresh."""
    if state == SANDBOX_FILE:
        state = place_of_workspace() / state.name
    if not state.exists():
        typer.echo(f"there is no {state}")
        return
    with _opened(state) as opened:
        opened.reset()
    typer.echo(f"emptied {state}")


@app.command()
def seed(
    directory: Annotated[
        Path | None,
        typer.Argument(help="Desired state to make live. Without: the sandbox's own instance."),
    ] = None,
    generate: Annotated[
        str | None,
        typer.Option(
            metavar="USERS,GROUPS,MEMBERSHIPS[,APPLICATIONS,ASSIGNMENTS]",
            help="Make up that many instead: 10000,1000,50000.",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--at", metavar="REF", help="The desired state as it was at a Git revision."),
    ] = None,
    state: StateFile = SANDBOX_FILE,
) -> None:
    """Make the live state of the sandbox equal to a desired state, or make one up.

    Replaces all users, groups, memberships and assignments of the instance. Users and groups with
    `state: external` are there with external ids, as if an identity provider owned them.
    """
    if directory is None and generate is None:
        raise UsageError("name a directory of YAML, or give --generate USERS,GROUPS,MEMBERSHIPS")
    if revision is not None and directory is None:
        raise UsageError("--at is about a directory of YAML; name it")
    with _opened(state) as opened:
        if directory is not None and revision is not None:
            _seed_from_history(opened, directory, revision)
        elif directory is not None:
            _seed_from(opened, directory)
        if generate is not None:
            _generate(opened, _sizes(generate))
        _print_summary(opened.summary(), Format.TEXT)


@app.command()
def assume(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="What `compare --out` wrote, or an object of switches. Without: the defaults.",
        ),
    ] = None,
    state: StateFile = SANDBOX_FILE,
) -> None:
    """Make a sandbox answer by other assumptions about AWS than the default ones."""
    with _opened(state) as opened:
        from identity_reconciler.sandbox.assuming import document_of, read_assumptions
        from identity_reconciler.sandbox.assumptions import Assumptions

        wanted = read_assumptions(file) if file else Assumptions()
        opened.assume(wanted)
    usual = document_of(Assumptions())
    for name, position in document_of(wanted).items():
        if position != usual[name]:
            typer.echo(f"{name}: {str(position).lower()}")
    typer.echo(f"{state} assumes {'this' if wanted != Assumptions() else 'the defaults'}", err=True)


@app.command()
def show(state: StateFile = SANDBOX_FILE, output_format: OutputFormat = Format.TEXT) -> None:
    """Show what a sandbox holds: instances, applications, and how much of everything."""
    with _opened(state, must_exist=True) as opened:
        _print_summary(opened.summary(), output_format)


@app.command()
def stats(state: StateFile = SANDBOX_FILE, output_format: OutputFormat = Format.TEXT) -> None:
    """Show how often each operation has been asked of a sandbox, by outcome."""
    with _opened(state, must_exist=True) as opened:
        counted = sorted(opened.statistics().items())
    if output_format is Format.JSON:
        import json

        rows = [
            {"service": service, "operation": operation, "outcome": outcome, "count": number}
            for (service, operation, outcome), number in counted
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    for (service, operation, outcome), number in counted:
        typer.echo(f"{number:>8}  {service}  {operation}  {outcome}")
    typer.echo(f"{sum(number for _, number in counted):>8}  requests")


@contextmanager
def _opened(state: Path, *, must_exist: bool = False) -> Iterator[Sandbox]:
    if must_exist and not state.exists():
        raise UsageError(f"there is no {state}; `identity-reconciler sandbox seed` makes one")
    with open_sandbox(state, instead_of_aws=False) as opened:
        yield opened


def _seed_from(opened: Sandbox, directory: Path) -> None:
    from datetime import UTC, datetime

    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.sandbox.seeding import seed as make_live

    for declared in load_all(directory):
        make_live(opened, declared, datetime.now(UTC))


def _seed_from_history(opened: Sandbox, directory: Path, revision: str) -> None:
    """Seed what was declared at *revision*; nothing where nothing was declared yet.

    The applications of now are there as well: on AWS they are somebody else's to make.
    """
    from datetime import UTC, datetime

    from identity_reconciler.cli.history import declared_in, tree_at
    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.reading.loader import instance_directories
    from identity_reconciler.sandbox.seeding import seed as make_live

    for now, folder in zip(load_all(directory), instance_directories(directory), strict=True):
        with tree_at(folder, revision) as tree:
            then = declared_in(tree)
        furnish(opened, now.settings.instance, (one.selector for one in now.applications))
        if then is None:
            note(f"{folder} held no valid desired state at {revision}; nothing was seeded")
        elif then.settings.instance != now.settings.instance:
            note(f"{folder} was about another instance at {revision}; nothing was seeded")
        else:
            make_live(opened, then, datetime.now(UTC))


def _generate(opened: Sandbox, sizes: Sizes) -> None:
    from identity_reconciler.sandbox import InstanceDetails
    from identity_reconciler.sandbox.seeding import generate

    if not opened.summary().instances:
        opened.ensure_instance(InstanceDetails())
    generate(opened, sizes)


def _sizes(text: str) -> Sizes:
    from identity_reconciler.sandbox.seeding import Sizes

    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() for part in parts) or len(parts) not in {3, 5}:
        raise UsageError(f"--generate {text}: expected three or five numbers with commas between")
    return Sizes(*map(int, parts))


def _tell_requests() -> None:
    import logging

    logger = logging.getLogger("identity_reconciler.sandbox")
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.DEBUG)


def _serve_until_interrupted(serve_forever: Callable[[], None]) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        serve_forever()
    except KeyboardInterrupt:
        typer.echo("stopped; what was answered is in the state file", err=True)


def _print_summary(summary: Summary, output_format: Format) -> None:
    if output_format is Format.JSON:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(summary), indent=2))
        return
    for instance in summary.instances:
        _print_instance(instance)
    typer.echo(f"accounts: {summary.accounts}")


def _print_instance(instance: InstanceSummary) -> None:
    typer.echo(f"{instance.name or 'instance'}: {instance.arn}")
    typer.echo(
        f"  account {instance.account}, {instance.region}, store {instance.identity_store_id}"
    )
    typer.echo(
        f"  {instance.users} users, {instance.groups} groups, {instance.memberships} memberships"
    )
    for application in instance.applications:
        typer.echo(
            f"  {application.name}: {application.users} users and {application.groups} groups "
            "assigned"
        )
