"""`validate`: is the YAML right? No AWS."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from identity_reconciler.cli.options import DEFAULT_DIRECTORY, DirectoryArgument
from identity_reconciler.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared


class ProblemFormat(StrEnum):
    """How to print problems."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def validate(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    output_format: Annotated[
        ProblemFormat,
        typer.Option("--format", help="How to print problems; they go to stderr as text as well."),
    ] = ProblemFormat.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Check the YAML: syntax, schema, references, policies. Reports every problem; needs no AWS."""
    from identity_reconciler.cli.loading import load_all

    output_format = ProblemFormat.JSON if as_json else output_format
    try:
        loaded = load_all(directory, policies=True)
    except InvalidInputError as error:
        sys.stdout.write(_problems(error.problems, output_format, directory))
        raise
    if output_format in {ProblemFormat.TEXT, ProblemFormat.GITHUB}:
        sys.stdout.write(_valid(loaded))
        for declared in loaded:
            _tell_slips(declared)
        _tell_unused(directory, loaded)
    else:
        sys.stdout.write(_problems((), output_format, directory))


def _tell_slips(declared: Declared) -> None:
    """Tell which names in the settings may be slips; only what is live could prove them so."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.core.control import unmatched

    for one in unmatched(declared, None, applications=True):
        note(f"note: {one.position}: {one.text}")


def _tell_unused(directory: Path, loaded: Sequence[Declared]) -> None:
    """Tell of which files in `shared/` nothing is known: no instance in *directory* reads them."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.reading.files import SETTINGS_FILE, fragment_files
    from identity_reconciler.errors import file_below

    if (directory / SETTINGS_FILE).exists():
        return
    read = {file for declared in loaded for file in declared.files}
    for file in fragment_files(directory):
        if file not in read:
            note(f"note: {file_below('x/', file)}: no instance includes it, so it was not checked")


def _problems(problems: Sequence[Problem], output_format: ProblemFormat, directory: Path) -> str:
    from identity_reconciler.cli.history import repository_prefix
    from identity_reconciler.render.annotations import problem_annotations
    from identity_reconciler.render.problems import problems_json, problems_sarif

    match output_format:
        case ProblemFormat.TEXT:
            return ""
        case ProblemFormat.JSON:
            return problems_json(problems, repository_prefix(directory))
        case ProblemFormat.GITHUB:
            return problem_annotations(problems, repository_prefix(directory))
        case ProblemFormat.SARIF:
            return problems_sarif(problems, repository_prefix(directory))
        case _:
            assert_never(output_format)


def _valid(loaded: Sequence[Declared]) -> str:
    from identity_reconciler.render.escape import safe_lines

    return "".join(
        safe_lines(
            f"{declared.settings.instance.name}: valid; {len(declared.files)} files, "
            f"{len(declared.users)} users, {len(declared.groups)} groups, "
            f"{len(declared.applications)} applications\n"
        )
        for declared in loaded
    )
