"""No value is ever more than a value, in any format that there is."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from rich.console import Console

from identity_reconciler.audit.formats.html import page
from identity_reconciler.audit.formats.shown import plain
from identity_reconciler.audit.formats.table import table
from identity_reconciler.audit.formats.writing import written
from identity_reconciler.audit.report import INSTANCE, Column, Edition, Report, ReportFormat
from identity_reconciler.cli.output import note
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Reason, Update, ordered
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
    folded,
)
from identity_reconciler.core.wording import INVISIBLE, shown
from identity_reconciler.errors import Position, Problem
from identity_reconciler.github.step import GithubStep
from identity_reconciler.render.annotations import plan_annotations, problem_annotations
from identity_reconciler.render.describe import Findings, Occasion, document
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.drift import drift_markdown
from identity_reconciler.render.fitting import SizeLimit
from identity_reconciler.render.links import lines_of
from identity_reconciler.render.markdown import plan_markdown
from identity_reconciler.render.mermaid import access_picture
from identity_reconciler.render.planfile import plan_bytes, read_plan
from identity_reconciler.render.problems import problems_json, problems_sarif
from identity_reconciler.render.text import PageFormat, plan_text, result_line
from identity_reconciler.runs.applier import Outcome, Result
from identity_reconciler.runs.journal import JournalFile
from tests.golden.samples import DECLARED, LIVE
from tests.hostile import PAYLOADS, harmless, plan_with, values
from tests.skeleton import Skeleton
from tests.strategies import NOW

WIDE = PageFormat(10**6)
"""A page on which no line is folded."""
HOSTILE = pytest.mark.parametrize("payload", PAYLOADS)


def numbered(payload: str) -> Callable[[], str]:
    """Return what gives *payload* with another number each time, so that none is like another."""
    numbers = count()
    return lambda: f"{payload}{next(numbers)}"


def plan_of(payload: str) -> PlanDocument:
    return plan_with(numbered(payload))


def edition_of(payload: str) -> Edition:
    value = numbered(payload)
    columns = (INSTANCE, Column("name", "A name"), Column("email", "An address"))
    rows = tuple((value(), value(), value()) for _ in range(3))
    report = Report("access", value(), columns, rows, (value(),))
    return Edition(report, NOW, value(), (value(),))


def changes_of(payload: str) -> list[Change]:
    value = numbered(payload)
    user, group = User(UserName(value())), Group(GroupName(value()), value())
    name = value()
    principal = Principal(PrincipalKind.USER, folded(name))
    assignment = Assignment(ApplicationArn(value()), principal, value(), name)
    return [
        Create(user),
        Update(group, replace(group, description=value())),
        Delete(assignment, Reason.UNLISTED),
        Create(Membership(GroupName(value()), UserName(value()))),
    ]


def is_harmless(line: str) -> bool:
    """Return whether *line* is one, shows all that is in it, and no runner takes it for its own."""
    return (
        line.isprintable()
        and not INVISIBLE & set(line)
        and not line.lstrip().startswith("::")
        and "##[" not in line
    )


def at_a_commit(plan: PlanDocument) -> PlanDocument:
    """Return *plan* as made of files that are as committed."""
    source = plan.source.model_copy(update={"commit": "0" * 40})
    return plan.model_copy(update={"source": source})


class TestText:
    """On a terminal, in a log and in a note, a value stays on its line and steers nothing."""

    @HOSTILE
    def test_plans(self, payload: str) -> None:
        lines = plan_text(plan_of(payload), WIDE).split("\n")
        assert len(lines) == len(plan_text(harmless(), WIDE).split("\n"))
        assert all(map(is_harmless, lines))

    @HOSTILE
    def test_plans_whose_lines_are_folded(self, payload: str) -> None:
        assert all(map(is_harmless, plan_text(plan_of(payload), PageFormat(40)).split("\n")))

    @HOSTILE
    def test_results(self, payload: str) -> None:
        for change in changes_of(payload):
            assert is_harmless(result_line(change, Outcome.FAILED, payload))

    @HOSTILE
    def test_reports(self, payload: str) -> None:
        lines = plain(edition_of(payload)).split("\n")
        assert len(lines) == len(plain(edition_of("word")).split("\n"))
        # A log of a runner gets them through `without_commands`.
        assert all(line.isprintable() and not INVISIBLE & set(line) for line in lines)

    @HOSTILE
    def test_tables(self, payload: str) -> None:
        screen = Console(file=io.StringIO(), width=200, force_terminal=False)
        screen.print(table(edition_of(payload)))
        assert isinstance(screen.file, io.StringIO)
        text = screen.file.getvalue().replace("\n", "")
        assert text.isprintable()
        assert not INVISIBLE & set(text)

    @HOSTILE
    def test_notes(self, payload: str, capsys: pytest.CaptureFixture[str]) -> None:
        note(payload, f"user {payload} is gone")
        lines = capsys.readouterr().err.split("\n")
        assert len(lines) == 3
        assert all(map(is_harmless, lines))

    @given(value=values())
    def test_words(self, value: str) -> None:
        assert is_harmless(f"a{shown(value)}".replace("##[", ""))


class TestMarkdown:
    """Outside code, GitHub's own parser sees the same whatever the values are."""

    @pytest.mark.parametrize(
        "markdown",
        [
            lambda payload: plan_markdown(plan_of(payload)),
            lambda payload: drift_markdown(plan_of(payload)),
            lambda payload: written(edition_of(payload), ReportFormat.MARKDOWN),
        ],
        ids=["plan", "drift", "audit"],
    )
    @HOSTILE
    def test_nothing_gets_out(self, markdown: Callable[[str], str], payload: str) -> None:
        seen, expected = Skeleton(markdown(payload)), Skeleton(markdown("word"))
        assert seen.parts == expected.parts
        assert len(seen.comments) == len(expected.comments)
        assert "word" not in "".join(expected.parts)

    @HOSTILE
    def test_links_lead_to_the_repository(self, payload: str) -> None:
        lines = lines_of({"GITHUB_REPOSITORY": "acme/identities"})
        pages = f"<a href=https://github.com/acme/identities/blob/{'0' * 40}/"
        seen, expected = (
            Skeleton(plan_markdown(plan, SizeLimit(10**9, len), lines)).parts
            for plan in map(at_a_commit, (plan_of(payload), harmless()))
        )
        links = [part for part in seen if part.startswith("<a ")]
        assert len(links) == sum(part.startswith(pages) for part in expected) > 0
        assert all(re.fullmatch(rf"{re.escape(pages)}[\w.~%/-]+#L3>", one) for one in links)
        assert len(seen) == len(expected)


