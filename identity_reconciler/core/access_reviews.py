"""Reviews of who is in a group or assigned to an application: when, by whom, and what if not.

Pure. The YAML says how often somebody looks (`review`) and when somebody did last (`reviewed`).
With `guards: {review_grace}` in the settings, what nobody has looked at for too long expires: the
end of each list follows from the YAML alone, as if every item had that date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    Listed,
    MembersRule,
    Presence,
    ReviewRecord,
    ReviewTerms,
)
from identity_reconciler.core.period import Period
from identity_reconciler.core.state import PrincipalKind, folded


@dataclass(frozen=True, slots=True)
class Reviewing:
    """A group or application that is to be reviewed, and where that stands."""

    entry: DeclaredGroup | DeclaredApplication
    terms: ReviewTerms
    last: ReviewRecord | None
    grace: Period | None

    @property
    def address(self) -> str:
        """`group/NAME` or `application/SELECTOR`."""
        return subject(self.entry)

    @property
    def due(self) -> date | None:
        """The day on which a review is due; None: there was none yet, so at once."""
        return None if self.last is None else self.terms.every.after(self.last.day)

    @property
    def lapses(self) -> date | None:
        """The last day on which what is listed still holds; None: it does not end by itself."""
        due = self.due
        return None if due is None or self.grace is None else self.grace.after(due)

    @property
    def by(self) -> tuple[DeclaredOwner, ...]:
        """Those who are asked, each once, owners first."""
        return reviewers(self.entry)

    def is_ahead(self, day: date) -> bool:
        """Return whether the last review is said to be yet to come on *day*, so it is none."""
        # A day of grace: where it was written, the day may have begun before UTC's.
        return self.last is not None and self.last.day > day + timedelta(days=1)

    def is_due(self, day: date) -> bool:
        """Return whether a review is due on *day*."""
        return self.due is None or self.due <= day or self.is_ahead(day)

    def is_overdue(self, day: date) -> bool:
        """Return whether the day on which it was due is over on *day*.

        Where nobody has ever looked there was no such day.
        """
        return self.due is not None and self.due < day


def reviewers(entry: DeclaredGroup | DeclaredApplication) -> tuple[DeclaredOwner, ...]:
    """Return those who are asked to review *entry*, each once, owners first; nobody if none is."""
    terms = entry.review
    if terms is None:
        return ()
    found: dict[tuple[str, str], DeclaredOwner] = {}
    for one in (*(entry.owners if terms.by_owners else ()), *terms.named):
        found.setdefault((one.kind, folded(one.name)), one)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class ListedPrincipal:
    """Somebody whom a review is about."""

    kind: PrincipalKind
    listed: Listed

    @property
    def address(self) -> str:
        """`user/NAME` or `group/NAME`."""
        return f"{self.kind}/{self.listed.name}"


def principals_in(entry: DeclaredGroup | DeclaredApplication) -> tuple[ListedPrincipal, ...]:
    """Return all whom *entry* lists: users first, in file order."""
    if isinstance(entry, DeclaredGroup):
        return tuple(ListedPrincipal(PrincipalKind.USER, one) for one in entry.members or ())
    return (
        *(ListedPrincipal(PrincipalKind.USER, one) for one in entry.users),
        *(ListedPrincipal(PrincipalKind.GROUP, one) for one in entry.groups),
    )


def answers(declared: Declared, asked: Iterable[DeclaredOwner], name: str) -> bool:
    """Return whether the user *name* is among *asked*, alone or by a group.

    Who is in a group whose members are not managed is not known here, so nobody is by that.
    """
    groups = {folded(one.name): one for one in declared.groups}
    for one in asked:
        if one.kind is PrincipalKind.USER and folded(one.name) == folded(name):
            return True
        group = groups.get(folded(one.name)) if one.kind is PrincipalKind.GROUP else None
        members = group.members or () if group is not None else ()
        if any(folded(each.name) == folded(name) for each in members):
            return True
    return False


def subject(entry: DeclaredGroup | DeclaredApplication) -> str:
    """Return the address of *entry*."""
    if isinstance(entry, DeclaredGroup):
        return f"group/{entry.name}"
    return f"application/{entry.selector}"


def reviewing(declared: Declared) -> tuple[Reviewing, ...]:
    """Return all that is to be reviewed, groups first, in file order."""
    grace = declared.settings.guards.review_grace
    entries: tuple[DeclaredGroup | DeclaredApplication, ...] = (
        *(one for one in declared.groups if one.presence is Presence.PRESENT),
        *declared.applications,
    )
    return tuple(
        Reviewing(one, one.review, one.reviewed, grace) for one in entries if one.review is not None
    )


def due(declared: Declared, day: date, within: int = 0) -> tuple[Reviewing, ...]:
    """Return what is due on *day* or *within* so many days: the longest overdue first.

    What has never been reviewed comes last.
    """
    until = day + timedelta(days=within)
    found = [one for one in reviewing(declared) if one.is_due(until) or one.is_due(day)]
    return tuple(sorted(found, key=lambda one: (one.due or date.max, one.address)))


def standing(one: Reviewing) -> str:
    """Return when *one* was reviewed last, when it is to be, and what if it is not, in words."""
    if one.last is None:
        return "never yet"
    ends = f"; who is listed loses it after {one.lapses}" if one.lapses else ""
    return f"last on {one.last.day} by {one.last.by}, due on {one.due}{ends}"


def with_lapses(declared: Declared) -> Declared:
    """Return *declared* with an end for each item of a list that ends when no review is made.

    An item that ends sooner by itself keeps that end.
    """
    if declared.settings.guards.review_grace is None:
        return declared
    ends = {one.entry.position: one for one in reviewing(declared)}
    return replace(
        declared,
        groups=tuple(_group(one, ends.get(one.position)) for one in declared.groups),
        applications=tuple(
            _application(one, ends.get(one.position)) for one in declared.applications
        ),
    )


def _group(entry: DeclaredGroup, review: Reviewing | None) -> DeclaredGroup:
    if review is None:
        return entry
    members = None if entry.members is None else tuple(_ending(entry.members, review))
    rule = entry.rule and next(_ending((entry.rule,), review))
    return replace(entry, members=members, include=tuple(_ending(entry.include, review)), rule=rule)


def _application(entry: DeclaredApplication, review: Reviewing | None) -> DeclaredApplication:
    if review is None:
        return entry
    return replace(
        entry,
        users=tuple(_ending(entry.users, review)),
        groups=tuple(_ending(entry.groups, review)),
    )


_Ending = TypeVar("_Ending", Listed, MembersRule)


def _ending(listed: Iterable[_Ending], review: Reviewing) -> Iterator[_Ending]:
    lapses = review.lapses
    if lapses is None:
        yield from listed
        return
    end = datetime.combine(lapses + timedelta(days=1), time(), tzinfo=UTC)
    why = f"its review was due on {review.due}"
    for one in listed:
        if one.expires is not None and one.expires <= end:
            yield one
        else:
            reason = f"{one.reason}; {why}" if one.reason else why
            yield replace(one, expires=end, reason=reason, unlapsed=one)
