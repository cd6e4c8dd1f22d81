"""Duties that are kept apart, as what somebody is in or has access to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from identity_reconciler.core.guard_settings import SeparatedDuties
from identity_reconciler.core.state import ApplicationArn, GroupKey, State, group_key


@dataclass(frozen=True, slots=True)
class Duty:
    """To be in a group, or to have access to an application."""

    label: str
    """`group <name>` or `application <name>`, as the policy spells it."""
    group: GroupKey | None = None
    """Under its name of after the plan; None: it is about applications."""
    applications: frozenset[ApplicationArn] = frozenset()
    """Those that the policy means by name or ARN: any of them is the duty."""


@dataclass(frozen=True, slots=True)
class KeptApart:
    """Two duties of which nobody may have both."""

    first: Duty
    second: Duty

    def __str__(self) -> str:
        return f"{self.first.label} and {self.second.label}"


def kept_apart(
    entries: Iterable[SeparatedDuties], before: State, after: State
) -> Iterator[KeptApart]:
    """Yield each two duties of an entry, pair by pair as written; each pair once."""
    known = {**before.applications, **after.applications}
    found: dict[tuple[str, str], None] = {}
    for entry in entries:
        duties = [Duty(f"group {name}", group_key(name)) for name in entry.groups]
        for name in entry.applications:
            arns = (arn for arn, one in known.items() if name in {arn, one.name})
            duties.append(Duty(f"application {name}", applications=frozenset(arns)))
        for first, second in combinations(duties, 2):
            labels = (first.label, second.label)
            if labels not in found:
                found[labels] = None
                yield KeptApart(first, second)
