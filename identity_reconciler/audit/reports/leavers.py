"""Proof that people who left have no account and no path to an application, or what they have.

Pure: the list of leavers comes in as text.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO

from identity_reconciler.audit.inspection import Inspection, Site
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
)
from identity_reconciler.audit.reports.duplicates import normalized
from identity_reconciler.core.state import User, UserKey, user_key
from identity_reconciler.errors import InvalidInputError, Position, Problem
from identity_reconciler.gateway import Wanted

_NAMES = frozenset({"user_name", "username", "user name", "user", "login"})
_EMAILS = frozenset({"email", "e-mail", "mail", "email address", "e-mail address"})


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody who left, by everything that may identify the account."""

    identifiers: tuple[str, ...]
    """User name, e-mail address or both, as given; at least one."""

    def __str__(self) -> str:
        return ", ".join(self.identifiers)


def read_leavers(text: str, file: str) -> tuple[Leaver, ...]:
    """Return the people in a CSV whose header names a user name, an e-mail address, or both.

    Other columns are not looked at. *file* is only for messages.

    Raises:
        InvalidInputError: No such column, nobody listed, or a line that names nobody.
    """
    lines = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        rows = [(lines.line_num, row) for row in lines if any(map(str.strip, row))]
    except csv.Error as error:
        raise _invalid(file, lines.line_num, f"this is not CSV: {error}") from error
    header = [name.strip().casefold() for name in rows[0][1]] if rows else []
    wanted = [number for number, name in enumerate(header) if name in _NAMES | _EMAILS]
    if not wanted:
        raise _invalid(file, 1, 'no column is called "user_name" or "email"; name one in line 1')
    if len(rows) == 1:
        raise _invalid(file, 1, "nobody is listed, so there is nothing to prove")
    return tuple(_leaver(file, line, row, wanted) for line, row in rows[1:])


def _leaver(file: str, line: int, row: list[str], wanted: list[int]) -> Leaver:
    found = tuple(row[number].strip() for number in wanted if number < len(row))
    named = tuple(filter(None, found))
    if not named:
        raise _invalid(file, line, "neither a user name nor an e-mail address; give one")
    return Leaver(named)


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

        User names are often e-mail addresses, so each identifier is compared with both, without
        regard to case and Unicode form.
        """
        columns = (
            Column("leaver", "As listed", Facet.PERSON),
            Column("finding", "no account, account, or access"),
            INSTANCE,
            Column("user_name", "User name of the account"),
            Column("user_status", "enabled, disabled, or unknown where nothing says"),
            APPLICATION,
            Column("path", "How the application can be opened"),
            APPLICATION_ARN,
        )
        rows: list[Row] = []
        remaining = 0
        views = [_View(site) for site in inspection.sites]
        for leaver in self.people:
            found = [row for view in views for row in view.rows(leaver)]
            remaining += bool(found)
            rows.extend(found or [(str(leaver), "no account", "", "", "", "", "", "")])
        said = (self._verdict(remaining, inspection), *accounts_notes(inspection))
        return Report("leavers", "Leavers", columns, ordered(rows), said, remaining)

    def _verdict(self, remaining: int, inspection: Inspection) -> str:
        number = number_of(len(self.people), "leaver")
        if remaining:
            return f"{remaining} of {number} still have an account."
        if inspection.gaps:
            return f"Not proven: none of {number} has an account in what could be looked into."
        return f"None of {number} has an account, so none has a path to an application."


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

    def rows(self, leaver: Leaver) -> Iterator[Row]:
        accounts = {
            user.user_name: user
            for identifier in leaver.identifiers
            for user in self._users.get(normalized(identifier), ())
        }
        for user in accounts.values():
            about = (self._site.name, user.user_name, standing(user))
            paths = self._paths.get(user_key(user.user_name), [])
            for path in paths:
                yield (str(leaver), "access", *about, *path)
            if not paths:
                yield (str(leaver), "account", *about, "", "", "")


def _by_identifier(people: tuple[User, ...]) -> Mapping[str, list[User]]:
    found: dict[str, list[User]] = defaultdict(list)
    for user in people:
        for identifier in {normalized(user.user_name), normalized(email_of(user))} - {""}:
            found[identifier].append(user)
    return found
