"""Reports of any number of accounts from what is kept of each, one account in memory at a time.

They are those of `Question.answer` over all of it, row by row. What joins accounts, the
duplicates, is gathered and sorted on the disk.
"""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO

from identity_reconciler.audit.formats.files import CsvFile, FileFormat, ParquetFile, ReportFile
from identity_reconciler.audit.inspection import (
    Account,
    Inspection,
    Site,
    Visit,
    distinct_names,
    named,
)
from identity_reconciler.audit.keeping import FileStore, ahead, read
from identity_reconciler.audit.report import Column, Row, SiteQuestion
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.audit.reports.applications import ApplicationsQuestion, AssignmentsQuestion
from identity_reconciler.audit.reports.duplicates import (
    DuplicatesQuestion,
    Spelling,
    set_rows,
    spellings,
)
from identity_reconciler.audit.reports.instances import InstancesQuestion
from identity_reconciler.audit.reports.orphans import OrphansQuestion
from identity_reconciler.audit.results import decoded, head_of
from identity_reconciler.audit.sorting import on_disk, sorted_rows
from identity_reconciler.core.state import folded
from identity_reconciler.errors import UsageError

NOTHING_KEPT = "no answer of it was kept: the call at it did not come to its end"
SITE_QUESTIONS: dict[str, SiteQuestion] = {
    "access": AccessQuestion(),
    "applications": ApplicationsQuestion(),
    "assignments": AssignmentsQuestion(),
    "orphans": OrphansQuestion(),
}
_AT_ONCE = 50_000
"""Rows that are handed to a file together."""
_UNDER_WAY = 50
"""Files of Parquet that wait to be put where they belong."""


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """The answers of accounts, as `results` writes them down."""

    store: FileStore
    prefix: str
    """The beginning of their keys, with its slash."""

    def key(self, account_id: str) -> str:
        """Return where the answer of one account is."""
        return f"{self.prefix}{account_id}.json.gz"


@dataclass(frozen=True, slots=True)
class Written:
    """One report as it was written."""

    rows: int
    files: int


@dataclass(frozen=True, slots=True)
class ReportsPlace:
    """Where reports go, and how."""

    store: FileStore
    prefix: str
    """The beginning of their keys, with its slash."""
    as_of: datetime
    formats: tuple[FileFormat, ...] = (FileFormat.CSV,)

    def csv(self, report: str) -> str:
        """Return the key of a report in CSV."""
        return f"{self.prefix}{self.as_of:%Y-%m-%d}/{report}.csv"

    def parquet(self, report: str, instance_id: str) -> str:
        """Return the key of a report in Parquet, or of the part of it about one instance.

        The folders are partitions by name. Source: Athena, "Partition your data", Hive style.
        """
        part = f"instance_id={instance_id}/" if instance_id else ""
        return f"{self.prefix}parquet/{report}/as_of={self.as_of:%Y%m%dT%H%M%SZ}/{part}rows.parquet"


def overview(accounts: Iterable[Account], kept: KeptAnswers) -> Inspection:
    """Return what is kept of *accounts*, without what is in the instances, which have their names.

    An account of which nothing is kept, or nothing that can be read, is a gap.
    """
    return _inspection(accounts, kept, head_of)


def everything(accounts: Iterable[Account], kept: KeptAnswers) -> Inspection:
    """Return the same with all that is in the instances, for one who has the memory."""
    return _inspection(accounts, kept, decoded)


_Reader = Callable[[BinaryIO, str], Visit]


def _inspection(accounts: Iterable[Account], kept: KeptAnswers, reader: _Reader) -> Inspection:
    visits = [*ahead(lambda account: _visit(account, kept, reader), accounts)]
    visits.sort(key=lambda visit: visit.account.account_id)
    names = distinct_names(site for visit in visits for site in visit.sites)
    return Inspection(tuple(named(visit, names) for visit in visits))


def _visit(account: Account, kept: KeptAnswers, reader: _Reader) -> Visit:
    key = kept.key(account.account_id)
    file = kept.store.open(key)
    if file is None:
        return Visit(account, trouble=NOTHING_KEPT)
    with closing(file):
        try:
            return reader(file, key)
        except UsageError as error:
            return Visit(account, trouble=str(error))


def make(report: str, seen: Inspection, kept: KeptAnswers, target: ReportsPlace) -> Written:
    """Write one *report* about what is *seen*, an `overview` of what is *kept*, as a whole.

    Raises:
        UsageError: What is kept of an account is damaged, or Parquet cannot be written.
    """
    columns, parts = _parts(report, seen, kept)
    with tempfile.TemporaryDirectory(prefix="identity-reconciler-") as folder:
        writers = [_WRITERS[one](report, columns, target, Path(folder)) for one in target.formats]
        try:
            rows = 0
            for instance_id, coming in parts:
                while some := [*islice(coming, _AT_ONCE)]:
                    rows += len(some)
                    for writer in writers:
                        writer.write(instance_id, some)
            return Written(rows, sum(writer.finish() for writer in writers))
        finally:
            for writer in writers:
                writer.stop()


