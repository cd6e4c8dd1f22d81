"""Reports as files that are written row by row, for what is too much to be held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from identity_reconciler.audit.formats.data import CsvLines
from identity_reconciler.audit.report import Column, Row
from identity_reconciler.errors import UsageError


class FileFormat(StrEnum):
    """How to write a report of any size."""

    CSV = "csv"
    PARQUET = "parquet"


class ReportFile(Protocol):
    """A file that is being written. Not safe to share between threads."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add *rows*, at least one, to the end."""
        ...

    def close(self) -> None:
        """Finish it; nothing else may be done with it afterwards."""
        ...


class CsvFile:
    """See ReportFile. The same bytes as `csv_text`."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        """Begin the file at *path*."""
        self._file = path.open("x", encoding="utf-8", newline="")
        self._lines = CsvLines(self._file, columns)

    def write(self, rows: Sequence[Row]) -> None:
        """See ReportFile."""
        self._lines.write(rows)

    def close(self) -> None:
        """See ReportFile."""
        self._file.close()


class ParquetFile:
    """See ReportFile. Each column is of text, with the values as AWS has them.

    Raises:
        UsageError: What writes Parquet is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        """Begin the file at *path*."""
        self._arrow, parquet = _imported("pyarrow"), _imported("pyarrow.parquet")
        names = [(column.name, self._arrow.string()) for column in columns]
        self._schema = self._arrow.schema(names)
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        """See ReportFile."""
        columns = [self._array(values) for values in zip(*rows, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))

    def _array(self, values: Sequence[str]) -> Any:  # noqa: ANN401 - it is not always installed
        with suppress(UnicodeEncodeError):
            return self._arrow.array(values, self._arrow.string())
        # Half a surrogate pair is no text in UTF-8, and Parquet has nothing else.
        written = [value.encode("utf-8", "replace").decode() for value in values]
        return self._arrow.array(written, self._arrow.string())

    def close(self) -> None:
        """See ReportFile."""
        self._writer.close()


def _imported(name: str) -> Any:  # noqa: ANN401 - it is not always installed
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"Parquet needs pyarrow, which is not here ({error}); install "
            "identity-reconciler[parquet], or write CSV"
        ) from error
