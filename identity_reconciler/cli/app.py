"""The command line: one Typer application, and the one place where a command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
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
    edit,
    explain,
    fmt,
    github,
    iam_policy,
    import_,
    init,
    plan,
    sandbox,
    schema,
    show,
    validate,
)
from identity_reconciler.errors import EXIT_CODES, ExitCode, InvalidInputError, ReconcilerError

_EPILOG = "\n\n".join(
    ["Exit codes:", *(f"{row.code.value:>5}  {row.meaning}" for row in EXIT_CODES)]
)

app = typer.Typer(
    name="identity-reconciler",
    epilog="\b\n" + _EPILOG.replace("\n\n", "\n"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
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


app.command()(validate.validate)
app.command()(plan.plan)
app.command()(show.show)
app.command()(apply.apply)
app.command()(fmt.fmt)
app.command("import")(import_.import_)
app.add_typer(edit.app, name="edit")
app.command()(init.init)
app.command()(explain.explain)
app.command()(doctor.doctor)
app.command()(schema.schema)
app.add_typer(audit.app, name="audit")
app.add_typer(iam_policy.app, name="iam-policy")
app.add_typer(github.app, name="github")
sandbox.app.command()(compare.compare)
app.add_typer(sandbox.app, name="sandbox")


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
        _tell(*_in_words(error))
        return error.exit_code
    except TyperException as error:
        # Typer would end with 2, which here means "changes present".
        _tell(f"error: {error.format_message()}", "see: identity-reconciler --help")
        return ExitCode.INVALID_INPUT
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


def _in_words(error: ReconcilerError) -> Iterator[str]:
    if isinstance(error, InvalidInputError):
        number = len(error.problems)
        yield from map(str, error.problems)
        changed = "" if error.exit_code is ExitCode.PARTIAL_APPLY else "; nothing was changed"
        yield f"{number} problem{'' if number == 1 else 's'}{changed}"
    else:
        yield f"error: {error}"


def _abandon_stdout() -> None:
    from identity_reconciler.cli.output import abandon

    abandon(sys.stdout)


def _tell(*lines: str) -> None:
    from identity_reconciler.cli.output import note

    note(*lines)
