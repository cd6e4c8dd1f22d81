"""What a report is: a table of strings that every format can show. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Protocol

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway import Wanted

Row = tuple[str, ...]
"""One value for each column; an empty one says that there is nothing to say."""


class Facet(StrEnum):
    """What a column is about, where readers narrow a report by it."""

    INSTANCE = "instance"
    PERSON = "person"
    GROUP = "group"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Its name is stable: programs that read the CSV or JSON rely on it."""

    name: str
    """Lower case, words joined by underscores."""
    description: str
    facet: Facet | None = None
    detail: bool = False
    """Left out of what people read line by line; there is no room for everything."""
    tells_apart: str = ""
    """The column whose values it tells apart; with some that need it, it is no detail."""


INSTANCE = Column("instance", "Name of the Identity Center instance", Facet.INSTANCE)


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one question."""

    name: str
    """The command that asks it, such as "access"."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """In reading order: by the first column, then by the next, without regard to case."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read the rows aright."""
    alarms: int = 0
    """How many of its rows somebody has to look into; only questions that hope for none count."""


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the distinct *rows* in reading order, which is total."""
    # Most values stand in many rows.
    fold = cache(folded)
    return tuple(sorted(set(rows), key=lambda row: (tuple(map(fold, row)), row)))


def number_of(count: int, singular: str, plural: str | None = None) -> str:
    """Return *count* with its noun: "1 group", "2 groups"."""
    return f"{count} {singular if count == 1 else plural or f'{singular}s'}"


@dataclass(frozen=True, slots=True)
class Edition:
    """One report, ready to be written down."""

    report: Report
    as_of: datetime
    """The moment the reading began, UTC."""
    basis: str
    """What it was made from, such as "live state of main"."""
    gaps: tuple[str, ...] = ()
    """The accounts that could not be looked into, each with the reason."""

    @property
    def made(self) -> str:
        """When and from what, in a line."""
        return f"{self.as_of:%Y-%m-%dT%H:%M:%SZ}, {self.basis}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes of the report, then the gaps."""
        return (*self.report.notes, *(f"Not looked into: {gap}" for gap in self.gaps))


class ReportFormat(StrEnum):
    """How to write a report."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


def _every(_: object) -> bool:
    return True


EVERYTHING = Wanted(
    users=True, groups=True, applications=True, members_of=_every, assignments_of=_every
)
WITH_ACCOUNTS = replace(EVERYTHING, account_lists=True)
"""Access to AWS accounts as well, where it is read."""


class Question(Protocol):
    """One report to be made."""

    @property
    def wanted(self) -> Wanted:
        """What to read of each instance; of live state nothing else is looked at."""
        ...

    def answer(self, inspection: Inspection) -> Report:
        """Return the report.

        Raises:
            UsageError: It is about something that no instance has.
        """
        ...


class SiteQuestion(Question, Protocol):
    """A question whose rows come from one instance each, and begin with its name."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the report."""
        ...

    def rows(self, site: Site) -> Iterator[Row]:
        """Yield the rows of one instance, in any order and perhaps several times."""
        ...


def require_known(kind: str, name: str, known: Iterable[str], *, found: bool) -> None:
    """Return only if what is asked about was *found*; propose names from *known*.

    Raises:
        UsageError: It was not found.
    """
    if found:
        return
    names = frozenset(known)
    if folded(name) in map(folded, names):
        raise UsageError(
            f"{kind} {shown(name)} is declared, and not live: an apply has yet to make it"
        )
    hint = did_you_mean(name, names)
    raise UsageError(f"there is no {kind} {shown(name)} in what was read{hint}")
