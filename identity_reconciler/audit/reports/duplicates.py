"""People who seem to be there twice: within an instance, and across all of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
from identity_reconciler.core.state import User
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
        columns = (
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
        people = [(site, user) for site in inspection.sites for user in site.people]
        sets = [*_sets("email", people), *_sets("user_name", people)]
        rows = ordered(row for one in sets for row in one.rows())
        said = f"{number_of(len(sets), 'set')} of users who share an e-mail address or user name."
        return Report("duplicates", "Duplicate users", columns, rows, (said,), alarms=len(sets))


@dataclass(frozen=True, slots=True)
class _Set:
    """Users who share one value."""

    attribute: str
    shared: str
    users: tuple[tuple[Site, User, str], ...]
    """Each with the value as spelled; at least two."""

    def rows(self) -> Iterator[Row]:
        instances = {site.instance.instance_arn for site, _, _ in self.users}
        where = "within" if len(instances) == 1 else "across"
        variation = _variation({spelled for _, _, spelled in self.users})
        for site, user, _ in self.users:
            yield (
                self.attribute,
                self.shared,
                variation,
                where,
                site.name,
                user.user_name,
                email_of(user),
                user.display_name or "",
                standing(user),
            )


def _sets(attribute: str, people: Iterable[tuple[Site, User]]) -> Iterator[_Set]:
    found: dict[str, list[tuple[Site, User, str]]] = defaultdict(list)
    for site, user in people:
        spelled = email_of(user) if attribute == "email" else user.user_name
        shared = normalized(spelled)
        if shared:
            found[shared].append((site, user, spelled))
    for shared, users in found.items():
        if len(users) > 1:
            yield _Set(attribute, shared, tuple(users))


def _variation(spellings: set[str]) -> str:
    if len(spellings) == 1:
        return "same"
    return "case" if len({one.casefold() for one in spellings}) == 1 else "Unicode form"
