"""`review`: look at who has access, as often as the YAML says. AWS only if it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.completion import addresses, users
from identity_reconciler.cli.edit import DryRun, In, editing
from identity_reconciler.cli.help import Commands
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    AsJson,
    DirectoryArgument,
    EndpointUrl,
    ProfileName,
    RateOption,
    UseSandbox,
    parse_rates,
)
from identity_reconciler.errors import ExitCode, UsageError, file_below

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.git import LastChange
    from identity_reconciler.core.access_reviews import Reviewing
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.core.state import State
    from identity_reconciler.errors import Position

app = Commands("Reviews: is everybody who has access still to have it?")


class ReviewFormat(StrEnum):
    """How to print what is due."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


def _today() -> date:
    return datetime.now(UTC).date()


@app.command()
def due(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    within: Annotated[
        int, typer.Option(metavar="DAYS", min=0, max=3660, help="How many days to look ahead.")
    ] = 0,
    output_format: Annotated[
        ReviewFormat, typer.Option("--format", help="How to print it.")
    ] = ReviewFormat.TEXT,
    as_json: AsJson = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when anything is listed.")
    ] = False,
) -> int:
    """What is to be reviewed now, since when, and by whom? The YAML alone says so."""
    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.core.access_reviews import due as due_on

    day = _today()
    found = {one.settings.instance.name: due_on(one, day, within) for one in load_all(directory)}
    match ReviewFormat.JSON if as_json else output_format:
        case ReviewFormat.TEXT:
            for name, reviews in found.items():
                _print_due(name if len(found) > 1 else "", reviews, day)
        case ReviewFormat.CSV:
            rows = ([name, *_cells(one, day)] for name, some in found.items() for one in some)
            _print_csv(("instance", *_COLUMNS), rows)
        case ReviewFormat.JSON:
            from identity_reconciler.cli.output import print_json

            listed = [
                {"instance": name, **_facts(one, day)}
                for name, some in found.items()
                for one in some
            ]
            print_json("reviews-due", day=day.isoformat(), reviews=listed)
    return ExitCode.CHANGES if detailed_exitcode and any(found.values()) else ExitCode.SUCCESS


def _print_due(name: str, reviews: Sequence[Reviewing], day: date) -> None:
    from identity_reconciler.cli.output import terminal_page
    from identity_reconciler.render.escape import safe_lines
    from identity_reconciler.render.reviews import due_text

    if name:
        typer.echo(safe_lines(f"{name}:"))
    for line in due_text(reviews, day, terminal_page().columns):
        typer.echo(line)
    late = sum(one.is_overdue(day) for one in reviews)
    now = sum(one.is_due(day) for one in reviews)
    typer.echo(
        f"{now} to review, {late} of them overdue" if now else "nothing is to be reviewed now"
    )


_COLUMNS = ("object", "standing", "due", "last_reviewed", "last_by", "asked", "ends_after")


def _cells(one: Reviewing, day: date) -> list[str]:
    facts = _facts(one, day)
    asked = facts.pop("asked")
    return [
        *(str(facts[name] or "") for name in _COLUMNS if name not in {"asked", "ends_after"}),
        " ".join(asked) if isinstance(asked, list) else "",
        str(facts["ends_after"] or ""),
    ]


def _facts(one: Reviewing, day: date) -> dict[str, str | list[str] | None]:
    def written(moment: date | None) -> str | None:
        return moment.isoformat() if moment else None

    standing = "overdue" if one.is_overdue(day) else "due" if one.is_due(day) else "upcoming"
    return {
        "object": one.address,
        "standing": standing,
        "due": written(one.due),
        "last_reviewed": written(one.last.day if one.last else None),
        "last_by": one.last.by if one.last else None,
        "asked": [str(each) for each in one.by],
        "ends_after": written(one.lapses),
    }


def _print_csv(head: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    import csv
    import io

    from identity_reconciler.audit.formats.data import defused

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([defused(cell) for cell in row] for row in rows)
    sys.stdout.buffer.write(text.getvalue().encode())


@app.command()
def start(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="GROUP|APPLICATION",
            help="The name, or as group/NAME or application/NAME, of what has `review`.",
            autocompletion=addresses,
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            metavar="USER_NAME",
            help="All that this user owns or is asked to review.",
            autocompletion=users,
        ),
    ] = None,
    is_due: Annotated[bool, typer.Option("--due", help="All that is due.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write them here; they belong into reviews all the same."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask AWS who has it and is not listed, as well.")
    ] = False,
    directory: In = DEFAULT_DIRECTORY,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    rate: RateOption = None,
) -> None:
    """Write a sheet for each: who is listed, since when, and boxes to tick.

    The sheets are Markdown, in the folder reviews of the directory.
    """
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.loading import one_directory
    from identity_reconciler.cli.output import note
    from identity_reconciler.core.access_reviews import due as due_on
    from identity_reconciler.core.flattening import flattened
    from identity_reconciler.desired.writing.replacement import replace_file
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.runs.reviewing import FOLDER, Sources, chosen, sheets

    if not names and owner is None and not is_due:
        raise UsageError("give names, --owner or --due: what is to be reviewed")
    place = one_directory(directory)
    declared = flattened(Rewrite(place).declared())
    reviews = chosen(declared, names or (), owner)
    reviews += [one for one in due_on(declared, _today()) if is_due and one not in reviews]
    folder = place / FOLDER
    target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
    state = _live(declared, target, reviews) if live and reviews else None
    sources = Sources(_history(place), state)
    made = sheets(declared, reviews, _today(), sources, f"{folder.as_posix()}/")
    place = out or folder
    there = [place / name for name in made if (place / name).exists()]
    if there:
        raise UsageError(f"{there[0]} is there already; finish that review, or remove the file")
    for name, text in made.items():
        replace_file(place / name, text.encode(), parents=True)
        typer.echo(str(place / name))
    if not made:
        note("nothing is due; no sheet was written")