_Parts = Iterator[tuple[str, Iterator[Row]]]
"""The rows of a report in its order, by the id of the instance they are all about, or ""."""


def _parts(report: str, seen: Inspection, kept: KeptAnswers) -> tuple[tuple[Column, ...], _Parts]:
    if report in SITE_QUESTIONS:
        question = SITE_QUESTIONS[report]
        return question.columns, _by_instance(question, seen, kept)
    if report == "duplicates":
        duplicates = sorted_rows(_duplicates(_sites(seen.sites, kept)))
        return DuplicatesQuestion().columns, iter([("", duplicates)])
    rows = InstancesQuestion().answer(seen).rows
    return InstancesQuestion().columns, iter([("", iter(rows))])


def _by_instance(question: SiteQuestion, seen: Inspection, kept: KeptAnswers) -> _Parts:
    # Names are distinct as they are compared, so no two instances have rows between each other.
    for site in _sites(sorted(seen.sites, key=lambda site: folded(site.name)), kept):
        instance_id = site.instance.instance_arn.rpartition("/")[2]
        yield instance_id, sorted_rows(question.rows(site))


def _sites(sites: Sequence[Site], kept: KeptAnswers) -> Iterator[Site]:
    """Yield *sites*, as an overview has them, with all that is in them."""
    keys = [kept.key(site.instance.account_id) for site in sites]
    files = ahead(lambda key: read(kept.store, key), keys)
    for site, key, file in zip(sites, keys, files, strict=True):
        if file is None:
            raise UsageError(f"{key} is gone; collect it again")
        for one in decoded(file, key).sites:
            if one.instance.instance_arn == site.instance.instance_arn:
                yield replace(one, instance=site.instance)


def _duplicates(sites: Iterable[Site]) -> Iterator[Row]:
    with on_disk() as database:
        database.execute("CREATE TABLE spellings (attribute TEXT, shared TEXT, spelling TEXT)")
        database.executemany(
            "INSERT INTO spellings VALUES (?, ?, ?)",
            (
                # JSON, because half a surrogate pair is no text to SQLite.
                (attribute, json.dumps(shared), json.dumps(spelling))
                for site in sites
                for attribute, shared, spelling in spellings(site)
            ),
        )
        found = database.execute("SELECT * FROM spellings ORDER BY attribute, shared")
        for (attribute, shared), same in groupby(found, key=lambda row: row[:2]):
            users = [_spelling(text) for _, _, text in same]
            if len(users) > 1:
                yield from set_rows(attribute, json.loads(shared), users)


def _spelling(text: str) -> Spelling:
    arn, spelled, shown = json.loads(text)
    return Spelling(arn, spelled, tuple(shown))


class _CsvWriter:
    """All rows in one file."""

    def __init__(
        self, report: str, columns: Sequence[Column], target: ReportsPlace, folder: Path
    ) -> None:
        self._key = target.csv(report)
        self._store = target.store
        self._path = folder / "rows.csv"
        self._file = CsvFile(self._path, columns)

    def write(self, instance_id: str, rows: Sequence[Row]) -> None:
        del instance_id
        self._file.write(rows)

    def finish(self) -> int:
        """Put the file where it belongs; return how many there are."""
        self._file.close()
        self._store.hand_over(self._key, self._path)
        return 1

    def stop(self) -> None:
        """Leave everything as it is, finished or not."""
        self._file.close()


class _ParquetWriter:
    """A file for each instance. Those that are finished are on their way side by side."""

    def __init__(
        self, report: str, columns: Sequence[Column], target: ReportsPlace, folder: Path
    ) -> None:
        self._key: Callable[[str], str] = partial(target.parquet, report)
        self._columns = columns
        self._store = target.store
        self._folder = folder
        self._instance_id = ""
        self._file: ReportFile | None = None
        self._files = 0
        self._pool = ThreadPoolExecutor(thread_name_prefix="parquet")
        self._under_way: deque[Future[None]] = deque()

    def write(self, instance_id: str, rows: Sequence[Row]) -> None:
        if self._file is None or instance_id != self._instance_id:
            self._end()
            self._instance_id = instance_id
            self._file = ParquetFile(self._path, self._columns)
        self._file.write(rows)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._files}.parquet"

    def _end(self) -> None:
        if self._file is None:
            return
        self._file.close()
        key = self._key(self._instance_id)
        self._under_way.append(self._pool.submit(self._store.hand_over, key, self._path))
        self._file = None
        self._files += 1
        if len(self._under_way) > _UNDER_WAY:
            self._under_way.popleft().result()

    def finish(self) -> int:
        """Put every file where it belongs; return how many there are."""
        self._end()
        while self._under_way:
            self._under_way.popleft().result()
        return self._files

    def stop(self) -> None:
        """Leave everything as it is, finished or not."""
        self._pool.shutdown(cancel_futures=True)
        if self._file is not None:
            self._file.close()


_WRITERS: dict[FileFormat, type[_CsvWriter | _ParquetWriter]] = {
    FileFormat.CSV: _CsvWriter,
    FileFormat.PARQUET: _ParquetWriter,
}
