"""`plan`: what would change? Reads AWS, writes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    Color,
    ColorChoice,
    DirectoryArgument,
    EndpointUrl,
    ForGithub,
    JobsOption,
    NotifyAs,
    NotifyNames,
    NotifyUrl,
    OnlyExpired,
    PlanFormat,
    PlanFormatChoice,
    ProfileName,
    RateOption,
    ShowTimings,
    UseSandbox,
)
from identity_reconciler.errors import ExitCode, UsageError, gravest
from identity_reconciler.notify.shapes import Shape

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.fleet import Ending
    from identity_reconciler.cli.loading import Loaded
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.render.document import PlanDocument
    from identity_reconciler.runs.planning import Base, PlanTerms


_WHOLE_LIST = (
    "who is to be in a group that is touched is known only with all that is live; "
    "planning everything"
)


def plan(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    output_format: PlanFormatChoice = PlanFormat.TEXT,
    out: Annotated[
        Path | None,
        typer.Option(help="Save the plan to this file, for show and apply; - is stdout."),
    ] = None,
    valid_for: Annotated[
        float, typer.Option(min=0, max=24 * 7, help="Hours for which a saved plan is valid.")
    ] = 24.0,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit with 2 when there are changes or unresolved references.",
        ),
    ] = False,
    changed_since: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Only what the change since this Git revision touches."),
    ] = None,
    only_ids: Annotated[
        str | None,
        typer.Option(
            metavar="IDS",
            help="Only what these identifiers name, as events carry them: user/USERID "
            "group/GROUPID+user/USERID application/ARN. Empty: everything.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="REF", help="Tell apart what was pending already at this Git revision."
        ),
    ] = None,
    matrix: Annotated[
        bool,
        typer.Option(
            "--matrix",
            help="Only print which instances there are to plan, as JSON for a matrix of jobs: with "
            "--changed-since or --base those that the change touches. Needs no AWS.",
        ),
    ] = False,
    only_expired: OnlyExpired = False,
    jobs: JobsOption = 1,
    rate: RateOption = None,
    timings: ShowTimings = False,
    notify: NotifyUrl = None,
    notify_names: NotifyNames = False,
    notify_as: NotifyAs = Shape.JSON,
    github: ForGithub = False,
    color: ColorChoice = Color.AUTO,
) -> int:
    """Compare the YAML with what is live and show what apply would change. Writes nothing."""
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.fleet import conclude
    from identity_reconciler.cli.history import bases
    from identity_reconciler.cli.loading import load_each
    from identity_reconciler.cli.notices import telling, told_to
    from identity_reconciler.cli.options import parse_rates
    from identity_reconciler.cli.output import (
        STDOUT,
        Progress,
        Timings,
        note,
        print_plans,
        timings_text,
    )
    from identity_reconciler.core.collecting import without_collections
    from identity_reconciler.core.object_ids import parse_ids
    from identity_reconciler.github.step import github_step, report, without_commands
    from identity_reconciler.runs.planning import PlanTerms

    revision = changed_since or base
    if matrix:
        from identity_reconciler.cli.matrix import matrix as rows

        typer.echo(rows(directory, revision))
        return ExitCode.SUCCESS
    clock = Timings()
    target = Target(sandbox, endpoint_url, parse_rates(rate), clock, profile)
    one = telling(notify, names=notify_names, shape=notify_as)
    with told_to(one, "expire" if only_expired else "plan") as told:
        with clock.phase("load"):
            loaded = load_each(directory)
        if len(loaded) == 1:
            loaded[0].valid()
        step = github_step(os.environ, as_json=output_format is PlanFormat.JSON) if github else None
        ids = parse_ids(only_ids) if only_ids else ()
        if out is not None:
            _require_whole(directory, len(loaded), changed_since)
        _require_no_contradiction(
            {
                "--changed-since": changed_since,
                "--only-ids": ids,
                "--base": base,
                "--only-expired": only_expired,
            },
            to_stdout=out == STDOUT and github,
        )
        terms = PlanTerms(
            valid_for=timedelta(hours=valid_for),
            ids=ids,
            only_expired=only_expired,
            sandbox=sandbox,
            listener=Progress(clock),
        )
        since = bases(directory, revision, loaded) if revision else {}
        planning = _Planning(target, terms, since, changed_since)
        prefixes, endings = _carried_out(planning, loaded, jobs, documents := told.plans)
        # Where the saved plan goes to stdout, what is for people goes to stderr.
        shown = redirect_stdout(sys.stderr) if out == STDOUT else nullcontext()
        with clock.phase("render"), without_collections(), without_commands(step), shown:
            print_plans(documents, output_format, color, of_several=len(loaded) > 1)
        report(step, documents, prefixes)
        if timings:
            note(*timings_text(clock).splitlines())
        if out is not None:
            _save(documents[0], out, beside=output_format)
        code = _end(documents, detailed=detailed_exitcode)
        failed = [one for one in endings if one.code is not ExitCode.SUCCESS]
        told.exit_code = gravest([conclude(endings), code]) if failed else code
    return told.exit_code


def _carried_out(
    planning: _Planning, loaded: Sequence[Loaded], jobs: int, documents: list[PlanDocument]
) -> tuple[list[str], list[Ending]]:
    """Add the plans that *planning* makes of what is *loaded* to *documents*.

    Return where each of them is in the repository, and how the making of each instance's ended.
    """
    from identity_reconciler.cli.history import repository_prefix
    from identity_reconciler.cli.loading import pace_of
    from identity_reconciler.cli.side_by_side import Task, results

    prefixes: list[str] = []
    endings: list[Ending] = []
    tasks = [
        Task(pace_of(each), partial(planning.ended, each, alone=len(loaded) == 1))
        for each in loaded
    ]
    with closing(results(tasks, jobs)) as found:
        for document, ending in found:
            endings.append(ending)
            if document is not None:
                documents.append(document)
                prefixes.append(repository_prefix(ending.place))
    return prefixes, endings


@dataclass(frozen=True, slots=True)
class _Planning:
    """What the plans of several instances have in common."""

    target: Target
    terms: PlanTerms
    since: Mapping[Path, Base]
    """How instances stood at the revision that was named, by their places."""
    changed_since: str | None

    def ended(self, one: Loaded, *, alone: bool) -> tuple[PlanDocument | None, Ending]:
        """Return the plan for *one*, if there is one, and how its making ended.

        Raises:
            ReconcilerError: There is none, and *alone* says that there is no other instance.
        """
        from identity_reconciler.cli.fleet import Ending, ended

        documents: list[PlanDocument] = []

        def work() -> ExitCode:
            documents.append(self._document(one))
            return ExitCode.SUCCESS

        ending = Ending(one.place, work()) if alone else ended(one.place, work)
        return next(iter(documents), None), ending

    def _document(self, one: Loaded) -> PlanDocument:
        from identity_reconciler.cli.connection import connected_for
        from identity_reconciler.cli.history import commit_of, repository_prefix
        from identity_reconciler.cli.output import note
        from identity_reconciler.cli.turns import generation_before
        from identity_reconciler.core.lease import lock_of
        from identity_reconciler.runs.planning import plan_since

        declared, old = one.valid(), self.since.get(one.place)
        claims, changed_since = declared.settings.claims, self.changed_since
        lock = lock_of(declared.settings.lease, sandbox=self.target.sandbox)
        with connected_for(declared, self.target, write=False) as gateway:
            bound = replace(
                self.terms,
                commit=commit_of(one.place),
                directory=repository_prefix(one.place),
                generation=None
                if changed_since or self.terms.ids
                else generation_before(gateway, lock, claims),
            )
            document = plan_since(old, declared, gateway, bound, targeted=bool(changed_since))
        asked = changed_since or self.terms.ids
        if asked and not document.source.is_partial:
            why = _why_whole(old, declared, changed_since) if changed_since else _WHOLE_LIST
            note(f"{document.instance.name}: {why}")
        return document


def _save(document: PlanDocument, out: Path, *, beside: PlanFormat) -> None:
    """Write *document* to *out*, and say so where it is not in the way of what was printed."""
    from identity_reconciler.cli.output import write_out
    from identity_reconciler.render.planfile import plan_bytes
    from identity_reconciler.runs.saved import imprint

    elsewhere = write_out(out, plan_bytes(document)) or beside is not PlanFormat.TEXT
    typer.echo(f"Saved {imprint(document, out)}", err=elsewhere)


def _end(documents: list[PlanDocument], *, detailed: bool) -> ExitCode:
    """Return what a plan ends with; *detailed* tells changes by it."""
    from identity_reconciler.render.words import blocked

    if any(map(blocked, documents)):
        return ExitCode.GUARD
    if detailed and any(one.changes or one.unresolved for one in documents):
        return ExitCode.CHANGES
    return ExitCode.SUCCESS


def _why_whole(base: Base | None, declared: Declared, revision: str) -> str:
    """Return why everything was planned, and not only what the change since *revision* touches."""
    old = base.plans(declared) if base is not None else None
    if old is not None and old.settings == declared.settings:
        return _WHOLE_LIST
    why = "instance.yaml, which touches everything, differs from"
    if base is None or base.declared is None:
        why = "no desired state without problems stood there at"
    return f"{why} {revision}; planning everything"


def _require_no_contradiction(given: Mapping[str, object], *, to_stdout: bool) -> None:
    chosen = [one for one, value in given.items() if value]
    for part in ("--changed-since", "--only-ids"):
        others = [one for one in chosen if one != part]
        if part in chosen and others:
            raise UsageError(f"{part} excludes {' and '.join(others)}; leave one out")
    if to_stdout:
        raise UsageError("--github speaks to the runner on stdout; save the plan to a file")


def _require_whole(directory: Path, instances: int, changed_since: str | None) -> None:
    """Refuse to save anything but the whole plan of one instance."""
    if instances != 1:
        raise UsageError(
            f"--out saves the plan of one instance, and {directory} holds {instances}; "
            "name the directory of one of them"
        )
    if changed_since is not None:
        raise UsageError(
            "--out saves a plan for apply, which guards have to judge as a whole; "
            "leave out --changed-since"
        )
