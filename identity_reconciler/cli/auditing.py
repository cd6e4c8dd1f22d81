"""What every `audit` command shares: its options, the way to an answer, and how to show it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from identity_reconciler.audit.formats import ReportFormat
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    Color,
    ColorChoice,
    Directory,
    EndpointUrl,
    UseSandbox,
)
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.audit.edition import Edition
    from identity_reconciler.audit.question import Question

_Own = ParamSpec("_Own")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Where to look and how to show what was found: the options of every `audit` command."""

    directory: Directory = DEFAULT_DIRECTORY
    output_format: Annotated[
        ReportFormat,
        typer.Option("--format", help="How to write it; a table is plain text in a pipe."),
    ] = ReportFormat.TABLE
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file, readable by you only.")
    ] = None
    desired: Annotated[
        bool, typer.Option("--desired", help="Answer from the YAML alone, without AWS.")
    ] = False
    plan: Annotated[
        Path | None,
        typer.Option(metavar="PLAN", help="Answer as if this saved plan were applied."),
    ] = None
    organization: Annotated[
        bool,
        typer.Option("--organization", help="Look into every account of the organisation."),
    ] = False
    role: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --organization: the role to assume in each."),
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REGION",
            help="With --organization: where to look for instances; several times for several "
            "Regions. Without it AWS is asked for those of all Regions.",
        ),
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --organization: keep what each account answers in this file, and ask only "
            "the accounts that are not in it yet.",
        ),
    ] = None
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit with 2 when leavers, duplicates, orphans or expiring finds something.",
        ),
    ] = False
    sandbox: UseSandbox = False
    endpoint_url: EndpointUrl = None
    color: ColorChoice = Color.AUTO

    def __post_init__(self) -> None:
        chosen = [
            name
            for name, given in (
                ("--desired", self.desired),
                ("--plan", self.plan),
                ("--organization", self.organization),
            )
            if given
        ]
        if len(chosen) > 1:
            raise UsageError(f"{' and '.join(chosen)} exclude each other; give one")
        if self.organization and not self.role:
            raise UsageError("--organization needs --role: the name of the role in each account")
        only = {"--role": self.role, "--region": self.region, "--resume": self.resume}
        if not self.organization and any(only.values()):
            given = next(name for name, value in only.items() if value)
            raise UsageError(f"{given} goes with --organization")


def asked(question: Callable[_Own, Question]) -> Callable[..., int]:
    """Return the command that answers *question*: its own arguments, then those of `Terms`."""
    # What it returns is for the type checker; to import it would slow down every --help.
    signature = inspect.signature(question, eval_str=True, locals={"Question": object})
    own = signature.parameters
    shared = inspect.signature(Terms, eval_str=True).parameters

    @functools.wraps(question)
    def command(**given: object) -> int:
        arguments = {name: given.pop(name) for name in own}
        terms = Terms(**given)  # type: ignore[arg-type]  # Typer has checked them.
        ask: Callable[..., Question] = question
        return _answer(ask(**arguments), terms)

    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in (*own.values(), *shared.values())
    ]
    # What Typer reads: the signature for names and defaults, the annotations for types and help.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _answer(question: Question, terms: Terms) -> int:
    from identity_reconciler.audit.edition import Edition
    from identity_reconciler.cli.inspecting import inspected

    as_of = datetime.now(UTC).replace(microsecond=0)
    inspection, basis = inspected(question, terms, as_of)
    report = question.answer(inspection)
    _show(Edition(report, as_of, basis, inspection.gaps), terms)
    if inspection.gaps:
        return ExitCode.PARTIAL_APPLY
    if report.alarms and terms.detailed_exitcode:
        return ExitCode.CHANGES
    return ExitCode.SUCCESS


def _show(edition: Edition, terms: Terms) -> None:
    import sys

    from identity_reconciler.audit.writing import written
    from identity_reconciler.cli.output import console, note
    from identity_reconciler.cli.private import write_private

    on_terminal = sys.stdout.isatty() or terms.color is Color.ALWAYS
    if terms.out is not None:
        write_private(written(edition, terms.output_format).encode(), terms.out)
        note(f"wrote {terms.out}")
    elif terms.output_format is ReportFormat.TABLE and on_terminal:
        from identity_reconciler.audit.table import table

        console(terms.color).print(table(edition))
    else:
        sys.stdout.buffer.write(written(edition, terms.output_format).encode())
