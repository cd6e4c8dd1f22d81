"""What a question is: it says what to read, and answers from that. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol

from identity_reconciler.audit.inspection import Inspection
from identity_reconciler.audit.report import Report
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway import Wanted


def _every(_: object) -> bool:
    return True


EVERYTHING = Wanted(
    users=True, groups=True, applications=True, members_of=_every, assignments_of=_every
)


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


def require_known(kind: str, name: str, known: Iterable[str], *, found: bool) -> None:
    """Return only if what is asked about was *found*; propose names from *known*.

    Raises:
        UsageError: It was not found.
    """
    if found:
        return
    near = get_close_matches(name, sorted(set(known)))
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise UsageError(f'there is no {kind} "{name}" in what was read{hint}')