class TestMermaid:
    """A label is letters, digits and numbers of characters; nothing ends it."""

    @HOSTILE
    def test_labels(self, payload: str) -> None:
        first, *lines = access_picture(plan_of(payload))
        assert first == "flowchart LR"
        assert len(lines) == len(access_picture(harmless())) - 1
        label = r'"(?:#[0-9]+;|[^\W_]|[ .,_-])+"'
        node = rf" +n\d+(?:\(\[{label}\]\)|\[{label}\]|\[\[{label}\]\])"
        assert all(re.fullmatch(rf"{node}| +n\d+ [-=.> a-z]+ n\d+", line) for line in lines)


class TestForPrograms:
    """JSON, SARIF and CSV are ASCII or one cell a value, and read back as what was written."""

    @HOSTILE
    def test_saved_plans(self, payload: str) -> None:
        changes = Plan(ordered(changes_of(payload)))
        plan = document(DECLARED, changes, LIVE, Occasion(NOW, 1, 1.0), Findings())
        data = plan_bytes(plan)
        assert data.isascii()
        assert read_plan(data) == plan

    @HOSTILE
    def test_problems(self, payload: str) -> None:
        problems = [Problem(Position(payload, 1, 2), payload)] * 2
        for text in (problems_json(problems, "x/"), problems_sarif(problems, "x/")):
            assert text.isascii()
            json.loads(text)
        (run,) = json.loads(problems_sarif(problems, "x/"))["runs"]
        assert len(run["results"]) == 2

    @HOSTILE
    def test_reports_as_json(self, payload: str) -> None:
        edition = edition_of(payload)
        text = written(edition, ReportFormat.JSON)
        assert text.isascii()
        rows = json.loads(text)["rows"]
        assert [tuple(row.values()) for row in rows] == list(edition.report.rows)

    @HOSTILE
    def test_csv(self, payload: str) -> None:
        text = written(edition_of(payload), ReportFormat.CSV)
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert [len(row) for row in rows] == [3] * 4
        cells = (cell for row in rows for cell in row)
        assert not any(re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell) for cell in cells)
        assert all(map(str.isprintable, text.split("\r\n")))

    @HOSTILE
    def test_annotations(self, payload: str) -> None:
        problem = Problem(Position(payload, 1, 2), payload)
        for text, number in (
            (plan_annotations(plan_of(payload), payload), 10),
            (problem_annotations([problem, problem], "x/"), 2),
        ):
            lines = text.split("\n")[:-1]
            assert len(lines) == number
            for line in lines:
                assert re.match("::(error|warning|notice) [a-z]", line)
                assert line.isprintable()
                assert not INVISIBLE & set(line)

    @HOSTILE
    def test_outputs_of_a_job(self, payload: str, tmp_path: Path) -> None:
        step = GithubStep(tmp_path / "output", tmp_path / "summary")
        step.write([plan_of(payload)])
        lines = (tmp_path / "output").read_text("utf-8").splitlines()
        assert all(re.fullmatch(r"[a-z_]+=[a-z0-9:]+", line) for line in lines)

    def test_the_journal(self, tmp_path: Path) -> None:
        changes = [changes_of(one)[at % 4] for at, one in enumerate(PAYLOADS)]
        with JournalFile(tmp_path, lambda: NOW, {"instance": PAYLOADS[0]}) as journal:
            for change, payload in zip(changes, PAYLOADS, strict=True):
                journal.starting(change)
                journal.finished(Result(change, Outcome.FAILED, payload))
        data = journal.path.read_bytes()
        assert data.isascii()
        lines = [json.loads(line) for line in data.splitlines()]
        assert len(lines) == 2 * len(changes) + 2
        assert lines[0]["instance"] == PAYLOADS[0]
        assert tuple(one["detail"] for one in lines if one["event"] == "end") == PAYLOADS
        keys = [one["key"] for one in lines if one["event"] == "begin"]
        assert keys == ["/".join(change.key) for change in changes]


class Tags(HTMLParser):
    """The elements of a page, with their attributes, and the text of its data."""

    def __init__(self, text: str) -> None:
        """Read *text*."""
        super().__init__(convert_charrefs=True)
        self.tags: list[object] = []
        self.data: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", data))

    def handle_data(self, data: str) -> None:
        self.data.append(data)


class TestHtml:
    """A page has the same elements whatever the values are, and its script finds them whole."""

    @HOSTILE
    def test_elements(self, payload: str) -> None:
        edition = edition_of(payload)
        seen, expected = Tags(page(edition)), Tags(page(edition_of("word")))
        assert seen.tags == expected.tags
        assert len(seen.data) == len(expected.data)
        (found,) = _blocks(seen.data)
        assert [len(column) for column in found["cells"]] == [3, 3, 3]


def _blocks(texts: list[str]) -> Iterator[dict[str, list[list[object]]]]:
    for text in texts:
        if text.startswith('{"columns"'):
            yield json.loads(text)
