"""The command line: one Typer application, and the one place where a command ends."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

import typer
from typer.exceptions import Abort, TyperException

from identity_reconciler import __version__
from identity_reconciler.cli import (
    apply,
    audit,
    compare,
    doctor,
    explain,
    fmt,
    github,
    iam_policy,
    import_,
    init,
    lists,
    plan,
    remind,
    review,
    sandbox,
    schema,
    show,
    validate,
)
from identity_reconciler.cli.help import Commands
from identity_reconciler.errors import EXIT_CODES, ExitCode, ReconcilerError

_EPILOG = "\n".join(["Exit codes", *(f"{row.code.value:>3}\t{row.meaning}" for row in EXIT_CODES)])

app = Commands(
    name="identity-reconciler",
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"identity-reconciler {__version__}")
        raise typer.Exit


@app.callback()
def identity_reconciler(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
    ),
) -> None:
    """GitOps for AWS IAM Identity Center.

    YAML files say which users, groups, memberships and application assignments there should be.
    `plan` shows what would change, `apply` carries it out.
    """


_AUTHOR, _APPLY, _LOOK, _SET_UP = ("Author", "Review and apply", "Look", "Set up")

app.add_typer(lists.app, name="edit", rich_help_panel=_AUTHOR)
app.command(rich_help_panel=_AUTHOR)(validate.validate)
app.command(rich_help_panel=_AUTHOR)(fmt.fmt)
app.command("import", rich_help_panel=_AUTHOR)(import_.import_)
app.command(rich_help_panel=_APPLY)(plan.plan)
app.command(rich_help_panel=_APPLY)(show.show)
app.command(rich_help_panel=_APPLY)(apply.apply)
app.add_typer(github.app, name="github", rich_help_panel=_APPLY)
app.command(rich_help_panel=_LOOK)(explain.explain)
app.add_typer(audit.app, name="audit", rich_help_panel=_LOOK)
app.add_typer(review.app, name="review", rich_help_panel=_LOOK)
app.command(rich_help_panel=_LOOK)(remind.remind)
app.command(rich_help_panel=_LOOK)(doctor.doctor)
app.command(rich_help_panel=_SET_UP)(init.init)
app.add_typer(iam_policy.app, name="iam-policy", rich_help_panel=_SET_UP)
app.command(rich_help_panel=_SET_UP)(schema.schema)
sandbox.app.command()(compare.compare)
app.add_typer(sandbox.app, name="sandbox", rich_help_panel=_SET_UP)


@cache
def command() -> Any:  # noqa: ANN401 - Typer keeps what it is made of to itself
    """Return what parses arguments and runs a command; Typer would make it anew for each run."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line and exit with one of `EXIT_CODES`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors are told on stderr, in our words."""
    try:
        result = command()(args=arguments, prog_name="identity-reconciler", standalone_mode=False)
        sys.stdout.flush()
    except ReconcilerError as error:
        from identity_reconciler.cli.output import words_of

        _tell(*words_of(error))
        return error.exit_code
    except TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, Abort):
        _tell("interrupted; no request was in flight")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone.
        _abandon_stdout()
        return ExitCode.UNEXPECTED
    except Exception as error:
        if os.environ.get("IDENTITY_RECONCILER_DEBUG"):
            raise
        _tell(
            f"error: unexpected {type(error).__name__}: {error}",
            "this is a bug; set IDENTITY_RECONCILER_DEBUG=1 to see where, and please report it",
        )
        return ExitCode.UNEXPECTED
    return int(result or ExitCode.SUCCESS)


def _misused(error: TyperException) -> ExitCode:
    """Say what is wrong with the arguments, or print the help where there are none."""
    context = getattr(error, "ctx", None)
    # Typer tells that by an error, which it keeps to itself.
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(context.get_help())
        return ExitCode.SUCCESS
    name = context.command_path if context is not None else "identity-reconciler"
    _tell(f"error: {_in_one_line(error)}", f"see: {name} --help")
    # Typer would end with 2, which here means "changes present".
    return ExitCode.INVALID_INPUT


def _in_one_line(error: TyperException) -> str:
    """Return what is wrong with the arguments, as a sentence with its own proposal."""
    possible = getattr(error, "possibilities", None)
    if not possible:
        return error.format_message()
    return f"{error.message}; did you mean {' or '.join(sorted(possible))}?"


def _abandon_stdout() -> None:
    from identity_reconciler.cli.output import abandon

    abandon(sys.stdout)


def _tell(*lines: str) -> None:
    from identity_reconciler.cli.output import complain

    complain(*lines)
