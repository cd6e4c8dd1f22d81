"""Proof that people who left have no account and no path to an application, or what they have.

Pure: the list of leavers comes in as text. What of it cannot be read, or names nobody who was ever
seen, proves nothing: it has rows of its own and counts as something to look into.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.audit.mentions import identifier, is_possible, mentions
from identity_reconciler.audit.paths import account_ways, email_of, openings, standing
from identity_reconciler.audit.report import (
    INSTANCE,
    WITH_ACCOUNTS,
    Column,
    Facet,
    Report,
    Row,
    number_of,
    ordered,
)
from identity_reconciler.audit.reports.access import (
    APPLICATION,
    APPLICATION_ARN,
    accounts_notes,
    denied_notes,
)
from identity_reconciler.core.state import User, UserKey, user_key
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.errors import InvalidInputError, Position, Problem
from identity_reconciler.gateway import Wanted

_HEADINGS = frozenset(
    {
        *("user", "username", "userid", "login", "loginname", "upn", "userprincipalname"),
        *("email", "mail", "emailaddress", "mailaddress", "useremail", "workemail"),
        *("primaryemail", "primaryemailaddress", "emails"),
    }
)
"""Headings without what is no letter."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """One line of the list: somebody who left, by everything that may identify the account."""

    line: int
    """Where the line ends; 1 is the header."""
    cells: tuple[str, ...]
    """What stands under user name and e-mail address, as given; not empty, and may be none."""
    fault: str = ""
    """What is wrong with the line as a whole."""

    def __str__(self) -> str:
        return ", ".join(self.cells) or f"line {self.line}"


def read_leavers(text: str, file: str) -> tuple[Leaver, ...]:
    """Return the people in a CSV whose header names a user name, an e-mail address, or both.

    Other columns are not looked at. *file* is only for messages. Each line that is not empty is
    returned, also one that names nobody.

    Raises:
        InvalidInputError: It is no CSV, has no such column, or lists nobody.
    """
    lines = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        rows = [(lines.line_num, row) for row in lines if row]
    except csv.Error as error:
        raise _invalid(file, lines.line_num, f"this is not CSV: {error}") from error
    header = [_heading(name) for name in rows[0][1]] if rows else []
    wanted = [number for number, name in enumerate(header) if name in _HEADINGS]
    if not wanted:
        raise _invalid(file, 1, 'no column is called "user_name" or "email"; name one in line 1')
    if len(rows) == 1:
        raise _invalid(file, 1, "nobody is listed, so there is nothing to prove")
    return tuple(_leaver(line, row, wanted, len(header)) for line, row in rows[1:])


def _heading(name: str) -> str:
    return "".join(filter(str.isalpha, identifier(name)))


def _leaver(line: int, row: list[str], wanted: list[int], columns: int) -> Leaver:
    if columns == 1:
        # Nothing but a comma that nobody has quoted makes two cells of one.
        row = [",".join(row)]
    found = tuple(row[number].strip() for number in wanted if number < len(row))
    fault = ""
    if len(row) > columns:
        fault = f"{len(row)} cells below {columns} headings; quote a cell that has a comma"
    elif not any(found):
        fault = "neither a user name nor an e-mail address"
    return Leaver(line, tuple(filter(None, found)), fault)


def _invalid(file: str, line: int, message: str) -> InvalidInputError:
    return InvalidInputError([Problem(Position(file, line, 1), message)])


@dataclass(frozen=True, slots=True)
class LeaversQuestion:
    """Has anybody who left an account, or a path to an application?"""

    people: tuple[Leaver, ...]

    @property
    def wanted(self) -> Wanted:
        """See Question."""
        return WITH_ACCOUNTS

    def answer(self, inspection: Inspection) -> Report:
        """See Question. Every leaver has a row, also one who has nothing left.

        User names are often e-mail addresses, so whatever a cell names is compared with both,
        without regard to case and Unicode form. Who is declared, or was live before the plan that
        is asked about, is known by all names.
        """
        columns = (
            Column("leaver", "As listed", Facet.PERSON),
            Column("finding", "no account, account, access, unknown, or unreadable"),
            INSTANCE,
            Column("user_name", "User name of the account"),
            Column("user_status", "enabled, disabled, or unknown where nothing says"),
            APPLICATION,
            Column("path", "How the application can be opened"),
            APPLICATION_ARN,
            Column("remark", "Where the list names nobody who was ever seen, or cannot be read"),
        )
        seen = _Seen(inspection)
        views = [_View(site) for site in inspection.sites]
        rows: list[Row] = []
        counts: dict[str, int] = defaultdict(int)
        for leaver in self.people:
            doubts = list(seen.doubts(leaver))
            keys = seen.identifiers(leaver)
            found = [(str(leaver), *row, "") for view in views for row in view.rows(keys)]
            rows += found
            rows += [(str(leaver), finding, *_BLANK, remark) for finding, remark in doubts]
            if not found and not doubts:
                rows.append((str(leaver), "no account", *_BLANK, ""))
            counts["remaining"] += bool(found)
            for finding in {finding for finding, _ in doubts}:
                counts[finding] += 1
        said = (*self._verdicts(counts, inspection), *accounts_notes(inspection))
        alarms = sum(counts.values()) + len(denied_notes(inspection))
        return Report("leavers", "Leavers", columns, ordered(rows), said, alarms)

    def _verdicts(self, counts: Mapping[str, int], inspection: Inspection) -> Iterator[str]:
        number = number_of(len(self.people), "leaver")
        doubts = counts[_UNREADABLE] + counts[_UNKNOWN]
        if counts["remaining"]:
            yield f"{counts['remaining']} of {number} still have an account."
        elif doubts or inspection.gaps or denied_notes(inspection):
            yield f"Not proven: none of {number} has an account in what could be looked into."
        else:
            yield f"None of {number} has an account, so none has a path to an application."
        if counts[_UNREADABLE]:
            yield (
                f"{number_of(counts[_UNREADABLE], 'leaver')} unreadable, which proves nothing: "
                "give each one user name or e-mail address."
            )
        if counts[_UNKNOWN]:
            yield (
                f"{number_of(counts[_UNKNOWN], 'leaver')} unknown, neither live nor declared, "
                "which proves nothing: correct the list, or declare who was deleted with "
                "state: absent."
            )


_BLANK = ("", "", "", "", "", "")
_UNREADABLE, _UNKNOWN = "unreadable", "unknown"


class _Seen:
    """Everybody an audit knows of, by everything that identifies them, whatever the instance."""

    def __init__(self, inspection: Inspection) -> None:
        self._known: dict[str, set[str]] = defaultdict(set)
        for site in inspection.sites:
            for user, names in site.seen:
                identifiers = {*map(identifier, names), identifier(email_of(user))} - {""}
                for one in identifiers:
                    self._known[one] |= identifiers

    def doubts(self, leaver: Leaver) -> Iterator[tuple[str, str]]:
        """Yield what of a line proves nothing: the finding, and what is the matter."""
        place = f"line {leaver.line}"
        if leaver.fault:
            yield _UNREADABLE, f"{place}: {leaver.fault}"
        for cell in leaver.cells:
            said = mentions(cell)
            if said.whole in self._known:
                continue
            if not said.words:
                yield _UNREADABLE, f"{place}: nothing in it is a user name or an e-mail address"
            for word in said.words:
                if word in self._known:
                    continue
                if not is_possible(word):
                    yield _UNREADABLE, f"{place}: {shown(word)} is no user name or e-mail address"
                else:
                    hint = did_you_mean(word, self._known)
                    yield _UNKNOWN, f"{place}: nobody seen is called {shown(word)}{hint}"

    def identifiers(self, leaver: Leaver) -> frozenset[str]:
        """Return everything that the accounts of a leaver may go by."""
        found: set[str] = set()
        for cell in leaver.cells:
            said = mentions(cell)
            for one in (said.whole, *said.words, *said.asides):
                found |= self._known.get(one, set())
        return frozenset(found)


class _View:
    """One instance, with its people by everything that identifies them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._users = _by_identifier(site.people)
        self._paths: dict[UserKey, list[tuple[str, str, str]]] = defaultdict(list)
        for opening in openings(site.state):
            application = site.state.applications.get(opening.application)
            name = (application.name if application else "") or opening.application
            self._paths[opening.user].append((name, str(opening.path), opening.application))
        for entry in account_ways(site.state):
            self._paths[entry.user].append((str(entry.role), str(entry.path), entry.role.arn))

    def rows(self, identifiers: frozenset[str]) -> Iterator[tuple[str, ...]]:
        """Yield the finding and what follows it for whoever goes by one of *identifiers*."""
        accounts = {
            user.user_name: user for one in sorted(identifiers) for user in self._users.get(one, ())
        }
        for user in accounts.values():
            about = (self._site.name, user.user_name, standing(user))
            paths = self._paths.get(user_key(user.user_name), [])
            for path in paths:
                yield ("access", *about, *path)
            if not paths:
                yield ("account", *about, "", "", "")


def _by_identifier(people: tuple[User, ...]) -> Mapping[str, list[User]]:
    found: dict[str, list[User]] = defaultdict(list)
    for user in people:
        for one in {identifier(user.user_name), identifier(email_of(user))} - {""}:
            found[one].append(user)
    return found
