"""The options that several commands share, each said once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DIRECTORY = Path("desired-state")

Directory = Annotated[
    Path,
    typer.Argument(
        help="Directory with instance.yaml, or one that holds several such directories.",
        show_default=True,
    ),
]
UseSandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        envvar="IDENTITY_RECONCILER_SANDBOX",
        help="Use the embedded sandbox instead of AWS: no account, no credentials, no network.",
    ),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Send every request to this URL. Endpoint URLs in the environment are ignored.",
    ),
]


RateOption = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="N",
        envvar="IDENTITY_RECONCILER_RATE",
        help="Requests a second of each AWS quota, or identitystore=N,sso-admin=N. Default: 20, "
        "as AWS documents.",
    ),
]
ShowTimings = Annotated[
    bool,
    typer.Option("--timings", help="Say on stderr where the time went, and every request."),
]


class Color(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


ColorChoice = Annotated[
    Color, typer.Option("--color", help="When to use colour; NO_COLOR is honoured.")
]


class PlanFormat(StrEnum):
    """How to print a plan."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


PlanFormatChoice = Annotated[PlanFormat, typer.Option("--format", help="How to print the plan.")]
ForGithub = Annotated[
    bool,
    typer.Option(
        "--github",
        help="In a step of a GitHub job: write outputs and the step summary, annotate the files.",
    ),
]

OnlyExpired = Annotated[
    bool, typer.Option("--only-expired", help="Remove what has expired and do nothing else.")
]
