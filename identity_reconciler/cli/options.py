"""The options that several commands share, each said once."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.errors import UsageError
from identity_reconciler.notify.shapes import Shape

if TYPE_CHECKING:
    from identity_reconciler.gateway.wire.pacing import Rates


DEFAULT_DIRECTORY = Path("desired-state")


def places_above() -> Iterator[Path]:
    """Yield the directories above the working directory, up to the root of the Git repository.

    Outside of one, those in which there is a desired state.
    """
    from identity_reconciler.desired.reading.files import SETTINGS_FILE

    here, above = Path.cwd(), Path("..")
    parents = list(here.parents)
    tops = [number for number, one in enumerate((here, *parents)) if (one / ".git").exists()]
    if tops:
        yield from (above.joinpath(*[".."] * number) for number in range(tops[0]))
        return
    for number, one in enumerate(parents):
        if not (one / SETTINGS_FILE).is_file():
            return
        yield above.joinpath(*[".."] * number)


def nearest(directory: Path) -> Path:
    """Return *directory*, or, for the default one that is not here, where it is instead.

    A command may be run from within the desired state, or from elsewhere in its repository.
    """
    from identity_reconciler.desired.reading.files import SETTINGS_FILE

    if directory != DEFAULT_DIRECTORY or directory.exists():
        return directory
    for one in (Path(), *places_above()):
        if (one / SETTINGS_FILE).is_file():
            return one
        if (one / DEFAULT_DIRECTORY).is_dir():
            return one / DEFAULT_DIRECTORY
    return directory


DirectoryArgument = Annotated[
    Path,
    typer.Argument(
        help="Directory with instance.yaml, or one that holds several such directories.",
        show_default=True,
        callback=nearest,
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


ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="The profile with the credentials; else AWS_PROFILE, or the default ones. "
        "{instance} and {account} in it stand for the name and account of each instance.",
    ),
]


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


ServiceApplications = Annotated[
    bool,
    typer.Option(
        "--service-applications",
        help="Write the assignments of applications that an AWS service owns, too, so that they "
        "are managed.",
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


NotifyUrl = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL",
        envvar="IDENTITY_RECONCILER_NOTIFY",
        help="Tell this webhook what came of it. The URL is a secret: better set the variable.",
    ),
]
NotifyNames = Annotated[
    bool,
    typer.Option(
        "--notify-names", help="With names and e-mail addresses of people; else they are counted."
    ),
]
NotifyAs = Annotated[
    Shape,
    typer.Option(
        "--notify-as",
        envvar="IDENTITY_RECONCILER_NOTIFY_AS",
        help="What the webhook takes: the notice as JSON, signed, or its text.",
    ),
]


JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs",
        min=1,
        max=64,
        metavar="N",
        help="Of several instances, how many at once; those of one account and Region take turns.",
    ),
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


_FIELDS = {"sso-admin": "sso_admin", "identitystore": "identity_store"}


def parse_rates(text: str | None) -> Rates | None:
    """Return the rates that *text* gives; the documented one where it gives none.

    Returns:
        None where there is no *text*.

    Raises:
        UsageError: It is neither a number nor a list of services and numbers.
    """
    from identity_reconciler.gateway.wire.pacing import Rates

    if text is None:
        return None
    if "=" not in text:
        return Rates(_number(text, text), _number(text, text))
    given: dict[str, float] = {}
    for part in text.split(","):
        service, _, number = part.partition("=")
        if service.strip() not in _FIELDS:
            raise _wrong(text)
        given[_FIELDS[service.strip()]] = _number(number, text)
    return Rates(**given)


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _wrong(whole) from None
    # Below one request in two seconds a run would seem to hang; infinity would not pace at all.
    if not 0.5 <= number <= 10_000:  # noqa: PLR2004 - named by the comment
        raise _wrong(whole)
    return number


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"--rate {text}: expected requests a second from 0.5 to 10000, for both quotas (20) or by "
        "service (identitystore=40,sso-admin=10)"
    )
