"""Reports that are made account by account are those of all accounts at once."""

from __future__ import annotations

import gzip
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from identity_reconciler.audit import streaming
from identity_reconciler.audit.aws_lambda import QUESTIONS
from identity_reconciler.audit.formats.data import csv_text
from identity_reconciler.audit.formats.files import FileFormat
from identity_reconciler.audit.inspection import (
    Account,
    Inspection,
    Site,
    Visit,
    distinct_names,
    named,
)
from identity_reconciler.audit.keeping import FolderStore, ahead
from identity_reconciler.audit.report import Edition
from identity_reconciler.audit.results import encoded
from identity_reconciler.audit.sorting import sorted_rows
from identity_reconciler.audit.streaming import (
    NOTHING_KEPT,
    KeptAnswers,
    ReportsPlace,
    Written,
    make,
    overview,
)
from identity_reconciler.core.state import State, User, UserName, user_key
from identity_reconciler.errors import UsageError
from tests.documents import guide
from tests.strategies import INSTANCE, NOW
from tests.unit.audit.worlds import STATE, person


def site(number: int, name: str, state: State = STATE) -> Site:
    arn = f"arn:aws:sso:::instance/ssoins-{number:016}"
    return Site(replace(INSTANCE, name=name, account_id=f"1{number:011}", instance_arn=arn), state)


def also(user: User) -> State:
    return replace(STATE, users={**STATE.users, user_key(user.user_name): user})


WORLD = tuple(
    Visit(Account(f"1{number:011}", f"Account {number}", "ACTIVE"), sites, trouble)
    for number, sites, trouble in (
        (1, (site(1, "Zoo"),), ""),
        (2, (site(2, "main", also(person("\ud800", "ANA@example.com"))),), ""),
        (3, (), "the account is SUSPENDED"),
        (4, (site(4, "MAIN"),), ""),
        (5, (), ""),
        (6, (site(6, "alpha", State()),), ""),
        (7, (site(7, "=sum", also(User(UserName("=1+1;-x\0")))),), ""),
    )
)
NAMES = distinct_names(site for visit in WORLD for site in visit.sites)
AT_ONCE = Inspection(tuple(named(visit, NAMES) for visit in WORLD))


@pytest.fixture
def kept(tmp_path: Path) -> KeptAnswers:
    found = KeptAnswers(FolderStore(tmp_path), "accounts/")
    for visit in WORLD:
        found.store.put(found.key(visit.account.account_id), encoded(visit))
    return found


def target(kept: KeptAnswers, *formats: FileFormat) -> ReportsPlace:
    return ReportsPlace(kept.store, "audit/", NOW, formats or (FileFormat.CSV,))


def seen(kept: KeptAnswers) -> Inspection:
    return overview([visit.account for visit in WORLD], kept)


@pytest.fixture(params=["in memory", "on the disk"])
def sorting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "on the disk":
        monkeypatch.setattr(streaming, "sorted_rows", lambda rows: sorted_rows(rows, 1))
        monkeypatch.setattr(streaming, "_AT_ONCE", 2)


