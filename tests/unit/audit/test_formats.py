"""Every format shows all there is, and no value can be more than a value."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from identity_reconciler.audit.formats.data import SCHEMA_FILE, csv_text, json_text, schema_text
from identity_reconciler.audit.formats.shown import MARKDOWN_ROWS, markdown, plain
from identity_reconciler.audit.formats.table import table
from identity_reconciler.audit.report import INSTANCE, Column, Edition, Report, Row
from tests.command import ROOT
from tests.hostile import PAYLOADS

COLUMNS = (INSTANCE, Column("name", "A name"), Column("arn", "An ARN", detail=True))


def edition(*rows: Row, gaps: tuple[str, ...] = ()) -> Edition:
    report = Report("access", "Access", COLUMNS, rows, ("A note.",))
    return Edition(report, datetime(2026, 3, 1, 9, tzinfo=UTC), "live state of main", gaps)


def on_terminal(of: Edition) -> str:
    screen = Console(file=io.StringIO(), width=60, force_terminal=True, color_system="standard")
    screen.print(table(of))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


_VALUES = st.one_of(st.sampled_from(PAYLOADS), st.text("=+-@;,\"' \nax", max_size=8))


def _cells(text: str, delimiters: str) -> Iterator[str]:
    """Yield the cells as spreadsheets make them: a quote counts only at the start of a cell."""
    cell, quoted, closing = "", False, False
    for character in text:
        if quoted and not closing:
            closing = character == '"'
            cell += "" if closing else character
        elif closing and character == '"':
            closing = False
            cell += character
        elif character in f"{delimiters}\r\n":
            yield cell
            cell, quoted, closing = "", False, False
        elif character == '"' and not cell and not quoted:
            quoted = True
        else:
            cell, quoted, closing = cell + character, False, False
    yield cell


class TestCsv:
    """RFC 4180, the same columns always, and nothing to calculate."""

    @pytest.mark.parametrize("value", PAYLOADS)
    def test_no_cell_begins_like_a_formula(self, value: str) -> None:
        text = csv_text(edition((value, "x", value)))
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert len(rows) == 2
        assert rows[0] == ["instance", "name", "arn"]
        for cell in rows[1]:
            assert not re.match(r"\s*[=+\-@\t\r\x00\uff1d\uff0b\uff0d\uff20]", cell)

    @given(rows=st.lists(st.tuples(_VALUES, _VALUES, _VALUES), min_size=1, max_size=3))
    def test_none_does_wherever_lines_are_split(self, rows: list[tuple[str, str, str]]) -> None:
        text = csv_text(edition(*rows))
        for delimiters in (",", ";", ",;"):
            for cell in _cells(text, delimiters):
                assert not re.match(r"[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell), delimiters

    def test_harmless_values_are_as_they_are(self) -> None:
        text = csv_text(edition(("main", 'José "Pepe", Sr.', "a-b@c=d+e")))
        assert text == 'instance,name,arn\r\nmain,"José ""Pepe"", Sr.",a-b@c=d+e\r\n'

    @given(rows=st.lists(st.tuples(st.text(), st.text(), st.text())))
    def test_every_row_comes_back(self, rows: list[tuple[str, str, str]]) -> None:
        text = csv_text(edition(*rows))
        assert len(list(csv.reader(io.StringIO(text, newline=""), strict=True))) == len(rows) + 1


class TestJson:
    """A document that its schema describes."""

    def test_it_fits_its_schema(self) -> None:
        data = json.loads(json_text(edition(("main", "ana", "arn"), gaps=("account 1: shut",))))
        jsonschema.Draft202012Validator(json.loads(schema_text())).validate(data)
        assert data["rows"] == [{"instance": "main", "name": "ana", "arn": "arn"}]
        assert data["complete"] is False
        assert data["gaps"] == ["account 1: shut"]

    def test_the_schema_refuses_what_is_not_one(self) -> None:
        data = json.loads(json_text(edition()))
        validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
        assert data["complete"] is True
        for wrong in ({"rows": [{"name": 1}]}, {"complete": "yes"}, {"more": 1}):
            assert not validator.is_valid({**data, **wrong})

    def test_the_schema_that_is_kept_is_current(self) -> None:
        assert (ROOT / "schemas" / SCHEMA_FILE).read_text("utf-8") == schema_text()

    @pytest.mark.parametrize("value", PAYLOADS)
    def test_values_come_back_as_they_were(self, value: str) -> None:
        text = json_text(edition((value, "", "")))
        assert text.isascii()
        assert json.loads(text)["rows"][0]["instance"] == value


class TestMarkdown:
    """One line and one code span for each value."""

    @pytest.mark.parametrize("value", PAYLOADS)
    def test_a_value_stays_in_its_cell(self, value: str) -> None:
        lines = markdown(edition(("main", value, ""), ("other", "x", ""))).splitlines()
        row = lines[6]
        assert len(re.findall(r"(?<!\\)\|", row)) == 3
        cell = re.split(r"(?<!\\)\|", row)[2].strip()
        fence = re.match("`+", cell)
        assert fence
        assert cell.endswith(fence[0])
        assert fence[0] not in re.findall("`+", cell[len(fence[0]) : -len(fence[0])])

    def test_too_many_rows_are_not_hidden(self) -> None:
        rows = [("main", str(number), "") for number in range(MARKDOWN_ROWS + 1)]
        text = markdown(edition(*rows))
        assert f"{MARKDOWN_ROWS + 1} rows" in text
        assert "Only the first 2000 are shown" in text
        assert text.count("| `1999` |") == 1
        assert "| `2000` |" not in text


class TestText:
    """Aligned, without details, and without anything that steers a terminal."""

    def test_columns_are_aligned(self) -> None:
        text = plain(edition(("main", "日本", "arn"), ("other", "ana", "arn")))
        assert text == (
            "Access\n  2026-03-01T09:00:00Z, live state of main\n\n"
            "instance  name\nmain      日本\nother     ana\n\n2 rows\nA note.\n"
        )

    @pytest.mark.parametrize("written", [plain, markdown, on_terminal])
    def test_a_detail_that_tells_apart_is_shown_where_it_is_needed(
        self, written: Callable[[Edition], str]
    ) -> None:
        columns = (
            Column("name", "A name"),
            Column("arn", "An ARN", detail=True, tells_apart="name"),
        )
        for second, needed in (("Wiki", True), (" wiki", True), ("Other", False)):
            rows = (("Wiki", "one"), (second, "two"), ("Wiki", "one"))
            report = Report("access", "Access", columns, rows)
            text = written(Edition(report, datetime(2026, 3, 1, 9, tzinfo=UTC), "live"))
            assert ("two" in text) is needed

    def test_a_single_instance_needs_no_column(self) -> None:
        assert "instance" not in plain(edition(("main", "ana", "")))

    def test_gaps_are_said(self) -> None:
        text = plain(edition(gaps=("account 1: shut",)))
        assert "(nothing)" in text
        assert "Not looked into: account 1: shut" in text

    @pytest.mark.parametrize("value", PAYLOADS)
    def test_no_value_steers(self, value: str) -> None:
        text = plain(edition((value, value, ""), ("x", "y", "")))
        assert all(one.isprintable() for one in text.replace("\n", ""))
        assert len(text.splitlines()) == 9

    @pytest.mark.parametrize("value", PAYLOADS)
    def test_no_value_steers_a_coloured_table(self, value: str) -> None:
        text = re.sub(r"\x1b\[\d*(;\d+)*m", "", on_terminal(edition(("main", value, ""))))
        assert all(one.isprintable() for one in text.replace("\n", ""))

    def test_a_table_marks_the_disabled_in_words_and_colour(self) -> None:
        text = on_terminal(edition(("main", "disabled", "")))
        assert re.search(r"\x1b\[31mdisabled", text)
        assert "A note." in text