def _live(declared: Declared, target: Target, reviews: Sequence[Reviewing]) -> State:
    from identity_reconciler.cli.connection import connected_for
    from identity_reconciler.runs.reviewing import wanted

    with connected_for(declared, target, write=False) as gateway:
        return gateway.read_state(wanted(declared, reviews))


def _history(directory: Path) -> Callable[[Position], str]:
    """Return what tells when and by whom a line was written, as far as Git knows."""
    from identity_reconciler.cli.git import repository_around
    from identity_reconciler.cli.history import files_of, repository_prefix
    from identity_reconciler.desired.reading.files import read_files
    from identity_reconciler.render.spans import name_span

    repository = repository_around(directory)
    commit = repository.commit("HEAD") if repository else None
    if repository is None or commit is None:
        return lambda _: ""
    objects = files_of(repository, commit, directory)
    contents = read_files(directory).contents
    top = repository_prefix(directory)
    lines: dict[str, dict[int, LastChange]] = {}

    def since(position: Position) -> str:
        file = position.file
        if file not in lines:
            same = file in objects and repository.holds(
                {file: objects[file]}, {file: contents[file]}
            )
            lines[file] = repository.blame(commit, file_below(top, file)) if same else {}
        found = lines[file].get(position.line)
        if found is None:
            return "not committed yet"
        who = f"{name_span(found.author)}, commit {found.commit[:12]}"
        return f"listed like this since {found.day} ({who})"

    return since


@app.command()
def finish(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A sheet with all boxes ticked.")],
    by: Annotated[
        str,
        typer.Option(
            metavar="USER_NAME", help="Who has decided; one who is asked.", autocompletion=users
        ),
    ],
    directory: In = DEFAULT_DIRECTORY,
    dry_run: DryRun = False,
) -> None:
    """Take out who is to be removed, record the review, and remove the sheet.

    All or nothing: while anybody is undecided nothing is changed.
    """
    from identity_reconciler.cli.output import note
    from identity_reconciler.runs.reviewing import conclude

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path} as UTF-8: {error}; name another file") from error
    with editing(directory, dry_run=dry_run) as editor:
        done = conclude(editor, text, str(path), by, _today())
    note(f"{done.address}: {done.kept} kept, {len(done.removed)} removed")
    if not dry_run:
        path.unlink()
        note(f"{path} removed")


@app.command()
def export(directory: DirectoryArgument = DEFAULT_DIRECTORY) -> None:
    """Print every review that was ever recorded, as CSV: when, by whom, who went, which commit."""
    from identity_reconciler.cli.loading import load_one, one_directory

    place = one_directory(directory)
    now = load_one(place)
    _print_csv(_EVIDENCE, _evidence(place, now))


_EVIDENCE = (
    *("object", "reviewed_on", "reviewed_by", "kept", "removed"),
    *("commit", "committed_on", "commit_author"),
)


def _evidence(directory: Path, now: Declared) -> Iterator[list[str]]:
    """Yield the cells of each review, the latest first; what is not committed has no commit."""
    from identity_reconciler.cli.git import repository_around
    from identity_reconciler.cli.history import declared_in, tree_at
    from identity_reconciler.desired.reading.files import OUTSIDE
    from identity_reconciler.runs.reviewing import recorded

    def at(revision: str) -> Declared | None:
        with tree_at(directory, revision) as tree:
            return declared_in(tree)

    repository = repository_around(directory)
    commit = repository.commit("HEAD") if repository else None
    if repository is None or commit is None:
        for one in recorded(None, now):
            yield [*one.cells, "", "", ""]
        return
    for one in recorded(at(commit), now):
        yield [*one.cells, "", "", ""]
    for change in repository.changes_of(commit, (directory, directory / OUTSIDE), _RECORDS):
        after = at(change.commit)
        parent = repository.commit(f"{change.commit}^")
        before = at(parent) if parent else None
        for one in recorded(before, after) if after is not None else ():
            yield [*one.cells, change.commit, change.day, change.author]


_RECORDS = "(reviewed|day|by):"
"""In a line that changes when a review is recorded."""
