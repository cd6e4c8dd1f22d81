"""`apply`: make it so. Plans or takes a saved plan, asks, writes to AWS, and looks again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    AsJson,
    Color,
    ColorChoice,
    EndpointUrl,
    ForGithub,
    JobsOption,
    NotifyAs,
    NotifyNames,
    NotifyUrl,
    OnlyExpired,
    ProfileName,
    RateOption,
    ShowTimings,
    UseSandbox,
    nearest,
)
from identity_reconciler.errors import ExitCode, ReconcilerError, UsageError
from identity_reconciler.notify.shapes import Shape

if TYPE_CHECKING:
    from identity_reconciler.cli.execution import Course
    from identity_reconciler.notify.notice import Event

Source = Annotated[
    Path,
    typer.Argument(
        metavar="DIR|PLAN",
        help="Directory with instance.yaml, one that holds several of them, or a saved plan.",
        callback=nearest,
    ),
]


def apply(
    source: Source = DEFAULT_DIRECTORY,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Do not ask before writing.")
    ] = False,
    approved: Annotated[
        Path | None,
        typer.Option(help="With a directory: apply only what this saved plan holds as well."),
    ] = None,
    expect_digest: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="Refuse a saved plan with another digest."),
    ] = None,
    expect_commit: Annotated[
        str | None,
        typer.Option(metavar="SHA", help="Refuse a saved plan made from another Git commit."),
    ] = None,
    expect_head: Annotated[
        bool,
        typer.Option(
            "--expect-head", help="Refuse a saved plan of another commit than is checked out."
        ),
    ] = False,
    allow_commit: Annotated[
        str | None,
        typer.Option(
            metavar="SHA",
            help="Apply this Git commit although it does not descend from the one applied last.",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0, max=24 * 60, metavar="MINUTES", help="Wait so long while somebody else applies."
        ),
    ] = 0.0,
    take_over: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Take the lock over from this run, which is known to be gone."
        ),
    ] = None,
    only_expired: OnlyExpired = False,
    jobs: JobsOption = 1,
    rate: RateOption = None,
    timings: ShowTimings = False,
    notify: NotifyUrl = None,
    notify_names: NotifyNames = False,
    notify_as: NotifyAs = Shape.JSON,
    github: ForGithub = False,
    color: ColorChoice = Color.AUTO,
    as_json: AsJson = False,
) -> int:
    """Carry out a plan: a saved one, or one made now. Can be stopped and run again at any point."""
    from identity_reconciler.cli.applying import apply_directory, apply_saved
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.execution import Course
    from identity_reconciler.cli.history import head_of
    from identity_reconciler.cli.notices import telling, told_to
    from identity_reconciler.cli.options import parse_rates
    from identity_reconciler.cli.output import Timings, note, timings_text
    from identity_reconciler.github.step import github_step, without_commands
    from identity_reconciler.runs.saved import SavedPlan

    clock = Timings()
    target = Target(sandbox, endpoint_url, parse_rates(rate), clock, profile)
    _require_sense(source, approved, asks=not auto_approve, as_json=as_json)
    path = source if source.is_file() else approved
    if path is None and (expect_digest or expect_commit or expect_head):
        raise UsageError(
            "--expect-digest, --expect-commit and --expect-head are about a saved plan; name one"
        )
    if source.is_file() and (approved is not None or only_expired):
        raise UsageError("--approved and --only-expired go with a directory, not a saved plan")
    if jobs > 1 and not auto_approve:
        raise UsageError("--jobs works on several instances at once; give --auto-approve as well")
    head = head_of(Path()) if expect_head else None
    saved = (
        SavedPlan(path, expect_digest, expect_commit, expect_head, head, sandbox) if path else None
    )
    step = github_step(os.environ, as_json=False) if github else None
    one = telling(notify, names=notify_names, shape=notify_as)
    event: Event = "expire" if only_expired else "apply"
    course = Course(
        color,
        ask=not auto_approve,
        only_expired=only_expired,
        step=step,
        allow_commit=allow_commit,
        wait=wait * 60,
        take_over=take_over,
        as_json=as_json,
    )
    try:
        with told_to(one, event) as notes, without_commands(step), _told(course) as told:
            notes.plans, notes.outcomes = course.plans, course.outcomes
            if saved is not None and saved.path == source:
                code = apply_saved(saved, target, course)
            else:
                code = apply_directory(source, saved, target, course, jobs)
            told["exit_code"] = notes.exit_code = int(code)
            return code
    finally:
        if timings:
            note(*timings_text(clock).splitlines())


def _require_sense(source: Path, approved: Path | None, *, asks: bool, as_json: bool) -> None:
    """Return only if the plans are there, and somebody is who can be asked.

    Raises:
        UsageError: They are not, or nobody is.
    """
    for one in (source, approved):
        if one is not None and one.suffix == ".json" and not one.exists():
            raise UsageError(f"there is no saved plan {one}; make one with: plan --out {one}")
    if as_json and asks:
        raise UsageError("with --json nobody is shown the plan, so give --auto-approve")
    if asks and not sys.stdin.isatty():
        raise UsageError(
            "apply asks before it writes, and there is no terminal to ask on; "
            "review the plan and give --auto-approve"
        )


@contextmanager
def _told(course: Course) -> Iterator[dict[str, object]]:
    """Yield what programs are told besides instances, and tell them however the block ends."""
    from identity_reconciler.cli.output import print_json

    members: dict[str, object] = {"exit_code": int(ExitCode.UNEXPECTED), "error": ""}
    try:
        yield members
    except ReconcilerError as error:
        members |= {"exit_code": int(error.exit_code), "error": str(error)}
        raise
    finally:
        if course.as_json:
            print_json("apply", **members, instances=course.told)
