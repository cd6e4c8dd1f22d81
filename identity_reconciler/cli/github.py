"""`github`: what the jobs of a workflow say on GitHub. No AWS, no checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.help import Commands
from identity_reconciler.cli.options import NotifyAs, NotifyNames, NotifyUrl
from identity_reconciler.notify.shapes import Shape

if TYPE_CHECKING:
    from identity_reconciler.github.api import Job
    from identity_reconciler.render.document import PlanDocument

app = Commands("Speak on GitHub, from a job of a workflow.")

_NO_PLAN = (
    "**There is no plan for this commit**: the checks did not come that far, and their log says "
    "why. What stood here before does not count any more."
)
_VERDICTS = {
    "merged": "**Merged.** What is left of this plan is applied by the run of the merged commit.",
    "closed": "**Closed without merging.** Nothing of this plan is applied.",
}
Plans = Annotated[list[Path] | None, typer.Argument(help="Plans saved with plan --out.")]
Author = Annotated[
    str, typer.Option(help="Who writes: comments and issues of others are never touched.")
]
_AUTHOR = "github-actions[bot]"


class PullRequestState(StrEnum):
    """What has become of a pull request."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@app.callback()
def github() -> None:
    """Speak on GitHub, from a job of a workflow."""


@app.command()
def comment(
    pull_request: Annotated[int, typer.Option(min=1, help="The number of the pull request.")],
    commit: Annotated[str, typer.Option(metavar="SHA", help="The commit that was planned.")],
    plans: Plans = None,
    matrix: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="What plan --matrix printed: each of these instances gets a line, and its plan is "
            "the file that PLANS names with {instance} for its name.",
        ),
    ] = None,
    state: Annotated[
        PullRequestState, typer.Option(help="What has become of it.")
    ] = PullRequestState.OPEN,
    author: Author = _AUTHOR,
) -> None:
    """Show plans in the one comment of a pull request, and label it.

    With `removes-access`, `blocked` and `loosens-control`. Needs the permission
    `pull-requests: write`. Files that do not exist are plans that were not made; without any, the
    comment says so.
    """
    from identity_reconciler.github.api import Github, job_of
    from identity_reconciler.github.comments import end, label, put

    job = job_of()
    instances = _by_instance(plans, matrix) if matrix is not None else None
    documents = (
        _opened(plans)
        if instances is None
        else [one for one in instances.values() if one is not None]
    )
    service = Github(job)
    if state is not PullRequestState.OPEN:
        typer.echo(f"comment {end(service, pull_request, author, _VERDICTS[state])}")
        return
    done = put(service, pull_request, author, _body(documents, commit, job, instances))
    label(service, pull_request, _labels(documents))
    typer.echo(f"comment {done}")


