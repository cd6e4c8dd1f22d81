"""Find the live applications that the entries of a declaration select. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from identity_reconciler.core.declared import ApplicationSelector, DeclaredApplication
from identity_reconciler.core.plan import Unresolved
from identity_reconciler.core.state import Application, ApplicationArn, State
from identity_reconciler.core.wording import did_you_mean


@dataclass(frozen=True, slots=True)
class Selection:
    """What the entries select."""

    first: dict[ApplicationArn, DeclaredApplication] = field(default_factory=dict)
    """The first entry that selects each application."""
    alone: dict[ApplicationArn, DeclaredApplication] = field(default_factory=dict)
    """The entry of each application that no other one selects."""
    unresolved: list[Unresolved] = field(default_factory=list)
    """Entries that select none, or not one alone, and those after the first that select one."""


def select(entries: Iterable[DeclaredApplication], live: State) -> Selection:
    """Return which application of *live* each of *entries* selects."""
    chosen, candidates = Selection(), _candidates(live)
    for entry in entries:
        found = _selected(entry.selector, candidates)
        if len(found) != 1:
            message = _not_one(entry.selector, found, candidates)
            chosen.unresolved.append(Unresolved(entry.position, message))
            continue
        (application,) = found
        arn = application.arn
        other = chosen.first.setdefault(arn, entry)
        if other is entry:
            chosen.alone[arn] = entry
            continue
        # Which of the two lists holds nobody can say, so neither does.
        chosen.alone.pop(arn, None)
        message = (
            f"application {entry.selector} is the one that {other.position} declares ({arn}); "
            "merge the two entries"
        )
        chosen.unresolved.append(Unresolved(entry.position, message))
    return chosen


_Candidates = Mapping[str, list[Application]]
"""Live applications by ARN and by name, in the order of their ARNs."""


def _candidates(live: State) -> _Candidates:
    found: dict[str, list[Application]] = {}
    for arn in sorted(live.applications):
        application = live.applications[arn]
        found.setdefault(application.name, []).append(application)
        found[arn] = [application]
    return found


def _selected(selector: ApplicationSelector, candidates: _Candidates) -> list[Application]:
    labelled = candidates.get(selector.arn or selector.name or "", ())
    return [one for one in labelled if selector.matches(one)]


def _not_one(
    selector: ApplicationSelector, found: list[Application], candidates: _Candidates
) -> str:
    """Return why *selector* selects nothing, or too much: *found*."""
    if not found:
        hint = did_you_mean(selector.name or "", candidates)
        return f"application {selector} is not live in this instance{hint}"
    choices = "; ".join(
        f"{one.arn} (provider {one.provider}, account {one.account})" for one in found
    )
    return (
        f"application {selector} is not unique: {choices}; "
        "give its `arn`, or its `provider` or `account` as well"
    )
