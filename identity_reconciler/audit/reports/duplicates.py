"""People who seem to be there twice: within an instance, and across all of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.audit.mentions import normalized
from identity_reconciler.audit.paths import email_of, standing
from identity_reconciler.audit.report import (
    INSTANCE,
    Column,
    Report,
    Row,
    number_of,
    ordered,
)
from identity_reconciler.audit.reports.people import DISPLAY_NAME, EMAIL, STATUS, USER_NAME
from identity_reconciler.gateway import Wanted


@dataclass(frozen=True, slots=True)
class DuplicatesQuestion:
    """Which people share an e-mail address or user name, in whatever spelling?"""

    @property
    def wanted(self) -> Wanted:
        """See Question. The lists of users, and nothing else."""
        return Wanted(users=True)

    def answer(self, inspection: Inspection) -> Report:
        """See Question. Each set of duplicates has a row for each of its users."""
        found: dict[tuple[str, str], list[Spelling]] = defaultdict(list)
        for site in inspection.sites:
            for attribute, shared, one in spellings(site):
                found[attribute, shared].append(one)
        sets = [(*key, users) for key, users in found.items() if len(users) > 1]
        rows = ordered(row for one in sets for row in set_rows(*one))
        said = f"{number_of(len(sets), 'set')} of users who share an e-mail address or user name."
        return Report(
            "duplicates", "Duplicate users", self.columns, rows, (said,), alarms=len(sets)
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the report."""
        return (
            Column("attribute", "What they share: email or user_name"),
            Column("shared", "The value without letter case and Unicode forms"),
            Column("variation", "same, or what their spellings differ in: case, Unicode form"),
            Column("where", "within one instance, or across several"),
            INSTANCE,
            USER_NAME,
            EMAIL,
            DISPLAY_NAME,
            STATUS,
        )


class Spelling(NamedTuple):
    """How one user spells a value."""

    instance_arn: str
    spelled: str
    shown: Row
    """What the report says of the user."""


def spellings(site: Site) -> Iterator[tuple[str, str, Spelling]]:
    """Yield, for every user of *site*, each attribute that may be shared and its plain value."""
    arn = site.instance.instance_arn
    for user in site.people:
        email = email_of(user)
        shown = (site.name, user.user_name, email, user.display_name or "", standing(user))
        for attribute, spelled in (("email", email), ("user_name", user.user_name)):
            if shared := normalized(spelled):
                yield attribute, shared, Spelling(arn, spelled, shown)


def set_rows(attribute: str, shared: str, users: Sequence[Spelling]) -> Iterator[Row]:
    """Yield the rows about *users*, at least two, who share one value."""
    where = "within" if len({one.instance_arn for one in users}) == 1 else "across"
    variation = _variation({one.spelled for one in users})
    for one in users:
        yield (attribute, shared, variation, where, *one.shown)


def _variation(spellings: set[str]) -> str:
    if len(spellings) == 1:
        return "same"
    return "case" if len({one.casefold() for one in spellings}) == 1 else "Unicode form"