@app.command()
def drift(
    plans: Plans = None,
    author: Author = _AUTHOR,
    notify: NotifyUrl = None,
    notify_names: NotifyNames = False,
    notify_as: NotifyAs = Shape.JSON,
) -> None:
    """Open, update or close the one issue about drift, as plans of the default branch say.

    Needs the permission `issues: write`. Every plan has to be there. What plans of a part find, of
    plan --only-ids, is said below the issue, which they neither change nor close.
    """
    from identity_reconciler.cli.notices import telling, told_to
    from identity_reconciler.errors import UsageError
    from identity_reconciler.github.api import Github, job_of
    from identity_reconciler.github.issues import MARKER, remark, report, settle
    from identity_reconciler.render.drift import deviates, drift_markdown, drift_title
    from identity_reconciler.render.fitting import SizeLimit
    from identity_reconciler.render.markdown import COMMENT
    from identity_reconciler.runs.saved import open_saved

    one = telling(notify, names=notify_names, shape=notify_as)
    job = job_of()
    documents = [open_saved(path) for path in plans or ()]
    if not documents:
        raise UsageError("there is no plan to read; without one nobody knows whether all is well")
    service = Github(job)
    differing = [document for document in documents if deviates(document)]
    partial = any(document.source.is_partial for document in documents)
    with told_to(one, "drift") as told:
        told.plans += differing
        if partial and not differing:
            typer.echo("nothing that was looked at differs; whole plans decide about the issue")
        elif differing:
            share = SizeLimit(COMMENT.limit // len(differing), COMMENT.size)
            text = "\n".join(drift_markdown(document, share) for document in differing)
            title = _plain("; ".join(map(drift_title, differing)))
            body = f"{text}\n[The run that found it]({job.run_url}).\n"
            if partial:
                typer.echo(remark(service, author, _mark(differing), title, body))
            else:
                typer.echo(report(service, author, title, f"{MARKER}\n{body}"))
        else:
            typer.echo(settle(service, author, f"In sync again, says [this run]({job.run_url})."))
        told.exit_code = 0


@app.command()
def reviews(
    sheets: Annotated[list[Path], typer.Argument(help="Sheets, as review start writes them.")],
    commit: Annotated[str, typer.Option(metavar="SHA", help="Where their branches begin.")],
    directory: Annotated[
        str, typer.Option(metavar="DIR", help="Where in the repository instance.yaml is.")
    ] = "desired-state",
    base: Annotated[
        str, typer.Option(metavar="BRANCH", help="What pull requests are merged into.")
    ] = "main",
    author: Author = _AUTHOR,
) -> None:
    """Open a pull request for each sheet; of one group or application only one is open.

    Needs the permissions `contents: write` and `pull-requests: write`, and that GitHub Actions may
    create pull requests (a setting of the repository).
    """
    from identity_reconciler.errors import UsageError
    from identity_reconciler.github.api import Github, job_of
    from identity_reconciler.github.reviews import Beginning, ProposedSheet, propose
    from identity_reconciler.render.review_sheet import subject_of
    from identity_reconciler.runs.reviewing import FOLDER

    job = job_of()
    proposed: list[ProposedSheet] = []
    for path in sheets:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {path} as UTF-8: {error}; name a sheet") from error
        title = _plain(f"Review of {subject_of(text, str(path))}")
        proposed.append(ProposedSheet(f"{directory}/{FOLDER}/{path.name}", title, text))
    for done in propose(Github(job), author, proposed, Beginning(commit, base, job.run_id)):
        typer.echo(done)


@app.command("approved-plan")
def approved_plan(
    commit: Annotated[str, typer.Option(metavar="SHA", help="The merged commit.")],
    out: Annotated[Path, typer.Option(help="Where to save the plan; - is stdout.")],
    workflow: Annotated[
        str, typer.Option(metavar="FILE", help="The workflow that plans pull requests.")
    ] = "plan.yml",
    artifact: Annotated[str, typer.Option(metavar="NAME", help="What it calls the plan.")] = "plan",
    base: Annotated[
        str, typer.Option(metavar="BRANCH", help="What pull requests are merged into.")
    ] = "main",
) -> None:
    """Fetch the newest plan that the pull request of a merged commit showed.

    It is refused where a plan of another base, or of a changed workflow, could pass for it.
    Needs the permissions `actions: read` and `pull-requests: read`. Ends with 5 if there is none.
    """
    from identity_reconciler.cli.output import write_out
    from identity_reconciler.github.api import Github, job_of
    from identity_reconciler.github.approved import PlanSource
    from identity_reconciler.github.approved import approved_plan as fetched
    from identity_reconciler.render.planfile import LARGEST, read_plan
    from identity_reconciler.runs.saved import imprint

    content = fetched(Github(job_of()), commit, PlanSource(base, workflow, artifact), LARGEST)
    document = read_plan(content)
    if not write_out(out, content):
        typer.echo(f"Saved {imprint(document, out)}")


def _opened(plans: list[Path] | None) -> list[PlanDocument]:
    from identity_reconciler.runs.saved import open_saved

    return [open_saved(path) for path in plans or () if path.exists()]


def _by_instance(plans: list[Path] | None, matrix: str) -> dict[str, PlanDocument | None]:
    """Return the plans of the instances in *matrix*, by their names; None: none was made.

    Raises:
        UsageError: The plans are not named by one pattern.
    """
    from identity_reconciler.cli.matrix import instances_in
    from identity_reconciler.errors import UsageError
    from identity_reconciler.runs.saved import open_saved

    patterns = [str(one) for one in plans or ()]
    if len(patterns) != 1 or "{instance}" not in patterns[0]:
        raise UsageError(
            "--matrix needs one path of plans, such as plans/plan-{instance}/plan.json"
        )
    paths = {name: Path(patterns[0].replace("{instance}", name)) for name in instances_in(matrix)}
    return {name: open_saved(path) if path.exists() else None for name, path in paths.items()}


def _body(
    documents: list[PlanDocument],
    commit: str,
    job: Job,
    instances: Mapping[str, PlanDocument | None] | None,
) -> str:
    """Return the comment: a marker, what it is about, and every plan."""
    from identity_reconciler.github.comments import MARKER
    from identity_reconciler.render.fitting import SizeLimit
    from identity_reconciler.render.fleet import fleet_markdown
    from identity_reconciler.render.links import lines_of
    from identity_reconciler.render.markdown import COMMENT, plan_markdown
    from identity_reconciler.render.spans import name_span

    about = f"Commit {name_span(commit)}, planned by [this run]({job.run_url})."
    if instances is not None:
        told = fleet_markdown(instances, COMMENT, lines_of(os.environ))
        return f"{MARKER}s -->\n{about}\n\n{told}"
    if not documents:
        return f"{MARKER} -->\n{about}\n\n{_NO_PLAN}\n"
    share = SizeLimit(COMMENT.limit // len(documents), COMMENT.size)
    lines = lines_of(os.environ)
    told = "".join(plan_markdown(one, share, lines) for one in documents)
    marker, _, text = told.partition("\n")
    return f"{marker}\n{about}\n\n{text}"


def _labels(documents: list[PlanDocument]) -> set[str]:
    from identity_reconciler.render.words import blocked, loosened

    labels = set()
    if any(one.effect == "loses" for document in documents for one in document.access):
        labels.add("removes-access")
    if any(map(blocked, documents)):
        labels.add("blocked")
    if any(map(loosened, documents)):
        labels.add("loosens-control")
    return labels


def _mark(documents: list[PlanDocument]) -> str:
    """Return a line that is the same for the same differences, whenever they are found."""
    found = repr([(one.instance.name, one.changes, one.unresolved) for one in documents])
    return f"<!-- identity-reconciler drift of events: {sha256(found.encode()).hexdigest()} -->"


def _plain(text: str) -> str:
    from identity_reconciler.render.escape import safe

    return safe(text)