@pytest.mark.usefixtures("sorting")
class TestSame:
    """Row by row, wherever they are sorted."""

    @pytest.mark.parametrize("report", QUESTIONS)
    def test_csv(self, kept: KeptAnswers, report: str, tmp_path: Path) -> None:
        whole = Edition(QUESTIONS[report].answer(AT_ONCE), NOW, "")
        made = make(report, seen(kept), kept, target(kept))
        path = tmp_path / f"audit/2026-03-01/{report}.csv"
        assert path.read_bytes() == csv_text(whole).encode()
        assert made == Written(len(whole.report.rows), 1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize("report", QUESTIONS)
    def test_parquet(self, kept: KeptAnswers, report: str, tmp_path: Path) -> None:
        whole = QUESTIONS[report].answer(AT_ONCE)
        made = make(report, seen(kept), kept, target(kept, FileFormat.PARQUET))
        files = sorted((tmp_path / "audit/parquet" / report).rglob("*.parquet"))
        tables = [parquet.ParquetFile(path).read() for path in files]
        rows = [row for table in tables for row in zip(*table.to_pydict().values(), strict=True)]
        written = [tuple(cell.replace("\ud800", "?") for cell in row) for row in whole.rows]
        assert sorted(rows) == sorted(written)
        assert made == Written(len(rows), len(files))
        assert {*tables[0].column_names} == {column.name for column in whole.columns}


class TestGaps:
    """An account of which nothing can be read is named, and the others are reported."""

    def test_nothing_kept(self, kept: KeptAnswers) -> None:
        accounts = [Account("199999999999", "New"), *(visit.account for visit in WORLD)]
        found = overview(accounts, kept)
        assert found.gaps[-1] == f"account 199999999999 New: {NOTHING_KEPT}"
        assert found.visits[:-1] == seen(kept).visits

    def test_a_damaged_head(self, kept: KeptAnswers) -> None:
        kept.store.put(kept.key("100000000001"), b"garbage")
        assert "100000000001.json.gz does not hold the answer" in seen(kept).gaps[0]

    def test_damaged_contents_are_no_report(self, kept: KeptAnswers, tmp_path: Path) -> None:
        lines = gzip.decompress(encoded(WORLD[0])).splitlines(keepends=True)
        kept.store.put(kept.key("100000000001"), gzip.compress(lines[0] + b"garbage\n"))
        for report in ("access", "duplicates"):
            with pytest.raises(UsageError, match="does not hold the answer of an account"):
                make(report, seen(kept), kept, target(kept, *FileFormat))
        assert not list(tmp_path.rglob("*.csv"))

    def test_contents_that_are_gone_are_no_report(self, kept: KeptAnswers, tmp_path: Path) -> None:
        before = seen(kept)
        (tmp_path / kept.key("100000000001")).unlink()
        with pytest.raises(UsageError, match="is gone; collect it again"):
            make("access", before, kept, target(kept))


class TestNames:
    """No two instances have one name, whatever they are called."""

    def test_shared_ones_are_told_apart(self) -> None:
        names = distinct_names([site(1, "main"), site(2, "MAIN"), site(3, "other")])
        assert [*names.values()] == ["main (100000000001)", "MAIN (100000000002)", "other"]

    def test_one_that_is_called_as_another_would_be(self) -> None:
        names = distinct_names(
            [site(1, "main"), site(2, "main"), site(3, "main (100000000001)"), site(4, "é")]
        )
        assert len({*names.values()}) == 4
        assert names["arn:aws:sso:::instance/ssoins-0000000000000004"] == "é"

    def test_unicode_forms(self) -> None:
        names = distinct_names([site(1, "\u00e9"), site(2, "e\u0301")])
        assert len({*names.values()}) == 2
        assert all(name.endswith(")") for name in names.values())


class TestParquet:
    """Athena finds the columns that the guide names, in the folders that it names."""

    @pytest.fixture
    def tables(self) -> Mapping[str, re.Match[str]]:
        (text,) = guide("auditing").code("sql")
        statement = re.compile(
            r"CREATE EXTERNAL TABLE (?P<name>\w+) \((?P<columns>[^)]*)\)\s+"
            r"(?:PARTITIONED BY \((?P<partitions>[^)]*)\)\s+)?"
            r"STORED AS PARQUET\s+LOCATION 's3://BUCKET/(?P<place>[^']*)';"
        )
        return {found["name"]: found for found in statement.finditer(text)}

    def columns(self, text: str) -> list[tuple[str, str]]:
        pairs = [one.split() for one in text.split(",")]
        return [(name.strip("`"), kind) for name, kind in pairs]

    @pytest.mark.parametrize("report", QUESTIONS)
    def test_the_guide(
        self, kept: KeptAnswers, report: str, tmp_path: Path, tables: Mapping[str, re.Match[str]]
    ) -> None:
        make(report, seen(kept), kept, target(kept, FileFormat.PARQUET))
        place = tmp_path / tables[report]["place"]
        path = next(place.rglob("*.parquet"))
        schema = parquet.read_schema(path)
        found = [(field.name, str(field.type)) for field in schema]
        assert self.columns(tables[report]["columns"]) == found
        folders = [part.partition("=")[0] for part in path.relative_to(place).parts[:-1]]
        assert self.columns(tables[report]["partitions"]) == [(one, "string") for one in folders]

    def test_reserved_words_are_quoted(self, tables: Mapping[str, re.Match[str]]) -> None:
        """Source: Athena, "Escape reserved keywords in queries", DDL statements."""
        for found in tables.values():
            names = {one.split()[0] for one in found["columns"].split(",")}
            assert not names & {"date", "group", "where", "user"}

    def test_without_pyarrow(self, kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(UsageError, match=r"install identity-reconciler\[parquet\], or write"):
            make("instances", seen(kept), kept, target(kept, FileFormat.PARQUET))


class TestAhead:
    """Answers come in the order of the questions, and one that fails ends it."""

    def test_order(self) -> None:
        assert [*ahead(str, range(50))] == [*map(str, range(50))]

    def test_not_far_ahead(self) -> None:
        asked: list[int] = []

        def questions() -> Iterator[int]:
            for number in range(1000):
                asked.append(number)
                yield number

        answers = ahead(str, questions())
        next(answers)
        assert len(asked) < 50
        answers.close()  # type: ignore[attr-defined]  # It is a generator.

    def test_failure(self) -> None:
        with pytest.raises(ZeroDivisionError):
            [*ahead(lambda number: 1 // number, [1, 0, 1])]
